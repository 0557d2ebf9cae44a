/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * Loss recovery where SACK was negotiated: RFC 6675 on the scoreboard of txq.c, with RFC 8985 (RACK-TLP) as
 * the judge of what is lost, RFC 6937 and RFC 9937 (PRR) for how much may be sent meanwhile, and RFC 5682
 * (F-RTO) after a time-out. Without SACK it is recovery.c and dupack.c.
 *
 *      OPEN       nothing SACKed above SND.UNA
 *      DISORDER   something is, and nothing was found lost: what left the network is replaced by new data, which
 *                 is limited transmit (RFC 3042, RFC 6675, 5 (3))
 *      CWR        ECN told of congestion: cwnd shrinks, until all that was outstanding is acknowledged (seg_ecn.c)
 *      RECOVERY   from the first loss until all that was outstanding then is acknowledged
 *      LOSS       the same after a time-out
 *
 * Deviation: RFC 2018, 8 and RFC 5682, 3.1 would forget what was SACKed when the timer expires. RFC 6675, 5.1
 * lets it be kept where reneging is found by other means: SND.UNA stands at what was SACKed, and stays there.
 */

static bool is_recovering(const struct ek_tcb *tcb)
{
        return tcb->cong.state == ELKO_CA_RECOVERY || tcb->cong.state == ELKO_CA_LOSS;
}

static struct ek_rack_facts rack_facts(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return (struct ek_rack_facts){
                .srtt_ns = tcb->rtt.srtt_ns,
                .min_rtt_ns = tcb->rtt.min_rtt_ns,
                .granularity_ns = t->rtt_limits.granularity_ns,
                .segs_sacked = tcb->act->txq.sacked_segs,
                .reordering_seen = tcb->cong.reord_seen > 0,
                .recovering = is_recovering(tcb),
        };
}

static void arm(struct ek_tcp *t, struct ek_tcb *tcb, enum ek_loss_timer what, uint64_t at)
{
        tcb->act->loss_timer = (uint8_t)what;
        ek_tcb_arm(t, tcb, EK_DL_LOSS, at);
}

static void disarm(struct ek_tcb *tcb)
{
        if (tcb->act->loss_timer == EK_LOSS_NONE)
                return;
        tcb->act->loss_timer = EK_LOSS_NONE;
        tcb->at[EK_DL_LOSS] = EK_NEVER;
}

/* Is there anything that a probe would be good for? [RFC8985 7.2-1] */
static bool wants_probe(const struct ek_tcb *tcb)
{
        const struct ek_txq *q = &tcb->act->txq;
        bool in_order = tcb->cong.state == ELKO_CA_OPEN || tcb->cong.state == ELKO_CA_CWR;

        return ek_tcb_has(tcb, EK_TCB_SACK) && ek_tcb_is_synchronized(tcb) && !ek_txq_is_empty(q) &&
               in_order && q->sacked_bytes == 0 && q->lost_count == 0 &&
               ek_tlp_may_probe(&tcb->act->rack);
}

/* ---- what the ACK says ---- */

/* Before txq.c hears of the ACK: a retransmission that left less than the shortest round trip ago can't have been
 * answered, it was the first copy (RFC 8985, 6.2, step 2). */
void ek_sack_before_ack(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint64_t least = tcb->rtt.min_rtt_ns;

        if (!ek_txq_is_empty(&tcb->act->txq))
                tcb->act->txq.too_young = t->now > least ? t->now - least : 0;
}

/* After SND.UNA has moved. [RFC3708 3-A4; RFC2883 5a; RFC6675 5-update; RFC2018 5a] */
void ek_sack_take(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                  struct ek_sack_ack *a)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        struct elko_sack_block block[EK_SACK_IN_BLOCKS];
        struct ek_sack_seen seen = {
                .block = opt->sack,
                .count = (opt->present & ELKO_OPT_SACK) ? opt->sack_count : 0,
                .ack = seg->ack,
                .nxt = tcb->snd_nxt,
                .before = (uint32_t)ek_min_u64(1u << 31, tcb->stats.bytes_acked),
        };
        uint32_t mss = ek_tcb_eff_mss(t, tcb), n;

        if (seen.count == 0)
                return;
        a->any_block = true;
        a->dsack_bytes = ek_sack_in_duplicate(&seen);
        a->dsack_end = seq_make(seen.block[0].right);
        /* RFC 4898 counts segments: a block may stand for several. */
        tcb->stats.dsack_dups += a->dsack_bytes / mss + (a->dsack_bytes % mss != 0);
        /* More than was sent again: the network makes copies (RFC 3708, 4). */
        if (tcb->stats.dsack_dups > tcb->stats.total_retrans)
                a->dsack_bytes = 0;
        n = ek_sack_in_blocks(&seen, tcb->snd_una, block);
        for (uint32_t i = 0; i < n; i++)
                ek_txq_sack(&tcb->act->txq, &t->records, seq_make(block[i].left),
                            seq_make(block[i].right), mss, a->acked);
}

