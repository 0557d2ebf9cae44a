/* SPDX-License-Identifier: MIT */
/*
 * Matrix files.
 *
 * A line is taken apart into words; a value in braces is a list, and the line stands for every
 * combination, the last list changing fastest, like the digits of an odometer. Each combination is
 * set word by word on a copy of the defaults, so the cells know nothing of lists.
 */
#include "lab_matrix.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_MAX_BYTES = 1024, VALUE_BYTES = 200 };

struct line {
        const char *name;
        struct {
                char *key, *value;
                unsigned choices, chosen;
                bool listed; /* in braces: part of the cell's name */
        } word[EK_LAB_WORDS_MAX];
        unsigned count;
};

struct reader {
        const char *file;
        unsigned number; /* of the line */
        struct ek_lab_cell defaults;
        const struct ek_lab_words *over;
        struct ek_lab_matrix *out;
        char *why;
        size_t why_len;
};

static bool fail(struct reader *r, const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool fail(struct reader *r, const char *format, ...)
{
        int n = snprintf(r->why, r->why_len, "%s:%u: ", r->file, r->number);
        va_list args;

        va_start(args, format);
        if (n > 0 && (size_t)n < r->why_len)
                vsnprintf(r->why + n, r->why_len - (size_t)n, format, args);
        va_end(args);
        return false;
}

/* ---- one line ---- */

/* "{a,b,c}" becomes "a,b,c" with 3 choices. */
static bool look_for_list(struct reader *r, struct line *l, unsigned i)
{
        char *value = l->word[i].value;
        size_t len = strlen(value);

        l->word[i].choices = 1;
        l->word[i].chosen = 0;
        l->word[i].listed = value[0] == '{';
        if (value[0] != '{')
                return true;
        if (len < 3 || value[len - 1] != '}')
                return fail(r, "a list of values is {A,B,...} without spaces, not '%s'", value);
        value[len - 1] = '\0';
        l->word[i].value++;
        for (const char *p = l->word[i].value; *p != '\0'; p++)
                l->word[i].choices += *p == ',';
        return true;
}

static bool split(struct reader *r, char *text, struct line *l)
{
        char *colon = strchr(text, ':'), *rest, *word;

        l->count = 0;
        if (colon == NULL || colon == text)
                return fail(r, "a line is NAME: KEY=VALUE ...");
        *colon = '\0';
        l->name = text;
        if (strpbrk(text, " \t=/") != NULL || strlen(text) >= EK_LAB_NAME / 2)
                return fail(r, "a name has no spaces, '=' or '/', and at most %d characters: '%s'",
                            EK_LAB_NAME / 2 - 1, text);
        for (word = strtok_r(colon + 1, " \t", &rest); word != NULL;
             word = strtok_r(NULL, " \t", &rest)) {
                char *equal = strchr(word, '=');

                if (equal == NULL || equal == word)
                        return fail(r, "'%s' is not KEY=VALUE", word);
                if (l->count == EK_LAB_WORDS_MAX)
                        return fail(r, "more than %d words", EK_LAB_WORDS_MAX);
                *equal = '\0';
                l->word[l->count].key = word;
                l->word[l->count].value = equal + 1;
                if (!look_for_list(r, l, l->count++))
                        return false;
        }
        return true;
}

/* The chosen value of word i. */
static void choose(const struct line *l, unsigned i, char value[VALUE_BYTES])
{
        const char *at = l->word[i].value;

        if (l->word[i].choices == 1) {
                snprintf(value, VALUE_BYTES, "%s", at);
                return;
        }
        for (unsigned skip = l->word[i].chosen; skip > 0; skip--)
                at = strchr(at, ',') + 1;
        snprintf(value, VALUE_BYTES, "%.*s", (int)strcspn(at, ","), at);
}

/* "clean-$rate" with the rate that was chosen in this line; false: there is no such key. */
static bool put_in(const struct line *l, char value[VALUE_BYTES])
{
        char *dollar = strchr(value, '$');
        char chosen[VALUE_BYTES], after[VALUE_BYTES];
        size_t len;

        if (dollar == NULL)
                return true;
        len = strspn(dollar + 1, "abcdefghijklmnopqrstuvwxyz");
        for (unsigned i = 0; i < l->count; i++) {
                if (strlen(l->word[i].key) != len || strncmp(dollar + 1, l->word[i].key, len) != 0)
                        continue;
                choose(l, i, chosen);
                if (strchr(chosen, '$') != NULL)
                        return false;
                snprintf(after, sizeof after, "%s", dollar + 1 + len);
                snprintf(dollar, VALUE_BYTES - (size_t)(dollar - value), "%s%s", chosen, after);
                return put_in(l, value);
        }
        return false;
}

/* The next combination; false: that was the last. */
static bool next_choice(struct line *l)
{
        for (unsigned i = l->count; i-- > 0;) {
                if (++l->word[i].chosen < l->word[i].choices)
                        return true;
                l->word[i].chosen = 0;
        }
        return false;
}

static bool set(struct reader *r, struct ek_lab_cell *c, const char *key, const char *value)
{
        char why[200] = "";

        if (ek_lab_cell_set(c, key, value, why, sizeof why))
                return true;
        return fail(r, "bad value '%s' for %s: %s", value, key, why);
}

static bool set_line(struct reader *r, const struct line *l, struct ek_lab_cell *c)
{
        char value[VALUE_BYTES];
        size_t used = strlen(c->name);

        for (unsigned i = 0; i < l->count; i++) {
                choose(l, i, value);
                if (!put_in(l, value))
                        return fail(r, "there is no such key in this line: '%s'", value);
                if (!set(r, c, l->word[i].key, value))
                        return false;
                if (l->word[i].listed && used < sizeof c->name)
                        used += (size_t)snprintf(c->name + used, sizeof c->name - used, "-%s",
                                                 value);
        }
        return true;
}

/* ---- cells ---- */

static bool keep(struct reader *r, const struct ek_lab_cell *c)
{
        struct ek_lab_matrix *m = r->out;
        char why[200] = "";

        if (!ek_lab_cell_check(c, why, sizeof why))
                return fail(r, "%s", why);
        if (ek_lab_matrix_find(m, c->name) != NULL)
                return fail(r, "there are two cells '%s'", c->name);
        if (m->count == EK_LAB_CELLS_MAX)
                return fail(r, "more than %d cells", EK_LAB_CELLS_MAX);
        if (m->count == m->size) {
                size_t size = m->size == 0 ? 64 : 2 * m->size;
                struct ek_lab_cell *cell = realloc(m->cell, size * sizeof *cell);

                if (cell == NULL)
                        return fail(r, "no memory");
                m->cell = cell;
                m->size = size;
        }
        m->cell[m->count++] = *c;
        return true;
}

static bool take_cells(struct reader *r, struct line *l)
{
        do {
                struct ek_lab_cell c = r->defaults;

                snprintf(c.name, sizeof c.name, "%s", l->name);
                if (!set_line(r, l, &c))
                        return false;
                for (unsigned i = 0; i < r->over->count; i++)
                        if (!set(r, &c, r->over->word[i].key, r->over->word[i].value))
                                return false;
                if (!keep(r, &c))
                        return false;
        } while (next_choice(l));
        return true;
}

static bool take_line(struct reader *r, char *text)
{
        struct line l;

        text[strcspn(text, "#\r\n")] = '\0';
        text += strspn(text, " \t");
        if (*text == '\0')
                return true;
        if (!split(r, text, &l))
                return false;
        if (strcmp(l.name, "defaults") == 0) {
                for (unsigned i = 0; i < l.count; i++)
                        if (l.word[i].listed)
                                return fail(r, "a default is one value");
                ek_lab_cell_default(&r->defaults);
                return set_line(r, &l, &r->defaults);
        }
        return take_cells(r, &l);
}

static bool check_refs(struct reader *r)
{
        for (size_t i = 0; i < r->out->count; i++) {
                const struct ek_lab_cell *c = &r->out->cell[i];

                if (c->ref[0] != '\0' && ek_lab_matrix_find(r->out, c->ref) == NULL) {
                        r->number = 0;
                        return fail(r, "cell '%s' refers to '%s', which there is not", c->name,
                                    c->ref);
                }
        }
        return true;
}

bool ek_lab_matrix_read(FILE *f, const char *name, const struct ek_lab_words *over,
                        struct ek_lab_matrix *out, char *why, size_t why_len)
{
        struct reader r = {.file = name, .over = over, .out = out, .why = why, .why_len = why_len};
        char line[LINE_MAX_BYTES];

        *out = (struct ek_lab_matrix){0};
        ek_lab_cell_default(&r.defaults);
        while (fgets(line, sizeof line, f) != NULL) {
                r.number++;
                if (strchr(line, '\n') == NULL && !feof(f))
                        return fail(&r, "a line is at most %d bytes long", LINE_MAX_BYTES - 2);
                if (!take_line(&r, line))
                        return false;
        }
        if (ferror(f))
                return fail(&r, "reading: %s", strerror(errno));
        if (out->count == 0)
                return fail(&r, "there is no cell in it");
        return check_refs(&r);
}

const struct ek_lab_cell *ek_lab_matrix_find(const struct ek_lab_matrix *m, const char *name)
{
        for (size_t i = 0; i < m->count; i++)
                if (strcmp(m->cell[i].name, name) == 0)
                        return &m->cell[i];
        return NULL;
}
