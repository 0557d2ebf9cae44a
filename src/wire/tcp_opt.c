/*
 * tcp_opt.c - TCP options.
 *
 * RFC 9293, 3.1: a list of (kind) or (kind, length, value); kinds 0 (end) and 1 (no operation) are
 * single bytes. 3.2 (MUST-6): any option may come in any segment, known or not; MUST-7: an illegal
 * length must not harm. Three rules follow:
 *
 * - A length below 2 or beyond the list ends the walk: what follows can't be delimited. What came
 *   before counts, and `malformed` is set, so that the caller may refuse a SYN.
 * - A known kind whose length isn't the defined one is skipped alone.
 * - Of duplicates the last counts, as in Linux.
 *
 * Nearly all segments of a connection carry exactly NOP NOP TIMESTAMPS (RFC 7323, appendix A), so
 * these 12 bytes are compared as a whole first.
 */
#include "wire/tcp_opt.h"

enum {
        LEN_MSS = 4,
        LEN_WSCALE = 3,
        LEN_SACK_PERMITTED = 2,
        LEN_TIMESTAMPS = 10,
        LEN_USER_TIMEOUT = 4,
        LEN_MD5 = 18,
        LEN_AO_MIN = 4,
        LEN_MPTCP_MIN = 3,
        SACK_MAX = 4,
        FASTOPEN_MAX = 16,
        EXPERIMENT_FASTOPEN = 0xf989,
};

#define NOP_NOP_TIMESTAMPS 0x0101080au

/* ---- parse ---- */

static void take_timestamps(const uint8_t *value, struct ek_tcp_opts *out)
{
        out->present |= ELKO_OPT_TIMESTAMPS;
        out->ts_val = ek_get32be(value);
        out->ts_ecr = ek_get32be(value + 4);
}

/* RFC 2018, 3: one to four blocks of 8 bytes. */
static void take_sack(const uint8_t *value, uint32_t n, struct ek_tcp_opts *out)
{
        if (n == 0 || n % 8 != 0 || n / 8 > SACK_MAX)
                return;
        out->present |= ELKO_OPT_SACK;
        out->sack_count = (uint8_t)(n / 8);
        for (uint32_t i = 0; i < n / 8; i++) {
                out->sack[i].left = ek_get32be(value + 8 * i);
                out->sack[i].right = ek_get32be(value + 8 * i + 4);
        }
}

/* An MSS of 0 can't be meant: as if it weren't there. */
static void take_mss(const uint8_t *value, struct ek_tcp_opts *out)
{
        if (ek_get16be(value) == 0)
                return;
        out->present |= ELKO_OPT_MSS;
        out->mss = ek_get16be(value);
}

/* RFC 7323, 2.3: larger shifts count as 14. Deviation: nothing is logged; there is no log.
 * [RFC7323 2.3f 2.3g] */
static void take_wscale(const uint8_t *value, struct ek_tcp_opts *out)
{
        out->present |= ELKO_OPT_WSCALE;
        out->wscale = value[0] < EK_TCP_MAX_WSCALE ? value[0] : EK_TCP_MAX_WSCALE;
}

/* RFC 5482, 3. [RFC5482 3a] */
static void take_user_timeout(const uint8_t *value, struct ek_tcp_opts *out)
{
        out->present |= ELKO_OPT_USER_TIMEOUT;
        out->user_timeout = ek_get16be(value);
}

/* RFC 7413, 4.1.1: a request without cookie, or a cookie of 4 to 16 bytes, even. What is neither is ignored.
 * [RFC7413 4.1.1a] */
static void take_fastopen(const uint8_t *cookie, uint32_t n, bool experiment,
                          struct ek_tcp_opts *out)
{
        if (n != 0 && (n < 4 || n > FASTOPEN_MAX || n % 2 != 0))
                return;
        out->present |= ELKO_OPT_FASTOPEN;
        out->fastopen = cookie;
        out->fastopen_bytes = (uint8_t)n;
        out->fastopen_exp = experiment;
}

static uint32_t get24be(const uint8_t *p)
{
        return (uint32_t)p[0] << 16 | (uint32_t)p[1] << 8 | p[2];
}

