/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Urgent data, RFC 9293, 3.8.5, as RFC 6093 would have it: it stays in the stream, and a pointer tells of it (RELIABILITY
 * A1-20: the pointer is an index of nothing).
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

static int64_t urgent(struct conv *c)
{
        return elko_recv_urgent(c->st, c->f->sock);
}

/* The stream is exact, and the farthest pointer holds. [RFC9293 MUST-30 MUST-31 MUST-62] */
CONV_TEST(a1_20_every_pointer)
{
        static const unsigned urp[] = {0, 1, 9, 10, 11, 65535};
        static const int64_t left[] = {0, 11, 29, 40, 51, 65585};
        unsigned at = 1;

        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 6; i++, at += 10) {
                conv_in(c, "PU. %u:%u(10) ack 1 urg %u", at, at + 10, urp[i]);
                conv_out(c, ". 1:1(0) ack %u", at + 10);
                conv_event(c, i == 0 ? ELKO_EV_READABLE : ELKO_EV_READABLE | ELKO_EV_URGENT);
                CONV_EQ(c, urgent(c), left[i]);
        }
        conv_recv(c, 60);
        CONV_EQ(c, urgent(c), 65535 - 10);
}

/* URG without data, and a pointer without URG. [RFC9293 3.10.7.4-6 MUST-32 MUST-33] */
CONV_TEST(a1_20_without_data)
{
        conv_start_open(c, &plain);
        conv_in(c, "U. 1:1(0) ack 1 urg 12");
        conv_none(c);
        conv_event(c, ELKO_EV_URGENT);
        CONV_EQ(c, urgent(c), 12);
        conv_in(c, "P. 1:11(10) ack 1 urg 50");
        conv_out(c, ". 1:1(0) ack 11");
        conv_event(c, ELKO_EV_READABLE);
        CONV_EQ(c, urgent(c), 12);
        conv_recv(c, 10);
        CONV_EQ(c, urgent(c), 2);
        conv_in(c, "P. 11:21(10) ack 1");
        conv_out(c, ". 1:1(0) ack 21");
        conv_recv_some(c, 2);
        CONV_EQ(c, urgent(c), 0);
        conv_recv(c, 8);
        conv_event(c, ELKO_EV_READABLE);
}

/* It is told once, and again when it moves on; not when an older one comes. [RFC9293 MUST-32] */
CONV_TEST(told_when_it_advances)
{
        conv_start_open(c, &plain);
        conv_in(c, "PU. 1:11(10) ack 1 urg 5");
        conv_out(c, ". 1:1(0) ack 11");
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_URGENT);
        conv_in(c, "PU. 1:11(10) ack 1 urg 5");
        conv_out(c, ". 1:1(0) ack 11");
        conv_in(c, "PU. 11:21(10) ack 1 urg 1");
        conv_out(c, ". 1:1(0) ack 21");
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_URGENT);
        conv_in(c,
                "U. 21:21(0) ack 1 urg 0"); /* at what has not come: in advance of what was taken */
        conv_event(c, ELKO_EV_URGENT);
        conv_recv(c, 20);
        CONV_EQ(c, urgent(c), 0);
        conv_in(c, "U. 21:21(0) ack 1 urg 0"); /* not in advance of it any more */
        conv_event(c, 0);
        CONV_EQ(c, urgent(c), 0);
}

/* The same bytes with and without URG. */
CONV_TEST(a1_20_retransmitted_without_urg)
{
        conv_start_open(c, &plain);
        conv_in(c, "PU. 11:21(10) ack 1 urg 5");
        conv_out(c, ". 1:1(0) ack 1");
        CONV_EQ(c, urgent(c), 15);
        conv_in(c, "P. 1:21(20) ack 1");
        conv_out(c, ". 1:1(0) ack 21");
        conv_recv(c, 20);
        CONV_EQ(c, urgent(c), 0);
}

