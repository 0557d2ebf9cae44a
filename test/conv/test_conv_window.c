/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Windows, RFC 9293, 3.8.6: the peer's (usable window, WL1 and WL2, shrinking) and ours (never
 * taken back, opened in useful steps, honoured when memory is short). RELIABILITY A8.
 */

static void small_buffers(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = cfg->rcv_buf_max_bytes = 4096;
}

static const struct conv_options plain = {.no_sack = true, .no_ts = true, .no_wscale = true};
static const struct conv_options small = {
        .no_sack = true, .no_ts = true, .no_wscale = true, .config = small_buffers};

/* ---- the peer's window ---- */

/* 3.8.6: not a byte beyond SND.UNA + SND.WND. [RFC7323 2.4-3; RFC5681 3.1a] */
CONV_TEST(the_usable_window)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1(0) ack 1 win 2000");
        conv_send(c, 5000);
        conv_out(c, ". 1:%u(%u) ack 1", 1 + c->mss, c->mss);
        conv_none(c); /* 540 of the window are left: silly (3.8.6.2.1) */
        conv_in(c, ". 1:1(0) ack %u win 1000", 1 + c->mss);
        conv_none(c);
        conv_in(c, ". 1:1(0) ack %u win %u", 1 + c->mss, c->mss);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + c->mss, 1 + 2 * c->mss, c->mss);
        conv_none(c);
}

/* RELIABILITY A6-10: the SYN's window is not scaled, all others are (RFC 7323, 2.2). [RFC7323 2.2d] */
CONV_TEST(a6_10_window_of_the_syn_is_not_scaled)
{
        static const struct conv_options scaled = {.no_sack = true, .no_ts = true};

        conv_start(c, &scaled);
        conv_connect(c);
        conv_out(c, "S 0:0(0) <mss M,wscale 4>");
        conv_in(c, "S. 0:0(0) ack 1 win 1000 <mss M,wscale 7>");
        conv_out(c, ". 1:1(0) ack 1");
        CONV_EQ(c, conv_info(c).snd_wnd, 1000);
        conv_in(c, ". 1:1(0) ack 1 win 1000");
        CONV_EQ(c, conv_info(c).snd_wnd, 128000);
}

/* RELIABILITY A8-6: an older segment does not tell of the window (SND.WL1, SND.WL2). [RFC9293 3.10.7.4-5] */
CONV_TEST(a8_6_old_segments_do_not_update_the_window)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 1:11(10) ack 1 win 5000");
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 5000);
        conv_in(c, ". 11:11(0) ack 1 win 6000"); /* newer SEQ */
        CONV_EQ(c, conv_info(c).snd_wnd, 6000);
        conv_send(c, 100);
        conv_ignore(c);
        conv_in(c, ". 11:11(0) ack 101 win 7000"); /* same SEQ, newer ACK */
        CONV_EQ(c, conv_info(c).snd_wnd, 7000);
        conv_in(c, ". 11:11(0) ack 1 win 100"); /* same SEQ, older ACK */
        CONV_EQ(c, conv_info(c).snd_wnd, 7000);
        conv_ignore(c);
        conv_in(c, "P. 21:31(10) ack 101 win 8000"); /* early, but newer */
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 8000);
        conv_in(c, "P. 11:21(10) ack 101 win 300"); /* late */
        conv_ignore(c);
        CONV_EQ(c, conv_info(c).snd_wnd, 8000);
}

/* RELIABILITY A8-4; 3.8.6, SHLD-15, SHLD-16: the window shrinks below what is under way. No new
 * data; what was lost goes again; nothing underflows. [RFC9293 MUST-34 SHLD-15 SHLD-16 MAY-7; RFC7323 2.4-0] */
CONV_TEST(a8_4_the_peer_shrinks_its_window)
{
        unsigned m;

        conv_start_open(c, &plain);
        m = c->mss;
        conv_send(c, 8 * m);
        for (unsigned i = 0; i < 8; i++)
                conv_out(c, "%s. %u:%u(%u) ack 1", i == 7 ? "P" : "", 1 + i * m, 1 + (i + 1) * m,
                         m);
        conv_send(c, 4 * m);
        for (unsigned i = 8; i < 10; i++)
                conv_out(c, ". %u:%u(%u) ack 1", 1 + i * m, 1 + (i + 1) * m, m);
        conv_in(c, ". 1:1(0) ack %u win %u", 1 + 2 * m, m);
        conv_none(c);
        CONV_EQ(c, conv_info(c).flight, 8 * m);
        conv_out_after(c, ELKO_MS(200), ". %u:%u(%u) ack 1", 1 + 2 * m, 1 + 3 * m, m);
        conv_in(c, ". 1:1(0) ack %u win 65535", 1 + 10 * m);
        conv_out(c, ". %u:%u(%u) ack 1", 1 + 10 * m, 1 + 11 * m, m);
        conv_ignore(c);
}

