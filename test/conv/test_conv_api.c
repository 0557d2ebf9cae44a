/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * What the socket calls promise (socket.h), RELIABILITY A12: lengths of zero, stale handles, calls
 * in the wrong state, errors after data, events and their edges, the order of accept, options out
 * of range.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* A connection in the accept queue. */
static void handshake(struct conv *c, unsigned flow)
{
        conv_flow(c, flow);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
}

/* ---- lengths ---- */

CONV_TEST(a12_length_zero)
{
        uint8_t buf[1];

        conv_start_open(c, &plain);
        CONV_EQ(c, elko_send(c->st, c->f->sock, buf, 0, 0), 0);
        CONV_EQ(c, elko_recv(c->st, c->f->sock, buf, 0), 0);
        conv_pull(c);
        conv_none(c);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_ignore(c);
        CONV_EQ(c, elko_recv(c->st, c->f->sock, buf, 0), 0);
        CONV_EQ(c, elko_recv_ready(c->st, c->f->sock), 10);
        CONV_EQ(c, elko_recv_consume(c->st, c->f->sock, 0), 0);
        conv_recv(c, 10);
        conv_shutdown(c);
        conv_ignore(c);
        CONV_EQ(c, elko_send(c->st, c->f->sock, buf, 0, 0), ELKO_EPIPE);
}

/* ---- handles ---- */

static void every_call_says_ebadf(struct conv *c, elko_sock s)
{
        struct elko_slice slices[2];
        struct elko_tcp_info info;
        uint8_t b[4] = {0};
        elko_sock out;
        uint64_t v;

        CONV_EQ(c, elko_send(c->st, s, b, 1, 0), ELKO_EBADF);
        CONV_EQ(c, elko_send_reserve(c->st, s, 1, slices), ELKO_EBADF);
        CONV_EQ(c, elko_send_commit(c->st, s, 1, 0), ELKO_EBADF);
        CONV_EQ(c, elko_send_room(c->st, s), ELKO_EBADF);
        CONV_EQ(c, elko_recv(c->st, s, b, 1), ELKO_EBADF);
        CONV_EQ(c, elko_recv_peek(c->st, s, slices), ELKO_EBADF);
        CONV_EQ(c, elko_recv_consume(c->st, s, 1), ELKO_EBADF);
        CONV_EQ(c, elko_recv_ready(c->st, s), ELKO_EBADF);
        CONV_EQ(c, elko_shutdown(c->st, s), ELKO_EBADF);
        CONV_EQ(c, elko_close(c->st, s), ELKO_EBADF);
        CONV_EQ(c, elko_abort(c->st, s), ELKO_EBADF);
        CONV_EQ(c, elko_accept(c->st, s, &out, NULL), ELKO_EBADF);
        CONV_EQ(c, elko_set_option(c->st, s, ELKO_OPTION_NODELAY, 1), ELKO_EBADF);
        CONV_EQ(c, elko_get_option(c->st, s, ELKO_OPTION_NODELAY, &v), ELKO_EBADF);
        CONV_EQ(c, elko_set_user(c->st, s, b), ELKO_EBADF);
        CONV_EQ(c, elko_set_congestion(c->st, s, &elko_cc_newreno), ELKO_EBADF);
        CONV_EQ(c, elko_tcp_info_get(c->st, s, &info), ELKO_EBADF);
}

CONV_TEST(a12_handles_that_were_never_valid)
{
        conv_start(c, &plain);
        every_call_says_ebadf(c, ELKO_SOCK_NONE);
        for (unsigned i = 0; i < 1000; i++)
                every_call_says_ebadf(c, ek_test_rand());
        for (unsigned i = 0; i < 64; i++)
                every_call_says_ebadf(c, (elko_sock)1 << i);
}

