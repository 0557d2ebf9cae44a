/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_SIM_H
#define ELKO_SIM_SIM_H

/*
 * The contract between the simulated network and what stands in it.
 *
 * A world is one thread of virtual time with a queue of events. Nodes stand around one network; each has
 * one or more addresses. A node gives packets to the world with sim_send(); the world finds the node that
 * owns the destination address, and passes the packet along the path from sender to owner: an ordered pair
 * of nodes with a chain of faults, delays and maybe a middlebox, each with random streams of its own
 * (sim_rng.h). What arrives is given to the owner's input().
 *
 * Everything is a function of the seed: nodes must draw all chance from streams made by
 * sim_rng_make(world seed, their number, ...) and all time from `now`. No node keeps static state, calls
 * the operating system or looks at addresses of memory.
 *
 * Packets are bare IP packets (ELKO_MEDIUM_IP), at most SIM_MTU_MAX bytes.
 */

#include <elko/elko.h>

#include "sim_rng.h"

enum { SIM_NODES = 10, SIM_MTU_MAX = 9216 };

struct sim_world;

/* The behaviour of a node. `self` is the node's own. Any function may call sim_send() and sim_wake(). */
struct sim_node_ops {
        const char *name;

        /* A packet arrived; it is valid during the call. */
        void (*input)(void *self, struct sim_world *w, const uint8_t *packet, size_t len,
                      uint64_t now);

        /* The instant asked for by sim_wake() has come. */
        void (*run)(void *self, struct sim_world *w, uint64_t now);

        /* The heal phase begins: from now on no harm is done on purpose; whatever is open must come to
         * an end by itself. NULL: nothing to change. */
        void (*heal)(void *self, struct sim_world *w, uint64_t now);

        /* All that must be true of this node now; NULL, or the sentence that is broken, valid until the
         * next call. The world asks after every event that concerned the node. NULL: nothing. */
        const char *(*check)(void *self);

        void (*destroy)(void *self);
};

/* Add a node that owns addresses `v4` and `v6`; it is destroyed with the world. Returns its number, or
 * -1: SIM_NODES are there. Node n has the addresses 10.0.0.(n+1) and fd00::(n+1) of sim_address(). */
int sim_node_add(struct sim_world *w, const struct sim_node_ops *ops, void *self);
elko_ip sim_address(unsigned node, bool v6);

/* Put a packet on the network, as node `from`. Any source address may be in it: attackers lie.
 * The bytes are copied. Over-long packets and unknown destinations are dropped and counted. */
void sim_send(struct sim_world *w, int from, const uint8_t *packet, size_t len);

/* Call node `node`'s run() at `at` (at once if that has passed). A later call replaces an earlier one;
 * ELKO_NEVER: don't. */
void sim_wake(struct sim_world *w, int node, uint64_t at);

uint64_t sim_now(const struct sim_world *w);
uint64_t sim_seed(const struct sim_world *w);

/* Something is wrong: the run ends here as failed. printf-like; the first one counts. */
void sim_fail(struct sim_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * An observer sees every packet where it leaves its sender (`sent`) and where it reaches its receiver,
 * before faults and after them. The monitor is one (monitor.h).
 */
struct sim_observer {
        void *self;
        void (*sent)(void *self, int from, const uint8_t *packet, size_t len, uint64_t now);
        void (*arrives)(void *self, int at, const uint8_t *packet, size_t len, uint64_t now);
};

void sim_observe(struct sim_world *w, const struct sim_observer *o);

/*
 * A middlebox sits on the path between two nodes in both directions. filter() gets each packet that enters
 * the path (from -> to) and answers by calling sim_forward() for whatever should go on: nothing, the
 * same, something else, several.
 */
struct sim_middlebox {
        void *self;
        void (*filter)(void *self, struct sim_world *w, int from, int to, const uint8_t *packet,
                       size_t len, uint64_t now);
        void (*heal)(void *self); /* may be NULL */
        void (*destroy)(void *self);
};

/* Between nodes a and b, both ways. At most one for each pair. */
void sim_middlebox_set(struct sim_world *w, int a, int b, const struct sim_middlebox *m);
void sim_forward(struct sim_world *w, int from, int to, const uint8_t *packet, size_t len);

#endif