/* MUST-35, MUST-37: shrunk to zero with data under way. It is probed, and as long as the peer
 * answers the connection stays, however long. [RFC9293 SHLD-17 MUST-35; RFC7323 2.4-5] */
CONV_TEST(a8_4_shrunk_to_zero_and_answering)
{
        uint64_t until;

        conv_start_open(c, &plain);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 1 win 0");
        until = conv_elapsed(c) + ELKO_SEC(2000);
        while (conv_elapsed(c) < until) {
                conv_advance(c, ELKO_SEC(20));
                if (conv_pending(c) == 0)
                        continue;
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack 1 win 0");
        }
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_in(c, ". 1:1(0) ack 101 win 65535");
        conv_ignore(c);
        conv_send(c, 10);
        conv_out(c, "P. 101:111(10) ack 1");
}

/* RELIABILITY A8-6: the window of another connection is none of ours. */
CONV_TEST(a8_6_windows_are_per_connection)
{
        conv_start_open(c, &plain);
        conv_flow(c, 1);
        conv_open_passive(c);
        conv_in(c, ". 1:1(0) ack 1 win 63");
        CONV_EQ(c, conv_info(c).snd_wnd, 63);
        conv_flow(c, 0);
        CONV_EQ(c, conv_info(c).snd_wnd, 65535);
}

/* ---- our window ---- */

/* 3.8.6.2.2: opened when min(buffer / 2, MSS) can be announced; one update, not many. */
CONV_TEST(a8_2_reopening_is_announced)
{
        conv_start_open(c, &small);
        for (unsigned i = 0; i < 4; i++) {
                conv_in(c, ". %u:%u(1024) ack 1", 1 + i * 1024, 1025 + i * 1024);
                conv_out(c, ". 1:1(0) ack %u win %u", 1025 + i * 1024, 3072 - i * 1024);
        }
        conv_counted(c, tcp_zero_window_adv, 1);
        conv_recv_some(c, 1023);
        conv_none(c);
        conv_recv_some(c, 1);
        conv_out(c, ". 1:1(0) ack 4097 win 1024");
        conv_recv_some(c, 3072);
        conv_ignore(c);
        conv_in(c, ". 4097:5121(1024) ack 1");
        conv_out(c, ". 1:1(0) ack 5121 win 3072");
        conv_recv(c, 1024);
        conv_ignore(c);
}

/* RELIABILITY A8-3: a reader of single bytes makes no silly windows. [RFC9293 MUST-39] */
CONV_TEST(a8_3_one_byte_reader)
{
        unsigned at = 1, edge = 4097, updates = 0, bytes = 0, segments = 0;

        conv_start_open(c, &small);
        for (unsigned round = 0; round < 6000; round++) {
                unsigned room = edge - at, n = room < 1024 ? room : 1024;

                if (n > 0) {
                        conv_in(c, ". %u:%u(%u) ack 1", at, at + n, n);
                        at += n;
                        bytes += n;
                        segments++;
                } else {
                        conv_recv_some(c, 1);
                }
                while (conv_pending(c) > 0) {
                        const struct conv_seg *s = conv_peek(c, conv_pending(c) - 1);

                        edge = s->ack - c->f->irs + s->win;
                        updates++;
                        conv_ignore(c);
                }
        }
        CONV_CHECK(c, bytes > 8000);
        CONV_CHECK(c, bytes / segments >= 512);
        CONV_CHECK(c, updates <= 3 * segments);
}

/* RELIABILITY A8-5: whatever the application reads and the peer sends, the edge stays where it was
 * (the harness watches it in every segment). All scales. */
static uint32_t scale_buffers;

static void scaled_buffers(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = 65536;
        cfg->rcv_buf_max_bytes = scale_buffers;
}

/* [RFC9293 SHLD-14; RFC7323 2.3b] */
CONV_TEST(a8_5_random_reads_at_every_scale)
{
        static const struct conv_options scaled = {
                .no_sack = true, .no_ts = true, .config = scaled_buffers};

        for (unsigned scale = 0; scale <= 10; scale++) {
                unsigned at = 1;

                scale_buffers = 65536u << scale;
                if (scale == 0)
                        conv_start(c, &scaled);
                conv_flow(c, scale);
                conv_open_passive(c);
                for (unsigned i = 0; i < 40; i++) {
                        unsigned n = 1 + ek_test_below(1400);

                        conv_in(c, ". %u:%u(%u) ack 1", at, at + n, n);
                        at += n;
                        conv_ignore(c);
                        conv_advance(c, ELKO_MS(ek_test_below(50)));
                        conv_ignore(c);
                        conv_recv_some(c, ek_test_below((uint32_t)conv_info(c).rcv_buf_used + 1));
                        conv_ignore(c);
                }
        }
}

