/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"

#include "base/bits.h"

/*
 * The invariants of RELIABILITY's plan (I-1 to I-48) as far as they speak of one connection or of the
 * tables, to be checked after every event in tests. Each function returns NULL, or the text of the first
 * invariant that is broken.
 */

/* Of the wheel's checks one in so many looks at the slots that should be empty, too: they cost the most.
 * Of the checks of connections one in so many looks at those, too, that nothing was done with. */
#ifdef EK_CHECK
enum { WHOLE_WHEEL = 16, ALL_TCBS = 1 };
#else
enum { WHOLE_WHEEL = 16, ALL_TCBS = 8 };
#endif

#define REQUIRE(cond, text)                                                                        \
        do {                                                                                       \
                if (!(cond))                                                                       \
                        return text;                                                               \
        } while (0)

static const char *check_sender(struct ek_tcp *t, const struct ek_tcb *tcb)
{
        REQUIRE(seq_leq(tcb->snd_una, tcb->snd_nxt), "I-1: SND.UNA > SND.NXT");
        REQUIRE(ek_tcb_flight(tcb) <= 1u << 30, "I-1: flight > 2^30");
        REQUIRE(ek_txq_check(&tcb->act->txq, &t->records, tcb->snd_una, tcb->snd_nxt) ||
                        !ek_tcb_has(tcb, EK_TCB_HASHED) || tcb->state == ELKO_TCP_SYN_RECEIVED,
                "txq: the records don't cover [SND.UNA, SND.NXT)");
        REQUIRE(!ek_tcb_has(tcb, EK_TCB_HASHED) || ek_tcb_data_in_flight(tcb) <= tcb->act->snd.len,
                "I-3: more in flight than queued");
        REQUIRE(ek_ring_check(&tcb->act->snd), "send ring");
        REQUIRE(!ek_tcb_has(tcb, EK_TCB_FIN_SENT) || ek_tcb_has(tcb, EK_TCB_FIN_WANTED),
                "I-4: FIN sent and not wanted");
        REQUIRE(!ek_tcb_has(tcb, EK_TCB_FIN_SENT) || !ek_tcb_has(tcb, EK_TCB_HASHED) ||
                        ek_tcb_unsent(tcb) == 0,
                "I-4: data behind the FIN");
        REQUIRE(tcb->state < ELKO_TCP_ESTABLISHED || !ek_tcb_has(tcb, EK_TCB_HASHED) ||
                        tcb->cong.out.cwnd_bytes >= 1,
                "I-26: cwnd 0");
        return NULL;
}

/* I-49 to I-53: loss recovery. txq's own are in ek_txq_check(): what is SACKed is not lost, pipe is what is flying,
 * and the lists stand in the order of transmission. */
static const char *check_recovery(const struct ek_tcb *tcb)
{
        const struct ek_active *act = tcb->act;
        bool recovering = tcb->cong.state == ELKO_CA_RECOVERY, sack = ek_tcb_has(tcb, EK_TCB_SACK);
        bool cwr = tcb->cong.state == ELKO_CA_CWR;

        REQUIRE(!act->prr.active || ((recovering || cwr) && sack && !tcb->cong.ops->owns_recovery),
                "I-49: PRR outside of recovery");
        REQUIRE(!cwr || !sack || act->prr.active, "I-49: CWR without PRR");
        REQUIRE(!recovering || !sack || tcb->cong.ops->owns_recovery || act->prr.active,
                "I-49: recovery without PRR");
        REQUIRE(!recovering || !sack ||
                        (seq_lt(tcb->snd_una, act->dupack.recover) &&
                         seq_leq(act->dupack.recover, tcb->snd_nxt)),
                "I-50: the recovery point lies outside of the window");
        REQUIRE((tcb->at[EK_DL_LOSS] != EK_NEVER) == (act->loss_timer != EK_LOSS_NONE),
                "I-51: reordering and probe timer");
        REQUIRE(act->loss_timer == EK_LOSS_NONE || (sack && !ek_txq_is_empty(&act->txq)),
                "I-51: reordering and probe timer without anything out");
        REQUIRE(act->loss_timer != EK_LOSS_PROBE ||
                        (tcb->at[EK_DL_LOSS] <= tcb->at[EK_DL_RTO] && !act->rack.probe_out),
                "I-52: a probe behind the retransmission timer, or a second one");
        REQUIRE(act->frto == EK_FRTO_OFF || tcb->cong.state == ELKO_CA_LOSS,
                "I-53: F-RTO without a time-out");
        return NULL;
}

