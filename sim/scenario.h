/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_SCENARIO_H
#define ELKO_SIM_SCENARIO_H

/*
 * One scenario: everything follows from the seed.
 *
 *      chaos    nodes, paths, connections; the faults that the seed chose, each with its own intensity
 *      heal     all faults end; applications finish what they began, in an orderly way
 *      L1       by then everybody has everything, or an error with a cause
 *      the end  handles are given up; when 2 MSL are over nothing is left: no packet, no timer, no byte
 *      once more  a new connection works
 */

#include "world.h"

struct sim_run; /* memory that is used again and again */

struct sim_options {
        uint64_t packets_max;                /* O4; 0: the default */
        const struct sim_decisions *allowed; /* NULL: all */
        struct sim_decisions *record;        /* NULL: don't */
        void (*line)(void *ctx, const char *text);
        void *line_ctx;
        uint32_t faults; /* with `has_faults`: these classes, not the seed's choice */
        bool has_faults;
        bool monitor; /* the wire monitor judges, too (O3) */

        /* For tests of the oracles: see oracle.h. */
        uint64_t plant_byte, plant_eof;
        /* One more observer, told when a run begins, and asked at the end what was wrong, NULL: nothing. */
        struct sim_observer observer;
        void (*begin)(void *self);
        const char *(*verdict)(void *self);
};

struct sim_result {
        bool failed;
        char failure[400];
        uint64_t hash;
        uint64_t virtual_ns;
        struct sim_stats stats;
        uint32_t faults; /* classes that struck at least once */
        uint64_t connections, bytes_checked, ghosts, opened_both;
};

struct sim_run *sim_run_new(void);
void sim_run_free(struct sim_run *run);

void sim_scenario(struct sim_run *run, uint64_t seed, const struct sim_options *opt,
                  struct sim_result *out);

#endif
