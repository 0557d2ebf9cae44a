/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Out-of-order data: kept (RFC 9293, 3.10.7.4, SHLD-31), acknowledged at once (RFC 5681, 4.2),
 * reported by SACK (RFC 2018) and D-SACK (RFC 2883), bounded (RELIABILITY A4-5); and, whatever the
 * order and the overlap, delivered once.
 */

static void small_buffers(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = cfg->rcv_buf_max_bytes = 4096;
}

static void few_ranges(struct elko_config *cfg)
{
        cfg->max_ooo_ranges = 3;
}

static const struct conv_options plain = {.no_sack = true, .no_ts = true};
static const struct conv_options sack = {.no_ts = true};
static const struct conv_options few = {.no_ts = true, .config = few_ranges};
static const struct conv_options small = {
        .no_sack = true, .no_ts = true, .no_wscale = true, .config = small_buffers};

/* RFC 5681, 4.2: a duplicate ACK for each, and an ACK at once when the hole is filled.
 * [RFC9293 SHLD-31 MAY-13; RFC5681 3.2a] */
CONV_TEST(every_early_segment_gets_a_duplicate_ack)
{
        conv_start_open(c, &plain);
        for (unsigned i = 1; i < 5; i++) {
                conv_in(c, ". %u:%u(100) ack 1", 1 + i * 100, 101 + i * 100);
                conv_out(c, ". 1:1(0) ack 1");
        }
        conv_recv_is(c, ELKO_EAGAIN);
        conv_in(c, ". 1:101(100) ack 1");
        conv_out(c, ". 1:1(0) ack 501");
        conv_recv(c, 500);
}

/* The same in one batch: after the hole is filled nobody needs the duplicates any more; they would
 * look like duplicates of the new ACK and start a fast retransmit for nothing. */
CONV_TEST(a_filled_hole_leaves_no_duplicate_acks_behind)
{
        conv_start_open(c, &plain);
        for (unsigned i = 1; i < 5; i++)
                conv_queue(c, ". %u:%u(100) ack 1", 1 + i * 100, 101 + i * 100);
        conv_queue(c, ". 1:101(100) ack 1");
        conv_flush(c);
        conv_out(c, ". 1:1(0) ack 501");
        conv_none(c);
}

/* RFC 2018, 4: the newest first. [RFC2018 3a 3b 4b 4c 4d 4e 4f 4g] */
CONV_TEST(sack_blocks)
{
        conv_start_open(c, &sack);
        conv_in(c, ". 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 201:301>");
        conv_in(c, ". 401:501(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 401:501 201:301>");
        conv_in(c, ". 601:701(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 601:701 401:501 201:301>");
        conv_in(c, ". 801:901(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 801:901 601:701 401:501 201:301>");
        conv_in(c, ". 1001:1101(100) ack 1"); /* no room for the oldest */
        conv_out(c, ". 1:1(0) ack 1 <sack 1001:1101 801:901 601:701 401:501>");
        conv_in(c, ". 301:401(100) ack 1"); /* joins two */
        conv_out(c, ". 1:1(0) ack 1 <sack 201:501 1001:1101 801:901 601:701>");
        conv_in(c, ". 1:201(200) ack 1");
        conv_out(c, ". 1:1(0) ack 501 <sack 1001:1101 801:901 601:701>");
        conv_recv(c, 500);
}

/* With timestamps there is room for three. [RFC2018 3b] */
CONV_TEST(sack_blocks_with_timestamps)
{
        conv_start_open(c, NULL);
        conv_in(c, ". 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 201:301,...>");
        conv_in(c, ". 401:501(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 401:501 201:301,...>");
        conv_in(c, ". 601:701(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 601:701 401:501 201:301,...>");
        conv_in(c, ". 801:901(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 801:901 601:701 401:501,...>");
}