/* I-54 to I-57: ECN, RFC 3168 and RFC 9768. */
static const char *check_ecn(struct ek_tcp *t, const struct ek_tcb *tcb)
{
        bool accurate = ek_tcb_has(tcb, EK_TCB_ACCECN);
        bool ecn = ek_tcb_has(tcb, EK_TCB_ECN), hears = ek_tcb_has(tcb, EK_TCB_ECN_HEARS);
        const struct ek_ecn *e = &tcb->act->ecn;

        REQUIRE(!ecn || hears, "I-54: ECT without the duty to tell of CE");
        REQUIRE(hears || !(tcb->flags & (EK_TCB_ECE | EK_TCB_ECN_SEEN)), "I-54: ECE without ECN");
        REQUIRE((ecn && !accurate) || !ek_tcb_has(tcb, EK_TCB_CWR), "I-54: CWR without ECN");
        REQUIRE(!accurate || (hears && !ek_tcb_has(tcb, EK_TCB_ECE)), "I-57: ECE in AccECN mode");
        REQUIRE(!accurate || ek_slab_is_live(&t->accecns, tcb->accecn),
                "I-57: AccECN without counters");
        REQUIRE(!accurate || ek_accecn_check(t, tcb),
                "I-57: more marks are answered than were told of");
        if (!ek_tcb_is_synchronized(tcb) || !ek_tcb_is_active(tcb) || !ecn)
                return NULL;
        REQUIRE(seq_leq(e->recover, tcb->snd_nxt) &&
                        (int32_t)(tcb->snd_una.v - e->recover.v) >= -(1 << 30),
                "I-55: the window that was reduced for lies beyond what was sent");
        REQUIRE(tcb->cong.state != ELKO_CA_CWR ||
                        (!ek_ecn_is_over(tcb) && !tcb->cong.ops->owns_recovery &&
                         !tcb->cong.ops->scalable),
                "I-56: state CWR without a window of data that it is for");
        return NULL;
}

/* I-60: search for the path MTU, RFC 4821. */
static const char *check_mtu(const struct ek_tcb *tcb)
{
        const struct ek_mtu_probe *m = &tcb->act->mtu;

        REQUIRE(m->len == 0 || (seq_lt(tcb->snd_una, seq_add(m->seq, m->len)) &&
                                seq_leq(seq_add(m->seq, m->len), tcb->snd_nxt)),
                "I-60: an MTU probe that is not under way");
        REQUIRE(m->claimed < tcb->acked_size || m->claimed == 0,
                "I-60: ICMP waits to be proved, and nothing speaks against it");
        return NULL;
}