CONV_TEST(a1_20_on_syn_and_fin)
{
        conv_start(c, &plain);
        conv_listen(c);
        conv_in(c, "SU 0:0(0) win 65535 urg 1 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, "U. 1:1(0) ack 1 urg 65535");
        conv_accept(c);
        conv_event(c, ELKO_EV_URGENT);
        CONV_EQ(c, urgent(c), 65535);
        conv_in(c, "FPU. 1:11(10) ack 1 urg 11");
        conv_out(c, ". 1:1(0) ack 12");
        conv_recv(c, 10);
        conv_recv_is(c, 0);
        conv_in(c, "U. 12:12(0) ack 1 urg 65535"); /* behind the FIN there is nothing */
        CONV_EQ(c, urgent(c), 65535 - 10);
}

/* "Accept valid ACKs, URGs and RSTs" with a closed window, also from a probe that has no place in it. [RFC9293 MUST-66] */
CONV_TEST(with_a_closed_window)
{
        conv_start_open(c, &plain);
        CONV_EQ(c, elko_set_option(c->st, c->f->sock, ELKO_OPTION_WINDOW_CLAMP, 2048), 0);
        for (unsigned at = 1; c->f->edge != c->f->last_ack || at == 1; at += 1024) {
                conv_in(c, ". %u:%u(1024) ack 1", at, at + 1024);
                conv_ignore(c);
                if (at > 1 << 20)
                        conv_fail(c, "the window does not close");
        }
        conv_event(c, ELKO_EV_READABLE);
        {
                unsigned at = c->f->last_ack - c->f->irs;

                conv_in(c, "U. %u:%u(0) ack 1 urg 100", at, at);
                conv_event(c, ELKO_EV_URGENT);
                CONV_EQ(c, urgent(c), at - 1 + 100);
                conv_in(c, "U. %u:%u(1) ack 1 urg 200", at, at + 1);
                conv_ignore(c);
                conv_event(c, ELKO_EV_URGENT);
                CONV_EQ(c, urgent(c), at - 1 + 200);
                conv_in(c, "U. %u:%u(0) ack 1 urg 302", at - 1, at - 1);
                conv_ignore(c);
                conv_event(c, ELKO_EV_URGENT);
                CONV_EQ(c, urgent(c), at - 1 + 301);
                conv_in(c, "U. %u:%u(0) ack 1 urg 1000", at + 5000,
                        at + 5000); /* no place at all */
                conv_ignore(c);
                CONV_EQ(c, urgent(c), at - 1 + 301);
        }
}

/* A connection that has nothing to do gives its memory back, but for a pointer that is ahead. */
CONV_TEST(a_pointer_ahead_is_kept)
{
        conv_start_open(c, &plain);
        conv_in(c, "U. 1:1(0) ack 1 urg 7");
        conv_event(c, ELKO_EV_URGENT);
        conv_advance(c, ELKO_SEC(30));
        CONV_EQ(c, urgent(c), 7);
        conv_in(c, "P. 1:8(7) ack 1");
        conv_ignore(c);
        conv_recv(c, 7);
        conv_event(c, ELKO_EV_READABLE);
        CONV_EQ(c, urgent(c), 0);
}

/* An address that is none, and one that is over. */
CONV_TEST(of_no_connection)
{
        conv_start_open(c, &plain);
        CONV_EQ(c, elko_recv_urgent(c->st, c->listener), ELKO_EBADF);
        CONV_EQ(c, elko_recv_urgent(c->st, ELKO_SOCK_NONE), ELKO_EBADF);
        CONV_EQ(c, urgent(c), 0);
}

/* We send it only for who wants it. [RFC9293 SHLD-13] */
CONV_TEST(not_sent_unasked)
{
        conv_start_open(c, &plain);
        conv_in(c, "PU. 1:11(10) ack 1 urg 3");
        conv_ignore(c);
        conv_send(c, 5000);
        for (unsigned i = 0; i < conv_pending(c); i++) {
                CONV_EQ(c, conv_peek(c, i)->flags & ELKO_URG, 0);
                CONV_EQ(c, conv_peek(c, i)->urg, 0);
        }
        conv_ignore(c);
        conv_recv(c, 10);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_URGENT);
}