/* RFC 2018, 2: not without permission by both. [RFC2018 4a] */
CONV_TEST(no_sack_without_permission)
{
        conv_start(c, &sack);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        conv_in(c, ". 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <>");
        conv_in(c, ". 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <>");
}

/* RFC 2883, 4.1: duplicates, reported once. [RFC2883 4-2 4-3] */
CONV_TEST(rfc2883_4_1_1_old_duplicate)
{
        conv_start_open(c, &sack);
        conv_in(c, ". 1:501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 501 <>");
        conv_in(c, ". 501:1001(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1001 <>");
        conv_in(c, ". 501:1001(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1001 <sack 501:1001>");
        conv_in(c, ". 1001:1501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1501 <>");
        conv_recv(c, 1500);
}

/* [RFC2883 4-5] */
CONV_TEST(rfc2883_4_1_2_duplicate_and_hole)
{
        conv_start_open(c, &sack);
        conv_in(c, ". 1:501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 501 <>");
        conv_in(c, ". 1001:1501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 501 <sack 1001:1501>");
        conv_in(c, ". 1:501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 501 <sack 1:501 1001:1501>");
        conv_in(c, ". 501:1001(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1501 <>");
        conv_recv(c, 1500);
}

/* [RFC2883 4-4] */
CONV_TEST(rfc2883_4_1_3_duplicate_of_an_early_segment)
{
        conv_start_open(c, &sack);
        conv_in(c, ". 1001:1501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 1001:1501>");
        conv_in(c, ". 501:1001(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 501:1501>");
        conv_in(c, ". 1001:1501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 1001:1501 501:1501>");
        conv_in(c, ". 1:501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1501 <>");
}

/* RFC 2883, 4.2: part of the segment is old. [RFC2883 4.2a] */
CONV_TEST(rfc2883_4_2_1_partial_duplicate)
{
        conv_start_open(c, &sack);
        conv_in(c, ". 1:1001(1000) ack 1");
        conv_out(c, ". 1:1(0) ack 1001 <>");
        conv_in(c, ". 501:1501(1000) ack 1");
        conv_out(c, ". 1:1(0) ack 1501 <sack 501:1001>");
        conv_recv(c, 1500);
}

/* A duplicate after the FIN: the block is right in spite of the FIN's number. */
CONV_TEST(d_sack_after_the_fin)
{
        conv_start_open(c, &sack);
        conv_in(c, ". 1:501(500) ack 1");
        conv_out(c, ". 1:1(0) ack 501 <>");
        conv_in(c, "F. 501:1001(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1002 <>");
        conv_in(c, ". 501:1001(500) ack 1");
        conv_out(c, ". 1:1(0) ack 1002 <sack 501:1001>");
        conv_recv(c, 1000);
}

/* The block of the segment that triggered the ACK is the first (RFC 2018, 4), also when that was a FIN behind text that was
 * there. Found by the simulator, seed 1013222. [RFC2018 4e] */
CONV_TEST(the_block_that_a_fin_ends_is_first)
{
        conv_start_open(c, &sack);
        conv_in(c, ". 201:301(100) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 201:301>");
        conv_in(c, ". 101:151(50) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 101:151 201:301>");
        conv_in(c, "F. 301:301(0) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 201:302 101:151>");
        conv_in(c, ". 51:76(25) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 51:76 101:151 201:302>");
        conv_in(c, "F. 301:301(0) ack 1"); /* once more */
        conv_out(c, ". 1:1(0) ack 1 <sack 201:302 51:76 101:151>");
        conv_in(c, ". 1:201(200) ack 1");
        conv_out(c, ". 1:1(0) ack 302 <...>");
        conv_recv(c, 300);
}

/* RELIABILITY A4-5: more holes than are kept. What is not kept is not reported; the segment that
 * fits at RCV.NXT is always taken; nothing that was reported is dropped (I-16). [RFC2018 8a] */
