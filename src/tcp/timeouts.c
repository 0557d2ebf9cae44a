/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

/*
 * Time-outs, RFC 9293, 3.10.8 and 3.8. One wheel node for each connection, at its earliest deadline. A
 * time-out sends nothing itself: it marks, and the one transmit path does the rest.
 *
 * The rule that keeps connections from getting stuck (I-21, I-22): while something is outstanding the
 * retransmission timer runs; while something waits and nothing is outstanding the persist timer runs, or
 * the link has been told that there is work.
 */

/* R2, or what the user said (RFC 9293, 3.8.3; RFC 5482). [RFC9293 MUST-21] */
uint64_t ek_tcb_r2(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        uint64_t user = ek_tcb_settings(t, tcb)->user_timeout_ns;

        /* Who gave the handle up does not wait any longer: an orphan has R2 at most (I-48). */
        if (user != 0 && ek_tcb_has(tcb, EK_TCB_ORPHAN))
                return ek_min_u64(user, t->cfg.r2_ns);
        if (user != 0)
                return user;
        if (tcb->state == ELKO_TCP_SYN_SENT && ek_tcb_settings(t, tcb)->syn_retries != 0)
                return EK_NEVER; /* they are counted: on_rto() */
        return tcb->state <= ELKO_TCP_SYN_RECEIVED ? t->cfg.r2_syn_ns : t->cfg.r2_ns;
}

/* How long an orphan waits for its peer to close. */
uint64_t ek_tcb_fin_wait_2(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        uint64_t own = ek_tcb_settings(t, tcb)->fin_wait_2_ns;

        return own != 0 ? own : t->cfg.fin_wait_2_ns;
}

#define OVERRIDE_MAX_NS ELKO_SEC(1)

static bool is_opening(const struct ek_tcb *tcb)
{
        return tcb->state == ELKO_TCP_SYN_SENT || tcb->state == ELKO_TCP_SYN_RECEIVED;
}

/* A window that stays closed is no reason to give up as long as the peer answers (RFC 9293, 3.8.6.1),
 * unless nobody is left to wait for it, or the user set a limit (RFC 6429). [RFC9293 MUST-37] */
static bool persists_patiently(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        return !ek_tcb_has(tcb, EK_TCB_ORPHAN) && ek_tcb_settings(t, tcb)->user_timeout_ns == 0;
}

/* [RFC6298 5 5.1 5.2 5.3; RFC6582 3.2-3c] */
void ek_tcb_rearm_retransmit(struct ek_tcp *t, struct ek_tcb *tcb, bool progress)
{
        if (!ek_txq_is_empty(&tcb->act->txq)) {
                /* It waited for the window, and what has left now has all of its time (RFC 5482, 1). */
                bool waited = tcb->at[EK_DL_PERSIST] != EK_NEVER;

                tcb->at[EK_DL_PERSIST] = EK_NEVER;
                tcb->rtt.persist_backoff = 0;
                if (progress || tcb->at[EK_DL_RTO] == EK_NEVER) {
                        /* RFC 6298 (5.1), (5.3). Deviation: RFC 6582, 3.2 step 3 would not restart it with the
                         * second partial ACK and later ones. */
                        ek_tcb_arm(t, tcb, EK_DL_RTO,
                                   ek_time_add(t->now, ek_rtt_rto(&tcb->rtt, &t->rtt_limits)));
                        if (!is_opening(tcb) &&
                            (progress || waited || tcb->at[EK_DL_ABORT] == EK_NEVER))
                                ek_tcb_arm(t, tcb, EK_DL_ABORT,
                                           ek_time_add(t->now, ek_tcb_r2(t, tcb)));
                }
                return;
        }
        tcb->at[EK_DL_RTO] = EK_NEVER; /* (5.2) */
        if (tcb->at[EK_DL_PERSIST] == EK_NEVER && !is_opening(tcb))
                tcb->at[EK_DL_ABORT] = EK_NEVER;
        else if (tcb->at[EK_DL_PERSIST] != EK_NEVER && persists_patiently(t, tcb))
                ek_tcb_arm(t, tcb, EK_DL_ABORT, ek_time_add(t->now, ek_tcb_r2(t, tcb)));
}

