/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * What a connection measures of itself for STATUS (RFC 9293, 3.9.1.6) and for congestion control: where
 * the sender's time goes (chrono.h), how fast the network delivers (rate.h), and the round trip that a receiver sees (rcv_rtt.h). The leaves know how to measure,
 * this file when.
 *
 * The instruments lie in the active part, which a silent connection does not have; nothing is outstanding
 * then, and nothing is there to be measured.
 */

/* Would the congestion window let another segment go? */
static bool cwnd_is_open(const struct ek_tcb *tcb, uint32_t mss)
{
        uint64_t cwnd = ek_tcb_send_window(tcb);
        uint32_t pipe = ek_txq_pipe(&tcb->act->txq);

        return pipe == 0 || pipe + (uint64_t)mss <= cwnd;
}

/* ---- the sender's time ---- */

static bool is_timed(const struct ek_tcb *tcb, enum ek_chrono_kind kind)
{
        return tcb->act->chrono.kind == kind;
}

/* The application has more, everything that it could queue is sent, and both windows are open: only a
 * larger buffer would help. WANT_WRITE alone does not say it; a new connection has it, too. */
static bool is_starved(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        uint32_t max = ek_tcb_settings(t, tcb)->snd_buf_max;

        if (!ek_tcb_has(tcb, EK_TCB_WANT_WRITE) || ek_tcb_has(tcb, EK_TCB_FIN_WANTED))
                return false;
        if (!ek_tcb_has(tcb, EK_TCB_WRITE_NOMEM) && tcb->act->snd.len <= max - max / 3)
                return false;
        return ek_tcb_is_synchronized(tcb) && ek_tcb_unsent(tcb) == 0 &&
               cwnd_is_open(tcb, ek_tcb_eff_mss(t, tcb)) && tcb->snd_wnd > ek_tcb_flight(tcb);
}

/* The planner found nothing (more) to send, for this reason. */
void ek_meter_settled(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_limited_by why)
{
        enum ek_chrono_kind kind = EK_CHRONO_BUSY;

        if (!ek_tcb_is_active(tcb))
                return;
        if (tcb->act->snd.len == 0)
                kind = EK_CHRONO_IDLE;
        else if (why == ELKO_LIMITED_RWND && cwnd_is_open(tcb, ek_tcb_eff_mss(t, tcb)))
                kind = EK_CHRONO_RWND;
        else if (is_starved(t, tcb))
                kind = EK_CHRONO_SNDBUF;
        ek_chrono_set(&tcb->act->chrono, kind, t->now);
}

/* The application queued something. */
void ek_meter_queued(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!is_timed(tcb, EK_CHRONO_RWND))
                ek_chrono_set(&tcb->act->chrono, EK_CHRONO_BUSY, t->now);
}

/* The application could not queue anything. */
void ek_meter_no_room(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (ek_tcb_is_active(tcb) && is_starved(t, tcb))
                ek_chrono_set(&tcb->act->chrono, EK_CHRONO_SNDBUF, t->now);
}

/* The buffers go: what was measured stays. */
void ek_meter_put_away(struct ek_tcp *t, struct ek_tcb *tcb)
{
        ek_chrono_fold(&tcb->act->chrono, &tcb->stats.chrono, t->now);
}

/* ---- delivery rate ---- */

/* draft-ietf-ccwg-bbr, CheckIfApplicationLimited(): at each write, ACK and time-out, before it changes
 * anything. What is too little for a segment of its own counts as nothing. */
void ek_meter_app_limited(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t mss;

        if (!ek_tcb_is_active(tcb) || !ek_tcb_is_synchronized(tcb) || tcb->act->txq.lost_count != 0)
                return;
        mss = ek_tcb_eff_mss(t, tcb);
        if (ek_tcb_unsent(tcb) < mss && cwnd_is_open(tcb, mss))
                ek_rate_on_app_limited(&tcb->act->rate, ek_txq_pipe(&tcb->act->txq));
}

EK_STATIC_ASSERT((int)EK_TXREC_TAG_WORDS == (int)EK_RATE_TAG_WORDS, "the tag is the rate's");

/* A transmission is about to become a record: its tag. */
void ek_meter_sent(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t len,
                   uint32_t tag[EK_TXREC_TAG_WORDS])
{
        tcb->act->rate.lost = tcb->act->txq.lost_ever;
        ek_rate_on_send(&tcb->act->rate, ek_txq_pipe(&tcb->act->txq), len, t->now, tag);
}

/* SND.UNA advanced and the round trip was measured. */
void ek_meter_delivered(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_txq_acked *acked)
{
        struct ek_rate_acked a = {
                .tag = acked->tagged ? acked->tag : NULL,
                .sent_at = acked->sent_at,
                .bytes = acked->delivered -
                         ek_min_u32(acked->delivered, (uint32_t)acked->syn + acked->fin),
        };
        struct ek_rate_sample s;

        tcb->act->rate.lost = tcb->act->txq.lost_ever;
        s = ek_rate_on_ack(&tcb->act->rate, &a, tcb->rtt.min_rtt_ns, t->now);
        ek_cong_note_sample(tcb, &s, a.bytes);
        if (ek_rate_counts(&s, tcb->stats.delivery_rate))
                tcb->stats.delivery_rate = s.bytes_per_s;
        if (tcb->act->snd.len == 0)
                ek_chrono_set(&tcb->act->chrono, EK_CHRONO_IDLE, t->now);
        else if (is_timed(tcb, EK_CHRONO_SNDBUF) && !is_starved(t, tcb))
                ek_chrono_set(&tcb->act->chrono, EK_CHRONO_BUSY, t->now);
}

/* ---- the receiver's round trip ---- */

/* RCV.NXT advanced over the segment's text. */
void ek_meter_received(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        struct ek_rcv_rtt *m = &tcb->act->rcv_rtt;
        uint32_t age_ms;

        if (!ek_tcb_has(tcb, EK_TCB_TS)) {
                tcb->rtt.rcv_us =
                        ek_rcv_rtt_on_data(m, tcb->rtt.rcv_us, tcb->rcv_nxt,
                                           ek_rcv_window_left(&tcb->win, tcb->rcv_nxt), t->now);
                return;
        }
        if (!(opt->present & ELKO_OPT_TIMESTAMPS) || opt->ts_ecr == 0 || tcb->act->ts_tick != 0 ||
            seg->hdr->data_len < tcb->delack.rcv_mss)
                return;
        age_ms = ek_tcb_ts_clock(t, tcb) - opt->ts_ecr;
        /* A value that we can't have sent within R2 is not ours. */
        if (age_ms < (uint32_t)(t->cfg.r2_ns / 1000000))
                tcb->rtt.rcv_us = ek_rcv_rtt_on_echo(m, tcb->rtt.rcv_us, opt->ts_ecr, age_ms);
}
