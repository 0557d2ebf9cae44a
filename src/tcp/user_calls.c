/* SPDX-License-Identifier: MIT */
#include "tcp/user_calls.h"

/*
 * User calls, RFC 9293, 3.10.1-3.10.5. They change the connection and mark work; segments leave with the
 * next pull.
 */

/* [RFC9293 MUST-23] */
struct ek_tcb *ek_user_open(struct ek_tcp *t, const struct ek_key *key)
{
        struct ek_tcb *tcb = ek_tcb_new(t, key);

        if (tcb == NULL)
                return NULL;
        tcb->flags |= EK_TCB_ACTIVE | EK_TCB_HASHED | EK_TCB_WANT_WRITE;
        tcb->iss = ek_iss_make(t, key, ek_iss_birth(t, key));
        tcb->snd_una = tcb->iss;
        tcb->snd_nxt = tcb->iss;
        tcb->snd_small = tcb->iss;
        tcb->adv_mss = ek_tcp_adv_mss(t, key, t->defaults.max_seg);
        tcb->delack.rcv_mss = 536; /* until the SYNs are exchanged */
        tcb->rcv_wscale = ek_options_rcv_wscale(t, &t->defaults);
        ek_rcv_buf_open(t, tcb, seq_make(0), 0);
        ek_tcp_insert(t, &tcb->conn, ek_ref(EK_KIND_TCB, tcb->index));
        ek_state_set(t, tcb, ELKO_TCP_SYN_SENT, "active OPEN");
        tcb->todo |= EK_TODO_SYN;
        ek_tcb_arm(t, tcb, EK_DL_ABORT, ek_time_add(t->now, t->cfg.r2_syn_ns));
        ek_tcb_has_work(t, tcb);
        return tcb;
}

/* ---- SEND ---- */

/* May the application send? 0, or the error. */
static int send_error(const struct ek_tcb *tcb)
{
        if (tcb->error != 0)
                return -(int)tcb->error;
        if (ek_tcb_has(tcb, EK_TCB_FIN_WANTED) || tcb->state == ELKO_TCP_CLOSED ||
            tcb->state == ELKO_TCP_TIME_WAIT)
                return ELKO_EPIPE;
        return ELKO_OK;
}

/* Room up to the limit of the connection. */
static uint32_t room_below_limit(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        uint32_t max = ek_tcb_settings(t, tcb)->snd_buf_max;

        return tcb->act->snd.len < max ? max - tcb->act->snd.len : 0;
}

enum { RETRY_MEMORY_MS = 100, RETRY_MEMORY_MAX_MS = 1000 };

/* Ten times a second; once when the connection has long been silent. */
static uint64_t retry_memory(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        const struct ek_stats *s = &tcb->stats;
        uint32_t now = ek_tcp_ms(t);
        uint32_t silent = ek_min_u32(now - s->ack_recv_ms,
                                     ek_min_u32(now - s->data_sent_ms, now - s->data_recv_ms));

        return ELKO_MS(ek_min_u32(ek_max_u32(silent / 8, RETRY_MEMORY_MS), RETRY_MEMORY_MAX_MS));
}

/* `memory`: the limit is not reached, the region is full. No ACK will announce that it has room again, so
 * a timer lets the application try once more. */
static int64_t no_room(struct ek_tcp *t, struct ek_tcb *tcb, bool memory)
{
        tcb->flags |= EK_TCB_WANT_WRITE;
        if (memory) {
                tcb->flags |= EK_TCB_WRITE_NOMEM;
                ek_tcb_arm(t, tcb, EK_DL_IDLE, ek_time_add(t->now, retry_memory(t, tcb)));
        }
        ek_meter_no_room(t, tcb);
        return ELKO_EAGAIN;
}

static void queued(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t flags)
{
        tcb->todo &= ~(uint32_t)(EK_TODO_MORE_OVER | EK_TODO_UNCORK | EK_TODO_NO_PUSH);
        if (flags & ELKO_SEND_NO_PUSH)
                tcb->todo |= EK_TODO_NO_PUSH;
        if (flags & ELKO_SEND_MORE)
                tcb->flags |= EK_TCB_MORE;
        else
                tcb->flags &= ~(uint32_t)EK_TCB_MORE;
        if (flags & ELKO_SEND_URGENT)
                ek_urgent_queued(tcb);
        ek_meter_queued(t, tcb);
        /* Before ESTABLISHED it waits for the handshake (3.10.2, SYN-SENT). */
        if (ek_tcb_is_synchronized(tcb) || ek_tcb_is_fast_open(tcb))
                ek_tcb_has_work(t, tcb);
}