static bool is_of_probe(const struct ek_tcb *tcb, const struct ek_sack_ack *a)
{
        const struct ek_rack *r = &tcb->act->rack;

        return a->dsack_bytes > 0 && r->probe_out && seq_eq(a->dsack_end, r->probe_end);
}

/* RFC 8985, 6.2, steps 1 to 4. */
static void update_rack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_sack_ack *a)
{
        const struct ek_txq_acked *acked = a->acked;
        struct ek_rack *r = &tcb->act->rack;
        uint32_t mss = ek_tcb_eff_mss(t, tcb), segs;

        if (acked->rack)
                ek_rack_on_delivered(r, acked->rack_sent_at, acked->rack_end, t->now);
        if (acked->late > 0) {
                tcb->cong.reord_seen += acked->late;
                ek_tcb_ts_slow_down(t, tcb);
                segs = (seq_diff(tcb->act->txq.fack, acked->late_from) + mss - 1) / mss;
                segs -= ek_min_u32(segs, EK_DUPACK_THRESHOLD);
                tcb->cong.reordering =
                        (uint16_t)ek_min_u32(UINT16_MAX, ek_max_u32(segs, tcb->cong.reordering));
        }
        ek_rack_on_ack(r, tcb->snd_una, tcb->snd_nxt, a->dsack_bytes > 0 && !is_of_probe(tcb, a));
        if (a->sampled)
                r->probe_unsampled = false;
}

/* ---- what is lost ---- */

/* RFC 8985, 6.2, step 5: bytes that were found lost now; the timer runs while some may be soon.
 * [RFC8985 6.2-5 6.2-5t; RFC6675 4-islost 4-nextseg-3 4-nextseg-4] */
static uint32_t detect(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_rack_facts f = rack_facts(t, tcb);
        struct ek_rack *r = &tcb->act->rack;
        struct ek_txq *q = &tcb->act->txq;
        uint64_t wnd = ek_rack_reo_wnd(r, &f);
        struct ek_txq_limit limit = {.sent_at = r->xmit_at, .end = r->end};
        const struct ek_txrec *oldest;
        uint32_t lost = 0;

        if (!r->valid)
                return 0;
        if (ek_rack_lost_until(r, wnd, t->now, &limit.until))
                lost = ek_txq_mark_old_lost(q, &t->records, &limit);
        oldest = ek_txq_oldest(q, &t->records);
        if (oldest != NULL && ek_txq_sent_before(oldest->sent_at, seq_add(oldest->seq, oldest->len),
                                                 r->xmit_at, r->end))
                arm(t, tcb, EK_LOSS_REORDERING, ek_max_u64(t->now + 1, ek_rack_deadline(r, wnd)));
        else if (tcb->act->loss_timer == EK_LOSS_REORDERING)
                disarm(tcb);
        return lost;
}

static void use_prr(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t delivered, bool safe)
{
        struct ek_prr_ack p = {
                .delivered = delivered,
                .pipe = ek_txq_pipe(&tcb->act->txq),
                .ssthresh = tcb->cong.out.ssthresh_bytes,
                .mss = ek_tcb_eff_mss(t, tcb),
                .safe = safe,
        };

        if (tcb->act->prr.active)
                ek_prr_on_ack(&tcb->act->prr, &p);
}

