/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "wire/addr.h"

/*
 * SEGMENT ARRIVES, RFC 9293, 3.10.7: check, find the connection, and dispatch by what it is - a full
 * connection, a half-open one, one in TIME-WAIT, a listener, or nothing.
 */

/* 3.1: the checksum covers the pseudo-header; MUST-3: the receiver checks it. [RFC9293 MUST-3] */
static enum elko_drop validate(const struct ek_ip_in *in, struct ek_tcp_hdr *hdr)
{
        enum elko_drop bad = ek_tcp_parse(in->hdr.payload, in->hdr.payload_len, hdr);

        if (bad != ELKO_DROP_NONE)
                return bad;
        if (!in->csum_ok &&
            !ek_tcp_csum_ok(&in->hdr.src, &in->hdr.dst, in->hdr.payload, in->hdr.payload_len))
                return ELKO_DROP_TCP_CSUM;
        if (hdr->src_port == 0 || hdr->dst_port == 0)
                return ELKO_DROP_TCP_PORT_ZERO;
        return ELKO_DROP_NONE;
}

static void to_tcb(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_seg *seg)
{
        tcb->stats.segs_in += seg->segs;
        tcb->stats.ack_recv_ms = ek_tcp_ms(t);
        ek_trace_in(t, seg, tcb);
        if (tcb->state == ELKO_TCP_SYN_SENT)
                ek_seg_on_syn_sent(t, tcb, seg);
        else
                ek_seg_on_synchronized(t, tcb, seg);
}

static void to_listener(struct ek_tcp *t, const struct ek_seg *seg)
{
        struct ek_listener *ls = ek_listener_find(t, &seg->key);

        ek_trace_in(t, seg, NULL);
        if (ls == NULL)
                ek_seg_on_closed(t, seg, ELKO_DROP_TCP_NO_CONN);
        else
                ek_seg_on_listen(t, ls, seg);
}

static void dispatch(struct ek_tcp *t, const struct ek_seg *seg)
{
        uint32_t ref = ek_tcp_lookup(t, &seg->key);

        if (ref == EK_NIL) {
                to_listener(t, seg);
                return;
        }
        switch (EK_REF_KIND(ref)) {
        case EK_KIND_TCB: to_tcb(t, ek_tcp_tcb(t, EK_REF_INDEX(ref)), seg); return;
        case EK_KIND_HALF_OPEN:
                ek_trace_in(t, seg, NULL);
                /* The last ACK made it a connection: that goes on with the same segment. */
                if (ek_seg_on_half_open(t, EK_REF_INDEX(ref), seg)) {
                        ref = ek_tcp_lookup(t, &seg->key);
                        EK_ASSERT(ref != EK_NIL && EK_REF_KIND(ref) == EK_KIND_TCB);
                        ek_time_wait_after_half_open(t, &seg->key);
                        ek_seg_on_synchronized(t, ek_tcp_tcb(t, EK_REF_INDEX(ref)), seg);
                } else {
                        ek_time_wait_after_half_open(t, &seg->key);
                }
                return;
        case EK_KIND_TIME_WAIT:
                if (ek_seg_on_time_wait(t, EK_REF_INDEX(ref), seg)) {
                        uint32_t half_open = ek_slab_live(&t->half_opens);

                        to_listener(t, seg);
                        /* A cookie is kept nowhere, so nothing could return from it. */
                        ek_time_wait_reopened(t, EK_REF_INDEX(ref),
                                              ek_slab_live(&t->half_opens) != half_open);
                } else {
                        ek_trace_in(t, seg, NULL);
                }
                return;
        }
}

/* What the link says of how it came concerns counters, the peer's segment size, and when an ACK is due. */
static void count_segments(struct ek_seg *seg, uint32_t len, uint32_t gso_size)
{
        bool joined = gso_size > 0 && gso_size < len;

        seg->segs = (uint16_t)(joined ? (len + gso_size - 1) / gso_size : 1);
        seg->seg_len = (uint16_t)(joined ? gso_size : len);
}

void ek_tcp_segment(struct ek_tcp *t, const struct ek_ip_in *in)
{
        struct ek_tcp_hdr hdr;
        struct ek_seg seg;
        enum elko_drop bad = validate(in, &hdr);

        if (bad != ELKO_DROP_NONE) {
                ek_tcp_drop(t, NULL, NULL, bad);
                return;
        }
        seg = (struct ek_seg){
                .key = {.local = in->hdr.dst,
                        .remote = in->hdr.src,
                        .lport = hdr.dst_port,
                        .rport = hdr.src_port},
                .hdr = &hdr,
                .seq = seq_make(hdr.seq),
                .ack = seq_make(hdr.ack),
                .len = hdr.data_len + ((hdr.flags & ELKO_SYN) != 0) + ((hdr.flags & ELKO_FIN) != 0),
                .link = in->link,
                .ecn = in->hdr.tos & EK_ECN_MASK,
        };
        count_segments(&seg, hdr.data_len, in->gso_size);
        t->ctr->tcp_segs_in += seg.segs;
        dispatch(t, &seg);
}
