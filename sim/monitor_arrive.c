/* SPDX-License-Identifier: MIT */
/*
 * What a segment that arrives tells the endpoint, and what it then owes.
 *
 * Theory: RFC 9293, 3.10.7.4, first to eighth check, seen from outside. A segment that passes all of them
 * for certain moves una_sure, the present window (SND.WND by SND.WL1 and SND.WL2), TS.Recent (RFC 7323, 4.3),
 * and makes duties. A segment that may have passed moves una_hi, edge_hi, rcv_hi. When something arrived
 * of which it can't be said whether it was accepted, the endpoint is `murky` until it has acknowledged all
 * there is: no duties until then.
 */
#include "monitor_ep.h"

static void note_in(struct mon_ep *ep, const struct mon_seg *s)
{
        ep->in_ring[ep->in_count % MON_IN] =
                (struct mon_in){s->seq, s->ack, mon_seg_span(s), s->flags, false};
        ep->in_count++;
}

/* An ACK that says nothing new may answer this one. */
static void give_credit(struct sim_monitor *m, struct mon_ep *ep)
{
        ep->credit++;
        ep->credit_at = m->now;
}

/* RCV.NXT, as far as is known. */
static uint32_t rcv_nxt(const struct mon_ep *ep)
{
        return ep->murky ? ep->ack_max : ep->rcv_hi;
}

/* The acceptability test of RFC 9293, 3.4, table 6. */
static bool in_window(const struct mon_ep *ep, uint32_t seq, uint32_t span)
{
        uint32_t r = rcv_nxt(ep), edge = mon_max(ep->edge_out, r);

        if (span == 0)
                return edge == r ? seq == r : mon_le(r, seq) && mon_lt(seq, edge);
        if (edge == r)
                return false;
        return (mon_le(r, seq) && mon_lt(seq, edge)) ||
               (mon_le(r, seq + span - 1) && mon_lt(seq + span - 1, edge));
}

/* ---- acknowledgment ---- */

/* The shortest that the endpoint may have measured: each segment may be timed, unless it was sent
 * again (Karn's algorithm: RFC 6298, 3), and Timestamps tell that one as well (RFC 7323, 4.1); an acknowledgment of a
 * part of it is one, too. */
static void note_rtt(const struct sim_monitor *m, struct mon_ep *ep, uint32_t ack)
{
        unsigned first = ep->tx_count > MON_TX ? ep->tx_count - MON_TX : 0;
        uint64_t rtt;

        for (unsigned i = ep->tx_count; i > first; i--) {
                const struct mon_tx *x = &ep->tx[(i - 1) % MON_TX];

                if (!mon_lt(x->left, ack) || !mon_lt(ep->una_hi, x->right))
                        continue;
                /* In the same instant: a peer that acknowledges what it has not got yet. */
                rtt = m->now > x->t ? m->now - x->t : 1;
                if ((!x->again || ep->ts_ok) && (ep->rtt_min == 0 || rtt < ep->rtt_min))
                        ep->rtt_min = rtt;
                return;
        }
}

static void una_moves(struct sim_monitor *m, struct mon_ep *ep, uint32_t ack)
{
        uint32_t acked = ack - ep->una_hi;

        /* The timer may have run out in the instant in which its ACK came. */
        if (ep->rtt_min != 0 && m->now - ep->first_unacked_at >= ep->rtt_min)
                ep->late_at = m->now;
        note_rtt(m, ep, ack);
        /* Tolerance: Linux counts its congestion window in segments, whatever their length; an ACK
         * covers two of them mostly. */
        if (m->c.linux_ways && acked < 2 * mon_mss(ep))
                acked = 2 * mon_mss(ep);
        ep->acked_total += acked;
        ep->una_hi = ack;
        ep->dup_acks = 0;
        ep->sack_seen = false;
        if (ep->recovering && mon_le(ep->recover, ack))
                ep->recovering = false;
        if (ep->three_dups && mon_le(ep->three_to, ack))
                ep->three_dups = false;
        ep->first_unacked_at = m->now;
}

