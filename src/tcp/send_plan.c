/* SPDX-License-Identifier: MIT */
#include "tcp/send_plan.h"

/*
 * The planner. RFC 9293, 3.7.4 (Nagle) and 3.8.6.2.1 (silly window syndrome, sender's side), RFC 5681
 * (cwnd), RFC 6298 and 6582 (what is lost goes first).
 *
 * Order: RST > SYN > lost > probe > new > ACK. Everything but RST and SYN carries the ACK that may be
 * owed, so a pure ACK is what is left when nothing else goes.
 */

static const struct ek_plan nothing = {.kind = EK_PLAN_NONE};

/* [RFC5681 3] */
static uint32_t cwnd_room(const struct ek_tcb *tcb)
{
        uint64_t cwnd = ek_tcb_send_window(tcb);
        uint32_t pipe = ek_txq_pipe(&tcb->act->txq);

        /* The initial window is of data (RFC 7413, 4.2.2; RFC 6928): a SYN,ACK that is out takes none of it. */
        if (pipe > 0 && ek_tcb_is_fast_open(tcb))
                pipe--;
        return cwnd > pipe ? (uint32_t)ek_min_u64(cwnd - pipe, UINT32_MAX) : 0;
}

/* The usable window, U = SND.UNA + SND.WND - SND.NXT. [RFC9293 MUST-34 SHLD-15; RFC7323 2.4-0 2.4-3] */
static uint32_t usable_window(const struct ek_tcb *tcb)
{
        uint32_t flight = ek_tcb_flight(tcb);

        return tcb->snd_wnd > flight ? tcb->snd_wnd - flight : 0;
}

static struct ek_plan plan_reset(const struct ek_tcb *tcb)
{
        struct ek_plan p = {.kind = EK_PLAN_RST, .seq = tcb->snd_nxt, .why = ELKO_WHY_RST};

        p.flags = ELKO_RST | ELKO_ACK;
        return p;
}

/* `data`: bytes that may go with it (RFC 7413). */
static struct ek_plan plan_syn(const struct ek_tcb *tcb, bool again, uint32_t data)
{
        struct ek_plan p = {
                .kind = EK_PLAN_SYN,
                .seq = tcb->iss,
                .space = 1,
                .flags = ELKO_SYN,
                .why = again ? ELKO_WHY_RETRANS_RTO : ELKO_WHY_SYN,
        };

        p.len = ek_min_u32(data, tcb->act->snd.len);
        p.space += p.len;
        /* Once the peer's SYN is known, ours carries the ACK (figure 7). */
        if (tcb->state == ELKO_TCP_SYN_RECEIVED) {
                p.flags |= ELKO_ACK;
                p.why = ELKO_WHY_SYN_ACK;
        }
        return p;
}

static struct ek_plan blocked(enum elko_limited_by why)
{
        struct ek_plan p = nothing;

        p.limited_by = why;
        return p;
}

/* Deviation: RFC 7323, 2.4 (5) would have a second retransmission stay inside of a window that shrank. These are
 * the probes of such a window. [RFC9293 SHLD-16 MAY-7; RFC7323 2.4-4 2.4-5] */
static struct ek_plan plan_lost(const struct ek_tcb *tcb, const struct ek_plan_env *env)
{
        const struct ek_txrec *rec = env->lost;
        bool fin = (rec->flags & EK_TXREC_FIN) != 0;
        uint32_t payload = rec->len - fin;
        struct ek_plan p = {.kind = EK_PLAN_LOST, .seq = rec->seq, .flags = ELKO_ACK};