/* The peer acknowledged all that it will take. If it took its window back to zero, retransmissions are
 * our probes, and while they are answered the connection stays (RFC 9293, 3.8.6, SHLD-17; MUST-37).
 * [RFC9293 SHLD-17 MUST-35] */
void ek_tcb_on_answer(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (tcb->snd_wnd == 0 && !ek_txq_is_empty(&tcb->act->txq) && persists_patiently(t, tcb))
                ek_tcb_arm(t, tcb, EK_DL_ABORT, ek_time_add(t->now, ek_tcb_r2(t, tcb)));
}

/* [RFC9293 MUST-24 MUST-27] */
void ek_tcb_rearm_keepalive(struct ek_tcp *t, struct ek_tcb *tcb)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);

        /* A probe that still waits for the link asks what has just been answered (MUST-26). */
        tcb->todo &= ~(uint32_t)EK_TODO_KEEPALIVE;
        if (s->keepalive && ek_tcb_is_synchronized(tcb))
                ek_tcb_arm(t, tcb, EK_DL_KEEPALIVE, ek_time_add(t->now, s->keepalive_idle_ns));
        else
                tcb->at[EK_DL_KEEPALIVE] = EK_NEVER;
}

enum { R1_RETRANSMISSIONS = 3 };

/* RFC 9293, 3.8.3 (b) and (e): a segment was sent so often in vain that the way to the peer may be dead. The
 * neighbour on it is asked whether it is there, and the application hears of it, with the explanation that
 * ICMP gave if there was one. [RFC9293 MUST-20 SHLD-9 SHLD-10] */
static void on_r1(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_route route;

        if (ek_route_lookup(t->ip, &tcb->conn.key.remote, 0, &route) == ELKO_OK)
                ek_neigh_doubt(t->ip, route.link, &route.next_hop);
        if (tcb->soft_error == 0)
                tcb->soft_error = (uint8_t)-ELKO_ETIMEDOUT;
        ek_tcb_tell(t, tcb, ELKO_EV_SOFT_ERROR);
}

/* [RFC9293 MUST-20] */
static void on_abort(struct ek_tcp *t, struct ek_tcb *tcb)
{
        int error = ELKO_ETIMEDOUT;

        /* RFC 1122, 4.2.3.9: a soft error is the better explanation. */
        if (tcb->soft_error != 0)
                error = -(int)tcb->soft_error;
        ek_tcb_fail(t, tcb, error, "user timeout");
}

/* The user said how often a SYN goes again (RFC 9293, 3.8.3, R2 as a count). */
static bool syns_are_over(const struct ek_tcp *t, const struct ek_tcb *tcb)
{
        uint32_t most = ek_tcb_settings(t, tcb)->syn_retries;

        return tcb->state == ELKO_TCP_SYN_SENT && most != 0 &&
               tcb->stats.total_rto >= most + t->cfg.syn_linear_timeouts;
}

/* [RFC9293 MUST-22; RFC6298 5.6] */
static void on_rto(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (ek_txq_is_empty(&tcb->act->txq)) {
                /* There was no memory for the record of a first SYN: now, perhaps. */
                ek_tcb_has_work(t, tcb);
                return;
        }
        if (syns_are_over(t, tcb)) {
                on_abort(t, tcb);
                return;
        }
        ek_meter_app_limited(t, tcb);
        t->ctr->tcp_rto++;
        tcb->stats.total_rto++;
        if (is_opening(tcb))
                ek_txq_mark_head_lost(&tcb->act->txq, &t->records);
        else
                ek_recovery_on_timeout(t, tcb);
        if (ek_tcb_is_synchronized(tcb))
                ek_mtu_on_timeout(t, tcb);
        tcb->todo |= EK_TODO_FORCE;
        if (tcb->state == ELKO_TCP_SYN_SENT && tcb->rtt.timeouts < t->cfg.syn_linear_timeouts)
                tcb->rtt.timeouts++;
        else
                ek_rtt_on_timeout(&tcb->rtt);
        ek_tcb_arm(t, tcb, EK_DL_RTO, ek_time_add(t->now, ek_rtt_rto(&tcb->rtt, &t->rtt_limits)));
        /* A peer that took its window back to zero is well. */
        if (tcb->rtt.timeouts == R1_RETRANSMISSIONS && (is_opening(tcb) || tcb->snd_wnd > 0))
                on_r1(t, tcb);
        ek_tcb_has_work(t, tcb);
}

