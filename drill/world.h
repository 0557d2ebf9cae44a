/* SPDX-License-Identifier: MIT */
/*
 * world.h - one stack with its sockets, alone in virtual time: a clock that moves when it is told, and the packets
 * that the stack has sent, each with the instant at which it left.
 */
#ifndef DRILL_WORLD_H
#define DRILL_WORLD_H

#include <elko/elko.h>

#include "drill/arena.h"
#include "host/bsd.h"

/* A packet that the stack sent. */
struct drill_sent {
        uint64_t at_ns; /* since the start of the script */
        size_t len;
        const uint8_t *data;
        struct drill_sent *next;
};

struct drill_world {
        struct drill_arena *arena; /* for what was sent */
        elko_stack *st;
        struct elko_bsd *bsd;
        struct drill_kernel *kernel; /* instead of both: this machine's */
        int64_t wall_ns;             /* what time stamps for programs have when the script begins */
        elko_link link;
        uint64_t now; /* ns since the start of the script */
        struct drill_sent *first, **tail;
        uint64_t sent, work; /* how many packets, how many steps */
};

enum {
        /* More than any script needs: beyond, something sends or ticks for ever. */
        DRILL_WORLD_PACKETS = 1000000,
        DRILL_WORLD_STEPS = 10000000,
};

/* Make the stack, with `local` ("192.168.0.1/16") as its address. NULL, or why not. */
const char *drill_world_open(struct drill_world *w, struct drill_arena *arena, void *region,
                             size_t bytes, const struct elko_config *config, uint16_t mtu,
                             const char *local);

/* Take this machine's kernel instead; `local` and `remote` without a prefix. */
const char *drill_world_open_kernel(struct drill_world *w, struct drill_arena *arena, uint16_t mtu,
                                    const char *local, const char *remote);
/* The script begins now. */
void drill_world_begin(struct drill_world *w);
void drill_world_close(struct drill_world *w);

/* A packet arrives. */
void drill_world_input(struct drill_world *w, const uint8_t *packet, size_t len);

/* Take what the stack wants to send and to tell, after calls into it. */
void drill_world_settle(struct drill_world *w);

/* When the stack wants the clock to be at the latest; ELKO_NEVER: no timer runs. */
uint64_t drill_world_next(const struct drill_world *w);

/* Move the clock, fire what is due. */
void drill_world_to(struct drill_world *w, uint64_t now);

/* Does it go on for ever? NULL: no. */
const char *drill_world_runs_away(const struct drill_world *w);

/* The oldest packet that nobody took; NULL: none. */
struct drill_sent *drill_world_take(struct drill_world *w);

#endif
