/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * RFC 9293, 3.10.7.4, first to fourth: is the segment from this incarnation of the connection, and does
 * it want to end it? With RFC 7323's PAWS as part of the first step, and RFC 5961 against blind attacks:
 * a reset or SYN that is not exact is answered by a challenge ACK, which a real peer answers with an
 * exact reset.
 *
 * Challenge ACKs are limited for each connection, not for the host: a host-wide limit can be read by
 * anyone and tells about other connections (CVE-2016-5696). Deviation: it is one in a span that can be set;
 * RFC 5961, 7 would have their number set as well. Segments with data always get their ACK: they
 * may be retransmissions whose ACK was lost.
 */

enum { PAWS_IDLE_DAYS = 24 };

static uint32_t ts_ms(const struct ek_tcp *t)
{
        return ek_tcp_ms(t);
}

/* [RFC5961 3.2-6 7-1 7-2] */
void ek_challenge_ack(struct ek_tcp *t, struct ek_tcb *tcb, bool limited)
{
        uint32_t now = ts_ms(t) != 0 ? ts_ms(t) : 1;

        if (limited && tcb->challenge_ms != 0 &&
            now - tcb->challenge_ms < t->cfg.challenge_ack_interval_ms) {
                t->ctr->tcp_challenge_acks_limited++;
                return;
        }
        if (limited)
                tcb->challenge_ms = now;
        t->ctr->tcp_challenge_acks++;
        ek_tcb_owe_ack(t, tcb, ELKO_WHY_CHALLENGE);
}

/* RFC 7323, 5.3 (R1), with 5.5: TS.Recent is invalid after 24 days of silence. Resets are exempt.
 * [RFC7323 3.2d 3.2e 3.2f 5.2a 5.2d 5.3-R1 5.5] */
static bool paws_rejects(const struct ek_tcp *t, const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;
        const uint32_t outdated = (uint32_t)PAWS_IDLE_DAYS * 24 * 3600 * 1000;

        /* Deviation: a segment without the option, though it was negotiated, is taken as it is; RFC
         * 7323, 3.2 would drop it silently, which ends connections to peers that forget it. */
        if (!ek_tcb_has(tcb, EK_TCB_TS) || !(opt->present & ELKO_OPT_TIMESTAMPS) ||
            ek_seg_has(seg, ELKO_RST))
                return false;
        if (ts_ms(t) - tcb->ts_recent_ms > outdated)
                return false;
        return (int32_t)(opt->ts_val - tcb->ts_recent) < 0;
}

/* RFC 7323, 4.3 (2). Not from a segment that the fourth or fifth step will drop: one such from outside, with
 * a TSval of the future, would make PAWS refuse all that the peer ever sends.
 * [RFC7323 3.2f 4.3a 4.3b 4.3c 5.3-R3 5.2e] */
static void note_timestamp(const struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        const struct ek_tcp_opts *opt = &seg->hdr->opt;

        if (!ek_tcb_has(tcb, EK_TCB_TS) || !(opt->present & ELKO_OPT_TIMESTAMPS) ||
            ek_seg_has(seg, ELKO_RST | ELKO_SYN))
                return;
        if (!ek_seg_has(seg, ELKO_ACK) || !ek_ack_in_range(tcb, seg->ack))
                return;
        if (seq_leq(seg->seq, tcb->last_ack_sent)) {
                tcb->ts_recent = opt->ts_val;
                tcb->ts_recent_ms = ts_ms(t);
        }
}

/* Table 6. Of a reset only the number counts, whatever text it holds (RFC 5961, 3.2; SHLD-2).
 * [RFC9293 MUST-66 SHLD-2] */
static bool is_acceptable(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        uint32_t wnd = ek_rcv_window_left(&tcb->win, tcb->rcv_nxt);

        if (seg->len == 0 || ek_seg_has(seg, ELKO_RST))
                return wnd == 0 ? seq_eq(seg->seq, tcb->rcv_nxt)
                                : seq_in(seg->seq, tcb->rcv_nxt, wnd);
        if (wnd == 0) {
                /* Deviation: a lone FIN needs no buffer. Taking it in spite of the closed window
                 * saves the peer a retransmission time-out. */
                return seg->len == 1 && ek_seg_has(seg, ELKO_FIN) && seq_eq(seg->seq, tcb->rcv_nxt);
        }
        return seq_in(seg->seq, tcb->rcv_nxt, wnd) ||
               seq_in(seq_add(seg->seq, seg->len - 1), tcb->rcv_nxt, wnd);
}

/* A probe of a window or of an idle connection: right at the edge. Our answer is acceptable to the peer
 * and provokes none. */
