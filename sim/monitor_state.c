/* SPDX-License-Identifier: MIT */
/*
 * The states of RFC 9293, 3.3.2, as packets show them, and what may be sent in each.
 *
 * Theory: the state moves when something is sent that only the next state would send (a SYN, a SYN+ACK, the
 * first segment without SYN, a FIN, the acknowledgment of a FIN) and when an acknowledgment of the FIN
 * arrives that had to be believed. A connection may also end where nobody sees it: a user time-out, an
 * abort before the handshake, a half-open connection dropped for want of memory. So a new SYN from an
 * endpoint is a new incarnation (3.10.1), and only that of an idle open connection is an error.
 */
#include "monitor_ep.h"

/* All that TIME-WAIT needs to be the same again. */
static void note_waiting(struct mon_ep *ep)
{
        if ((!mon_synchronized(ep) && ep->state != MON_DONE) || !ep->fin_sent ||
            !ep->peer_fin_known || ep->ack_max != ep->peer_fin || ep->una_hi != ep->snd_max)
                return;
        ep->waiting =
                (struct mon_waiting){.valid = true,
                                     .ts_ok = ep->ts_ok,
                                     .ws_ok = ep->ws_ok,
                                     .ws_in = ep->in.ws,
                                     .ws_out = ep->out.ws,
                                     .iss = ep->iss,
                                     .snd_max = ep->snd_max,
                                     .irs = ep->irs,
                                     .ack = ep->ack_max,
                                     .edge = ep->edge_out,
                                     .ts_recent = ep->ts_recent,
                                     .ts_hi = ep->ts_maybe_count > 0 ? ep->ts_hi : ep->ts_recent};
}

static void begin(struct sim_monitor *m, struct mon_ep *ep, uint32_t iss, enum mon_state state)
{
        note_waiting(ep);
        mon_ep_begin(m, ep);
        ep->state = (uint8_t)state;
        ep->active = state == MON_SYN_SENT;
        ep->iss_known = true;
        ep->iss = iss;
        ep->snd_max = iss + 1;
        ep->una_hi = ep->una_sure = ep->sack_hi = iss;
        ep->bytes_low = iss + 1;
        ep->edge_hi = ep->edge_cur = iss + 1;
        ep->waits_since = m->now;
        m->counts.endpoints++;
}

static void note_options(struct mon_ep *ep, const struct mon_seg *s)
{
        struct mon_syn *o = &ep->out;

        o->seq = s->seq;
        o->window = s->window;
        o->has_window = true;
        o->has_ws |= s->has_ws;
        if (s->has_ws)
                o->ws = s->ws > 14 ? 14 : s->ws;
        o->has_ts |= s->has_ts;
        o->has_sack_ok |= s->has_sack_ok;
        if (s->has_mss)
                o->mss = s->mss;
        ep->ts_ok = ep->irs_known && o->has_ts && ep->in.has_ts;
        ep->ws_ok = ep->irs_known && o->has_ws && ep->in.has_ws;
        ep->syn_in_since_out = false;
}

/*
 * An open connection with nothing outstanding does not vanish by itself. While its window is closed something may
 * wait that is not seen, and a user time-out with it (3.9.1). Text that was not pushed waits with the window open, for
 * the override time-out of a second at most (3.8.6.2.1): by a clock that jumps, both time-outs may be over.
 */
static bool surely_open(const struct sim_monitor *m, const struct mon_ep *ep)
{
        return (ep->state == MON_ESTABLISHED || ep->state == MON_CLOSE_WAIT) &&
               ep->una_sure == ep->snd_max && mon_lt(ep->una_sure, ep->edge_cur) &&
               !ep->may_be_dead && !ep->reset_in && !m->c.no_time;
}