/* RFC 9293, 3.8.6: an ACK, a reset, a FIN are processed though the window is closed: RELIABILITY
 * A8-7. */
static void close_window(struct conv *c)
{
        conv_start_(c, &small);
        conv_open_passive(c);
        for (unsigned i = 0; i < 4; i++) {
                conv_in(c, ". %u:%u(1024) ack 1", 1 + i * 1024, 1025 + i * 1024);
                conv_out(c, ". 1:1(0) ack %u", 1025 + i * 1024);
        }
}

CONV_TEST(a8_7_ack_on_a_closed_window)
{
        close_window(c);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 4097 win 0");
        conv_in(c, ". 4097:4097(0) ack 101");
        conv_none(c);
        CONV_EQ(c, conv_info(c).flight, 0);
}

/* "Special allowance": the ACK of a segment whose data does not fit counts. */
CONV_TEST(a8_7_ack_of_refused_data_on_a_closed_window)
{
        close_window(c);
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 4097 win 0");
        conv_in(c, "P. 4097:4197(100) ack 101");
        conv_out(c, ". 101:101(0) ack 4097 win 0");
        CONV_EQ(c, conv_info(c).flight, 0);
}

/* [RFC9293 MUST-66] */
CONV_TEST(a8_7_reset_on_a_closed_window)
{
        close_window(c);
        conv_in(c, "R 4097:4097(0)");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_recv(c, 4096); /* what came before it can be read */
        conv_recv_is(c, ELKO_ECONNRESET);
}

/* SHLD-2: a reset may hold text, which is no reason to refuse it. [RFC9293 SHLD-2] */
CONV_TEST(a8_7_reset_with_text_on_a_closed_window)
{
        close_window(c);
        conv_in(c, "R. 4097:4107(10) ack 1");
        conv_state(c, ELKO_TCP_CLOSED);
}

