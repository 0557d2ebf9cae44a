/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_SUMMARY_H
#define EK_CLI_LAB_SUMMARY_H

/* What the runs of a cell say together: medians over its seeds, and who is how much better. */

#include "cli/lab_run.h"

enum { EK_LAB_SEEDS_MAX = 1000 };

/* Of one sender in one cell. Rates in bits per second of payload, from the start of the flow on. */
struct ek_lab_summary {
        uint64_t goodput, goodput_min, goodput_max;
        uint64_t retrans_segs, retrans_bytes, timeouts;     /* medians */
        uint64_t srtt_ns, rwnd_limited_ppm;                 /* medians */
        uint64_t queue_mean_ns, queue_p95_ns, late_p99_ns;  /* medians */
        uint64_t lost, overflow, marked;                    /* medians */
        unsigned runs, failed, disturbed, attempts, broken; /* broken: the connection ended early */
        const char *why;                                    /* of a failed run */
};

/* A cell with its results: [seed * entrants + entrant]. With flows there is one entrant of several flows,
 * otherwise one for each peer. */
struct ek_lab_outcome {
        const struct ek_lab_cell *cell;
        const struct ek_lab_result *result;
};

unsigned ek_lab_entrants(const struct ek_lab_cell *c);

/* Who sends in a run of this entrant, and whom column `i` of the table is about. */
struct ek_lab_peers ek_lab_senders(const struct ek_lab_cell *c, unsigned entrant);
const struct ek_lab_peers *ek_lab_rows(const struct ek_lab_cell *c);

/* Of row i of the table: peer i, or flow i. */
struct ek_lab_summary ek_lab_summarise(const struct ek_lab_outcome *o, unsigned row);

/* Goodput of run `seed`, bits/s. */
uint64_t ek_lab_goodput(const struct ek_lab_outcome *o, unsigned row, uint64_t seed);

/* Jain's index over the flows, in millionths: median over the seeds. 0: there are no flows. */
uint64_t ek_lab_fairness(const struct ek_lab_outcome *o);

uint64_t ek_lab_median(uint64_t *values, size_t n); /* sorts them; 0 of none */

/* a / b in millionths; 0 when b is 0. */
uint64_t ek_lab_ratio_ppm(uint64_t a, uint64_t b);

#endif