static const char *check_receiver(const struct ek_tcb *tcb)
{
        const struct ek_reasm *r = &tcb->act->reasm;
        uint64_t top = ek_reasm_top(r), next = tcb->stats.bytes_received;

        REQUIRE(ek_ring_check(&tcb->act->rcv), "receive ring");
        REQUIRE(r->ranges == NULL || ek_ranges_check(r->ranges), "I-15: ranges");
        REQUIRE(!ek_reasm_has_holes(r) || r->ranges->r[0].lo > next, "I-15: range at RCV.NXT");
        REQUIRE(top <= next || tcb->act->rcv.len + (top - next) <= tcb->act->rcv.cap,
                "I-13: bytes beyond the ring");
        REQUIRE(tcb->act->rcv.cap == 0 ||
                        (uint64_t)tcb->act->rcv.len + ek_rcv_window_left(&tcb->win, tcb->rcv_nxt) <=
                                tcb->act->rcv.cap,
                "I-18: window beyond the ring");
        REQUIRE(tcb->state < ELKO_TCP_ESTABLISHED || !ek_tcb_has(tcb, EK_TCB_HASHED) ||
                        seq_eq(tcb->rcv_nxt,
                               seq_add(tcb->irs,
                                       1 + (uint32_t)next + ek_tcb_has(tcb, EK_TCB_FIN_RCVD))),
                "I-10: RCV.NXT is not IRS + 1 + bytes + FIN");
        return NULL;
}

static bool waits(const struct ek_tcb *tcb)
{
        return ek_tcb_is_synchronized(tcb) && (ek_tcb_unsent(tcb) > 0 || ek_tcb_fin_pending(tcb) ||
                                               !ek_txq_is_empty(&tcb->act->txq));
}

static const char *check_timers(const struct ek_tcb *tcb)
{
        bool outstanding = !ek_txq_is_empty(&tcb->act->txq);
        uint64_t first = EK_NEVER;

        for (unsigned i = 0; i < EK_DL_COUNT; i++)
                first = ek_min_u64(first, tcb->at[i]);
        REQUIRE(first == EK_NEVER || (ek_wheel_is_set(&tcb->timer) && tcb->timer.at <= first),
                "a deadline without a timer");
        REQUIRE(!(tcb->at[EK_DL_RTO] != EK_NEVER && tcb->at[EK_DL_PERSIST] != EK_NEVER),
                "I-21: retransmission and persist timer");
        if (!ek_tcb_has(tcb, EK_TCB_HASHED)) {
                REQUIRE(first == EK_NEVER && !ek_wheel_is_set(&tcb->timer),
                        "I-20: timer of a dead connection");
                return NULL;
        }
        REQUIRE(!outstanding || tcb->at[EK_DL_RTO] != EK_NEVER,
                "I-21: outstanding without retransmission timer");
        REQUIRE(!waits(tcb) || outstanding || tcb->at[EK_DL_PERSIST] != EK_NEVER ||
                        tcb->at[EK_DL_PACE] != EK_NEVER || ek_list_is_linked(&tcb->work),
                "I-22: stuck: data waits, nothing armed");
        REQUIRE(!ek_tcb_has(tcb, EK_TCB_ORPHAN) || tcb->at[EK_DL_ABORT] != EK_NEVER ||
                        tcb->at[EK_DL_CLOSE] != EK_NEVER || tcb->at[EK_DL_PACE] != EK_NEVER ||
                        ek_list_is_linked(&tcb->work) || outstanding,
                "I-22: an orphan without a deadline");
        return NULL;
}

const char *ek_tcb_check(struct ek_tcp *t, struct ek_tcb *tcb)
{
        const char *bad;

        REQUIRE(tcb->state < ELKO_TCP_STATE_COUNT && tcb->state != ELKO_TCP_LISTEN, "state");
        REQUIRE(ek_tcb_has(tcb, EK_TCB_HASHED) ==
                        (tcb->state != ELKO_TCP_CLOSED && tcb->state != ELKO_TCP_TIME_WAIT),
                "in the table if and only if alive");
        bad = check_sender(t, tcb);
        if (bad == NULL)
                bad = check_receiver(tcb);
        if (bad == NULL)
                bad = check_timers(tcb);
        if (bad == NULL && ek_tcb_has(tcb, EK_TCB_HASHED) && ek_tcb_is_active(tcb))
                bad = check_recovery(tcb);
        if (bad == NULL && ek_tcb_has(tcb, EK_TCB_HASHED))
                bad = check_ecn(t, tcb);
        if (bad == NULL && ek_tcb_has(tcb, EK_TCB_HASHED) && ek_tcb_is_active(tcb))
                bad = check_mtu(tcb);
        return bad;
}