static void fin_is_acked(struct mon_ep *ep)
{
        if (!ep->fin_sent || mon_le(ep->una_sure, ep->fin_seq))
                return;
        if (ep->state == MON_FIN_WAIT_1)
                ep->state = MON_FIN_WAIT_2;
        else if (ep->state == MON_CLOSING)
                ep->state = MON_TIME_WAIT;
        else if (ep->state == MON_LAST_ACK)
                ep->state = MON_DONE;
        if (ep->state == MON_DONE)
                mon_duties_clear(ep);
}

static void una_sure_moves(struct sim_monitor *m, struct mon_ep *ep, uint32_t ack)
{
        if (mon_lt(ep->una_hi, ack))
                una_moves(m, ep, ack);
        if (!mon_lt(ep->una_sure, ack))
                return;
        ep->una_sure = ack;
        mon_hist_add(&ep->una_hist, m->now, ack);
        ep->waits_since = m->now;
        ep->probe_row = 0;
        ep->probe_due = ELKO_NEVER;
        fin_is_acked(ep);
}

/* ---- SYN and RST ---- */

static void note_duplicate(struct mon_ep *ep, uint32_t left, uint32_t right)
{
        ep->dups[ep->dup_count++ % MON_DUPS] = (struct mon_range){left, right};
        ep->dsacks_owed++;
}

/* A copy takes the place of the one before. */
static void note_syn(struct mon_ep *ep, struct mon_syn *in)
{
        unsigned n = ep->syn_count < MON_SYNS ? ep->syn_count : MON_SYNS;

        for (unsigned i = 0; i < n; i++) {
                struct mon_syn *x = &ep->syns[i];

                if (x->seq == in->seq && x->mss == in->mss && x->has_ts == in->has_ts &&
                    x->has_ws == in->has_ws && x->has_sack_ok == in->has_sack_ok &&
                    x->has_cookie == in->has_cookie && mon_le(x->ts_first, in->tsval)) {
                        in->ts_first = x->ts_first;
                        *x = *in;
                        return;
                }
        }
        ep->syns[ep->syn_count++ % MON_SYNS] = *in;
}

/* A SYN+ACK's: of the SYN, and of the text that went with it (RFC 7413, 4.2.2). */
static bool acks_ours(const struct mon_ep *ep, uint32_t ack)
{
        return mon_lt(ep->iss, ack) && mon_le(ack, ep->snd_max);
}

static void syn_arrives(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        struct mon_syn in = {.seq = s->seq,
                             .ack = s->flags & MON_ACK ? s->ack : ep->iss,
                             .len = s->len,
                             .has_ack = (s->flags & MON_ACK) != 0,
                             .has_ws = s->has_ws,
                             .has_ts = s->has_ts,
                             .has_sack_ok = s->has_sack_ok,
                             .has_cookie = s->has_cookie,
                             .fin = (s->flags & MON_FIN) != 0,
                             .ws = s->ws > 14 ? 14 : s->ws,
                             .mss = s->has_mss ? s->mss : 0,
                             .window = s->window,
                             .tsval = s->tsval,
                             .ts_first = s->tsval,
                             .when = m->number};

        note_syn(ep, &in);
        ep->syn_in_since_out = true;
        give_credit(m, ep);
        if (ep->irs_known && s->seq == ep->irs) /* its sequence number comes again */
                note_duplicate(ep, s->seq, s->seq + mon_seg_span(s));
        if (ep->irs_known && s->seq == ep->irs && s->has_ts) /* with a newer clock */
                ep->ts_maybe[ep->ts_maybe_count++ % MON_HIST] = s->tsval;
        if (ep->state == MON_SYN_RECEIVED && mon_may_be_active(m, ep) && in.has_ack &&
            acks_ours(ep, in.ack) && s->seq == ep->irs) { /* the end of a simultaneous open */
                if (ep->active)
                        una_sure_moves(m, ep, in.ack);
                else if (mon_lt(ep->una_hi, in.ack))
                        una_moves(m, ep, in.ack);
        }
        if (ep->state != MON_SYN_SENT || (in.has_ack && !acks_ours(ep, in.ack)))
                return;
        /* What to do with illegal options is the endpoint's choice (RFC 9293, 3.2, MUST-7): it may drop a SYN that
         * answers nothing; a SYN+ACK of its own says that it did not. */
        if (!in.has_ack && s->options_wrong != NULL)
                return;
        if (!ep->irs_known || ep->irs == s->seq) {
                uint32_t first = ep->ts_recent;
                bool again = ep->irs_known;

                mon_adopt(ep, &in);
                if (again) /* and the second of two, when both wait to be answered, is a duplicate */
                        ep->ts_recent = ep->in.tsval = first;
                if (in.has_ack) {
                        una_sure_moves(m, ep, in.ack);
                        mon_duty_set(m, ep, &ep->delayed, m->c.delack_ns, s->seq + 1);
                }
        }
}

