/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_RTT_H
#define EK_TCP_RTT_H

/* Round-trip time and retransmission time-out. Leaf: knows nothing of the connection. Spans in ns. */

#include "base/port.h"

struct ek_rtt {
        uint64_t srtt_ns; /* 0: no sample yet */
        uint64_t rttvar_ns;
        uint64_t min_rtt_ns; /* smallest sample ever; 0: none */
        uint8_t backoff;  /* how often the RTO was doubled since the last sample, RFC 6298 (5.5) */
        uint8_t timeouts; /* time-outs since the last progress */
        uint8_t persist_backoff; /* zero-window probes since the window closed, saturating (the caller's) */
        bool syn_lost;           /* the SYN was sent again: 3 s until the first sample, (5.7) */
        uint32_t rcv_us;         /* as the receiving side sees it (rcv_rtt.h), us; 0: not yet */
};

struct ek_rtt_limits {
        uint64_t initial_ns, min_ns, max_ns;
        uint64_t granularity_ns; /* G: the clock's resolution */
        bool floor_on_variance;  /* min_ns is that of 4 RTTVAR, not of the sum */
};

/* Take one measurement. `sample_ns` 0 counts as 1 ns: a clock may be coarser than the path. */
void ek_rtt_on_sample(struct ek_rtt *r, uint64_t sample_ns);

/* The time-out now, back-off included: min_ns..max_ns. */
uint64_t ek_rtt_rto(const struct ek_rtt *r, const struct ek_rtt_limits *lim);

/* The timer expired: double (5.5). */
void ek_rtt_on_timeout(struct ek_rtt *r);

/* New data was acknowledged. The back-off stays until the next sample: "once a new RTT measurement is obtained ...
 * the computations outlined in Section 2 are performed, including the computation of RTO, which may result in
 * 'collapsing' RTO back down" (RFC 6298, 5). */
void ek_rtt_on_progress(struct ek_rtt *r);

#endif
