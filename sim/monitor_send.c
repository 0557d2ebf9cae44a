/* SPDX-License-Identifier: MIT */
/*
 * The sender's sequence space.
 *
 * Theory: RFC 9293, 3.4 (every octet has one number, for good), 3.6 (the FIN is the last), 3.8.1
 * (retransmission), 3.8.6 (window). The window that limits is the present one; what was sent within an
 * older, wider one may be sent again (MAY-7). Two segments may stand outside: the probe of a closed
 * window, one octet (3.8.6.1) or none at SND.UNA-1, and the keep-alive at SND.NXT-1 (3.8.4).
 */
#include "monitor_ep.h"

/* What was surely acknowledged when the segment was made; false: not known. */
static bool una_then(const struct sim_monitor *m, const struct mon_ep *ep, uint32_t *una)
{
        if (m->c.slack_ns == 0) {
                *una = ep->una_sure;
                return true;
        }
        return m->now >= m->c.slack_ns && mon_hist_at(&ep->una_hist, m->now - m->c.slack_ns, una);
}

/* The farthest right edge that was the present one lately. */
static uint32_t edge_then(const struct sim_monitor *m, const struct mon_ep *ep)
{
        uint64_t since = m->now > m->c.slack_ns ? m->now - m->c.slack_ns : 0;
        unsigned first = ep->edge_hist.n > MON_HIST ? ep->edge_hist.n - MON_HIST : 0;
        uint32_t edge = ep->edge_cur, before;

        if (m->c.slack_ns == 0)
                return edge;
        for (unsigned i = first; i < ep->edge_hist.n; i++)
                if (ep->edge_hist.t[i % MON_HIST] >= since)
                        edge = mon_max(edge, ep->edge_hist.v[i % MON_HIST]);
        if (mon_hist_at(&ep->edge_hist, since, &before))
                return mon_max(edge, before);
        return ep->edge_hist.n > 0 ? ep->edge_hi : edge;
}

static bool probe_form(const struct mon_ep *ep, const struct mon_seg *s)
{
        return s->len <= 1 && (s->seq == ep->una_sure - 1 || s->seq == ep->una_hi - 1 ||
                               s->seq == ep->snd_max - 1);
}

static void check_window(struct sim_monitor *m, const struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t end = s->seq + s->len;

        if (s->len <= 1)
                return;
        if (mon_lt(ep->edge_hi, end))
                mon_blame(m, ep, SIM_RULE_WINDOW, "up to %u, the right edge was never beyond %u",
                          end, ep->edge_hi);
        else if (mon_lt(ep->snd_max, end) && mon_lt(edge_then(m, ep), end))
                mon_blame(m, ep, SIM_RULE_WINDOW, "new data up to %u, the right edge is at %u", end,
                          ep->edge_cur);
}

static void check_fin(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t end = s->seq + s->len;
        bool fin = (s->flags & MON_FIN) != 0;

        if (ep->fin_sent && mon_lt(ep->fin_seq, end)) {
                mon_blame(m, ep, SIM_RULE_ABOVE_FIN, "text up to %u, the FIN is %u", end,
                          ep->fin_seq);
        } else if (fin && ep->fin_sent && ep->fin_seq != end) {
                mon_blame(m, ep, SIM_RULE_FIN_FIXED, "FIN %u, it was %u", end, ep->fin_seq);
        } else if (fin && !ep->fin_sent) {
                /* Tolerance: another life of the same numbers (see begin_anew() in monitor_state.c). */
                if (mon_lt(end, ep->snd_max) && !ep->anew)
                        mon_blame(m, ep, SIM_RULE_ABOVE_FIN, "FIN %u, text was sent up to %u", end,
                                  ep->snd_max);
                ep->fin_sent = true;
                ep->fin_seq = end;
        }
}

static void check_text(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t span = mon_seg_span(s), una = 0, at = 0;

        if (mon_lt(ep->snd_max, s->seq)) {
                mon_blame(m, ep, SIM_RULE_SEQ_GAP, "SEQ %u, sent was up to %u", s->seq,
                          ep->snd_max);
                return;
        }
        if (probe_form(ep, s) && !(s->flags & MON_FIN) && mon_le(s->seq + span, ep->una_hi))
                return; /* its octet is garbage (RFC 9293, 3.8.4) */
        /* A server that takes the data of a SYN may answer it at once (RFC 7413, 4.2.2). */
        if (s->len > 0 && mon_le(ep->una_hi, ep->iss) && !ep->in.has_cookie)
                mon_blame(m, ep, SIM_RULE_EARLY_TEXT, "%u octets, the SYN is not acknowledged",
                          s->len);
        if (una_then(m, ep, &una) && mon_le(s->seq + span, una))
                mon_blame(m, ep, SIM_RULE_STALE, "%u to %u, acknowledged is %u", s->seq,
                          s->seq + span, una);
        check_fin(m, ep, s);
        check_window(m, ep, s);
        if (s->len > 0 && !mon_bytes(ep, m->c.bytes_max, s->seq, s->text, s->len, &at))
                mon_blame(m, ep, SIM_RULE_SAME_BYTES, "octet %u of the stream", at - ep->iss - 1);
}

void mon_sequence(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t una, at;

        if (s->flags & MON_SYN) {
                if (s->len > 0 && !mon_bytes(ep, m->c.bytes_max, s->seq + 1, s->text, s->len, &at))
                        mon_blame(m, ep, SIM_RULE_SAME_BYTES, "octet %u, on the SYN",
                                  at - ep->iss - 1);
                return;
        }
        if (mon_seg_span(s) > 0) {
                check_text(m, ep, s);
                return;
        }
        if (mon_lt(ep->snd_max, s->seq))
                mon_blame(m, ep, SIM_RULE_SEQ_GAP, "SEQ %u, sent was up to %u", s->seq,
                          ep->snd_max);
        else if (!probe_form(ep, s) && una_then(m, ep, &una) && mon_lt(s->seq, una))
                mon_blame(m, ep, SIM_RULE_SEQ_OLD, "SEQ %u, SND.UNA %u, SND.NXT %u", s->seq, una,
                          ep->snd_max);
}
