/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_SWARM_H
#define ELKO_SIM_SWARM_H

/*
 * Many seeds, in several processes: each takes the next seed that nobody has, and adds up what it saw in
 * memory that all share. A process that dies (an assertion, a signal) has told which seed it was at; that
 * seed has failed, and another process goes on.
 */

#include "scenario.h"

enum { SIM_SWARM_FAILURES = 64, SIM_SWARM_JOBS = 64, SIM_SWARM_BUCKETS = 4096 };

struct sim_swarm_failure {
        uint64_t seed;
        char text[400];
};

struct sim_swarm_total {
        uint64_t scenarios, failed, packets, virtual_ns, connections, bytes;
        uint64_t harms[SIM_FAULTS];             /* decisions carried out */
        uint64_t scenarios_with[SIM_FAULTS];    /* scenarios in which the class struck */
        uint64_t pair[SIM_FAULTS][SIM_FAULTS];  /* ... both classes, i < j */
        uint64_t by_packets[SIM_SWARM_BUCKETS]; /* scenarios, by packets; the last one: more */
        uint64_t hash;                          /* of all hashes, in any order */
        uint32_t failures;
        struct sim_swarm_failure failure[SIM_SWARM_FAILURES];
        double seconds;
};

/* Run seeds first..last in `jobs` processes (0: in this one). `progress` may be NULL; it is called now and
 * then. False: processes or memory can't be had. */
bool sim_swarm(uint64_t first, uint64_t last, unsigned jobs, const struct sim_options *opt,
               void (*progress)(void *ctx, const struct sim_swarm_total *so_far), void *ctx,
               struct sim_swarm_total *out);

uint64_t sim_swarm_median(const struct sim_swarm_total *t);

/* The pair of classes that met least often: how often. */
uint64_t sim_swarm_pair_min(const struct sim_swarm_total *t, unsigned *a, unsigned *b);

#endif
