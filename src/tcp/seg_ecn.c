/* SPDX-License-Identifier: MIT */
#include "tcp/send_plan.h"
#include "tcp/tcp.h"

/*
 * Explicit congestion notification, RFC 3168: a queue that grows marks packets (CE) instead of losing them.
 *
 *      data sender                 network                 data receiver
 *      new data, ECT  ----------->  ECT becomes CE  ------> latches ECE
 *      reduces cwnd   <-----------------------------------  ACKs with ECE, all of them,
 *      new data, CWR  ------------------------------------> until CWR comes
 *
 * Who takes part is settled by the flags of the SYNs (6.1.1): ECE and CWR ask, ECE alone answers. Two bits of a
 * connection come of it, since a SYN that is sent again asks no more (6.1.1.1): EK_TCB_ECN, our data goes with ECT,
 * for which no SYN of either side may have been without; and EK_TCB_ECN_HEARS, CE is told of, to which the first SYN
 * committed us.
 *
 * Never with ECT: SYNs, what has no data, what is sent again, window probes, resets.
 *
 * A window of data is reduced for once, whether marks or losses tell of it. `recover` is SND.NXT at the last
 * reduction. An ACK up to there is about that window; one beyond it covers the first new data after it, which
 * carried CWR, so its ECE is about something that came later.
 *
 * Most algorithms are reduced over a round trip, as after a loss: state CWR, with PRR where there is a scoreboard
 * (RFC 9937). Those that count marks take little and take it at once. For them ECE is not latched either: it is the
 * CE bit of the data that is acknowledged, with an ACK at each change (RFC 8257, 3.2).
 */

/* [RFC9293 SHLD-8] */
static bool is_setup_syn(const struct ek_seg *seg)
{
        return (seg->hdr->flags & (ELKO_ECE | ELKO_CWR)) == (ELKO_ECE | ELKO_CWR);
}

/* ECE without CWR: some stacks reflect all of a SYN's flags (6.1.1.2). [RFC3168 6.1.1.2] */
static bool is_setup_syn_ack(const struct ek_seg *seg)
{
        return (seg->hdr->flags & (ELKO_ECE | ELKO_CWR)) == ELKO_ECE;
}

static void give_up(struct ek_tcb *tcb)
{
        tcb->flags &= ~(uint32_t)(EK_TCB_ECN | EK_TCB_ECN_HEARS | EK_TCB_ECE | EK_TCB_CWR |
                                  EK_TCB_ECN_SEEN);
}

/* ---- the handshake ---- */

/* What the answer to a SYN says. [RFC3168 6.1.1a 6.1.1b 6.1.1e 6.1.1f] */
enum ek_ecn_offer ek_ecn_offer(const struct ek_settings *s, const struct ek_seg *syn)
{
        if (s->ecn == ELKO_ECN_ACCURATE && ek_accecn_is_asked(syn))
                return (enum ek_ecn_offer)(EK_ECN_OFFER_ACCURATE + syn->ecn);
        return s->ecn != ELKO_ECN_OFF && is_setup_syn(syn) ? EK_ECN_OFFER_CLASSIC
                                                           : EK_ECN_OFFER_NONE;
}

/*
 * The same SYN came again, perhaps with other flags. RFC 3168, 6.1.1.1, the example's step (3): one that asks no more ends
 * ECN. AccECN mode stays, and tells of the latest (RFC 9768, 3.1.5). False: two kinds of question in one handshake, for
 * which that says reset. [RFC3168 6.1.1c 6.1.1.1b; RFC9768 3.1.5a 3.1.5b 3.1.5c]
 */