static const char *check_half_open(struct ek_tcp *t)
{
        uint32_t total = 0;

        for (unsigned stage = 0; stage < EK_HO_STAGES; stage++) {
                uint32_t n = 0, prev = EK_HALF_OPEN_NIL;

                for (uint32_t i = t->half_open.head[stage]; i != EK_HALF_OPEN_NIL;) {
                        const struct ek_half_open *ho = ek_half_open_at(t, i);

                        REQUIRE(ho->stage == stage && ho->prev == prev, "half-open list");
                        prev = i;
                        i = ho->next;
                        n++;
                }
                REQUIRE(n == t->half_open.count[stage] && prev == t->half_open.tail[stage],
                        "I-35: half-open count of a stage");
                total += n;
        }
        REQUIRE(total == t->half_open.total && total == ek_slab_live(&t->half_opens),
                "I-35: half-open total");
        return NULL;
}

static const char *check_listeners(struct ek_tcp *t)
{
        for (uint32_t i = ek_slab_next(&t->listeners, EK_NIL); i != EK_NIL;
             i = ek_slab_next(&t->listeners, i)) {
                const struct ek_listener *ls = ek_listener_at(t, i);
                uint32_t n = 0;

                for (const struct ek_list *l = ls->accept.next; l != &ls->accept; l = l->next)
                        n++;
                REQUIRE(n == ls->queued && n <= ls->backlog, "I-35: accept queue");
                REQUIRE(ls->half_open <= t->half_open.total, "I-35: half-open of a listener");
        }
        return NULL;
}

static const char *check_tables(struct ek_tcp *t, uint32_t hashed)
{
        REQUIRE(ek_hashtab_count(&t->conns) == hashed + ek_slab_live(&t->half_opens) +
                                                       ek_slab_live(&t->time_waits) -
                                                       t->time_wait.dead,
                "I-35: connection table");
        /* Walking these takes time: not again when nothing was put in or taken out. */
        REQUIRE(t->checked_conns == t->conns.changes || ek_hashtab_check(&t->conns),
                "connection table");
        t->checked_conns = t->conns.changes;
        REQUIRE(t->checked_wheel == t->wheel.changes ||
                        (++t->wheel_checks % WHOLE_WHEEL == 0 ? ek_wheel_check(&t->wheel)
                                                              : ek_wheel_check_marked(&t->wheel)),
                "timer wheel");
        t->checked_wheel = t->wheel.changes;
        REQUIRE(t->reply_count <= t->cfg.max_replies, "I-32: replies");
        return NULL;
}

const char *ek_tcp_check(struct ek_tcp *t)
{
        const char *bad = NULL;
        uint32_t hashed = 0, fast = 0;
        bool all = ALL_TCBS == 1 || ++t->checks % ALL_TCBS == 0;

        for (uint32_t i = ek_slab_next(&t->tcbs, EK_NIL); i != EK_NIL && bad == NULL;
             i = ek_slab_next(&t->tcbs, i)) {
                struct ek_tcb *tcb = ek_slab_at(&t->tcbs, i);

                if (all || ek_tcb_has(tcb, EK_TCB_TOUCHED))
                        bad = ek_tcb_check(t, tcb);
                tcb->flags &= ~(uint32_t)EK_TCB_TOUCHED;
                hashed += ek_tcb_has(tcb, EK_TCB_HASHED);
                fast += ek_tcb_has(tcb, EK_TCB_FASTOPEN);
        }
        if (bad == NULL && fast != t->fastopen_pending.open)
                bad = "I-59: connections that a Fast Open cookie opened";
        if (bad == NULL)
                bad = check_tables(t, hashed);
        if (bad == NULL)
                bad = check_half_open(t);
        if (bad == NULL)
                bad = check_listeners(t);
        return bad;
}
