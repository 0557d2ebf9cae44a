/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * A listener that asks the application before a SYN is answered (ELKO_LISTEN_VERDICT): RFC 9293,
 * 3.10.7.2, third, waits for it. Until the verdict the peer learns nothing at all, not even our
 * ISN.
 */

#define SYN_OPTIONS "<mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>"

static const struct elko_listen_config ask = {
        .flags = ELKO_LISTEN_VERDICT, .backlog = 8, .syn_queue = 4};

/* The next undecided SYN is the current flow's; its number. */
static uint64_t take(struct conv *c)
{
        struct elko_syn syn;

        CONV_EQ(c, elko_syn_next(c->st, c->listener, &syn), 0);
        CONV_EQ(c, syn.remote.port, c->f->peer_port);
        CONV_EQ(c, syn.local.port, c->f->port);
        CONV_CHECK(c, memcmp(&syn.remote.ip, &c->peer, sizeof(c->peer)) == 0);
        CONV_CHECK(c, memcmp(&syn.local.ip, &c->local, sizeof(c->local)) == 0);
        return syn.id;
}

static void decide(struct conv *c, uint64_t id, enum elko_verdict verdict, int answer)
{
        CONV_EQ(c, elko_syn_verdict(c->st, id, verdict), answer);
        conv_pull(c);
}

static void nobody_asks(struct conv *c)
{
        struct elko_syn syn;

        CONV_EQ(c, elko_syn_next(c->st, c->listener, &syn), ELKO_EAGAIN);
}

/* A SYN waits. */
static uint64_t begin(struct conv *c)
{
        conv_listen_with(c, &ask);
        conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
        conv_none(c);
        conv_listen_event(c, ELKO_EV_SYN);
        return take(c);
}

CONV_TEST(accepted)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        nobody_asks(c); /* asked once */
        conv_advance(c, ELKO_MS(50));
        decide(c, id, ELKO_VERDICT_ACCEPT, 0);
        conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,sackOK,TS val 0 ecr 100,wscale 4>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_listen_event(c, ELKO_EV_ACCEPT);
        conv_accept(c);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_recv(c, 10);
        decide(c, id, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
}

CONV_TEST(mss_is_told)
{
        struct elko_syn syn;

        conv_start(c, NULL);
        conv_listen_with(c, &ask);
        conv_in(c, "S 0:0(0) win 65535 <mss 1000>");
        CONV_EQ(c, elko_syn_next(c->st, c->listener, &syn), 0);
        CONV_EQ(c, syn.mss, 1000);
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535");
        CONV_EQ(c, elko_syn_next(c->st, c->listener, &syn), 0);
        CONV_EQ(c, syn.mss, 0);
}

CONV_TEST(dropped_)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        decide(c, id, ELKO_VERDICT_DROP, 0);
        conv_none(c);
        conv_state(c, ELKO_TCP_LISTEN);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        CONV_EQ(c, elko_counters_get(c->st)->drops[ELKO_DROP_TCP_SYN_VERDICT], 1);
        decide(c, id, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
        conv_quiet(c, ELKO_SEC(100));
}

/* 3.10.7.1's form: <SEQ=0><ACK=SEG.SEQ+1><CTL=RST,ACK>. */
CONV_TEST(reset)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        decide(c, id, ELKO_VERDICT_RESET, 0);
        conv_out(c, "R. =0:=0(0) ack 1 win 0 <>");
        conv_none(c);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        decide(c, id, ELKO_VERDICT_RESET, ELKO_ENOENT);
}