bool ek_ecn_again(struct ek_half_open *ho, const struct ek_settings *s, const struct ek_seg *syn)
{
        enum ek_ecn_offer now = ek_ecn_offer(s, syn), was = (enum ek_ecn_offer)ho->ecn;

        if (was >= EK_ECN_OFFER_ACCURATE && now == EK_ECN_OFFER_CLASSIC)
                return false;
        if (was == EK_ECN_OFFER_CLASSIC && now >= EK_ECN_OFFER_ACCURATE)
                return false;
        if (was >= EK_ECN_OFFER_ACCURATE && now == EK_ECN_OFFER_NONE)
                ho->ecn = EK_ECN_OFFER_ACCURATE_NO_ECT;
        else if (was >= EK_ECN_OFFER_ACCURATE && was != EK_ECN_OFFER_ACCURATE_NO_ECT)
                ho->ecn = (uint32_t)now & 7;
        else if (now == EK_ECN_OFFER_NONE)
                ho->ecn = EK_ECN_OFFER_NONE;
        return true;
}

uint16_t ek_ecn_syn_ack_flags(enum ek_ecn_offer offer)
{
        if (offer == EK_ECN_OFFER_ACCURATE_NO_ECT)
                return ek_accecn_syn_ack_flags(EK_ECN_NOT_ECT);
        if (offer >= EK_ECN_OFFER_ACCURATE)
                return ek_accecn_syn_ack_flags((unsigned)offer - EK_ECN_OFFER_ACCURATE);
        return offer == EK_ECN_OFFER_CLASSIC ? ELKO_ECE : 0;
}

/* Of an ACK before it is: the counter as it is at first (RFC 9768, 3.2.2). */
uint16_t ek_ecn_ack_flags(enum ek_ecn_offer offer)
{
        return offer >= EK_ECN_OFFER_ACCURATE ? ELKO_AE | ELKO_ECE : 0;
}

/* A passive open is over. */
void ek_ecn_open(struct ek_tcp *t, struct ek_tcb *tcb, enum ek_ecn_offer offer)
{
        if (offer == EK_ECN_OFFER_NONE)
                return;
        if (offer >= EK_ECN_OFFER_ACCURATE) {
                if (!ek_accecn_enter(t, tcb))
                        return;
                if (offer == EK_ECN_OFFER_ACCURATE_NO_ECT)
                        tcb->flags &= ~(uint32_t)EK_TCB_ECN;
                else
                        ek_accecn_of(t, tcb)->peer_syn_ecn =
                                (uint8_t)(offer - EK_ECN_OFFER_ACCURATE) & EK_ECN_MASK;
                return;
        }
        tcb->flags |= EK_TCB_ECN | EK_TCB_ECN_HEARS;
        t->ctr->tcp_ecn_opens++;
}

/* Flags of our SYN, or of a SYN,ACK that a tcb sends (simultaneous open, Fast Open). Deviation: RFC 8257, 3.6 would
 * have ECT on them; RFC 3168, 6.1.1 forbids it.
 * Deviation: RFC 9768, 3.1.4.1 would have failures remembered.
 * [RFC8257 3.6; RFC9768 3.1.4.1a 3.1.4.1b; RFC3168 6.1.1b 6.1.1f 6.1.1.1a] */
uint16_t ek_ecn_syn_flags(struct ek_tcp *t, struct ek_tcb *tcb, bool again)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);

        if (tcb->state != ELKO_TCP_SYN_SENT && ek_tcb_has(tcb, EK_TCB_ACCECN))
                return ek_accecn_syn_ack_flags(ek_accecn_of(t, tcb)->peer_syn_ecn);
        if (tcb->state != ELKO_TCP_SYN_SENT)
                return ek_tcb_has(tcb, EK_TCB_ECN) ? ELKO_ECE : 0;
        /* "at least one more time" (RFC 9768, 3.1.4.1) */
        if (s->ecn == ELKO_ECN_ACCURATE && tcb->rtt.timeouts <= 1) {
                tcb->flags |= EK_TCB_ACCECN_ASKED;
                return ek_accecn_syn_flags();
        }
        if (again) {
                tcb->flags &= ~(uint32_t)EK_TCB_ECN;
                return 0;
        }
        if (s->ecn < ELKO_ECN_CLASSIC)
                return 0;
        tcb->flags |= EK_TCB_ECN | EK_TCB_ECN_HEARS;
        return ELKO_ECE | ELKO_CWR;
}