        p.len = ek_min_u32(payload, env->mss);
        p.space = p.len;
        if (fin && p.len == payload) {
                p.space++;
                p.flags |= ELKO_FIN;
        }
        p.room = env->mss;
        if (!(tcb->todo & EK_TODO_FORCE) && ek_txq_pipe(&tcb->act->txq) != 0) {
                if (cwnd_room(tcb) < p.space)
                        return blocked(ELKO_LIMITED_CWND);
                if (env->paced)
                        return blocked(ELKO_LIMITED_PACING);
                p.room = ek_min_u32(p.room, cwnd_room(tcb) - 1); /* a FIN may come with it */
        }
        /* PSH is sent again as it was sent first (RFC 9293, 3.9.1.2), not on every segment that is. */
        if (p.len > 0 && p.len == payload && (rec->flags & EK_TXREC_PUSH))
                p.flags |= ELKO_PSH;
        p.why = (tcb->todo & EK_TODO_TLP)         ? ELKO_WHY_LOSS_PROBE
                : tcb->cong.state == ELKO_CA_LOSS ? ELKO_WHY_RETRANS_RTO
                                                  : ELKO_WHY_RETRANS_FAST;
        return p;
}

/*
 * Deviation: RFC 9293, 3.8.6.1 (SHLD-29) would have a probe carry new data. Ours carries none and one old
 * sequence number, which the peer must answer with an ACK (3.10.7.4 first) whether it has room or not,
 * and no byte is ever in flight beyond the window. Linux probes in the same way. Keepalives are the same
 * segment (3.8.4).
 * [RFC9293 SHLD-12 SHLD-29]
 */
static struct ek_plan plan_probe(const struct ek_tcb *tcb)
{
        struct ek_plan p = {
                .kind = EK_PLAN_PROBE,
                .seq = seq_add(tcb->snd_una, UINT32_MAX),
                .flags = ELKO_ACK,
                .why = (tcb->todo & EK_TODO_PROBE) ? ELKO_WHY_PROBE : ELKO_WHY_KEEPALIVE,
        };

        return p;
}

/* May a segment of `len` < MSS go that takes all that is queued? [RFC9293 SHLD-7 MUST-17 MAY-16] */
static bool small_may_go(const struct ek_tcb *tcb, const struct ek_plan_env *env)
{
        if (tcb->todo & (EK_TODO_PUSH_SMALL | EK_TODO_TLP | EK_TODO_UNCORK))
                return true;
        if (env->cork || (ek_tcb_has(tcb, EK_TCB_MORE) && !(tcb->todo & EK_TODO_MORE_OVER)))
                return false;
        /* RFC 9293, 3.7.4, in Minshall's variant (reference [68] there): a small segment waits only for
         * an earlier small one, so that the tail of a large write isn't held back. */
        return env->nodelay || seq_leq(tcb->snd_small, tcb->snd_una);
}

/* Silly window avoidance, 3.8.6.2.1: the window cuts the data below a full segment. [RFC9293 MUST-38] */
static bool cut_may_go(const struct ek_tcb *tcb, uint32_t len)
{
        return (tcb->todo & (EK_TODO_PUSH_SMALL | EK_TODO_TLP)) || len >= tcb->snd_wnd_max / 2;
}

/* Behind `p`, which leaves `unsent` bytes: will the next segment wait? */
static bool is_last_of_burst(const struct ek_tcb *tcb, const struct ek_plan_env *env,
                             const struct ek_plan *p, uint32_t unsent, uint32_t usable)
{
        uint32_t len = ek_min_u32(unsent, env->mss);

        if (len > usable && (usable == 0 || !cut_may_go(tcb, usable)))
                return true;
        len = ek_min_u32(len, usable);
        if (len == unsent && len < env->mss && !ek_tcb_fin_pending(tcb) && !small_may_go(tcb, env))
                return true;
        return cwnd_room(tcb) < p->space + len;
}

/* How much may leave at once where the link cuts it: whole segments, as many as the congestion window has room for.
 * The last may be a smaller one where it could follow by itself (PUSH_SMALL is for the first to leave). */
static uint32_t burst_len(const struct ek_tcb *tcb, const struct ek_plan_env *env, uint32_t len,
                          uint32_t unsent, bool fin)
{
        uint32_t room = cwnd_room(tcb), tail;

        len = ek_min_u32(len, ek_max_u32(env->mss, room - (room > 0 && fin)));
        tail = len % env->mss;
        if (len < env->mss || tail == 0 ||
            (len == unsent && !(tcb->todo & EK_TODO_PUSH_SMALL) &&
             (ek_tcb_fin_pending(tcb) || small_may_go(tcb, env))))
                return len;
        return len - tail;
}

