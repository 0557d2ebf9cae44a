/* SPDX-License-Identifier: MIT */
#include "conv_seg.h"

#include <ctype.h>
#include <stdarg.h>

/*
 * The text form is packetdrill's. A hand-written parser of some hundred lines: it walks a cursor
 * over the text, and remembers where each part began, so that a mismatch can point at it.
 */

enum { OPT_EOL, OPT_NOP, OPT_MSS, OPT_WSCALE, OPT_SACKOK, OPT_SACK, OPT_TS = 8, OPT_RAW = 255 };

static const struct {
        char letter;
        uint16_t flag;
} flag_letters[] = {
        {'F', ELKO_FIN}, {'S', ELKO_SYN}, {'R', ELKO_RST}, {'P', ELKO_PSH}, {'.', ELKO_ACK},
        {'U', ELKO_URG}, {'E', ELKO_ECE}, {'C', ELKO_CWR}, {'A', ELKO_AE},
};

enum { FLAG_LETTERS = sizeof(flag_letters) / sizeof(flag_letters[0]) };

struct cursor {
        const char *text, *p;
        const char *bad; /* the first error */
        const struct conv_bases *b;
        struct conv_pat *out;
};

static void skip_blanks(struct cursor *c)
{
        while (*c->p == ' ')
                c->p++;
}

static unsigned where(const struct cursor *c)
{
        return (unsigned)(c->p - c->text);
}

static void fail(struct cursor *c, const char *why)
{
        if (c->bad == NULL)
                c->bad = why;
}

static bool take_word(struct cursor *c, const char *word)
{
        size_t n = strlen(word);

        skip_blanks(c);
        if (strncmp(c->p, word, n) != 0 || isalnum((unsigned char)c->p[n]))
                return false;
        c->p += n;
        return true;
}

static bool take_char(struct cursor *c, char ch)
{
        skip_blanks(c);
        if (*c->p != ch)
                return false;
        c->p++;
        return true;
}

/* N, -N, =N (absolute) or * (sets *any). */
static uint32_t number(struct cursor *c, uint32_t base, bool *any)
{
        bool absolute, minus;
        unsigned long long v = 0;
        char *end;

        skip_blanks(c);
        if (any != NULL)
                *any = false;
        if (*c->p == '*' && any != NULL) {
                c->p++;
                *any = true;
                return 0;
        }
        absolute = *c->p == '=';
        c->p += absolute;
        minus = *c->p == '-';
        c->p += minus;
        if (!isdigit((unsigned char)*c->p)) {
                fail(c, "a number should stand here");
                return 0;
        }
        v = strtoull(c->p, &end, 0);
        c->p = end;
        return (absolute ? 0 : base) + (minus ? (uint32_t)-v : (uint32_t)v);
}

/* "[ect0]": the ECN field of the IP header; without it Not-ECT. */
static void parse_ecn(struct cursor *c)
{
        static const char *const names[] = {"[noecn]", "[ect1]", "[ect0]", "[ce]"};

        skip_blanks(c);
        c->out->at_ecn = where(c);
        for (uint8_t i = 0; *c->p == '[' && i < 4; i++) {
                size_t n = strlen(names[i]);

                if (strncmp(c->p, names[i], n) == 0) {
                        c->out->s.tos = i;
                        c->p += n;
                        return;
                }
        }
        if (*c->p == '[')
                fail(c, "[noecn], [ect0], [ect1] or [ce]");
}

static void parse_flags(struct cursor *c)
{
        skip_blanks(c);
        c->out->at_flags = where(c);
        if (*c->p == '-') {
                c->p++;
                return;
        }
        for (; *c->p != ' ' && *c->p != '\0'; c->p++) {
                unsigned i = 0;

                while (i < FLAG_LETTERS && flag_letters[i].letter != *c->p)
                        i++;
                if (i == FLAG_LETTERS) {
                        fail(c, "no such flag");
                        return;
                }
                c->out->s.flags |= flag_letters[i].flag;
        }
}

