/* SPDX-License-Identifier: MIT */
#include "drill/lex.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_word_char(int c)
{
        return isalnum(c) || c == '_';
}

static int at(const struct drill_lexer *l, size_t i)
{
        return (size_t)(l->s->source_end - l->p) > i ? (unsigned char)l->p[i] : 0;
}

static void step(struct drill_lexer *l, size_t n)
{
        for (; n > 0 && l->p < l->s->source_end; n--, l->p++) {
                if (*l->p == '\n') {
                        l->at.line++;
                        l->at.column = 1;
                } else {
                        l->at.column++;
                }
        }
}

static void bad(struct drill_lexer *l, struct drill_where where, const char *what)
{
        if (l->s->error == NULL)
                l->s->error = drill_complain(l->s, where, what);
        l->tok.kind = DRILL_T_BAD;
}

/* ---- nplab: #ifdef NAME, #ifndef NAME, #else, #endif, each on a line of its own ---- */

/* Is this directive here? Its length, 0: no. */
static size_t directive(const struct drill_lexer *l, const char *word)
{
        size_t n = strlen(word);

        if ((size_t)(l->s->source_end - l->p) < n || memcmp(l->p, word, n) != 0)
                return 0;
        return is_word_char(at(l, n)) ? 0 : n;
}

static void end_of_line(struct drill_lexer *l)
{
        while (l->p < l->s->source_end && *l->p != '\n')
                step(l, 1);
}

/* Pass over a branch that does not count, up to behind its #endif (or #else, if `or_else`). False: there is none. */
static bool pass_over(struct drill_lexer *l, bool or_else)
{
        unsigned depth = 0;

        while (l->p < l->s->source_end) {
                end_of_line(l);
                while (at(l, 0) != 0 && isspace(at(l, 0)))
                        step(l, 1);
                if (directive(l, "#ifdef") || directive(l, "#ifndef")) {
                        depth++;
                } else if (depth == 0 && or_else && directive(l, "#else")) {
                        end_of_line(l);
                        return true;
                } else if (directive(l, "#endif") && depth-- == 0) {
                        end_of_line(l);
                        l->open_ifs--;
                        return true;
                }
        }
        return false;
}

static bool is_defined(const struct drill_lexer *l, const char *name, size_t len)
{
        for (const struct drill_define *d = l->defines; d != NULL; d = d->next)
                if (strlen(d->name) == len && memcmp(d->name, name, len) == 0)
                        return true;
        return false;
}

/* A # that begins no directive is left alone. False: what it begins has no end. */
static bool condition(struct drill_lexer *l, bool *any)
{
        struct drill_where where = l->at;
        bool wants = directive(l, "#ifdef") != 0, ok = true;
        size_t n = 0;

        *any = true;
        if (wants || directive(l, "#ifndef")) {
                step(l, wants ? strlen("#ifdef") : strlen("#ifndef"));
                while (at(l, 0) == ' ' || at(l, 0) == '\t')
                        step(l, 1);
                while (is_word_char(at(l, n)))
                        n++;
                l->open_ifs++;
                if (is_defined(l, l->p, n) != wants)
                        ok = pass_over(l, true);
                else
                        end_of_line(l);
        } else if (l->open_ifs > 0 && directive(l, "#else")) {
                ok = pass_over(l, false);
        } else if (l->open_ifs > 0 && directive(l, "#endif")) {
                l->open_ifs--;
                end_of_line(l);
        } else {
                *any = false;
        }
        if (!ok)
                bad(l, where, "there is no #endif for this");
        return ok;
}

/* White space and comments. False: a comment does not end. */
static bool skip_blank(struct drill_lexer *l)
{
        for (;;) {
                while (at(l, 0) != 0 && isspace(at(l, 0)))
                        step(l, 1);
                if (at(l, 0) == '/' && at(l, 1) == '/') {
                        while (l->p < l->s->source_end && *l->p != '\n')
                                step(l, 1);
                } else if (at(l, 0) == '/' && at(l, 1) == '*') {
                        struct drill_where where = l->at;

                        step(l, 2);
                        while (l->p < l->s->source_end && !(at(l, 0) == '*' && at(l, 1) == '/'))
                                step(l, 1);
                        if (l->p == l->s->source_end) {
                                bad(l, where, "this comment does not end: */ is missing");
                                return false;
                        }
                        step(l, 2);
                } else if (at(l, 0) == '#') {
                        bool any;

                        if (!condition(l, &any))
                                return false;
                        if (!any)
                                return true;
                } else {
                        if (at(l, 0) == 0 && l->open_ifs > 0) {
                                bad(l, l->at, "the script ends before the #endif");
                                return false;
                        }
                        return true;
                }
        }
}

/* ---- how long is a token of this kind, here? ---- */

static size_t digits(const struct drill_lexer *l, size_t i)
{
        size_t n = 0;

        while (isdigit(at(l, i + n)))
                n++;
        return n;
}

