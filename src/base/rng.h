/*
 * rng.h - deterministic stream of random numbers from a 128-bit seed.
 *
 * Same seed, same stream number, same calls: same numbers, on every host. Different stream numbers
 * give independent streams, so that one module's draws don't disturb another's. Unpredictable to
 * whoever does not know the seed; the seed must come from a good source and stay secret.
 */
#ifndef EK_BASE_RNG_H
#define EK_BASE_RNG_H

#include "base/port.h"
#include "base/siphash.h"

struct ek_rng {
        struct ek_siphash_key key;
        uint64_t stream;
        uint64_t counter; /* draws so far */
};

/* Starts stream number `stream` of the seed. The seed is copied. */
void ek_rng_init(struct ek_rng *r, const uint8_t seed[16], uint64_t stream);

/* Uniform over all 64-bit values. */
uint64_t ek_rng_u64(struct ek_rng *r);

/* Uniform over all 32-bit values. */
uint32_t ek_rng_u32(struct ek_rng *r);

/* Uniform over 0..n-1, without bias; n must not be 0. May take several draws, two on average. */
uint64_t ek_rng_below(struct ek_rng *r, uint64_t n);

/* Fills n bytes. Takes one draw for every 8 bytes begun. */
void ek_rng_fill(struct ek_rng *r, void *dst, size_t n);

#endif
