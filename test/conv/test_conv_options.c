/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * TCP options: RFC 9293, 3.2 (MUST-4 to MUST-7, MUST-65, MUST-67), 3.7.1 (MSS), RFC 7323 (window
 * scale, timestamps, PAWS), RFC 2018 (SACK permitted). An option is in force only when both SYNs
 * had it.
 */

/* A passive open with these options of the peer; `answer` is the whole list of the SYN,ACK. */
static void open_with(struct conv *c, const char *options, const char *answer)
{
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 %s", options);
        conv_out(c, "S. 0:0(0) ack 1 win 65535 %s", answer);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* How many bytes the first of many segments has. */
static void first_segment_is(struct conv *c, unsigned bytes)
{
        conv_send(c, 2000);
        CONV_CHECK(c, conv_pending(c) > 0);
        CONV_EQ(c, conv_peek(c, 0)->len, bytes);
        conv_ignore(c);
}

/* ---- MSS: 3.7.1 ---- */

/* MUST-14, MUST-15: without the option 536 for IPv4, 1220 for IPv6. [RFC9293 MUST-15] */
CONV_TEST(mss_absent)
{
        conv_start(c, NULL);
        open_with(c, "<>", "<mss M>");
        first_segment_is(c, c->variant->v6 ? 1220 : 536);
}

/* [RFC9293 MUST-14 MUST-15] */
CONV_TEST(mss_absent_active)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <>");
        conv_out(c, ". 1:1(0) ack 1");
        first_segment_is(c, c->variant->v6 ? 1220 : 536);
}

CONV_TEST(mss_zero_is_no_option)
{
        conv_start(c, NULL);
        open_with(c, "<mss 0>", "<mss M>");
        first_segment_is(c, c->variant->v6 ? 1220 : 536);
}

CONV_TEST(mss_tiny_has_a_floor)
{
        conv_start(c, NULL);
        open_with(c, "<mss 1>", "<mss M>");
        first_segment_is(c, 48);
}

CONV_TEST(mss_at_the_floor)
{
        conv_start(c, NULL);
        open_with(c, "<mss 48>", "<mss M>");
        first_segment_is(c, 48);
}

/* RFC 6691: the option counts no options; who adds them sends less. [RFC9293 MUST-16] */
CONV_TEST(mss_without_the_timestamp)
{
        conv_start(c, NULL);
        open_with(c, "<mss 1000,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        first_segment_is(c, 988);
}

/* min(SendMSS + 20, MMS_S) - TCPhdrsize - IPoptionsize (MUST-16): never above our own link.
 * [RFC9293 MUST-16] */
CONV_TEST(mss_above_ours)
{
        conv_start(c, NULL);
        open_with(c, "<mss 9000>", "<mss M>");
        first_segment_is(c, c->mss);
}

CONV_TEST(mss_65535)
{
        conv_start(c, NULL);
        open_with(c, "<mss 65535>", "<mss M>");
        first_segment_is(c, c->mss);
}

/* [RFC9293 MUST-14] */
CONV_TEST(mss_odd)
{
        conv_start(c, NULL);
        open_with(c, "<mss 777>", "<mss M>");
        first_segment_is(c, 777);
}

/* MUST-67: what we announce follows the MTU of the link. [RFC9293 SHLD-5 MAY-3 MUST-67] */
CONV_TEST(mss_of_a_small_link)
{
        conv_start(c, &((struct conv_options){.mtu = 1280}));
        open_with(c, "<mss 1460>", "<mss M>");
        CONV_CHECK(c, c->mss == (c->variant->v6 ? 1220 : 1240));
        first_segment_is(c, c->mss);
}

CONV_TEST(mss_of_a_large_link)
{
        conv_start(c, &((struct conv_options){.mtu = 9000}));
        open_with(c, "<mss 1460>", "<mss M>");
        first_segment_is(c, 1460);
}

/* An MSS option in a segment without SYN means nothing. [RFC9293 MUST-5 MUST-65] */
CONV_TEST(mss_without_syn)
{
        conv_start(c, NULL);
        open_with(c, "<mss 1000>", "<mss M>");
        conv_in(c, "P. 1:2(1) ack 1 <mss 100>");
        conv_out(c, ". 1:1(0) ack 2");
        first_segment_is(c, 1000);
}

/* ---- window scale: RFC 7323, 2 ---- */

/* [RFC9293 REC-1; RFC7323 2.3d 2.3f] */
CONV_TEST(wscale_0_to_14_and_beyond)
{
        for (unsigned shift = 0; shift <= 16; shift++) {
                unsigned used = shift > 14 ? 14 : shift;

                if (shift == 0)
                        conv_start(c, NULL);
                else
                        conv_again(c);
                conv_listen(c);
                conv_in(c, "S 0:0(0) win 65535 <mss M,nop,wscale %u>", shift);
                conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,wscale 4>");
                conv_in(c, ". 1:1(0) ack 1 win 3");
                conv_accept(c);
                CONV_EQ(c, conv_info(c).snd_wnd, 3u << used);
                CONV_EQ(c, conv_info(c).snd_wscale, used);
                CONV_EQ(c, conv_info(c).rcv_wscale, 4);
                /* The largest window that there can be. */
                conv_in(c, ". 1:1(0) ack 1 win 65535");
                CONV_EQ(c, conv_info(c).snd_wnd, 65535u << used);
                conv_none(c);
        }
}

/* [RFC7323 2.3g] */
CONV_TEST(wscale_255)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M,nop,wscale 255>");
        conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,wscale 4>");
        conv_in(c, ". 1:1(0) ack 1 win 1");
        conv_accept(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 1u << 14);
}

