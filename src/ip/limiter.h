/*
 * limiter.h - token buckets by destination: how fast may we speak to whom.
 *
 * Destinations share a bucket only by a hash collision under a secret key, so that nobody can learn
 * from his own allowance what was sent to somebody else (no host-global counter).
 */
#ifndef EK_IP_LIMITER_H
#define EK_IP_LIMITER_H

#include "base/port.h"
#include "base/siphash.h"

#include <elko/types.h>

enum { EK_LIMITER_BUCKETS = 256 };

struct ek_limiter {
        struct ek_siphash_key key;
        uint64_t interval_ns; /* between two messages in the long run */
        uint64_t burst_ns;    /* (burst - 1) * interval */
        uint64_t next_at[EK_LIMITER_BUCKETS];
};

/* `burst` (>= 1) messages at once, then one each `interval_ns`. The key is copied. */
void ek_limiter_init(struct ek_limiter *l, const struct ek_siphash_key *key, uint64_t interval_ns,
                     uint32_t burst);

/* Take a token for `dst`; false: none left. O(1). */
bool ek_limiter_take(struct ek_limiter *l, const elko_ip *dst, uint64_t now);

#endif
