/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_SCENARIO_DRAW_H
#define ELKO_SIM_SCENARIO_DRAW_H

/* What a seed means: which nodes, connections, paths and faults a scenario has. */

#include "node_elko.h"

enum {
        SIM_ELKOS = 3,
        SIM_SHAPE_CONNS = 40,
        SIM_REGION_MAX = 4 << 20,
};

struct sim_shape_conn {
        uint64_t at;
        uint32_t number;
        unsigned from, to;
        uint16_t port, local_port;
        bool v6, done;
};

/* What most seeds have nothing of, because it costs packets or hides the rest. */
enum sim_shape_kind {
        SIM_SHAPE_USUAL,
        SIM_SHAPE_BIG,    /* windows far above 64 KiB, and a cut path while they are full */
        SIM_SHAPE_SLEEP,  /* a connection is idle for weeks: RFC 7323, 5.5 */
        SIM_SHAPE_OUTAGE, /* a path is cut for hours, and the users are patient: RFC 5482 */
        SIM_SHAPE_STUCK,  /* the reader rests for good; who writes waits, has gone, or is cut off */
};

struct sim_shape {
        uint32_t faults;
        enum sim_shape_kind kind;
        bool stuck_cut;
        unsigned elkos;
        bool odd; /* node number `elkos` is an odd peer */
        struct sim_elko_config elko[SIM_ELKOS];
        struct sim_shape_conn conn[SIM_SHAPE_CONNS];
        unsigned conns;
        uint64_t length; /* packets, roughly */
        uint64_t most_bytes;
        uint64_t chaos_ns;
        uint64_t delay_ns, bytes_per_s; /* of all paths, roughly */
        uint32_t buffer_bytes;
};

/* `faults` NULL: the seed chooses the classes. */
void sim_shape_draw(struct sim_shape *s, struct sim_world *w, const uint32_t *faults);

/* The path from node a to node b. */
void sim_shape_path(const struct sim_shape *s, struct sim_world *w, unsigned a, unsigned b,
                    struct sim_path *p);

/* What the kind of the seed changes of an application's plan. */
void sim_shape_bend(const struct sim_shape *s, struct sim_world *w, unsigned number, unsigned end,
                    struct sim_app_plan *p);

/* L1: how long after the faults everything takes at most. */
uint64_t sim_shape_l1(const struct sim_shape *s);

/* L2: R2 + 2 MSL, and the packets that are still on the way. */
uint64_t sim_shape_longest_end(const struct sim_shape *s);

/* L5: one SYN time-out, and the time that the bytes take. */
uint64_t sim_shape_once_more(const struct sim_shape *s);

#endif
