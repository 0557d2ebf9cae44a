/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * The two queues of a listener: half-open connections (RFC 4987, 3.1) and connections that wait for
 * accept. RELIABILITY A4-18: what does not fit is dropped silently, never reset, so that the peer's
 * retransmissions find a place later. A4-3: the places are counted right.
 */

static void listen_with(struct conv *c, uint32_t backlog, uint32_t syn_queue)
{
        struct elko_listen_config cfg = {.backlog = backlog, .syn_queue = syn_queue};

        conv_listen_with(c, &cfg);
}

/* A whole handshake of flow n; the connection waits for accept. */
static void queue_one(struct conv *c, unsigned n)
{
        conv_flow(c, n);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

static void no_cookies(struct elko_config *cfg)
{
        cfg->syn_cookies = false;
}

/* ---- the accept queue ---- */

/* Oldest first. */
CONV_TEST(order)
{
        conv_start(c, NULL);
        listen_with(c, 8, 8);
        for (unsigned i = 0; i < 5; i++)
                queue_one(c, i);
        for (unsigned i = 0; i < 5; i++) {
                conv_flow(c, i);
                conv_accept(c);
        }
        conv_accept_none(c);
}

/* STATUS of a listener: who waits, and how many may. */
CONV_TEST(status)
{
        struct elko_tcp_info info;

        conv_start(c, NULL);
        listen_with(c, 3, 8);
        queue_one(c, 0);
        queue_one(c, 1);
        CONV_EQ(c, elko_tcp_info_get(c->st, c->listener, &info), ELKO_OK);
        CONV_EQ(c, info.state, ELKO_TCP_LISTEN);
        CONV_EQ(c, info.unacked, 2);
        CONV_EQ(c, info.snd_buf, 3);
        CONV_CHECK(c, info.local.port != 0);
        conv_flow(c, 0);
        conv_accept(c);
        CONV_EQ(c, elko_tcp_info_get(c->st, c->listener, &info), ELKO_OK);
        CONV_EQ(c, info.unacked, 1);
        conv_close_listener(c);
        conv_ignore(c);
        CONV_EQ(c, elko_tcp_info_get(c->st, c->listener, &info), ELKO_EBADF);
}

/* In the order in which the handshakes end, not in which they begin. */
CONV_TEST(order_of_completion)
{
        conv_start(c, NULL);
        listen_with(c, 8, 8);
        for (unsigned i = 0; i < 3; i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        }
        for (unsigned i = 3; i-- > 0;) {
                conv_flow(c, i);
                conv_in(c, ". 1:1(0) ack 1");
        }
        for (unsigned i = 3; i-- > 0;) {
                conv_flow(c, i);
                conv_accept(c);
        }
}

/* The event says that there is one; it comes again with the next. */
CONV_TEST(events)
{
        conv_start(c, NULL);
        listen_with(c, 8, 8);
        conv_listen_event(c, 0);
        queue_one(c, 0);
        conv_listen_event(c, ELKO_EV_ACCEPT);
        queue_one(c, 1);
        conv_listen_event(c, ELKO_EV_ACCEPT);
        conv_flow(c, 0);
        conv_accept(c);
        conv_flow(c, 1);
        conv_accept(c);
        conv_listen_event(c, 0);
}

/* A4-18: full: a SYN is dropped, not reset; after accept there is room. */
CONV_TEST(syn_when_full)
{
        conv_start(c, NULL);
        listen_with(c, 2, 8);
        queue_one(c, 0);
        queue_one(c, 1);
        conv_flow(c, 2);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_ACCEPT_QUEUE);
        conv_flow(c, 0);
        conv_accept(c);
        conv_flow(c, 2);
        conv_advance(c, ELKO_SEC(1));
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_flow(c, 1);
        conv_accept(c);
        conv_flow(c, 2);
        conv_accept(c);
}

/* Full when the handshake ends: the ACK is dropped, the SYN,ACK goes on asking, and data of the
 * peer completes it later. */
CONV_TEST(ack_when_full)
{
        conv_start(c, NULL);
        listen_with(c, 1, 8);
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        queue_one(c, 0);
        conv_flow(c, 1);
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_ACCEPT_QUEUE);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_out_after(c, ELKO_SEC(1), "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, "P. 1:11(10) ack 1");
        conv_none(c); /* not acknowledged, so not lost */
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_flow(c, 0);
        conv_accept(c);
        conv_flow(c, 1);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_accept(c);
        conv_recv(c, 10);
}

/* ... or the answer to the next SYN,ACK does. */
CONV_TEST(ack_when_full_then_syn_ack_again)
{
        conv_start(c, NULL);
        listen_with(c, 1, 8);
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        queue_one(c, 0);
        conv_flow(c, 1);
        conv_in(c, ". 1:1(0) ack 1");
        conv_flow(c, 0);
        conv_accept(c);
        conv_flow(c, 1);
        conv_out_after(c, ELKO_SEC(1), "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
}

/* What waits is a whole connection: data is taken and acknowledged, up to the window. */
CONV_TEST(data_before_accept)
{
        conv_start(c, NULL);
        listen_with(c, 4, 4);
        queue_one(c, 0);
        for (unsigned i = 0; i < 5; i++) {
                conv_in(c, "P. %u:%u(1000) ack 1", 1 + 1000 * i, 1001 + 1000 * i);
                conv_out(c, ". 1:1(0) ack %u <>", 1001 + 1000 * i);
        }
        conv_accept(c);
        conv_event(c, ELKO_EV_READABLE);
        conv_recv(c, 5000);
}

/* A connection that ended before accept keeps its place until accept tells of it. */
CONV_TEST(dead_before_accept)
{
        conv_start(c, NULL);
        listen_with(c, 1, 4);
        queue_one(c, 0);
        conv_in(c, "R 1:1(0)");
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_ACCEPT_QUEUE);
        conv_flow(c, 0);
        conv_accept(c);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
        conv_close(c);
        queue_one(c, 1);
}