CONV_TEST(nonsense)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        decide(c, id, (enum elko_verdict)77, ELKO_EINVAL);
        decide(c, 0, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
        decide(c, UINT64_MAX, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
        decide(c, id + 1, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
        decide(c, id ^ (1ull << 40), ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
        conv_none(c);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        decide(c, id, ELKO_VERDICT_ACCEPT, 0);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
}

/* The peer's SYN retransmissions wait with it, silently and without new questions. */
CONV_TEST(deferred)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        for (unsigned i = 0; i < 5; i++) {
                conv_quiet(c, ELKO_SEC(5));
                conv_in(c, "S 0:0(0) win 65535 " SYN_OPTIONS);
                conv_none(c);
                nobody_asks(c);
        }
        conv_listen_event(c, 0);
        decide(c, id, ELKO_VERDICT_ACCEPT, 0);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        /* The back-off of the SYN,ACK begins here. */
        conv_out_after(c, ELKO_SEC(1), "S. 0:0(0) ack 1 <mss M,...>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

CONV_TEST(never_decided)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        conv_quiet(c, ELKO_SEC(60) - 1);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_quiet(c, 1);
        conv_state(c, ELKO_TCP_LISTEN);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        decide(c, id, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
}

/* Nothing that the peer sends meanwhile gets an answer that tells of our ISN or of the waiting. */
CONV_TEST(segments_while_undecided)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        conv_in(c, "R 2:2(0)");
        conv_none(c);
        conv_in(c, "F 1:1(0)");
        conv_none(c);
        conv_in(c, ". 1:1(0) ack =5 <>");
        conv_out(c, "R =5:=5(0) <>");
        conv_in(c, "S. 0:0(0) ack =5 <>");
        conv_out(c, "R =5:=5(0) <>");
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        decide(c, id, ELKO_VERDICT_ACCEPT, 0);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
}

/* The peer gives up. */
CONV_TEST(reset_while_undecided)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        conv_in(c, "R 1:1(0)");
        conv_none(c);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        decide(c, id, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
        conv_none(c);
}

/* Another SYN of the same tuple: a new question, and the old number is void. */
CONV_TEST(another_syn_while_undecided)
{
        uint64_t id, other;

        conv_start(c, NULL);
        id = begin(c);
        conv_advance(c, ELKO_MS(1));
        conv_in(c, "S 5000:5000(0) win 65535 <mss M>");
        conv_none(c);
        conv_listen_event(c, ELKO_EV_SYN);
        other = take(c);
        CONV_CHECK(c, other != id);
        decide(c, id, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
        decide(c, other, ELKO_VERDICT_ACCEPT, 0);
        conv_out(c, "S. 0:0(0) ack 5001 <mss M>");
}

/* The oldest is asked first; each may be decided in any order. */
CONV_TEST(several)
{
        uint64_t id[3];

        conv_start(c, NULL);
        conv_listen_with(c, &ask);
        for (unsigned i = 0; i < 3; i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_advance(c, ELKO_MS(1));
        }
        conv_listen_event(c, ELKO_EV_SYN);
        for (unsigned i = 0; i < 3; i++) {
                conv_flow(c, i);
                id[i] = take(c);
        }
        nobody_asks(c);
        conv_flow(c, 1);
        decide(c, id[1], ELKO_VERDICT_ACCEPT, 0);
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_flow(c, 2);
        decide(c, id[2], ELKO_VERDICT_RESET, 0);
        conv_out(c, "R. =0:=0(0) ack 1");
        conv_flow(c, 0);
        decide(c, id[0], ELKO_VERDICT_DROP, 0);
        conv_none(c);
        conv_flow(c, 1);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

/* A full queue means silence, never a cookie: that would be an answer without a verdict. */
CONV_TEST(queue_full)
{
        conv_start(c, NULL);
        conv_listen_with(c, &ask);
        for (unsigned i = 0; i < 4; i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_none(c);
        }
        conv_flow(c, 4);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_SYN_QUEUE);
        conv_flow(c, 0);
        decide(c, take(c), ELKO_VERDICT_DROP, 0);
        conv_flow(c, 4);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_NONE);
}

CONV_TEST(listener_closed_while_undecided)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        conv_close_listener(c);
        conv_none(c);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        decide(c, id, ELKO_VERDICT_ACCEPT, ELKO_ENOENT);
        conv_none(c);
}

/* A listener that does not ask has nothing to tell. */
CONV_TEST(listener_that_does_not_ask)
{
        struct elko_syn syn;

        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        CONV_EQ(c, elko_syn_next(c->st, c->listener, &syn), ELKO_EAGAIN);
        CONV_EQ(c, elko_syn_next(c->st, 12345, &syn), ELKO_EBADF);
}

/* Decided twice: the second comes too late. */
CONV_TEST(decided_twice)
{
        uint64_t id;

        conv_start(c, NULL);
        id = begin(c);
        decide(c, id, ELKO_VERDICT_ACCEPT, 0);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        decide(c, id, ELKO_VERDICT_RESET, ELKO_ENOENT);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

/* The data of a SYN waits at the peer, as ever. */
CONV_TEST(syn_with_data)
{
        uint64_t id;

        conv_start(c, NULL);
        conv_listen_with(c, &ask);
        conv_in(c, "S 0:100(100) win 65535 <mss M>");
        id = take(c);
        decide(c, id, ELKO_VERDICT_ACCEPT, 0);
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
}

EK_TEST_MAIN();
