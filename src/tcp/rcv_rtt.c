/* SPDX-License-Identifier: MIT */
#include "tcp/rcv_rtt.h"

/*
 * A connection that only receives has no ACKs to measure. Two substitutes, neither of which a protocol
 * decision may rest on:
 *
 * With timestamps (RFC 7323, 3.2) data echoes the ACK that let it go. The first segment with a new echo
 * is the answer to that ACK; later ones with the same echo are only later. The peer's own pauses are in
 * it, so it is averaged as SRTT is (RFC 6298, 2.3), and the clock's unit, 1 ms, is the least it can say.
 *
 * Without, nothing beyond the edge of the window can come before the peer has heard of a later edge: the
 * time from an edge to the first byte behind it is at least a round trip, and the least of these times is
 * the estimate.
 */

#define MAX_US 4000000000u

uint32_t ek_rcv_rtt_on_data(struct ek_rcv_rtt *m, uint32_t est_us, seq_t nxt, uint32_t wnd,
                            uint64_t now)
{
        if (m->mark_at != 0) {
                uint64_t us;

                if (seq_leq(nxt, m->mark))
                        return est_us;
                us = ek_min_u64(ek_max_u64((now - m->mark_at) / 1000, 1), MAX_US);
                if (est_us == 0 || us < est_us)
                        est_us = (uint32_t)us;
        }
        m->mark = seq_add(nxt, wnd);
        m->mark_at = ek_max_u64(now, 1);
        return est_us;
}

void ek_rcv_rtt_pass(struct ek_rcv_rtt *m, uint32_t ecr)
{
        m->ecr_valid = true;
        m->last_ecr = ecr;
}

uint32_t ek_rcv_rtt_on_echo(struct ek_rcv_rtt *m, uint32_t est_us, uint32_t ecr, uint32_t age_ms)
{
        uint32_t us;

        if (m->ecr_valid && ecr == m->last_ecr)
                return est_us;
        m->ecr_valid = true;
        m->last_ecr = ecr;
        us = (uint32_t)ek_min_u64((uint64_t)ek_max_u32(age_ms, 1) * 1000, MAX_US);
        if (est_us == 0)
                return us;
        return ek_max_u32(1, est_us - est_us / 8 + us / 8);
}
