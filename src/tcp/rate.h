/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_RATE_H
#define EK_TCP_RATE_H

/* Delivery rate, draft-ietf-ccwg-bbr, "Delivery Rate Samples". Leaf. Amounts in bytes of payload. */

#include "base/port.h"

/* The draft's C variables. */
struct ek_rate {
        uint64_t delivered;    /* delivered so far */
        uint64_t delivered_at; /* when that changed last */
        uint64_t
                first_sent_at; /* of the flight: when what was delivered last was sent, or the first of it */
        uint64_t app_limited; /* `delivered` beyond this: the bubble is out of the pipe; 0: none */
        uint32_t lost;        /* declared lost so far, modulo 2^32 */
};

/* The draft's P variables: words that travel with a transmission, opaque to all but rate.c. */
enum { EK_RATE_TAG_WORDS = 5 };

/* The newest transmission that an ACK delivered, and how much it delivered in all. */
struct ek_rate_acked {
        const uint32_t *tag; /* NULL: no whole transmission was delivered */
        uint64_t sent_at;
        uint32_t bytes;
};

/* The draft's RS. */
struct ek_rate_sample {
        uint64_t bytes_per_s; /* 0: no sample */
        uint64_t interval_ns;
        uint64_t prior_delivered; /* what had been delivered when the transmission left */
        uint32_t delivered;
        uint32_t tx_in_flight; /* in the network when it had left, itself included */
        uint32_t lost;         /* declared lost since */
        bool valid;            /* a whole transmission was delivered */
        bool app_limited; /* the sender had nothing to send at some time: the path may be faster */
};

/* A transmission of `len` bytes leaves while `pipe` bytes are in the network; fills its tag. */
void ek_rate_on_send(struct ek_rate *r, uint32_t pipe, uint32_t len, uint64_t now,
                     uint32_t tag[EK_RATE_TAG_WORDS]);

/* An ACK delivered something. `min_rtt_ns` 0: not known yet. */
struct ek_rate_sample ek_rate_on_ack(struct ek_rate *r, const struct ek_rate_acked *acked,
                                     uint64_t min_rtt_ns, uint64_t now);

/* What the tag tells of a transmission that was declared lost; rate and interval stay 0. */
struct ek_rate_sample ek_rate_on_lost(const struct ek_rate *r,
                                      const uint32_t tag[EK_RATE_TAG_WORDS]);

/* The sender has less to send than it may, with `pipe` bytes in the network: samples of what follows
 * tell about the application until the bubble has left. */
void ek_rate_on_app_limited(struct ek_rate *r, uint32_t pipe);

/* Does the sample replace the present estimate? One that the application limited shows at least its own
 * rate and no upper bound: it does only if it is higher. */
static inline bool ek_rate_counts(const struct ek_rate_sample *s, uint64_t bytes_per_s)
{
        return s->bytes_per_s != 0 && (!s->app_limited || s->bytes_per_s >= bytes_per_s);
}

#endif
