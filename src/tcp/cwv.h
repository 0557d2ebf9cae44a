/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_CWV_H
#define EK_TCP_CWV_H

/* Congestion window validation, RFC 7661: does the sender use the window that it has? Leaf. Bytes and ns. */

#include "base/port.h"
#include "base/winfilter.h"

struct ek_cwv {
        struct ek_winfilter pipe_ack; /* the largest sample of the sampling period */
        uint64_t sample_at;           /* a sample began; 0: none runs */
        uint64_t sample_from;         /* `delivered` then */
        uint64_t nvp_at;              /* the non-validated phase began */
        uint64_t retrans_from;        /* retransmitted bytes when the loss was found */
        uint32_t loss_flight;         /* 4.4.1; 0: no loss in the non-validated phase */
        bool defined;                 /* there is a pipeACK */
        bool nonvalidated;
};

/* An acknowledgement outside of recovery. True: the non-validated period is over (4.4.3). */
bool ek_cwv_on_ack(struct ek_cwv *v, uint64_t now, uint64_t srtt_ns, uint64_t delivered,
                   uint32_t cwnd);

/* A loss was found with this FlightSize: what the response counts from. */
uint32_t ek_cwv_on_loss(struct ek_cwv *v, uint32_t flight, uint64_t retrans_bytes);

/* Recovery is over: the most that cwnd may be. pipeACK is undefined again. */
uint32_t ek_cwv_on_recovered(struct ek_cwv *v, uint64_t retrans_bytes);

/* After a silence: what is left of the window. */
uint32_t ek_cwv_after_silence(uint64_t silence_ns, uint32_t cwnd, uint32_t initial,
                              uint32_t *ssthresh);

#endif