int64_t ek_user_send(struct ek_tcp *t, struct ek_tcb *tcb, const void *data, size_t len,
                     uint32_t flags)
{
        int error = send_error(tcb);
        uint32_t want, n;

        if (error != ELKO_OK)
                return error;
        want = (uint32_t)ek_min_u64(len, room_below_limit(t, tcb));
        if (len == 0)
                return 0;
        if (want == 0 || !ek_snd_buf_ensure(t, tcb, want))
                return no_room(t, tcb, want != 0);
        ek_meter_app_limited(t, tcb);
        n = ek_ring_append(&tcb->act->snd, data, want);
        if (n < len)
                tcb->flags |= EK_TCB_WANT_WRITE;
        queued(t, tcb, flags);
        return n;
}

int64_t ek_user_send_reserve(struct ek_tcp *t, struct ek_tcb *tcb, size_t want,
                             struct elko_slice out[2])
{
        int error = send_error(tcb);
        struct ek_space space[2];
        uint32_t ask, n, total = 0;

        out[0] = out[1] = (struct elko_slice){0};
        if (error != ELKO_OK)
                return error;
        ask = (uint32_t)ek_min_u64(want, room_below_limit(t, tcb));
        if (want == 0)
                return 0;
        if (ask == 0 || !ek_snd_buf_ensure(t, tcb, ask))
                return no_room(t, tcb, ask != 0);
        n = ek_ring_space(&tcb->act->snd, space);
        for (uint32_t i = 0; i < n && total < ask; i++) {
                out[i].data = space[i].base;
                out[i].len = ek_min_u32(space[i].len, ask - total);
                total += out[i].len;
        }
        return total;
}

int64_t ek_user_send_commit(struct ek_tcp *t, struct ek_tcb *tcb, size_t len, uint32_t flags)
{
        int error = send_error(tcb);

        if (error != ELKO_OK)
                return error;
        if (len > ek_ring_room(&tcb->act->snd) || len > room_below_limit(t, tcb))
                return ELKO_EINVAL;
        if (len == 0)
                return 0;
        ek_meter_app_limited(t, tcb);
        ek_ring_commit(&tcb->act->snd, (uint32_t)len);
        queued(t, tcb, flags);
        return (int64_t)len;
}

int64_t ek_user_send_room(struct ek_tcp *t, struct ek_tcb *tcb)
{
        int error = send_error(tcb);

        return error != ELKO_OK ? error : (int64_t)room_below_limit(t, tcb);
}

/* ---- RECEIVE ---- */

/* What to answer when no byte is there: 0 at the end of the stream, an error, or EAGAIN. */
static int64_t nothing_to_read(const struct ek_tcb *tcb)
{
        if (ek_tcb_has(tcb, EK_TCB_FIN_RCVD))
                return 0;
        if (tcb->error != 0)
                return -(int)tcb->error;
        if (tcb->state == ELKO_TCP_CLOSED || tcb->state == ELKO_TCP_TIME_WAIT)
                return 0;
        return ELKO_EAGAIN;
}

static void taken(struct ek_tcp *t, struct ek_tcb *tcb, uint32_t n)
{
        ek_ring_consume(&tcb->act->rcv, n);
        if (ek_tcb_has(tcb, EK_TCB_HASHED))
                ek_rcv_buf_on_taken(t, tcb, n);
        else if (tcb->act->rcv.len == 0)
                ek_tcb_release_all(t, tcb);
}

int64_t ek_user_recv(struct ek_tcp *t, struct ek_tcb *tcb, void *buf, size_t len)
{
        uint32_t n = (uint32_t)ek_min_u64(len, tcb->act->rcv.len);

        if (len == 0)
                return 0;
        if (n == 0)
                return nothing_to_read(tcb);
        ek_ring_copy_out(&tcb->act->rcv, 0, buf, n);
        taken(t, tcb, n);
        return n;
}

int64_t ek_user_ready(const struct ek_tcb *tcb)
{
        int64_t n = tcb->act->rcv.len != 0 ? (int64_t)tcb->act->rcv.len : nothing_to_read(tcb);

        return n == ELKO_EAGAIN ? 0 : n;
}

int64_t ek_user_peek(struct ek_tcp *t, struct ek_tcb *tcb, struct elko_slice out[2])
{
        struct ek_slice s[2];
        uint32_t n;

        (void)t;
        out[0] = out[1] = (struct elko_slice){0};
        if (tcb->act->rcv.len == 0)
                return nothing_to_read(tcb);
        n = ek_ring_peek(&tcb->act->rcv, 0, tcb->act->rcv.len, s);
        for (uint32_t i = 0; i < n; i++) {
                out[i].data = s[i].base;
                out[i].len = s[i].len;
        }
        return tcb->act->rcv.len;
}

int ek_user_consume(struct ek_tcp *t, struct ek_tcb *tcb, size_t len)
{
        if (len > tcb->act->rcv.len)
                return ELKO_EINVAL;
        if (len > 0)
                taken(t, tcb, (uint32_t)len);
        return ELKO_OK;
}

/* ---- CLOSE, ABORT ---- */