static void rst_arrives(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        give_credit(m, ep); /* a challenge ACK, RFC 5961, 3.2 */
        if (ep->state == MON_SYN_SENT) {
                ep->may_be_dead |= (s->flags & MON_ACK) && s->ack == ep->snd_max;
                return;
        }
        if (ep->state == MON_SYN_RECEIVED || !mon_synchronized(ep)) {
                ep->may_be_dead = true;
                return;
        }
        if (mon_le(ep->ack_max, s->seq) && mon_le(s->seq, mon_max(ep->edge_out, ep->rcv_hi)))
                ep->may_be_dead = true;
        /* RCV.NXT for certain: all there is has been acknowledged. TIME-WAIT, or what may be it, may
         * ignore an RST (RFC 1337, 3). */
        if (s->seq == ep->ack_max && ep->ack_max == ep->rcv_hi && !ep->murky &&
            !(ep->fin_sent && mon_lt(ep->fin_seq, ep->una_hi)) && ep->state != MON_TIME_WAIT &&
            !ep->reset_in) {
                ep->reset_in = true;
                ep->reset_in_at = m->now;
        }
        if (ep->may_be_dead)
                mon_duties_clear(ep);
}

/* ---- the peer's window ---- */

/* A segment that may have been believed can only widen what is thought to be the present window. One
 * such stands exactly at the right edge, when both sides have filled each other's window: RFC 9293, 3.4,
 * does not accept it, and Linux does. */
static void window_moves(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                         bool sure)
{
        uint32_t edge = s->ack + mon_window_in(ep, s);
        bool newer = mon_lt(ep->wl1, s->seq) || (ep->wl1 == s->seq && mon_le(ep->wl2, s->ack));

        ep->edge_hi = mon_max(ep->edge_hi, edge);
        /* Older than what may have been taken, it may change nothing (RFC 9293, 3.10.7.4 fifth). */
        sure = sure && mon_le(ep->wl1_hi, s->seq);
        if (!mon_lt(s->ack, ep->una_sure) &&
            (in_window(ep, s->seq, mon_seg_span(s)) ||
             (ep->peer_fin_known &&
              ep->ack_max == ep->peer_fin))) /* whose window is not followed */
                ep->wl1_hi = mon_max(ep->wl1_hi, s->seq);
        /* The refinement of RFC 9293, 3.8.6: the highest acknowledgment number counts. */
        if (!newer && s->ack != ep->una_hi)
                return;
        sure = sure && newer;
        if (sure) {
                ep->wl1 = s->seq;
                ep->wl2 = s->ack;
        }
        if (edge == ep->edge_cur || (!sure && mon_lt(edge, ep->edge_cur)))
                return;
        if (ep->edge_hist.n == 0)
                mon_hist_add(&ep->edge_hist, 0, ep->edge_cur);
        ep->edge_cur = edge;
        mon_hist_add(&ep->edge_hist, m->now, edge);
        if (mon_lt(ep->una_sure, edge)) {
                ep->waits_since = m->now;
                ep->probe_row = 0;
                ep->probe_due = ELKO_NEVER;
        }
}

