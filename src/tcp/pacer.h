/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_PACER_H
#define EK_TCP_PACER_H

/* When the next segment may leave, at a given rate. Leaf. */

#include "base/port.h"

/*
 * Over any span, what leaves is at most
 *
 *      rate * (span + 2 * tick) + 2 * quantum
 *
 * and at least rate * span, if there is something to send and the gate is asked at least once in a tick or
 * at the deadline that it names.
 */
struct ek_pacer {
        uint64_t bytes_per_s; /* 0: no pacing, the gate is open */
        uint64_t next_at;     /* the next quantum's departure */
        uint64_t rest;        /* of the division by bytes_per_s: no rounding adds up */
        uint32_t burst_left;  /* of the quantum that is leaving */
};

/* What goes at once: a millisecond's worth, two segments at least, 64 KiB at most. */
uint32_t ek_pacer_quantum(uint64_t bytes_per_s, uint32_t mss);

/* Another rate from now on; `bytes_per_s` 0: none. */
void ek_pacer_set(struct ek_pacer *p, uint64_t bytes_per_s);

/* May a segment go now? `tick_ns`: the resolution of the clock. */
bool ek_pacer_is_open(const struct ek_pacer *p, uint64_t now, uint64_t tick_ns);

/* It went. */
void ek_pacer_on_sent(struct ek_pacer *p, uint32_t bytes, uint32_t mss, uint64_t now,
                      uint64_t tick_ns);

/* When to ask again after a "no": later than now. */
uint64_t ek_pacer_deadline(const struct ek_pacer *p, uint64_t now, uint64_t tick_ns);

#endif
