/* SPDX-License-Identifier: MIT */
/*
 * The bucket of a value: below 2 SUB the value itself. Above, with e the position of the highest bit,
 * the SUB buckets of that factor of two are told apart by the five bits behind it.
 */

#include "drivers/hist.h"

enum { SUB_BITS = 5, MILLION = 1000000 };

static unsigned bucket_of(uint64_t value)
{
        unsigned high;

        if (value < 2 * ELKO_HIST_SUB)
                return (unsigned)value;
        high = 63u - (unsigned)__builtin_clzll(value);
        return (high - SUB_BITS) * ELKO_HIST_SUB + (unsigned)(value >> (high - SUB_BITS));
}

/* The middle of what falls into a bucket. */
static uint64_t value_of(unsigned bucket)
{
        unsigned shift;
        uint64_t low;

        if (bucket < 2 * ELKO_HIST_SUB)
                return bucket;
        shift = bucket / ELKO_HIST_SUB - 1;
        low = (uint64_t)(bucket % ELKO_HIST_SUB + ELKO_HIST_SUB) << shift;
        return low + ((UINT64_C(1) << shift) - 1) / 2;
}

void elko_hist_add(struct elko_hist *h, uint64_t value)
{
        h->count++;
        h->sum += value;
        if (value > h->max)
                h->max = value;
        h->bucket[bucket_of(value)]++;
}

uint64_t elko_hist_quantile(const struct elko_hist *h, uint32_t share_ppm)
{
        uint64_t wanted = (h->count * share_ppm + MILLION - 1) / MILLION;
        uint64_t seen = 0;

        for (unsigned i = 0; h->count > 0 && i < ELKO_HIST_BUCKETS; i++) {
                seen += h->bucket[i];
                if (h->bucket[i] > 0 && seen >= wanted)
                        return value_of(i) < h->max ? value_of(i) : h->max;
        }
        return h->max;
}

uint64_t elko_hist_mean(const struct elko_hist *h)
{
        return h->count == 0 ? 0 : h->sum / h->count;
}