/* RELIABILITY A12: closed twice; and the object's place serves another connection. */
CONV_TEST(a12_stale_handle)
{
        elko_sock old;

        conv_start_open(c, &plain);
        old = c->f->sock;
        conv_close(c);
        conv_ignore(c);
        every_call_says_ebadf(c, old);
        conv_in(c, "R. 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_CLOSED);
        for (unsigned i = 1; i < 5; i++) {
                conv_flow(c, i);
                conv_open_passive(c);
                CONV_CHECK(c, c->f->sock != old);
        }
        every_call_says_ebadf(c, old);
}

/* A listener is no connection, a connection no listener; a waiting connection is nobody's. */
CONV_TEST(a12_wrong_kind)
{
        struct elko_slice slices[2];
        elko_sock out;
        uint8_t b = 0;

        conv_start_open(c, &plain);
        CONV_EQ(c, elko_accept(c->st, c->f->sock, &out, NULL), ELKO_EBADF);
        CONV_EQ(c, elko_send(c->st, c->listener, &b, 1, 0), ELKO_EBADF);
        CONV_EQ(c, elko_recv(c->st, c->listener, &b, 1), ELKO_EBADF);
        CONV_EQ(c, elko_recv_peek(c->st, c->listener, slices), ELKO_EBADF);
        CONV_EQ(c, elko_shutdown(c->st, c->listener), ELKO_EBADF);
}

/* ---- calls in the wrong state ---- */

CONV_TEST(a12_send_after_shutdown)
{
        conv_start_open(c, &plain);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        CONV_EQ(c, conv_try_send(c, 1), ELKO_EPIPE);
        CONV_EQ(c, elko_send_room(c->st, c->f->sock), ELKO_EPIPE);
        conv_shutdown(c); /* twice is once */
        conv_none(c);
        conv_in(c, "F. 1:1(0) ack 2");
        conv_ignore(c);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_EPIPE);
        conv_recv_is(c, 0);
}

CONV_TEST(a12_receive_before_established)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_recv_is(c, ELKO_EAGAIN);
}

/* RELIABILITY A12: what came before the reset is read first, then the error, and it stays. [RFC9293 MUST-12] */
CONV_TEST(a12_error_after_data)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_ignore(c);
        conv_event(c, ELKO_EV_READABLE);
        conv_in(c, "R 11:11(0)");
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
        conv_recv_some(c, 4);
        conv_recv(c, 6);
        conv_recv_is(c, ELKO_ECONNRESET);
        conv_recv_is(c, ELKO_ECONNRESET);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_ECONNRESET);
        CONV_EQ(c, elko_shutdown(c->st, c->f->sock), ELKO_ECONNRESET);
        conv_close(c);
        conv_none(c);
}

/* Early data that never became readable is not data. */
CONV_TEST(a12_reset_with_a_hole)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 11:21(10) ack 1");
        conv_ignore(c);
        conv_in(c, "R 1:1(0)");
        conv_recv_is(c, ELKO_ECONNRESET);
}

CONV_TEST(a12_refused)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_in(c, "R. 0:0(0) ack 1");
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNREFUSED);
        conv_recv_is(c, ELKO_ECONNREFUSED);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_ECONNREFUSED);
        conv_close(c);
        conv_none(c);
}

/* ---- events ---- */

CONV_TEST(a12_events_of_an_active_open)
{
        conv_start(c, &plain);
        conv_connect(c);
        conv_ignore(c);
        conv_event(c, 0);
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_ignore(c);
        conv_event(c, ELKO_EV_CONNECTED | ELKO_EV_WRITABLE);
        conv_event(c, 0);
}

/* READABLE with each arrival; nothing twice. */
CONV_TEST(a12_readable_is_an_edge)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_ignore(c);
        conv_event(c, ELKO_EV_READABLE);
        conv_event(c, 0);
        conv_in(c, "P. 11:21(10) ack 1");
        conv_ignore(c);
        conv_event(c, ELKO_EV_READABLE);
        conv_in(c, "P. 11:21(10) ack 1"); /* old */
        conv_ignore(c);
        conv_in(c, "P. 31:41(10) ack 1"); /* early */
        conv_ignore(c);
        conv_event(c, 0);
        conv_in(c, "P. 21:31(10) ack 1");
        conv_ignore(c);
        conv_event(c, ELKO_EV_READABLE);
        conv_recv(c, 40);
}