static bool syn(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if (ep->state == MON_SYN_SENT && s->seq == ep->iss) {
                note_options(ep, s);
                return true;
        }
        if (ep->state == MON_SYN_RECEIVED && s->seq == ep->iss)
                mon_blame(m, ep, SIM_RULE_STATE, "%s", "SYN without ACK in SYN-RECEIVED");
        else if (ep->state == MON_SYN_SENT && !ep->may_be_dead)
                mon_blame(m, ep, SIM_RULE_ISN, "%u after %u", s->seq, ep->iss);
        else if (surely_open(m, ep))
                mon_blame(m, ep, SIM_RULE_STATE, "SYN %u on an open connection", s->seq);
        begin(m, ep, s->seq, MON_SYN_SENT);
        note_options(ep, s);
        return true;
}

/* The newest SYN that `s` may answer: with what it answers to, if there is such a copy. */
static const struct mon_syn *find_syn(const struct mon_ep *ep, const struct mon_seg *s)
{
        unsigned n = ep->syn_count < MON_SYNS ? ep->syn_count : MON_SYNS;
        const struct mon_syn *best = NULL;
        bool best_fits = false;

        for (unsigned i = 0; i < n; i++) {
                const struct mon_syn *x = &ep->syns[i];
                bool fits = x->has_ts >= s->has_ts && x->has_ws >= s->has_ws &&
                            x->has_sack_ok >= s->has_sack_ok;

                if (!mon_acks_syn(x, s->ack) || (best_fits && !fits))
                        continue;
                if (best == NULL || fits > best_fits || x->when > best->when) {
                        best = x;
                        best_fits = fits;
                }
        }
        return best;
}

/* The SYN+ACK that `ack` acknowledges. */
static struct mon_pair *find_out(struct mon_ep *ep, uint32_t ack)
{
        unsigned first = ep->out_count > MON_OUTS ? ep->out_count - MON_OUTS : 0;

        for (unsigned i = ep->out_count; i > first; i--)
                if (ep->outs[(i - 1) % MON_OUTS].out.seq + 1 == ack)
                        return &ep->outs[(i - 1) % MON_OUTS];
        return NULL;
}

void mon_adopt(struct mon_ep *ep, const struct mon_syn *in)
{
        ep->in = *in;
        ep->irs_known = true;
        ep->irs = in->seq;
        ep->rcv_hi = in->seq + 1 + in->len + in->fin;
        ep->peer_fin_known = in->fin;
        ep->peer_fin = ep->rcv_hi;
        ep->ooo.n = 0;
        ep->beyond_fin = ep->rcv_hi;
        ep->sack_ok_in = in->has_sack_ok;
        ep->ts_ok = ep->out.has_ts && in->has_ts;
        ep->ws_ok = ep->out.has_ws && in->has_ws;
        ep->ts_recent = in->tsval;
        ep->ack_max = in->seq + 1;
        ep->edge_out = in->seq + 1 + (ep->out.has_window ? ep->out.window : 0);
        ep->edge_hi = ep->edge_cur = (in->has_ack ? in->ack : ep->iss + 1) + in->window;
        ep->wl1 = ep->wl1_hi = in->seq;
        ep->wl2 = in->ack;
}

static bool offers_the_same(const struct mon_syn *before, const struct mon_seg *s)
{
        return before->has_ws == s->has_ws && before->has_ts == s->has_ts &&
               before->has_sack_ok == s->has_sack_ok;
}

static bool echoes(const struct mon_syn *out, uint32_t tsecr)
{
        return out->has_ts && mon_le(out->ts_first, tsecr) && mon_le(tsecr, out->tsval);
}

/*
 * Stateless SYN+ACKs that answer copies of one SYN have one sequence number, and what each copy offered is in the bits
 * of the Timestamp option, "echoed back in the Timestamp Echo field of the ACK packet" (RFC 4987, 3.6). So the one
 * that is echoed counts, not the last.
 */
void mon_state_echo(struct mon_ep *ep, uint32_t tsecr)
{
        unsigned first = ep->out_count > MON_OUTS ? ep->out_count - MON_OUTS : 0;

        for (unsigned i = ep->out_count; i > first; i--) {
                const struct mon_pair *x = &ep->outs[(i - 1) % MON_OUTS];

                if (x->out.seq != ep->iss || x->in.seq != ep->irs || !echoes(&x->out, tsecr))
                        continue;
                ep->in = x->in;
                ep->out = x->out;
                ep->sack_ok_in = ep->in.has_sack_ok;
                ep->ts_ok = ep->out.has_ts && ep->in.has_ts;
                ep->ws_ok = ep->out.has_ws && ep->in.has_ws;
                return;
        }
        ep->offer_open = true; /* from an echo of none of them no offer can be restored */
}

