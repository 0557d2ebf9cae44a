/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_RCV_WINDOW_H
#define EK_TCP_RCV_WINDOW_H

/* The receive window that we advertise. Leaf. All amounts in bytes. */

#include "base/port.h"
#include "tcp/seq.h"

struct ek_rcv_window {
        uint32_t space; /* receive buffer that this connection may fill */
        seq_t edge; /* right edge as the peer computes it: ACK + (WIN << scale) of what we sent */
        /* growth: what the application took since `mark_us` */
        uint32_t taken;
        uint32_t reserved; /* the caller's: bytes reserved in the region for the promise */
        uint32_t mark_us;
        uint32_t taken_before; /* in the round trip before */
};

/* The window field of the next segment. */
struct ek_rcv_adv {
        uint32_t bytes; /* what the field means; a multiple of 1 << scale */
        uint16_t field;
};

void ek_rcv_window_init(struct ek_rcv_window *w, uint32_t space, seq_t rcv_nxt, uint64_t now);

/* RCV.WND: what is left of the promise. */
uint32_t ek_rcv_window_left(const struct ek_rcv_window *w, seq_t rcv_nxt);

/*
 * What to advertise with `used` bytes of the space taken by unread data and `mss` the largest segment
 * to expect. Never moves the edge to the left; moves it to the right only in useful steps.
 */
struct ek_rcv_adv ek_rcv_window_plan(const struct ek_rcv_window *w, seq_t rcv_nxt, uint32_t used,
                                     uint32_t mss, uint8_t scale);

/* That was sent. */
void ek_rcv_window_on_sent(struct ek_rcv_window *w, seq_t rcv_nxt, uint32_t bytes);

/* Is the opening since the last advertisement worth a segment of its own? */
bool ek_rcv_window_wants_update(const struct ek_rcv_window *w, seq_t rcv_nxt, uint32_t used,
                                uint32_t mss, uint8_t scale);

/* The application took `n` bytes: the space with which it could go on like that, at the end of each round trip; else 0. */
uint32_t ek_rcv_window_on_taken(struct ek_rcv_window *w, uint32_t n, uint64_t rtt_ns, uint64_t now);

#endif
