/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "wire/addr.h"

/*
 * How connections begin to live and how they end: what all files that perform such an edge share.
 */

/* ESTABLISHED, from whichever side. RFC 9293, 3.10.7.3 fourth and 3.10.7.4 fifth. */
void ek_tcb_established(struct ek_tcp *t, struct ek_tcb *tcb, const char *cause)
{
        bool fast_open = ek_tcb_is_fast_open(tcb);

        ek_state_set(t, tcb, ELKO_TCP_ESTABLISHED, cause);
        if (!fast_open && ek_tcb_is_active(tcb))
                ek_ecn_begin(tcb);
        if (!fast_open) /* that began with the SYN's data */
                ek_recovery_start(t, tcb);
        tcb->at[EK_DL_ABORT] = EK_NEVER;
        tcb->rtt.backoff = tcb->rtt.timeouts = 0;
        ek_tcb_rearm_retransmit(t, tcb, true);
        ek_tcb_rearm_keepalive(t, tcb);
        if (ek_tcb_has(tcb, EK_TCB_ACTIVE)) {
                /* What was queued before may have filled the buffer: then room is no news yet. */
                bool room = tcb->act->snd.len < ek_tcb_settings(t, tcb)->snd_buf_max;

                ek_tcb_tell(t, tcb,
                            room ? ELKO_EV_CONNECTED | ELKO_EV_WRITABLE : ELKO_EV_CONNECTED);
        }
        /* A CLOSE that came while the handshake went on was queued (3.10.4, SYN-RECEIVED). */
        if (ek_tcb_has(tcb, EK_TCB_FIN_WANTED))
                ek_state_set(t, tcb, ELKO_TCP_FIN_WAIT_1, "queued CLOSE");
        ek_tcb_has_work(t, tcb);
}

/* [RFC9293 MUST-12] */
void ek_tcb_fail(struct ek_tcp *t, struct ek_tcb *tcb, int error, const char *cause)
{
        bool opening = tcb->state == ELKO_TCP_SYN_SENT || tcb->state == ELKO_TCP_SYN_RECEIVED;

        EK_ASSERT(error < 0 || error == ELKO_OK);
        if (tcb->state == ELKO_TCP_CLOSED)
                return;
        if (opening)
                t->ctr->tcp_attempt_fails++;
        if (error == ELKO_ETIMEDOUT)
                t->ctr->tcp_timeouts++;
        if (ek_tcb_has(tcb, EK_TCB_ORPHAN) && error != ELKO_OK)
                t->ctr->tcp_orphan_aborts++;
        tcb->error = (uint8_t)-error;
        ek_state_set(t, tcb, ELKO_TCP_CLOSED, cause);
        ek_tcb_tell(t, tcb,
                    error != ELKO_OK ? ELKO_EV_ERROR | ELKO_EV_CLOSED : (uint32_t)ELKO_EV_CLOSED);
        ek_tcb_bury(t, tcb);
}

void ek_tcb_reset(struct ek_tcp *t, struct ek_tcb *tcb, int error, const char *cause)
{
        /* Without a route the reset could wait for ever: then there is none. */
        if (ek_tcb_route(t, tcb) != ELKO_LINK_NONE && tcb->state != ELKO_TCP_CLOSED) {
                tcb->todo |= EK_TODO_RST;
                ek_list_remove(&tcb->work); /* it may wait for a neighbour; the reset asks again */
                ek_tcb_has_work(t, tcb);
        }
        ek_tcb_fail(t, tcb, error, cause);
}

void ek_tcb_to_time_wait(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_key key = tcb->conn.key;
        elko_link link = ek_tcb_route(t, tcb);
        struct ek_stateless r = {
                .key = key,
                .seq = tcb->snd_nxt,
                .ack = tcb->rcv_nxt,
                .flags = ELKO_ACK,
                .wnd = UINT16_MAX,
                .why = ELKO_WHY_ACK,
                .ts = ek_tcb_has(tcb, EK_TCB_TS),
                .ts_val = ek_tcb_ts_clock(t, tcb),
                .ts_ecr = tcb->ts_recent,
        };
        bool owed = (tcb->todo & EK_TODO_ACK) != 0 && link != ELKO_LINK_NONE;

        ek_state_set(t, tcb, ELKO_TCP_TIME_WAIT, "both directions closed");
        tcb->todo = 0;
        /* EOF was told when the FIN came in sequence; SENT and CLOSED are news now. */
        ek_tcb_tell(t, tcb, ELKO_EV_SENT | ELKO_EV_CLOSED);
        ek_tcb_bury(t, tcb);
        if (!ek_time_wait_enter(t, &key, r.seq, r.ack, r.ts, r.ts_ecr))
                ek_trace_state(t, &key, NULL, ELKO_TCP_TIME_WAIT, ELKO_TCP_CLOSED, "no memory");
        if (owed)
                ek_tcp_reply(t, &r);
}
