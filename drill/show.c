/* SPDX-License-Identifier: MIT */
/*
 * See show.h. What is compared, and what is not, is packetdrill's choice: the window only if the script writes one,
 * an echoed timestamp never.
 */
#include "drill/show.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FLAG_BITS = 0x1ff, ACK = 16 };

static const char *const field_texts[] = {
#define DRILL_X(name, text) text,
        DRILL_FIELD_LIST(DRILL_X)
#undef DRILL_X
};

const char *drill_field_text(enum drill_field f)
{
        return field_texts[f];
}

/* ---- comparing ---- */

static enum drill_field compare_ip(const struct drill_packet *want, const struct drill_packet *got,
                                   const struct drill_compare *how)
{
        static const int bits[] = {
                [DRILL_NOECN] = 0, [DRILL_ECT0] = 2, [DRILL_ECT1] = 1, [DRILL_CE] = 3};
        int ecn = got->ip.tos & 3;

        switch (want->ip.ecn) {
        case DRILL_ECN_UNSAID: break;
        case DRILL_ECT01:
                if (ecn != 1 && ecn != 2)
                        return DRILL_F_ECN;
                break;
        default:
                if (ecn != bits[want->ip.ecn])
                        return DRILL_F_ECN;
        }
        if (want->ip.tos >= 0 && want->ip.tos != got->ip.tos)
                return DRILL_F_TOS;
        if (want->ip.ttl >= 0 && want->ip.ttl != got->ip.ttl)
                return DRILL_F_TTL;
        if (want->ip.flow_label >= 0 && how->label != NULL && got->ip.flow_label >= 0 &&
            !how->label(how->ctx, (uint32_t)want->ip.flow_label, (uint32_t)got->ip.flow_label))
                return DRILL_F_LABEL;
        return DRILL_F_NONE;
}

static bool same_option(const struct drill_opt *a, const struct drill_opt *b,
                        const struct drill_compare *how)
{
        if (a->kind != b->kind || a->n != b->n)
                return false;
        switch (a->kind) {
        case DRILL_OPT_MSS:
        case DRILL_OPT_WSCALE:
        case DRILL_OPT_OTHER: return a->a == b->a;
        case DRILL_OPT_TS:
                return how->ts_tick_us == 0 ||
                       (uint64_t)llabs((int32_t)(a->a - b->a)) * how->ts_tick_us <=
                               how->tolerance_us;
        case DRILL_OPT_SACK:
                return memcmp(a->left, b->left, a->n * sizeof(a->left[0])) == 0 &&
                       memcmp(a->right, b->right, a->n * sizeof(a->right[0])) == 0;
        case DRILL_OPT_ACCECN0:
        case DRILL_OPT_ACCECN1: return memcmp(a->left, b->left, a->n * sizeof(a->left[0])) == 0;
        case DRILL_OPT_FO:
        case DRILL_OPT_FOEXP:
        case DRILL_OPT_MD5: return memcmp(a->bytes, b->bytes, a->n) == 0;
        default: return true;
        }
}

static bool same_options(const struct drill_packet *want, const struct drill_packet *got,
                         const struct drill_compare *how, unsigned *option)
{
        if (want->any_opts)
                return true;
        for (*option = 0; *option < want->n_opts && *option < got->n_opts; ++*option)
                if (!same_option(&want->opt[*option], &got->opt[*option], how))
                        return false;
        return want->n_opts == got->n_opts;
}

static enum drill_field compare_tcp(const struct drill_packet *want, const struct drill_packet *got,
                                    const struct drill_compare *how, unsigned *option)
{
        if (((want->flags ^ got->flags) & FLAG_BITS) != 0)
                return DRILL_F_FLAGS;
        if (want->seq != got->seq)
                return DRILL_F_SEQ;
        if (want->len != got->len)
                return DRILL_F_LEN;
        if ((want->has_ack ? want->ack : 0) != got->ack)
                return DRILL_F_ACK;
        if (want->has_win && want->win != got->win)
                return DRILL_F_WIN;
        if ((want->has_urg ? want->urg : 0) != got->urg)
                return DRILL_F_URG;
        return same_options(want, got, how, option) ? DRILL_F_NONE : DRILL_F_OPTION;
}

