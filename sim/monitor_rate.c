/* SPDX-License-Identifier: MIT */
/*
 * Time and quantity: retransmissions, probes, congestion window, storms.
 *
 * Theory: from outside neither RTO nor cwnd can be seen, so the rules are bounds that every value of them
 * keeps. A segment is sent again because a timer ran out, which takes at least a round trip (tail loss
 * probes, RFC 8985, 7) or 200 ms, or on a sign of loss: duplicate ACKs, SACK, recovery that goes on. Two
 * time-outs in a row double the third gap (RFC 6298, 5.5). The congestion window starts at ten segments
 * (RFC 6928, 2) and grows by what is acknowledged, at most (RFC 5681, 3.1). An ACK that says nothing new
 * answers one segment that arrived (RFC 5681, 4.2).
 */
#include "monitor_ep.h"

static const uint64_t rto_least = ELKO_MS(200), rto_most = ELKO_SEC(55);
static const uint64_t rto_longest = ELKO_SEC(60); /* a limit of it is no less (RFC 6298, 2.5) */

/* When any of [left, right) was sent last, or first; false: not known. */
static bool sent_at(const struct mon_ep *ep, uint32_t left, uint32_t right, bool the_first,
                    uint64_t *t)
{
        unsigned first = ep->tx_count > MON_TX ? ep->tx_count - MON_TX : 0;
        bool found = false;

        for (unsigned i = ep->tx_count; i > first; i--) {
                const struct mon_tx *x = &ep->tx[(i - 1) % MON_TX];

                if (mon_lt(x->left, right) && mon_lt(left, x->right)) {
                        *t = x->t;
                        found = true;
                        if (!the_first)
                                return true;
                }
        }
        return found;
}

static bool window_closed(const struct mon_ep *ep)
{
        return mon_le(ep->edge_cur, ep->una_sure) && mon_synchronized(ep);
}

/* ---- probes of a closed window ---- */

static bool keeps_alive(const struct sim_monitor *m, const struct mon_ep *ep)
{
        return m->facts.keeps_alive != NULL &&
               m->facts.keeps_alive(m->facts_ctx, ep->host, &ep->local, &ep->remote);
}

/*
 * Keep-alives have the same form (3.8.4), and wait for anything between two of them; when something comes to wait, the
 * first probe is nearer, and so is the second, a time-out after the first. From there on they back off.
 */
static void probe(struct sim_monitor *m, struct mon_ep *ep)
{
        uint64_t gap = ep->probe_at > ep->waits_since ? m->now - ep->probe_at : 0;

        if (ep->probe_row > 1 && gap < rto_most && gap + gap / 8 + m->c.react_ns < ep->probe_gap)
                ep->probe_faster++;
        else
                ep->probe_faster = 0;
        if (ep->probe_faster > 2 && !keeps_alive(m, ep))
                mon_blame(m, ep, SIM_RULE_PROBE_BACKOFF, "%u ms after one of %u ms",
                          (unsigned)(gap / 1000000), (unsigned)(ep->probe_gap / 1000000));
        /* Something may have waited for a time-out before its first probe (3.8.6.1, SHLD-29), but not since before the last
         * progress; a shortage of memory in between is none. */
        if (ep->probe_since == 0 || ep->probe_since < ep->waits_since)
                ep->probe_since = m->now > rto_longest && m->now - rto_longest > ep->waits_since
                                          ? m->now - rto_longest
                                          : ep->waits_since;
        ep->probe_at = m->now;
        ep->probe_gap = gap;
        ep->probe_row++;
        ep->probe_due =
                mon_later(m->now, m->c.react_ns + (gap > ELKO_SEC(43) ? 3 * gap : ELKO_SEC(130)));
        if (ep->probe_due < ep->duty_min)
                ep->duty_min = ep->probe_due;
}

/* ---- retransmissions ---- */

static bool sign_of_loss(const struct mon_ep *ep)
{
        uint32_t flight = ep->snd_max - ep->una_hi;

        /* Early retransmit (RFC 5827): fewer duplicates when fewer segments are out. */
        return ep->sack_seen || ep->recovering || ep->three_dups || ep->dup_acks >= 3 ||
               (ep->dup_acks > 0 && flight < 4 * mon_mss(ep)) || ep->icmp_at != 0;
}

/* Retransmissions of the first unacknowledged segment while nothing arrives are time-outs. The first one may be the answer to
 * what arrived last, and does not move the timer (RFC 6298, 5.1), so no gap begins with it. */
