/* SPDX-License-Identifier: MIT */
#ifndef ELKO_HOST_INPROC_H
#define ELKO_HOST_INPROC_H

/*
 * Two stacks in one process, joined by a wire in memory and stepped in virtual time.
 *
 * Side 0 has the addresses 10.0.0.1/24 and fd00::1/64, side 1 10.0.0.2/24 and fd00::2/64. The same
 * configuration and the same calls give the same packets at the same instants, bit for bit. No
 * descriptor, thread, or clock is involved, so it works where nothing is permitted.
 */

#include <stdio.h>

#include <elko/elko.h>

#include "drivers/driver.h"
#include "drivers/fault.h"
#include "drivers/mem.h"

struct elko_inproc;

struct elko_inproc_config {
        size_t region_bytes;                /* of each stack; default 64 MiB */
        struct elko_config stack[2];        /* seeds of all zeros are made from `seed` */
        struct elko_drv_mem_config wire;    /* default: MTU 1500, 50 us each way, infinite rate */
        struct elko_drv_fault_config fault; /* at side 0's end: TX is 0 -> 1, RX is 1 -> 0 */
        bool with_fault;                    /* default false: no fault wrapper */
        FILE *pcapng;                       /* record what side 0 sends and gets; NULL: nothing.
                                             * Flushed at the end, not closed. */
        uint64_t seed;                      /* default 1 */
        uint64_t start;                     /* first instant; default 1 s */

        /* A socket of stack `side` has news. NULL: the caller drains elko_next_event() himself. */
        void (*on_event)(void *ctx, int side, const struct elko_event *ev);
        void *ctx;
};

void elko_inproc_config_default(struct elko_inproc_config *config);

/* NULL: errno and *why. */
struct elko_inproc *elko_inproc_create(const struct elko_inproc_config *config,
                                       struct elko_drv_why *why);
void elko_inproc_destroy(struct elko_inproc *p); /* NULL is allowed */

elko_stack *elko_inproc_stack(struct elko_inproc *p, int side);
elko_link elko_inproc_link(const struct elko_inproc *p, int side);
struct elko_drv *elko_inproc_driver(struct elko_inproc *p, int side); /* the outermost */
struct elko_drv *elko_inproc_fault(struct elko_inproc *p); /* the fault wrapper, or NULL */
uint64_t elko_inproc_now(const struct elko_inproc *p);

/* "10.0.0.1" with this port: the address of a side, version 4 or 6. */
elko_endpoint elko_inproc_endpoint(int side, int version, uint16_t port);

enum elko_inproc_step {
        ELKO_INPROC_WORK, /* packets, events or timers were handled; the instant stayed */
        ELKO_INPROC_TIME, /* nothing more at that instant: time went on to the next deadline */
        ELKO_INPROC_IDLE, /* nothing will ever happen without a user call; time stayed */
};

/* One round: side 0, then side 1, each receives, handles events, sends; or time goes on, but never
 * beyond `limit` (ELKO_INPROC_TIME with now == limit, then ELKO_INPROC_IDLE at the limit). */
enum elko_inproc_step elko_inproc_step(struct elko_inproc *p, uint64_t limit);

/* Step until `done` (asked before each step; NULL: never done), or until the instant `limit`, or
 * until idle. Returns whether it is done. */
typedef bool elko_inproc_done_fn(void *ctx);
bool elko_inproc_run_until(struct elko_inproc *p, elko_inproc_done_fn *done, void *ctx,
                           uint64_t limit);

/* Step until the instant is now + span_ns, whatever happens on the way. */
void elko_inproc_run_for(struct elko_inproc *p, uint64_t span_ns);

#endif
