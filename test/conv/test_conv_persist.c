/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Zero windows, RFC 9293, 3.8.6.1 (MUST-36, MUST-37, SHLD-29, SHLD-30): the sender asks, at exact
 * times, with back-off, for as long as the peer answers. RELIABILITY A8-1, A4-4, A4-15; RFC 2525,
 * 2.12.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true, .no_wscale = true};

static void closed_window(struct conv *c)
{
        conv_open_passive(c);
        conv_in(c, ". 1:1(0) ack 1 win 0");
        conv_send(c, 100);
        conv_none(c);
        CONV_EQ(c, conv_info(c).limited_by, ELKO_LIMITED_RWND);
}

#define PROBE ". 0:0(0) ack 1"

/* The first after one RTO (200 ms here), then doubled up to 60 s. [RFC9293 MUST-36 SHLD-29 SHLD-30] */
CONV_TEST(probes_at_exact_times)
{
        uint64_t span = ELKO_MS(200);

        conv_start(c, &plain);
        closed_window(c);
        for (unsigned i = 0; i < 14; i++) {
                conv_out_after(c, span, PROBE);
                conv_in(c, ". 1:1(0) ack 1 win 0");
                conv_none(c);
                span = span * 2 > ELKO_SEC(60) ? ELKO_SEC(60) : span * 2;
        }
        CONV_EQ(c, elko_counters_get(c->st)->tcp_zero_window_probes, 14);
}

/* The peer need not look at the ACK field of what stands outside of its window (3.10.7.4, first): a probe does not
 * take the place of an acknowledgement that is due. */
CONV_TEST(a_probe_is_no_acknowledgement)
{
        conv_start(c, &plain);
        conv_open_passive(c);
        for (unsigned i = 1; i <= 10; i++) { /* quick ones */
                conv_in(c, "P. %u:%u(1) ack 1", i, i + 1);
                conv_out(c, ". 1:1(0) ack %u", i + 1);
        }
        conv_in(c, ". 11:11(0) ack 1 win 0");
        conv_send(c, 100);
        conv_quiet(c, ELKO_MS(190));
        conv_in(c, "P. 11:21(10) ack 1 win 0");
        conv_out_after(c, ELKO_MS(10), ". 0:0(0) ack 21");
        conv_out_after(c, ELKO_MS(30), ". 1:1(0) ack 21");
}

/* MUST-37: as long as the probes are answered, far beyond R2. [RFC9293 MUST-37] */
CONV_TEST(stays_open_while_the_peer_answers)
{
        uint64_t until;

        conv_start(c, &plain);
        closed_window(c);
        until = conv_elapsed(c) + ELKO_SEC(3600);
        while (conv_elapsed(c) < until) {
                conv_advance(c, ELKO_SEC(20));
                if (conv_pending(c) == 0)
                        continue;
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack 1 win 0");
        }
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_in(c, ". 1:1(0) ack 1 win 100");
        conv_out(c, "P. 1:101(100) ack 1");
}

/* A peer that does not answer any more is given up after R2: exactly 15 min after the window
 * closed. */