/* A reset out of the window, even by one, is nothing. */
CONV_TEST(a8_7_wrong_reset_on_a_closed_window)
{
        close_window(c);
        conv_in(c, "R 4098:4098(0)");
        conv_in(c, "R 4096:4096(0)");
        conv_in(c, "R 4096:4106(10)");
        conv_none(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* ---- storms: RELIABILITY A5 ---- */

/* A5-1: segments out of the window, without data: one answer in 500 ms for a connection, no
 * more. */
CONV_TEST(a5_1_out_of_window_acks_are_answered_seldom)
{
        conv_start_open(c, &plain);
        for (unsigned k = 0; k < 3; k++) {
                conv_in(c, ". 900000:900000(0) ack 1");
                conv_out(c, ". 1:1(0) ack 1");
                for (unsigned i = 0; i < 50; i++) {
                        conv_in(c, ". 900000:900000(0) ack 1");
                        conv_none(c);
                }
                conv_quiet(c, ELKO_MS(500));
        }
}

/* A5-8: but data always is: its ACK may have been lost. */
CONV_TEST(a5_8_out_of_window_data_is_always_answered)
{
        conv_start_open(c, &plain);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_ignore(c);
        for (unsigned i = 0; i < 50; i++) {
                conv_in(c, "P. 1:11(10) ack 1");
                conv_out(c, ". 1:1(0) ack 11");
        }
}

/* A5-4: resets with a wrong number, as an answer to whatever we say: no answer to them. */
CONV_TEST(a5_4_resets_out_of_the_window)
{
        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 50; i++) {
                conv_in(c, "R 900000:900000(0)");
                conv_none(c);
        }
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* A5-5: an ACK in the window is never a reason for an ACK, whatever the windows are. */
CONV_TEST(a5_5_acks_are_not_acknowledged)
{
        static const unsigned wins[] = {65535, 0, 1, 65535, 0, 0};

        close_window(c);
        for (unsigned i = 0; i < 6; i++) {
                conv_in(c, ". 4097:4097(0) ack 1 win %u", wins[i]);
                conv_none(c);
        }
        conv_quiet(c, ELKO_SEC(10));
}

/* ---- memory ---- */

/* A third ACK far beyond the small window that was announced: no harm, and the right one still
 * opens the connection, however late (its active part was given back by then). */
CONV_TEST(a_third_ack_beyond_the_window)
{
        conv_start(c, &small);
        conv_listen(c);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 win 4096 <mss M>");
        conv_in(c, "P. 5001:5101(100) ack 1");
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(3));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 1");
        conv_ignore(c);
        conv_accept(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_recv(c, 10);
        conv_send(c, 3000);
        conv_ignore(c);
}

/* The region fills up: windows shrink before connections are refused, and who comes late still finds a
 * small one; what was announced can be filled to the last byte, and what was acknowledged is there. */
static void large_windows(struct elko_config *cfg)
{
        cfg->rcv_buf_bytes = cfg->rcv_buf_max_bytes = 4 << 20;
        cfg->max_ooo_ranges = 8;
}

/* Fill the whole window of the flow that was just opened; the number of bytes. */
static unsigned fill(struct conv *c)
{
        unsigned at = 1;

        for (;;) {
                uint32_t wnd = conv_info(c).rcv_wnd, n = wnd < 30000 ? wnd : 30000;

                if (n == 0)
                        return at - 1;
                conv_in(c, ". %u:%u(%u) ack 1 win 0", at, at + n, n);
                conv_ignore(c);
                at += n;
                if (conv_info(c).rcv_nxt - c->f->irs != at)
                        conv_fail(c, "a window was announced and its data refused");
        }
}

CONV_TEST(a8_5_windows_shrink_before_connections_are_refused)
{
        static const struct conv_options o = {
                .no_sack = true, .no_ts = true, .v4_only = true, .config = large_windows};
        unsigned first = 0, last = 0, opened = 0, bytes[CONV_FLOWS] = {0};

        conv_start(c, &o);
        conv_listen(c);
        for (unsigned i = 0; i < CONV_FLOWS; i++) {
                conv_flow(c, i);
                conv_in(c, "S 0:0(0) win 0 <mss M,nop,wscale 7>");
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack 1 win 0");
                conv_ignore(c);
                if (conv_get_state(c) != ELKO_TCP_ESTABLISHED)
                        break;
                conv_accept(c);
                last = bytes[i] = fill(c);
                first = i == 0 ? last : first;
                CONV_CHECK(c, last <= first);
                opened++;
                while (conv_try_send(c, 1 << 18) > 0) /* and the send buffers take the rest */
                        conv_none(c);
        }
        CONV_CHECK(c, opened > 4);
        CONV_CHECK(c, last < first / 16);
        for (unsigned i = 0; i < opened; i++) {
                conv_flow(c, i);
                conv_recv(c, bytes[i]);
                conv_ignore(c);
        }
}

/* Growth: the application keeps up, so the window grows, up to its limit. */
CONV_TEST(the_window_grows_for_a_fast_reader)
{
        uint32_t before;
        unsigned at = 1;

        conv_start_open(c, NULL);
        before = conv_info(c).rcv_buf;
        for (unsigned i = 0; i < 2000; i++) {
                conv_in(c, ". %u:%u(1200) ack 1", at, at + 1200);
                conv_ignore(c);
                at += 1200;
                conv_recv(c, 1200);
                conv_ignore(c);
                if (i % 50 == 49) {
                        conv_advance(c, ELKO_MS(1));
                        conv_ignore(c);
                }
        }
        CONV_CHECK(c, conv_info(c).rcv_buf > before);
        CONV_CHECK(c, conv_info(c).rcv_buf <= c->cfg.rcv_buf_max_bytes);
}

/* Text behind a hole counts like text that was taken: half of a window of it, and the window grows, so that the sender
 * need not stop before the hole is filled. A single octet far ahead buys nothing, and without SACK the window of
 * duplicate ACKs stands still (RFC 5681, 2). */
static void hold(struct conv *c, bool sack)
{
        static const struct conv_options without = {.no_sack = true};
        uint32_t before, at = 1201;

        conv_start_open(c, sack ? NULL : &without);
        before = conv_info(c).rcv_buf;
        conv_in(c, ". %u:%u(1) ack 1", before - 10, before - 9);
        conv_ignore(c);
        CONV_CHECK(c, conv_info(c).rcv_buf == before);
        for (; at < before / 2 - 1200; at += 1200) {
                conv_in(c, ". %u:%u(1200) ack 1", at, at + 1200);
                conv_ignore(c);
        }
        CONV_CHECK(c, conv_info(c).rcv_buf == before);
        for (unsigned i = 0; i < 3; i++, at += 1200) {
                conv_in(c, ". %u:%u(1200) ack 1", at, at + 1200);
                conv_ignore(c);
        }
        CONV_CHECK(c, (conv_info(c).rcv_buf > before) == sack);
        conv_in(c, ". 1:1201(1200) ack 1");
        conv_ignore(c);
        conv_recv(c, at - 1);
        conv_ignore(c);
}

CONV_TEST(the_window_grows_for_what_is_held_behind_a_hole)
{
        hold(c, true);
}

CONV_TEST(the_window_stands_still_behind_a_hole_without_sack)
{
        hold(c, false);
}

EK_TEST_MAIN();