/* [RFC6675 5-4 5-4b 5-4c; RFC6937 3-1; RFC8985 7.1] */
static void enter(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_txq_acked *acked)
{
        const struct ek_txq *q = &tcb->act->txq;
        uint32_t flight = ek_tcb_flight(tcb);

        t->ctr->tcp_fast_retrans++;
        ek_undo_begin(tcb);
        /* RFC 5681, 3.2: what limited transmit sent does not count; it was beyond cwnd. In CWR the window of data is
         * reduced already, and PRR goes on with that (RFC 3168, 6.1.2). */
        if (tcb->cong.state != ELKO_CA_CWR)
                ek_recovery_congestion(t, tcb, ELKO_CONGESTION_LOSS,
                                       ek_min_u32(flight, tcb->cong.out.cwnd_bytes));
        tcb->cong.state = ELKO_CA_RECOVERY;
        tcb->act->dupack.recover = tcb->snd_nxt;
        tcb->act->dupack.recover_valid = true;
        ek_tlp_reset(&tcb->act->rack);
        tcb->todo &= ~(uint32_t)EK_TODO_TLP;
        /* What was SACKed before is not delivered in recovery (RFC 9937). */
        if (!tcb->cong.ops->owns_recovery && !tcb->act->prr.active)
                ek_prr_start(&tcb->act->prr,
                             flight - q->sacked_bytes + acked->sacked + acked->bytes);
        ek_trace_recovery(t, tcb, "segments found lost: fast retransmit");
        tcb->todo |= EK_TODO_FORCE;
        ek_tcb_has_work(t, tcb);
}

/* [RFC6675 5-a; RFC6937 3-6] */
static void leave(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (tcb->act->prr.active)
                tcb->cong.out.cwnd_bytes = tcb->cong.out.ssthresh_bytes;
        tcb->act->prr.active = false;
        tcb->act->frto = EK_FRTO_OFF;
        tcb->cong.state = ELKO_CA_OPEN;
        ek_rack_on_recovered(&tcb->act->rack);
        ek_trace_recovery(t, tcb, "recovered");
}

static void in_cwr(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!ek_ecn_is_over(tcb))
                return;
        tcb->cong.out.cwnd_bytes = tcb->cong.out.ssthresh_bytes;
        tcb->act->prr.active = false;
        tcb->cong.state = ELKO_CA_OPEN;
        ek_trace_recovery(t, tcb, "ECN: reduced");
}

/* ---- after a time-out ---- */

static bool has_new_data(struct ek_tcb *tcb)
{
        return ek_tcb_unsent(tcb) > 0 && tcb->snd_wnd > ek_tcb_flight(tcb) &&
               ek_tcb_is_synchronized(tcb);
}

/* RFC 5682, 3.1; true: the time-out was spurious. [RFC5682 3.1-2b 3.1-3a 3.1-3b; RFC5682 2.1] */
bool ek_frto_on_ack(struct ek_tcb *tcb, const struct ek_txq_acked *acked, bool progress,
                    bool duplicate)
{
        seq_t recover = tcb->act->dupack.recover;

        if (tcb->act->frto == EK_FRTO_OFF)
                return false;
        /* A copy that was sent once, and before the time-out, arrived: not by a cumulative ACK that also covers
         * what was sent again, which may have set it free. */
        if (acked->orig && !acked->retransmitted && seq_leq(acked->orig_end, recover))
                return true;
        if (seq_gt(tcb->snd_nxt, recover)) {
                if (progress || duplicate || acked->sacked > 0)
                        tcb->act->frto = EK_FRTO_OFF;
        } else if (progress) {
                tcb->act->frto = has_new_data(tcb) && seq_lt(tcb->snd_una, recover) ? EK_FRTO_NEW
                                                                                    : EK_FRTO_OFF;
        } else if (duplicate && !ek_tcb_has(tcb, EK_TCB_SACK)) {
                tcb->act->frto = EK_FRTO_OFF;
        }
        return false;
}

static void in_loss(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                    const struct ek_sack_ack *a)
{
        if (ek_frto_on_ack(tcb, a->acked, a->progress, a->duplicate)) {
                ek_undo_do(t, tcb, EK_UNDO_FRTO);
                return;
        }
        if (ek_undo_try(t, tcb, seg, a->progress, a->dsack_bytes > 0))
                return;
        if (seq_geq(tcb->snd_una, tcb->act->dupack.recover) && tcb->act->txq.lost_count == 0)
                leave(t, tcb);
}

