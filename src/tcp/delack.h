/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_DELACK_H
#define EK_TCP_DELACK_H

/* When to acknowledge. Leaf. */

#include "base/port.h"

struct ek_delack {
        uint32_t bytes;   /* received in order since the last ACK that we sent */
        uint8_t quick;    /* segments that are still to be acknowledged at once */
        uint8_t segments; /* received in order since the last ACK, saturating */
        uint16_t rcv_mss; /* the caller's: the peer's largest segment so far */
};

/* How many segments ELKO_OPTION_QUICKACK is for: Linux's number. */
enum { EK_QUICK_ACKS = 16 };

enum ek_delack_verdict { EK_DELACK_NOW, EK_DELACK_LATER };

/* The first `quick` segments are acknowledged at once. */
void ek_delack_init(struct ek_delack *d, uint8_t quick);

/* `len` bytes of payload came in order; `mss` is the largest segment seen from the peer. */
enum ek_delack_verdict ek_delack_on_data(struct ek_delack *d, uint32_t len, uint32_t mss);

/* The connection turns out to be a dialogue: no more quick ACKs. */
static inline void ek_delack_on_reply(struct ek_delack *d)
{
        d->quick = 0;
}

/* An ACK for everything received left. */
void ek_delack_on_ack_sent(struct ek_delack *d);

static inline bool ek_delack_is_pending(const struct ek_delack *d)
{
        return d->segments != 0;
}

#endif