/* Only when both SYNs have it: none of ours is scaled either. [RFC9293 MUST-1; RFC7323 2.3c] */
CONV_TEST(wscale_absent)
{
        conv_start(c, NULL);
        open_with(c, "<mss M>", "<mss M>");
        CONV_EQ(c, conv_info(c).snd_wnd, 65535);
        CONV_EQ(c, conv_info(c).rcv_wscale, 0);
        conv_in(c, "P. 1:11(10) ack 1 win 100");
        CONV_EQ(c, conv_info(c).snd_wnd, 100);
        conv_out(c, ". 1:1(0) ack 11 win 65525 <>");
        conv_recv(c, 10);
}

/* [RFC7323 2.2a 2.3c] */
CONV_TEST(wscale_absent_active)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 0 ecr =0,wscale 4>");
        conv_in(c, "S. 0:0(0) ack 1 win 1000 <mss M>");
        conv_out(c, ". 1:1(0) ack 1 win 65535 <>");
        CONV_EQ(c, conv_info(c).snd_wnd, 1000);
        CONV_EQ(c, conv_info(c).snd_wscale, 0);
        CONV_EQ(c, conv_info(c).rcv_wscale, 0);
}

/* RFC 7323, 2.2: "The Window field in a segment where the SYN bit is set MUST NOT be scaled." [RFC7323 2.2d] */
CONV_TEST(wscale_not_on_syn_passive)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 1000 <mss 500,nop,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,wscale 4>");
        conv_in(c, "P. 1:2(1) ack 1 win 8");
        conv_out(c, ". 1:1(0) ack 2 win * <>");
        conv_accept(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 1024);
}

CONV_TEST(wscale_not_on_syn_in_a_simultaneous_open)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) win 65535 <mss M,...>");
        conv_in(c, "S 0:0(0) win 1000 <mss 500,nop,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M,wscale 4>");
        CONV_EQ(c, conv_info(c).snd_wnd, 1000);
        conv_in(c, "S. 0:0(0) ack 1 win 1000 <mss 500,nop,wscale 7>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        CONV_EQ(c, conv_info(c).snd_wnd, 1000);
}

/* An option in a later segment is not the handshake's. [RFC7323 2.2c] */
CONV_TEST(wscale_without_syn)
{
        conv_start(c, NULL);
        open_with(c, "<mss M>", "<mss M>");
        conv_in(c, "P. 1:2(1) ack 1 win 10 <nop,wscale 7>");
        conv_out(c, ". 1:1(0) ack 2 win 65534 <>");
        CONV_EQ(c, conv_info(c).snd_wnd, 10);
}