static bool is_probe(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        uint32_t before = seq_diff(tcb->rcv_nxt, seg->seq);

        return before <= 1;
}

/* A probe with data, exact to the number, so that what it says of congestion counts (RFC 3168, 6.1.6).
 * [RFC3168 6.1.6b] */
static bool is_at_closed_window(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        return seq_eq(seg->seq, tcb->rcv_nxt) && ek_rcv_window_left(&tcb->win, tcb->rcv_nxt) == 0;
}

/* Two ends that both believe to have received more than was sent would answer each other's answers for ever;
 * those always acknowledge too much, which no probe does. */
static bool acks_what_was_sent(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        return ek_seg_has(seg, ELKO_ACK) && ek_ack_in_range(tcb, seg->ack);
}

/* "If the RCV.WND is zero, no segments will be acceptable, but special allowance should be made to accept
 * valid ACKs": a peer that probes with data and counts it (SHLD-29) speaks from behind that data, which we
 * have no room for. Its window updates must reach us, or neither end goes on. */
static bool is_after_probe(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        return ek_rcv_window_left(&tcb->win, tcb->rcv_nxt) == 0 &&
               seq_in(seg->seq, seq_add(tcb->rcv_nxt, 1), tcb->delack.rcv_mss);
}

/* All that the segment holds was received before. Not of a SYN: it is nothing of this connection, and its text
 * begins one number later; a D-SACK names the data that came (RFC 2883, 4 (1)). */
static void note_duplicate(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        uint32_t behind = seq_diff(tcb->rcv_nxt, seg->seq);
        uint64_t end = ek_tcb_rcv_offset(tcb);

        if (seg->hdr->data_len == 0 || !seq_lt(seg->seq, tcb->rcv_nxt) || behind > end)
                return;
        t->ctr->tcp_dup_segs_in++;
        if (!ek_seg_has(seg, ELKO_SYN) && ek_tcb_has(tcb, EK_TCB_SACK) && ek_tcb_activate(t, tcb)) {
                ek_reasm_on_duplicate(&tcb->act->reasm, end - behind,
                                      end - behind + ek_min_u32(seg->hdr->data_len, behind));
        }
}

/* [RFC9293 MAY-8; RFC5961 3.2-1 4.2-1 4.2-2] */
static void on_unacceptable(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (ek_seg_has(seg, ELKO_RST)) {
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_SEQ);
                return;
        }
        if (ek_seg_has(seg, ELKO_SYN))
                ek_accecn_on_syn_ack_again(t, tcb, seg);
        /* A window that could not be opened for want of memory is tried again when the peer asks. */
        if (tcb->win.space == 0 && is_probe(tcb, seg))
                ek_rcv_buf_open(t, tcb, tcb->rcv_nxt, 0);
        if (seg->hdr->data_len > 0 && is_at_closed_window(tcb, seg))
                ek_ecn_on_data(t, tcb, seg);
        if (seg->hdr->data_len > 0 || ek_seg_has(seg, ELKO_FIN) ||
            (is_probe(tcb, seg) && acks_what_was_sent(tcb, seg))) {
                note_duplicate(t, tcb, seg);
                if (tcb->dup_acks < UINT8_MAX)
                        tcb->dup_acks++;
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK_DUP);
        } else {
                ek_challenge_ack(t, tcb, true);
        }
        /* "Special allowance should be made to accept valid ACKs": two ends whose segments crossed
         * both find them unacceptable, and only the ACK field gets them out. */
        if ((is_probe(tcb, seg) || is_after_probe(tcb, seg)) && !ek_seg_has(seg, ELKO_SYN) &&
            ek_step_5_ack(t, tcb, seg) == EK_NEXT)
                ek_step_6_urgent(t, tcb, seg); /* "and URGs" */
        t->ctr->drops[ELKO_DROP_TCP_SEQ]++;
        ek_trace_drop(t, seg, tcb, ELKO_DROP_TCP_SEQ);
}

/* [RFC9293 3.10.7.4-1; RFC7323 5.3a 5.3-R1 5.3-R2] */
enum ek_verdict ek_step_1_sequence(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (paws_rejects(t, tcb, seg)) {
                /* RFC 7323, 5.3 (R1): "Send an acknowledgment in reply". A limit only on those to empty
                 * segments, which two ends could go on exchanging. */
                if (seg->hdr->data_len > 0 || ek_seg_has(seg, ELKO_FIN))
                        ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK_DUP);
                else
                        ek_challenge_ack(t, tcb, true);
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_PAWS);
                return EK_DONE;
        }
        if (!is_acceptable(tcb, seg)) {
                on_unacceptable(t, tcb, seg);
                return EK_DONE;
        }
        note_timestamp(t, tcb, seg);
        return EK_NEXT;
}