/* Note what was sent: with its earlier copies, when these offered the same. */
static void note_out(struct mon_ep *ep, const struct mon_syn *in, const struct mon_seg *s)
{
        unsigned first = ep->out_count > MON_OUTS ? ep->out_count - MON_OUTS : 0;
        struct mon_pair pair = {ep->out, *in, false};

        pair.out.tsval = pair.out.ts_first = s->tsval;
        for (unsigned i = ep->out_count; i > first; i--) {
                struct mon_pair *x = &ep->outs[(i - 1) % MON_OUTS];

                if (x->out.seq != s->seq || x->in.seq != in->seq || !offers_the_same(&x->out, s) ||
                    x->in.has_ws != in->has_ws || x->in.ws != in->ws ||
                    x->in.has_sack_ok != in->has_sack_ok)
                        continue;
                if (mon_le(x->out.ts_first, s->tsval))
                        pair.out.ts_first = x->out.ts_first;
                pair.acked = x->acked;
                *x = pair;
                return;
        }
        ep->outs[ep->out_count++ % MON_OUTS] = pair;
}

static uint32_t mss_of(const struct mon_ep *ep, const struct mon_syn *in)
{
        return in->mss != 0 ? in->mss : ep->v6 ? 1220 : 536;
}

static bool syn_ack(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        const struct mon_syn *newest = find_syn(ep, s), *found = newest;
        struct mon_pair *earlier = find_out(ep, s->seq + 1);
        struct mon_syn in;
        bool same = ep->iss_known && s->seq == ep->iss && ep->irs_known &&
                    (s->ack == ep->irs + 1 || mon_acks_syn(&ep->in, s->ack));

        /* Sent again, it answers the SYN that it answered; a stateless one, with other options, a newer copy. */
        if (earlier != NULL && mon_acks_syn(&earlier->in, s->ack) &&
            offers_the_same(&earlier->out, s))
                found = &earlier->in;
        else if (same && ep->active)
                found = &ep->in;
        if (found == NULL) {
                /* Tolerance: more SYNs came than are remembered. */
                if (!m->fragments && m->counts.forgotten == 0 && ep->syn_count <= MON_SYNS)
                        mon_blame(m, ep, SIM_RULE_ACK_UNSENT,
                                  "SYN+ACK with ACK %u: no such SYN came", s->ack);
                return false;
        }
        in = *found;
        /* It looks the same whether it answers the SYN before or, being stateless, a copy that offers more (RFC 4987,
         * 3.6). */
        if (newest != NULL && !ep->active) {
                in.ws = newest->ws > in.ws ? newest->ws : in.ws;
                in.mss = mss_of(ep, newest) > mss_of(ep, &in) ? newest->mss : in.mss;
        }
        if (ep->state == MON_SYN_SENT && s->seq == ep->iss) {
                ep->state = MON_SYN_RECEIVED; /* simultaneous open: RFC 9293, figure 8 */
                mon_adopt(ep, &in);
        } else if (ep->state == MON_SYN_RECEIVED && !same) {
                if (!ep->syn_in_since_out && earlier == NULL)
                        mon_blame(m, ep, SIM_RULE_ISN, "SYN+ACK %u after %u", s->seq, ep->iss);
                begin(m, ep, s->seq, MON_SYN_RECEIVED);
                mon_adopt(ep, &in);
        } else if (ep->state == MON_SYN_RECEIVED && !ep->active && ep->may_be_dead &&
                   ep->syn_in_since_out && s->ack == in.seq + 1) {
                /* An RST may have ended what was open, although it said nothing of its own; a stateless SYN+ACK has
                 * the same numbers again (RFC 4987, 3.6), and is bound by no window offered before. */
                begin(m, ep, s->seq, MON_SYN_RECEIVED);
                mon_adopt(ep, &in);
        } else if (ep->state == MON_SYN_RECEIVED && !ep->active && !offers_the_same(&ep->out, s)) {
                ep->out = (struct mon_syn){0};
                mon_adopt(ep, &in);
        } else if (ep->state != MON_SYN_RECEIVED) {
                /* Tolerance: the third segment of the handshake may have been dropped (a full queue
                 * of the listener), so a repeated SYN+ACK is right until there was text. */
                bool again = same && mon_synchronized(ep) && mon_le(ep->ack_max, ep->irs + 1) &&
                             mon_le(ep->snd_max, ep->iss + 1);

                if (!again) {
                        if (surely_open(m, ep))
                                mon_blame(m, ep, SIM_RULE_STATE, "SYN+ACK %u on an open connection",
                                          s->seq);
                        begin(m, ep, s->seq, MON_SYN_RECEIVED);
                        mon_adopt(ep, &in);
                }
        }
        if (same && !ep->active) {
                ep->in.ws = in.ws;
                ep->in.mss = in.mss;
        }
        note_options(ep, s);
        ep->resumed |= earlier != NULL && ep->tx_count == 0;
        note_out(ep, &in, s);
        return true;
}