static void ack_arrives(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                        bool sure)
{
        bool moves = mon_lt(ep->una_hi, s->ack);

        if (mon_lt(ep->snd_max, s->ack))
                return;
        if (moves)
                una_moves(m, ep, s->ack);
        for (unsigned i = 0; i < s->sacks; i++)
                if (mon_lt(ep->una_hi, s->sack[i].right) && mon_le(s->sack[i].right, ep->snd_max)) {
                        ep->sack_seen = true;
                        ep->sack_hi = mon_max(ep->sack_hi, s->sack[i].right);
                }
        if (moves) {
                ep->sack_hi = mon_max(ep->sack_hi, s->ack);
        } else if (s->len == 0 && mon_lt(s->ack, ep->una_hi) && !mon_lt(s->ack, ep->una_sure)) {
                ep->dup_acks_total++; /* to an endpoint that did not believe the higher one */
        } else if (s->ack == ep->una_hi && s->len == 0 && ep->una_hi != ep->snd_max) {
                ep->dup_acks++;
                ep->dup_acks_total++;
                /* Loss recovery begins, also when its retransmission can't be made now (RFC 6582, 3.2, step 2). */
                if (ep->dup_acks == 3 && !ep->three_dups) {
                        ep->three_dups = true;
                        ep->three_to = ep->snd_max;
                }
        }
        if (sure)
                una_sure_moves(m, ep, s->ack);
        window_moves(m, ep, s, sure);
        mon_rtx_watch(m, ep);
}

/* ---- timestamps: RFC 7323, 4.3 (2) and (3) ---- */

/* The first of ts_maybe that TS.Recent may be. */
static unsigned ts_first(const struct mon_ep *ep)
{
        unsigned kept = ep->ts_maybe_count > MON_HIST ? ep->ts_maybe_count - MON_HIST : 0;

        return kept > ep->ts_from ? kept : ep->ts_from;
}

/* Each TSval that came may be newer than the one before and the last of them older than the first: time goes round
 * modulo 2^32 (RFC 7323, 5.2), and who forges TSvals uses that. So the newest of all says nothing. */
static bool ts_older_than_any(const struct mon_ep *ep, uint32_t tsval)
{
        bool lost = ts_first(ep) > ep->ts_from;

        if (mon_lt(tsval, ep->ts_recent) || (lost && mon_lt(tsval, ep->ts_hi)))
                return true;
        for (unsigned i = ep->ts_maybe_count; i > ts_first(ep); i--)
                if (mon_lt(tsval, ep->ts_maybe[(i - 1) % MON_HIST]))
                        return true;
        return false;
}

static bool ts_older_than_all(const struct mon_ep *ep, uint32_t tsval)
{
        if (!mon_lt(tsval, ep->ts_recent))
                return false;
        for (unsigned i = ep->ts_maybe_count; i > ts_first(ep); i--)
                if (!mon_lt(tsval, ep->ts_maybe[(i - 1) % MON_HIST]))
                        return false;
        return true;
}

static void ts_note(struct mon_ep *ep, uint32_t tsval)
{
        for (unsigned i = ep->ts_maybe_count; i > ts_first(ep); i--)
                if (ep->ts_maybe[(i - 1) % MON_HIST] == tsval)
                        return;
        ep->ts_maybe[ep->ts_maybe_count++ % MON_HIST] = tsval;
}

/* Wholly below the window. */
static bool is_below(const struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t span = mon_seg_span(s);

        return span > 0 ? mon_le(s->seq + span, ep->ack_max) : mon_lt(s->seq, ep->ack_max);
}

