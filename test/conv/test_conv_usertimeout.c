/* SPDX-License-Identifier: MIT */
#include "conv.h"

/* User timeout: RFC 9293, 3.8.3 (MUST-21, SHLD-9), RFC 5482: at the instant that the user said. */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

static void timeout(struct conv *c, uint64_t ns)
{
        conv_open_passive(c);
        conv_set(c, ELKO_OPTION_USER_TIMEOUT, ns);
}

/* [RFC9293 MUST-21 3.10.8] */
CONV_TEST(exactly_then)
{
        conv_start(c, &plain);
        timeout(c, ELKO_SEC(5));
        conv_send(c, 10);
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(5) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_advance(c, 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_SOFT_ERROR | ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
}

/* It is about unacknowledged data: an idle connection has none. */
CONV_TEST(idle_is_no_timeout)
{
        conv_start(c, &plain);
        timeout(c, ELKO_SEC(5));
        conv_quiet(c, ELKO_SEC(1000));
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_in(c, ". 1:1(0) ack 11");
        conv_quiet(c, ELKO_SEC(1000));
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

CONV_TEST(progress_starts_it_anew)
{
        conv_start(c, &plain);
        timeout(c, ELKO_SEC(5));
        conv_send(c, 10);
        conv_ignore(c);
        for (unsigned i = 1; i < 8; i++) {
                conv_advance(c, ELKO_SEC(4));
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack %u", 1 + i);
                conv_ignore(c);
        }
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_advance(c, ELKO_SEC(5));
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* RFC 5482, 1: how long *transmitted* data may remain unacknowledged. While the window was closed the time ran for the
 * window; when it opens, what leaves has all of it. */
CONV_TEST(a_window_that_opens_starts_it_anew)
{
        conv_start(c, &plain);
        timeout(c, ELKO_SEC(5));
        conv_in(c, ". 1:1(0) ack 1 win 0");
        conv_send(c, 10);
        conv_advance(c, ELKO_MS(4900));
        conv_ignore(c);
        conv_in(c, ". 1:1(0) ack 1 win 100");
        conv_out(c, "P. 1:11(10) ack 1");
        conv_advance(c, ELKO_SEC(5) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_advance(c, 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* Set while data is outstanding: counts from then. Longer than R2 as well. */
CONV_TEST(set_while_waiting)
{
        conv_start_open(c, &plain);
        conv_send(c, 10);
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(100));
        conv_ignore(c);
        conv_set(c, ELKO_OPTION_USER_TIMEOUT, ELKO_SEC(2000));
        conv_advance(c, ELKO_SEC(2000) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
        conv_advance(c, 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

/* SYN-SENT: set after connect. */
CONV_TEST(while_connecting)
{
        conv_start(c, &plain);
        conv_reach(c, ELKO_TCP_SYN_SENT, true);
        conv_set(c, ELKO_OPTION_USER_TIMEOUT, ELKO_SEC(2));
        conv_advance(c, ELKO_SEC(2) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_SYN_SENT);
        conv_advance(c, 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_CLOSED);
        conv_event_error(c, ELKO_EV_ERROR | ELKO_EV_CLOSED, ELKO_ETIMEDOUT);
}

/* 0 is the stack's R2 again. */
CONV_TEST(zero_is_r2)
{
        conv_start(c, &plain);
        timeout(c, ELKO_SEC(5));
        conv_set(c, ELKO_OPTION_USER_TIMEOUT, 0);
        conv_send(c, 10);
        conv_ignore(c);
        conv_advance(c, ELKO_SEC(900) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_ESTABLISHED);
}

EK_TEST_MAIN();
