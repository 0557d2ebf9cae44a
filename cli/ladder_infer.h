/* SPDX-License-Identifier: MIT */
#ifndef LADDER_INFER_H
#define LADDER_INFER_H

/*
 * The state of a TCP that we can't ask, inferred from its segments: RFC 9293's state diagram
 * (3.3.2, figure 5) replayed. What it sent is certain; what arrived there is the caller's
 * assumption. Pure: no memory but this struct, no time.
 */

#include <elko/info.h>

#include <stdbool.h>
#include <stdint.h>

/* Not known. */
#define LADDER_INFER_NONE ((int)ELKO_TCP_STATE_COUNT)

struct ladder_infer {
        int state;    /* enum elko_tcp_state, or LADDER_INFER_NONE */
        bool passive; /* SYN-RECEIVED was reached from LISTEN (MUST-11) */
        bool iss_known, rcv_known;
        uint32_t iss;     /* its initial sequence number */
        uint32_t snd_nxt; /* after the highest that it sent; valid with iss_known */
        uint32_t rcv_nxt; /* after the highest that arrived; valid with rcv_known */
        bool fin_sent;    /* its FIN is the number before fin_end */
        uint32_t fin_end;
};

/* The fields of a segment that matter here. */
struct ladder_infer_seg {
        uint32_t seq, ack, len;
        uint16_t flags; /* enum elko_tcp_flag */
};

void ladder_infer_init(struct ladder_infer *t, int state);

/* That end sent this segment. */
void ladder_infer_sent(struct ladder_infer *t, const struct ladder_infer_seg *s);

/* This segment reached that end. */
void ladder_infer_received(struct ladder_infer *t, const struct ladder_infer_seg *s);

/* Ordinary data that the caller does not show: that end sent up to `sent`, and received up to
 * `received`. */
void ladder_infer_skip(struct ladder_infer *t, uint32_t sent, uint32_t received);

#endif
