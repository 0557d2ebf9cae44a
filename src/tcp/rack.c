/* SPDX-License-Identifier: MIT */
#include "tcp/rack.h"

/*
 * RFC 8985. What was sent before something that has arrived, and is still not here a reordering window later,
 * is lost. So one variable is enough, the transmission that left last of those that arrived, and any
 * transmission, also a retransmission or a probe, may show what is lost before it.
 *
 * The window is 0 while no reordering was ever seen and either three segments are SACKed or recovery goes on;
 * else a quarter of the shortest round trip, and more by another quarter for each round trip in which a
 * D-SACK told of a retransmission in vain.
 *
 * A clock that ticks makes two moments differ by a tick that were as good as one. Where the window is
 * meant to be more than 0, it is longer by a tick.
 *
 * TLP: when nothing is heard for two round trips, one segment more is sent, and its ACK shows what is lost.
 */

enum { REO_PERSIST = 16, REO_MULT_MAX = 254 };

#define PTO_WITHOUT_RTT_NS 1000000000u
/* RFC 8985 says nothing of what the host adds between its timers and the wire. This is what Linux grants it. */
#define PTO_SLACK_NS 2000000u

static bool sent_after(uint64_t at, seq_t end, uint64_t than_at, seq_t than_end)
{
        return at > than_at || (at == than_at && seq_gt(end, than_end));
}

/* [RFC8985 6.2-1 6.2-2] */
void ek_rack_on_delivered(struct ek_rack *r, uint64_t sent_at, seq_t end, uint64_t now)
{
        r->rtt_ns = now - sent_at;
        if (r->valid && !sent_after(sent_at, end, r->xmit_at, r->end))
                return;
        r->xmit_at = sent_at;
        r->end = end;
        r->valid = true;
}

/* [RFC8985 6.2-4a] */
void ek_rack_on_ack(struct ek_rack *r, seq_t una, seq_t nxt, bool dsack)
{
        if (r->in_dsack_round && seq_geq(una, r->dsack_round))
                r->in_dsack_round = false;
        if (r->in_dsack_round || !dsack)
                return;
        r->in_dsack_round = true;
        r->dsack_round = nxt;
        if (r->reo_mult < REO_MULT_MAX)
                r->reo_mult++;
        r->reo_persist = REO_PERSIST;
}

/* [RFC8985 6.2-4b] */
void ek_rack_on_recovered(struct ek_rack *r)
{
        if (r->reo_persist > 0)
                r->reo_persist--;
        if (r->reo_persist == 0)
                r->reo_mult = 0;
}

/* [RFC8985 6.2-4c 6.2-4d] */
uint64_t ek_rack_reo_wnd(const struct ek_rack *r, const struct ek_rack_facts *f)
{
        uint64_t wnd = (uint64_t)(r->reo_mult + 1u) * (f->min_rtt_ns / 4);

        if (!f->reordering_seen && (f->recovering || f->segs_sacked >= EK_RACK_DUP_THRESH))
                return 0;
        return ek_min_u64(wnd, f->srtt_ns) + f->granularity_ns;
}

/* [RFC8985 6.2-5] */
bool ek_rack_lost_until(const struct ek_rack *r, uint64_t reo_wnd, uint64_t now, uint64_t *until)
{
        if (!r->valid || now < r->rtt_ns + reo_wnd)
                return false;
        *until = now - r->rtt_ns - reo_wnd;
        return true;
}

uint64_t ek_rack_deadline(const struct ek_rack *r, uint64_t reo_wnd)
{
        return r->xmit_at + r->rtt_ns + reo_wnd;
}

/* [RFC8985 7.2-2 7.2-3 7.2-4] */
uint64_t ek_tlp_pto(const struct ek_rack_facts *f, bool one_segment, uint64_t max_ack_delay_ns)
{
        if (f->srtt_ns == 0)
                return PTO_WITHOUT_RTT_NS;
        return 2 * f->srtt_ns +
               (one_segment ? max_ack_delay_ns : ek_max_u64(PTO_SLACK_NS, f->granularity_ns));
}

void ek_tlp_on_sent(struct ek_rack *r, seq_t nxt, bool again)
{
        r->probe_end = nxt;
        r->probe_out = true;
        r->probe_again = again;
        r->probe_unsampled = true;
}

/* [RFC8985 7.1] */
void ek_tlp_reset(struct ek_rack *r)
{
        r->probe_out = false;
        r->probe_again = false;
}

/* [RFC8985 7.4.2a 7.4.2b] */
enum ek_tlp_verdict ek_tlp_on_ack(struct ek_rack *r, const struct ek_tlp_ack *a)
{
        if (!r->probe_out || seq_lt(a->ack, r->probe_end))
                return EK_TLP_NOTHING;
        if (!r->probe_again || a->dsack) {
                r->probe_out = false;
                return EK_TLP_DONE;
        }
        if (seq_gt(a->ack, r->probe_end)) {
                r->probe_out = false;
                return EK_TLP_REPAIRED;
        }
        if (!a->duplicate)
                return EK_TLP_NOTHING;
        r->probe_out = false;
        return EK_TLP_DONE;
}