/* The last of several that a system would have handed to its device at once. */
static bool ends_a_share(const struct ek_tcb *tcb, const struct ek_plan_env *env,
                         const struct ek_plan *p, uint32_t unsent, uint32_t usable)
{
        uint32_t before = ek_tcb_has(tcb, EK_TCB_BURST) ? tcb->act->share : 0;

        if (!env->push_bursts || before == 0 || env->push_segs == 1)
                return false;
        return (env->push_segs != 0 && before + 1 >= env->push_segs) ||
               is_last_of_burst(tcb, env, p, unsent, usable);
}

/* In SYN-RECEIVED a CLOSE "forms a FIN segment and sends it" if nothing waits to be sent (RFC 9293, 3.10.4). With Fast
 * Open data has gone by then, and the FIN follows it; a half-close waits for the handshake, as that of a connection
 * that is opened at both ends does. */
static bool fin_may_go(const struct ek_tcb *tcb)
{
        return ek_tcb_is_synchronized(tcb) ||
               (ek_tcb_is_fast_open(tcb) && ek_tcb_has(tcb, EK_TCB_ORPHAN));
}

/* [RFC9293 SHLD-28 MUST-61 SHLD-27 MAY-15; RFC5681 3.1a; RFC2525 2.15] */
static struct ek_plan plan_data(const struct ek_tcb *tcb, const struct ek_plan_env *env)
{
        uint32_t unsent = ek_tcb_unsent(tcb), usable = usable_window(tcb);
        bool fin = ek_tcb_fin_pending(tcb) && fin_may_go(tcb);
        struct ek_plan p = {.kind = EK_PLAN_DATA, .seq = tcb->snd_nxt, .why = ELKO_WHY_DATA};
        /* What waited in vain for more is pushed after all. */
        bool no_push = (tcb->todo & (EK_TODO_NO_PUSH | EK_TODO_PUSH_SMALL)) == EK_TODO_NO_PUSH;

        if (unsent == 0 && !fin)
                return blocked(tcb->act->snd.len > 0 ? ELKO_LIMITED_APP : ELKO_LIMITED_NOTHING);
        if (usable == 0)
                return blocked(ELKO_LIMITED_RWND);
        p.len = ek_max_u32(ek_max_u32(env->mss, env->mtu_probe), env->gso);
        p.len = ek_min_u32(ek_min_u32(unsent, p.len), usable);
        if (env->gso > 0 && p.len > env->mss)
                p.len = burst_len(tcb, env, p.len, unsent, fin);
        if (env->gso > 0 && p.len > env->mss)
                p.seg_len = env->mss;
        fin = fin && p.len == unsent && usable > p.len;
        p.space = p.len + fin;
        if (p.len < env->mss && !fin) {
                if (p.len < unsent) {
                        if (!cut_may_go(tcb, p.len))
                                return blocked(ELKO_LIMITED_RWND);
                } else if (!ek_tcb_fin_pending(tcb) && !small_may_go(tcb, env)) {
                        return blocked(ELKO_LIMITED_NAGLE);
                }
        }
        if (!(tcb->todo & EK_TODO_TLP) && ek_txq_pipe(&tcb->act->txq) != 0 &&
            cwnd_room(tcb) < p.space)
                return blocked(ELKO_LIMITED_CWND);
        if (env->paced && p.len > 0 && !(tcb->todo & EK_TODO_TLP))
                return blocked(ELKO_LIMITED_PACING);
        p.flags = ELKO_ACK;
        if (p.len > env->mss && p.seg_len == 0)
                p.why = ELKO_WHY_MTU_PROBE;
        p.share = p.len > 0 && (p.len != unsent || no_push) &&
                  ends_a_share(tcb, env, &p, unsent - p.len, usable - p.len);
        if (p.len > 0 && (p.share || (p.len == unsent && !no_push)))
                p.flags |= ELKO_PSH;
        if (fin) {
                p.flags |= ELKO_FIN;
                p.why = ELKO_WHY_FIN;
        }
        return p;
}