/* RFC 9293, 3.8.6.1 (window closed), 3.8.6.2.1 (override of silly window avoidance), or a neighbour that
 * did not answer. [RFC9293 MUST-60 MUST-36; RFC2525 2.12] */
static void on_persist(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!ek_txq_is_empty(&tcb->act->txq))
                return;
        if (tcb->snd_wnd == 0) {
                tcb->todo |= EK_TODO_PROBE;
                if (tcb->probes < UINT8_MAX)
                        tcb->probes++;
        } else {
                tcb->todo |= EK_TODO_PUSH_SMALL;
        }
        if (tcb->rtt.persist_backoff < UINT8_MAX)
                tcb->rtt.persist_backoff++;
        ek_tcb_has_work(t, tcb);
        /* ek_tcp_output() arms it again when the planner still finds nothing to send. Without a pull it
         * must not rest either. */
        ek_tcb_arm_persist(t, tcb);
}

/* RFC 9293, 3.8.6.1: the first probe after one RTO, then doubling. With an open window it is the override
 * of silly window avoidance, for which 3.8.6.2.1 says 0.1 to 1 s. [RFC9293 SHLD-30] */
void ek_tcb_arm_persist(struct ek_tcp *t, struct ek_tcb *tcb)
{
        struct ek_rtt once = tcb->rtt;
        uint64_t span;

        once.backoff = 0;
        span = ek_max_u64(t->cfg.persist_min_ns, ek_rtt_rto(&once, &t->rtt_limits));
        if (tcb->snd_wnd > 0)
                span = ek_min_u64(span, OVERRIDE_MAX_NS);
        for (unsigned i = 0; i < tcb->rtt.persist_backoff && span < t->cfg.persist_max_ns; i++)
                span *= 2;
        ek_tcb_arm(t, tcb, EK_DL_PERSIST,
                   ek_time_add(t->now, ek_min_u64(span, t->cfg.persist_max_ns)));
        if (tcb->at[EK_DL_ABORT] == EK_NEVER)
                ek_tcb_arm(t, tcb, EK_DL_ABORT, ek_time_add(t->now, ek_tcb_r2(t, tcb)));
}

static void on_delack(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!ek_delack_is_pending(&tcb->delack))
                return;
        t->ctr->tcp_delayed_acks++;
        ek_tcb_owe_ack(t, tcb, ELKO_WHY_ACK_DELAYED);
}

/* RFC 9293, 3.8.4. Only an idle connection is probed: nothing outstanding, nothing waiting.
 * [RFC9293 MAY-5 MUST-26 MUST-29; RFC2525 2.9 2.11] */
static void on_keepalive(struct ek_tcp *t, struct ek_tcb *tcb)
{
        const struct ek_settings *s = ek_tcb_settings(t, tcb);

        if (!s->keepalive)
                return;
        if (!ek_txq_is_empty(&tcb->act->txq) || tcb->at[EK_DL_PERSIST] != EK_NEVER) {
                ek_tcb_rearm_keepalive(t, tcb);
                return;
        }
        if (tcb->probes >= s->keepalive_count) {
                ek_tcb_reset(t, tcb, ELKO_ETIMEDOUT, "keepalive: no answer");
                return;
        }
        tcb->probes++;
        tcb->todo |= EK_TODO_KEEPALIVE;
        ek_tcb_has_work(t, tcb);
        ek_tcb_arm(t, tcb, EK_DL_KEEPALIVE, ek_time_add(t->now, s->keepalive_interval_ns));
}

static void on_close(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (tcb->state == ELKO_TCP_FIN_WAIT_2) {
                ek_tcb_fail(t, tcb, ELKO_OK, "FIN-WAIT-2: the peer does not close");
                return;
        }
        ek_tcb_reset(t, tcb, ELKO_ECONNABORTED, "linger time is over");
}

/* The application met EAGAIN because there was no memory; it may try again. */
static void retry_write(struct ek_tcp *t, struct ek_tcb *tcb)
{
        if (!ek_tcb_has(tcb, EK_TCB_WRITE_NOMEM))
                return;
        tcb->flags &= ~(uint32_t)EK_TCB_WRITE_NOMEM;
        if (!ek_tcb_has(tcb, EK_TCB_WANT_WRITE) || ek_tcb_has(tcb, EK_TCB_FIN_WANTED))
                return;
        tcb->flags &= ~(uint32_t)EK_TCB_WANT_WRITE;
        ek_tcb_tell(t, tcb, ELKO_EV_WRITABLE);
}