static void time_out(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        bool syn = (s->flags & MON_SYN) != 0;
        uint64_t gap = m->now - ep->rtx_at;

        if (ep->rtx_row == 0 && ep->arrivals > 0 &&
            m->now - ep->last_arrival <= m->c.slack_ns + m->c.react_ns)
                return;
        /* Tolerance: what arrived may have begun another life of the same numbers (see begin_anew() in monitor_state.c), and
         * this is its first transmission. */
        if (ep->rtx_row == 0 && ep->anew && s->seq == ep->iss + 1)
                return;
        if (ep->rtx_row == 0 || ep->rtx_seq != s->seq) {
                ep->rtx_row = 1;
                ep->rtx_gap = 0;
        } else {
                /* Tolerance: Linux repeats a SYN four times at the same distance. */
                if (ep->rtx_row > 1 && gap < rto_most &&
                    gap + gap / 8 + m->c.react_ns < 2 * ep->rtx_gap - ep->rtx_gap / 10 &&
                    !(syn && m->c.linux_ways))
                        mon_blame(m, ep, SIM_RULE_RTX_BACKOFF, "%u ms after one of %u ms",
                                  (unsigned)(gap / 1000000), (unsigned)(ep->rtx_gap / 1000000));
                ep->rtx_gap = gap;
                ep->rtx_row++;
                if (ep->rtx_row > 2) {
                        ep->after_rto = true;
                        ep->after_rto_bytes = 0;
                }
        }
        ep->rtx_at = m->now;
        ep->rtx_seq = s->seq;
}

/* A tail loss probe repeats the highest segment, and is due when the timer of the earliest is, at the latest
 * (RFC 8985, 7.2 and 7.3): of the earliest that the endpoint need not take for acknowledged. */
static bool is_probe_for_all(const struct sim_monitor *m, const struct mon_ep *ep,
                             const struct mon_seg *s, uint64_t least)
{
        uint64_t t = 0;

        /* For senders with SACK only (RFC 8985, 4). */
        return ep->sack_ok_in && s->seq + mon_seg_span(s) == ep->snd_max &&
               (!sent_at(ep, ep->una_sure, ep->una_sure + 1, false, &t) || m->now - t >= least);
}

static void again(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        bool syn = (s->flags & MON_SYN) != 0, sign;
        uint64_t t = 0, least = rto_least;

        /* In a simultaneous open the timer of the SYN goes on when the SYN+ACK leaves. */
        sign = syn ? ep->arrivals != ep->arrivals_at_syn || (ep->active && (s->flags & MON_ACK))
                   : sign_of_loss(ep);
        if (!syn && ep->rtt_min != 0 && ep->rtt_min - ep->rtt_min / 10 < least)
                least = ep->rtt_min - ep->rtt_min / 10;
        /* The endpoint may have samples that are not seen (Timestamps on retransmissions). */
        sign |= !syn && ep->rtt_min == 0;
        sign |= !syn && ep->late_at == m->now && m->now != 0;
        sign |= syn && (m->counts.forgotten > 0 ||
                        ep->resumed); /* what it answered, and when, may be forgotten */
        sign |= !syn && mon_lt(s->seq, ep->sack_hi); /* something above it was SACKed */
        /* Too long with its text, it goes without (RFC 1191, 6.4; RFC 7413, 4.2.2). */
        sign |= syn && ep->icmp_at != 0 && ep->snd_max != ep->iss + 1;
        /* A SYN+ACK that answers a SYN that came again leaves the timer running (RFC 6298, 5.1): the timer's may
         * follow it closely. */
        /* The timer is that of the earliest segment (RFC 6298, 5.4); what was sent since may go with it, for
         * octets are what is sent again, not segments. */
        if (!sign && sent_at(ep, s->seq, s->seq + 1, syn && ep->syn_answered, &t) &&
            m->now - t < least && !window_closed(ep) && !is_probe_for_all(m, ep, s, least))
                mon_blame(m, ep, SIM_RULE_RTX_EARLY, "SEQ %u after %u us, a round trip takes %u us",
                          s->seq, (unsigned)((m->now - t) / 1000), (unsigned)(ep->rtt_min / 1000));
        if (syn)
                ep->syn_answered = sign;
        if (syn && sign)
                ep->rtx_row = 0; /* it answers a SYN: no timer */
        else if (mon_le(s->seq, ep->una_hi))
                time_out(m, ep, s);
        ep->recovering = true;
        ep->recover = ep->snd_max;
}

/* ---- congestion ---- */

/* So much silence that a timer may have run out: a round trip at least. The endpoint may have samples that are not seen. And
 * a loss probe is due with the timer of the earliest segment, at the latest (RFC 8985, 7.2). */
static bool has_waited(const struct sim_monitor *m, const struct mon_ep *ep)
{
        uint64_t least = ep->rtt_min != 0 ? ep->rtt_min : 1, t = 0;

        if (m->c.no_time || m->now - ep->last_text >= least)
                return true;
        return ep->sack_ok_in &&
               (!sent_at(ep, ep->una_sure, ep->una_sure + 1, false, &t) || m->now - t >= least);
}

/* What was SACKed is not in flight any more (RFC 6675, 4). Beyond the congestion window: a segment for each of the first duplicate ACKs (RFC 3042), and the probe
 * of a timer that waited for a round trip at least (RFC 8985, 7.3). */