CONV_TEST(wscale_not_offered_by_us)
{
        conv_start(c, &((struct conv_options){.no_wscale = true}));
        open_with(c, "<mss M,nop,wscale 7>", "<mss M>");
        conv_in(c, "P. 1:2(1) ack 1 win 10");
        conv_out(c, ". 1:1(0) ack 2 win 65534 <>");
        CONV_EQ(c, conv_info(c).snd_wnd, 10);
}

/* ---- SACK permitted: RFC 2018, 2 ---- */

/* [RFC2018 2] */
CONV_TEST(sack_both)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,sackOK>", "<mss M,sackOK>");
        conv_in(c, "P. 11:21(10) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 11:21>");
}

CONV_TEST(sack_not_offered_by_the_peer)
{
        conv_start(c, NULL);
        open_with(c, "<mss M>", "<mss M>");
        conv_in(c, "P. 11:21(10) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <>");
}

CONV_TEST(sack_not_offered_by_us)
{
        conv_start(c, &((struct conv_options){.no_sack = true}));
        open_with(c, "<mss M,sackOK>", "<mss M>");
        conv_in(c, "P. 11:21(10) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <>");
}

CONV_TEST(sack_not_answered)
{
        conv_start(c, NULL);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,sackOK,...>");
        conv_in(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
        conv_out(c, ". 1:1(0) ack 1 <>");
        conv_in(c, "P. 11:21(10) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <>");
}

/* RFC 2018, 2: "MUST NOT be sent on non-SYN segments"; one that comes is ignored. [RFC2018 2] */
CONV_TEST(sack_permitted_without_syn)
{
        conv_start(c, NULL);
        open_with(c, "<mss M>", "<mss M>");
        conv_in(c, "P. 11:21(10) ack 1 <sackOK,nop,nop>");
        conv_out(c, ". 1:1(0) ack 1 <>");
}

/* SACK blocks from a peer that never permitted SACK are ignored. */
CONV_TEST(sack_blocks_not_negotiated)
{
        conv_start(c, NULL);
        open_with(c, "<mss M>", "<mss M>");
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 1 <nop,nop,sack 1:101>");
        conv_none(c);
        CONV_EQ(c, conv_info(c).sacked, 0);
}

/* ---- timestamps: RFC 7323, 3 to 5 ---- */

/* [RFC9293 MUST-65 MUST-5; RFC7323 3.2b 3.2h] */
CONV_TEST(ts_both)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_advance(c, ELKO_MS(25));
        conv_in(c, "P. 1:11(10) ack 1 <TS val 200 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <TS val 25 ecr 200>"); /* MUST-65: on every segment */
        conv_send(c, 5);
        conv_out(c, "P. 1:6(5) ack 11 <TS val 25 ecr 200>");
        conv_shutdown(c);
        conv_out(c, "F. 6:6(0) ack 11 <TS val 25 ecr 200>");
}

/* [RFC7323 3.2a] */
CONV_TEST(ts_not_offered_by_the_peer)
{
        conv_start(c, NULL);
        open_with(c, "<mss M>", "<mss M>");
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11 <>");
}

CONV_TEST(ts_not_offered_by_us)
{
        conv_start(c, &((struct conv_options){.no_ts = true}));
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M>");
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11 <>");
}

/* A6-8: only on the third segment: "once not negotiated, MUST ignore" (RFC 7323, 3.2). [RFC7323 3.2f] */
CONV_TEST(ts_only_after_the_handshake)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1 <TS val 5 ecr 0>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_accept(c);
        conv_in(c, "P. 1:11(10) ack 1 <TS val 4 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <>");
}

/* A6-8: missing after negotiation. RFC 7323, 3.2 says SHOULD drop; elko takes it without PAWS.
 * [RFC7323 3.2d 3.2e] */
