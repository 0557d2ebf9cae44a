/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Urgent data: stays in band, the pointer is never used (RELIABILITY A1-20; RFC 6093 advises
 * against the mechanism; deviation from RFC 9293, MUST-30 to MUST-32, see seg_check.c).
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* [RFC9293 MUST-30 MUST-31 MUST-32 MUST-33] */
CONV_TEST(a1_20_every_pointer)
{
        static const unsigned urp[] = {0, 1, 9, 10, 11, 65535};
        unsigned at = 1;

        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 6; i++, at += 10) {
                conv_in(c, "PU. %u:%u(10) ack 1 urg %u", at, at + 10, urp[i]);
                conv_out(c, ". 1:1(0) ack %u", at + 10);
        }
        conv_event(c, ELKO_EV_READABLE);
        conv_recv(c, 60);
}

/* URG without data, and a pointer without URG. [RFC9293 3.10.7.4-6] */
CONV_TEST(a1_20_without_data)
{
        conv_start_open(c, &plain);
        conv_in(c, "U. 1:1(0) ack 1 urg 100");
        conv_none(c);
        conv_in(c, "P. 1:11(10) ack 1 urg 5");
        conv_out(c, ". 1:1(0) ack 11");
        conv_recv(c, 10);
}

/* The same bytes with and without URG. */
CONV_TEST(a1_20_retransmitted_without_urg)
{
        conv_start_open(c, &plain);
        conv_in(c, "PU. 11:21(10) ack 1 urg 5");
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, "P. 1:21(20) ack 1");
        conv_out(c, ". 1:1(0) ack 21");
        conv_recv(c, 20);
}

CONV_TEST(a1_20_on_syn_and_fin)
{
        conv_start(c, &plain);
        conv_listen(c);
        conv_in(c, "SU 0:0(0) win 65535 urg 1 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, "U. 1:1(0) ack 1 urg 65535");
        conv_accept(c);
        conv_in(c, "FPU. 1:11(10) ack 1 urg 11");
        conv_out(c, ". 1:1(0) ack 12");
        conv_recv(c, 10);
        conv_recv_is(c, 0);
}

/* We never send it. [RFC9293 MUST-30] */
CONV_TEST(never_sent)
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
}

EK_TEST_MAIN();