/* WRITABLE only after EAGAIN (or a short count), when a third of the buffer is free. */
CONV_TEST(a12_writable_after_eagain)
{
        unsigned acked = 1, rounds = 0;

        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_SND_BUF_MAX, 30000);
        conv_send(c, 1000);
        conv_ignore(c);
        c->f->events = 0;
        conv_in(c, ". 1:1(0) ack 1001");
        c->f->events = 0; /* one WRITABLE may come after accept */
        conv_send(c, 1000);
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 2001");
        conv_event(c, 0); /* nobody asked */
        acked = 2001;
        CONV_EQ(c, conv_try_send(c, 40000), 30000);
        conv_ignore(c);
        CONV_EQ(c, conv_try_send(c, 1), ELKO_EAGAIN);
        while (c->f->events == 0) {
                CONV_CHECK(c, rounds++ < 30);
                conv_ignore(c);
                acked += 1000;
                conv_in(c, ". 1:1(0) ack %u", acked);
        }
        conv_ignore(c);
        CONV_EQ(c, acked, 12001); /* a third of 30000 */
        conv_event(c, ELKO_EV_WRITABLE);
        CONV_EQ(c, elko_send_room(c->st, c->f->sock), 10000);
        conv_send(c, 10000);
        conv_ignore(c);
}

/* RELIABILITY A12: readiness says that the call will not answer EAGAIN. [RFC9293 MUST-12] */
CONV_TEST(a12_eof_after_data)
{
        conv_start_open(c, &plain);
        conv_in(c, "FP. 1:11(10) ack 1");
        conv_ignore(c);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_EOF);
        conv_recv(c, 10);
        conv_recv_is(c, 0);
}

/* Events of a closed handle never come. */
CONV_TEST(a12_no_events_after_close)
{
        struct elko_event ev;

        conv_start_open(c, &plain);
        conv_hold(c, true);
        c->f->events = 0;
        conv_close(c);
        conv_in(c, "R 1:1(0)");
        CONV_CHECK(c, !elko_next_event(c->st, &ev));
        conv_event(c, 0);
        conv_hold(c, false);
        conv_ignore(c);
}

CONV_TEST(a12_user_pointer)
{
        struct elko_event ev;
        int x;

        conv_start_open(c, &plain);
        CONV_EQ(c, elko_set_user(c->st, c->f->sock, &x), 0);
        CONV_CHECK(c, !elko_next_event(c->st, &ev));
        elko_input(c->st, c->link, &(struct elko_packet){0}, 0, c->now);
        CONV_CHECK(c, !elko_next_event(c->st, &ev));
}

/* ---- accept ---- */

CONV_TEST(a12_accept_in_order_of_the_handshakes)
{
        conv_start(c, &plain);
        conv_listen(c);
        for (unsigned i = 0; i < 3; i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 <mss M>");
                conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        }
        conv_accept_none(c);
        for (unsigned i = 3; i-- > 0;) {
                conv_flow(c, i);
                conv_in(c, ". 1:1(0) ack 1");
        }
        conv_listen_event(c, ELKO_EV_ACCEPT);
        for (unsigned i = 3; i-- > 0;) {
                conv_flow(c, i);
                conv_accept(c);
        }
        conv_accept_none(c);
}

/* Data, FIN or RST before accept: the news come with the handle. */
CONV_TEST(a12_news_before_accept)
{
        conv_start(c, &plain);
        conv_listen(c);
        for (unsigned i = 0; i < 2; i++) {
                handshake(c, i);
                conv_in(c, "P. 1:11(10) ack 1");
                conv_out(c, ". 1:1(0) ack 11");
        }
        conv_in(c, "R 11:11(0)");
        conv_flow(c, 0);
        conv_accept(c);
        conv_event(c, ELKO_EV_READABLE);
        conv_recv(c, 10);
        conv_flow(c, 1);
        conv_accept(c);
        conv_event_error(c, ELKO_EV_READABLE | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ECONNRESET);
        conv_recv(c, 10);
        conv_recv_is(c, ELKO_ECONNRESET);
        conv_close(c);
}