CONV_TEST(ts_missing_later)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <>");
        conv_out(c, ". 1:1(0) ack 11 <TS val 0 ecr 100>");
        conv_recv(c, 10);
}

/* A10-3: TSval 0 is a value like any other. */
CONV_TEST(ts_val_0)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val =0 ecr 0>", "<mss M,TS val 0 ecr =0>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val =0 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <TS val 0 ecr =0>");
        conv_in(c, "P. 11:21(10) ack 1 <TS val =1 ecr =12345>");
        conv_out(c, ". 1:1(0) ack 21 <TS val 0 ecr =1>");
        conv_recv(c, 20);
}

/* A10-6, I-36: our TSval is a clock of 1 ms and never goes back, over the wrap as well. [RFC7323 4.1a 5.4a] */
CONV_TEST(ts_clock)
{
        static const unsigned steps[] = {1, 10, 999, 60000, 3600000};
        unsigned at = 0, rcv = 1;

        conv_start_open(c, NULL);
        for (unsigned i = 0; i < 5; i++) {
                conv_quiet(c, ELKO_MS(steps[i]));
                at += steps[i];
                conv_in(c, "P. %u:%u(1) ack 1 <TS val %u ecr 0>", rcv, rcv + 1, 100 + at);
                rcv++;
                conv_out(c, ". 1:1(0) ack %u <TS val %u ecr %u>", rcv, at, 100 + at);
                conv_recv(c, 1);
        }
}

/* A3-10: the clock of each connection has its own offset (RFC 7323, 5.4). [RFC7323 7.1] */
CONV_TEST(ts_offsets_differ)
{
        uint32_t first;

        conv_start_open(c, NULL);
        first = c->f->stack_ts_base;
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M,TS val 100 ecr 0>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,TS val 0 ecr 100>");
        CONV_CHECK(c, c->f->stack_ts_base - first + 1000000 > 2000000);
}

/* ---- TS.Recent: RFC 7323, 4.3 ---- */

/* (2): only from a segment with SEG.TSval >= TS.Recent and SEG.SEQ <= Last.ACK.sent. A10-5.
 * [RFC7323 4.3b 4.3c 5.3-R3] */
CONV_TEST(ts_recent_not_from_out_of_order)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "P. 11:21(10) ack 1 <TS val 300 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 200 ecr 0>");
        conv_out(c, ". 1:1(0) ack 21 <TS val 0 ecr 200>");
        conv_recv(c, 20);
}

/* Of a delayed ACK's segments the first one is echoed: its time includes the delay. [RFC7323 4.3a] */
CONV_TEST(ts_recent_of_a_delayed_ack)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        for (unsigned i = 0; i < 10; i++) { /* the quick ACKs of the beginning */
                conv_in(c, "P. %u:%u(1) ack 1 <TS val 100 ecr 0>", i + 1, i + 2);
                conv_out(c, ". 1:1(0) ack %u <TS val 0 ecr 100>", i + 2);
        }
        conv_in(c, "P. 11:21(10) ack 1 <TS val 110 ecr 0>");
        conv_none(c);
        conv_advance(c, ELKO_MS(10));
        conv_in(c, "P. 21:31(10) ack 1 <TS val 120 ecr 0>");
        conv_none(c);
        conv_out_after(c, ELKO_MS(30), ". 1:1(0) ack 31 <TS val 40 ecr 110>");
}

/* A3-14: a forged segment outside of the window does not poison TS.Recent. [RFC7323 5.3-R2] */
CONV_TEST(ts_recent_not_from_outside)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "P. 900000:900010(10) ack 1 <TS val 2000000000 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
        conv_in(c, "P. -900000:-899990(10) ack 1 <TS val 2000000000 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100,...>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 101 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <TS val 0 ecr 101>");
        conv_recv(c, 10);
}

/* ... nor one whose ACK is out of range (RFC 5961, 5.2), if it lies beyond RCV.NXT. */
CONV_TEST(ts_recent_not_from_the_middle_of_the_window)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "P. 1000:1010(10) ack 5000 <TS val 2000000000 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 101 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <TS val 0 ecr 101>");
}