CONV_TEST(silent_peer_is_given_up)
{
        conv_start(c, &plain);
        closed_window(c);
        conv_advance(c, ELKO_SEC(900) - 1);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_ignore(c);
        conv_advance(c, 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
}

/* RELIABILITY A8-1: the update that reopened the window is lost; the next probe brings it.
 * [RFC9293 MUST-36; RFC2525 2.12] */
CONV_TEST(a8_1_lost_window_update)
{
        conv_start(c, &plain);
        closed_window(c);
        conv_out_after(c, ELKO_MS(200), PROBE);
        conv_in(c, ". 1:1(0) ack 1 win 0");
        conv_out_after(c, ELKO_MS(400), PROBE);
        conv_in(c, ". 1:1(0) ack 1 win 65535");
        conv_out(c, "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 101");
        conv_quiet(c, ELKO_SEC(100));
}

/* The window opens by itself: at once, and no probe afterwards. */
CONV_TEST(window_update)
{
        conv_start(c, &plain);
        closed_window(c);
        conv_quiet(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 1 win 65535");
        conv_out(c, "P. 1:101(100) ack 1");
        conv_out_after(c, ELKO_MS(200), "P. 1:101(100) ack 1"); /* RTO, not persist */
        conv_in(c, ". 1:1(0) ack 101");
        conv_quiet(c, ELKO_SEC(100));
}

/* The back-off starts anew with the next closed window. */
CONV_TEST(backoff_is_per_closed_window)
{
        conv_start(c, &plain);
        closed_window(c);
        conv_out_after(c, ELKO_MS(200), PROBE);
        conv_out_after(c, ELKO_MS(400), PROBE);
        conv_out_after(c, ELKO_MS(800), PROBE);
        conv_in(c, ". 1:1(0) ack 1 win 100");
        conv_out(c, "P. 1:101(100) ack 1");
        conv_in(c, ". 1:1(0) ack 101 win 0");
        conv_send(c, 10);
        conv_out_after(c, ELKO_MS(200), ". 100:100(0) ack 1");
        conv_out_after(c, ELKO_MS(400), ". 100:100(0) ack 1");
}

/* RELIABILITY A8-1: a window of less than a segment with more behind it. */
CONV_TEST(a8_1_window_of_one_byte)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1(0) ack 1 win 1");
        conv_send(c, 5);
        conv_out_after(c, ELKO_MS(200), ". 1:2(1) ack 1");
        for (unsigned i = 2; i < 5; i++) {
                conv_in(c, ". 1:1(0) ack %u win 1", i);
                conv_out_after(c, ELKO_MS(200), ". %u:%u(1) ack 1", i, i + 1);
        }
        conv_in(c, ". 1:1(0) ack 5 win 1");
        conv_out(c, "P. 5:6(1) ack 1"); /* the last: nothing is cut, and nothing small is out */
}

/* A closed window with nothing to send is no reason to probe. */
CONV_TEST(no_probe_without_data)
{
        conv_start_open(c, &plain);
        conv_in(c, ". 1:1(0) ack 1 win 0");
        conv_quiet(c, ELKO_SEC(1000));
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* RELIABILITY A5-3 (iii): probes cross; each answers, and that is all. */
CONV_TEST(a5_3_crossed_probes)
{
        conv_start(c, &plain);
        closed_window(c);
        conv_out_after(c, ELKO_MS(200), PROBE);
        conv_in(c, ". 0:0(0) ack 1 win 0"); /* the peer's probe, with its closed window */
        conv_out(c, ". 1:1(0) ack 1");
        conv_in(c, ". 1:1(0) ack 1 win 0"); /* the answer to ours */
        conv_none(c);
        conv_in(c, ". 0:0(0) ack 1 win 65535"); /* older than SND.WL1: says nothing of the window */
        conv_out(c, ". 1:1(0) ack 1");
        CONV_EQ(c, conv_info(c).snd_wnd, 0);
        conv_in(c, ". 1:1(0) ack 1 win 65535");
        conv_out(c, "P. 1:101(100) ack 1");
}

/* RELIABILITY A4-9, A9-16: close with a closed window. The FIN waits behind the data; the orphan is
 * probed for, and aborted after R2 even though the peer answers (RFC 6429). */
CONV_TEST(a4_4_orphan_on_a_closed_window_ends)
{
        uint64_t until;

        conv_start(c, &plain);
        closed_window(c);
        conv_close(c);
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        until = conv_elapsed(c) + ELKO_SEC(920);
        while (conv_elapsed(c) < until) {
                conv_advance(c, ELKO_SEC(20));
                if (conv_pending(c) == 0)
                        continue;
                conv_ignore(c);
                if (conv_get_state(c) == ELKO_TCP_FIN_WAIT_1)
                        conv_in(c, ". 1:1(0) ack 1 win 0");
        }
        conv_state(c, ELKO_TCP_CLOSED);
}

/* The same, but the window opens in time: data, then FIN. */
CONV_TEST(a9_16_fin_waits_behind_data)
{
        conv_start(c, &plain);
        closed_window(c);
        conv_close(c);
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_out_after(c, ELKO_MS(200), PROBE);
        conv_in(c, ". 1:1(0) ack 1 win 100");
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 101 win 0"); /* not even room for FIN */
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_out_after(c, ELKO_MS(200), ". 100:100(0) ack 1");
        conv_in(c, ". 1:1(0) ack 101 win 1");
        conv_out(c, "F. 101:101(0) ack 1");
        conv_in(c, ". 1:1(0) ack 102");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
}

/* RELIABILITY A4-15 (CVE-2024-41007): user timeout and a window taken back to zero. Few
 * retransmissions, and the end is at the timeout. */
CONV_TEST(a4_15_user_timeout_with_a_closed_window)
{
        unsigned sent = 0;

        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_USER_TIMEOUT, ELKO_SEC(5));
        conv_send(c, 100);
        conv_out(c, "P. 1:101(100) ack 1");
        for (unsigned i = 0; i < 500 && conv_get_state(c) == ELKO_TCP_ESTABLISHED; i++) {
                conv_advance(c, ELKO_MS(10));
                if (conv_pending(c) == 0)
                        continue;
                sent += conv_ignore(c);
                conv_in(c, ". 1:1(0) ack 1 win 0");
        }
        conv_state(c, ELKO_TCP_CLOSED);
        CONV_EQ(c, conv_elapsed(c), ELKO_SEC(5));
        CONV_CHECK(c, sent <= 12);
}

EK_TEST_MAIN();
