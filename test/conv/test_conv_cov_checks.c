/* SPDX-License-Identifier: MIT */
#include "conv.h"

#include "stack/stack.h"

/*
 * Who checks elko_check()? Every invariant is broken by hand, one field at a time, in a stack that is
 * otherwise sound; the check must name just that one, and be content again when the field is put back.
 */

#define SPOILT(c, place, value, text)                                                              \
        do {                                                                                       \
                __typeof__(place) spoilt_old_ = (place);                                           \
                const char *spoilt_why_;                                                           \
                                                                                                   \
                (place) = (value);                                                                 \
                look_again((c)->st);                                                               \
                spoilt_why_ = elko_check((c)->st);                                                 \
                (place) = spoilt_old_;                                                             \
                if (spoilt_why_ == NULL || strcmp(spoilt_why_, text) != 0)                         \
                        conv_fail(CONV_AT(c), "%s = %s: \"%s\", should be \"%s\"", #place, #value, \
                                  spoilt_why_ != NULL ? spoilt_why_ : "sound", text);              \
                look_again((c)->st);                                                               \
                CONV_CHECK(c, elko_check((c)->st) == NULL);                                        \
        } while (0)

/* What elko_check() found sound and would not look at again before it changes. */
static void look_again(elko_stack *st)
{
        st->ip.ctl.changes++;
        st->ip.neigh.used = true;
        st->checked = false;
        st->checked_region = ~UINT64_C(0);
        st->tcp.checked_conns = st->tcp.conns.changes - 1;
        st->tcp.checked_wheel = st->tcp.wheel.changes - 1;
}

static struct ek_tcb *only_tcb(struct conv *c)
{
        return ek_slab_at(&c->st->tcp.tcbs, ek_slab_next(&c->st->tcp.tcbs, EK_NIL));
}

CONV_TEST(an_open_connection)
{
        struct ek_tcb *tcb;

        conv_start(c, NULL);
        conv_open_active(c);
        tcb = only_tcb(c);
        SPOILT(c, tcb->snd_una, seq_add(tcb->snd_nxt, 1), "I-1: SND.UNA > SND.NXT");
        SPOILT(c, tcb->snd_una, seq_add(tcb->snd_nxt, 0u - (1u << 30) - 1), "I-1: flight > 2^30");
        SPOILT(c, tcb->snd_nxt, seq_add(tcb->snd_nxt, 5),
               "txq: the records don't cover [SND.UNA, SND.NXT)");
        SPOILT(c, tcb->flags, tcb->flags | EK_TCB_FIN_SENT, "I-4: FIN sent and not wanted");
        SPOILT(c, tcb->cong.out.cwnd_bytes, 0, "I-26: cwnd 0");
        SPOILT(c, tcb->rcv_nxt, seq_add(tcb->rcv_nxt, 1),
               "I-10: RCV.NXT is not IRS + 1 + bytes + FIN");
        SPOILT(c, tcb->state, ELKO_TCP_LISTEN, "state");
        SPOILT(c, tcb->state, ELKO_TCP_STATE_COUNT, "state");
        SPOILT(c, tcb->state, ELKO_TCP_CLOSED, "in the table if and only if alive");
        SPOILT(c, tcb->flags, tcb->flags & ~(uint32_t)EK_TCB_HASHED,
               "in the table if and only if alive");
        SPOILT(c, tcb->at[EK_DL_DELACK], 1, "a deadline without a timer");
        SPOILT(c, tcb->flags, tcb->flags | EK_TCB_ORPHAN, "I-22: an orphan without a deadline");
}

CONV_TEST(data_under_way)
{
        struct ek_tcb *tcb;
        uint64_t rto;

        conv_start(c, NULL);
        conv_open_active(c);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        tcb = only_tcb(c);
        rto = tcb->at[EK_DL_RTO];
        SPOILT(c, tcb->at[EK_DL_RTO], EK_NEVER, "I-21: outstanding without retransmission timer");
        SPOILT(c, tcb->at[EK_DL_PERSIST], rto, "I-21: retransmission and persist timer");
        SPOILT(c, tcb->act->snd.len, 50, "I-3: more in flight than queued");
        SPOILT(c, tcb->act->snd.len, tcb->act->snd.cap + 1, "send ring");
        SPOILT(c, tcb->act->txq.count, 2, "txq: the records don't cover [SND.UNA, SND.NXT)");
        SPOILT(c, tcb->act->txq.bytes, 7, "txq: the records don't cover [SND.UNA, SND.NXT)");
        SPOILT(c, tcb->act->txq.tail, EK_NIL, "txq: the records don't cover [SND.UNA, SND.NXT)");
        SPOILT(c, tcb->act->txq.lost_count, 1, "txq: the records don't cover [SND.UNA, SND.NXT)");
        conv_in(c, ". 1:1(0) ack 101 win 0");
        conv_send(c, 10);
        conv_none(c);
        SPOILT(c, tcb->at[EK_DL_PERSIST], EK_NEVER, "I-22: stuck: data waits, nothing armed");
        conv_abort(c);
        conv_out(c, "R. 101:101(0) ack 1");
}