enum { QUIET_MS = 1000, LOOKS_MS = 60000 };

/* A second without data: buffers and the rest of the active part go back, if they are empty. If not, it looks again when they
 * have been quiet for twice as long, once a minute at least: what nobody reads may lie there for days. */
static void on_idle(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint32_t now = ek_tcp_ms(t);
        uint32_t quiet = ek_min_u32(now - tcb->stats.data_sent_ms, now - tcb->stats.data_recv_ms);

        retry_write(t, tcb);
        if (quiet >= QUIET_MS && ek_tcb_deactivate(t, tcb))
                return;
        quiet = ek_min_u32(ek_max_u32(quiet, QUIET_MS), LOOKS_MS);
        ek_tcb_arm(t, tcb, EK_DL_IDLE, ek_time_add(t->now, ELKO_MS(quiet)));
}

void ek_tcb_not_quiet(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint64_t at = ek_time_add(t->now, ELKO_MS(QUIET_MS));

        if (tcb->at[EK_DL_IDLE] > at)
                ek_tcb_arm(t, tcb, EK_DL_IDLE, at);
}

/* draft-ietf-ccwg-bbr, "Pacing Rate": the next quantum may leave. */
static void on_pace(struct ek_tcp *t, struct ek_tcb *tcb)
{
        ek_tcb_has_work(t, tcb);
}

typedef void handler(struct ek_tcp *t, struct ek_tcb *tcb);

static const struct {
        handler *fn;
        enum elko_timer name;
} table[EK_DL_COUNT] = {
        [EK_DL_LOSS] = {ek_sack_on_timer, ELKO_TIMER_LOSS},
        [EK_DL_RTO] = {on_rto, ELKO_TIMER_RTO},
        [EK_DL_PERSIST] = {on_persist, ELKO_TIMER_PERSIST},
        [EK_DL_DELACK] = {on_delack, ELKO_TIMER_DELACK},
        [EK_DL_KEEPALIVE] = {on_keepalive, ELKO_TIMER_KEEPALIVE},
        [EK_DL_ABORT] = {on_abort, ELKO_TIMER_ABORT},
        [EK_DL_CLOSE] = {on_close, ELKO_TIMER_CLOSE},
        [EK_DL_PACE] = {on_pace, ELKO_TIMER_PACE},
        [EK_DL_IDLE] = {on_idle, ELKO_TIMER_IDLE},
};

/* Fire what is due for one connection; the order is that of the enum. ABORT comes late on purpose: a
 * retransmission that is due at the same instant is marked and then forgotten with the rest.
 * [RFC9293 3.10.8] */
static void fire(struct ek_tcp *t, struct ek_tcb *tcb)
{
        uint64_t next = EK_NEVER;

        for (unsigned i = 0; i < EK_DL_COUNT; i++) {
                if (tcb->at[i] > t->now)
                        continue;
                tcb->at[i] = EK_NEVER;
                ek_trace_timer(t, &tcb->conn.key, tcb, table[i].name,
                               (enum elko_tcp_state)tcb->state);
                table[i].fn(t, tcb);
                /* Buried: nothing is armed any more. */
                if (!ek_tcb_has(tcb, EK_TCB_HASHED))
                        return;
        }
        for (unsigned i = 0; i < EK_DL_COUNT; i++)
                next = ek_min_u64(next, tcb->at[i]);
        if (next != EK_NEVER)
                ek_wheel_set(&t->wheel, &tcb->timer, next);
}

void ek_tcp_advance(struct ek_tcp *t)
{
        struct ek_wnode *node;

        ek_half_open_advance(t);
        ek_time_wait_advance(t);
        while ((node = ek_wheel_expire(&t->wheel, t->now)) != NULL) {
                EK_WORK(1);
                fire(t, ek_tcb_touch(ek_container_of(node, struct ek_tcb, timer)));
        }
}

uint64_t ek_tcp_next_deadline(struct ek_tcp *t)
{
        uint64_t next = ek_wheel_next(&t->wheel);

        next = ek_min_u64(next, ek_half_open_next_deadline(t));
        return ek_min_u64(next, ek_time_wait_next_deadline(t));
}