/* A:B(N), or * for all of it. */
static void parse_seq(struct cursor *c)
{
        struct conv_pat *o = c->out;
        uint32_t end;

        skip_blanks(c);
        o->at_seq = where(c);
        o->s.seq = number(c, c->b->seq, &o->any_seq);
        if (o->any_seq && *c->p != ':' && *c->p != '(') {
                o->any_len = true;
                return;
        }
        if (!o->any_seq && !take_char(c, ':')) {
                fail(c, "SEQ:END(LEN) should stand here");
                return;
        }
        end = o->any_seq ? 0 : number(c, c->b->seq, NULL);
        if (!take_char(c, '('))
                fail(c, "(LEN) should stand here");
        o->s.len = number(c, 0, &o->any_len);
        if (!take_char(c, ')'))
                fail(c, ") should stand here");
        if (!o->any_seq && !o->any_len && end - o->s.seq != o->s.len)
                fail(c, "END is not SEQ + LEN");
}

static struct conv_opt *add_opt(struct cursor *c, uint8_t kind, uint8_t len)
{
        struct conv_seg *s = &c->out->s;
        struct conv_opt *o = &s->opt[s->nopts];

        if (s->nopts == 40 || c->out->raw_len + len > 40) {
                fail(c, "more options than fit");
                return o;
        }
        s->nopts++;
        o->kind = kind;
        o->len = len;
        o->at = (uint16_t)where(c);
        return o;
}

/* The bytes of an option at the end of the list, as they will stand on the wire. */
static void put_raw(struct cursor *c, const struct conv_opt *o)
{
        struct conv_pat *out = c->out;

        if (c->bad != NULL)
                return;
        out->raw[out->raw_len] = o->kind;
        out->raw[out->raw_len + 1] = o->len;
        memcpy(out->raw + out->raw_len + 2, o->data, o->len - 2u);
        out->raw_len = (uint8_t)(out->raw_len + o->len);
}

static void parse_hex(struct cursor *c)
{
        unsigned v;
        int n;

        while (skip_blanks(c), sscanf(c->p, "%2x%n", &v, &n) == 1 && n == 2) {
                if (c->out->raw_len == 40) {
                        fail(c, "more options than fit");
                        return;
                }
                c->out->raw[c->out->raw_len++] = (uint8_t)v;
                c->p += 2;
        }
}

static void parse_sack(struct cursor *c)
{
        struct conv_opt *o = add_opt(c, OPT_SACK, 2);

        while (skip_blanks(c), isdigit((unsigned char)*c->p) || *c->p == '=' || *c->p == '-') {
                if (o->len + 8 > 40 || c->bad != NULL) {
                        fail(c, "more SACK blocks than fit");
                        return;
                }
                conv_put32(o->data + o->len - 2, number(c, c->b->sack, NULL));
                if (!take_char(c, ':'))
                        fail(c, "A:B should stand here");
                conv_put32(o->data + o->len + 2, number(c, c->b->sack, NULL));
                o->len = (uint8_t)(o->len + 8);
        }
        if (c->out->raw_len + o->len > 40)
                fail(c, "more options than fit");
        put_raw(c, o);
}

static void parse_ts(struct cursor *c)
{
        struct conv_opt *o = add_opt(c, OPT_TS, 10);
        bool any;

        if (!take_word(c, "val"))
                fail(c, "TS val N ecr N");
        conv_put32(o->data, number(c, c->b->ts_val, &any));
        c->out->any_ts_val = any;
        if (!take_word(c, "ecr"))
                fail(c, "TS val N ecr N");
        conv_put32(o->data + 4, number(c, c->b->ts_ecr, &any));
        c->out->any_ts_ecr = any;
        put_raw(c, o);
}

static void parse_mss(struct cursor *c)
{
        struct conv_opt *o = add_opt(c, OPT_MSS, 4);
        bool any = false;
        uint32_t v = take_word(c, "M") ? c->b->mss : number(c, 0, &any);

        c->out->any_mss = any;
        conv_put16(o->data, (uint16_t)v);
        put_raw(c, o);
}

