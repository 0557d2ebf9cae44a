/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_COOKIE_H
#define EK_TCP_COOKIE_H

/* SYN cookies, RFC 4987, 3.6. Leaf but for the key. */

#include "base/siphash.h"
#include "tcp/seq.h"
#include "tcp/tcb.h"

/* What a cookie carries. */
struct ek_cookie {
        uint16_t mss;   /* a value of the table, at most the peer's */
        uint8_t wscale; /* the peer's; EK_HALF_OPEN_NO_WSCALE: none; needs timestamps */
        bool sack;      /* needs timestamps */
};

enum { EK_COOKIE_TS_BITS = 12, EK_COOKIE_LIFE_SECONDS = 60 };

/* The ISS that is the cookie. */
seq_t ek_cookie_make(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t irs,
                     uint16_t mss, uint64_t now);

/* The low bits of the timestamp carry what 32 bits of ISS can't: shift count and SACK of `c`. Never later than
 * `ts_val`, and never earlier than one before with the same of these. */
uint32_t ek_cookie_ts(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t iss,
                      uint32_t ts_val, const struct ek_cookie *c);

/* Is `iss` a cookie of ours, at most EK_COOKIE_LIFE_SECONDS .. twice that old? Sets out->mss. */
bool ek_cookie_check(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t irs,
                     seq_t iss, uint64_t now, struct ek_cookie *out);
/* False: it is no echo of the SYN,ACK that was this cookie (but for one of 128 others). */
bool ek_cookie_from_ts(const struct ek_siphash_key *secret, const struct ek_key *key, seq_t iss,
                       uint32_t ts_ecr, struct ek_cookie *out);

#endif
