/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "wire/addr.h"

/*
 * RFC 9293, 3.10.7.4, fifth: check the ACK field. The ACK pipeline: each stage fills fields of one record
 * that the later ones only read.
 *
 *      range -> window update -> retransmission queue -> SACK -> RTT -> delivery rate -> RACK, recovery and
 *      congestion control -> deadlines -> states
 */

struct ack_ev {
        struct ek_txq_acked acked;
        uint32_t flight_before;
        uint32_t wnd_before;
        uint64_t rtt_ns; /* 0: no sample */
        bool progress;   /* SND.UNA advances */
        bool duplicate;  /* RFC 5681, 2 */
};

/* <SEQ=SEG.ACK><CTL=RST> */
static void reset_reply(struct ek_tcp *t, const struct ek_seg *seg)
{
        struct ek_stateless r = {
                .key = seg->key, .seq = seg->ack, .flags = ELKO_RST, .why = ELKO_WHY_RST};

        ek_tcp_reply(t, &r);
}

/* SEG.WND in bytes. [RFC9293 MUST-1 REC-1; RFC7323 2.3d] */
static uint32_t window_of(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        return (uint32_t)seg->hdr->wnd << (seg->unscaled ? 0 : tcb->snd_wscale);
}

/* SYN-RECEIVED: SND.UNA < SEG.ACK =< SND.NXT makes it ESTABLISHED. */
static enum ek_verdict leave_syn_received(struct ek_tcp *t, struct ek_tcb *tcb,
                                          const struct ek_seg *seg)
{
        if (!seq_gt(seg->ack, tcb->snd_una) || !seq_leq(seg->ack, tcb->snd_nxt)) {
                reset_reply(t, seg);
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_ACK_RANGE);
                return EK_DONE;
        }
        tcb->snd_wnd = window_of(tcb, seg);
        tcb->snd_wnd_max = tcb->snd_wnd;
        tcb->snd_wl1 = seg->seq;
        tcb->snd_wl2 = seg->ack;
        if (ek_tcb_has(tcb, EK_TCB_ACCECN))
                ek_accecn_on_third(t, tcb, seg);
        if (ek_txq_is_empty(&tcb->act->txq))
                tcb->snd_una = seq_add(tcb->iss, 1); /* passive open: the SYN,ACK left no record */
        ek_tcb_established(t, tcb, "ACK of SYN");
        return EK_NEXT;
}

/* RFC 5961, 5.2: SND.UNA - MAX.SND.WND =< SEG.ACK =< SND.NXT. [RFC9293 MAY-12; RFC5961 5.2-1] */
bool ek_ack_in_range(const struct ek_tcb *tcb, seq_t ack)
{
        return seq_leq(ack, tcb->snd_nxt) &&
               seq_leq(seq_add(tcb->snd_una, (uint32_t)-tcb->snd_wnd_max), ack);
}

static bool is_duplicate(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct ek_dupack_facts f = {
                .outstanding = !seq_eq(tcb->snd_una, tcb->snd_nxt),
                .no_data = seg->hdr->data_len == 0,
                .no_syn_fin = !ek_seg_has(seg, ELKO_SYN | ELKO_FIN),
                .ack_is_una = seq_eq(seg->ack, tcb->snd_una),
                .window_same = window_of(tcb, seg) == tcb->snd_wnd,
        };

        return ek_dupack_is_duplicate(&f);
}

/*
 * Only a segment that is newer, or as new with a newer ACK, tells of the window. And one that acknowledges
 * something new, whatever its number: a retransmission's is old. SND.WND counts from SND.UNA, so without
 * its window the right edge would move on with SND.UNA, beyond what the peer has announced.
 */
static void update_window(struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (seq_lt(seg->ack, tcb->snd_una))
                return;
        if (seq_eq(seg->ack, tcb->snd_una) && !seq_lt(tcb->snd_wl1, seg->seq) &&
            !(seq_eq(tcb->snd_wl1, seg->seq) && seq_leq(tcb->snd_wl2, seg->ack)))
                return;
        tcb->snd_wnd = window_of(tcb, seg);
        tcb->snd_wl1 = seg->seq;
        tcb->snd_wl2 = seg->ack;
        tcb->snd_wnd_max = ek_max_u32(tcb->snd_wnd_max, tcb->snd_wnd);
}