CONV_TEST(a4_5_too_many_holes)
{
        conv_start_open(c, &few);
        for (unsigned i = 1; i < 4; i++) {
                conv_in(c, ". %u:%u(10) ack 1", 1 + i * 20, 11 + i * 20);
                conv_ignore(c);
        }
        conv_in(c, ". 101:111(10) ack 1");
        conv_out(c, ". 1:1(0) ack 1 <sack 61:71 41:51 21:31>");
        CONV_EQ(c, elko_counters_get(c->st)->drops[ELKO_DROP_TCP_RCV_RANGES], 1);
        conv_in(c, ". 1:21(20) ack 1");
        conv_out(c, ". 1:1(0) ack 31 <sack 61:71 41:51>");
        conv_in(c, ". 101:111(10) ack 1"); /* now there is room */
        conv_out(c, ". 1:1(0) ack 31 <sack 101:111 61:71 41:51>");
        conv_in(c, ". 31:101(70) ack 1");
        conv_out(c, ". 1:1(0) ack 111 <...>");
        conv_recv(c, 110);
}

/* Early data is bounded by the window: its last byte is the last that fits. */
CONV_TEST(early_data_at_the_right_edge)
{
        conv_start_open(c, &small);
        conv_in(c, ". 3097:4297(1200) ack 1"); /* 1000 of it fit */
        conv_out(c, ". 1:1(0) ack 1 win 4096");
        for (unsigned i = 0; i < 3; i++) {
                conv_in(c, ". %u:%u(1032) ack 1", 1 + i * 1032, 1 + (i + 1) * 1032);
                conv_out(c, ". 1:1(0) ack %u", i < 2 ? 1 + (i + 1) * 1032 : 4097);
        }
        conv_recv(c, 4096);
        conv_out(c, ". 1:1(0) ack 4097 win 4096");
}

/* RELIABILITY A7-1: random overlaps and orders on a grid, FIN at the end; then all is filled up. */
static void random_grid(struct conv *c, unsigned cells, unsigned cell)
{
        unsigned end = 1 + cells * cell;

        for (unsigned i = 0; i < 12; i++) {
                unsigned lo = ek_test_below(cells), hi = lo + 1 + ek_test_below(cells - lo);

                conv_in(c, "%s. %u:%u(%u) ack 1", hi == cells && ek_test_below(2) ? "F" : "P",
                        1 + lo * cell, 1 + hi * cell, (hi - lo) * cell);
                conv_ignore(c);
        }
        for (unsigned i = 0; i < cells; i++) {
                conv_in(c, ". %u:%u(%u) ack 1", 1 + i * cell, 1 + (i + 1) * cell, cell);
                conv_ignore(c);
        }
        conv_in(c, "F. %u:%u(0) ack 1", end, end);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSE_WAIT);
        conv_recv(c, cells * cell);
        conv_recv_is(c, 0);
}

/* [RFC2525 2.5] */
CONV_TEST(a7_1_random_overlaps)
{
        conv_start(c, NULL);
        conv_listen(c);
        for (unsigned i = 0; i < 60; i++) {
                conv_flow(c, i);
                conv_open_passive(c);
                random_grid(c, 10, 1 + ek_test_below(140));
                conv_abort(c);
                conv_ignore(c);
        }
}

/* The application reads while holes are there, so the ring turns over them. */
CONV_TEST(reading_between_the_holes)
{
        unsigned at = 1;

        conv_start_open(c, &small);
        for (unsigned i = 0; i < 50; i++) {
                conv_in(c, ". %u:%u(500) ack 1", at + 500, at + 1000);
                conv_out(c, ". 1:1(0) ack %u", at);
                conv_in(c, ". %u:%u(500) ack 1", at, at + 500);
                conv_out(c, ". 1:1(0) ack %u", at + 1000);
                conv_recv(c, 1000);
                conv_ignore(c);
                at += 1000;
        }
}

EK_TEST_MAIN();
