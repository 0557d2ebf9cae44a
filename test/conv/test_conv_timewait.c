/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * TIME-WAIT: RFC 9293, 3.6.1 and 3.10.7.4 where it speaks of this state, RFC 6191 (reopening by
 * timestamps), RFC 1337 (assassination). Entries keep whole milliseconds, rounded up.
 */

#define TWO_MSL(c) (2 * (c)->cfg.msl_ns)

static void enter(struct conv *c, bool active)
{
        conv_reach(c, ELKO_TCP_TIME_WAIT, active);
        CONV_EQ(c, conv_memory(c).time_wait, 1);
}

/* It is over `left` ns from now, not before and not much later. */
static void ends_after(struct conv *c, uint64_t left)
{
        conv_quiet(c, left - ELKO_MS(1));
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_quiet(c, ELKO_MS(4));
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, conv_memory(c).time_wait, 0);
}

/* ---- 2 MSL ---- */

/* [RFC9293 MUST-13 3.10.8] */
CONV_TEST(two_msl)
{
        conv_start(c, NULL);
        enter(c, true);
        ends_after(c, TWO_MSL(c));
}

CONV_TEST(two_msl_from_closing)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_CLOSING, true);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_none(c);
        ends_after(c, TWO_MSL(c));
}

/* [RFC9293 MUST-13] */
CONV_TEST(two_msl_as_configured)
{
        conv_start(c, &((struct conv_options){.msl_ns = ELKO_SEC(120)}));
        enter(c, true);
        ends_after(c, ELKO_SEC(240));
}

/* A11-2: closing the handle, before or after, changes nothing. */
CONV_TEST(two_msl_after_close)
{
        conv_start(c, NULL);
        enter(c, true);
        conv_close(c);
        conv_state(c, ELKO_TCP_TIME_WAIT);
        CONV_EQ(c, conv_memory(c).connections, 0);
        ends_after(c, TWO_MSL(c));
}

CONV_TEST(two_msl_of_an_orphan)
{
        conv_start(c, NULL);
        conv_open_active(c);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        CONV_EQ(c, conv_memory(c).connections, 0);
        ends_after(c, TWO_MSL(c));
}

CONV_TEST(two_msl_after_abort)
{
        conv_start(c, NULL);
        enter(c, true);
        conv_abort(c);
        conv_none(c);
        ends_after(c, TWO_MSL(c));
}

/* What arrived can be read although the connection is over. */
CONV_TEST(unread_data_stays)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_FIN_WAIT_2, true);
        conv_in(c, "FP. 1:11(10) ack 2");
        conv_out(c, ". 2:2(0) ack 12");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_advance(c, ELKO_SEC(1));
        conv_recv(c, 10);
        conv_recv_is(c, 0);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_EPIPE);
}

/* ---- segments in TIME-WAIT ---- */

/* 3.10.7.4 fifth and eighth, A11-4: a retransmitted FIN is acknowledged and restarts the wait.
 * [RFC9293 3.10.7.4-8] */
CONV_TEST(retransmitted_fin)
{
        conv_start(c, NULL);
        enter(c, true);
        conv_quiet(c, ELKO_SEC(20));
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2 <TS val 20000 ecr *>");
        ends_after(c, TWO_MSL(c));
}

CONV_TEST(retransmitted_fin_with_data)
{
        conv_start(c, NULL);
        conv_reach(c, ELKO_TCP_FIN_WAIT_2, true);
        conv_in(c, "FP. 1:11(10) ack 2");
        conv_out(c, ". 2:2(0) ack 12");
        conv_quiet(c, ELKO_SEC(50));
        conv_in(c, "FP. 1:11(10) ack 2");
        conv_out(c, ". 2:2(0) ack 12 <...>");
        ends_after(c, TWO_MSL(c));
}

