/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Limits that the user sets for one connection or listener (RFC 9293, 3.8.3, 3.8.6, 3.10.1): how often a SYN goes, how
 * long FIN-WAIT-2 lasts, how large a window is, and whether an open connection without data is worth waking anybody.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* ---- SYN_RETRIES ---- */

/* R2 as a count: SYNs at 0, 1 and 3 s, and the end at 7 s. */
CONV_TEST(syns_are_counted)
{
        conv_start(c, NULL);
        conv_hold(c, true);
        conv_connect(c);
        conv_set(c, ELKO_OPTION_SYN_RETRIES, 2);
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, "S 0:0(0) <...>");
        conv_out_after(c, ELKO_SEC(1), "S 0:0(0) <...>");
        conv_out_after(c, ELKO_SEC(2), "S 0:0(0) <...>");
        conv_quiet(c, ELKO_SEC(4) - 1);
        conv_event(c, 0);
        conv_quiet(c, 1);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* More than the stack's R2 has time for: it goes on. */
CONV_TEST(more_syns_than_r2)
{
        unsigned n;

        conv_start(c, NULL);
        conv_hold(c, true);
        conv_connect(c);
        conv_set(c, ELKO_OPTION_SYN_RETRIES, 8);
        conv_hold(c, false);
        conv_pull(c);
        n = conv_ignore(c);
        for (unsigned s = 0; s < 600; s++) {
                conv_advance(c, ELKO_SEC(1));
                n += conv_ignore(c);
        }
        CONV_EQ(c, n, 9);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* Not for what comes after the SYN. */
CONV_TEST(syns_are_counted_no_longer)
{
        conv_start(c, NULL);
        conv_open_active(c);
        conv_set(c, ELKO_OPTION_SYN_RETRIES, 1);
        conv_send(c, 10);
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(30));
        CONV_CHECK(c, conv_ignore(c) >= 4);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* ---- FIN_WAIT_2 ---- */

CONV_TEST(fin_wait_2_of_its_own)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_FIN_WAIT_2, ELKO_SEC(3));
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, ". 1:1(0) ack 2");
        conv_quiet(c, ELKO_SEC(3) - 1);
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_quiet(c, 1);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* 0: the stack's; and closed when it is FIN-WAIT-2 already. */
CONV_TEST(fin_wait_2_half_closed_before)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_FIN_WAIT_2, ELKO_SEC(3));
        conv_set(c, ELKO_OPTION_FIN_WAIT_2, 0);
        conv_shutdown(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_in(c, ". 1:1(0) ack 2");
        conv_quiet(c, ELKO_SEC(1000)); /* somebody still reads */
        conv_close(c);
        conv_quiet(c, c->cfg.fin_wait_2_ns - 1);
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_quiet(c, 1);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* ---- WINDOW_CLAMP ---- */

/* No window is larger, nothing is taken back, and the scale is what this window needs. [RFC9293 SHLD-14] */
CONV_TEST(window_clamp_of_a_listener)
{
        unsigned at = 1;

        conv_start(c, &plain);
        conv_listen(c);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_WINDOW_CLAMP, 5000), 0);
        conv_in(c, "S 0:0(0) win 65535 <mss 1000,wscale 7>");
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_WINDOW_CLAMP, 6000),
                ELKO_EAGAIN);
        conv_out(c, "S. 0:0(0) ack 1 win 5000 <mss M,wscale 0>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_accept(c);
        for (; at < 5001; at += 1000) {
                conv_in(c, ". %u:%u(1000) ack 1", at, at + 1000);
                for (unsigned i = 0; i < conv_pending(c); i++)
                        CONV_CHECK(c, conv_peek(c, i)->win <= 5000);
                conv_ignore(c);
        }
        conv_recv_some(c, 5000); /* unread text is not the clamp's: it is about what is announced */
        conv_ignore(c);
        for (unsigned end = at + 2000; at < end; at += 1000) {
                conv_in(c, ". %u:%u(1000) ack 1", at, at + 1000);
                for (unsigned i = 0; i < conv_pending(c); i++)
                        CONV_CHECK(c, conv_peek(c, i)->win <= 5000);
                conv_ignore(c);
        }
        conv_recv(c, 2000);
        conv_ignore(c);
}

CONV_TEST(window_clamp_before_the_syn)
{
        conv_start(c, &plain);
        conv_hold(c, true);
        conv_connect(c);
        conv_set(c, ELKO_OPTION_WINDOW_CLAMP, 3000);
        conv_hold(c, false);
        conv_pull(c);
        conv_out(c, "S 0:0(0) win 3000 <mss M,wscale 0>");
        conv_in(c, "S. 0:0(0) ack 1 <mss 1000,wscale 7>");
        conv_out(c, ". 1:1(0) ack 1 win 3000");
}