static void back_to_time_wait(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        const struct mon_waiting w = ep->waiting;

        begin(m, ep, w.iss, MON_TIME_WAIT);
        m->counts.endpoints--;
        ep->snd_max = ep->una_hi = ep->una_sure = ep->sack_hi = ep->bytes_low = w.snd_max;
        ep->edge_hi = ep->edge_cur = w.snd_max;
        ep->fin_sent = true;
        ep->fin_seq = w.snd_max - 1;
        ep->irs_known = ep->ack_known = ep->peer_fin_known = ep->murky = true;
        ep->irs = w.irs;
        ep->rcv_hi = ep->ack_max = ep->peer_fin = ep->beyond_fin = w.ack;
        ep->edge_out = w.edge;
        ep->ts_ok = ep->in.has_ts = ep->out.has_ts = w.ts_ok;
        ep->ws_ok = ep->in.has_ws = ep->out.has_ws = w.ws_ok;
        ep->in.ws = w.ws_in;
        ep->out.ws = w.ws_out;
        ep->ts_recent = w.ts_recent;
        if (s->has_ts && mon_le(w.ts_recent, s->tsecr) && mon_le(s->tsecr, w.ts_hi))
                ep->ts_recent = s->tsecr;
}

/* What came, by sequence number: it is the same for all that answer to one SYN. */
struct mon_arrived {
        uint32_t rcv_hi, fins[MON_FINS], beyond_fin, peer_fin;
        unsigned fin_count;
        bool peer_fin_known;
};

static struct mon_arrived arrived_at(const struct mon_ep *ep)
{
        struct mon_arrived a = {.rcv_hi = ep->rcv_hi,
                                .beyond_fin = ep->beyond_fin,
                                .peer_fin = ep->peer_fin,
                                .fin_count = ep->fin_count,
                                .peer_fin_known = ep->peer_fin_known};

        memcpy(a.fins, ep->fins, sizeof a.fins);
        return a;
}

static void arrives_again(struct mon_ep *ep, const struct mon_arrived *a)
{
        ep->rcv_hi = a->rcv_hi;
        ep->beyond_fin = a->beyond_fin;
        ep->peer_fin = a->peer_fin;
        ep->fin_count = a->fin_count;
        ep->peer_fin_known = a->peer_fin_known;
        memcpy(ep->fins, a->fins, sizeof ep->fins);
}

/* Its SYN+ACK was acknowledged, so it may be open, and what acknowledges another one that answers the same SYN is only an
 * old ACK to it, which may have brought text (RFC 9293, 3.10.7.4 fifth: a duplicate "can be ignored",
 * and the seventh follows). */
static bool may_have_acked(const struct mon_ep *ep, const struct mon_pair *x, uint32_t ack)
{
        return x->acked && x->in.seq == ep->irs && mon_lt(x->in.seq, ack) &&
               mon_le(ack, ep->rcv_hi);
}