/* The pointer stands behind the last urgent byte, on all segments before it, and on them when they go again; Nagle's
 * algorithm does not hold it back. [RFC9293 MUST-30 MUST-31 MUST-62] */
CONV_TEST(sent_up_to_the_pointer)
{
        conv_start_open(c, &plain);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_send_flags(c, 5, ELKO_SEND_URGENT);
        conv_out(c, "PU. 11:16(5) ack 1 urg 5");
        conv_in(c, ". 1:1(0) ack 11");
        conv_send(c, 4);
        conv_out(c, "P. 16:20(4) ack 1"); /* behind it */
        conv_in(c, ". 1:1(0) ack 20");
        conv_send_flags(c, 2u * c->mss + 1, ELKO_SEND_URGENT);
        conv_out(c, "U. 20:%u(%u) ack 1 urg %u", 20 + c->mss, c->mss, 2 * c->mss + 1);
        conv_out(c, "U. %u:%u(%u) ack 1 urg %u", 20 + c->mss, 20 + 2 * c->mss, c->mss, c->mss + 1);
        conv_out(c, "PU. %u:%u(1) ack 1 urg 1", 20 + 2 * c->mss, 21 + 2 * c->mss);
        conv_in(c, "P. 1:11(10) ack 20"); /* what is behind the pointer has none */
        conv_ignore(c);
        conv_recv(c, 10);
        conv_event(c, ELKO_EV_READABLE | ELKO_EV_WRITABLE);
        conv_advance(c, ELKO_MS(1200));
        conv_out_late(c, "U. 20:%u(%u) ack 11 urg %u", 20 + c->mss, c->mss, 2 * c->mss + 1);
        conv_ignore(c);
}

/* With a closed window ACKs and probes tell of it, as RFC 9293, 3.8.5 wants it known at once. [RFC9293 MUST-30] */
CONV_TEST(sent_with_a_closed_window)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1(0) ack 1 win 0");
        conv_send_flags(c, 5, ELKO_SEND_URGENT);
        conv_in(c, "P. 1:11(10) ack 1 win 0");
        conv_out(c, "U. 1:1(0) ack 11 urg 5");
        conv_in(c, "P. 11:21(10) ack 1 win 0");
        conv_ignore(c);
        conv_advance(c, ELKO_MS(600)); /* a probe */
        for (unsigned i = 0; i < conv_pending(c); i++) {
                const struct conv_seg *s = conv_peek(c, i);

                CONV_CHECK(c, s->flags & ELKO_URG);
                CONV_EQ(c, s->urg, s->seq == c->f->iss ? 6 : 5);
        }
        CONV_CHECK(c, conv_pending(c) >= 1);
        conv_ignore(c);
        conv_in(c, ". 21:21(0) ack 1 win 65535");
        conv_out(c, "PU. 1:6(5) ack 21 urg 5");
        conv_recv(c, 20);
        conv_event(c, ELKO_EV_READABLE);
}

/* What is too far away for the field is told of as far as it goes. */
CONV_TEST(sent_beyond_the_field)
{
        static const struct conv_options o = {.no_sack = true, .no_ts = true};

        conv_start_open(c, &o);
        conv_send_flags(c, 100000, ELKO_SEND_URGENT);
        CONV_CHECK(c, conv_pending(c) > 0);
        for (unsigned i = 0; i < conv_pending(c); i++) {
                const struct conv_seg *s = conv_peek(c, i);
                uint32_t left = c->f->iss + 100001 - s->seq;

                CONV_CHECK(c, s->flags & ELKO_URG);
                CONV_EQ(c, s->urg, left < 65535 ? left : 65535);
        }
        conv_ignore(c);
}

EK_TEST_MAIN();
