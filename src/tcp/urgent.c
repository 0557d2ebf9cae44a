/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * The urgent mechanism, RFC 9293, 3.8.5. Urgent data is text like any other and stays where it is in the stream; what is
 * told besides is a point: the urgent pointer, behind the last byte of it. RFC 6093 advises new programs against all
 * of it, since middleboxes clear pointers and other systems take the byte before them out of the stream; a program that
 * does not ask about it need not know.
 *
 * Both pointers are kept as offsets in the stream, in 64 bits: one that the stream has passed stays behind when sequence
 * numbers come round again. 0 is none.
 */

/* ---- receiving ---- */

/* What the program has taken. */
static uint64_t consumed(const struct ek_tcb *tcb)
{
        return tcb->stats.bytes_received - tcb->act->rcv.len;
}

/* Sixth, check the URG bit: RCV.UP <- max(RCV.UP, SEG.UP), and the user is told if that is in advance of what it has
 * taken. It may be ahead of all that has come, and it holds with a window that is closed.
 * [RFC9293 MUST-30 MUST-31 MUST-32 MUST-62 MUST-66 3.10.7.4-6] */
void ek_step_6_urgent(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        seq_t up = seq_add(seg->seq, seg->hdr->urg);
        uint64_t at;

        if (!ek_seg_has(seg, ELKO_URG) || ek_tcb_has(tcb, EK_TCB_ORPHAN))
                return;
        /* Behind a FIN "this should not occur", and there is nothing that it could point at. */
        if (tcb->state != ELKO_TCP_ESTABLISHED && tcb->state != ELKO_TCP_FIN_WAIT_1 &&
            tcb->state != ELKO_TCP_FIN_WAIT_2 && !ek_tcb_is_fast_open(tcb))
                return;
        if (seq_lt(up, tcb->rcv_nxt) && seq_diff(tcb->rcv_nxt, up) > tcb->stats.bytes_received)
                return;
        at = tcb->stats.bytes_received + (seq_lt(up, tcb->rcv_nxt)
                                                  ? 0 - (uint64_t)seq_diff(tcb->rcv_nxt, up)
                                                  : seq_diff(up, tcb->rcv_nxt));
        /* Without memory it is not known now; while it lasts the peer's next segments have it as well. */
        if (at <= consumed(tcb) || at <= tcb->act->rcv_up || !ek_tcb_activate(t, tcb))
                return;
        tcb->act->rcv_up = at;
        ek_tcb_tell(t, tcb, ELKO_EV_URGENT);
}

/* [RFC9293 MUST-33] */
int64_t ek_user_urgent(const struct ek_tcb *tcb)
{
        uint64_t from = consumed(tcb), up = tcb->act->rcv_up;

        return up > from ? (int64_t)(up - from) : 0;
}

/* It points at what has not come yet: then the connection may not forget it. */
bool ek_urgent_is_ahead(const struct ek_tcb *tcb)
{
        return tcb->act->rcv_up > tcb->stats.bytes_received;
}

/* ---- sending ---- */

/* 3.10.2: all that is queued by now is urgent. */
void ek_urgent_queued(struct ek_tcb *tcb)
{
        tcb->act->snd_up = tcb->stats.bytes_acked + tcb->act->snd.len;
}

/* SND.UP is in advance of SND.UNA. */
bool ek_urgent_is_sending(const struct ek_tcb *tcb)
{
        return tcb->act->snd_up > tcb->stats.bytes_acked;
}

/* Segments up to the pointer have it, those without text as well: the peer hears of it though its window is closed. What
 * is farther away than the field can say is told of when it is near enough, and until then as far as it goes.
 * [RFC9293 MUST-30 MUST-62] */
void ek_urgent_mark(const struct ek_tcb *tcb, struct ek_tcp_hdr *hdr)
{
        uint64_t left = tcb->act->snd_up - tcb->stats.bytes_acked;
        int64_t ahead;

        if (!ek_urgent_is_sending(tcb) || (hdr->flags & (ELKO_SYN | ELKO_RST)) ||
            tcb->state < ELKO_TCP_ESTABLISHED)
                return;
        ahead = (int64_t)left - (int32_t)(hdr->seq - tcb->snd_una.v);
        if (ahead <= 0)
                return;
        hdr->flags |= ELKO_URG;
        hdr->urg = (uint16_t)ek_min_u64((uint64_t)ahead, UINT16_MAX);
}
