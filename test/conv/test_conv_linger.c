/* SPDX-License-Identifier: MIT */
#include "conv.h"

/* LINGER: how long a closed connection may try to deliver (RFC 9293, 3.6, note on closes; RFC 1122,
 * 4.2.2.13). 0 is an abort; a span ends in a reset when it is over; NEVER leaves it to R2. */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

CONV_TEST(zero_resets_at_once)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_LINGER, 0);
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_close(c);
        conv_out(c, "R. 11:11(0) ack 1");
        conv_state(c, ELKO_TCP_CLOSED);
        conv_quiet(c, ELKO_SEC(100));
}

CONV_TEST(a_span_ends_in_a_reset)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_LINGER, ELKO_SEC(3));
        conv_send(c, 10);
        conv_out(c, "P. 1:11(10) ack 1");
        conv_close(c);
        conv_out(c, "F. 11:11(0) ack 1");
        conv_advance(c, ELKO_SEC(3) - 1);
        conv_ignore(c);
        conv_state(c, ELKO_TCP_FIN_WAIT_1);
        conv_out_after(c, 1, "R. 12:12(0) ack 1");
        conv_state(c, ELKO_TCP_CLOSED);
}

CONV_TEST(done_in_time)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_LINGER, ELKO_SEC(3));
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_advance(c, ELKO_MS(100));
        conv_in(c, "F. 1:1(0) ack 2");
        conv_out(c, ". 2:2(0) ack 2");
        conv_state(c, ELKO_TCP_TIME_WAIT);
        conv_quiet(c, ELKO_SEC(59));
        conv_state(c, ELKO_TCP_TIME_WAIT); /* TIME-WAIT is not cut short */
}

/* FIN-WAIT-2 has a limit of its own; the earlier one counts. */
static void in_fin_wait_2(struct conv *c, uint64_t linger, uint64_t end)
{
        conv_start_open(c, &plain);
        conv_set(c, ELKO_OPTION_LINGER, linger);
        conv_close(c);
        conv_out(c, "F. 1:1(0) ack 1");
        conv_quiet(c, ELKO_MS(100));
        conv_in(c, ". 1:1(0) ack 2");
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_at(c, end - 1);
        conv_state(c, ELKO_TCP_FIN_WAIT_2);
        conv_at(c, end);
        conv_none(c);
        conv_state(c, ELKO_TCP_CLOSED);
}

CONV_TEST(shorter_than_fin_wait_2)
{
        in_fin_wait_2(c, ELKO_SEC(3), ELKO_SEC(3));
}

CONV_TEST(longer_than_fin_wait_2)
{
        in_fin_wait_2(c, ELKO_SEC(300), ELKO_MS(60100));
}

CONV_TEST(default_is_no_limit_of_its_own)
{
        uint64_t v = 0;

        conv_start_open(c, &plain);
        CONV_EQ(c, elko_get_option(c->st, c->f->sock, ELKO_OPTION_LINGER, &v), 0);
        CONV_EQ(c, v, ELKO_NEVER);
}

/* A listener's option holds for its connections. */
CONV_TEST(inherited)
{
        conv_start(c, &plain);
        conv_listen(c);
        CONV_EQ(c, elko_set_option(c->st, c->listener, ELKO_OPTION_LINGER, 0), 0);
        conv_open_passive(c);
        conv_close(c);
        conv_out(c, "R. 1:1(0) ack 1");
}

EK_TEST_MAIN();