/* Several, of different entries, in an order that is not the order of entry. */
CONV_TEST(restarts_out_of_order)
{
        conv_start(c, NULL);
        for (unsigned i = 0; i < 4; i++) {
                conv_flow(c, i);
                conv_open_passive(c);
                conv_shutdown(c);
                conv_out(c, "F. 1:1(0) ack 1");
                conv_in(c, "F. 1:1(0) ack 2");
                conv_out(c, ". 2:2(0) ack 2");
                conv_quiet(c, ELKO_SEC(1));
        }
        conv_quiet(c, ELKO_SEC(30));
        conv_flow(c, 0);
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2 <...>"); /* now 34 s: over at 94 */
        conv_quiet(c, ELKO_SEC(1));
        conv_flow(c, 2);
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2 <...>"); /* 35: over at 95 */
        conv_at(c, ELKO_SEC(62));
        CONV_EQ(c, conv_memory(c).time_wait, 3); /* flow 1 is over */
        conv_at(c, ELKO_SEC(64));
        CONV_EQ(c, conv_memory(c).time_wait, 2); /* flow 3, too */
        conv_at(c, ELKO_SEC(94) - ELKO_MS(1));
        CONV_EQ(c, conv_memory(c).time_wait, 2);
        conv_at(c, ELKO_SEC(94) + ELKO_MS(4));
        CONV_EQ(c, conv_memory(c).time_wait, 1);
        conv_at(c, ELKO_SEC(95) + ELKO_MS(4));
        CONV_EQ(c, conv_memory(c).time_wait, 0);
}