/* Take what is acknowledged off the queue and out of the ring. */
static void advance_una(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                        struct ack_ev *ev)
{
        uint32_t data;

        ev->acked = ek_txq_ack(&tcb->act->txq, &t->records, seg->ack);
        tcb->snd_una = seg->ack;
        data = ev->acked.bytes - ev->acked.syn - ev->acked.fin;
        ek_ring_consume(&tcb->act->snd, data);
        tcb->stats.bytes_acked += data;
        t->ctr->tcp_bytes_acked += data;
        if (ev->acked.fin)
                tcb->flags |= EK_TCB_FIN_ACKED;
        /* Keep the mark within reach of the circle. */
        if (seq_lt(tcb->snd_small, tcb->snd_una))
                tcb->snd_small = tcb->snd_una;
}

/*
 * One sample for each ACK: from the record that was acknowledged last, if it was sent once; else the
 * timestamp tells which copy was answered (RFC 7323, 4.1), in whole milliseconds. A clock that ticks once in a round
 * trip (iss.c) tells nothing of it.
 * [RFC9293 MUST-18; RFC7323 4.1b; RFC6298 3a 3b]
 */
static void measure(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                    struct ack_ev *ev)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;

        if (ev->acked.timed) {
                ev->rtt_ns = ek_max_u64(1, t->now - ev->acked.rtt_sent_at);
        } else if (ev->acked.retransmitted && ek_tcb_has(tcb, EK_TCB_TS) &&
                   tcb->act->ts_tick == 0 && (opt->present & ELKO_OPT_TIMESTAMPS) &&
                   opt->ts_ecr != 0) {
                uint32_t ms = ek_tcb_ts_clock(t, tcb) - opt->ts_ecr;

                /* A value that we can't have sent within R2 is not ours. */
                if (ms < (uint32_t)(t->cfg.r2_ns / 1000000))
                        ev->rtt_ns = ek_max_u64(1, (uint64_t)ms * 1000000);
        }
        if (ev->rtt_ns != 0) {
                ek_rtt_on_sample(&tcb->rtt, ev->rtt_ns);
        } else if (!ev->acked.retransmitted && ev->acked.sack_timed) {
                /* What was SACKed tells the round trip, too; only progress ends the back-off (RFC 6298, 5.7). */
                uint8_t backoff = tcb->rtt.backoff;

                ev->rtt_ns = ek_max_u64(1, t->now - ev->acked.sack_sent_at);
                ek_rtt_on_sample(&tcb->rtt, ev->rtt_ns);
                tcb->rtt.backoff = backoff;
        }
}

/* Tell the application about room, with some hysteresis: a third of what is in use. */
static void tell_writable(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t max = ek_tcb_settings(t, tcb)->snd_buf_max;

        if (!ek_tcb_has(tcb, EK_TCB_WANT_WRITE) || ek_tcb_has(tcb, EK_TCB_FIN_WANTED))
                return;
        if (tcb->act->snd.len > max - max / 3)
                return;
        tcb->flags &= ~(uint32_t)EK_TCB_WANT_WRITE;
        ek_tcb_tell(t, tcb, ELKO_EV_WRITABLE);
}

static void confirm_neighbour(struct ek_tcp *t, struct ek_tcb *tcb)
{
        const struct elko_link_config *link = ek_ip_link(t->ip, tcb->link);
        struct ek_route route;

        if (link == NULL || link->medium != ELKO_MEDIUM_ETHERNET)
                return;
        if (ek_route_lookup(t->ip, &tcb->conn.key.remote, 0, &route) == ELKO_OK)
                ek_neigh_confirm(t->ip, route.link, &route.next_hop, t->now);
}

/* What the ACK of our FIN does to each state. */
static enum ek_verdict on_fin_acked(struct ek_tcp *t, struct ek_tcb *tcb)
{
        switch ((enum elko_tcp_state)tcb->state) {
        case ELKO_TCP_FIN_WAIT_1:
                ek_state_set(t, tcb, ELKO_TCP_FIN_WAIT_2, "ACK of FIN");
                ek_tcb_tell(t, tcb, ELKO_EV_SENT);
                /* A linger time that ends earlier stays. */
                if (ek_tcb_has(tcb, EK_TCB_ORPHAN))
                        ek_tcb_arm(t, tcb, EK_DL_CLOSE,
                                   ek_min_u64(tcb->at[EK_DL_CLOSE],
                                              ek_time_add(t->now, ek_tcb_fin_wait_2(t, tcb))));
                return EK_NEXT;
        case ELKO_TCP_CLOSING: ek_tcb_to_time_wait(t, tcb); return EK_DONE;
        case ELKO_TCP_LAST_ACK:
                ek_tcb_tell(t, tcb, ELKO_EV_SENT);
                ek_tcb_fail(t, tcb, ELKO_OK, "ACK of FIN");
                return EK_DONE;
        default: return EK_NEXT;
        }
}