static void ts_arrives(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s, bool sure)
{
        /* With slack, an ACK may have left that is not seen yet. */
        uint32_t last_ack = m->c.slack_ns > 0 ? mon_max(ep->ack_max, ep->rcv_hi) : ep->ack_max;

        if (!ep->ts_ok || !s->has_ts || ts_older_than_all(ep, s->tsval) || mon_lt(last_ack, s->seq))
                return;
        /* What lies wholly below the window is not acceptable, and R2 of RFC 7323, 5.3, comes before R3. */
        if (!sure && m->c.slack_ns == 0 && !m->c.linux_ways && is_below(ep, s))
                return;
        /* Tolerance: the third segment of the handshake may be dropped (see syn_ack() in monitor_state.c). */
        sure = sure && mon_le(s->seq, ep->ack_max) && ep->state != MON_SYN_RECEIVED;
        ts_note(ep, s->tsval);
        ep->ts_hi = ep->ts_maybe_count == 1 ? s->tsval : mon_max(ep->ts_hi, s->tsval);
        if (!sure || s->tsval == ep->ts_recent)
                return;
        if (ep->ts_sure.n == 0)
                mon_hist_add(&ep->ts_sure, 0, ep->ts_recent);
        ts_note(ep, ep->ts_recent);
        ep->ts_recent = s->tsval;
        ep->ts_from = ep->ts_maybe_count;
        mon_hist_add(&ep->ts_sure, m->now, s->tsval);
}

/* May PAWS (RFC 7323, 5.3, R1) have refused it, or the lack of Timestamps (3.2)? */
static bool paws_refuses(const struct mon_ep *ep, const struct mon_seg *s)
{
        return ep->ts_ok && (!s->has_ts || ts_older_than_any(ep, s->tsval));
}

/* ---- text and FIN ---- */

/* Everything up to rcv_hi that follows without a gap. */
static void close_gaps(struct mon_ep *ep)
{
        while (ep->ooo.n > 0 && mon_le(ep->ooo.r[0].left, ep->rcv_hi)) {
                ep->rcv_hi = mon_max(ep->rcv_hi, ep->ooo.r[0].right);
                mon_ranges_cut(&ep->ooo, ep->rcv_hi);
        }
}

/* A copy of the handshake's last segment, when the connection may be over: it may make another one (RFC 4987, 3.6), and a
 * full queue drops that without a word. */
static bool may_be_queued(const struct sim_monitor *m, const struct mon_ep *ep,
                          const struct mon_seg *s)
{
        return !ep->active && ep->out_count > 0 && s->seq == ep->irs + 1 && s->ack == ep->iss + 1 &&
               mon_may_be_over(m, ep);
}

/* A receiver may have dropped what stood above the gap (only SHLD-31 asks it to hold that), so what it
 * surely has is up to the end of this segment. */
static void owe_for_text(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                         uint32_t was, bool had_gap)
{
        uint32_t full = ep->out.mss != 0 ? ep->out.mss : ep->v6 ? 1220 : 536;
        uint32_t end = s->seq + mon_seg_span(s);

        /* What lies beyond the window is trimmed off (RFC 9293, 3.10.7.4). */
        if (mon_lt(was, ep->edge_out))
                end = mon_min(end, ep->edge_out);
        if (mon_lt(was, s->seq)) {
                mon_duty_set(m, ep, &ep->ooo_duty, m->c.prompt_ns, ep->ack_max);
                return;
        }
        if (was == ep->rcv_hi && may_be_queued(m, ep, s))
                return;
        if (was == ep->rcv_hi) {
                mon_duty_set(m, ep, &ep->unacceptable,
                             m->c.linux_ways ? m->c.delack_ns : m->c.prompt_ns, ep->ack_max);
                return;
        }
        mon_duty_set(m, ep, &ep->delayed, m->c.delack_ns, end);
        if (had_gap)
                mon_duty_set(m, ep, &ep->fill, m->c.prompt_ns, end);
        ep->unacked_text += end - was;
        /* RFC 5681, 4.2: who acknowledges every 2 * RMSS octets complies. */
        if (ep->unacked_text >= 2 * full)
                mon_duty_set(m, ep, &ep->second, m->c.linux_ways ? m->c.delack_ns : m->c.prompt_ns,
                             ep->ack_max + 1);
}

