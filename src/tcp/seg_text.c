/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * RFC 9293, 3.10.7.4, seventh: process the segment text.
 *
 * The bytes go to their place in the receive ring at once, in order or not, so that a packet is never
 * kept and memory is bounded by the window. What overlaps with bytes already there is copied over by
 * equal bytes in honest traffic; where a peer contradicts itself, the first bytes that became readable
 * stay (only what lies at or after RCV.NXT is written).
 */

/* The part of the segment that is new and inside of the window. */
struct text {
        seq_t seq;
        const uint8_t *data;
        uint32_t len;
        uint32_t cut_left;
};

static struct text trim(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct text x = {
                .seq = seq_add(seg->seq, ek_seg_has(seg, ELKO_SYN) ? 1 : 0),
                .data = seg->hdr->data,
                .len = seg->hdr->data_len,
        };
        uint32_t wnd = ek_rcv_window_left(&tcb->win, tcb->rcv_nxt), ahead;

        if (seq_lt(x.seq, tcb->rcv_nxt)) {
                x.cut_left = ek_min_u32(seq_diff(tcb->rcv_nxt, x.seq), x.len);
                x.seq = tcb->rcv_nxt;
                x.data += x.cut_left;
                x.len -= x.cut_left;
        }
        ahead = seq_diff(x.seq, tcb->rcv_nxt);
        if (ahead >= wnd)
                x.len = 0;
        else
                x.len = ek_min_u32(x.len, wnd - ahead);
        /* Nothing lies beyond a FIN (A7-5). */
        if (ek_tcb_has(tcb, EK_TCB_FIN_EARLY)) {
                uint32_t to_fin = seq_leq(x.seq, tcb->fin_seq) ? seq_diff(tcb->fin_seq, x.seq) : 0;

                x.len = ek_min_u32(x.len, to_fin);
        }
        return x;
}

/* Memory for the holes. */
static bool ensure_ranges(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (tcb->act->reasm.ranges != NULL)
                return true;
        tcb->act->reasm.ranges = ek_region_alloc(t->region, EK_RANGES_BYTES(t->cfg.max_ooo_ranges));
        if (tcb->act->reasm.ranges == NULL) {
                t->ctr->nomem++;
                return false;
        }
        ek_ranges_init(tcb->act->reasm.ranges, t->cfg.max_ooo_ranges);
        return true;
}

static void advance_rcv_nxt(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t n)
{
        ek_ring_commit(&tcb->act->rcv, n);
        tcb->rcv_nxt = seq_add(tcb->rcv_nxt, n);
        tcb->stats.bytes_received += n;
        t->ctr->tcp_bytes_received += n;
        /* Duplicates of an ACK that this one overtakes would count as duplicates of the new one and start
         * a fast retransmit for nothing (RFC 5681, 2). */
        tcb->dup_acks = 0;
}

/* [RFC9293 SHLD-18; RFC7323 5.3-R4; RFC5681 3.2b 4.2a; RFC6582 5] */
static void take_in_order(struct ek_tcp *t, struct ek_tcb *tcb, const struct text *x)
{
        bool had_holes = ek_reasm_has_holes(&tcb->act->reasm);
        uint64_t edge;

        ek_ring_write_at(&tcb->act->rcv, tcb->act->rcv.len, x->data, x->len);
        if (had_holes && ek_tcb_has(tcb, EK_TCB_SACK))
                ek_reasm_note_overlap(&tcb->act->reasm, tcb->stats.bytes_received,
                                      tcb->stats.bytes_received + x->len);
        advance_rcv_nxt(t, tcb, x->len);
        edge = ek_reasm_advance(&tcb->act->reasm, tcb->stats.bytes_received);
        if (edge > tcb->stats.bytes_received)
                advance_rcv_nxt(t, tcb, (uint32_t)(edge - tcb->stats.bytes_received));
        ek_tcb_tell(t, tcb, ELKO_EV_READABLE);
        /* RFC 5681, 4.2: what fills a hole, or a part of it, is acknowledged at once; an early FIN stands
         * behind one. */
        if (had_holes || ek_tcb_has(tcb, EK_TCB_FIN_EARLY)) {
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
        } else if (ek_delack_on_data(&tcb->delack, x->len, tcb->delack.rcv_mss) == EK_DELACK_NOW ||
                   ek_tcb_settings(t, tcb)->delack_ns == 0) {
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
        } else if (tcb->at[EK_DL_DELACK] == EK_NEVER) {
                ek_tcb_arm(t, tcb, EK_DL_DELACK,
                           ek_time_add(t->now, ek_tcb_settings(t, tcb)->delack_ns));
        }
}