static void parse_one_option(struct cursor *c)
{
        struct conv_pat *out = c->out;

        if (take_word(c, "nop") || take_word(c, "eol")) {
                if (out->raw_len < 40)
                        out->raw[out->raw_len++] = c->p[-1] == 'p' ? OPT_NOP : OPT_EOL;
        } else if (take_word(c, "mss")) {
                parse_mss(c);
        } else if (take_word(c, "wscale")) {
                struct conv_opt *o = add_opt(c, OPT_WSCALE, 3);

                o->data[0] = (uint8_t)number(c, 0, NULL);
                put_raw(c, o);
        } else if (take_word(c, "sackOK")) {
                put_raw(c, add_opt(c, OPT_SACKOK, 2));
        } else if (take_word(c, "sack")) {
                parse_sack(c);
        } else if (take_word(c, "TS")) {
                parse_ts(c);
        } else if (take_word(c, "raw")) {
                parse_hex(c);
        } else if (strncmp(c->p, "...", 3) == 0) {
                c->p += 3;
                out->mode = CONV_OPTS_AT_LEAST;
        } else {
                fail(c, "no such option");
        }
}

static void parse_options(struct cursor *c)
{
        c->out->at_opts = where(c);
        if (!take_char(c, '<'))
                return;
        c->out->mode = CONV_OPTS_EXACT;
        if (take_char(c, '>'))
                return;
        do {
                skip_blanks(c);
                parse_one_option(c);
        } while (c->bad == NULL && take_char(c, ','));
        if (!take_char(c, '>'))
                fail(c, "> should stand here");
}

const char *conv_seg_parse(const char *text, const struct conv_bases *b, struct conv_pat *out,
                           unsigned *at)
{
        struct cursor c = {.text = text, .p = text, .b = b, .out = out};
        bool any;

        memset(out, 0, sizeof(*out));
        out->text = text;
        out->s.proto = 6;
        parse_ecn(&c);
        parse_flags(&c);
        parse_seq(&c);
        out->at_ack = where(&c);
        if (take_word(&c, "ack"))
                out->s.ack = number(&c, b->ack, &out->any_ack);
        out->at_win = where(&c);
        if (take_word(&c, "win")) {
                out->s.win = (uint16_t)number(&c, 0, &out->any_win);
                out->has_win = true;
        }
        out->at_urg = where(&c);
        if (take_word(&c, "urg"))
                out->s.urg = (uint16_t)number(&c, 0, &any);
        skip_blanks(&c);
        parse_options(&c);
        if (take_word(&c, "badcsum"))
                out->badcsum = true;
        skip_blanks(&c);
        if (c.bad == NULL && *c.p != '\0')
                fail(&c, "what is this?");
        *at = where(&c);
        return c.bad;
}

/* ---- bytes ---- */

uint32_t conv_seg_emit(const struct conv_pat *p, uint16_t src, uint16_t dst, uint8_t *out)
{
        uint32_t opts = (p->raw_len + 3u) & ~3u;

        memset(out, 0, 20 + opts);
        conv_put16(out, src);
        conv_put16(out + 2, dst);
        conv_put32(out + 4, p->s.seq);
        conv_put32(out + 8, p->s.ack);
        out[12] = (uint8_t)((20 + opts) / 4 << 4 | (p->s.flags & ELKO_AE) >> 8);
        out[13] = (uint8_t)p->s.flags;
        conv_put16(out + 14, p->s.win);
        conv_put16(out + 18, p->s.urg);
        memcpy(out + 20, p->raw, p->raw_len);
        return 20 + opts;
}

