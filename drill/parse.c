/* SPDX-License-Identifier: MIT */
/*
 * The file and its events: options, a command before time begins, events, a command at the end.
 */
#include "drill/parse.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- complaints ---- */

const char *drill_complain(struct drill_script *s, struct drill_where where, const char *what)
{
        const char *line = s->source, *end;
        char *caret;
        int n = 0;

        for (int i = 1; i < where.line && line < s->source_end; line++)
                i += *line == '\n';
        for (end = line; end < s->source_end && *end != '\n' && *end != '\r';)
                end++;
        caret = drill_alloc(&s->arena, (size_t)where.column + 2);
        for (; n < where.column - 1 && line + n < end; n++)
                caret[n] = line[n] == '\t' ? '\t' : ' ';
        caret[n] = '^';
        return drill_format(&s->arena, "%s:%d:%d: %s\n    %.*s\n    %s", s->name, where.line,
                            where.column, what, (int)(end - line), line, caret);
}

bool drill_wrong(struct drill_lexer *l, struct drill_where where, const char *what)
{
        if (l->s->error == NULL && l->s->unsupported == NULL)
                l->s->error = drill_complain(l->s, where, what);
        return false;
}

bool drill_expected(struct drill_lexer *l, const char *what)
{
        return drill_wrong(
                l, l->tok.where,
                drill_format(&l->s->arena, "expected %s, not %s", what, drill_token_text(l)));
}

bool drill_no_support(struct drill_lexer *l, struct drill_where where, const char *what)
{
        if (l->s->error == NULL && l->s->unsupported == NULL)
                l->s->unsupported = drill_complain(l->s, where, what);
        return false;
}

bool drill_skip(struct drill_lexer *l, char c)
{
        if (!drill_is(l, c))
                return drill_expected(l, drill_format(&l->s->arena, "`%c'", c));
        drill_lex_next(l);
        return true;
}

bool drill_number(struct drill_lexer *l, int64_t lo, int64_t hi, const char *what, int64_t *out)
{
        if (l->tok.kind != DRILL_T_INT)
                return drill_expected(l, what);
        if (l->tok.value < lo || l->tok.value > hi)
                return drill_wrong(l, l->tok.where,
                                   drill_format(&l->s->arena, "%s: from %" PRId64 " to %" PRId64,
                                                what, lo, hi));
        *out = l->tok.value;
        drill_lex_next(l);
        return true;
}

/* ---- options ---- */

static bool define(struct drill_lexer *l, const struct drill_option *o)
{
        struct drill_define *d = drill_alloc(&l->s->arena, sizeof(*d));
        const char *eq = o->value != NULL ? strchr(o->value, '=') : NULL;

        if (eq == NULL || eq == o->value)
                return drill_wrong(l, o->where, "--define needs NAME=VALUE");
        d->name = drill_copy(&l->s->arena, o->value, (size_t)(eq - o->value));
        d->value = eq + 1;
        d->next = l->defines;
        l->defines = d;
        return true;
}

/* Behind NAME=: all up to the next white space, where quotes may hold some. */
static const char *option_value(struct drill_lexer *l)
{
        const char *start = l->tok.start;

        while (l->tok.kind != DRILL_T_END && l->tok.kind != DRILL_T_BAD) {
                const char *end = l->tok.end;

                drill_lex_next(l);
                if (l->tok.start != end)
                        return drill_copy(&l->s->arena, start, (size_t)(end - start));
        }
        return drill_copy(&l->s->arena, start, (size_t)(l->tok.start - start));
}

/* --name or --name=value. The definitions are for what follows the last option. */
static bool option(struct drill_lexer *l, struct drill_option ***tail)
{
        struct drill_option *o = drill_alloc(&l->s->arena, sizeof(*o));
        const char *eq;

        o->where = l->tok.where;
        drill_lex_raw(l, "=");
        if (l->tok.len < 3 || memcmp(l->tok.text, "--", 2) != 0)
                return drill_expected(l, "an option, --name or --name=value");
        o->name = l->tok.text + 2;
        eq = l->tok.end;
        drill_lex_next(l);
        if (drill_is(l, '=') && l->tok.start == eq) {
                drill_lex_next(l);
                o->value = option_value(l);
        }
        **tail = o;
        *tail = &o->next;
        return strcmp(o->name, "define") != 0 || define(l, o);
}

/* ---- time ---- */

static bool seconds(struct drill_lexer *l, int64_t *out_us)
{
        const char *p = l->tok.text;
        int64_t whole = 0, part = 0, unit = 100000;

        if ((l->tok.kind != DRILL_T_INT && l->tok.kind != DRILL_T_FLOAT) || *p == '-')
                return drill_expected(l, "a time in seconds");
        for (; *p >= '0' && *p <= '9'; p++) {
                whole = whole * 10 + (*p - '0');
                if (whole > 1000000000)
                        return drill_wrong(l, l->tok.where, "a time is at most 1000000000 seconds");
        }
        if (*p == '.')
                for (p++; *p >= '0' && *p <= '9'; p++, unit /= 10)
                        part += unit * (*p - '0');
        if (*p != '\0')
                return drill_expected(l, "a time in seconds, decimal");
        *out_us = whole * 1000000 + part;
        drill_lex_next(l);
        return true;
}

