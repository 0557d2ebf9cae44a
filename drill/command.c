/* SPDX-License-Identifier: MIT */
/*
 * Shell commands. No shell is run: of the commands that scripts use, those that mean something to a stack in memory
 * are done here, and with any other the script is unsupported, with the command as the reason.
 */
#include "drill/runner.h"
#include "drill/sysctl.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_WORDS = 64 };

struct words {
        char *word[MAX_WORDS];
        unsigned n;
};

static const char *base_name(const char *path)
{
        const char *slash = strrchr(path, '/');

        return slash != NULL ? slash + 1 : path;
}

/* sysctl [-q] [-w] name=value...; name = value with blanks is not what sysctl takes. */
static bool do_settings(struct drill_run *r, const struct words *w, struct drill_where where)
{
        for (unsigned i = 1; i < w->n; i++) {
                char *eq = strchr(w->word[i], '=');

                if (w->word[i][0] == '-')
                        continue;
                if (eq == NULL)
                        return drill_refuse(r, where, "unsupported: sysctl %s without a value",
                                            w->word[i]);
                *eq = '\0';
                if (!drill_sysctl(r, where, w->word[i], eq + 1))
                        return false;
        }
        return true;
}

/* The rest of what the suites' defaults are is the persona. */
static bool do_defaults(struct drill_run *r, struct drill_where where)
{
        const char *name, *value;

        for (size_t i = 0; (name = drill_sysctl_suite(i, &value)) != NULL; i++)
                if (!drill_sysctl(r, where, name, value))
                        return false;
        return true;
}

static bool do_sleep(struct drill_run *r, const struct words *w, struct drill_where where)
{
        double s = w->n == 2 ? strtod(w->word[1], NULL) : -1;

        if (s < 0 || s > 1e6)
                return drill_fail(r, where, "sleep needs a number of seconds");
        return drill_run_until(r, r->w.now + (uint64_t)(s * 1e9));
}

static bool simple_command(struct drill_run *r, const struct words *w, struct drill_where where)
{
        const char *name;
        bool done;

        if (w->n == 0)
                return true;
        name = base_name(w->word[0]);
        if (!drill_file_command(r, w->word, w->n, where, &done) || done)
                return r->outcome == DRILL_PASSED;
        if (strcmp(name, "sysctl") == 0 || strcmp(name, "set_sysctls.py") == 0)
                return do_settings(r, w, where);
        if (strcmp(name, "sleep") == 0)
                return do_sleep(r, w, where);
        if (strcmp(name, "defaults.sh") == 0)
                return do_defaults(r, where);
        if (strcmp(name, "false") == 0)
                return drill_fail(r, where, "the command failed");
        /* The persona is the default; what a script changes is gone with its stack, and so are metrics. */
        if (strcmp(name, "true") == 0 || strcmp(name, ":") == 0 ||
            strstr(name, "sysctl_restore") != NULL ||
            (w->n >= 3 && strcmp(name, "ip") == 0 && strcmp(w->word[1], "tcp_metrics") == 0))
                return true;
        return drill_refuse(r, where, "unsupported: the command `%s'", w->word[0]);
}

/* One word from *p: quotes group, a backslash takes the next character as it is. */
static char *next_word(struct drill_run *r, const char **p)
{
        char *out = drill_alloc(r->arena, strlen(*p) + 1), *q = out;
        char quote = '\0';

        for (; **p != '\0'; (*p)++) {
                char c = **p;

                if (quote != '\0' ? c == quote : c == '"' || c == '\'') {
                        quote = quote != '\0' ? '\0' : c;
                        continue;
                }
                if (quote == '\0' && (isspace((unsigned char)c) || c == ';' || c == '&' ||
                                      c == '|' || c == '#' || c == '<' || c == '>'))
                        break;
                if (c == '\\' && (*p)[1] != '\0') {
                        (*p)++;
                        if (**p == '\n')
                                continue;
                        c = **p;
                }
                *q++ = c;
        }
        return out;
}

/* "> /dev/null", "2> /dev/null", "2>&1": nothing is printed anyway. */
static bool to_nowhere(struct drill_run *r, const char **p, struct words *w)
{
        const char *word;

        if (w->n > 0 && isdigit((unsigned char)(*p)[-1]) && strlen(w->word[w->n - 1]) == 1)
                w->n--; /* the descriptor's number */
        if (*(*p)++ != '>')
                return false;
        *p += strspn(*p, "> \t&");
        word = next_word(r, p);
        return strcmp(word, "/dev/null") == 0 || strcmp(word, "1") == 0 || strcmp(word, "2") == 0;
}

bool drill_command(struct drill_run *r, const char *text, struct drill_where where)
{
        struct words w = {.n = 0};

        for (;;) {
                while (*text == ' ' || *text == '\t' || *text == '\r' ||
                       (text[0] == '\\' && text[1] == '\n'))
                        text += 1 + (*text == '\\');
                if (*text == '#')
                        text += strcspn(text, "\n");
                if (*text == '\0' || *text == '\n' || *text == ';' || *text == '&') {
                        if (!simple_command(r, &w, where))
                                return false;
                        w.n = 0;
                        if (*text == '\0')
                                return true;
                        text += text[0] == '&' && text[1] == '&' ? 2 : 1;
                        continue;
                }
                if (*text == '|')
                        return drill_refuse(r, where, "unsupported: a pipe of commands");
                if (*text == '>' || *text == '<') {
                        if (!to_nowhere(r, &text, &w))
                                return drill_refuse(r, where,
                                                    "unsupported: input and output of commands");
                        continue;
                }
                if (w.n == MAX_WORDS)
                        return drill_refuse(r, where,
                                            "unsupported: a command of more than %d words",
                                            MAX_WORDS);
                w.word[w.n++] = next_word(r, &text);
        }
}