static void ask_for_ecn(struct elko_config *cfg)
{
        cfg->ecn = ELKO_ECN_CLASSIC;
}

static void ask_for_accurate_ecn(struct elko_config *cfg)
{
        cfg->ecn = ELKO_ECN_ACCURATE;
}

/* I-49 to I-53, I-60. */
CONV_TEST(recovery)
{
        struct ek_tcb *tcb;

        conv_start(c, NULL);
        conv_open_active(c);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        tcb = only_tcb(c);
        SPOILT(c, tcb->act->prr.active, true, "I-49: PRR outside of recovery");
        SPOILT(c, tcb->cong.state, ELKO_CA_CWR, "I-49: CWR without PRR");
        SPOILT(c, tcb->cong.state, ELKO_CA_RECOVERY, "I-49: recovery without PRR");
        tcb->act->prr.active = true;
        tcb->cong.state = ELKO_CA_RECOVERY;
        tcb->act->dupack.recover = tcb->snd_nxt;
        CONV_CHECK(c, elko_check(c->st) == NULL);
        SPOILT(c, tcb->act->dupack.recover, tcb->snd_una,
               "I-50: the recovery point lies outside of the window");
        SPOILT(c, tcb->act->dupack.recover, seq_add(tcb->snd_nxt, 1),
               "I-50: the recovery point lies outside of the window");
        tcb->act->prr.active = false;
        tcb->cong.state = ELKO_CA_OPEN;
        SPOILT(c, tcb->act->loss_timer, EK_LOSS_NONE, "I-51: reordering and probe timer");
        SPOILT(c, tcb->at[EK_DL_LOSS], tcb->at[EK_DL_RTO] + 1,
               "I-52: a probe behind the retransmission timer, or a second one");
        SPOILT(c, tcb->act->rack.probe_out, true,
               "I-52: a probe behind the retransmission timer, or a second one");
        SPOILT(c, tcb->act->frto, EK_FRTO_OFF + 1, "I-53: F-RTO without a time-out");
        tcb->act->mtu.seq = tcb->snd_nxt;
        SPOILT(c, tcb->act->mtu.len, 1, "I-60: an MTU probe that is not under way");
        tcb->act->mtu.seq = seq_add(tcb->snd_una, 0u - 1);
        SPOILT(c, tcb->act->mtu.len, 1, "I-60: an MTU probe that is not under way");
        SPOILT(c, tcb->act->mtu.claimed, 9000,
               "I-60: ICMP waits to be proved, and nothing speaks against it");
        conv_abort(c);
        conv_out(c, "R. 101:101(0) ack 1");
}