static void note_fin(struct mon_ep *ep, const struct mon_seg *s)
{
        if ((s->flags & MON_FIN) && mon_lt(ep->ack_max, s->seq + mon_seg_span(s)))
                ep->fins[ep->fin_count++ % MON_FINS] = s->seq + mon_seg_span(s);
}

static void text_arrives(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                         bool sure)
{
        uint32_t span = mon_seg_span(s), end = s->seq + span, was = ep->rcv_hi;
        bool had_gap =
                ep->ooo.n > 0 && ep->sacked.n > 0; /* and the endpoint said that it holds it */
        bool known, dropped = false;

        /* The FIN is the last (RFC 9293, 3.6): of two that differ one is a lie, and which one can't be said. */
        if ((s->flags & MON_FIN) && ep->peer_fin_known && ep->peer_fin != end)
                sure = false;
        /* Not one that is old (its number was acknowledged before it came), nor another when one was taken. */
        note_fin(ep, s);
        if ((s->flags & MON_FIN) && mon_lt(ep->ack_max, end) &&
            !(ep->peer_fin_known && ep->ack_max == ep->peer_fin)) {
                ep->peer_fin_known = true;
                ep->peer_fin = end;
        }
        known = mon_le(end, was) || mon_ranges_hold(&ep->ooo, s->seq, end);
        /* Also when a part of it had come (RFC 2883, 4.2); of several parts only the first is reported. */
        if (known || mon_lt(s->seq, was) || mon_ranges_meet(&ep->ooo, s->seq, end))
                note_duplicate(ep, s->seq, end);
        if (mon_lt(was, s->seq)) {
                mon_ranges_add(&ep->ooo, s->seq, end);
                ep->last_ooo = (struct mon_range){s->seq, end};
                /* RFC 5961, 5.2: what acknowledges far too little may have been dropped. */
                ep->has_last_ooo = !paws_refuses(ep, s) && !mon_lt(s->ack, ep->una_hi);
                ep->ooo_since_ack++;
        } else {
                ep->rcv_hi = mon_max(was, end);
                close_gaps(ep);
                ep->has_last_ooo = false;
                /* It may not have held what came above the gap (SHLD-31), unless it said so. */
                dropped = mon_lt(end, ep->rcv_hi) && mon_lt(was, end) &&
                          !mon_ranges_hold(&ep->sacked, end, ep->rcv_hi);
        }
        /* Text that comes before the handshake is known to be over may be dropped. */
        if (!sure || !mon_synchronized(ep))
                ep->murky |= !known;
        else if (!ep->murky)
                owe_for_text(m, ep, s, was, had_gap);
        ep->murky |= dropped || mon_lt(ep->edge_out, end);
}

/* ---- all of it ---- */

/* Of a segment that answers a SYN+ACK. A host may take an older echo for none of its own; it need not. */
enum { TSECR_AGE_MS = 60000 };

/* So far outside of the window that no allowance for probes (3.10.7.4 first) can be meant. */
static bool is_far_away(const struct sim_monitor *m, const struct mon_ep *ep,
                        const struct mon_seg *s)
{
        const uint32_t far = 1u << 17;
        uint32_t width = mon_max(ep->edge_out, ep->rcv_hi) - ep->ack_max;

        return m->c.slack_ns == 0 && ep->ack_known &&
               s->seq - (ep->ack_max - far) > width + 2 * far;
}

/* 1: passes every check for certain; 0: may pass; -1: is unacceptable, and the endpoint keeps what it
 * knows. */