/* RELIABILITY A6-12: the listener goes; what waits is reset, what is dead already is forgotten. */
CONV_TEST(a6_12_listener_closed_with_a_full_queue)
{
        conv_start(c, &plain);
        conv_listen(c);
        for (unsigned i = 0; i < 3; i++) {
                handshake(c, i);
        }
        conv_in(c, "R 1:1(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_flow(c, 1);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_ignore(c);
        conv_close_listener(c);
        conv_flow(c, 0);
        conv_out(c, "R. 1:1(0) ack 1");
        conv_flow(c, 1);
        conv_out(c, "R. 1:1(0) ack 11");
        conv_none(c);
        CONV_EQ(c, conv_memory(c).connections, 0);
}

/* ---- zero copy ---- */

CONV_TEST(zero_copy_receive)
{
        struct elko_slice s[2];

        conv_start_open(c, &plain);
        CONV_EQ(c, elko_recv_peek(c->st, c->f->sock, s), ELKO_EAGAIN);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_ignore(c);
        CONV_EQ(c, elko_recv_peek(c->st, c->f->sock, s), 10);
        CONV_EQ(c, s[0].len + s[1].len, 10);
        CONV_EQ(c, s[0].data[0], conv_peer_byte(0));
        CONV_EQ(c, elko_recv_consume(c->st, c->f->sock, 11), ELKO_EINVAL);
        CONV_EQ(c, elko_recv_consume(c->st, c->f->sock, 4), 0);
        CONV_EQ(c, elko_recv_peek(c->st, c->f->sock, s), 6);
        CONV_EQ(c, s[0].data[0], conv_peer_byte(4));
        CONV_EQ(c, elko_recv_consume(c->st, c->f->sock, 6), 0);
        CONV_EQ(c, elko_recv_peek(c->st, c->f->sock, s), ELKO_EAGAIN);
}

CONV_TEST(zero_copy_send)
{
        struct elko_slice s[2];
        int64_t n;

        conv_start_open(c, &plain);
        CONV_EQ(c, elko_send_reserve(c->st, c->f->sock, 0, s), 0);
        n = elko_send_reserve(c->st, c->f->sock, 100, s);
        CONV_EQ(c, n, 100);
        for (unsigned i = 0; i < 100; i++) {
                uint8_t *at = (uint8_t *)(uintptr_t)(i < s[0].len ? s[0].data + i
                                                                  : s[1].data + (i - s[0].len));

                *at = conv_stack_byte(i);
        }
        CONV_EQ(c, elko_send_commit(c->st, c->f->sock, (size_t)1 << 30, 0), ELKO_EINVAL);
        CONV_EQ(c, elko_send_commit(c->st, c->f->sock, 0, 0), 0);
        CONV_EQ(c, elko_send_commit(c->st, c->f->sock, 60, 0), 60);
        conv_pull(c);
        conv_out(c, "P. 1:61(60) ack 1");
        conv_in(c, ". 1:1(0) ack 61");
}

/* ---- options ---- */

static void option(struct conv *c, enum elko_option o, uint64_t v, bool good)
{
        uint64_t before = 0, after = 0;

        CONV_EQ(c, elko_get_option(c->st, c->f->sock, o, &before), 0);
        CONV_EQ(c, elko_set_option(c->st, c->f->sock, o, v), good ? 0 : ELKO_EINVAL);
        CONV_EQ(c, elko_get_option(c->st, c->f->sock, o, &after), 0);
        CONV_EQ(c, after, good ? v : before);
}

/* [RFC9293 MUST-40; RFC5681 4.2b] */
CONV_TEST(a12_options_out_of_range)
{
        static const struct {
                enum elko_option o;
                uint64_t lo, hi;
        } ranges[] = {
                {ELKO_OPTION_NODELAY, 0, 1},
                {ELKO_OPTION_KEEPALIVE, 0, 1},
                {ELKO_OPTION_CORK, 0, 1},
                {ELKO_OPTION_KEEPALIVE_IDLE, ELKO_SEC(1), UINT64_MAX},
                {ELKO_OPTION_KEEPALIVE_INTERVAL, ELKO_SEC(1), UINT64_MAX},
                {ELKO_OPTION_KEEPALIVE_COUNT, 1, 255},
                {ELKO_OPTION_SND_BUF_MAX, 2048, 1 << 30},
                {ELKO_OPTION_RCV_BUF_MAX, 2048, 1 << 30},
                {ELKO_OPTION_DELACK, 0, ELKO_MS(500) - 1},
                {ELKO_OPTION_TTL, 1, 255},
                {ELKO_OPTION_MAX_SEG, 48, 65535},
                {ELKO_OPTION_TOS, 0, 252},
        };

        conv_start_open(c, &plain);
        for (unsigned i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
                option(c, ranges[i].o, ranges[i].lo, true);
                option(c, ranges[i].o, ranges[i].hi, true);
                if (ranges[i].hi != UINT64_MAX) {
                        option(c, ranges[i].o, ranges[i].hi + 1, false);
                        option(c, ranges[i].o, (uint64_t)1 << 32 | ranges[i].lo, false);
                        option(c, ranges[i].o, UINT64_MAX, false);
                }
                if (ranges[i].lo > 0 && ranges[i].o != ELKO_OPTION_MAX_SEG)
                        option(c, ranges[i].o, ranges[i].lo - 1, false);
        }
        option(c, ELKO_OPTION_MAX_SEG, 0, true);
        option(c, ELKO_OPTION_MAX_SEG, 47, false);
        for (uint64_t tos = 0; tos < 256; tos++)
                option(c, ELKO_OPTION_TOS, tos, tos % 4 == 0);
        CONV_EQ(c, elko_set_option(c->st, c->f->sock, ELKO_OPTION_COUNT, 0), ELKO_EINVAL);
        CONV_EQ(c, elko_set_option(c->st, c->f->sock, (enum elko_option)77, 0), ELKO_EINVAL);
        conv_ignore(c);
}

/* [RFC9293 MUST-48 SHLD-21 SHLD-22 MUST-49] */
CONV_TEST(ttl_and_tos)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_TTL, 7);
        conv_set(c, ELKO_OPTION_TOS, 0xb8);
        conv_send(c, 10);
        CONV_EQ(c, conv_peek(c, 0)->ttl, 7);
        CONV_EQ(c, conv_peek(c, 0)->tos, 0xb8);
        conv_out(c, "P. 1:11(10) ack 1");
}