static void in_recovery(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                        const struct ek_sack_ack *a)
{
        if (ek_undo_try(t, tcb, seg, a->progress, a->dsack_bytes > 0))
                return;
        if (seq_geq(tcb->snd_una, tcb->act->dupack.recover))
                leave(t, tcb);
}

/* [RFC8985 7.4.2b] */
static void process_probe(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_sack_ack *a)
{
        struct ek_tlp_ack p = {
                .ack = tcb->snd_una,
                .dsack = is_of_probe(tcb, a),
                .duplicate = a->duplicate && !a->any_block,
        };

        if (ek_tlp_on_ack(&tcb->act->rack, &p) != EK_TLP_REPAIRED)
                return;
        t->ctr->tcp_loss_probe_repairs++;
        if (is_recovering(tcb) || tcb->cong.state == ELKO_CA_CWR)
                return;
        ek_undo_begin(tcb);
        tcb->act->undo.has_resent = true; /* any D-SACK shows that it did not */
        tcb->act->undo.left = 1;
        tcb->act->undo.una = seq_add(tcb->snd_una, 0u - a->acked->bytes);
        ek_recovery_congestion(
                t, tcb, ELKO_CONGESTION_LOSS,
                ek_min_u32(ek_tcb_flight(tcb) + a->acked->bytes, tcb->cong.out.cwnd_bytes));
        ek_trace_recovery(t, tcb, "a loss probe repaired a loss");
}

/* RFC 2018, 8: SND.UNA came to stand at what was SACKed. An ACK that was overtaken looks the same, so there is
 * a little time for a better one. [RFC2018 8b] */
static void watch_reneging(struct ek_tcp *t, struct ek_tcb *tcb, bool progress)
{
        const struct ek_txrec *head = ek_txq_head(&tcb->act->txq, &t->records);

        if (head == NULL || !(head->flags & EK_TXREC_SACKED)) {
                if (tcb->act->loss_timer == EK_LOSS_RENEGED)
                        disarm(tcb);
                return;
        }
        if (progress || tcb->act->loss_timer != EK_LOSS_RENEGED)
                arm(t, tcb, EK_LOSS_RENEGED,
                    ek_time_add(t->now, ek_max_u64(tcb->rtt.srtt_ns / 2, ELKO_MS(10))));
}

/* All that an acceptable ACK changes on a connection with SACK. [RFC6675 5-b; RFC8985 6.2-0 6.2-1] */
void ek_sack_on_ack(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg,
                    const struct ek_sack_ack *a)
{
        uint32_t lost;

        if (!ek_tcb_is_active(tcb))
                return; /* a silent connection has nothing that could be lost */
        update_rack(t, tcb, a);
        process_probe(t, tcb, a);
        ek_undo_on_dsack(tcb, a);
        if (a->progress)
                tcb->todo &= ~(uint32_t)EK_TODO_TLP;
        if (tcb->cong.state == ELKO_CA_LOSS)
                in_loss(t, tcb, seg, a);
        else if (tcb->cong.state == ELKO_CA_RECOVERY)
                in_recovery(t, tcb, seg, a);
        else if (tcb->cong.state == ELKO_CA_CWR)
                in_cwr(t, tcb);
        else
                ek_undo_try(t, tcb, seg, false, a->dsack_bytes > 0);
        lost = detect(t, tcb);
        if (lost > 0 && !is_recovering(tcb) && !ek_mtu_on_lost(t, tcb, lost))
                enter(t, tcb, a->acked);
        if (a->acked->delivered > 0 || lost > 0)
                use_prr(t, tcb, a->acked->delivered, a->progress && lost == 0);
        if (!is_recovering(tcb) && tcb->cong.state != ELKO_CA_CWR)
                tcb->cong.state = tcb->act->txq.sacked_bytes > 0 ? ELKO_CA_DISORDER : ELKO_CA_OPEN;
        watch_reneging(t, tcb, a->progress);
        if (tcb->act->loss_timer == EK_LOSS_PROBE && !wants_probe(tcb))
                disarm(tcb);
        if (lost > 0 || a->acked->delivered > 0)
                ek_tcb_has_work(t, tcb);
}

/* ---- time-outs ---- */