static bool event_time(struct drill_lexer *l, struct drill_time *t)
{
        bool after = drill_is(l, '+');

        *t = (struct drill_time){.kind = after ? DRILL_AFTER : DRILL_AT};
        if (drill_is(l, '*')) {
                t->kind = DRILL_ANY;
                drill_lex_next(l);
                return true;
        }
        if (after)
                drill_lex_next(l);
        if (!seconds(l, &t->from_us))
                return false;
        if (drill_is(l, '~')) {
                drill_lex_next(l);
                t->kind = after ? DRILL_AFTER_RANGE : DRILL_AT_RANGE;
                if (after && !drill_skip(l, '+'))
                        return false;
                if (!seconds(l, &t->to_us))
                        return false;
                if (t->to_us < t->from_us)
                        return drill_wrong(l, l->tok.where,
                                           "this range of time ends before it begins");
        } else if (l->tok.kind == DRILL_T_ELLIPSIS) {
                drill_lex_next(l);
                t->blocks = true;
                if (!seconds(l, &t->to_us))
                        return false;
                if (t->to_us < t->from_us)
                        return drill_wrong(l, l->tok.where, "this call ends before it begins");
        }
        return true;
}

/* What the kinds of time are for, and that absolute ones do not go back. */
static bool time_fits(struct drill_lexer *l, const struct drill_event *e,
                      const struct drill_event *before)
{
        const struct drill_time *t = &e->time;
        bool outbound = e->kind == DRILL_PACKET && e->packet->out;

        if (t->blocks && e->kind != DRILL_SYSCALL)
                return drill_wrong(l, e->where, "only system calls have a time to end, T...E");
        if (!outbound && t->kind == DRILL_ANY)
                return drill_wrong(l, e->where, "only outbound packets come at any time, *");
        if (!outbound && (t->kind == DRILL_AT_RANGE || t->kind == DRILL_AFTER_RANGE))
                return drill_wrong(l, e->where, "only outbound packets have a range of time, a~b");
        if (before == NULL && (t->kind == DRILL_ANY || t->from_us != 0))
                return drill_wrong(l, e->where, "the first event must be at time 0");
        if (before != NULL && t->kind == DRILL_AT && before->time.kind == DRILL_AT &&
            t->from_us < before->time.from_us)
                return drill_wrong(l, e->where, "time goes back: the event before is later");
        return true;
}

/* ---- events ---- */

static bool event(struct drill_lexer *l, struct drill_event *e)
{
        e->where = l->tok.where;
        e->text = l->tok.start;
        if (!event_time(l, &e->time))
                return false;
        e->what = l->tok.where;
        if (drill_is(l, '<') || drill_is(l, '>')) {
                e->kind = DRILL_PACKET;
                e->packet = drill_alloc(&l->s->arena, sizeof(*e->packet));
                return drill_parse_packet(l, e->packet);
        }
        if (l->tok.kind == DRILL_T_SHELL || l->tok.kind == DRILL_T_CODE) {
                e->kind = l->tok.kind == DRILL_T_SHELL ? DRILL_COMMAND : DRILL_CODE;
                e->shell = l->tok.text;
                drill_lex_next(l);
                return true;
        }
        if (l->tok.kind == DRILL_T_WORD) {
                e->kind = DRILL_SYSCALL;
                e->call = drill_alloc(&l->s->arena, sizeof(*e->call));
                return drill_parse_call(l, e->call);
        }
        return drill_expected(l, "a packet (< or >), a system call, `a command` or %{ code }%");
}

static bool events(struct drill_lexer *l)
{
        struct drill_event **tail = &l->s->events, *before = NULL;

        while (l->tok.kind != DRILL_T_END && l->tok.kind != DRILL_T_SHELL) {
                struct drill_event *e = drill_alloc(&l->s->arena, sizeof(*e));

                if (l->tok.kind == DRILL_T_BAD || !event(l, e) || l->tok.kind == DRILL_T_BAD)
                        return false;
                e->text_end = l->tok.start;
                while (e->text_end > e->text && strchr(" \t\r\n", e->text_end[-1]) != NULL)
                        e->text_end--;
                if (!time_fits(l, e, before))
                        return false;
                *tail = before = e;
                tail = &e->next;
                l->s->n_events++;
        }
        if (before == NULL)
                return drill_expected(l, "an event: a time, then a packet, a call or a command");
        return true;
}

static bool file(struct drill_lexer *l)
{
        struct drill_option **tail = &l->s->options;

        while (drill_is(l, '-') && l->p < l->s->source_end && *l->p == '-')
                if (!option(l, &tail))
                        return false;
        if (l->tok.kind == DRILL_T_SHELL) {
                l->s->init = l->tok.text;
                l->s->init_at = l->tok.where;
                drill_lex_next(l);
        }
        if (!events(l))
                return false;
        if (l->tok.kind == DRILL_T_SHELL) {
                l->s->cleanup = l->tok.text;
                l->s->cleanup_at = l->tok.where;
                drill_lex_next(l);
        }
        if (l->tok.kind == DRILL_T_BAD)
                return false;
        return l->tok.kind == DRILL_T_END || drill_expected(l, "the end of the script");
}

bool drill_parse(struct drill_script *s, const char *name, const char *source, size_t len,
                 const struct drill_define *defines)
{
        struct drill_lexer l;

        *s = (struct drill_script){.name = name, .source = source, .source_end = source + len};
        if (memchr(source, 0, len) != NULL) {
                s->error = drill_format(&s->arena, "%s: this is no text: it has a NUL byte", name);
                return false;
        }
        drill_lex_init(&l, s, defines);
        return file(&l) && s->error == NULL;
}

void drill_script_free(struct drill_script *s)
{
        drill_arena_free(&s->arena);
        *s = (struct drill_script){0};
}