/* ---- connect and listen ---- */

/* [RFC9293 MUST-43] */
CONV_TEST(a12_connect_arguments)
{
        elko_endpoint to = {.ip = c->peer, .port = 99}, from = {.port = CONV_PORT};
        elko_sock s, t;

        conv_start(c, &plain);
        to.ip = c->peer;
        from.ip = c->local;
        to.port = 0;
        CONV_EQ(c, elko_connect(c->st, &to, NULL, &s), ELKO_EINVAL);
        CONV_EQ(c, s, ELKO_SOCK_NONE);
        to.port = 99;
        to.ip = (elko_ip){{0}};
        CONV_EQ(c, elko_connect(c->st, &to, NULL, &s), ELKO_EINVAL);
        to.ip = elko_ip_v4(224, 0, 0, 1);
        CONV_EQ(c, elko_connect(c->st, &to, NULL, &s), ELKO_EINVAL);
        to.ip = c->local; /* RELIABILITY A5-2 */
        CONV_CHECK(c, elko_connect(c->st, &to, NULL, &s) < 0);
        to.ip = c->peer;
        from.ip = c->peer; /* not ours */
        CONV_EQ(c, elko_connect(c->st, &to, &from, &s), ELKO_EADDRNOTAVAIL);
        from.ip = c->local;
        CONV_EQ(c, elko_connect(c->st, &to, &from, &s), 0);
        CONV_EQ(c, elko_connect(c->st, &to, &from, &t), ELKO_EADDRINUSE); /* connection exists */
        CONV_EQ(c, elko_abort(c->st, s), 0);
}