/*
 * An empty ACK in SYN-RECEIVED may be the word of another one that answers to these addresses: of the connection
 * in TIME-WAIT that the SYN did not reopen, or of an earlier SYN+ACK, when the last one was stateless.
 */
static void other_speaks(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        const struct mon_pair *found;
        struct mon_pair pair;
        struct mon_arrived arrived;

        if (ep->active || (s->seq == ep->iss + 1 && s->ack == ep->irs + 1))
                return;
        if (ep->waiting.valid && s->seq == ep->waiting.snd_max && s->ack == ep->waiting.ack) {
                back_to_time_wait(m, ep, s);
                return;
        }
        found = find_out(ep, s->seq);
        if (found == NULL)
                found = find_out(ep, s->seq + 1); /* a probe or a keep-alive (3.8.6.1, 3.8.4) */
        if (found == NULL || found->out.seq == ep->iss ||
            (found->in.seq + 1 != s->ack && !may_have_acked(ep, found, s->ack)))
                return;
        pair = *found;
        arrived = arrived_at(ep);
        begin(m, ep, pair.out.seq, MON_SYN_RECEIVED);
        m->counts.endpoints--;
        ep->out = pair.out;
        mon_adopt(ep, &pair.in);
        if (pair.acked) { /* while another was followed */
                ep->una_hi = ep->iss + 1;
                if (s->has_ts)
                        ep->ts_recent = s->tsecr;
        }
        if (pair.in.seq + 1 != s->ack)
                arrives_again(ep, &arrived);
        ep->ts_open = ep->murky = true;
}

void mon_state_acked(struct mon_ep *ep, const struct mon_seg *s)
{
        struct mon_pair *found = find_out(ep, s->ack);

        if (found != NULL &&
            (s->seq == found->in.seq + 1 || s->seq - (found->in.seq + 1) < found->out.window))
                found->acked = true;
}

void mon_state_older(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        const struct mon_pair *found = find_out(ep, s->ack);
        struct mon_pair pair;

        /* Half-open, it takes anything in its window that acknowledges the SYN+ACK (3.10.7.4 fifth). */
        if (found == NULL ||
            (s->seq != found->in.seq + 1 &&
             (ep->state != MON_SYN_RECEIVED || s->seq - (found->in.seq + 1) >= found->out.window)))
                return;
        pair = *found;
        begin(m, ep, pair.out.seq, MON_SYN_RECEIVED);
        ep->out = pair.out;
        mon_adopt(ep, &pair.in);
        if (s->has_ts)
                mon_state_echo(ep, s->tsecr);
        ep->murky = true;
}

/* Another segment brought this TSval, one that may have been taken. */
static bool came_before(const struct mon_ep *ep, uint32_t tsval)
{
        unsigned first = ep->ts_maybe_count > MON_HIST ? ep->ts_maybe_count - MON_HIST : 0;

        for (unsigned i = ep->ts_maybe_count; i > first; i--)
                if (ep->ts_maybe[(i - 1) % MON_HIST] == tsval)
                        return true;
        return false;
}

bool mon_may_be_over(const struct sim_monitor *m, const struct mon_ep *ep)
{
        return m->c.no_time || ep->may_be_dead ||
               m->now >= mon_later(ep->first_unacked_at, mon_patience(m, ep));
}

/* Of the one before, by a unit of its scale or more (RFC 9293, 3.8.6, SHLD-14; RFC 7323, 2.4). */
static bool edge_is_left(const struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t unit = ep->ws_ok ? 1u << ep->out.ws : 1;

        return mon_le(s->ack + mon_window_out(ep, s) + unit, ep->edge_out) &&
               !(ep->peer_fin_known && s->ack == ep->peer_fin);
}

/* What the connection before can't have said: it acknowledges less than was acknowledged, or more than the peer's FIN,
 * or sends what the peer has. Or, when its user time-out may be over or it may have been reset, an empty segment with
 * another number, text where its FIN was, or a TS.Recent from the copy that made the new one, which the one before had to
 * drop as it lies below the window (RFC 7323, 4.3 (2) and 5.3, R2), or as it is older (R1). Or a smaller window, or
 * Timestamps where there were none. */