/* RFC 9768, 3.2.3: whole fields of three bytes, as many as there are; what is left over is padding. [RFC9768 3.2.3b] */
static void take_accecn(const uint8_t *value, uint32_t n, bool order1, struct ek_tcp_opts *out)
{
        uint32_t *first = order1 ? &out->accecn_e1b : &out->accecn_e0b;
        uint32_t *last = order1 ? &out->accecn_e0b : &out->accecn_e1b;

        out->present |= ELKO_OPT_ACCECN;
        out->accecn_has = 0;
        if (n >= 3) {
                *first = get24be(value);
                out->accecn_has = order1 ? 1 : 2;
        }
        if (n >= 6) {
                out->accecn_ceb = get24be(value + 3);
                out->accecn_has |= 4;
        }
        if (n >= 9) {
                *last = get24be(value + 6);
                out->accecn_has = 7;
        }
}

/* Options that are only noted. */
static uint32_t noted(const uint8_t *opt, uint32_t len)
{
        switch (opt[0]) {
        case EK_TCP_OPT_SACK_PERMITTED:
                return len == LEN_SACK_PERMITTED ? ELKO_OPT_SACK_PERMITTED : 0;
        case EK_TCP_OPT_MD5: return len == LEN_MD5 ? ELKO_OPT_MD5 : 0;
        case EK_TCP_OPT_AO: return len >= LEN_AO_MIN ? ELKO_OPT_AO : 0;
        case EK_TCP_OPT_MPTCP: return len >= LEN_MPTCP_MIN ? ELKO_OPT_MPTCP : 0;
        default: return ELKO_OPT_UNKNOWN;
        }
}

/* One option of `len` bytes, 2 or more, at opt. [RFC9293 MUST-6] */
static void take_option(const uint8_t *opt, uint32_t len, struct ek_tcp_opts *out)
{
        switch (opt[0]) {
        case EK_TCP_OPT_MSS:
                if (len == LEN_MSS)
                        take_mss(opt + 2, out);
                break;
        case EK_TCP_OPT_WSCALE:
                if (len == LEN_WSCALE)
                        take_wscale(opt + 2, out);
                break;
        case EK_TCP_OPT_TIMESTAMPS:
                if (len == LEN_TIMESTAMPS)
                        take_timestamps(opt + 2, out);
                break;
        case EK_TCP_OPT_USER_TIMEOUT:
                if (len == LEN_USER_TIMEOUT)
                        take_user_timeout(opt + 2, out);
                break;
        case EK_TCP_OPT_SACK: take_sack(opt + 2, len - 2, out); break;
        case EK_TCP_OPT_ACCECN0: take_accecn(opt + 2, len - 2, false, out); break;
        case EK_TCP_OPT_ACCECN1: take_accecn(opt + 2, len - 2, true, out); break;
        case EK_TCP_OPT_FASTOPEN: take_fastopen(opt + 2, len - 2, false, out); break;
        case EK_TCP_OPT_EXPERIMENT: /* kind, length and a magic of 2 bytes (RFC 6994) */
                if (len >= 4 && ek_get16be(opt + 2) == EXPERIMENT_FASTOPEN)
                        take_fastopen(opt + 4, len - 4, true, out);
                else
                        out->present |= ELKO_OPT_UNKNOWN;
                break;
        default: out->present |= noted(opt, len); break;
        }
}

/* [RFC9293 MUST-4 MUST-68 MUST-7 MUST-64] */
void ek_tcp_opts_parse(const uint8_t *p, uint32_t n, struct ek_tcp_opts *out)
{
        uint32_t i = 0;

        memset(out, 0, sizeof(*out));
        if (n == EK_TCP_OPT_TS_BYTES && ek_get32be(p) == NOP_NOP_TIMESTAMPS) {
                take_timestamps(p + 4, out);
                return;
        }
        while (i < n && p[i] != EK_TCP_OPT_EOL) {
                EK_WORK(1);
                if (p[i] == EK_TCP_OPT_NOP) {
                        i++;
                        continue;
                }
                if (n - i < 2 || p[i + 1] < 2 || p[i + 1] > n - i) {
                        out->malformed = true; /* RFC 9293, 3.2: MUST-7 */
                        return;
                }
                take_option(p + i, p[i + 1], out);
                i += p[i + 1];
        }
}

/* ---- emit ---- */

static bool has(const struct ek_tcp_opts *o, enum elko_option_present bit)
{
        return (o->present & (uint32_t)bit) != 0;
}