/* ---- PAWS: RFC 7323, 5.3 ---- */

/* R1: older: dropped, answered by an ACK. A10-4. [RFC7323 5.2a 5.3-R1] */
CONV_TEST(paws_old_data)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 99 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
        conv_dropped(c, ELKO_DROP_TCP_PAWS);
        conv_recv_is(c, ELKO_EAGAIN);
        /* Data always gets its ACK (RFC 7323, R1), without a limit. */
        conv_in(c, "P. 1:11(10) ack 1 <TS val 99 ecr 0>");
        conv_out(c, ". 1:1(0) ack 1 <TS val 0 ecr 100>");
}

/* [RFC7323 5.3-R4] */
CONV_TEST(paws_equal)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 100 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <TS val 0 ecr 100>");
        conv_recv(c, 10);
}

/* Half of the circle: 2^31 - 1 ahead is newer, 2^31 ahead is older. [RFC7323 5.3-R1] */
CONV_TEST(paws_half_of_the_circle)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 2147483748 ecr 0>");
        conv_dropped(c, ELKO_DROP_TCP_PAWS);
        conv_ignore(c);
        conv_in(c, "P. 1:11(10) ack 1 <TS val 2147483747 ecr 0>");
        conv_dropped(c, ELKO_DROP_NONE);
        conv_out(c, ". 1:1(0) ack 11 <TS val 0 ecr 2147483747>");
        conv_recv(c, 10);
}

/* Old pure ACKs are answered, but not faster than challenge ACKs are. */
CONV_TEST(paws_old_acks_are_limited)
{
        unsigned n = 0;

        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        for (unsigned i = 0; i < 50; i++) {
                conv_in(c, ". 1:1(0) ack 1 <TS val 99 ecr 0>");
                n += conv_ignore(c);
        }
        CONV_EQ(c, n, 1);
}

/* A10-2: resets are exempt from PAWS (RFC 7323, 5.2). [RFC7323 5.2d] */
CONV_TEST(paws_spares_resets)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "R 1:1(0) <TS val 1 ecr 0>");
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* 5.5, A10-1: after more than 24 days of silence TS.Recent is not valid any more. [RFC7323 5.5] */
CONV_TEST(paws_after_24_days)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_quiet(c, ELKO_SEC((24ull * 24 + 20) * 3600));
        conv_in(c, "P. 1:11(10) ack 1 <TS val 99 ecr 0>");
        conv_dropped(c, ELKO_DROP_NONE);
        conv_out(c, ". 1:1(0) ack 11 <TS val * ecr 99>");
        conv_recv(c, 10);
        conv_in(c, "P. 11:21(10) ack 1 <TS val 98 ecr 0>");
        conv_dropped(c, ELKO_DROP_TCP_PAWS);
        conv_ignore(c);
}

/* The real case: a clock of 1 ms has passed half of its circle. */
CONV_TEST(paws_after_24_days_and_20_hours)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_quiet(c, ELKO_SEC((24ull * 24 + 21) * 3600));
        conv_in(c, "P. 1:11(10) ack 1"); /* the peer's clock as it is now */
        conv_dropped(c, ELKO_DROP_NONE);
        conv_out(c, ". 1:1(0) ack 11");
        conv_recv(c, 10);
}

/* [RFC7323 5.5] */
CONV_TEST(paws_still_after_23_days)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_quiet(c, ELKO_SEC(23ull * 24 * 3600));
        conv_in(c, "P. 1:11(10) ack 1 <TS val 99 ecr 0>");
        conv_dropped(c, ELKO_DROP_TCP_PAWS);
        conv_out(c, ". 1:1(0) ack 1 <TS val * ecr 100>");
}

/* A10-7: a segment that is exactly one wrap of the sequence numbers old. */
CONV_TEST(paws_old_duplicate_of_the_same_number)
{
        conv_start(c, NULL);
        open_with(c, "<mss M,TS val 100 ecr 0>", "<mss M,TS val 0 ecr 100>");
        conv_in(c, "P. 1:11(10) ack 1 <TS val 200 ecr 0>");
        conv_out(c, ". 1:1(0) ack 11 <TS val 0 ecr 200>");
        conv_in(c, "P. 11:21(10) ack 1 <TS val 150 ecr 0>");
        conv_dropped(c, ELKO_DROP_TCP_PAWS);
        conv_ignore(c);
        conv_recv(c, 10);
}

