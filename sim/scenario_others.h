/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_SCENARIO_OTHERS_H
#define ELKO_SIM_SCENARIO_OTHERS_H

/*
 * Everybody in a scenario who is not elko: a legal but odd TCP (13), an attacker (15), a middlebox (16),
 * and the wire monitor, which judges from the outside (O3).
 */

#include "attacker.h"
#include "middlebox.h"
#include "monitor.h"
#include "oracle.h"
#include "peer_odd.h"
#include "scenario_draw.h"

struct sim_others {
        struct sim_world *world;
        struct sim_oracle *oracle;
        const struct sim_shape *shape;
        const struct sim_elko *elko; /* the nodes, by number */
        struct peer_odd *odd;
        int odd_node; /* -1: none */
        bool odd_illegal;
        struct attacker *attacker;
        bool replays;
        struct middlebox *box;
        bool bypassed; /* the attacker replays packets, and the box does not see them */
        struct sim_monitor *monitor;
};

/* After the stacks were added: draw who is there and add them. */
void sim_others_add(struct sim_others *o, struct sim_world *w, struct sim_oracle *oracle,
                    const struct sim_shape *shape, const struct sim_elko *elko, bool monitor);

/* Open the planned connection `c`, which begins at the odd peer. */
void sim_others_open(struct sim_others *o, const struct sim_shape_conn *c, uint64_t now);

/* A node lost its memory. */
void sim_others_reboot(struct sim_others *o, int node);

/* The run is over: what the monitor still has to say, and its counts. */
void sim_others_end(struct sim_others *o);

#endif