/* The peer's SYN crosses ours, or comes again. [RFC3168 6.1.1a 6.1.1c] */
void ek_ecn_on_syn(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *syn)
{
        bool unsent = (tcb->todo & EK_TODO_SYN) != 0 && tcb->state == ELKO_TCP_SYN_SENT;

        /* As a host would that has only listened (RFC 9768, 3.1.2); what it is once, it stays (3.1.5). */
        if (ek_tcb_has(tcb, EK_TCB_ACCECN)) {
                if (!ek_accecn_is_asked(syn))
                        tcb->flags &= ~(uint32_t)EK_TCB_ECN;
                return;
        }
        if (ek_tcb_has(tcb, EK_TCB_ACCECN_ASKED)) {
                ek_ecn_open(t, tcb, ek_ecn_offer(ek_tcb_settings(t, tcb), syn));
                return;
        }
        if (!is_setup_syn(syn))
                give_up(tcb);
        else if (unsent)
                ek_ecn_open(t, tcb, ek_ecn_offer(ek_tcb_settings(t, tcb), syn));
        else if (ek_tcb_has(tcb, EK_TCB_ECN) && tcb->state == ELKO_TCP_SYN_SENT)
                t->ctr->tcp_ecn_opens++;
}

/* [RFC3168 6.1.1c 6.1.1d 6.1.1.1b] */
void ek_ecn_on_syn_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *syn_ack)
{
        if (ek_tcb_has(tcb, EK_TCB_ACCECN_ASKED)) {
                switch (ek_accecn_on_syn_ack(t, tcb, syn_ack)) {
                case EK_ACCECN_AGREED: return;
                case EK_ACCECN_CLASSIC: /* with RFC 3168's rule about another SYN */
                        tcb->flags |= EK_TCB_ECN_HEARS |
                                      (tcb->rtt.timeouts <= 1 ? (uint32_t)EK_TCB_ECN : 0);
                        t->ctr->tcp_ecn_opens++;
                        return;
                case EK_ACCECN_NO_ECN: break;
                }
                t->ctr->tcp_ecn_refused++;
                return;
        }
        if (!ek_tcb_has(tcb, EK_TCB_ECN_HEARS))
                return;
        if (is_setup_syn_ack(syn_ack)) {
                t->ctr->tcp_ecn_opens += ek_tcb_has(tcb, EK_TCB_ECN);
                return;
        }
        t->ctr->tcp_ecn_refused++;
        give_up(tcb);
}

/* ---- receiving ---- */

/* RFC 8257, 3.2: what came before the change is acknowledged with what was true of it. */
static void acknowledge_before(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t wnd = ek_rcv_window_left(&tcb->win, tcb->rcv_nxt);
        struct ek_stateless r = {
                .key = tcb->conn.key,
                .seq = tcb->snd_nxt,
                .ack = tcb->rcv_nxt,
                .flags = ELKO_ACK | (ek_tcb_has(tcb, EK_TCB_ECE) ? ELKO_ECE : 0),
                .wnd = (uint16_t)ek_min_u32(UINT16_MAX, wnd >> tcb->rcv_wscale),
                .why = ELKO_WHY_ACK,
                .ts = ek_tcb_has(tcb, EK_TCB_TS),
                .ts_val = ek_tcb_ts_clock(t, tcb),
                .ts_ecr = tcb->ts_recent,
        };

        if (ek_tcp_reply(t, &r))
                tcb->last_ack_sent = tcb->rcv_nxt;
}

/* [RFC8257 3.2] */
static void echo_each(struct ek_tcp *t, struct ek_tcb *tcb, bool ce)
{
        if (ce == ek_tcb_has(tcb, EK_TCB_ECE))
                return;
        if (!seq_eq(tcb->last_ack_sent, tcb->rcv_nxt))
                acknowledge_before(t, tcb);
        tcb->flags ^= EK_TCB_ECE;
        ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
}

/*
 * Data came, inside of the window (6.1.5): what is outside of it says nothing, since a stranger may have sent it.
 * The ACK that begins to echo goes at once, and the one that answers CWR as well: the sender's window may hold one
 * segment now.
 * [RFC3168 6.1.3a 6.1.3b 6.1.3c 6.1.5b]
 */