/* Close the sending direction: FIN follows the queued data. */
int ek_user_shutdown(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (tcb->error != 0)
                return -(int)tcb->error;
        if (ek_tcb_has(tcb, EK_TCB_FIN_WANTED))
                return ELKO_OK;
        switch ((enum elko_tcp_state)tcb->state) {
        case ELKO_TCP_SYN_SENT:
        case ELKO_TCP_SYN_RECEIVED:
                /* 3.10.4: queue until ESTABLISHED; but see ek_user_close(). */
                tcb->flags |= EK_TCB_FIN_WANTED;
                return ELKO_OK;
        case ELKO_TCP_ESTABLISHED:
                tcb->flags |= EK_TCB_FIN_WANTED;
                ek_state_set(t, tcb, ELKO_TCP_FIN_WAIT_1, "CLOSE");
                break;
        case ELKO_TCP_CLOSE_WAIT:
                tcb->flags |= EK_TCB_FIN_WANTED;
                ek_state_set(t, tcb, ELKO_TCP_LAST_ACK, "CLOSE");
                break;
        default: return ELKO_ENOTCONN;
        }
        tcb->flags &= ~(uint32_t)EK_TCB_MORE;
        ek_tcb_has_work(t, tcb);
        return ELKO_OK;
}

/* The application is gone: what is left must come to an end by itself (I-22, I-48). */
static void orphan(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint64_t linger = ek_tcb_settings(t, tcb)->linger_ns;

        tcb->flags |= EK_TCB_ORPHAN;
        ek_list_remove(&tcb->app);
        tcb->events = 0;
        if (linger != EK_NEVER)
                ek_tcb_arm(t, tcb, EK_DL_CLOSE, ek_time_add(t->now, linger));
        else if (tcb->state == ELKO_TCP_FIN_WAIT_2)
                ek_tcb_arm(t, tcb, EK_DL_CLOSE, ek_time_add(t->now, ek_tcb_fin_wait_2(t, tcb)));
        /* What is under way may have been given a longer time by the application that is gone (I-48). */
        if (!ek_txq_is_empty(&tcb->act->txq) || tcb->at[EK_DL_PERSIST] != EK_NEVER)
                ek_tcb_arm(
                        t, tcb, EK_DL_ABORT,
                        ek_min_u64(tcb->at[EK_DL_ABORT], ek_time_add(t->now, ek_tcb_r2(t, tcb))));
}

/* [RFC9293 MAY-1 SHLD-3; RFC2525 2.17] */
void ek_user_close(struct ek_tcp *t, struct ek_tcb *tcb)
{
        bool unread = tcb->act->rcv.len > 0 || ek_reasm_has_holes(&tcb->act->reasm);

        if (!ek_tcb_has(tcb, EK_TCB_HASHED)) {
                tcb->flags |= EK_TCB_ORPHAN;
                if (!(tcb->todo & EK_TODO_RST))
                        ek_tcb_doom(t, tcb);
                else
                        ek_list_remove(&tcb->app);
                return;
        }
        /* RFC 2525, 2.17; RFC 9293, 3.10.4 (MAY-1): the peer must learn that its data was not read. In
         * SYN-SENT the TCB is deleted; in SYN-RECEIVED the FIN waits until our SYN is acknowledged. */
        if (tcb->state < ELKO_TCP_SYN_RECEIVED || unread ||
            ek_tcb_settings(t, tcb)->linger_ns == 0) {
                ek_user_abort(t, tcb);
                return;
        }
        ek_user_shutdown(t, tcb);
        orphan(t, tcb);
        if (ek_tcb_is_fast_open(tcb))
                ek_tcb_has_work(t, tcb); /* its FIN need not wait: send_plan.c */
}

/* 3.10.5. In SYN-SENT there is nothing that a reset could be about; in CLOSING and LAST-ACK the peer has
 * closed, too, and a reset is for data that it would miss. */
void ek_user_abort(struct ek_tcp *t, struct ek_tcb *tcb)
{
        bool silent = tcb->state == ELKO_TCP_SYN_SENT ||
                      ((tcb->state == ELKO_TCP_CLOSING || tcb->state == ELKO_TCP_LAST_ACK) &&
                       ek_tcb_has(tcb, EK_TCB_FIN_SENT) && tcb->act->snd.len == 0 &&
                       tcb->act->rcv.len == 0);

        tcb->flags |= EK_TCB_ORPHAN;
        ek_list_remove(&tcb->app);
        tcb->events = 0;
        if (!ek_tcb_has(tcb, EK_TCB_HASHED)) {
                if (!(tcb->todo & EK_TODO_RST))
                        ek_tcb_doom(t, tcb);
                return;
        }
        if (silent)
                ek_tcb_fail(t, tcb, ELKO_ECONNABORTED, "ABORT");
        else
                ek_tcb_reset(t, tcb, ELKO_ECONNABORTED, "ABORT");
}
