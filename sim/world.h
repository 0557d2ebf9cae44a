/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_WORLD_H
#define ELKO_SIM_WORLD_H

/*
 * The world as those see it who build and drive one: scenarios, the swarm, the minimiser. Who merely
 * stands in it needs sim.h only.
 *
 * Each harm that is done is a *decision* with an identity: the fault class, where it strikes (a path, a
 * node, a connection) and the how-manieth occasion there it is. Whether occasion n is harmful is a
 * function of (seed, class, where, n) alone, so one decision can be forbidden and all others stay. A
 * script is a list of the decisions that are allowed; the minimiser makes it short (minimise.h).
 */

#include "path.h"
#include "sim.h"

/* The fault classes of the plan, 1..18, and 19; 0 is the shape of the scenario itself (its connections). */
#define SIM_FAULT_LIST(X)                                                                          \
        X(SHAPE, "connection", "a connection of the scenario")                                     \
        X(LOSS, "loss", "a packet is lost")                                                        \
        X(DUP, "duplication", "a packet arrives more than once")                                   \
        X(REORDER, "reordering", "a packet is overtaken")                                          \
        X(DELAY, "delay", "a packet takes longer")                                                 \
        X(CORRUPT, "corruption", "bits of a packet are changed")                                   \
        X(TRUNCATE, "truncation", "a packet is cut or padded")                                     \
        X(MTU, "mtu", "the path's MTU changes")                                                    \
        X(FLAP, "partition", "the path is cut for a time")                                         \
        X(REBOOT, "reboot", "a node loses all state")                                              \
        X(CLOCK, "clock", "a node's clock jumps, stands, or is polled late")                       \
        X(NOMEM, "memory", "an allocation fails")                                                  \
        X(DEVICE, "device", "the device refuses, batches or echoes packets")                       \
        X(WINDOW, "window", "the receiver closes or wobbles its window")                           \
        X(APP, "application", "an application stops, aborts, closes early")                        \
        X(ATTACKER, "attacker", "somebody else sends packets")                                     \
        X(MIDDLEBOX, "middlebox", "a middlebox changes packets or forgets")                        \
        X(RNG, "rng", "the random seed is constant or repeats")                                    \
        X(COOKIES, "cookies", "the SYN queue overflows: cookies")                                  \
        X(ECN, "ecn", "a packet's ECN field is marked, cleared or changed")

enum sim_fault {
#define SIM_X(name, word, text) SIM_F_##name,
        SIM_FAULT_LIST(SIM_X)
#undef SIM_X
                SIM_FAULTS
};

const char *sim_fault_word(enum sim_fault class);
const char *sim_fault_text(enum sim_fault class);

/* One decision. */
struct sim_decision {
        uint8_t class; /* enum sim_fault */
        uint8_t shown; /* in lists for people: what happened, see sim_decision_note() */
        uint16_t where;
        uint32_t n;
};

/* Decisions in a fixed array that grows; sorted only when used as a script. */
struct sim_decisions {
        struct sim_decision *list;
        uint32_t count, capacity;
};

bool sim_decisions_add(struct sim_decisions *d, struct sim_decision one);
void sim_decisions_sort(struct sim_decisions *d); /* and make each unique */
bool sim_decisions_has(const struct sim_decisions *sorted, struct sim_decision one);
void sim_decisions_free(struct sim_decisions *d);

/* "where" of a path, and of a node. */
static inline uint32_t sim_where_path(unsigned from, unsigned to)
{
        return from << 8 | to | 0x8000u;
}

/* ---- facts about one run ---- */

struct sim_stats {
        uint64_t packets;  /* given to the network */
        uint64_t arrivals; /* taken from it */
        uint64_t steps;    /* events of the world */
        uint64_t dropped_unknown, dropped_long, dropped_queue;
        uint64_t harms[SIM_FAULTS]; /* decisions that were carried out */
};

struct sim_world *sim_world_new(void);
void sim_world_free(struct sim_world *w);

/* Destroy all nodes and forget everything but memory; then it is as new, with another seed. */
void sim_world_reset(struct sim_world *w, uint64_t seed);

/* Only decisions in `allowed` are carried out (NULL: all); it must stay while the world is used. */
void sim_world_allow(struct sim_world *w, const struct sim_decisions *allowed);

/* Note down the decisions that are carried out (NULL: don't). */
void sim_world_record(struct sim_world *w, struct sim_decisions *made);

/* May this harm be done? Asked exactly when it would be: it is counted, recorded and hashed. */
bool sim_decide(struct sim_world *w, enum sim_fault class, uint32_t where, uint64_t n);

/* Run until `until`, until nothing is left to happen, until the run failed or its packets are used
 * up. True: something may still happen before `until`. */
bool sim_world_run(struct sim_world *w, uint64_t until);

/* From now on no harm: paths are clean, nodes and middleboxes are told. */
void sim_world_heal(struct sim_world *w);
bool sim_world_healed(const struct sim_world *w);

struct sim_path *sim_world_path(struct sim_world *w, unsigned from, unsigned to);
unsigned sim_world_nodes(const struct sim_world *w);
void *sim_world_node(const struct sim_world *w, unsigned node, const struct sim_node_ops *ops);

const struct sim_stats *sim_world_stats(const struct sim_world *w);
const char *sim_world_failure(const struct sim_world *w); /* NULL: all is well */
uint64_t sim_world_hash(const struct sim_world *w);
void sim_world_packets_max(struct sim_world *w, uint64_t max);

/* sim_world_run() returns as soon as so many packets were given to the network. */
void sim_world_pause_at(struct sim_world *w, uint64_t packets);
uint32_t sim_world_in_flight(const struct sim_world *w);

/* What comes next: the instant, ELKO_NEVER: nothing; *node is who wakes, -1: a packet arrives. */
uint64_t sim_world_next(const struct sim_world *w, int *node);

/* Whatever happened is part of the trace hash. */
void sim_note(struct sim_world *w, uint64_t what, uint64_t value);

/* Text for people, when somebody listens (--trace). */
void sim_world_listen(struct sim_world *w, void (*line)(void *ctx, const char *text), void *ctx);
bool sim_is_heard(const struct sim_world *w);
void sim_say(struct sim_world *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- for path.c ---- */

struct sim_packet {
        struct sim_packet *next; /* in the pool */
        uint64_t digest;
        uint32_t len;
        uint16_t class;
        uint8_t from, to;
        uint8_t data[];
};

struct sim_packet *sim_packet_new(struct sim_world *w, const uint8_t *bytes, size_t len);
void sim_packet_free(struct sim_world *w, struct sim_packet *p);
void sim_packet_touch(struct sim_packet *p); /* its bytes were changed */

/* It arrives at its `to` at `at`. */
void sim_world_deliver(struct sim_world *w, struct sim_packet *p, uint64_t at);

/* The queue before the wire was full. No harm on purpose: TCP made it. */
void sim_world_queue_drop(struct sim_world *w, struct sim_packet *p);

/* Call sim_path_release() of this path at `at`. */
void sim_world_release_at(struct sim_world *w, unsigned from, unsigned to, uint64_t at);

#endif