/* Smaller than a segment: silly windows are avoided by its own measure, and it opens again. [RFC9293 MUST-39] */
CONV_TEST(window_clamp_below_a_segment)
{
        uint32_t taken = 0;

        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_WINDOW_CLAMP, 512);
        conv_ignore(c);
        for (unsigned round = 0; round < 400; round++) {
                uint32_t at = c->f->last_ack - c->f->irs, room = c->f->edge - c->f->last_ack;
                uint32_t n = room < 512 ? room : 512;

                if (n == 0)
                        conv_fail(c, "the window stays closed after %u bytes", taken);
                conv_in(c, "P. %u:%u(%u) ack 1", at, at + n, n);
                conv_ignore(c);
                conv_recv_some(c, n);
                conv_ignore(c);
                conv_advance(c, ELKO_MS(300));
                conv_ignore(c);
                taken += n;
        }
        CONV_CHECK(c, c->f->edge - c->f->last_ack <= 512 + 16);
}

/* ---- DEFER_ACCEPT ---- */

static void defer(struct conv *c, unsigned n)
{
        conv_start(c, &plain);
        conv_listen(c);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_DEFER_ACCEPT, n), 0);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
}

/* The ACK alone is not news; data is, and then all is as ever. The SYN,ACK is not sent again meanwhile. */
CONV_TEST(data_opens)
{
        defer(c, 3);
        conv_in(c, ". 1:1(0) ack 1");
        conv_dropped(c, ELKO_DROP_TCP_DEFERRED);
        conv_listen_event(c, 0);
        conv_accept_none(c);
        conv_quiet(c, ELKO_SEC(5));
        CONV_EQ(c, conv_memory(c).half_open, 1);
        conv_in(c, "P. 1:11(10) ack 1");
        conv_out(c, ". 1:1(0) ack 11");
        conv_listen_event(c, ELKO_EV_ACCEPT);
        conv_accept(c);
        conv_recv(c, 10);
        CONV_EQ(c, conv_info(c).srtt_ns,
                0); /* it answers the user at the other end, not our SYN,ACK */
}

/* When the time is over the SYN,ACK goes once more, and then an ACK will do. 1 + 2 + 4 s. */
CONV_TEST(the_time_is_over)
{
        defer(c, 3);
        conv_in(c, ". 1:1(0) ack 1");
        conv_quiet(c, ELKO_SEC(7) - 1);
        conv_out_after(c, 1, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_listen_event(c, ELKO_EV_ACCEPT);
        conv_accept(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

/* Nobody there: it ends as a handshake does, and before the ACK the SYN,ACK is sent again as ever. */
CONV_TEST(nobody_there)
{
        unsigned n = 0;

        defer(c, 2);
        conv_out_after(c, ELKO_SEC(1), "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        for (unsigned s = 0; s < 200; s++) {
                conv_advance(c, ELKO_SEC(1));
                n += conv_ignore(c);
        }
        CONV_CHECK(c, n >= 1 && n <= c->cfg.synack_retries);
        CONV_EQ(c, conv_memory(c).half_open, 0);
        conv_listen_event(c, 0);
}

/* A FIN is something to wake somebody for; a reset ends it. */
CONV_TEST(others_while_deferred)
{
        defer(c, 3);
        conv_in(c, ". 1:1(0) ack 1");
        conv_in(c, "F. 1:1(0) ack 1");
        conv_out(c, ". 1:1(0) ack 2");
        conv_listen_event(c, ELKO_EV_ACCEPT);
        conv_accept(c);
        conv_recv_is(c, 0);
        conv_flow(c, 1);
        conv_in(c, "S 0:0(0) win 65535 <mss M>");
        conv_out(c, "S. 0:0(0) ack 1 <mss M>");
        conv_in(c, ". 1:1(0) ack 1");
        conv_in(c, "R 1:1(0)");
        CONV_EQ(c, conv_memory(c).half_open, 0);
}

/* ---- values ---- */

CONV_TEST(values)
{
        static const struct {
                enum elko_option option;
                uint64_t good, bad;
        } v[] = {{ELKO_OPTION_SYN_RETRIES, 127, 128},
                 {ELKO_OPTION_WINDOW_CLAMP, 1 << 30, (1 << 30) + 1},
                 {ELKO_OPTION_DEFER_ACCEPT, 6, 7}};
        uint64_t got = 0;

        conv_start_open(c, &plain);
        for (unsigned i = 0; i < 3; i++) {
                conv_set(c, v[i].option, v[i].good);
                CONV_EQ(c, elko_set_option(c->st, c->f->sock, v[i].option, v[i].bad), ELKO_EINVAL);
                CONV_EQ(c, elko_get_option(c->st, c->f->sock, v[i].option, &got), 0);
                CONV_EQ(c, got, v[i].good);
        }
        conv_set(c, ELKO_OPTION_FIN_WAIT_2, 5);
        CONV_EQ(c, elko_get_option(c->st, c->f->sock, ELKO_OPTION_FIN_WAIT_2, &got), 0);
        CONV_EQ(c, got, 5);
}

EK_TEST_MAIN();