/* RFC 1337, A11-1: resets don't end it, exact or not. [RFC9293 3.10.7.4-2; RFC1337 3-F1] */
CONV_TEST(resets_are_ignored)
{
        static const int at[] = {2, 1, 3, 100, -100};

        conv_start(c, NULL);
        enter(c, true);
        for (unsigned i = 0; i < 5; i++) {
                conv_in(c, "R %d:%d(0)", at[i], at[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_TIME_WAIT);
                conv_state(c, ELKO_TCP_TIME_WAIT);
        }
        ends_after(c, TWO_MSL(c));
}

/* RFC 1337's hazard: old duplicate data gets an ACK; the peer's reset for that ACK does no harm. [RFC1337 2] */
CONV_TEST(assassination)
{
        conv_start(c, NULL);
        enter(c, true);
        conv_in(c, "P. -50:-40(10) ack 1");
        conv_out(c, ". 2:2(0) ack 2");
        conv_in(c, "R 2:2(0)");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* I-30: an ACK with nothing new is not answered. */
CONV_TEST(pure_acks)
{
        conv_start(c, NULL);
        enter(c, true);
        for (unsigned i = 0; i < 5; i++) {
                conv_in(c, ". 2:2(0) ack 2");
                conv_none(c);
        }
}

/* 3.10.7.4 fifth: "If the ACK acks something not yet sent, then send an ACK". It does not restart the
 * wait, and a flood of them gets few answers. */
CONV_TEST(acks_of_what_was_never_sent)
{
        unsigned answers = 0;

        conv_start(c, NULL);
        enter(c, true);
        conv_in(c, ". 2:2(0) ack 3");
        conv_out(c, ". 2:2(0) ack 2");
        conv_in(c, ". 2:2(0) ack 100000");
        conv_out(c, ". 2:2(0) ack 2");
        conv_in(c, ". 2:2(0) ack 1"); /* an old one */
        conv_none(c);
        ends_after(c, TWO_MSL(c));
        conv_again(c);
        enter(c, true);
        for (unsigned i = 0; i < 1000; i++) {
                conv_in(c, ". 2:2(0) ack 3");
                answers += conv_ignore(c);
        }
        CONV_CHECK(c, answers > 10 && answers < 500);
}

/* 3.10.7.4 seventh: text is ignored; it gets an ACK. */
CONV_TEST(data)
{
        conv_start(c, NULL);
        enter(c, true);
        conv_in(c, "P. 2:12(10) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        /* First the sequence number, then the ACK bit: outside of the window it gets an ACK, in it nothing. */
        conv_in(c, "P 70000:70010(10)");
        conv_out(c, ". 2:2(0) ack 2");
        conv_dropped(c, ELKO_DROP_TCP_TIME_WAIT);
        conv_in(c, "P 2:12(10)");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_NO_ACK_FLAG);
        /* Nor does it restart the wait: only the FIN does. */
        ends_after(c, TWO_MSL(c));
}

/* ---- a new SYN: 3.6.1 MAY-2, RFC 6191; A6-13 ---- */

enum outcome { NEW, KEPT };

/* Peer's last number is RCV.NXT = 2, TS.Recent is 100. */
static void syn_in_time_wait(struct conv *c, bool old_ts, int seq, const char *options,
                             enum outcome outcome)
{
        if (c->f->has_iss)
                conv_again(c);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M%s>", old_ts ? ",TS val 100 ecr 0" : "");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 2%s", old_ts ? " <TS val 100 ecr 0>" : "");
        conv_out(c, ". 2:2(0) ack 2");
        conv_advance(c, ELKO_MS(100));
        if (outcome == NEW)
                conv_forget(c);
        conv_in(c, "S %d:%d(0) win 65535 %s", seq, seq, options);
        if (outcome == KEPT) {
                conv_out(c, ". 2:2(0) ack 2 <...>");
                conv_state(c, ELKO_TCP_TIME_WAIT);
                CONV_EQ(c, elko_counters_get(c->st)->tcp_time_wait_reused, 0);
                return;
        }
        conv_out(c, "S. 0:0(0) ack %d <mss M,...>", seq + 1);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        CONV_EQ(c, conv_memory(c).time_wait, 0);
        CONV_EQ(c, elko_counters_get(c->st)->tcp_time_wait_reused, 1);
        conv_in(c, ". %d:%d(0) ack 1", seq + 1, seq + 1);
        conv_accept(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* RFC 6191, 2: the four cases, and the two where the SYN has no timestamp.
 * [RFC9293 SHLD-4; RFC6191 2a 2b 2c 2d] */
CONV_TEST(new_syn_with_timestamps)
{
        conv_start(c, NULL);
        syn_in_time_wait(c, true, 1000, "<mss M,TS val 101 ecr 0>", NEW);
        syn_in_time_wait(c, true, -1000, "<mss M,TS val 101 ecr 0>", NEW);
        syn_in_time_wait(c, true, 1000, "<mss M,TS val 100 ecr 0>", NEW);
        syn_in_time_wait(c, true, 2, "<mss M,TS val 100 ecr 0>", KEPT);
        syn_in_time_wait(c, true, -1000, "<mss M,TS val 100 ecr 0>", KEPT);
        syn_in_time_wait(c, true, 1000, "<mss M,TS val 99 ecr 0>", KEPT);
        syn_in_time_wait(c, true, 1000, "<mss M>", NEW);
        syn_in_time_wait(c, true, -1000, "<mss M>", KEPT);
}

/* RFC 1122's rule: beyond the last number of the old incarnation. [RFC6191 2f 2g] */
CONV_TEST(new_syn_without_timestamps)
{
        conv_start(c, NULL);
        syn_in_time_wait(c, false, 3, "<mss M>", NEW);
        syn_in_time_wait(c, false, 2, "<mss M>", KEPT);
        syn_in_time_wait(c, false, 1, "<mss M>", KEPT);
        syn_in_time_wait(c, false, 0, "<mss M>", KEPT);
        syn_in_time_wait(c, false, 65538, "<mss M>", NEW);
        syn_in_time_wait(c, false, 0x7fffff00, "<mss M>", NEW);
        syn_in_time_wait(c, false, -5, "<mss M>", KEPT);
        syn_in_time_wait(c, false, 1000, "<mss M,TS val 1 ecr 0>", NEW);
}

/* RFC 6191, 2 would take any SYN with a timestamp when the old incarnation had none (a departure): its segments
 * have none, and those are taken without PAWS, so only the number keeps them out. [RFC6191 2e] */
CONV_TEST(new_syn_brings_timestamps)
{
        conv_start(c, NULL);
        syn_in_time_wait(c, false, 3, "<mss M,TS val 1 ecr 0>", NEW);
        syn_in_time_wait(c, false, 2, "<mss M,TS val 1 ecr 0>", KEPT);
        syn_in_time_wait(c, false, -1000, "<mss M,TS val 1 ecr 0>", KEPT);
}

/* MAY-2 (1): "assigns its initial sequence number for the new connection to be larger than the
 * largest sequence number it used on the previous connection incarnation"; timestamps make up for
 * it. [RFC9293 MAY-2] */
CONV_TEST(new_iss_is_larger)
{
        uint32_t last;

        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M,nop,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,wscale 4>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        for (unsigned i = 0; i < 10; i++) {
                conv_send(c, 10000);
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack %u", 10000 * (i + 1) + 1);
                conv_ignore(c);
        }
        conv_shutdown(c);
        conv_out(c, "F. 100001:100001(0) ack 1");
        last = c->f->iss + 100002;
        conv_in(c, "F. 1:1(0) ack 100002");
        conv_out(c, ". 100002:100002(0) ack 2");
        conv_advance(c, ELKO_MS(1)); /* the clock of ISNs moved by 250 only */
        conv_in(c, "S 5000:5000(0) win 65535 <mss M>");
        CONV_EQ(c, conv_pending(c), 1);
        if (conv_peek(c, 0)->flags & ELKO_SYN)
                CONV_CHECK(c, (int32_t)(conv_peek(c, 0)->seq - last) > 0);
        conv_ignore(c);
        /* Later it may, in any case. */
        conv_advance(c, ELKO_SEC(1));
        conv_forget(c);
        conv_in(c, "S 5000:5000(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 5001 <mss M>");
        CONV_CHECK(c, (int32_t)(c->f->iss - last) > 0);
}

/* Reopened by a SYN. Returns the old incarnation as the peer knew it ... */
static struct conv_flow reopen(struct conv *c)
{
        struct conv_flow old;

        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M,TS val 100 ecr 0>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_advance(c, ELKO_MS(100));
        old = *c->f;
        conv_forget(c);
        conv_in(c, "S 5000:5000(0) win 65535 <mss M,TS val 500 ecr 0>");
        conv_out(c, "S. 0:0(0) ack 5001 <mss M,...>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        CONV_EQ(c, conv_memory(c).time_wait, 0);
        return old;
}

/* ... and here it is again: it answers with its own numbers, and ends when it would have. */
static void is_back(struct conv *c, struct conv_flow old, uint64_t spent)
{
        *c->f = old;
        conv_state(c, ELKO_TCP_TIME_WAIT);
        CONV_EQ(c, conv_memory(c).time_wait, 1);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        conv_in(c, "P. 2:12(10) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        ends_after(c, TWO_MSL(c) - spent);
}

/* MAY-2 (2): "returns to TIME-WAIT state if the SYN turns out to be an old duplicate", which the peer
 * says with a reset (3.5, figure 8). [RFC9293 MAY-2] */
CONV_TEST(may_2_old_duplicate_syn)
{
        struct conv_flow old;

        conv_start(c, NULL);
        old = reopen(c);
        conv_in(c, "R 5001:5001(0)");
        is_back(c, old, ELKO_MS(100));
}

/* Nobody answers the SYN,ACK. */
CONV_TEST(may_2_silence)
{
        struct conv_flow old;
        static const struct conv_options o = {.msl_ns = ELKO_SEC(300)};

        conv_start(c, &o);
        old = reopen(c);
        conv_advance(c, ELKO_SEC(200));
        CONV_CHECK(c, conv_ignore(c) > 2);
        is_back(c, old, ELKO_SEC(200) + ELKO_MS(100));
}

/* The listener goes meanwhile. */
CONV_TEST(may_2_listener_closed)
{
        struct conv_flow old;

        conv_start(c, NULL);
        old = reopen(c);
        conv_close_listener(c);
        is_back(c, old, ELKO_MS(100));
}

/* The wait ends while the entry stands behind the half-open one: then there is nothing to return to. */
CONV_TEST(may_2_the_wait_ends_meanwhile)
{
        static const struct conv_options o = {.msl_ns = ELKO_SEC(1)};

        conv_start(c, &o);
        (void)reopen(c);
        conv_advance(c, ELKO_SEC(10));
        conv_ignore(c);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_in(c, "R 5001:5001(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, conv_memory(c).time_wait, 0);
}

/* The handshake ends well: the old entry is gone for good, and the new connection has the tuple. */
CONV_TEST(may_2_a_new_connection)
{
        conv_start(c, NULL);
        syn_in_time_wait(c, true, 5000, "<mss M,TS val 500 ecr 0>", NEW);
        conv_in(c, "P. 5001:5011(10) ack 1");
        conv_out(c, ". 1:1(0) ack 5011");
        conv_in(c, "R 5011:5011(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, conv_memory(c).time_wait, 0);
        conv_event_error(c, ELKO_EV_READABLE | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
}

/* Nobody listens: the SYN must not be a way to end the wait. */
CONV_TEST(new_syn_without_listener)
{
        conv_start(c, NULL);
        enter(c, true);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, "S 5000:5000(0) win 65535 <mss M,TS val 500 ecr 0>");
        conv_out(c, ". 2:2(0) ack 2 <...>");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* SYN,ACK is no new attempt. */
CONV_TEST(syn_ack)
{
        conv_start(c, NULL);
        enter(c, false);
        conv_advance(c, ELKO_MS(100));
        conv_in(c, "S. 5000:5000(0) ack 2 <mss M,TS val 500 ecr 0>");
        conv_out(c, ". 2:2(0) ack 2 <...>");
        conv_state(c, ELKO_TCP_TIME_WAIT);
}

/* A6-13: two SYNs in one batch: one connection, nothing freed twice. */
CONV_TEST(two_new_syns_at_once)
{
        conv_start(c, NULL);
        enter(c, false);
        conv_advance(c, ELKO_MS(100));
        conv_forget(c);
        conv_queue(c, "S 5000:5000(0) win 65535 <mss M,TS val 500 ecr 0>");
        conv_queue(c, "S 5000:5000(0) win 65535 <mss M,TS val 500 ecr 0>");
        conv_flush(c);
        conv_out(c, "S. 0:0(0) ack 5001 <mss M,TS val 0 ecr 500>");
        conv_none(c);
        conv_in(c, ". 5001:5001(0) ack 1 <TS val 501 ecr 0>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, conv_memory(c).time_wait, 0);
}

/* What was left of the old incarnation does not touch the new one. */
CONV_TEST(old_segments_after_reuse)
{
        conv_start(c, NULL);
        enter(c, false);
        conv_advance(c, ELKO_MS(100));
        conv_forget(c);
        conv_in(c, "S 500000:500000(0) win 65535 <mss M,TS val 500 ecr 0>");
        conv_out(c, "S. 0:0(0) ack 500001 <mss M,TS val 0 ecr 500>");
        conv_in(c, ". 500001:500001(0) ack 1 <TS val 501 ecr 0>");
        conv_accept(c);
        conv_in(c, "P. 1:11(10) ack 1 <TS val 99 ecr 0>");
        conv_out(c, ". 1:1(0) ack 500001");
        conv_recv_is(c, ELKO_EAGAIN);
        conv_quiet(c, TWO_MSL(c));
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* 3.10.1, OPEN: the tuple is in use. */
CONV_TEST(active_open_during_time_wait)
{
        elko_endpoint local = {.port = CONV_PORT}, remote = {.port = CONV_PEER_PORT};
        elko_sock s;

        conv_start(c, NULL);
        enter(c, true);
        local.ip = c->local;
        remote.ip = c->peer;
        CONV_EQ(c, elko_connect(c->st, &remote, &local, &s), ELKO_EADDRINUSE);
        conv_advance(c, TWO_MSL(c) + ELKO_MS(3));
        conv_forget(c);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
}

/* ---- A4-10: the table is full ---- */

static void two_entries(struct elko_config *cfg)
{
        cfg->max_time_wait = 2;
}

CONV_TEST(table_full)
{
        conv_start(c, &((struct conv_options){.config = two_entries}));
        for (unsigned i = 0; i < 5; i++) {
                conv_flow(c, i);
                conv_open_passive(c);
                conv_shutdown(c);
                conv_out(c, "F. 1:1(0) ack 1");
                conv_in(c, "F. 1:1(0) ack 2");
                conv_out(c, ". 2:2(0) ack 2");
                conv_advance(c, ELKO_MS(10));
                CONV_EQ(c, conv_memory(c).time_wait, i == 0 ? 1 : 2);
        }
        CONV_EQ(c, elko_counters_get(c->st)->tcp_time_wait_recycled, 3);
        /* The oldest went. */
        conv_flow(c, 2);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_flow(c, 3);
        conv_state(c, ELKO_TCP_TIME_WAIT);
        CONV_CHECK(c, conv_memory(c).time_wait_bytes <= 64);
        /* The listener is not affected. */
        conv_flow(c, 6);
        conv_open_passive(c);
}

/* Full, and one that was reopened waits for its turn in the queue: the places are counted right. */
CONV_TEST(table_full_with_reopened)
{
        conv_start(c, &((struct conv_options){.config = two_entries}));
        for (unsigned i = 0; i < 6; i++) {
                conv_open_passive(c);
                conv_shutdown(c);
                conv_out(c, "F. 1:1(0) ack 1");
                conv_in(c, "F. 1:1(0) ack 2");
                conv_out(c, ". 2:2(0) ack 2");
                conv_state(c, ELKO_TCP_TIME_WAIT);
                conv_advance(c, ELKO_MS(10));
                conv_forget(c);
                c->f->irs += 1000;
                c->f->ts_base += 1000;
        }
        CONV_EQ(c, elko_counters_get(c->st)->tcp_time_wait_reused, 5);
        CONV_EQ(c, conv_memory(c).time_wait, 1);
}

EK_TEST_MAIN();