/* The Fast Open option with its padding. */
static uint32_t fastopen_len(const struct ek_tcp_opts *o)
{
        uint32_t n = (o->fastopen_exp ? 4u : 2u) + o->fastopen_bytes;

        return has(o, ELKO_OPT_FASTOPEN) ? (n + 3) & ~3u : 0;
}

/* The AccECN option with its padding. */
static uint32_t accecn_len(const struct ek_tcp_opts *o)
{
        return has(o, ELKO_OPT_ACCECN) ? (2 + 3u * o->accecn_fields + 3) & ~3u : 0;
}

/* All but SACK and Fast Open: at most 36 bytes. */
static uint32_t plain_len(const struct ek_tcp_opts *o)
{
        uint32_t n = 0;

        if (has(o, ELKO_OPT_MSS))
                n += 4;
        if (has(o, ELKO_OPT_TIMESTAMPS))
                n += EK_TCP_OPT_TS_BYTES; /* SACK-permitted fits in its padding */
        else if (has(o, ELKO_OPT_SACK_PERMITTED))
                n += 4;
        if (has(o, ELKO_OPT_WSCALE))
                n += 4;
        if (has(o, ELKO_OPT_USER_TIMEOUT))
                n += 4;
        return n + accecn_len(o);
}

bool ek_tcp_opts_fastopen_fits(const struct ek_tcp_opts *o)
{
        return plain_len(o) + fastopen_len(o) <= EK_TCP_OPT_MAX_BYTES;
}

/* All but SACK. */
static uint32_t fixed_len(const struct ek_tcp_opts *o)
{
        return plain_len(o) + (ek_tcp_opts_fastopen_fits(o) ? fastopen_len(o) : 0);
}

/* How many blocks fit behind `used` bytes. */
static uint32_t sack_blocks(const struct ek_tcp_opts *o, uint32_t used)
{
        uint32_t room = used + 4 < EK_TCP_OPT_MAX_BYTES ? (EK_TCP_OPT_MAX_BYTES - used - 4) / 8 : 0;

        return has(o, ELKO_OPT_SACK) ? ek_min_u32(o->sack_count, room) : 0;
}

uint32_t ek_tcp_opts_len(const struct ek_tcp_opts *o)
{
        uint32_t used = fixed_len(o), blocks = sack_blocks(o, used);

        return used + (blocks > 0 ? 4 + 8 * blocks : 0);
}

/* Four bytes at once; returns what follows. */
static uint8_t *put4(uint8_t *out, uint32_t a, uint32_t b, uint32_t c, uint32_t d)
{
        ek_put32be(out, a << 24 | b << 16 | c << 8 | d);
        return out + 4;
}

static uint8_t *put_timestamps(uint8_t *out, const struct ek_tcp_opts *o)
{
        if (has(o, ELKO_OPT_SACK_PERMITTED))
                out = put4(out, EK_TCP_OPT_SACK_PERMITTED, LEN_SACK_PERMITTED,
                           EK_TCP_OPT_TIMESTAMPS, LEN_TIMESTAMPS);
        else
                out = put4(out, EK_TCP_OPT_NOP, EK_TCP_OPT_NOP, EK_TCP_OPT_TIMESTAMPS,
                           LEN_TIMESTAMPS);
        ek_put32be(out, o->ts_val);
        ek_put32be(out + 4, o->ts_ecr);
        return out + 8;
}

static uint8_t *put_sack(uint8_t *out, const struct ek_tcp_opts *o, uint32_t blocks)
{
        out = put4(out, EK_TCP_OPT_NOP, EK_TCP_OPT_NOP, EK_TCP_OPT_SACK, 2 + 8 * blocks);
        for (uint32_t i = 0; i < blocks; i++) {
                ek_put32be(out, o->sack[i].left);
                ek_put32be(out + 4, o->sack[i].right);
                out += 8;
        }
        return out;
}

static uint8_t *put_wscale(uint8_t *out, const struct ek_tcp_opts *o)
{
        if (!has(o, ELKO_OPT_WSCALE))
                return out;
        return put4(out, EK_TCP_OPT_NOP, EK_TCP_OPT_WSCALE, LEN_WSCALE, o->wscale);
}