static bool says_so_anew(const struct sim_monitor *m, const struct mon_ep *ep,
                         const struct mon_seg *s)
{
        uint32_t end = s->seq + s->len;

        if (mon_lt(s->ack, ep->ack_max) || (s->len > 1 && mon_lt(s->seq, ep->una_sure)) ||
            (ep->peer_fin_known && ep->ack_max == ep->peer_fin && mon_lt(ep->peer_fin, s->ack)))
                return true;
        if (!mon_may_be_over(m, ep))
                return false;
        if (s->has_ts != ep->ts_ok || edge_is_left(ep, s))
                return true;
        /* An empty segment has SND.NXT, in one that goes on; a keep-alive SND.NXT-1 (3.8.4). */
        if (mon_seg_span(s) == 0 && s->seq != ep->snd_max && s->seq + 1 != ep->snd_max)
                return true;
        if (ep->fin_sent &&
            (mon_lt(ep->fin_seq, end) || ((s->flags & MON_FIN) && mon_lt(end, ep->fin_seq))))
                return true;
        return ep->ts_ok && ep->anew_ts && s->has_ts && s->tsecr == ep->anew_tsval &&
               s->tsecr != ep->ts_recent && !came_before(ep, s->tsecr) &&
               (mon_seg_span(s) > 0 || s->seq != ep->snd_max || ep->may_be_dead);
}

/*
 * A connection may end unseen: a user time-out. Where SYN+ACKs are stateless, a copy of the last segment of the
 * handshake then makes another one with the same numbers (RFC 4987, 3.6). It is that when a segment begins at the
 * first octet and says what the one before can't have said.
 */
static void begin_anew(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        struct mon_pair *found = find_out(ep, ep->iss + 1);
        uint32_t rcv_hi = mon_max(ep->rcv_hi, ep->beyond_fin), last_tsval = ep->last_tsval;
        uint32_t edge = ep->anew_edge, edge_hi = mon_max(ep->edge_hi, edge);
        bool probes_first = s->seq == ep->iss && mon_seg_span(s) <= 1; /* 3.8.6.1, 3.8.4 */
        struct mon_pair pair;

        if (found == NULL || (s->seq != ep->iss + 1 && !probes_first) || !says_so_anew(m, ep, s))
                return;
        pair = *found;
        begin(m, ep, pair.out.seq, MON_SYN_RECEIVED);
        ep->out = pair.out;
        mon_adopt(ep, &pair.in);
        ep->rcv_hi = rcv_hi;
        ep->last_tsval = last_tsval;
        ep->una_hi = ep->iss + 1;
        ep->edge_hi = mon_max(ep->edge_hi, edge_hi);
        ep->edge_cur = mon_max(ep->edge_cur, edge); /* the copy's window */
        ep->ts_open = ep->murky = true;
        if (s->has_ts)
                ep->ts_recent = s->tsecr;
}

/*
 * Or it has begun before, with the same octets, and only now says what the one before can't have said: text where that
 * one's FIN was. All else that is known of it is right.
 */
static void begun_before(const struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t end = s->seq + mon_seg_span(s);

        /* Unless the one before has spoken since, beyond its FIN. */
        if (s->len > 0 && s->seq == ep->iss + 1 && mon_may_be_over(m, ep) &&
            (!ep->anew_begun || mon_lt(ep->fin_seq, ep->anew_max))) {
                ep->anew_begun = true;
                ep->anew_max = s->seq;
        }
        if (!ep->anew_begun)
                return;
        if (ep->fin_sent && s->seq != ep->iss + 1 && mon_lt(ep->fin_seq, s->seq + s->len) &&
            mon_le(ep->anew_max, ep->fin_seq) && mon_le(s->seq, ep->anew_max)) {
                ep->fin_sent = false;
                ep->snd_max = ep->anew_max;
                ep->una_sure = mon_min(ep->una_sure, ep->snd_max);
                ep->una_hi = mon_min(ep->una_hi, ep->snd_max);
                ep->sack_hi = mon_min(ep->sack_hi, ep->snd_max);
                ep->state = ep->peer_fin_known && ep->ack_max == ep->peer_fin ? MON_CLOSE_WAIT
                                                                              : MON_ESTABLISHED;
                ep->anew_begun = false;
                ep->murky = true;
        }
        ep->anew_max = mon_max(ep->anew_max, end);
}