static int judge(const struct sim_monitor *m, const struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t span = mon_seg_span(s);

        if (!(s->flags & MON_ACK))
                return -1;
        if (paws_refuses(ep, s))
                return 0;
        if (mon_lt(ep->snd_max, s->ack) || mon_lt(s->ack, ep->una_sure - (1u << 30)))
                return -1;
        if (is_far_away(m, ep, s))
                return -1;
        if (ep->murky || mon_lt(s->ack, ep->una_hi) ||
            (!mon_synchronized(ep) && ep->state != MON_SYN_RECEIVED))
                return 0;
        return in_window(ep, s->seq, span) ? 1 : 0;
}

/* Outside of the window, or older than PAWS allows (RFC 7323, 5.3, R1): dropped and acknowledged. */
static void owe_for_unacceptable(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if (ep->murky || !mon_synchronized(ep) || ep->may_be_dead || (ep->ts_ok && !s->has_ts) ||
            may_be_queued(m, ep, s))
                return;
        if (!in_window(ep, s->seq, mon_seg_span(s)) ||
            (ep->ts_ok && ts_older_than_all(ep, s->tsval)))
                mon_duty_set(m, ep, &ep->unacceptable,
                             m->c.linux_ways ? m->c.delack_ns : m->c.prompt_ns, ep->ack_max);
}

/*
 * Does the last segment of a handshake make a connection, although there is no half-open one that it fits? It may
 * be that of an earlier SYN+ACK. And where these are stateless, each copy of it makes the same connection once
 * more when the first is over (RFC 4987, 3.6): the host remembers neither.
 */
static bool may_begin_anew(const struct mon_ep *ep, const struct mon_seg *s)
{
        bool over = ep->state == MON_CLOSED || ep->state == MON_DONE || ep->state == MON_ABORTED;

        if (s->ack != ep->iss + 1)
                return over || ep->state == MON_SYN_RECEIVED;
        return over || ep->reset_in;
}

/* TIME-WAIT, behind the SYN that may be an old duplicate, goes on noting timestamps when it is back. */
static void note_behind(struct mon_ep *ep, const struct mon_seg *s)
{
        struct mon_waiting *w = &ep->waiting;

        if (w->valid && s->has_ts && mon_le(s->seq, w->ack) && s->ack == w->snd_max &&
            mon_lt(w->ts_hi, s->tsval))
                w->ts_hi = s->tsval;
        /* LAST-ACK seems to be over, but that may be TIME-WAIT, too. */
        if (ep->state == MON_DONE && ep->ts_ok && s->has_ts && mon_le(s->seq, ep->ack_max) &&
            s->ack == ep->snd_max && mon_lt(ep->ts_recent, s->tsval)) {
                ts_note(ep, s->tsval);
                ep->ts_hi = mon_max(mon_max(ep->ts_recent, ep->ts_hi), s->tsval);
        }
}

/* The peer's FIN was acknowledged, so nothing lies where this does: its text is ignored (RFC 9293, 3.10.7.4
 * seventh), and some take it as out of the window. */
static bool above_fin(const struct mon_ep *ep, const struct mon_seg *s)
{
        return ep->peer_fin_known && ep->ack_max == ep->peer_fin &&
               mon_lt(ep->peer_fin, s->seq + mon_seg_span(s));
}

/*
 * RFC 7323, 5.5: after 24 days of silence TS.Recent is no longer valid, and an older one may take its place. It does so
 * with the first segment that updates TS.Recent (4.3), not with one above a gap: until then each that comes is as
 * good.
 */
static void ts_gets_old(const struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        bool silent = ep->last_arrival != 0 && m->now - ep->last_arrival >= ELKO_SEC(24 * 86400);

        if (!ep->ts_ok || !s->has_ts || (!silent && !ep->ts_outdated))
                return;
        if (!ep->ts_outdated || silent) {
                ep->ts_maybe_count = ep->ts_from = 0;
                ep->ts_sure.n = 0;
                ep->ts_outdated = true;
                ep->ts_old = ep->ts_recent;
        }
        if (!mon_lt(s->tsval, ep->ts_recent))
                return;
        ts_note(ep, ep->ts_recent);
        ts_note(ep, s->tsval);
        ep->ts_recent = ep->ts_hi = s->tsval;
        ep->murky = true;
}