void ek_ecn_on_data(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        bool ce = seg->ecn == EK_ECN_CE;

        if (!ek_tcb_has(tcb, EK_TCB_ECN_HEARS) || ek_tcb_has(tcb, EK_TCB_ACCECN))
                return;
        /* "A host MUST NOT set ECT on SYN or SYN-ACK packets" (6.1.1): with text or without (RFC 7413), a mark on it
         * is no queue's. */
        if (ek_seg_has(seg, ELKO_SYN))
                return;
        if (seg->ecn != EK_ECN_NOT_ECT)
                tcb->flags |= EK_TCB_ECN_SEEN;
        t->ctr->tcp_ce_in += ce;
        if (tcb->cong.ops->scalable) {
                echo_each(t, tcb, ce);
                return;
        }
        if (ek_seg_has(seg, ELKO_CWR)) {
                tcb->flags &= ~(uint32_t)EK_TCB_ECE;
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
        }
        if (ce && !ek_tcb_has(tcb, EK_TCB_ECE)) {
                tcb->flags |= EK_TCB_ECE;
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
        }
}

/* ---- sending ---- */

/* The ECN field of a segment, and its ECE and CWR. `fresh`: its numbers were never sent before.
 * [RFC3168 6.1.1f 6.1.2a 6.1.2b 6.1.2f 6.1.4 6.1.5a 6.1.6a] */
uint8_t ek_ecn_mark(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_plan *p, bool fresh,
                    const struct ek_tcp_opts *opt, uint16_t *flags)
{
        bool accurate = ek_tcb_has(tcb, EK_TCB_ACCECN);

        if (!(tcb->flags & (EK_TCB_ECN | EK_TCB_ECE | EK_TCB_ACCECN)) ||
            (p->flags & (ELKO_SYN | ELKO_RST)))
                return EK_ECN_NOT_ECT;
        if (accurate)
                ek_accecn_mark(t, tcb, p, opt, flags);
        if (ek_tcb_has(tcb, EK_TCB_ECE))
                *flags |= ELKO_ECE;
        if (!ek_tcb_has(tcb, EK_TCB_ECN) || !fresh || p->kind != EK_PLAN_DATA || p->len == 0)
                return EK_ECN_NOT_ECT;
        if (ek_tcb_has(tcb, EK_TCB_CWR)) {
                *flags |= ELKO_CWR;
                tcb->flags &= ~(uint32_t)EK_TCB_CWR;
        }
        return accurate && tcb->cong.ops->l4s ? EK_ECN_ECT1 : EK_ECN_ECT0;
}

/* cwnd was reduced, for whatever reason. [RFC3168 6.1.2e; RFC9768 3.1.5e] */
void ek_ecn_reduced(struct ek_tcb *tcb)
{
        if (!(tcb->flags & (EK_TCB_ECN | EK_TCB_ACCECN)))
                return;
        /* AccECN has no use for it (RFC 9768, 3.1.5). */
        if (!ek_tcb_has(tcb, EK_TCB_ACCECN))
                tcb->flags |= EK_TCB_CWR;
        tcb->act->ecn.recover = tcb->snd_nxt;
}

/* The reduction was for nothing: what was owed before still is, and a mark in that window of data counts. */
void ek_ecn_undone(struct ek_tcb *tcb)
{
        if (!(tcb->flags & (EK_TCB_ECN | EK_TCB_ACCECN)))
                return;
        tcb->act->ecn.recover = tcb->act->undo.recover;
        if (!tcb->act->undo.cwr)
                tcb->flags &= ~(uint32_t)EK_TCB_CWR;
}

/* A new active part: what is sent from now on. */
void ek_ecn_begin(struct ek_tcb *tcb)
{
        tcb->act->ecn.recover = tcb->snd_nxt;
}