/* [RFC9293 SHLD-31 MAY-13; RFC7323 5.3-R5; RFC5681 3.2a; RFC2018 4d; RFC2525 2.5] */
static void take_out_of_order(struct ek_tcp *t, struct ek_tcb *tcb, const struct text *x)
{
        uint32_t ahead = seq_diff(x->seq, tcb->rcv_nxt);
        uint64_t lo = ek_tcb_offset(tcb, x->seq);

        tcb->flags &= ~(uint32_t)EK_TCB_FIN_LATEST;
        if (tcb->dup_acks < UINT8_MAX)
                tcb->dup_acks++;
        ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK_DUP);
        if (!ensure_ranges(t, tcb)) {
                t->ctr->drops[ELKO_DROP_TCP_RCV_NOMEM]++;
                return;
        }
        if (ek_tcb_has(tcb, EK_TCB_SACK))
                ek_reasm_note_overlap(&tcb->act->reasm, lo, lo + x->len);
        if (ek_reasm_add(&tcb->act->reasm, lo, lo + x->len) == EK_REASM_FULL) {
                t->ctr->drops[ELKO_DROP_TCP_RCV_RANGES]++;
                return;
        }
        ek_ring_write_at(&tcb->act->rcv, tcb->act->rcv.len + ahead, x->data, x->len);
        t->ctr->tcp_ooo_segs_in++;
        tcb->stats.rcv_ooopack++;
        ek_rcv_buf_on_held(t, tcb);
}

/* The application closed, or it shut both directions: then its FIN is out. */
static bool nobody_reads(const struct ek_tcb *tcb)
{
        return ek_tcb_has(tcb, EK_TCB_ORPHAN) ||
               (ek_tcb_has(tcb, EK_TCB_READ_SHUT) && tcb->state != ELKO_TCP_ESTABLISHED);
}

/* RFC 2525, 2.16 and RFC 9293, 3.6.1: nobody will ever read this. [RFC9293 SHLD-3; RFC2525 2.16] */
static enum ek_verdict refuse_data(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        /* As a connection that is CLOSED answers (3.10.7.1): <SEQ=SEG.ACK><CTL=RST>. If it gets lost, the peer's
         * next segment meets a connection that is CLOSED. */
        struct ek_stateless r = {
                .key = seg->key, .seq = seg->ack, .flags = ELKO_RST, .why = ELKO_WHY_RST};

        ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_DATA_CLOSED);
        ek_tcp_reply(t, &r);
        ek_tcb_fail(t, tcb, ELKO_ECONNABORTED, "data after close");
        return EK_DONE;
}

/* [RFC9293 3.10.7.4-7; RFC2883 4.2a] */
enum ek_verdict ek_step_7_text(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        struct text x;

        if (seg->hdr->data_len == 0)
                return EK_NEXT;
        if (tcb->state != ELKO_TCP_ESTABLISHED && tcb->state != ELKO_TCP_FIN_WAIT_1 &&
            tcb->state != ELKO_TCP_FIN_WAIT_2 && !ek_tcb_is_fast_open(tcb)) {
                /* "This should not occur since a FIN has been received from the remote side." */
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_AFTER_FIN);
                return EK_NEXT;
        }
        tcb->stats.data_segs_in += seg->segs;
        tcb->stats.data_recv_ms = ek_tcp_ms(t);
        ek_tcb_not_quiet(t, tcb);
        if (seg->seg_len > tcb->delack.rcv_mss)
                tcb->delack.rcv_mss = (uint16_t)ek_min_u32(seg->seg_len, tcb->adv_mss);
        x = trim(tcb, seg);
        if (x.len == 0) {
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK_DUP);
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_RCV_WINDOW);
                return EK_NEXT;
        }
        if (nobody_reads(tcb))
                return refuse_data(t, tcb, seg);
        if (!ek_rcv_buf_ensure(t, tcb)) {
                /* Not acknowledged, so not lost: the peer sends it again. */
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_RCV_NOMEM);
                return EK_DONE;
        }
        ek_ecn_on_data(t, tcb, seg);
        if (x.cut_left > 0 && ek_tcb_has(tcb, EK_TCB_SACK) &&
            x.cut_left <= tcb->stats.bytes_received)
                ek_reasm_on_duplicate(&tcb->act->reasm, tcb->stats.bytes_received - x.cut_left,
                                      tcb->stats.bytes_received);
        EK_ASSERT((uint64_t)tcb->act->rcv.len + seq_diff(x.seq, tcb->rcv_nxt) + x.len <=
                  tcb->act->rcv.cap);
        if (seq_eq(x.seq, tcb->rcv_nxt)) {
                take_in_order(t, tcb, &x);
                ek_meter_received(t, tcb, seg);
        } else {
                take_out_of_order(t, tcb, &x);
        }
        return EK_NEXT;
}
