/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_HIST_H
#define ELKO_DRIVERS_HIST_H

/*
 * A histogram of spans: how many fell where, in buckets whose width grows with the value.
 *
 * Values below 64 have a bucket each; from there every factor of two is cut into 32, so a quantile
 * is right within 1/64 of itself. It never grows and is copied by assignment.
 */

#include <stdint.h>

enum { ELKO_HIST_SUB = 32, ELKO_HIST_BUCKETS = 60 * ELKO_HIST_SUB };

struct elko_hist {
        uint64_t count, sum, max;
        uint32_t bucket[ELKO_HIST_BUCKETS];
};

void elko_hist_add(struct elko_hist *h, uint64_t value);

/* The value that `share_ppm` of all do not exceed: the middle of its bucket, never more than the
 * maximum. 0 when there is none. */
uint64_t elko_hist_quantile(const struct elko_hist *h, uint32_t share_ppm);

/* 0 when there is none. */
uint64_t elko_hist_mean(const struct elko_hist *h);

#endif
