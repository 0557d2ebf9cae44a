/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * Timers and what they lead to, as properties: RFC 6298, RFC 5681, 3.1, RFC 9293, 3.8.3 and 3.8.4.
 */

static const struct conv_options plain = {.no_sack = true, .no_ts = true};

/* An outage of any length halves the window once (RFC 5681, 3.1, equation 4): ssthresh afterwards is half of
 * what was in flight before. */
CONV_TEST(one_outage_is_one_loss)
{
        conv_start(c, &plain);
        for (unsigned i = 0; i < 8; i++) {
                uint32_t flight = 0;

                conv_flow(c, i);
                conv_open_passive(c);
                conv_send(c, 20 * c->mss);
                for (unsigned k = 0; k < conv_pending(c); k++)
                        flight += conv_peek(c, k)->len;
                conv_ignore(c);
                conv_advance(c, ELKO_MS(150) << i);
                conv_ignore(c);
                if (i > 0) /* the first time-out is after 200 ms */
                        CONV_EQ(c, conv_info(c).snd_ssthresh, flight / 2);
                conv_abort(c);
                conv_ignore(c);
        }
}

/* No sample of the round-trip time is longer than the connection has lived, whatever the echoed timestamps
 * of ACKs of new segments and of retransmitted ones say (RFC 7323, 4.3); only values of the last R2 can
 * pass for ours. */
CONV_TEST(no_round_trip_is_longer_than_the_connection)
{
        static const uint32_t echoes[] = {
                0u, 1u, 2u, 1000u, 100000u, 1u << 30, 1u << 31, UINT32_MAX / 3, UINT32_MAX / 2};

        conv_start(c, NULL);
        for (unsigned i = 0; i < sizeof(echoes) / sizeof(echoes[0]); i++) {
                uint64_t began;

                conv_flow(c, i);
                began = conv_elapsed(c);
                conv_open_passive(c);
                for (unsigned k = 0; k < 6; k++) {
                        conv_send(c, 10);
                        conv_ignore(c);
                        conv_advance(c, ELKO_MS(k % 2 == 0 ? 300 : 20)); /* once sent twice */
                        conv_ignore(c);
                        conv_in(c, ". 1:1(0) ack %u <TS val %u ecr %u>", 11 + k * 10, 200 + k,
                                echoes[i] + k);
                        conv_ignore(c);
                        CONV_CHECK(c, conv_info(c).srtt_ns <= conv_elapsed(c) - began);
                }
                conv_abort(c);
                conv_ignore(c);
        }
}

/* However long the link takes nothing, and whatever expires meanwhile: when it takes frames again the
 * connection goes on at once, and each byte goes once. */
CONV_TEST(a_busy_link)
{
        static const uint64_t spans[] = {ELKO_MS(1), ELKO_MS(250), ELKO_SEC(2), ELKO_SEC(100)};

        conv_start(c, &plain);
        for (unsigned i = 0; i < 4; i++) {
                conv_flow(c, i);
                conv_open_passive(c);
                conv_send(c, 100);
                conv_out(c, "P. 1:101(100) ack 1");
                conv_hold(c, true);
                conv_send(c, 100);
                conv_advance(c, spans[i]);
                conv_hold(c, false);
                if (spans[i] >= ELKO_MS(200))
                        conv_out(c, "P. 1:101(100) ack 1");
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack 101");
                conv_ignore(c);
                conv_in(c, ". 1:1(0) ack 201");
                conv_none(c);
                conv_quiet(c, ELKO_SEC(100));
        }
}

/* Keepalive is about idle connections (RFC 9293, 3.8.4): while something is outstanding or waits, the times
 * of retransmission and of the zero-window probes decide, and no keepalive counts. */
CONV_TEST(keepalive_waits_for_silence)
{
        static const bool closed[] = {false, true};

        conv_start(c, &plain);
        for (unsigned i = 0; i < 2; i++) {
                conv_flow(c, i);
                conv_open_passive(c);
                conv_set(c, ELKO_OPTION_KEEPALIVE_IDLE, ELKO_SEC(1));
                conv_set(c, ELKO_OPTION_KEEPALIVE_INTERVAL, ELKO_SEC(1));
                conv_set(c, ELKO_OPTION_KEEPALIVE_COUNT, 2);
                conv_set(c, ELKO_OPTION_KEEPALIVE, 1);
                if (closed[i])
                        conv_in(c, ". 1:1(0) ack 1 win 0");
                conv_send(c, 10);
                for (unsigned s = 0; s < 120; s++) {
                        conv_ignore(c);
                        conv_advance(c, ELKO_SEC(1));
                        /* The peer answers probes of its closed window, but not data that is lost. */
                        if (closed[i] && conv_pending(c) > 0) {
                                conv_ignore(c);
                                conv_in(c, ". 1:1(0) ack 1 win 0");
                        }
                        conv_state(c, ELKO_TCP_ESTABLISHED);
                }
                conv_ignore(c);
                CONV_EQ(c, elko_counters_get(c->st)->tcp_keepalives, 0);
                conv_abort(c);
                conv_ignore(c);
        }
}

EK_TEST_MAIN();