/* What the retransmission timer takes for lost. [RFC8985 6.3; RFC2018 5b 5c 5.1b; RFC6675 5.1a 4-islost] */
void ek_sack_mark_on_timeout(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_txq *q = &tcb->act->txq;
        const struct ek_txrec *head = ek_txq_head(q, &t->records);
        struct ek_rack_facts f = rack_facts(t, tcb);
        uint64_t wnd = ek_rack_reo_wnd(&tcb->act->rack, &f);
        struct ek_txq_limit limit = {.sent_at = EK_NEVER};

        disarm(tcb);
        ek_tlp_reset(&tcb->act->rack);
        tcb->todo &= ~(uint32_t)EK_TODO_TLP;
        tcb->act->prr.active = false;
        if (head->flags & EK_TXREC_SACKED) {
                t->ctr->tcp_sack_reneged++;
                ek_txq_renege(q, &t->records);
                ek_txq_mark_all_lost(q, &t->records);
                return;
        }
        ek_txq_mark_head_lost(q, &t->records);
        if (!tcb->act->rack.valid)
                ek_txq_mark_all_lost(q, &t->records);
        else if (ek_rack_lost_until(&tcb->act->rack, wnd, t->now, &limit.until))
                ek_txq_mark_old_lost(q, &t->records, &limit);
}

/* Progress, or new data left. [RFC8985 7.2-1] */
void ek_tlp_schedule(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_rack_facts f = rack_facts(t, tcb);
        uint64_t at;

        if (!t->cfg.loss_probes || !wants_probe(tcb)) {
                if (tcb->act->loss_timer == EK_LOSS_PROBE)
                        disarm(tcb);
                return;
        }
        if (tcb->act->loss_timer == EK_LOSS_REORDERING || tcb->act->loss_timer == EK_LOSS_RENEGED)
                return;
        at = ek_time_add(t->now, ek_tlp_pto(&f, tcb->act->txq.count == 1, t->rtt_limits.min_ns));
        arm(t, tcb, EK_LOSS_PROBE, ek_min_u64(at, tcb->at[EK_DL_RTO]));
}

/* [RFC8985 7.3-1 7.3-2 7.3-3 7.3-4 7.3-5] */
static void send_probe(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!wants_probe(tcb))
                return;
        if (has_new_data(tcb))
                tcb->todo |= EK_TODO_TLP;
        else if (ek_txq_mark_last_lost(&tcb->act->txq, &t->records, ek_tcb_eff_mss(t, tcb)))
                tcb->todo |= EK_TODO_TLP | EK_TODO_FORCE;
        ek_tcb_arm(t, tcb, EK_DL_RTO, ek_time_add(t->now, ek_rtt_rto(&tcb->rtt, &t->rtt_limits)));
        ek_tcb_has_work(t, tcb);
}

/* The probe leaves. */
void ek_tlp_sent(struct ek_tcp *t, struct ek_tcb *tcb, bool again)
{
        t->ctr->tcp_loss_probes++;
        tcb->todo &= ~(uint32_t)EK_TODO_TLP;
        ek_tlp_on_sent(&tcb->act->rack, tcb->snd_nxt, again);
}

static void window_over(struct ek_tcp *t, struct ek_tcb *tcb)
{
        static const struct ek_txq_acked nothing;
        uint32_t lost = detect(t, tcb);

        if (lost == 0)
                return;
        if (!is_recovering(tcb) && !ek_mtu_on_lost(t, tcb, lost))
                enter(t, tcb, &nothing);
        use_prr(t, tcb, 0, false);
        ek_tcb_has_work(t, tcb);
}

/* [RFC8985 8] */
void ek_sack_on_timer(struct ek_tcp *t, struct ek_tcb *tcb)
{
        enum ek_loss_timer what = (enum ek_loss_timer)tcb->act->loss_timer;

        if (!ek_tcb_is_active(tcb) || what == EK_LOSS_NONE)
                return;
        tcb->act->loss_timer = EK_LOSS_NONE;
        if (ek_txq_is_empty(&tcb->act->txq))
                return;
        switch (what) {
        case EK_LOSS_REORDERING: window_over(t, tcb); break;
        case EK_LOSS_PROBE: send_probe(t, tcb); break;
        case EK_LOSS_RENEGED:
                ek_recovery_on_timeout(t, tcb);
                tcb->todo |= EK_TODO_FORCE;
                ek_tcb_has_work(t, tcb);
                break;
        case EK_LOSS_NONE: break;
        }
}
