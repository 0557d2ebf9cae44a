/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_CODEL_H
#define ELKO_DRIVERS_CODEL_H

/*
 * CoDel's decision (RFC 8289), apart from any queue.
 *
 * The queue asks once for each packet that it takes from its head, with the time that the packet
 * spent in it and the bytes that are left behind it. "Drop" means: drop this one, take the next and
 * ask again, at the same instant. A queue that marks instead of dropping sends the marked packet and
 * does not ask again.
 */

#include <stdbool.h>
#include <stdint.h>

struct elko_codel {
        uint64_t target_ns, interval_ns; /* 5 ms and 100 ms are RFC 8289's */
        uint64_t mtu_bytes;              /* with no more than this behind it no packet is dropped */

        /* state, all zero at first */
        uint64_t first_above_at; /* 0: the delay is below the target */
        uint64_t drop_next_at;
        uint32_t count, last_count; /* drops of this dropping state, and at the start of the last */
        bool dropping;
        bool entered; /* at this very dequeue: the packets behind the first are no more decided on */
};

/* A dequeue begins at `now`; then one elko_codel_drop() for each packet of it. */
void elko_codel_begin(struct elko_codel *c);

/* The head of the queue waited `sojourn_ns`; `bytes` remain behind it. Drop (or mark) it? */
bool elko_codel_drop(struct elko_codel *c, uint64_t now, uint64_t sojourn_ns, uint64_t bytes);

/* The queue is empty. */
void elko_codel_empty(struct elko_codel *c);

#endif