static size_t int_length(const struct drill_lexer *l)
{
        size_t sign = at(l, 0) == '-', n;

        if (at(l, 0) == '0' && at(l, 1) == 'x' && isxdigit(at(l, 2))) {
                for (n = 2; isxdigit(at(l, n)); n++)
                        continue;
                return n;
        }
        n = digits(l, sign);
        return n > 0 ? sign + n : 0;
}

static size_t float_length(const struct drill_lexer *l)
{
        size_t sign = at(l, 0) == '-', whole = digits(l, sign), part;

        if (at(l, sign + whole) != '.')
                return 0;
        part = digits(l, sign + whole + 1);
        return part > 0 ? sign + whole + 1 + part : 0;
}

static size_t word_length(const struct drill_lexer *l)
{
        size_t n = 0;

        while (is_word_char(at(l, n)))
                n++;
        return n;
}

/* An address: as long a run of its characters as is one. */
static size_t ip_length(const struct drill_lexer *l)
{
        char text[64];
        unsigned char raw[16];
        size_t n = 0, colons = 0, dots = 0;
        bool twice = false;

        while (n < sizeof(text) - 1 && (isxdigit(at(l, n)) || at(l, n) == ':' || at(l, n) == '.')) {
                text[n] = (char)at(l, n);
                colons += text[n] == ':';
                dots += text[n] == '.';
                twice = twice || (n > 0 && text[n] == ':' && text[n - 1] == ':');
                n++;
        }
        if (dots < 3 && colons < 7 && !twice)
                return 0;
        for (; n > 0; n--) {
                text[n] = '\0';
                if (inet_pton(AF_INET, text, raw) == 1 || inet_pton(AF_INET6, text, raw) == 1)
                        return n;
        }
        return 0;
}

/* ---- quoted things ---- */

static int escape(int c)
{
        switch (c) {
        case 'f': return '\f';
        case 'n': return '\n';
        case 'r': return '\r';
        case 't': return '\t';
        case 'v': return '\v';
        default: return c;
        }
}

static int hex(int c)
{
        return isdigit(c) ? c - '0' : tolower(c) - 'a' + 10;
}

static void string(struct drill_lexer *l)
{
        const char *start = l->p, *end = l->p + 1;
        struct drill_where where = l->at;
        size_t n = 0;
        char *text;

        while (end < l->s->source_end && *end != '"')
                end += *end == '\\' ? 2 : 1;
        if (end >= l->s->source_end) {
                bad(l, where, "this string does not end: \" is missing");
                return;
        }
        text = drill_alloc(&l->s->arena, (size_t)(end - start));
        step(l, 1);
        while (l->p < end) {
                if (at(l, 0) == '\\' && at(l, 1) == 'x' && isxdigit(at(l, 2)) &&
                    isxdigit(at(l, 3))) {
                        text[n++] = (char)(hex(at(l, 2)) * 16 + hex(at(l, 3)));
                        step(l, 4);
                } else if (at(l, 0) == '\\') {
                        text[n++] = (char)escape(at(l, 1));
                        step(l, 2);
                } else {
                        text[n++] = (char)at(l, 0);
                        step(l, 1);
                }
        }
        step(l, 1);
        l->tok = (struct drill_token){.kind = DRILL_T_STRING,
                                      .start = start,
                                      .end = l->p,
                                      .where = where,
                                      .text = text,
                                      .len = n};
}

/* From `open` characters to the text `close`. */
static void quoted(struct drill_lexer *l, enum drill_token_kind kind, size_t open,
                   const char *close)
{
        struct drill_where where = l->at;
        const char *start = l->p, *from;
        size_t n = strlen(close), len;

        step(l, open);
        from = l->p;
        while ((size_t)(l->s->source_end - l->p) >= n && memcmp(l->p, close, n) != 0)
                step(l, 1);
        if ((size_t)(l->s->source_end - l->p) < n) {
                bad(l, where,
                    kind == DRILL_T_SHELL ? "this command does not end: ` is missing"
                                          : "this code does not end: }% is missing");
                return;
        }
        len = (size_t)(l->p - from);
        while (kind == DRILL_T_CODE && len > 0 && (*from == ' ' || *from == '\t'))
                from++, len--;
        while (kind == DRILL_T_CODE && len > 0 && (from[len - 1] == ' ' || from[len - 1] == '\t'))
                len--;
        step(l, n);
        l->tok = (struct drill_token){.kind = kind,
                                      .start = start,
                                      .end = l->p,
                                      .where = where,
                                      .text = drill_copy(&l->s->arena, from, len),
                                      .len = len};
}

/* ---- numbers and words ---- */

static void number(struct drill_lexer *l, const char *text)
{
        bool is_hex = text[0] == '0' && text[1] == 'x';

        errno = 0;
        l->tok.value = is_hex ? (int64_t)strtoull(text, NULL, 16) : strtoll(text, NULL, 10);
        if (errno != 0)
                bad(l, l->tok.where, "this number does not fit 64 bits");
}

