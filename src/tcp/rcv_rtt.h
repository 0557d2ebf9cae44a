/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_RCV_RTT_H
#define EK_TCP_RCV_RTT_H

/* The round trip as the receiving side sees it. Leaf. */

#include "base/port.h"
#include "tcp/seq.h"

struct ek_rcv_rtt {
        uint64_t mark_at; /* when `mark` was the right edge of the window; 0: no mark */
        seq_t mark;
        uint32_t last_ecr; /* the echo that was measured last */
        bool ecr_valid;
};

/* Without timestamps. In-order data brought RCV.NXT to `nxt`, and `wnd` is what is left of the window that
 * was announced. Returns the estimate after it, us; 0: none. */
uint32_t ek_rcv_rtt_on_data(struct ek_rcv_rtt *m, uint32_t est_us, seq_t nxt, uint32_t wnd,
                            uint64_t now);

/* An echo of `ecr` is no sample: when it was sent is not known exactly. */
void ek_rcv_rtt_pass(struct ek_rcv_rtt *m, uint32_t ecr);

/* A full segment of data echoes `ecr`, which our clock had `age_ms` ago. Returns the same. */
uint32_t ek_rcv_rtt_on_echo(struct ek_rcv_rtt *m, uint32_t est_us, uint32_t ecr, uint32_t age_ms);

#endif