static const char *read_options(const uint8_t *p, uint32_t n, struct conv_seg *out)
{
        for (uint32_t i = 0; i < n;) {
                struct conv_opt *o = &out->opt[out->nopts];

                if (p[i] == OPT_NOP) {
                        i++;
                        continue;
                }
                if (p[i] == OPT_EOL) {
                        while (i < n)
                                if (p[i++] != 0)
                                        return "padding after the option list is not zero";
                        return NULL;
                }
                if (i + 1 >= n || p[i + 1] < 2 || i + p[i + 1] > n)
                        return "an option's length is wrong";
                if (conv_seg_opt(out, p[i]) != NULL)
                        return "an option stands there twice";
                o->kind = p[i];
                o->len = p[i + 1];
                memcpy(o->data, p + i + 2, o->len - 2u);
                out->nopts++;
                i += o->len;
        }
        return NULL;
}

const char *conv_seg_read(const uint8_t *tcp, uint32_t len, struct conv_seg *out, uint32_t *hdr_len)
{
        if (len < 20)
                return "TCP segment shorter than its header";
        *hdr_len = (uint32_t)(tcp[12] >> 4) * 4;
        if (*hdr_len < 20 || *hdr_len > len)
                return "TCP data offset";
        if (tcp[12] & 0x0e)
                return "reserved bits are not zero";
        out->src_port = conv_get16(tcp);
        out->dst_port = conv_get16(tcp + 2);
        out->seq = conv_get32(tcp + 4);
        out->ack = conv_get32(tcp + 8);
        out->flags = (uint16_t)((tcp[12] & 1) << 8 | tcp[13]);
        out->win = conv_get16(tcp + 14);
        out->urg = conv_get16(tcp + 18);
        out->len = len - *hdr_len;
        out->nopts = 0;
        if (!(out->flags & ELKO_URG) && out->urg != 0)
                return "urgent pointer without URG";
        if (!(out->flags & ELKO_ACK) && out->ack != 0)
                return "acknowledgement number without ACK";
        return read_options(tcp + 20, *hdr_len - 20, out);
}

const struct conv_opt *conv_seg_opt(const struct conv_seg *s, uint8_t kind)
{
        for (unsigned i = 0; i < s->nopts; i++)
                if (s->opt[i].kind == kind)
                        return &s->opt[i];
        return NULL;
}

static uint32_t sum16(uint32_t acc, const uint8_t *p, uint32_t len)
{
        for (uint32_t i = 0; i + 1 < len; i += 2)
                acc += conv_get16(p + i);
        if (len & 1)
                acc += (uint32_t)p[len - 1] << 8;
        while (acc >> 16)
                acc = (acc & 0xffff) + (acc >> 16);
        return acc;
}

uint16_t conv_csum_plain(const uint8_t *p, uint32_t len)
{
        return (uint16_t)~sum16(0, p, len);
}

/* RFC 1071 over the pseudo-header and p; slow and obvious. */
uint16_t conv_csum(const uint8_t *src16, const uint8_t *dst16, bool v6, uint8_t proto,
                   const uint8_t *p, uint32_t len)
{
        unsigned skip = v6 ? 0 : 12;
        uint32_t acc = proto + (len >> 16) + (len & 0xffff);

        acc = sum16(acc, src16 + skip, 16 - skip);
        acc = sum16(acc, dst16 + skip, 16 - skip);
        return (uint16_t)~sum16(acc, p, len);
}

/* ---- printing and comparing ---- */

struct printer {
        char *buf;
        size_t cap, n;
};