/* A word that stands for something else becomes what that is. */
static void substitute(struct drill_lexer *l)
{
        const struct drill_define *d = l->defines;
        char *end;
        size_t n;

        while (d != NULL && strcmp(d->name, l->tok.text) != 0)
                d = d->next;
        if (d == NULL)
                return;
        l->tok.text = d->value;
        l->tok.len = n = strlen(d->value);
        if (n >= 2 && d->value[0] == '"' && d->value[n - 1] == '"') {
                l->tok.kind = DRILL_T_STRING;
                l->tok.text = drill_copy(&l->s->arena, d->value + 1, n - 2);
                l->tok.len = n - 2;
                return;
        }
        if (n >= 2 && d->value[0] == '`' && d->value[n - 1] == '`') {
                l->tok.kind = DRILL_T_SHELL;
                l->tok.text = drill_copy(&l->s->arena, d->value + 1, n - 2);
                return;
        }
        errno = 0;
        l->tok.value = strtoll(d->value, &end, 0);
        if (n > 0 && *end == '\0' && errno == 0)
                l->tok.kind = DRILL_T_INT;
}

static void plain(struct drill_lexer *l)
{
        size_t whole = int_length(l), real = float_length(l), word = word_length(l),
               ip = ip_length(l);
        size_t n = whole;
        enum drill_token_kind kind = DRILL_T_INT;

        if (real > n)
                n = real, kind = DRILL_T_FLOAT;
        if (word > n)
                n = word, kind = DRILL_T_WORD;
        if (ip > n)
                n = ip, kind = DRILL_T_IP;
        if (n == 0)
                n = 1, kind = DRILL_T_CHAR;
        l->tok = (struct drill_token){.kind = kind,
                                      .start = l->p,
                                      .where = l->at,
                                      .value = at(l, 0),
                                      .text = drill_copy(&l->s->arena, l->p, n),
                                      .len = n};
        step(l, n);
        l->tok.end = l->p;
        if (kind == DRILL_T_INT)
                number(l, l->tok.text);
        else if (kind == DRILL_T_WORD)
                substitute(l);
}

/* ---- the entry points ---- */

void drill_lex_init(struct drill_lexer *l, struct drill_script *s,
                    const struct drill_define *defines)
{
        *l = (struct drill_lexer){.s = s, .p = s->source, .at = {1, 1}, .defines = defines};
        drill_lex_next(l);
}

void drill_lex_next(struct drill_lexer *l)
{
        if (l->tok.kind == DRILL_T_BAD || !skip_blank(l))
                return;
        if (l->p == l->s->source_end)
                l->tok = (struct drill_token){
                        .kind = DRILL_T_END, .start = l->p, .end = l->p, .where = l->at};
        else if (at(l, 0) == '"')
                string(l);
        else if (at(l, 0) == '`')
                quoted(l, DRILL_T_SHELL, 1, "`");
        else if (at(l, 0) == '%' && at(l, 1) == '{')
                quoted(l, DRILL_T_CODE, 2, "}%");
        else if (at(l, 0) == '.' && at(l, 1) == '.' && at(l, 2) == '.') {
                l->tok = (struct drill_token){
                        .kind = DRILL_T_ELLIPSIS, .start = l->p, .where = l->at};
                step(l, 3);
                l->tok.end = l->p;
        } else
                plain(l);
}

void drill_lex_digits(struct drill_lexer *l)
{
        if (l->tok.kind == DRILL_T_BAD || !skip_blank(l))
                return;
        if (digits(l, 0) == 0 || digits(l, 0) != word_length(l)) {
                drill_lex_next(l);
                return;
        }
        l->tok.start = l->p;
        l->tok.where = l->at;
        drill_lex_raw(l, ",>");
}

void drill_lex_raw(struct drill_lexer *l, const char *stop)
{
        const char *start;
        size_t n = 0;

        if (l->tok.kind == DRILL_T_BAD)
                return;
        l->p = l->tok.start;
        l->at = l->tok.where;
        start = l->p;
        while (at(l, n) != 0 && !isspace(at(l, n)) && strchr(stop, at(l, n)) == NULL)
                n++;
        l->tok = (struct drill_token){.kind = DRILL_T_WORD,
                                      .start = start,
                                      .where = l->at,
                                      .text = drill_copy(&l->s->arena, start, n),
                                      .len = n};
        step(l, n);
        l->tok.end = l->p;
}

bool drill_is_word(const struct drill_lexer *l, const char *word)
{
        return l->tok.kind == DRILL_T_WORD && strcmp(l->tok.text, word) == 0;
}

const char *drill_token_text(struct drill_lexer *l)
{
        switch (l->tok.kind) {
        case DRILL_T_END: return "the end of the script";
        case DRILL_T_SHELL: return "a command";
        case DRILL_T_CODE: return "code";
        case DRILL_T_ELLIPSIS: return "`...'";
        case DRILL_T_STRING: return drill_format(&l->s->arena, "\"%s\"", l->tok.text);
        default: return drill_format(&l->s->arena, "`%s'", l->tok.text);
        }
}