static struct ek_plan plan_ack(const struct ek_tcb *tcb, struct ek_plan otherwise)
{
        struct ek_plan p = {.kind = EK_PLAN_ACK, .seq = tcb->snd_nxt, .flags = ELKO_ACK};

        if (!(tcb->todo & EK_TODO_ACK) && tcb->dup_acks == 0)
                return otherwise;
        p.why = (enum elko_why)tcb->why;
        p.limited_by = otherwise.limited_by;
        return p;
}

static bool may_send_data(const struct ek_tcb *tcb)
{
        return ek_tcb_is_synchronized(tcb) && tcb->state != ELKO_TCP_FIN_WAIT_2;
}

/* RFC 5682, step 2b: was the time-out spurious? New data goes first, and its answer will tell. */
static bool tests_timeout(const struct ek_tcb *tcb)
{
        return tcb->act->frto == EK_FRTO_NEW && !(tcb->todo & EK_TODO_FORCE) && may_send_data(tcb);
}

/* "Transmit up to two new (previously unsent) segments", also where an algorithm of its own mind (BBR) has a larger
 * window. [RFC5682 3.1-2b] */
static struct ek_plan plan_test(const struct ek_tcb *tcb, const struct ek_plan_env *env)
{
        struct ek_plan_env alone = *env;
        uint32_t sent = seq_diff(tcb->snd_nxt, tcb->act->dupack.recover);
        struct ek_plan p;

        alone.gso = 0;
        p = plan_data(tcb, &alone);

        return p.kind != EK_PLAN_NONE && sent + p.len > 2 * env->mss ? blocked(ELKO_LIMITED_CWND)
                                                                     : p;
}

/* Before the handshake is over: data, and no retransmissions of anything but the SYN,ACK. */
static struct ek_plan plan_early(const struct ek_tcb *tcb, const struct ek_plan_env *env)
{
        struct ek_plan p = plan_data(tcb, env);

        return p.kind != EK_PLAN_NONE ? p : plan_ack(tcb, p);
}

/* [RFC6675 4-nextseg-2 5-3 5-c] */
struct ek_plan ek_send_plan(const struct ek_tcb *tcb, const struct ek_plan_env *env)
{
        struct ek_plan p = nothing;

        if (tcb->todo & EK_TODO_RST)
                return plan_reset(tcb);
        if (env->no_record)
                return ek_tcb_is_synchronized(tcb) ? plan_ack(tcb, nothing) : nothing;
        if (tcb->todo & EK_TODO_SYN)
                return plan_syn(tcb, false, env->syn_data);
        if (env->lost != NULL && (env->lost->flags & EK_TXREC_SYN))
                return plan_syn(tcb, true, 0);
        if (ek_tcb_is_fast_open(tcb))
                return plan_early(tcb, env);
        if (!ek_tcb_is_synchronized(tcb))
                return plan_ack(tcb, nothing);
        /* A duplicate ACK must be a pure one, or the peer's sender does not count it (RFC 5681, 2). */
        if (tcb->dup_acks > 0)
                return plan_ack(tcb, nothing);
        if (tests_timeout(tcb)) {
                p = plan_test(tcb, env);
                if (p.kind != EK_PLAN_NONE)
                        return p;
                if (p.limited_by == ELKO_LIMITED_CWND)
                        return plan_ack(tcb, p);
        }
        if (env->lost != NULL) {
                p = plan_lost(tcb, env);
                if (p.kind != EK_PLAN_NONE)
                        return p;
                return plan_ack(tcb, p);
        }
        if (tcb->todo & (EK_TODO_PROBE | EK_TODO_KEEPALIVE))
                return plan_probe(tcb);
        if (may_send_data(tcb)) {
                p = plan_data(tcb, env);
                if (p.kind != EK_PLAN_NONE)
                        return p;
        }
        return plan_ack(tcb, p);
}
