/* SPDX-License-Identifier: MIT */
#include "tcp/prr.h"

/*
 * RFC 6937 as RFC 9937 revised it. In recovery the window shrinks from the flight that it began with to
 * ssthresh, in proportion to what arrives:
 *
 *      sndcnt = ceil(prr_delivered * ssthresh / RecoverFS) - prr_out
 *
 * When more is lost than that, and less is in the network than ssthresh, it is filled up: with what has left
 * the network (conservative reduction bound), and while recovery makes good progress (SafeACK) with one
 * segment more for each ACK, as slow start would (slow start reduction bound).
 *
 * The algorithm's cwnd stays what it is; what may be in the network is pipe + sndcnt.
 */

void ek_prr_start(struct ek_prr *p, uint32_t flight)
{
        flight = ek_max_u32(flight, 1);
        *p = (struct ek_prr){.flight = flight, .cwnd = flight, .active = true};
}

/* [RFC6937 3-1 3-2 3-3 3-4] */
void ek_prr_on_ack(struct ek_prr *p, const struct ek_prr_ack *a)
{
        uint64_t sndcnt = 0, due;

        p->delivered += a->delivered;
        if (a->pipe > a->ssthresh) {
                due = (p->delivered * a->ssthresh + p->flight - 1) / p->flight;
                sndcnt = due > p->out ? due - p->out : 0;
        } else {
                due = p->delivered > p->out ? p->delivered - p->out : 0;
                sndcnt = ek_max_u64(due, a->delivered);
                if (a->safe)
                        sndcnt += a->mss;
                sndcnt = ek_min_u64(sndcnt, a->ssthresh - a->pipe);
        }
        /* The fast retransmit itself, and when nothing is left in the network there would be no more ACKs. */
        if (p->out == 0 || a->pipe == 0)
                sndcnt = ek_max_u64(sndcnt, a->mss);
        p->cwnd = a->pipe + (uint32_t)ek_min_u64(sndcnt, UINT32_MAX - a->pipe);
}

/* [RFC6937 3-5] */
void ek_prr_on_sent(struct ek_prr *p, uint32_t bytes)
{
        p->out += bytes;
}
