/* SPDX-License-Identifier: MIT */
#include "tcp/cookie.h"

#include "tcp/half_open.h"

/*
 * RFC 4987, 3.6: when the SYN queue is full, the SYN+ACK's sequence number itself proves later that the
 * peer received it. 32 bits hold
 *
 *      bit 31      parity of the epoch (of 60 s) in which the cookie was made
 *      bits 30-28  index into a table of MSS values
 *      bits 27-0   keyed hash of tuple, IRS, epoch and index
 *
 * so a blind guess is right with probability 2^-28 whatever the other bits say. Window scale and SACK go
 * into the low bits of the timestamp, if the peer uses timestamps; else they are lost:
 *
 *      bits 11-5   keyed hash of tuple, ISS and the bits below
 *      bit 4       SACK permitted
 *      bits 3-0    shift count; 15: none
 *
 * The hash tells the timestamp of a SYN,ACK from all others of ours. Where a connection has given up, the peer may
 * repeat its third segment with the echo of a later one; a window scale read out of that would let us send beyond
 * the window (RFC 9293, 3.8.6).
 */

static const uint16_t mss_table[8] = {48, 536, 1220, 1360, 1440, 1460, 4312, 8960};

enum {
        HASH_MASK = 0x0fffffff,
        TS_MASK = (1 << EK_COOKIE_TS_BITS) - 1,
        OFFER_BITS = 5,
        OFFER_MASK = (1 << OFFER_BITS) - 1,
};

static uint64_t epoch(uint64_t now)
{
        return now / ELKO_SEC(EK_COOKIE_LIFE_SECONDS);
}

static uint32_t digest(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t irs,
                       uint64_t when, unsigned index)
{
        struct {
                struct ek_key key;
                uint32_t irs;
                uint64_t when;
                uint64_t index;
        } in;

        memset(&in, 0, sizeof(in));
        in.key = *key;
        in.irs = irs.v;
        in.when = when;
        in.index = index;
        return (uint32_t)ek_siphash24(secret, &in, sizeof(in)) & HASH_MASK;
}

/* [RFC4987 3.6c] */
seq_t ek_cookie_make(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t irs,
                     uint16_t mss, uint64_t now)
{
        uint64_t when = epoch(now);
        unsigned index = 7;

        while (index > 0 && mss_table[index] > mss)
                index--;
        return seq_make((uint32_t)(when & 1) << 31 | (uint32_t)index << 28 |
                        digest(secret, key, irs, when, index));
}

/* [RFC4987 3.6b] */
bool ek_cookie_check(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t irs,
                     seq_t iss, uint64_t now, struct ek_cookie *out)
{
        uint64_t when = epoch(now);
        unsigned index = (iss.v >> 28) & 7;

        if ((when & 1) != iss.v >> 31) {
                if (when == 0)
                        return false;
                when--;
        }
        if (digest(secret, key, irs, when, index) != (iss.v & HASH_MASK))
                return false;
        *out = (struct ek_cookie){.mss = mss_table[index], .wscale = EK_HALF_OPEN_NO_WSCALE};
        return true;
}

/* The low bits of the timestamp that goes with this cookie. */
static uint32_t ts_low(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t iss,
                       uint32_t offer)
{
        struct {
                struct ek_key key;
                uint32_t iss, offer;
        } in;

        memset(&in, 0, sizeof(in));
        in.key = *key;
        in.iss = iss.v;
        in.offer = offer;
        return offer | ((uint32_t)ek_siphash24(secret, &in, sizeof(in)) << OFFER_BITS & TS_MASK);
}

/* [RFC4987 3.6d] */
uint32_t ek_cookie_ts(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t iss,
                      uint32_t ts_val, const struct ek_cookie *c)
{
        uint32_t offer = (uint32_t)(c->wscale & 15) | (uint32_t)c->sack << 4;
        uint32_t ts = (ts_val & ~(uint32_t)TS_MASK) | ts_low(secret, key, iss, offer);

        /* A timestamp must not run ahead of its own clock. */
        return (int32_t)(ts - ts_val) > 0 ? ts - (1u << EK_COOKIE_TS_BITS) : ts;
}

bool ek_cookie_from_ts(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t iss,
                       uint32_t ts_ecr, struct ek_cookie *out)
{
        uint32_t offer = ts_ecr & OFFER_MASK;

        if (ts_low(secret, key, iss, offer) != (ts_ecr & TS_MASK))
                return false;
        out->wscale = offer & 15;
        out->sack = offer >> 4 != 0;
        if (out->wscale > 14)
                out->wscale = EK_HALF_OPEN_NO_WSCALE;
        return true;
}