bool mon_state(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        bool late = mon_later(ep->last_arrival, m->c.slack_ns) < m->now;

        if ((s->flags & (MON_SYN | MON_ACK)) == MON_SYN)
                return syn(m, ep, s);
        if (s->flags & MON_SYN)
                return syn_ack(m, ep, s);
        if (ep->anew && mon_synchronized(ep)) {
                begun_before(m, ep, s);
                begin_anew(m, ep, s);
        }
        if (ep->state == MON_SYN_RECEIVED && mon_seg_span(s) == 0)
                other_speaks(m, ep, s);
        switch ((enum mon_state)ep->state) {
        case MON_CLOSED:
                if (!m->c.mid_stream && m->counts.forgotten == 0)
                        mon_blame(m, ep, SIM_RULE_STATE, "SEQ %u ACK %u without a connection",
                                  s->seq, s->ack);
                return false;
        case MON_SYN_SENT:
                if (!ep->irs_known) {
                        mon_blame(m, ep, SIM_RULE_STATE, "%s", "no SYN in SYN-SENT");
                        return false;
                }
                break;
        case MON_DONE:
                /* Tolerance: who closes with data still to send is in FIN-WAIT-1 before its FIN is seen
                 * (3.10.4), so this may be TIME-WAIT, which answers. */
                if (mon_seg_span(s) > 0 && (m->c.slack_ns == 0 || late))
                        mon_blame(m, ep, SIM_RULE_STATE, "SEQ %u, %u octets, after LAST-ACK",
                                  s->seq, s->len);
                if (s->has_ts && ep->ts_ok) {
                        ep->ts_recent = ep->ts_hi = s->tsecr;
                        ep->ts_maybe_count = ep->ts_from = 0;
                }
                return false;
        case MON_ABORTED:
                mon_blame(m, ep, SIM_RULE_AFTER_RST_OUT, "SEQ %u, %u octets", s->seq, s->len);
                return false;
        default: break;
        }
        if (ep->reset_in && mon_later(ep->reset_in_at, m->c.slack_ns) < m->now + 1 &&
            (m->c.slack_ns == 0 || late)) {
                mon_blame(m, ep, SIM_RULE_AFTER_RST_IN, "SEQ %u, %u octets", s->seq, s->len);
                ep->reset_in = false;
        }
        return true;
}

void mon_state_after(struct mon_ep *ep, const struct mon_seg *s)
{
        bool fin = (s->flags & MON_FIN) != 0;
        bool peer_fin = ep->peer_fin_known && (s->flags & MON_ACK) && s->ack == ep->peer_fin;

        if (s->flags & MON_SYN)
                return;
        /* An empty ACK of the SYN alone may be one of SYN-RECEIVED (3.10.7.4 first), when the segment that seemed
         * to end the handshake was not accepted. */
        if (ep->state == MON_SYN_SENT ||
            (ep->state == MON_SYN_RECEIVED && mon_lt(ep->iss, ep->una_hi) &&
             (mon_seg_span(s) > 0 || s->ack != ep->irs + 1))) {
                ep->state = MON_ESTABLISHED;
                ep->waiting.valid = false;
        }
        if (peer_fin) {
                if (ep->state == MON_ESTABLISHED)
                        ep->state = MON_CLOSE_WAIT;
                else if (ep->state == MON_FIN_WAIT_1)
                        ep->state = MON_CLOSING;
                else if (ep->state == MON_FIN_WAIT_2)
                        ep->state = MON_TIME_WAIT;
        }
        if (fin) {
                if (ep->state == MON_ESTABLISHED || ep->state == MON_SYN_RECEIVED)
                        ep->state = MON_FIN_WAIT_1;
                else if (ep->state == MON_CLOSE_WAIT)
                        ep->state = MON_LAST_ACK;
        }
}