/* I-54 to I-57. */
CONV_TEST(marks)
{
        static const struct conv_options classic = {.config = ask_for_ecn};
        struct ek_tcb *tcb;

        conv_start(c, &classic);
        conv_connect(c);
        conv_out(c, "SEC 0:0(0) <...>");
        conv_in(c, "S.E 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, ". 1:1(0) ack 1");
        conv_send(c, 100);
        conv_out(c, "[ect0] P. 1:101(100) ack 1");
        tcb = only_tcb(c);
        SPOILT(c, tcb->flags, tcb->flags & ~(uint32_t)EK_TCB_ECN_HEARS,
               "I-54: ECT without the duty to tell of CE");
        SPOILT(c, tcb->act->ecn.recover, seq_add(tcb->snd_nxt, 1),
               "I-55: the window that was reduced for lies beyond what was sent");
        tcb->act->prr.active = true;
        tcb->cong.state = ELKO_CA_CWR;
        tcb->act->ecn.recover = tcb->snd_nxt;
        SPOILT(c, tcb->act->ecn.recover, tcb->snd_una,
               "I-56: state CWR without a window of data that it is for");
        tcb->cong.state = ELKO_CA_OPEN;
        tcb->act->prr.active = false;
        conv_abort(c);
        conv_out(c, "R. 101:101(0) ack 1");
}

CONV_TEST(no_marks)
{
        struct ek_tcb *tcb;

        conv_start(c, NULL);
        conv_open_active(c);
        tcb = only_tcb(c);
        SPOILT(c, tcb->flags, tcb->flags | EK_TCB_ECE, "I-54: ECE without ECN");
        SPOILT(c, tcb->flags, tcb->flags | EK_TCB_CWR, "I-54: CWR without ECN");
}

CONV_TEST(counted_marks)
{
        static const struct conv_options accurate = {.config = ask_for_accurate_ecn};
        struct ek_tcb *tcb;

        conv_start(c, &accurate);
        conv_connect(c);
        conv_out(c, "SECA 0:0(0) <...>");
        conv_in(c, "S.C 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, ".C 1:1(0) ack 1 <...>");
        tcb = only_tcb(c);
        SPOILT(c, tcb->flags, tcb->flags | EK_TCB_ECE, "I-57: ECE in AccECN mode");
        SPOILT(c, tcb->accecn, tcb->accecn + 1, "I-57: AccECN without counters");
        SPOILT(c, ((struct ek_accecn *)ek_slab_at(&c->st->tcp.accecns, tcb->accecn))->delivered_ce,
               1, "I-57: more marks are answered than were told of");
        SPOILT(c, c->st->tcp.fastopen_pending.open, 1,
               "I-59: connections that a Fast Open cookie opened");
}

CONV_TEST(data_received)
{
        struct ek_tcb *tcb;

        conv_start(c, NULL);
        conv_open_active(c);
        conv_in(c, "P. 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101");
        conv_in(c, "P. 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 101 <TS val 0 ecr 100,sack 201:301>");
        tcb = only_tcb(c);
        SPOILT(c, tcb->act->rcv.len, tcb->act->rcv.cap + 1, "receive ring");
        SPOILT(c, tcb->act->reasm.ranges->r[0].lo, 100, "I-15: range at RCV.NXT");
        SPOILT(c, tcb->act->reasm.ranges->r[0].hi, 200, "I-15: ranges");
        SPOILT(c, tcb->act->reasm.ranges->r[0].hi, (uint64_t)tcb->act->rcv.cap + 101,
               "I-13: bytes beyond the ring");
        SPOILT(c, tcb->win.edge, seq_add(tcb->rcv_nxt, tcb->act->rcv.cap),
               "I-18: window beyond the ring");
        conv_abort(c);
        conv_out(c, "R. 1:1(0) ack 101");
}

CONV_TEST(half_open_and_listeners)
{
        struct ek_tcp *t;
        struct ek_listener *ls;
        struct ek_half_open *ho;
        uint32_t stage;

        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        t = &c->st->tcp;
        ho = ek_slab_at(&t->half_opens, ek_slab_next(&t->half_opens, EK_NIL));
        ls = ek_slab_at(&t->listeners, ek_slab_next(&t->listeners, EK_NIL));
        stage = ho->stage;
        SPOILT(c, t->half_open.count[stage], 2, "I-35: half-open count of a stage");
        SPOILT(c, t->half_open.tail[stage], EK_HALF_OPEN_NIL, "I-35: half-open count of a stage");
        SPOILT(c, t->half_open.total, 2, "I-35: half-open total");
        SPOILT(c, ls->queued, 1, "I-35: accept queue");
        SPOILT(c, ls->half_open, 2, "I-35: half-open of a listener");
        ho->stage = (stage + 1) & 0xf;
        CONV_CHECK(c,
                   elko_check(c->st) != NULL && strcmp(elko_check(c->st), "half-open list") == 0);
        ho->stage = stage & 0xf;
        CONV_CHECK(c, elko_check(c->st) == NULL);
}

CONV_TEST(tables)
{
        struct ek_tcp *t;

        conv_start(c, NULL);
        conv_open_active(c);
        t = &c->st->tcp;
        SPOILT(c, t->conns.count, 2, "I-35: connection table");
        SPOILT(c, t->conns.n_buckets, 1, "connection table");
        SPOILT(c, t->reply_count, t->cfg.max_replies + 1, "I-32: replies");
}

CONV_TEST(addresses_and_routes)
{
        struct ek_ipstack *ip;

        conv_start(c, NULL);
        ip = &c->st->ip;
        SPOILT(c, ip->n_ifaces, ip->max_ifaces + 1, "ip: more entries than the limit");
        SPOILT(c, ip->n_addrs, ip->max_addrs + 1, "ip: more entries than the limit");
        SPOILT(c, ip->addr[0].link, 9, "ip: address is not in the table of known addresses");
        SPOILT(c, ip->ready.next, &ip->failed, "ip: broken list of waiters");
        SPOILT(c, ip->failed.next, &ip->ready, "ip: broken list of waiters");
        SPOILT(c, ip->route.n, ip->route.limit + 1, "route: more entries than the limit");
        SPOILT(c, ip->route.entry[0].link, 9, "route: no such link");
        SPOILT(c, ip->route.entry[0].bits, 0, "route: bits set beyond the prefix");
        CHECK(elko_route_add(c->st, "::/0", c->link, NULL) == ELKO_OK ||
              elko_route_add(c->st, "0.0.0.0/0", c->link, NULL) == ELKO_OK);
        SPOILT(c, ip->route.entry[ip->route.n - 1].bits, 128, "route: not sorted by length");
}

CONV_TEST(path_mtu)
{
        struct ek_pmtu_table *t;
        unsigned right = 0, wrong = 0;

        conv_start(c, NULL);
        t = &c->st->ip.pmtu;
        SPOILT(c, t->used, 1, "pmtu: count of entries");
        for (unsigned set = 0; set < EK_PMTU_SETS; set++) {
                struct ek_pmtu_entry *e = &t->entry[set][0], old = *e;
                const char *why;

                *e = (struct ek_pmtu_entry){.dst = c->peer, .mtu = 60, .expires = 1};
                t->used = 1;
                why = elko_check(c->st);
                *e = old;
                t->used = 0;
                CONV_CHECK(c, why != NULL);
                right += strcmp(why, "pmtu: value below the floor") == 0;
                wrong += strcmp(why, "pmtu: entry in the wrong set") == 0;
        }
        CONV_EQ(c, right, 1);
        CONV_EQ(c, wrong, EK_PMTU_SETS - 1);
}

CONV_TEST(control_packets)
{
        struct ek_ctl *ctl;

        conv_start(c, NULL);
        ctl = &c->st->ip.ctl;
        SPOILT(c, ctl->n, ctl->n + 1, "ctl: a reply is in no list, or in two");
        SPOILT(c, ctl->bytes, 1, "ctl: bytes from the region");
        SPOILT(c, ctl->n_solicits, EK_SOLICIT_FRAMES + 1, "ctl: too many solicitations");
}

CONV_TEST(neighbours)
{
        struct ek_neigh_table *t;
        struct ek_neigh *e;
        struct ek_list elsewhere;

        conv_start(c, NULL);
        t = &c->st->ip.neigh;
        e = &t->entry[1]; /* not the one that was used last */
        ek_list_init(&elsewhere);
        SPOILT(c, e->node, ((struct ek_list){&e->node, &e->node}), "neigh: entry in no list");
        SPOILT(c, e->timer, ((struct ek_list){&elsewhere, &elsewhere}),
               "neigh: timer doesn't fit the state");
        SPOILT(c, e->want, ((struct ek_list){&elsewhere, &elsewhere}), "neigh: asks without need");
        SPOILT(c, e->waiters, ((struct ek_list){&elsewhere, &elsewhere}),
               "neigh: waiters on an entry that doesn't wait");
        SPOILT(c, e->n_held, 1, "neigh: waiters on an entry that doesn't wait");
        SPOILT(c, e->state, EK_NEIGH_STALE, "neigh: entry is not found by its key");
        SPOILT(c, t->n_pending, 1, "neigh: count of pending entries");
        SPOILT(c, t->retrans.next, &elsewhere, "neigh: broken timer list");
        SPOILT(c, t->delay.next, &elsewhere, "neigh: broken timer list");
        SPOILT(c, t->failed.next, &elsewhere, "neigh: broken timer list");
}

CONV_TEST(memory)
{
        struct ek_region *r;
        uint8_t *a, *b;
        uint64_t link;

        conv_start(c, NULL);
        r = c->st->region;
        a = ek_region_alloc(r, 1);
        b = ek_region_alloc(r, 1);
        CONV_CHECK(c, a != NULL && b != NULL);
        ek_region_free(r, b, 1);
        memcpy(&link, b, sizeof(link)); /* a free block holds its links */
        memset(b, 0, sizeof(link));
        look_again(c->st);
        CONV_CHECK(c, elko_check(c->st) != NULL && strcmp(elko_check(c->st), "memory region") == 0);
        memcpy(b, &link, sizeof(link));
        ek_region_free(r, a, 1);
        look_again(c->st);
        CONV_CHECK(c, elko_check(c->st) == NULL);
}

EK_TEST_MAIN();