static void check_flight(struct sim_monitor *m, struct mon_ep *ep, uint32_t end)
{
        uint32_t mss = mon_mss(ep) < 48 ? 48 : mon_mss(ep), flight = end - ep->sack_hi;
        bool first = mon_le(ep->una_hi, ep->iss + 1);
        uint64_t most = (0ull + m->c.initial_window + ep->dup_acks_total + has_waited(m, ep)) * mss;

        if (first && flight - mon_le(ep->sack_hi, ep->iss) > most)
                mon_blame(m, ep, SIM_RULE_INITIAL_WINDOW, "%u octets, the MSS is %u", flight, mss);
        /* Who measures what is delivered counts what is SACKed as well (BBR's draft, C.delivered). */
        else if (!first && flight > most + ep->acked_total + 2ull * mss +
                                            (mon_max(ep->sack_hi, ep->una_hi) - ep->una_hi))
                mon_blame(m, ep, SIM_RULE_CWND, "%u octets in flight, acknowledged were %llu",
                          flight, (unsigned long long)ep->acked_total);
}

/* Tolerance: one more segment, which a timer may have sent that was running (RFC 8985, 7). */
static void check_after_rto(struct sim_monitor *m, struct mon_ep *ep, uint32_t span)
{
        uint32_t mss = mon_mss(ep) < 48 ? 48 : mon_mss(ep);

        if (!ep->after_rto)
                return;
        ep->after_rto_bytes += span;
        if (ep->after_rto_bytes <= 2 * mss)
                return;
        mon_blame(m, ep, SIM_RULE_AFTER_RTO, "%u octets since the time-out", ep->after_rto_bytes);
        ep->after_rto = false;
}

/* ---- empty segments ---- */

static uint32_t sack_mix(const struct mon_seg *s)
{
        uint32_t x = s->sacks;

        for (unsigned i = 0; i < s->sacks; i++)
                x = (x ^ s->sack[i].left) * 0x9e3779b1u + s->sack[i].right;
        return x;
}

static void check_storm(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                        bool probing)
{
        uint32_t edge = s->ack + mon_window_out(ep, s), mix = sack_mix(s);
        bool news = s->ack != ep->last_ack || edge != ep->last_edge || mix != ep->last_sack;

        if (ep->credit > 0 && m->now - ep->credit_at > ELKO_SEC(1) + m->c.react_ns)
                ep->credit = 0;
        if (!news && mon_seg_span(s) == 0 && ep->credit == 0 && (probing || !ep->probe_acked) &&
            (!probing || (m->now - ep->probing_at < ELKO_MS(100) && !m->c.no_time)))
                mon_blame(m, ep, SIM_RULE_STORM, "ACK %u once more, nothing came that asks for it",
                          s->ack);
        if (ep->credit > 0 && mon_seg_span(s) == 0 && !probing)
                ep->credit--;
        /* A peer need not look at the ACK field of a probe (3.10.7.4, first), so the same may be said again. */
        ep->probe_acked = probing && (news || ep->probe_acked);
        if (probing)
                ep->probing_at = m->now;
        ep->last_ack = s->ack;
        ep->last_edge = edge;
        ep->last_sack = mix;
}

/* ---- all of it ---- */

static void note(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t end = s->seq + mon_seg_span(s);
        bool again = ep->tx_count > 0 && mon_lt(s->seq, ep->snd_max);

        ep->tx[ep->tx_count++ % MON_TX] = (struct mon_tx){m->now, s->seq, end, again};
        if (ep->una_hi == ep->snd_max || ep->tx_count == 1)
                ep->first_unacked_at = m->now;
        ep->snd_max = mon_max(ep->snd_max, end);
        mon_rtx_watch(m, ep);
}

void mon_rate(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t span = mon_seg_span(s), end = s->seq + span;
        bool syn = (s->flags & MON_SYN) != 0;
        bool below = s->len <= 1 && span == s->len && mon_lt(s->seq, ep->una_hi) &&
                     mon_le(end, ep->una_hi);
        bool probing = below || (span == 0 && s->seq == ep->snd_max - 1);

        if (!m->c.no_time && window_closed(ep) && (below || (s->len > 0 && !syn)))
                probe(m, ep);
        if (s->flags & MON_ACK)
                check_storm(m, ep, s, probing);
        if (span == 0 || below)
                return;
        if (ep->tx_count > 0 && mon_lt(s->seq, ep->snd_max)) {
                if (!m->c.no_time)
                        again(m, ep, s);
        } else if (ep->una_sure == ep->snd_max) {
                ep->recovering = false;
        }
        if (mon_lt(ep->snd_max, end) && !syn) {
                check_flight(m, ep, end - ((s->flags & MON_FIN) != 0));
                /* A loss probe of new data starts the timer anew (RFC 8985, 7.3). There is none while a time-out is
                 * recovered from, so no two were before it. */
                if (ep->sack_ok_in && ep->rtx_row == 1 && has_waited(m, ep))
                        ep->rtx_row = 0;
        }
        if (!window_closed(ep) && !m->c.no_time)
                check_after_rto(m, ep, span);
        if (syn)
                ep->arrivals_at_syn = ep->arrivals;
        note(m, ep, s);
}