/* What the ACK says of the data that it delivers. Before recovery looks at it. */
void ek_ecn_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct ek_cc_state *cc = &tcb->act->cc;
        uint32_t mss;

        if (!ek_tcb_is_active(tcb))
                return;
        cc->ece = false;
        cc->ce_bytes = 0;
        if (ek_tcb_has(tcb, EK_TCB_ACCECN)) {
                ek_accecn_on_ack(t, tcb, seg);
                tcb->act->undo.marked |= cc->ece;
                return;
        }
        if (!ek_seg_has(seg, ELKO_ECE))
                return;
        mss = ek_tcb_eff_mss(t, tcb);
        cc->ece = true;
        cc->ce_bytes = cc->newly_delivered;
        tcb->delivered_ce += (cc->newly_delivered + mss - 1) / mss;
        /* A D-SACK may show that a loss was none; that the queue was long stays true. */
        tcb->act->undo.marked = true;
}

/*
 * "If the congestion window consists of only one MSS ... the sending TCP MUST reset the retransmit timer on receiving
 * the ECN-Echo packet when the congestion window is one. The sending TCP will then be able to send a new packet only
 * when the retransmit timer expires." [RFC3168 6.1.2d]
 */
static void hold(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint64_t rto = ek_rtt_rto(&tcb->rtt, &t->rtt_limits);

        tcb->act->ecn.hold_until = ek_time_add(t->now, rto);
        if (tcb->at[EK_DL_RTO] != EK_NEVER)
                ek_tcb_arm(t, tcb, EK_DL_RTO, tcb->act->ecn.hold_until);
}

/* Has all that was outstanding at the reduction been acknowledged? Then state CWR is over. */
bool ek_ecn_is_over(const struct ek_tcb *tcb)
{
        return seq_geq(tcb->snd_una, tcb->act->ecn.recover);
}

static bool is_spread(const struct ek_tcb *tcb)
{
        return !tcb->cong.ops->owns_recovery && !tcb->cong.ops->scalable;
}

/* What this ACK delivered is the first that counts. */
static void start_prr(struct ek_tcb *tcb, uint32_t mss)
{
        struct ek_prr_ack a = {
                .delivered = tcb->act->cc.newly_delivered,
                .pipe = ek_txq_pipe(&tcb->act->txq),
                .ssthresh = tcb->cong.out.ssthresh_bytes,
                .mss = mss,
                .safe = true,
        };

        ek_prr_start(&tcb->act->prr, a.pipe + a.delivered);
        ek_prr_on_ack(&tcb->act->prr, &a);
}

/* [RFC3168 6.1.2b 6.1.2c; RFC8257 3.3d 3.3e] */
static void reduce(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t flight)
{
        uint32_t mss = ek_tcb_eff_mss(t, tcb);

        t->ctr->tcp_ecn_cuts++;
        tcb->act->undo.possible = false;
        if (tcb->cong.out.cwnd_bytes <= mss)
                hold(t, tcb);
        ek_recovery_congestion(t, tcb, ELKO_CONGESTION_ECN,
                               ek_min_u32(flight, tcb->cong.out.cwnd_bytes));
        ek_trace_recovery(t, tcb, "ECN: congestion window reduced");
        /* Nothing is left of that window of data to spread it over, or recovery goes on. */
        if (!is_spread(tcb) || tcb->cong.state >= ELKO_CA_CWR || ek_ecn_is_over(tcb))
                return;
        tcb->cong.state = ELKO_CA_CWR;
        if (ek_tcb_has(tcb, EK_TCB_SACK))
                start_prr(tcb, mss);
}

/* After recovery has seen the ACK: a loss that it found comes first, and is the one reduction. `flight`: what was
 * outstanding before it. */
void ek_ecn_react(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t flight)
{
        struct ek_ecn *e = &tcb->act->ecn;

        if (!ek_tcb_is_active(tcb) || seq_leq(tcb->snd_una, e->recover))
                return;
        if (tcb->act->cc.ece && flight > 0)
                reduce(t, tcb, flight);
        else
                e->recover =
                        seq_add(tcb->snd_una, UINT32_MAX); /* keep it within reach of the circle */
}

/* The ACK is dealt with. */
void ek_ecn_after_ack(struct ek_tcb *tcb)
{
        if (ek_tcb_is_active(tcb))
                tcb->act->cc.ece = false;
}