enum drill_field drill_compare(const struct drill_packet *want, const struct drill_packet *got,
                               const struct drill_compare *how, unsigned *option)
{
        enum drill_field f;

        *option = 0;
        if (want->proto != got->proto)
                return DRILL_F_PROTO;
        f = compare_ip(want, got, how);
        if (f != DRILL_F_NONE)
                return f;
        switch (want->proto) {
        case DRILL_TCP: return compare_tcp(want, got, how, option);
        case DRILL_UDP: return want->len == got->len ? DRILL_F_NONE : DRILL_F_LEN;
        case DRILL_ICMP: break; /* types are names: the caller made numbers of them */
        }
        if (strcmp(want->icmp_type, got->icmp_type) != 0)
                return DRILL_F_TYPE;
        return want->icmp_code != NULL && got->icmp_code != NULL &&
                               strcmp(want->icmp_code, got->icmp_code) != 0
                       ? DRILL_F_CODE
                       : DRILL_F_NONE;
}

/* ---- showing ---- */

enum { TEXT_BYTES = 1024 };

struct pen {
        char text[TEXT_BYTES];
        size_t len;
        enum drill_field mark;
        unsigned column;
        bool found;
};

__attribute__((format(printf, 2, 3))) static void put(struct pen *pen, const char *format, ...)
{
        va_list ap;
        int n;

        va_start(ap, format);
        n = vsnprintf(pen->text + pen->len, TEXT_BYTES - pen->len, format, ap);
        va_end(ap);
        if (n > 0)
                pen->len =
                        pen->len + (size_t)n < TEXT_BYTES ? pen->len + (size_t)n : TEXT_BYTES - 1;
}

/* Here `f` begins. */
static void here(struct pen *pen, enum drill_field f)
{
        if (pen->mark != f || pen->found)
                return;
        pen->column = (unsigned)pen->len;
        pen->found = true;
}

static void put_ip(struct pen *pen, const struct drill_packet *p, const struct drill_packet *like)
{
        static const char *const ecn[] = {"noecn", "ect1", "ect0", "ce"};
        const char *sep = "(";

        if (like == NULL)
                return;
        here(pen, DRILL_F_ECN);
        if (like->ip.ecn == DRILL_ECT01 && p == like)
                put(pen, "(ect01"), sep = ", ";
        else if (like->ip.ecn != DRILL_ECN_UNSAID && p == like)
                put(pen, "(%s",
                    like->ip.ecn == DRILL_NOECN  ? "noecn"
                    : like->ip.ecn == DRILL_ECT0 ? "ect0"
                    : like->ip.ecn == DRILL_ECT1 ? "ect1"
                                                 : "ce"),
                        sep = ", ";
        else if (like->ip.ecn != DRILL_ECN_UNSAID)
                put(pen, "(%s", ecn[p->ip.tos & 3]), sep = ", ";
        if (like->ip.tos >= 0) {
                put(pen, "%s", sep), sep = ", ";
                here(pen, DRILL_F_TOS);
                put(pen, "tos 0x%02x", (unsigned)p->ip.tos);
        }
        if (like->ip.ttl >= 0) {
                put(pen, "%s", sep), sep = ", ";
                here(pen, DRILL_F_TTL);
                put(pen, "ttl %d", p->ip.ttl);
        }
        if (like->ip.flow_label >= 0) {
                put(pen, "%s", sep), sep = ", ";
                here(pen, DRILL_F_LABEL);
                put(pen, "flowlabel 0x%05x", (unsigned)p->ip.flow_label);
        }
        if (sep[0] == ',')
                put(pen, ") ");
}

static void put_flags(struct pen *pen, uint16_t flags)
{
        static const struct {
                char letter;
                uint16_t bit;
        } letters[] = {{'F', 1},  {'S', 2},  {'R', 4},   {'P', 8},  {'.', 16},
                       {'U', 32}, {'E', 64}, {'W', 128}, {'A', 256}};

        if ((flags & FLAG_BITS) == 0)
                put(pen, "-");
        for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
                if (flags & letters[i].bit)
                        put(pen, "%c", letters[i].letter);
        put(pen, " ");
}

static void put_hex(struct pen *pen, const char *name, const struct drill_opt *o)
{
        put(pen, "%s", name);
        for (unsigned i = 0; i < o->n; i++)
                put(pen, "%s%02x", i == 0 ? " " : "", o->bytes[i]);
}

