/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * RFC 9293, 3.10.7.4, eighth: check the FIN bit. A FIN counts when everything before it has come; one
 * that comes early is remembered, and its sequence number never changes afterwards.
 */

/* Remember a FIN beyond RCV.NXT, if it lies inside of the window. */
static void note_early(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        seq_t fin = seq_add(seg->seq, seg->len - 1);

        if (ek_tcb_has(tcb, EK_TCB_FIN_RCVD))
                return;
        /* Above a gap once more (RFC 5681, 4.2), or a second one that is not believed: it occupies a number and
         * is not taken, so it gets an ACK. With text the text saw to it. */
        if (ek_tcb_has(tcb, EK_TCB_FIN_EARLY)) {
                if (seg->hdr->data_len == 0 && seq_eq(fin, tcb->fin_seq))
                        tcb->flags |= EK_TCB_FIN_LATEST;
                if (seg->hdr->data_len == 0 && !seq_eq(tcb->fin_seq, tcb->rcv_nxt))
                        ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK_DUP);
                return;
        }
        if (seq_lt(fin, tcb->rcv_nxt) ||
            seq_diff(fin, tcb->rcv_nxt) > ek_rcv_window_left(&tcb->win, tcb->rcv_nxt))
                return;
        /* Bytes that were stored beyond it make it a lie. But one that comes in sequence is believed: what
         * goes on coming is the FIN, and without it neither end could finish. */
        if (ek_reasm_top(&tcb->act->reasm) > ek_tcb_offset(tcb, fin)) {
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK_DUP);
                if (!seq_eq(fin, tcb->rcv_nxt))
                        return;
                ek_ranges_clear(tcb->act->reasm.ranges);
        }
        tcb->flags |= EK_TCB_FIN_EARLY;
        if (seg->hdr->data_len == 0)
                tcb->flags |= EK_TCB_FIN_LATEST;
        tcb->fin_seq = fin;
        if (!seq_eq(fin, tcb->rcv_nxt))
                ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK_DUP);
}

/* [RFC9293 MUST-12 3.10.7.4-8] */
void ek_step_8_fin(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        if (!ek_tcb_is_synchronized(tcb))
                return;
        if (ek_seg_has(seg, ELKO_FIN))
                note_early(t, tcb, seg);
        if (!ek_tcb_has(tcb, EK_TCB_FIN_EARLY) || !seq_eq(tcb->fin_seq, tcb->rcv_nxt))
                return;
        /* Advance RCV.NXT over the FIN, acknowledge it, and tell the user "connection closing". */
        tcb->rcv_nxt = seq_add(tcb->rcv_nxt, 1);
        tcb->flags &= ~(uint32_t)EK_TCB_FIN_EARLY;
        tcb->flags |= EK_TCB_FIN_RCVD;
        ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK);
        ek_rcv_buf_on_end(t, tcb);
        ek_tcb_tell(t, tcb, ELKO_EV_READABLE | ELKO_EV_EOF);
        switch ((enum elko_tcp_state)tcb->state) {
        case ELKO_TCP_ESTABLISHED: ek_state_set(t, tcb, ELKO_TCP_CLOSE_WAIT, "FIN"); break;
        case ELKO_TCP_FIN_WAIT_1:
                /* Our FIN is not acknowledged yet: step 5 would have made this FIN-WAIT-2. */
                ek_state_set(t, tcb, ELKO_TCP_CLOSING, "FIN crosses ours");
                break;
        case ELKO_TCP_FIN_WAIT_2: ek_tcb_to_time_wait(t, tcb); break;
        default: EK_ASSERT(false); /* the other states have received the FIN already */
        }
}
