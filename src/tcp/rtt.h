/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_RTT_H
#define EK_TCP_RTT_H

/* Round-trip time and retransmission time-out. Leaf: knows nothing of the connection. Spans in ns. */

#include "base/port.h"

struct ek_rtt {
        uint64_t srtt_ns; /* 0: no sample yet */
        uint64_t rttvar_ns;
        uint64_t min_rtt_ns; /* smallest sample ever; 0: none */
        uint8_t backoff;     /* how often the RTO was doubled, RFC 6298 (5.5) */
        bool syn_lost;       /* the SYN was sent again: 3 s until the first sample, (5.7) */
        uint32_t rcv_us;     /* as the receiving side sees it (rcv_rtt.h), us; 0: not yet */
};

struct ek_rtt_limits {
        uint64_t initial_ns, min_ns, max_ns;
        uint64_t granularity_ns; /* G: the clock's resolution */
};

/* Take one measurement. `sample_ns` 0 counts as 1 ns: a clock may be coarser than the path. */
void ek_rtt_on_sample(struct ek_rtt *r, uint64_t sample_ns);

/* The time-out now, back-off included: min_ns..max_ns. */
uint64_t ek_rtt_rto(const struct ek_rtt *r, const struct ek_rtt_limits *lim);

/* The timer expired: double (5.5). */
void ek_rtt_on_timeout(struct ek_rtt *r);

/* New data was acknowledged: the back-off ends (RFC 6298, 5; "reset by a valid sample" or progress). */
void ek_rtt_on_progress(struct ek_rtt *r);

#endif
