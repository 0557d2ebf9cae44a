/* SPDX-License-Identifier: MIT */
#include "tcp/rtt.h"

/*
 * RFC 6298. Two exponential averages, SRTT of the round-trip time and RTTVAR of its deviation, give the
 * time-out RTO = SRTT + max(G, 4 RTTVAR). Which segments may be measured (Karn's algorithm: only those
 * sent once, unless a timestamp tells which copy was answered) is the caller's to decide.
 *
 * Deviation: RFC 7323, 4.2 would have samples count the less, the more of them come in one round trip. The
 * estimate follows the path sooner without. But then RTTVAR forgets within a round trip, too, and where that is longer
 * than the floor, the time-out would be no more than SRTT: it would expire before the answer to a fast retransmission,
 * behind a queue that grows, and before RACK's reordering window has passed. So it is half a round trip longer
 * at least, which is more than (2.3) asks for.
 */

#define AFTER_LOST_SYN_NS 3000000000u

/* [RFC7323 4.2; RFC6298 2.2 2.3a 2.3b] */
void ek_rtt_on_sample(struct ek_rtt *r, uint64_t sample_ns)
{
        uint64_t dev;

        if (sample_ns == 0)
                sample_ns = 1;
        r->backoff = 0;
        if (r->min_rtt_ns == 0 || sample_ns < r->min_rtt_ns)
                r->min_rtt_ns = sample_ns;
        if (r->srtt_ns == 0) {
                /* (2.2) the first measurement */
                r->srtt_ns = sample_ns;
                r->rttvar_ns = sample_ns / 2;
                return;
        }
        /* (2.3) beta = 1/4, alpha = 1/8; RTTVAR first, from the old SRTT */
        dev = r->srtt_ns > sample_ns ? r->srtt_ns - sample_ns : sample_ns - r->srtt_ns;
        r->rttvar_ns = r->rttvar_ns - r->rttvar_ns / 4 + dev / 4;
        r->srtt_ns = r->srtt_ns - r->srtt_ns / 8 + sample_ns / 8; /* from 1 up it never gets 0 */
}

/* [RFC9293 MUST-18; RFC6298 1 2.1 2.3c 4 2.4 2.5 5.7; RFC2525 2.7] */
uint64_t ek_rtt_rto(const struct ek_rtt *r, const struct ek_rtt_limits *lim)
{
        uint64_t rto;

        if (r->srtt_ns == 0) {
                rto = lim->initial_ns; /* (2.1) */
                if (r->syn_lost)
                        rto = ek_max_u64(rto, AFTER_LOST_SYN_NS); /* (5.7) */
        } else {
                /*
                 * Deviation: RFC 6298 (2.4) rounds up to 1 s. Every widely used TCP has a lower floor,
                 * here lim->min_ns, 200 ms by default: RFC 6298's reason, coarse clocks, is gone.
                 */
                rto = ek_max_u64(lim->granularity_ns, 4 * r->rttvar_ns);
                if (lim->floor_on_variance)
                        rto = ek_max_u64(rto, lim->min_ns);
                else
                        rto = ek_max_u64(rto, r->srtt_ns / 2);
                rto += r->srtt_ns;
                rto = ek_max_u64(rto, lim->min_ns);
        }
        for (unsigned i = 0; i < r->backoff && rto < lim->max_ns; i++)
                rto *= 2;
        return ek_min_u64(rto, lim->max_ns); /* (2.5) */
}

/* [RFC9293 MUST-19; RFC6298 5.5; RFC2525 2.10] */
void ek_rtt_on_timeout(struct ek_rtt *r)
{
        if (r->backoff < UINT8_MAX)
                r->backoff++;
        if (r->timeouts < UINT8_MAX)
                r->timeouts++;
}

void ek_rtt_on_progress(struct ek_rtt *r)
{
        r->timeouts = 0;
}