static uint8_t *put_fastopen(uint8_t *out, const struct ek_tcp_opts *o)
{
        uint32_t n = (o->fastopen_exp ? 4u : 2u) + o->fastopen_bytes, pad = fastopen_len(o) - n;

        out[0] = o->fastopen_exp ? EK_TCP_OPT_EXPERIMENT : EK_TCP_OPT_FASTOPEN;
        out[1] = (uint8_t)n;
        if (o->fastopen_exp)
                ek_put16be(out + 2, EXPERIMENT_FASTOPEN);
        if (o->fastopen_bytes > 0)
                memcpy(out + n - o->fastopen_bytes, o->fastopen, o->fastopen_bytes);
        memset(out + n, EK_TCP_OPT_NOP, pad);
        return out + n + pad;
}

static uint8_t *put24(uint8_t *out, uint32_t v)
{
        out[0] = (uint8_t)(v >> 16);
        out[1] = (uint8_t)(v >> 8);
        out[2] = (uint8_t)v;
        return out + 3;
}

static uint8_t *put_accecn(uint8_t *out, const struct ek_tcp_opts *o)
{
        uint32_t fields[] = {o->accecn_order1 ? o->accecn_e1b : o->accecn_e0b, o->accecn_ceb,
                             o->accecn_order1 ? o->accecn_e0b : o->accecn_e1b};
        uint32_t n = 2 + 3u * o->accecn_fields, pad = accecn_len(o) - n;

        *out++ = o->accecn_order1 ? EK_TCP_OPT_ACCECN1 : EK_TCP_OPT_ACCECN0;
        *out++ = (uint8_t)n;
        for (uint32_t i = 0; i < o->accecn_fields; i++)
                out = put24(out, fields[i]);
        memset(out, EK_TCP_OPT_NOP, pad);
        return out + pad;
}

/* SACK-permitted alone: padded in front, or behind it when that is the end of the list. */
static uint8_t *put_sack_permitted(uint8_t *out, const struct ek_tcp_opts *o)
{
        if (o->scale_first && !has(o, ELKO_OPT_USER_TIMEOUT) && !has(o, ELKO_OPT_SACK) &&
            !has(o, ELKO_OPT_FASTOPEN) && !has(o, ELKO_OPT_ACCECN))
                return put4(out, EK_TCP_OPT_SACK_PERMITTED, LEN_SACK_PERMITTED, EK_TCP_OPT_EOL,
                            EK_TCP_OPT_EOL);
        return put4(out, EK_TCP_OPT_NOP, EK_TCP_OPT_NOP, EK_TCP_OPT_SACK_PERMITTED,
                    LEN_SACK_PERMITTED);
}

/* [RFC9293 MUST-69] */
uint32_t ek_tcp_opts_emit(uint8_t *out, const struct ek_tcp_opts *o)
{
        uint32_t blocks = sack_blocks(o, fixed_len(o));
        uint8_t *p = out;

        EK_ASSERT(o->sack_count <= SACK_MAX && o->wscale <= EK_TCP_MAX_WSCALE);
        EK_ASSERT(o->accecn_fields <= 3);
        EK_ASSERT(o->fastopen_bytes <= FASTOPEN_MAX);
        if (has(o, ELKO_OPT_MSS))
                p = put4(p, EK_TCP_OPT_MSS, LEN_MSS, o->mss >> 8, o->mss & 0xff);
        if (o->scale_first)
                p = put_wscale(p, o);
        if (has(o, ELKO_OPT_TIMESTAMPS))
                p = put_timestamps(p, o);
        else if (has(o, ELKO_OPT_SACK_PERMITTED))
                p = put_sack_permitted(p, o);
        if (!o->scale_first)
                p = put_wscale(p, o);
        if (has(o, ELKO_OPT_USER_TIMEOUT))
                p = put4(p, EK_TCP_OPT_USER_TIMEOUT, LEN_USER_TIMEOUT, o->user_timeout >> 8,
                         o->user_timeout & 0xff);
        if (has(o, ELKO_OPT_FASTOPEN) && ek_tcp_opts_fastopen_fits(o))
                p = put_fastopen(p, o);
        if (has(o, ELKO_OPT_ACCECN))
                p = put_accecn(p, o);
        if (blocks > 0)
                p = put_sack(p, o, blocks);
        return (uint32_t)(p - out);
}
