/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_CC_H
#define EK_TCP_CC_H

/* What several congestion-control algorithms (cc_*.c) share. */

#include "base/muldiv.h"
#include "base/port.h"

#include <elko/cc.h>

enum { EK_CWND_MAX = 1u << 30 };

/*
 * HyStart++, RFC 9406: the end of the first slow start, found by the round trips growing longer, before
 * packets are lost.
 */
struct ek_hystart {
        uint64_t last_min_ns, round_min_ns; /* EK_NEVER: no sample */
        uint64_t baseline_ns;         /* of Conservative Slow Start (CSS); EK_NEVER: not in CSS */
        uint64_t tick_ns;             /* of the clock */
        uint32_t samples;             /* in this round */
        uint32_t credit;              /* bytes that CSS has not turned into growth yet */
        uint64_t train_at, train_end; /* of ACKs, since the round began */
        uint8_t css_rounds;
        bool over; /* it applies to the first slow start only (4.3) */
        bool in_train;
        bool by_train; /* CSS began with a train, and no delay has confirmed it yet */
};

void ek_hystart_init(struct ek_hystart *h, uint64_t clock_resolution_ns);

/* In slow start: by how much cwnd grows. `bursts`: none is to be feared, there is no L. */
uint32_t ek_hystart_on_ack(struct ek_hystart *h, const struct elko_cc_ack *ev, bool bursts);

/* CSS has lasted its rounds: on to congestion avoidance with ssthresh = cwnd. */
bool ek_hystart_is_done(const struct ek_hystart *h);

static inline void ek_hystart_end(struct ek_hystart *h)
{
        h->over = true;
}

/* Slow start without HyStart++: all that was acknowledged, and not beyond ssthresh. Returns what is left over
 * for congestion avoidance: nothing. */
static inline void ek_cc_slow_start(struct elko_cc_out *out, uint32_t grow, uint32_t mss)
{
        uint64_t cwnd = (uint64_t)out->cwnd_bytes + grow;

        if (cwnd > out->ssthresh_bytes)
                cwnd = ek_max_u32(out->ssthresh_bytes, mss);
        out->cwnd_bytes = (uint32_t)ek_min_u64(cwnd, EK_CWND_MAX);
}

/* `percent` of what was in flight, at least two segments: the new ssthresh. */
static inline uint32_t ek_cc_share(uint32_t flight, uint32_t percent, uint32_t mss)
{
        return ek_max_u32((uint32_t)((uint64_t)flight * percent / 100), 2 * mss);
}

#endif