CONV_TEST(a12_listen_arguments)
{
        elko_endpoint any = {.port = 81}, mine, other;
        struct elko_listen_config cfg = {.backlog = 0, .syn_queue = 1};
        elko_sock a, b, d;

        conv_start(c, &plain);
        mine = (elko_endpoint){.ip = c->local, .port = 81};
        other = (elko_endpoint){.ip = c->peer, .port = 81};
        CONV_EQ(c, elko_listen(c->st, &any, &cfg, &a), ELKO_EINVAL);
        cfg = (struct elko_listen_config){.backlog = 1, .syn_queue = 0};
        CONV_EQ(c, elko_listen(c->st, &any, &cfg, &a), ELKO_EINVAL);
        any.port = 0;
        CONV_EQ(c, elko_listen(c->st, &any, NULL, &a), ELKO_EINVAL);
        any.port = 81;
        CONV_EQ(c, elko_listen(c->st, &any, NULL, &a), 0);
        CONV_EQ(c, elko_listen(c->st, &any, NULL, &b), ELKO_EADDRINUSE);
        CONV_EQ(c, elko_listen(c->st, &other, NULL, &b), ELKO_EADDRNOTAVAIL);
        CONV_EQ(c, elko_listen(c->st, &mine, NULL, &b), 0); /* more specific */
        CONV_EQ(c, elko_close(c->st, a), 0);
        CONV_EQ(c, elko_close(c->st, a), ELKO_EBADF);
        CONV_EQ(c, elko_listen(c->st, &any, NULL, &d), 0);
        CONV_EQ(c, elko_close(c->st, b), 0);
        CONV_EQ(c, elko_close(c->st, d), 0);
}

/* RELIABILITY A12: ports run out (lwIP looped for ever). */
static void few_ports(struct elko_config *cfg)
{
        cfg->port_min = 50000;
        cfg->port_max = 50003;
}

CONV_TEST(a12_ports_run_out)
{
        static const struct conv_options o = {.config = few_ports};
        elko_endpoint to;
        elko_sock s[5];

        conv_start(c, &o);
        to = (elko_endpoint){.ip = c->peer, .port = 99};
        for (unsigned i = 0; i < 4; i++)
                CONV_EQ(c, elko_connect(c->st, &to, NULL, &s[i]), 0);
        CONV_EQ(c, elko_connect(c->st, &to, NULL, &s[4]), ELKO_ENOPORTS);
        to.port = 100; /* another destination has all of them again */
        CONV_EQ(c, elko_connect(c->st, &to, NULL, &s[4]), 0);
        for (unsigned i = 0; i < 5; i++)
                CONV_EQ(c, elko_abort(c->st, s[i]), 0);
}

/* STATUS while everything is quiet: RFC 9293, 3.9.1.6. */
CONV_TEST(status)
{
        struct elko_tcp_info i;

        conv_start_open(c, NULL);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        i = conv_info(c);
        CONV_EQ(c, i.state, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, i.flight, 100);
        CONV_EQ(c, i.unacked, 1);
        CONV_EQ(c, i.snd_buf_used, 100);
        CONV_EQ(c, i.notsent, 0);
        CONV_EQ(c, i.bytes_sent, 100);
        CONV_EQ(c, i.options, ELKO_TCPI_TIMESTAMPS | ELKO_TCPI_SACK | ELKO_TCPI_WSCALE);
        CONV_EQ(c, i.local.port, CONV_PORT);
        CONV_EQ(c, i.remote.port, CONV_PEER_PORT);
        CONV_EQ(c, i.limited_by, ELKO_LIMITED_APP);
        conv_in(c, "P. 1:51(50) ack 101");
        conv_ignore(c);
        i = conv_info(c);
        CONV_EQ(c, i.bytes_acked, 100);
        CONV_EQ(c, i.bytes_received, 50);
        CONV_EQ(c, i.rcv_buf_used, 50);
        CONV_EQ(c, i.limited_by, ELKO_LIMITED_NOTHING);
        CHECK_STR_EQ(i.congestion, "newreno");
}

EK_TEST_MAIN();