/* RFC 3522 and RFC 5682, 2.1. */
static void undo_without_sack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                              const struct ack_ev *ev)
{
        if (tcb->cong.state < ELKO_CA_RECOVERY)
                return;
        if (tcb->cong.state == ELKO_CA_LOSS && ek_frto_on_ack(tcb, &ev->acked, true, false))
                ek_undo_do(t, tcb, EK_UNDO_FRTO);
        else
                ek_undo_try(t, tcb, seg, true, false);
}

static enum ek_verdict run_pipeline(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct ack_ev ev = {
                .flight_before = ek_tcb_flight(tcb),
                .wnd_before = tcb->snd_wnd,
                .progress = seq_gt(seg->ack, tcb->snd_una),
                .duplicate = is_duplicate(tcb, seg),
        };
        struct ek_sack_ack sack = {0};
        bool has_sack;

        if (ek_tcb_has(tcb, EK_TCB_ACCECN))
                ek_accecn_on_segment(t, tcb, seg);
        sack.acked = &ev.acked;
        sack.progress = ev.progress;
        sack.duplicate = ev.duplicate;
        ek_meter_app_limited(t, tcb);
        update_window(tcb, seg);
        has_sack = ek_tcb_has(tcb, EK_TCB_SACK);
        if (has_sack)
                ek_sack_before_ack(t, tcb);
        if (ev.progress)
                advance_una(t, tcb, seg, &ev);
        if (ev.progress)
                ek_mtu_on_ack(t, tcb, &ev.acked);
        if (has_sack)
                ek_sack_take(t, tcb, seg, &sack);
        if (ev.progress || ev.acked.delivered > 0) {
                measure(t, tcb, seg, &ev);
                sack.sampled = ev.rtt_ns != 0;
                ek_meter_delivered(t, tcb, &ev.acked);
        }
        if (ev.progress)
                ek_rtt_on_progress(&tcb->rtt);
        if (tcb->flags & (EK_TCB_ECN | EK_TCB_ACCECN))
                ek_ecn_on_ack(t, tcb, seg);
        if (has_sack)
                ek_sack_on_ack(t, tcb, seg, &sack);
        else if (ev.progress)
                undo_without_sack(t, tcb, seg, &ev);
        if (!ev.progress && ev.duplicate) {
                t->ctr->tcp_dup_acks_in++;
                if (!has_sack)
                        ek_recovery_on_duplicate(t, tcb);
        }
        if (tcb->flags & (EK_TCB_ECN | EK_TCB_ACCECN))
                ek_ecn_react(t, tcb, ev.flight_before);
        if (ev.progress || (has_sack && ev.acked.delivered > 0))
                ek_recovery_on_ack(t, tcb, &ev.acked, ev.rtt_ns, ev.flight_before);
        if (tcb->flags & (EK_TCB_ECN | EK_TCB_ACCECN))
                ek_ecn_after_ack(tcb);
        if (ev.progress)
                confirm_neighbour(t, tcb);
        tcb->probes = 0;
        /* RFC 6298 (5.3): only new data restarts the timer; window updates and duplicates don't. */
        ek_tcb_rearm_retransmit(t, tcb, ev.progress);
        if (ev.progress && has_sack)
                ek_tlp_schedule(t, tcb);
        if (seq_eq(seg->ack, tcb->snd_una))
                ek_tcb_on_answer(t, tcb);
        if (ev.progress)
                tell_writable(t, tcb);
        if (ev.progress || tcb->snd_wnd != ev.wnd_before || ev.duplicate)
                ek_tcb_has_work(t, tcb);
        if (ev.acked.fin)
                return on_fin_acked(t, tcb);
        return EK_NEXT;
}

/* [RFC9293 3.10.7.4-5; RFC5961 5.2-2] */
enum ek_verdict ek_step_5_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (!ek_seg_has(seg, ELKO_ACK)) {
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_NO_ACK_FLAG);
                return EK_DONE;
        }
        if (tcb->state == ELKO_TCP_SYN_RECEIVED && leave_syn_received(t, tcb, seg) == EK_DONE)
                return EK_DONE;
        if (!ek_ack_in_range(tcb, seg->ack)) {
                /* Limited even with data: an honest peer never comes here, and each answer is a
                 * duplicate ACK to it (RFC 5961, 5.2 and 7). */
                ek_challenge_ack(t, tcb, true);
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_ACK_RANGE);
                return EK_DONE;
        }
        ek_tcb_rearm_keepalive(t, tcb);
        return run_pipeline(t, tcb, seg);
}