/* Both queues full at once, and closed: everything is given back (the end of the test checks it).
 * */
CONV_TEST(close_with_both_queues_full)
{
        conv_start(c, &((struct conv_options){.config = no_cookies}));
        listen_with(c, 3, 3);
        for (unsigned i = 0; i < 3; i++) {
                conv_flow(c, 10 + i);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
                conv_in(c, ". 1:1(0) ack 1");
        }
        CONV_EQ(c, conv_memory(c).connections, 3);
        conv_close_listener(c);
        CONV_EQ(c, conv_pending(c), 3);
        conv_ignore(c); /* three resets */
        CONV_EQ(c, conv_memory(c).connections, 0);
        CONV_EQ(c, conv_memory(c).listeners, 0);
}

/* ---- the SYN queue, without cookies ---- */

CONV_TEST(syn_queue_full)
{
        conv_start(c, &((struct conv_options){.config = no_cookies}));
        listen_with(c, 8, 2);
        for (unsigned i = 0; i < 2; i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        }
        conv_flow(c, 2);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_SYN_QUEUE);
        /* One handshake ends: one place. */
        conv_flow(c, 1);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_flow(c, 2);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_flow(c, 3);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_SYN_QUEUE);
}

/* Each way out of the queue frees the place: reset, time-out, a SYN of a new incarnation keeps it.
 * */
CONV_TEST(syn_queue_places)
{
        conv_start(c, &((struct conv_options){.config = no_cookies}));
        listen_with(c, 8, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, "R 1:1(0)");
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_advance(c, ELKO_SEC(15));
        CONV_EQ(c, conv_ignore(c), 3);
        conv_flow(c, 2);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_advance(c, ELKO_MS(1));
        conv_forget(c);
        conv_in(c, "S 7000:7000(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 7001 <mss M>");
        CONV_EQ(c, conv_memory(c).half_open, 1);
        conv_flow(c, 3);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_SYN_QUEUE);
}

/* Two listeners have a queue each; one that comes or goes takes its entries along. */
CONV_TEST(two_listeners)
{
        struct elko_listen_config one = {.backlog = 4, .syn_queue = 1};
        elko_endpoint other = {.port = 81};
        elko_sock ls;

        conv_start(c, &((struct conv_options){.config = no_cookies}));
        listen_with(c, 4, 1);
        CONV_EQ(c, elko_listen(c->st, &other, &one, &ls), 0);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_flow(c, 1);
        c->f->port = 81;
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        elko_close(c->st, ls);
        CONV_EQ(c, conv_memory(c).half_open, 1);
        conv_flow(c, 2);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_SYN_QUEUE);
}

/* ---- the stack's own limit ---- */

static void two_connections(struct elko_config *cfg)
{
        cfg->max_connections = 2;
}

CONV_TEST(max_connections)
{
        conv_start(c, &((struct conv_options){.config = two_connections}));
        listen_with(c, 8, 8);
        queue_one(c, 0);
        queue_one(c, 1);
        conv_flow(c, 2);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_SYN_NOMEM);
        conv_state(c, ELKO_TCP_SYN_RECEIVED);
        conv_flow(c, 0);
        conv_accept(c);
        conv_abort(c);
        conv_out(c, "R. 1:1(0) ack 1 <>");
        conv_flow(c, 2);
        conv_in(c, "P. 1:2(1) ack 1");
        conv_out(c, ". 1:1(0) ack 2 <>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* Memory fails at any allocation of a handshake: nothing is half done, and the next try succeeds.
 * */
CONV_TEST(no_memory)
{
        conv_start(c, NULL);
        for (unsigned nth = 1; nth <= 8; nth++) {
                if (nth > 1)
                        conv_again(c);
                listen_with(c, 4, 4);
                elko_fail_alloc(c->st, nth, false);
                for (unsigned again = 0; again < 3 && conv_get_state(c) != ELKO_TCP_ESTABLISHED;
                     again++) {
                        conv_advance(c, ELKO_MS(10));
                        conv_forget(c);
                        conv_in(c, "S 0:0(0) win 65535 <mss M>");
                        if (conv_ignore(c) == 0)
                                continue;
                        conv_in(c, ". 1:1(0) ack 1 <>");
                        conv_ignore(c);
                        conv_in(c, "P. 1:11(10) ack 1 <>");
                        conv_ignore(c);
                }
                elko_fail_alloc(c->st, 0, false);
                conv_state(c, ELKO_TCP_ESTABLISHED);
                conv_accept(c);
                conv_in(c, "P. 1:11(10) ack 1 <>");
                conv_out(c, ". 1:1(0) ack 11 <...>");
                conv_recv(c, 10);
        }
}

EK_TEST_MAIN();
