/* SPDX-License-Identifier: MIT */
/*
 * System calls: name(arguments) = result [errno] [(remark)].
 *
 * Structures are written in several ways, {a=b, c=d}, {name(...)=..., n}, [x, y], f("text"); all of them are read
 * into one kind of tree, and the call that gets it says what it must be.
 */
#include "drill/parse.h"

#include <string.h>

enum { MAX_ITEMS = 64, MAX_DEPTH = 16 };

static struct drill_expr *expression(struct drill_lexer *l, unsigned depth);

static struct drill_expr *new_expr(struct drill_lexer *l, enum drill_expr_kind kind)
{
        struct drill_expr *e = drill_alloc(&l->s->arena, sizeof(*e));

        e->kind = kind;
        e->where = l->tok.where;
        return e;
}

static void set_items(struct drill_lexer *l, struct drill_expr *e, struct drill_expr **list,
                      size_t n)
{
        e->n = n;
        e->item = drill_alloc(&l->s->arena, (n + 1) * sizeof(*list));
        if (n > 0)
                memcpy(e->item, list, n * sizeof(*list));
}

/* name = value or name(argument) = value or a value, in braces. */
static struct drill_expr *field(struct drill_lexer *l, unsigned depth)
{
        struct drill_expr *e = expression(l, depth), *f, *parts[2];
        size_t n = 1;

        if (e == NULL || !drill_is(l, '='))
                return e;
        if (e->kind != DRILL_SYMBOL && !(e->kind == DRILL_CALL && e->n <= 1)) {
                drill_wrong(l, e->where, "only a name can stand before =");
                return NULL;
        }
        f = new_expr(l, DRILL_FIELD);
        f->where = e->where;
        f->text = e->text;
        if (e->kind == DRILL_CALL && e->n == 1)
                parts[n++] = e->item[0];
        drill_lex_next(l);
        parts[0] = expression(l, depth);
        if (parts[0] == NULL)
                return NULL;
        set_items(l, f, parts, n);
        return f;
}

/* Up to `close`, with commas between; the opening one is the current token. */
static bool items(struct drill_lexer *l, struct drill_expr *e, char close, unsigned depth)
{
        struct drill_expr *list[MAX_ITEMS];
        size_t n = 0;

        drill_lex_next(l);
        while (!drill_is(l, close)) {
                if (n > 0 && !drill_skip(l, ','))
                        return false;
                if (n == MAX_ITEMS)
                        return drill_wrong(l, l->tok.where, "more items than 64");
                list[n] = e->kind == DRILL_BRACE ? field(l, depth) : expression(l, depth);
                if (list[n++] == NULL)
                        return false;
        }
        drill_lex_next(l);
        set_items(l, e, list, n);
        return true;
}

static struct drill_expr *named(struct drill_lexer *l, unsigned depth)
{
        struct drill_expr *e = new_expr(l, DRILL_SYMBOL);

        e->text = l->tok.text;
        drill_lex_next(l);
        if (!drill_is(l, '('))
                return e;
        e->kind = DRILL_CALL;
        return items(l, e, ')', depth) ? e : NULL;
}

static struct drill_expr *primary(struct drill_lexer *l, unsigned depth)
{
        struct drill_expr *e;

        switch (l->tok.kind) {
        case DRILL_T_ELLIPSIS:
                e = new_expr(l, DRILL_ELLIPSIS);
                drill_lex_next(l);
                return e;
        case DRILL_T_INT:
                e = new_expr(l, DRILL_INT);
                e->value = l->tok.value;
                drill_lex_next(l);
                return e;
        case DRILL_T_STRING:
                e = new_expr(l, DRILL_STRING);
                e->text = l->tok.text;
                e->len = l->tok.len;
                drill_lex_next(l);
                /* One behind another is one string. */
                while (l->tok.kind == DRILL_T_STRING) {
                        char *both = drill_alloc(&l->s->arena, e->len + l->tok.len + 1);

                        memcpy(both, e->text, e->len);
                        memcpy(both + e->len, l->tok.text, l->tok.len);
                        e->text = both;
                        e->len += l->tok.len;
                        drill_lex_next(l);
                }
                return e;
        case DRILL_T_WORD: return named(l, depth);
        case DRILL_T_CHAR:
                if (drill_is(l, '[') || drill_is(l, '{')) {
                        char close = drill_is(l, '[') ? ']' : '}';

                        e = new_expr(l, drill_is(l, '[') ? DRILL_LIST : DRILL_BRACE);
                        return items(l, e, close, depth) ? e : NULL;
                }
                break;
        default: break;
        }
        drill_expected(l, "an argument: a number, a name, \"text\", ..., [...] or {...}");
        return NULL;
}

static struct drill_expr *expression(struct drill_lexer *l, unsigned depth)
{
        struct drill_expr *list[MAX_ITEMS], *e;
        size_t n = 0;

        if (depth == MAX_DEPTH) {
                drill_wrong(l, l->tok.where, "brackets nested more than 16 deep");
                return NULL;
        }
        e = list[n++] = primary(l, depth + 1);
        while (e != NULL && drill_is(l, '|')) {
                if (n == MAX_ITEMS) {
                        drill_wrong(l, l->tok.where, "more flags than 64");
                        return NULL;
                }
                drill_lex_next(l);
                if ((list[n++] = primary(l, depth + 1)) == NULL)
                        return NULL;
        }
        if (e == NULL || n == 1)
                return e;
        e = new_expr(l, DRILL_OR);
        e->where = list[0]->where;
        set_items(l, e, list, n);
        return e;
}

/* (free text), with brackets in it; nobody reads it. */
static bool remark(struct drill_lexer *l)
{
        unsigned open = 0;

        do {
                if (l->tok.kind == DRILL_T_END || l->tok.kind == DRILL_T_BAD)
                        return drill_expected(l, "`)' at the end of a remark");
                open += drill_is(l, '(');
                open -= drill_is(l, ')');
                drill_lex_next(l);
        } while (open > 0);
        return true;
}

bool drill_parse_call(struct drill_lexer *l, struct drill_call *c)
{
        struct drill_expr *args;

        *c = (struct drill_call){.name = l->tok.text};
        args = new_expr(l, DRILL_LIST);
        drill_lex_next(l);
        if (!drill_is(l, '('))
                return drill_expected(l, "`(' and the arguments of the call");
        if (!items(l, args, ')', 0))
                return false;
        c->n = args->n;
        c->arg = args->item;
        if (!drill_skip(l, '='))
                return false;
        if (l->tok.kind != DRILL_T_INT && l->tok.kind != DRILL_T_WORD &&
            l->tok.kind != DRILL_T_ELLIPSIS)
                return drill_expected(l, "the result of the call, a number");
        if ((c->result = expression(l, 0)) == NULL)
                return false;
        if (l->tok.kind == DRILL_T_WORD && l->tok.text[0] == 'E') {
                c->error = l->tok.text;
                drill_lex_next(l);
        }
        return !drill_is(l, '(') || remark(l);
}