/* [RFC9293 MUST-11 3.10.7.4-2; RFC5961 3.2-2 3.2-3 3.2-4 4.2-3] */
enum ek_verdict ek_step_2_reset(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        int error = ELKO_ECONNRESET;

        if (!ek_seg_has(seg, ELKO_RST))
                return EK_NEXT;
        if (!seq_eq(seg->seq, tcb->rcv_nxt) && t->cfg.challenge_acks) {
                ek_challenge_ack(t, tcb, true);
                ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_RST_SEQ);
                return EK_DONE;
        }
        if (tcb->state == ELKO_TCP_SYN_RECEIVED && !ek_tcb_is_fast_open(tcb))
                error = ELKO_ECONNREFUSED; /* an active open: the passive one is a half-open entry */
        else
                t->ctr->tcp_estab_resets++;
        ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_RST_TAKEN);
        ek_tcb_fail(t, tcb, error, "reset by peer");
        return EK_DONE;
}

/* [RFC9293 3.10.7.4-4; RFC5961 4.2-1 4.2-2] */
enum ek_verdict ek_step_4_syn(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (!ek_seg_has(seg, ELKO_SYN))
                return EK_NEXT;
        ek_challenge_ack(t, tcb, true);
        ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_SYN_IN_SYNC);
        return EK_DONE;
}

/* The SYN,ACK of a simultaneous open repeats the SYN that brought us here; what is new is its ACK. */
static bool is_crossed_syn_ack(const struct ek_tcb *tcb, const struct ek_seg *seg)
{
        return tcb->state == ELKO_TCP_SYN_RECEIVED && seq_eq(seg->seq, tcb->irs) &&
               (seg->hdr->flags & (ELKO_SYN | ELKO_ACK | ELKO_RST)) == (ELKO_SYN | ELKO_ACK);
}

static void process(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (ek_step_1_sequence(t, tcb, seg) == EK_DONE)
                return;
        if (ek_step_2_reset(t, tcb, seg) == EK_DONE)
                return;
        /* Third, security and compartment: not supported, nothing to check (RFC 9293, A.1). */
        /* RFC 5961, 4.2: a SYN gets its challenge whatever its sequence number; step 1 saw to those
         * outside of the window. */
        if (ek_step_4_syn(t, tcb, seg) == EK_DONE)
                return;
        if (ek_step_5_ack(t, tcb, seg) == EK_DONE)
                return;
        ek_seg_steps_6_to_8(t, tcb, seg);
}

/* A Fast Open SYN came again: the SYN,ACK got lost. */
static void answer_again(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        ek_tcp_drop(t, seg, tcb, ELKO_DROP_TCP_HALF_OPEN_SEQ);
        ek_ecn_on_syn(t, tcb, seg);
        if (!(tcb->todo & EK_TODO_SYN) && ek_txq_mark_head_lost(&tcb->act->txq, &t->records)) {
                tcb->todo |= EK_TODO_FORCE;
                ek_tcb_has_work(t, tcb);
        }
}

void ek_seg_on_synchronized(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (ek_tcb_is_fast_open(tcb) && seq_eq(seg->seq, tcb->irs) &&
            (seg->hdr->flags & (ELKO_SYN | ELKO_ACK | ELKO_RST)) == ELKO_SYN) {
                answer_again(t, tcb, seg);
                return;
        }
        if (ek_seg_has(seg, ELKO_SYN) && is_crossed_syn_ack(tcb, seg)) {
                struct ek_tcp_hdr hdr = *seg->hdr;
                struct ek_seg rest = *seg;

                /* Of a SYN,ACK; in AccECN mode they change nothing any more (RFC 9768, 3.1.5). */
                if (!ek_tcb_has(tcb, EK_TCB_ACCECN))
                        ek_ecn_on_syn_ack(t, tcb, seg);
                hdr.flags &= (uint16_t) ~(ELKO_SYN | ELKO_ECE | ELKO_CWR | ELKO_AE);
                rest.hdr = &hdr;
                rest.unscaled = true;
                rest.seq = seq_add(seg->seq, 1);
                rest.len--;
                process(t, tcb, &rest);
                return;
        }
        process(t, tcb, seg);
}

void ek_seg_steps_6_to_8(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        ek_step_6_urgent(t, tcb, seg);
        if (t->cfg.more_by_call && ek_tcb_has(tcb, EK_TCB_MORE)) {
                tcb->todo |= EK_TODO_MORE_OVER;
                ek_tcb_has_work(t, tcb);
        }
        if (ek_step_7_text(t, tcb, seg) == EK_DONE)
                return;
        ek_step_8_fin(t, tcb, seg);
}