void mon_arrive(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t span = mon_seg_span(s);
        int sure;

        note_in(ep, s);
        ts_gets_old(m, ep, s);
        ep->arrivals++;
        ep->last_arrival = m->now;
        ep->rtx_row = 0;
        ep->after_rto = false;
        if (s->flags & MON_RST) {
                rst_arrives(m, ep, s);
                return;
        }
        if (s->flags & MON_SYN) {
                syn_arrives(m, ep, s);
                return;
        }
        if (!ep->active && ep->out_count > 0 && (s->flags & MON_ACK)) {
                mon_state_acked(ep, s);
                if (may_begin_anew(ep, s))
                        mon_state_older(m, ep, s);
        }
        if (!ep->active && ep->state == MON_SYN_RECEIVED && s->seq == ep->irs + 1 &&
            s->ack == ep->iss + 1) {
                /* Also with an echo of what was never sent. */
                ep->ts_open |= s->has_ts != ep->ts_ok ||
                               (s->has_ts && ep->last_tsval - s->tsecr > TSECR_AGE_MS);
                ep->anew = false;
                if (s->has_ts) {
                        if (ep->una_hi == ep->iss)
                                mon_state_echo(ep, s->tsecr);
                        ts_note(ep, s->tsval);
                }
        }
        note_behind(ep, s);
        if (!ep->active && mon_synchronized(ep) && s->seq == ep->irs + 1 && s->ack == ep->iss + 1) {
                ep->anew = true;
                ep->anew_ts = s->has_ts && (is_below(ep, s) || ts_older_than_all(ep, s->tsval));
                ep->anew_tsval = s->tsval;
                ep->anew_edge = s->ack + mon_window_in(ep, s);
        }
        if (span > 0 || !in_window(ep, s->seq, 0) || above_fin(ep, s) ||
            mon_lt(ep->snd_max, s->ack) || mon_lt(s->ack, ep->una_hi) ||
            (ep->ts_ok && s->has_ts && ts_older_than_any(ep, s->tsval)))
                give_credit(m, ep);
        if (!ep->iss_known || !ep->irs_known || ep->state == MON_CLOSED || ep->state == MON_DONE ||
            ep->state == MON_ABORTED || ep->state == MON_UNKNOWN)
                return;
        if (span > 0 && !above_fin(ep, s))
                owe_for_unacceptable(m, ep, s);
        sure = judge(m, ep, s);
        if (sure < 0) {
                /* The ACK may be wrong; the sequence number is looked at first. */
                if (s->len > 0 && mon_lt(s->seq, ep->rcv_hi))
                        note_duplicate(ep, s->seq, s->seq + span);
                return;
        }
        ts_arrives(m, ep, s, sure > 0);
        ack_arrives(m, ep, s, sure > 0);
        if (span > 0 && mon_lt(ep->irs, s->seq + span) &&
            (uint32_t)(s->seq + span - ep->rcv_hi + (1u << 30)) < 1u << 31) {
                if (!above_fin(ep, s)) {
                        text_arrives(m, ep, s, sure > 0);
                        return;
                }
                ep->beyond_fin = mon_max(ep->beyond_fin, s->seq + span);
                note_fin(ep, s);
                if (mon_lt(s->seq,
                           ep->rcv_hi)) /* when what was acknowledged is no FIN but an octet */
                        note_duplicate(ep, s->seq, s->seq + span);
        }
}

void mon_arrive_icmp(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        ep->icmp_at = m->now;
        ep->rtx_row = 0; /* a smaller segment goes at once (RFC 1191, 6.4) */
        ep->after_rto = false;
        if (!s->too_big && ep->state == MON_SYN_SENT)
                ep->may_be_dead = true;
        mon_duties_clear(ep);
}
