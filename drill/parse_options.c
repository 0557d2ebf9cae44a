/* SPDX-License-Identifier: MIT */
/*
 * The options of a segment. The script spells out every byte, padding too, so their lengths must add up to what
 * the data offset can say: a multiple of four, 40 at most (RFC 9293, 3.1).
 */
#include "drill/parse.h"

#include <ctype.h>
#include <string.h>


static bool value(struct drill_lexer *l, const char *what, int64_t hi, uint32_t *out)
{
        int64_t n;

        drill_lex_next(l);
        if (!drill_number(l, 0, hi, what, &n))
                return false;
        *out = (uint32_t)n;
        return true;
}

/* Hexadecimal digits, as many as `max` bytes take; maybe none. */
static bool hex(struct drill_lexer *l, struct drill_opt *o, size_t max)
{
        drill_lex_digits(l);
        if (l->tok.kind == DRILL_T_CHAR)
                return true;
        if (l->tok.kind != DRILL_T_WORD || l->tok.text == NULL ||
            (l->tok.end > l->tok.start && (size_t)(l->tok.end - l->tok.start) == l->tok.len))
                drill_lex_raw(l, ",>");
        if (l->tok.len % 2 != 0 || l->tok.len / 2 > max)
                return drill_expected(l, drill_format(&l->s->arena,
                                                      "pairs of hexadecimal digits, %zu at most",
                                                      max));
        for (size_t i = 0; i < l->tok.len; i++) {
                int c = (unsigned char)l->tok.text[i];

                if (!isxdigit(c))
                        return drill_expected(l, "hexadecimal digits");
                o->bytes[i / 2] = (uint8_t)(o->bytes[i / 2] << 4 |
                                            (isdigit(c) ? c - '0' : tolower(c) - 'a' + 10));
        }
        o->n = (uint8_t)(l->tok.len / 2);
        drill_lex_next(l);
        return true;
}

static bool sack(struct drill_lexer *l, struct drill_opt *o)
{
        int64_t left, right;

        drill_lex_next(l);
        do {
                if (o->n == 4)
                        return drill_wrong(l, l->tok.where,
                                           "an option holds four SACK blocks at most");
                if (!drill_number(l, 0, UINT32_MAX, "the left edge of a block", &left) ||
                    !drill_skip(l, ':') ||
                    !drill_number(l, 0, UINT32_MAX, "the right edge of a block", &right))
                        return false;
                o->left[o->n] = (uint32_t)left;
                o->right[o->n++] = (uint32_t)right;
        } while (l->tok.kind == DRILL_T_INT);
        return true;
}

/* TS val N ecr N */
static bool timestamp(struct drill_lexer *l, struct drill_opt *o)
{
        drill_lex_next(l);
        if (!drill_is_word(l, "val"))
                return drill_expected(l, "val N ecr N");
        if (!value(l, "a timestamp", UINT32_MAX, &o->a))
                return false;
        if (!drill_is_word(l, "ecr"))
                return drill_expected(l, "ecr N");
        if (!value(l, "a timestamp", UINT32_MAX, &o->b))
                return false;
        if (drill_is(l, '!')) {
                o->ecr_is_live = true;
                drill_lex_next(l);
        }
        return true;
}

/* AccECN: ECN e0b N [ceb N [e1b N]], or e1b first; 24 bits each. */
static bool accecn(struct drill_lexer *l, struct drill_opt *o)
{
        static const char *const order[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};
        unsigned which;

        drill_lex_next(l);
        if (!drill_is_word(l, "e0b") && !drill_is_word(l, "e1b"))
                return drill_expected(l, "e0b N or e1b N");
        which = drill_is_word(l, "e1b");
        o->kind = which ? DRILL_OPT_ACCECN1 : DRILL_OPT_ACCECN0;
        while (o->n < 3 && drill_is_word(l, order[which][o->n])) {
                if (!value(l, "a counter of bytes", 0xffffff, &o->left[o->n]))
                        return false;
                o->n++;
        }
        return true;
}

