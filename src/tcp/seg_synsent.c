/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "wire/addr.h"

/*
 * SYN-SENT, RFC 9293, 3.10.7.3: the answer to our SYN, or the peer's own SYN crossing it (simultaneous
 * open, 3.5, figure 7), or a segment of an old incarnation (half-open recovery, figures 9 to 11).
 */

/* <SEQ=SEG.ACK><CTL=RST>: the peer's end is from an older life. Our SYN stays on its way. */
static void refuse(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct ek_stateless r = {
                .key = seg->key, .seq = seg->ack, .flags = ELKO_RST, .why = ELKO_WHY_RST};
        const struct ek_txrec *head;

        ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_SYN_SENT);
        if (ek_seg_has(seg, ELKO_RST))
                return;
        ek_tcp_reply(t, &r);
        /* The reset will clear the peer's half-open end (figure 10); ask again at once rather than
         * after a whole RTO. Once: a peer in TIME-WAIT ignores resets (RFC 1337), and the two of us
         * would go on like this for ever. */
        head = ek_txq_head(&tcb->act->txq, &t->records);
        if (head == NULL || head->sends != 1)
                return;
        if (t->cfg.syn_refused_ns > 0) {
                ek_tcb_arm(t, tcb, EK_DL_RTO, ek_time_add(t->now, t->cfg.syn_refused_ns));
        } else if (ek_txq_mark_head_lost(&tcb->act->txq, &t->records)) {
                tcb->todo |= EK_TODO_FORCE;
                ek_tcb_has_work(t, tcb);
        }
}

/* The echo of a timestamp shows that the peer has seen a SYN of ours, and which; one that was in none of
 * them shows that it has not. Some old stacks echo 0. */
static bool is_echo_ours(const struct ek_tcp *t, const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        uint32_t age = ek_tcb_ts_clock(t, tcb) - opt->ts_ecr;

        if (!t->cfg.timestamps || !(opt->present & ELKO_OPT_TIMESTAMPS) || opt->ts_ecr == 0)
                return true;
        return age <= ek_tcp_ms(t) - tcb->ts_recent_ms; /* since our first SYN */
}

/* [RFC7323 2.2d] */
static void take_peer_syn(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        uint32_t announced, used;

        tcb->irs = seg->seq;
        tcb->rcv_nxt = seq_add(seg->seq, 1);
        tcb->last_ack_sent = tcb->rcv_nxt;
        ek_options_on_syn(t, tcb, &seg->hdr->opt);
        ek_rcv_window_init(&tcb->win, tcb->win.space, tcb->rcv_nxt, t->now);
        /* What our SYN announced; never scaled (RFC 7323, 2.2). */
        announced = ek_rcv_buf_window(t, tcb, &used).space;
        ek_rcv_window_on_sent(&tcb->win, tcb->rcv_nxt, ek_min_u32(UINT16_MAX, announced));
        tcb->snd_wnd = seg->hdr->wnd;
        tcb->snd_wnd_max = tcb->snd_wnd;
        tcb->snd_wl1 = seg->seq;
}

static void on_syn_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct ek_txq_acked acked;
        uint32_t data;

        take_peer_syn(t, tcb, seg);
        ek_ecn_on_syn_ack(t, tcb, seg);
        acked = ek_txq_ack(&tcb->act->txq, &t->records, seg->ack);
        data = acked.bytes - acked.syn; /* of a SYN with data (RFC 7413) */
        ek_ring_consume(&tcb->act->snd, data);
        tcb->stats.bytes_acked += data;
        t->ctr->tcp_bytes_acked += data;
        tcb->snd_una = seg->ack;
        tcb->snd_wl2 = seg->ack;
        if (acked.timed)
                ek_rtt_on_sample(&tcb->rtt, t->now - acked.rtt_sent_at);
        t->ctr->tcp_active_opens++;
        ek_fast_open_on_syn_ack(t, tcb, seg, data > 0);
        ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
        ek_tcb_established(t, tcb, "SYN,ACK");
        /* What went with the SYN and was not taken goes again now (RFC 7413, 4.2.2). */
        if (ek_txq_mark_head_lost(&tcb->act->txq, &t->records))
                tcb->todo |= EK_TODO_FORCE;
        ek_seg_steps_6_to_8(t, tcb, seg);
}

/* Simultaneous open: answer with SYN,ACK, which is our SYN sent again with the ACK bit. [RFC9293 MUST-10] */
static void on_syn(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        ek_fast_open_hold(t, tcb, false); /* ours waited for data: it goes now */
        take_peer_syn(t, tcb, seg);
        ek_ecn_on_syn(t, tcb, seg);
        tcb->snd_wl2 = seg->ack;
        ek_state_set(t, tcb, ELKO_TCP_SYN_RECEIVED, "SYN crosses ours");
        if (ek_txq_mark_head_lost(&tcb->act->txq, &t->records))
                tcb->todo |= EK_TODO_FORCE;
        ek_tcb_has_work(t, tcb);
}

/* [RFC9293 3.10.7.3-1 3.10.7.3-2 3.10.7.3-4 3.10.7.3-5; RFC7323 3.2i; RFC5961 3.2-5] */
void ek_seg_on_syn_sent(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        bool ack = ek_seg_has(seg, ELKO_ACK);

        /* First, check the ACK bit. */
        if (ack && (seq_leq(seg->ack, tcb->iss) || seq_gt(seg->ack, tcb->snd_nxt))) {
                refuse(t, tcb, seg);
                return;
        }
        /* Second, check the RST bit. Without an acceptable ACK it proves nothing. */
        if (ek_seg_has(seg, ELKO_RST)) {
                ek_tcp_drop(t, seg, tcb, ack ? ELKO_DROP_TCP_RST_TAKEN : ELKO_DROP_TCP_SYN_SENT);
                if (ack)
                        ek_tcb_fail(t, tcb, ELKO_ECONNREFUSED, "reset by peer");
                return;
        }
        /* Third, security: nothing to check. Fourth, check the SYN bit. */
        if (!ek_seg_has(seg, ELKO_SYN) || (seg->hdr->opt.malformed && !ack)) {
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_SYN_SENT);
                return;
        }
        if (ack && !is_echo_ours(t, tcb, seg))
                refuse(t, tcb, seg);
        else if (ack)
                on_syn_ack(t, tcb, seg);
        else
                on_syn(t, tcb, seg);
}