static void put(struct printer *p, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void put(struct printer *p, const char *fmt, ...)
{
        va_list ap;
        int k;

        va_start(ap, fmt);
        k = vsnprintf(p->buf + p->n, p->cap - p->n, fmt, ap);
        va_end(ap);
        if (k > 0 && (size_t)k < p->cap - p->n)
                p->n += (size_t)k;
}

static void print_option(struct printer *p, const struct conv_opt *o, const struct conv_bases *b)
{
        switch (o->kind) {
        case OPT_MSS: put(p, "mss %u", conv_get16(o->data)); return;
        case OPT_WSCALE: put(p, "wscale %u", o->data[0]); return;
        case OPT_SACKOK: put(p, "sackOK"); return;
        case OPT_TS:
                put(p, "TS val %d ecr %d", (int)(conv_get32(o->data) - b->ts_val),
                    (int)(conv_get32(o->data + 4) - b->ts_ecr));
                return;
        case OPT_SACK:
                put(p, "sack");
                for (unsigned i = 0; i + 8 <= o->len - 2u; i += 8)
                        put(p, " %d:%d", (int)(conv_get32(o->data + i) - b->sack),
                            (int)(conv_get32(o->data + i + 4) - b->sack));
                return;
        default: put(p, "kind %u len %u", o->kind, o->len);
        }
}

void conv_seg_print(const struct conv_seg *s, const struct conv_bases *b, char *buf, size_t cap)
{
        struct printer p = {.buf = buf, .cap = cap};

        if (s->proto != 6) {
                put(&p, "protocol %u, %u bytes", s->proto, s->packet_len);
                return;
        }
        if (s->tos & 3)
                put(&p, "%s",
                    (s->tos & 3) == 1   ? "[ect1] "
                    : (s->tos & 3) == 2 ? "[ect0] "
                                        : "[ce] ");
        for (unsigned i = 0; i < FLAG_LETTERS; i++)
                if (s->flags & flag_letters[i].flag)
                        put(&p, "%c", flag_letters[i].letter);
        if (s->flags == 0)
                put(&p, "-");
        put(&p, " %d:%d(%u)", (int)(s->seq - b->seq), (int)(s->seq + s->len - b->seq), s->len);
        if (s->flags & ELKO_ACK)
                put(&p, " ack %d", (int)(s->ack - b->ack));
        put(&p, " win %u", s->win);
        if (s->urg)
                put(&p, " urg %u", s->urg);
        if (s->nopts == 0)
                return;
        for (unsigned i = 0; i < s->nopts; i++) {
                put(&p, "%s", i == 0 ? " <" : ",");
                print_option(&p, &s->opt[i], b);
        }
        put(&p, ">");
}

static bool option_fits(const struct conv_pat *p, const struct conv_opt *want,
                        const struct conv_opt *got)
{
        if (got == NULL)
                return false;
        if (want->kind == OPT_TS)
                return (p->any_ts_val || memcmp(want->data, got->data, 4) == 0) &&
                       (p->any_ts_ecr || memcmp(want->data + 4, got->data + 4, 4) == 0);
        if (want->kind == OPT_MSS && p->any_mss)
                return true;
        return want->len == got->len && memcmp(want->data, got->data, want->len - 2u) == 0;
}

static const char *compare_options(const struct conv_pat *p, const struct conv_seg *s, unsigned *at)
{
        for (unsigned i = 0; i < p->s.nopts; i++) {
                const struct conv_opt *want = &p->s.opt[i];

                *at = want->at;
                if (!option_fits(p, want, conv_seg_opt(s, want->kind)))
                        return "an option";
        }
        *at = p->at_opts;
        if (p->mode == CONV_OPTS_EXACT && s->nopts != p->s.nopts)
                return "the number of options";
        return NULL;
}

const char *conv_seg_compare(const struct conv_pat *p, const struct conv_seg *s, unsigned *at)
{
        *at = p->at_ecn;
        if (s->proto != 6)
                return "the protocol";
        if ((p->s.tos & 3) != (s->tos & 3))
                return "the ECN field";
        *at = p->at_flags;
        if (p->s.flags != s->flags)
                return "the flags";
        *at = p->at_seq;
        if (!p->any_seq && p->s.seq != s->seq)
                return "the sequence number";
        if (!p->any_len && p->s.len != s->len)
                return "the length";
        *at = p->at_ack;
        if (!p->any_ack && p->s.ack != s->ack)
                return "the acknowledgement number";
        *at = p->at_win;
        if (p->has_win && !p->any_win && p->s.win != s->win)
                return "the window";
        *at = p->at_urg;
        if (p->s.urg != s->urg)
                return "the urgent pointer";
        return p->mode == CONV_OPTS_AUTO ? NULL : compare_options(p, s, at);
}