static bool one(struct drill_lexer *l, struct drill_opt *o)
{
        static const struct {
                const char *word;
                enum drill_opt_kind kind;
        } names[] = {
                {"nop", DRILL_OPT_NOP},        {"eol", DRILL_OPT_EOL},
                {"mss", DRILL_OPT_MSS},        {"wscale", DRILL_OPT_WSCALE},
                {"sackOK", DRILL_OPT_SACK_OK}, {"sack", DRILL_OPT_SACK},
                {"TS", DRILL_OPT_TS},          {"FO", DRILL_OPT_FO},
                {"FOEXP", DRILL_OPT_FOEXP},    {"md5", DRILL_OPT_MD5},
                {"ECN", DRILL_OPT_ACCECN0},    {"raw", DRILL_OPT_RAW},
        };
        size_t i = 0, count = sizeof(names) / sizeof(names[0]);

        while (i < count && !drill_is_word(l, names[i].word))
                i++;
        if (i == count && drill_is_word(l, "exp"))
                return drill_no_support(l, l->tok.where, "unsupported: exp-... (write FOEXP)");
        if (i == count)
                return drill_expected(
                        l,
                        "an option: nop, eol, mss, wscale, sackOK, sack, TS, FO, FOEXP, md5, ECN or raw");
        o->kind = names[i].kind;
        switch (o->kind) {
        case DRILL_OPT_MSS: return value(l, "a segment size", 65535, &o->a);
        case DRILL_OPT_WSCALE: return value(l, "a window scale", 255, &o->a);
        case DRILL_OPT_SACK: return sack(l, o);
        case DRILL_OPT_TS: return timestamp(l, o);
        case DRILL_OPT_FO:
        case DRILL_OPT_FOEXP: return hex(l, o, 32);
        case DRILL_OPT_MD5: return hex(l, o, 16);
        case DRILL_OPT_RAW: return hex(l, o, sizeof(o->bytes));
        case DRILL_OPT_ACCECN0: return accecn(l, o);
        default: drill_lex_next(l); return true;
        }
}

unsigned drill_option_bytes(const struct drill_opt *o)
{
        switch (o->kind) {
        case DRILL_OPT_NOP:
        case DRILL_OPT_EOL: return 1;
        case DRILL_OPT_MSS: return 4;
        case DRILL_OPT_WSCALE: return 3;
        case DRILL_OPT_SACK_OK: return 2;
        case DRILL_OPT_SACK: return 2 + 8u * o->n;
        case DRILL_OPT_TS: return 10;
        case DRILL_OPT_FO: return 2u + o->n;
        case DRILL_OPT_FOEXP: return 4u + o->n;
        case DRILL_OPT_OTHER:
        case DRILL_OPT_MD5: return 2u + o->n;
        case DRILL_OPT_ACCECN0:
        case DRILL_OPT_ACCECN1: return 2 + 3u * o->n;
        case DRILL_OPT_RAW: return o->n;
        }
        return 0;
}

bool drill_parse_options(struct drill_lexer *l, struct drill_packet *p)
{
        struct drill_where where = l->tok.where;
        struct drill_opt list[DRILL_MAX_OPTS] = {0};
        unsigned bytes = 0;

        drill_lex_next(l);
        if (l->tok.kind == DRILL_T_ELLIPSIS) {
                if (!p->out)
                        return drill_wrong(l, l->tok.where,
                                           "only outbound segments may have any options");
                p->any_opts = true;
                drill_lex_next(l);
                return drill_skip(l, '>');
        }
        while (!drill_is(l, '>')) {
                if (p->n_opts > 0 && !drill_skip(l, ','))
                        return false;
                if (p->n_opts == DRILL_MAX_OPTS)
                        return drill_wrong(l, where, "more options than a header has room for");
                if (p->out && drill_is_word(l, "raw"))
                        return drill_wrong(l, l->tok.where,
                                           "only inbound segments have raw options");
                if (!one(l, &list[p->n_opts]))
                        return false;
                bytes += drill_option_bytes(&list[p->n_opts++]);
        }
        if (bytes % 4 != 0 || bytes > 40)
                return drill_wrong(
                        l, where,
                        drill_format(&l->s->arena,
                                     "these options have %u bytes: it must be a multiple of 4 "
                                     "(write nop or eol), 40 at most",
                                     bytes));
        p->opt = drill_alloc(&l->s->arena, p->n_opts * sizeof(list[0]));
        if (p->n_opts > 0)
                memcpy(p->opt, list, p->n_opts * sizeof(list[0]));
        drill_lex_next(l);
        return true;
}
