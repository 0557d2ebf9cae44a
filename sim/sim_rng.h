/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_RNG_H
#define ELKO_SIM_RNG_H

/*
 * Random streams that never disturb each other.
 *
 * Every consumer of chance (a fault class on a path, an application, an attacker) owns a stream that is
 * a function of (seed, name of the stream) alone. So turning one fault off leaves all other decisions
 * where they were, and the minimiser can delete decisions one by one. SplitMix64 (Steele, Lea, Flood
 * 2014): one multiply-xorshift chain for each 64 bits, good enough for choices, no secret.
 */

#include <stdbool.h>
#include <stdint.h>

/* A word whose bytes stand in memory with the lowest first, on every machine. */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define SIM_LITTLE(v) __builtin_bswap64(v)
#else
#define SIM_LITTLE(v) (v)
#endif

struct sim_rng {
        uint64_t state;
};

static inline uint64_t sim_mix64(uint64_t z)
{
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

/* The stream called (a, b, c) of a seed. */
static inline struct sim_rng sim_rng_make(uint64_t seed, uint32_t a, uint32_t b, uint32_t c)
{
        struct sim_rng r = {sim_mix64(seed ^
                                      sim_mix64(((uint64_t)a << 32 | b) + 0x9e3779b97f4a7c15u) ^
                                      sim_mix64((uint64_t)c + 0xd1342543de82ef95u))};

        return r;
}

static inline uint64_t sim_rng_u64(struct sim_rng *r)
{
        r->state += 0x9e3779b97f4a7c15u;
        return sim_mix64(r->state);
}

/* The upper half of the product. */
static inline uint64_t sim_mul_high(uint64_t a, uint64_t b)
{
#ifdef __SIZEOF_INT128__
        return (uint64_t)(((unsigned __int128)a * b) >> 64);
#else
        uint64_t al = (uint32_t)a, ah = a >> 32, bl = (uint32_t)b, bh = b >> 32;
        uint64_t mid = ah * bl + (al * bl >> 32), low = al * bh + (uint32_t)mid;

        return ah * bh + (mid >> 32) + (low >> 32);
#endif
}

/* Evenly in 0..n-1; n 0: 0. */
static inline uint64_t sim_rng_below(struct sim_rng *r, uint64_t n)
{
        return n == 0 ? 0 : sim_mul_high(sim_rng_u64(r), n);
}

/* Evenly in lo..hi, both included. */
static inline uint64_t sim_rng_range(struct sim_rng *r, uint64_t lo, uint64_t hi)
{
        return lo + sim_rng_below(r, hi - lo + 1);
}

/* True with a chance of ppm in a million. */
static inline bool sim_rng_chance(struct sim_rng *r, uint32_t ppm)
{
        return sim_rng_below(r, 1000000) < ppm;
}

/* Log-uniform in lo..hi (lo >= 1): each factor of two is equally likely, so small and large
 * intensities both get their turn (swarm testing). */
static inline uint64_t sim_rng_log(struct sim_rng *r, uint64_t lo, uint64_t hi)
{
        unsigned bits = 0;
        uint64_t base, top;

        for (uint64_t q = hi / lo; q > 1; q >>= 1)
                bits++;
        base = lo << sim_rng_below(r, bits + 1u);
        top = base > hi / 2 ? hi : base * 2 - 1;
        return sim_rng_range(r, base, top < base ? base : top);
}

#endif