/* ---- unknown, malformed and repeated options: MUST-4 to MUST-7 ---- */

static void accepts_syn(struct conv *c, const char *options)
{
        conv_in(c, "S 0:0(0) win 65535 %s", options);
        conv_out(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_in(c, ". 1:1(0) ack 1 <>");
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_accept(c);
}

/* MUST-6: "ignore without error any TCP Option it does not implement". [RFC9293 MUST-6 MUST-68; RFC5482 3a] */
CONV_TEST(unknown_options)
{
        static const char *const lists[] = {
                "<raw 63 02 00 00>",               /* without value */
                "<raw 63 06 01 02 03 04,nop,nop>", /* with one */
                "<raw FF 04 AB CD>",
                "<raw FE 06 F9 89 01 02>", /* experimental (RFC 6994) */
                "<raw 22 02 00 00>",       /* Fast Open request */
                "<raw 1C 04 80 05>",       /* user timeout */
                "<raw 13 12 01 02 03 04 05 06 07 08 09 0A 0B 0C 0D 0E 0F 10>", /* MD5 */
                "<raw 1E 0C 00 81 01 02 03 04 05 06 07 08>",                   /* MPTCP */
                "<mss 1000,raw 63 05 01 02 03,nop,sackOK>",
        };

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
                conv_flow(c, i);
                accepts_syn(c, lists[i]);
        }
}

/* [RFC9293 MUST-5 MUST-6] */
CONV_TEST(unknown_options_later)
{
        conv_start(c, NULL);
        open_with(c, "<mss M>", "<mss M>");
        conv_in(c, "P. 1:11(10) ack 1 <raw 63 06 01 02 03 04,nop,nop>");
        conv_out(c, ". 1:1(0) ack 11 <>");
        conv_recv(c, 10);
}

/* MUST-7: an illegal length must not harm. elko refuses such a SYN. [RFC9293 MUST-7] */
CONV_TEST(malformed_options_on_a_syn)
{
        static const char *const lists[] = {
                "<raw 02 00 05 B4>",                               /* length 0 */
                "<raw 02 01 05 B4>",                               /* length 1 */
                "<raw 02 05 05 B4>",                               /* beyond the list */
                "<raw 63 FF 00 00>",       "<nop,nop,nop,raw 02>", /* no room for the length */
                "<mss M,raw 08 0A 00 00>",
        };

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 %s", lists[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_OPTIONS);
                conv_state(c, ELKO_TCP_LISTEN);
        }
}

/* Later segments count for what is right in them. [RFC9293 MUST-7] */
CONV_TEST(malformed_options_later)
{
        conv_start(c, NULL);
        open_with(c, "<mss M>", "<mss M>");
        conv_in(c, "P. 1:11(10) ack 1 <raw 63 00 00 00>");
        conv_out(c, ". 1:1(0) ack 11 <>");
        conv_in(c, "P. 11:21(10) ack 1 <raw 63 FF 00 00>");
        conv_out(c, ". 1:1(0) ack 21 <>");
        conv_recv(c, 20);
}

/* Known kinds of another length are as if they weren't there. */
CONV_TEST(wrong_lengths)
{
        static const char *const lists[] = {
                "<raw 02 03 05 01>", /* MSS of 1 byte */
                "<raw 02 06 05 B4 00 00,nop,nop>",
                "<raw 03 04 07 00>", /* wscale of 2 bytes */
                "<raw 03 02 00 00>",
                "<raw 04 03 01 01>",             /* sackOK with a value */
                "<raw 08 08 00 00 00 01 00 00>", /* a timestamp alone */
                "<raw 08 0C 00 00 00 01 00 00 00 00 00 00>",
        };

        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 65535 %s", lists[i]);
                conv_out(c, "S. 0:0(0) ack 1 win 65535 <mss M>");
                conv_in(c, ". 1:1(0) ack 1 <>");
                conv_accept(c);
                CONV_EQ(c, conv_info(c).options, 0);
        }
}

