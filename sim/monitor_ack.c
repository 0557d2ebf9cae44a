/* SPDX-License-Identifier: MIT */
/*
 * Acknowledgment numbers and the offered window.
 *
 * Theory: RFC 9293, 3.4 and 3.10.7.4. An acknowledgment says "everything before has arrived, in sequence";
 * the monitor has the union of all that arrived, so more can't be acknowledged. The right edge that a
 * receiver offers is a promise (3.8.6, SHLD-14). With Window Scale it is known to a multiple of the
 * scale only, so it may seem to move left by less than that (RFC 7323, 2.4).
 */
#include "monitor_ep.h"

static void check_number(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if (mon_lt(s->ack, ep->ack_max) && ep->ack_known)
                mon_blame(m, ep, SIM_RULE_ACK_BACK, "%u after %u", s->ack, ep->ack_max);
        /* So the FIN that seemed to be acknowledged was a lie, and that number an octet's. */
        if (ep->peer_fin_known && mon_lt(ep->peer_fin, s->ack) && mon_le(s->ack, ep->beyond_fin)) {
                ep->peer_fin_known = false;
                ep->murky = true;
                ep->rcv_hi = mon_max(ep->rcv_hi, s->ack);
        }
        if (mon_lt(ep->rcv_hi, s->ack)) {
                if (!ep->ooo.lost && !m->fragments)
                        mon_blame(m, ep, SIM_RULE_ACK_UNSENT, "ACK %u, arrived is %u", s->ack,
                                  ep->rcv_hi);
                ep->rcv_hi = s->ack;
                mon_ranges_cut(&ep->ooo, s->ack);
        } else if (ep->ack_known && mon_lt(ep->edge_out, s->ack)) {
                /* Tolerance: a FIN needs no room. */
                if (!(ep->peer_fin_known && s->ack == ep->peer_fin && s->ack == ep->edge_out + 1))
                        mon_blame(m, ep, SIM_RULE_ACK_BEYOND_EDGE, "ACK %u, the right edge was %u",
                                  s->ack, ep->edge_out);
        }
}

static void check_edge(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t unit = (s->flags & MON_SYN) || !ep->ws_ok ? 1 : 1u << ep->out.ws;
        uint32_t edge = s->ack + mon_window_out(ep, s);

        /* Tolerance: with an offer that may be lost (mon_state_echo() in monitor_state.c) the scale is not known, so
         * it is the farthest edge that is followed. */
        /* Tolerance: when the overhead of segments fills its buffer, Linux drops one that is in the
         * window and closes it (a SHOULD NOT). After the peer's FIN nobody looks at the window. */
        if ((m->c.linux_ways && s->window == 0) || (ep->peer_fin_known && s->ack == ep->peer_fin))
                return;
        if (ep->ack_known && mon_le(edge + unit, ep->edge_out) && !ep->offer_open)
                mon_blame(m, ep, SIM_RULE_EDGE_LEFT, "to %u from %u, by %u", edge, ep->edge_out,
                          ep->edge_out - edge);
        ep->edge_out = ep->ack_known ? mon_max(ep->edge_out, edge) : edge;
}

/* Of several FINs that came the one that is acknowledged was believed. */
static void find_fin(struct mon_ep *ep, uint32_t ack)
{
        unsigned n = ep->fin_count < MON_FINS ? ep->fin_count : MON_FINS;

        if (ep->peer_fin_known && (ep->peer_fin == ep->ack_max || ep->peer_fin == ack))
                return;
        for (unsigned i = 0; i < n; i++)
                if (ep->fins[i] == ack) {
                        ep->peer_fin_known = true;
                        ep->peer_fin = ack;
                        ep->murky = true;
                        return;
                }
}

void mon_ack(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if (!ep->irs_known)
                return;
        find_fin(ep, s->ack);
        check_number(m, ep, s);
        check_edge(m, ep, s);
        ep->ack_max = ep->ack_known ? mon_max(ep->ack_max, s->ack) : s->ack;
        ep->ack_known = true;
        if (ep->ack_max == ep->rcv_hi && ep->ooo.n == 0)
                ep->murky = false;
}
