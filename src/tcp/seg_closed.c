/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * CLOSED, RFC 9293, 3.10.7.1 and 3.5.2 group 1: a segment for no connection is answered by a reset that
 * the sender will find acceptable. A reset is never answered. The rate of resets towards one source is
 * bounded by a bucket that others don't see. Deviation: RFC 7323, 5.2 would echo the segment's timestamp; resets
 * without a connection have no options.
 */

/* [RFC9293 3.10.7.1; RFC7323 5.2b] */
void ek_seg_on_closed(struct ek_tcp *t, const struct ek_seg *seg, enum elko_drop reason)
{
        struct ek_stateless r = {.key = seg->key, .why = ELKO_WHY_RST};

        if (ek_seg_has(seg, ELKO_RST)) {
                ek_tcp_drop(t, seg, NULL, ELKO_DROP_TCP_NO_CONN_RST);
                return;
        }
        ek_tcp_drop(t, seg, NULL, reason);
        if (!ek_limiter_take(&t->reset_limit, &seg->key.remote, t->now)) {
                t->ctr->drops[ELKO_DROP_TCP_REPLY_LIMIT]++;
                return;
        }
        if (ek_seg_has(seg, ELKO_ACK)) {
                /* <SEQ=SEG.ACK><CTL=RST> */
                r.seq = seg->ack;
                r.flags = ELKO_RST;
        } else {
                /* <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> */
                r.seq = seq_make(0);
                r.ack = seq_add(seg->seq, seg->len);
                r.flags = ELKO_RST | ELKO_ACK;
        }
        ek_tcp_reply(t, &r);
}