static void put_option(struct pen *pen, const struct drill_opt *o)
{
        static const char *const accecn[2][3] = {{"e0b", "ceb", "e1b"}, {"e1b", "ceb", "e0b"}};

        switch (o->kind) {
        case DRILL_OPT_NOP: put(pen, "nop"); break;
        case DRILL_OPT_EOL: put(pen, "eol"); break;
        case DRILL_OPT_MSS: put(pen, "mss %u", o->a); break;
        case DRILL_OPT_WSCALE: put(pen, "wscale %u", o->a); break;
        case DRILL_OPT_SACK_OK: put(pen, "sackOK"); break;
        case DRILL_OPT_SACK:
                put(pen, "sack");
                for (unsigned i = 0; i < o->n; i++)
                        put(pen, " %u:%u", o->left[i], o->right[i]);
                break;
        case DRILL_OPT_TS: put(pen, "TS val %u ecr %u", o->a, o->b); break;
        case DRILL_OPT_FO: put_hex(pen, "FO", o); break;
        case DRILL_OPT_FOEXP: put_hex(pen, "FOEXP", o); break;
        case DRILL_OPT_MD5: put_hex(pen, "md5", o); break;
        case DRILL_OPT_RAW: put_hex(pen, "raw", o); break;
        case DRILL_OPT_OTHER:
                put(pen, "kind %u", o->a);
                put_hex(pen, "", o);
                break;
        case DRILL_OPT_ACCECN0:
        case DRILL_OPT_ACCECN1:
                put(pen, "ECN");
                for (unsigned i = 0; i < o->n; i++)
                        put(pen, " %s %u", accecn[o->kind == DRILL_OPT_ACCECN1][i], o->left[i]);
        }
}

static void put_options(struct pen *pen, const struct drill_packet *p, unsigned option)
{
        if (p->any_opts) {
                put(pen, " <...>");
                return;
        }
        if (p->n_opts == 0) {
                put(pen, " ");
                here(pen, DRILL_F_OPTION);
                return;
        }
        put(pen, " <");
        for (unsigned i = 0; i < p->n_opts; i++) {
                if (i > 0)
                        put(pen, ",");
                if (i == option)
                        here(pen, DRILL_F_OPTION);
                put_option(pen, &p->opt[i]);
        }
        here(pen, DRILL_F_OPTION);
        put(pen, ">");
}

static void put_tcp(struct pen *pen, const struct drill_packet *p, const struct drill_packet *like,
                    unsigned option)
{
        if (p->sport >= 0 && (like == NULL || like->sport >= 0))
                put(pen, "%d > %d ", p->sport, p->dport);
        here(pen, DRILL_F_FLAGS);
        put_flags(pen, p->flags);
        here(pen, DRILL_F_SEQ);
        put(pen, "%u:%u(", p->seq, p->seq + p->len);
        here(pen, DRILL_F_LEN);
        put(pen, "%u)", p->len);
        if (p->has_ack || p->ack != 0) {
                put(pen, " ");
                here(pen, DRILL_F_ACK);
                put(pen, "ack %u", p->ack);
        }
        here(pen, DRILL_F_ACK);
        if (p->has_win && (like == NULL || like->has_win)) {
                put(pen, " ");
                here(pen, DRILL_F_WIN);
                put(pen, "win %u", p->win);
        }
        if (p->has_urg) {
                put(pen, " ");
                here(pen, DRILL_F_URG);
                put(pen, "urg %u", p->urg);
        }
        here(pen, DRILL_F_URG);
        put_options(pen, p, option);
}

static void put_icmp(struct pen *pen, const struct drill_packet *p)
{
        put(pen, "icmp ");
        here(pen, DRILL_F_TYPE);
        put(pen, "%s", p->icmp_type);
        if (p->icmp_code != NULL) {
                put(pen, " ");
                here(pen, DRILL_F_CODE);
                put(pen, "%s", p->icmp_code);
        }
        if (p->icmp_mtu >= 0)
                put(pen, " mtu %" PRId64, p->icmp_mtu);
        if (p->icmp_id >= 0)
                put(pen, " id %" PRId64, p->icmp_id);
        if (p->quote == DRILL_QUOTE_TCP)
                put(pen, " [%u:%u(%u)]", p->seq, p->seq + p->len, p->len);
}

const char *drill_show(struct drill_arena *a, const struct drill_packet *p,
                       const struct drill_packet *like, enum drill_field mark, unsigned option,
                       unsigned *column)
{
        struct pen *pen = drill_alloc(a, sizeof(*pen));

        pen->mark = mark;
        put(pen, "%c ", p->out ? '>' : '<');
        here(pen, DRILL_F_PROTO);
        put_ip(pen, p, like);
        switch (p->proto) {
        case DRILL_TCP: put_tcp(pen, p, like, option); break;
        case DRILL_UDP:
                put(pen, "udp ");
                here(pen, DRILL_F_LEN);
                put(pen, "(%u)", p->len);
                break;
        case DRILL_ICMP: put_icmp(pen, p); break;
        }
        while (pen->len > 0 && pen->text[pen->len - 1] == ' ' && pen->column < pen->len)
                pen->text[--pen->len] = '\0';
        if (column != NULL)
                *column = pen->column;
        return pen->text;
}