/* Of duplicates the last counts. */
CONV_TEST(duplicate_options)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss 500,mss 1000,sackOK,sackOK,wscale 1,wscale 3,nop,nop>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,sackOK,wscale 4>");
        conv_in(c, ". 1:1(0) ack 1 win 10 <>");
        conv_accept(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 80);
        CONV_EQ(c, conv_info(c).snd_mss, 1000);
}

/* What follows the end-of-list option is padding. [RFC9293 MUST-4] */
CONV_TEST(end_of_option_list)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss 1000,eol,wscale 7>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1 win 10 <>");
        conv_accept(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 10);
}

/* 40 bytes, the most that there can be; and any order (MUST-64: begin on any byte boundary).
 * [RFC9293 MUST-4 MUST-64] */
CONV_TEST(full_and_unaligned)
{
        conv_start(c, NULL);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <nop,TS val 100 ecr 0,wscale 7,sackOK,mss 1000,"
                   "raw 63 13 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,sackOK,TS val 0 ecr 100,wscale 4>");
}

/* ---- both sides must offer: every combination of three options ---- */

/* [RFC7323 2.2b 2.3a 3.2a] */
CONV_TEST(every_combination)
{
        for (unsigned ours = 0; ours < 8; ours++) {
                for (unsigned theirs = 0; theirs < 8; theirs++) {
                        unsigned both = ours & theirs;
                        uint32_t want = ((both & 1) ? ELKO_TCPI_SACK : 0u) |
                                        ((both & 2) ? ELKO_TCPI_TIMESTAMPS : 0u) |
                                        ((both & 4) ? ELKO_TCPI_WSCALE : 0u);
                        struct conv_options o = {.no_sack = !(ours & 1),
                                                 .no_ts = !(ours & 2),
                                                 .no_wscale = !(ours & 4)};

                        if (ours + theirs == 0) {
                                conv_start(c, &o);
                        } else {
                                c->opt = o;
                                conv_again(c);
                        }
                        conv_listen(c);
                        conv_in(c, "S 0:0(0) win 65535 <mss M%s%s%s>",
                                (theirs & 1) ? ",sackOK" : "",
                                (theirs & 2) ? ",TS val 100 ecr 0" : "",
                                (theirs & 4) ? ",wscale 7" : "");
                        conv_out(c, "S. 0:0(0) ack 1 <mss M%s%s%s>", (both & 1) ? ",sackOK" : "",
                                 (both & 2) ? ",TS val 0 ecr 100" : "",
                                 (both & 4) ? ",wscale 4" : "");
                        conv_in(c, ". 1:1(0) ack 1");
                        conv_accept(c);
                        CONV_EQ(c, conv_info(c).options, want);
                }
        }
}

/* A stack that runs takes another configuration: for what is to come, and not under a handshake that has announced the
 * present one. */
CONV_TEST(another_configuration)
{
        struct elko_config cfg;

        conv_start(c, NULL);
        conv_listen(c);
        cfg = c->cfg;
        cfg.sack = cfg.timestamps = false;
        conv_in(c, "S 0:0(0) win 65535 <mss 1400,sackOK,TS val 100 ecr 0>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M,sackOK,TS val * ecr 100>");
        CONV_EQ(c, elko_stack_change(c->st, &cfg), ELKO_EAGAIN);
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        cfg.max_connections = 1; /* what the tables were made for stays */
        CONV_EQ(c, elko_stack_change(c->st, &cfg), ELKO_OK);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11 <TS val * ecr *>");
        conv_recv(c, 10);
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss 1400,sackOK,TS val 100 ecr 0>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        cfg.rto_min_ns = 0;
        CONV_EQ(c, elko_stack_change(c->st, &cfg), ELKO_EINVAL);
}

EK_TEST_MAIN();
