/* SPDX-License-Identifier: MIT */
/*
 * test_cli_ladder_infer.c - the states of an end that can't be asked: every edge of RFC 9293's
 * figure 5, and the figures of 3.5 and 3.6 as tables of what it sent and received.
 */
#include "cli/ladder_infer.c"

#include "ek_test.h"

EK_TEST_MAIN();

enum { F = ELKO_FIN, S = ELKO_SYN, R = ELKO_RST, A = ELKO_ACK };

enum { SENT, GOT };

struct step {
        int what;
        uint16_t flags;
        uint32_t seq, ack, len;
        int state; /* afterwards */
};

#define CLOSED     ELKO_TCP_CLOSED
#define LISTEN     ELKO_TCP_LISTEN
#define SYN_SENT   ELKO_TCP_SYN_SENT
#define SYN_RCVD   ELKO_TCP_SYN_RECEIVED
#define ESTAB      ELKO_TCP_ESTABLISHED
#define FIN_WAIT_1 ELKO_TCP_FIN_WAIT_1
#define FIN_WAIT_2 ELKO_TCP_FIN_WAIT_2
#define CLOSE_WAIT ELKO_TCP_CLOSE_WAIT
#define CLOSING    ELKO_TCP_CLOSING
#define LAST_ACK   ELKO_TCP_LAST_ACK
#define TIME_WAIT  ELKO_TCP_TIME_WAIT

/* Plays the steps, with every number moved by `shift`: nothing may depend on where numbers wrap. */
static void play(int first, const struct step *step, size_t n)
{
        static const uint32_t shifts[] = {0, 0xfffffff0u, 0xffffff9bu, 0x7fffffffu, 0x80000000u};

        for (size_t k = 0; k < sizeof shifts / sizeof shifts[0]; k++) {
                struct ladder_infer t;

                ladder_infer_init(&t, first);
                CHECK_EQ(t.state, first);
                for (size_t i = 0; i < n; i++) {
                        struct ladder_infer_seg s = {step[i].seq + shifts[k],
                                                     (step[i].flags & A) ? step[i].ack + shifts[k]
                                                                         : 0,
                                                     step[i].len, step[i].flags};

                        if (step[i].what == SENT)
                                ladder_infer_sent(&t, &s);
                        else
                                ladder_infer_received(&t, &s);
                        if (t.state != step[i].state)
                                printf("step %zu of a play from %s\n", i,
                                       first == LADDER_INFER_NONE ? "?" : "known");
                        CHECK_EQ(t.state, step[i].state);
                }
        }
}

#define PLAY(first, ...)                                                                           \
        do {                                                                                       \
                static const struct step steps[] = {__VA_ARGS__};                                  \
                play(first, steps, sizeof steps / sizeof steps[0]);                                \
        } while (0)

EK_TEST(figure_6_both_roles)
{
        PLAY(CLOSED, {SENT, S, 100, 0, 0, SYN_SENT}, {GOT, S | A, 300, 101, 0, ESTAB},
             {SENT, A, 101, 301, 0, ESTAB}, {SENT, A, 101, 301, 50, ESTAB});
        PLAY(LISTEN, {GOT, S, 100, 0, 0, SYN_RCVD}, {SENT, S | A, 300, 101, 0, SYN_RCVD},
             {GOT, A, 101, 301, 0, ESTAB}, {GOT, A, 101, 301, 50, ESTAB});
}

EK_TEST(figure_7_simultaneous_open)
{
        PLAY(CLOSED, {SENT, S, 300, 0, 0, SYN_SENT}, {GOT, S, 100, 0, 0, SYN_RCVD},
             {SENT, S | A, 300, 101, 0, SYN_RCVD}, {GOT, S | A, 100, 301, 0, ESTAB});
}

EK_TEST(figure_8_old_duplicate)
{
        /* B: an old SYN, the RST returns it to LISTEN (passive open), then the real one. */
        PLAY(LISTEN, {GOT, S, 90, 0, 0, SYN_RCVD}, {SENT, S | A, 300, 91, 0, SYN_RCVD},
             {GOT, R, 91, 0, 0, LISTEN}, {GOT, S, 100, 0, 0, SYN_RCVD},
             {SENT, S | A, 400, 101, 0, SYN_RCVD}, {GOT, A, 101, 401, 0, ESTAB});
        /* A: an unacceptable ACK, its RST changes nothing. */
        PLAY(CLOSED, {SENT, S, 100, 0, 0, SYN_SENT}, {GOT, S | A, 300, 91, 0, SYN_SENT},
             {SENT, R, 91, 0, 0, SYN_SENT}, {GOT, S | A, 400, 101, 0, ESTAB});
}

EK_TEST(figure_9_half_open)
{
        PLAY(ESTAB, {GOT, S, 400, 0, 0, ESTAB}, {SENT, A, 300, 100, 0, ESTAB},
             {GOT, R, 100, 0, 0, CLOSED});
        PLAY(LADDER_INFER_NONE, {SENT, A, 300, 100, 0, ESTAB}, {GOT, R, 100, 0, 0, CLOSED});
}

EK_TEST(figure_10_and_11)
{
        PLAY(ESTAB, {SENT, A, 300, 100, 10, ESTAB}, {GOT, R, 100, 0, 0, CLOSED});
        PLAY(LISTEN, {GOT, S | A, 300, 91, 0, LISTEN}, {SENT, R, 91, 0, 0, LISTEN});
        PLAY(CLOSED, {GOT, A, 300, 91, 5, CLOSED}, {SENT, R, 91, 0, 0, CLOSED});
}

EK_TEST(figure_12_normal_close)
{
        PLAY(ESTAB, {SENT, F | A, 100, 300, 0, FIN_WAIT_1}, {GOT, A, 300, 101, 0, FIN_WAIT_2},
             {GOT, F | A, 300, 101, 0, TIME_WAIT}, {SENT, A, 101, 301, 0, TIME_WAIT});
        PLAY(ESTAB, {SENT, A, 300, 100, 0, ESTAB}, {GOT, F | A, 100, 300, 0, CLOSE_WAIT},
             {SENT, A, 300, 101, 0, CLOSE_WAIT}, {SENT, F | A, 300, 101, 0, LAST_ACK},
             {GOT, A, 101, 301, 0, CLOSED});
        /* note 2: the FIN comes with the ACK of ours */
        PLAY(ESTAB, {SENT, F | A, 100, 300, 0, FIN_WAIT_1}, {GOT, F | A, 300, 101, 0, TIME_WAIT});
}

EK_TEST(figure_13_simultaneous_close)
{
        PLAY(ESTAB, {SENT, F | A, 100, 300, 0, FIN_WAIT_1}, {GOT, F | A, 300, 100, 0, CLOSING},
             {SENT, A, 101, 301, 0, CLOSING}, {GOT, A, 301, 101, 0, TIME_WAIT});
}

EK_TEST(other_edges_of_figure_5)
{
        /* LISTEN, SEND: an active open */
        PLAY(LISTEN, {SENT, S, 100, 0, 0, SYN_SENT});
        /* SYN-RECEIVED, CLOSE: FIN without having been ESTABLISHED */
        PLAY(LISTEN, {GOT, S, 100, 0, 0, SYN_RCVD}, {SENT, S | A, 300, 101, 0, SYN_RCVD},
             {SENT, F | A, 301, 101, 0, FIN_WAIT_1});
        /* active open, RST in SYN-RECEIVED: CLOSED, not LISTEN (MUST-11) */
        PLAY(CLOSED, {SENT, S, 300, 0, 0, SYN_SENT}, {GOT, S, 100, 0, 0, SYN_RCVD},
             {GOT, R, 101, 0, 0, CLOSED});
        /* refused */
        PLAY(CLOSED, {SENT, S, 100, 0, 0, SYN_SENT}, {GOT, R | A, 0, 101, 0, CLOSED});
        /* an RST that acknowledges nothing of ours is no refusal */
        PLAY(CLOSED, {SENT, S, 100, 0, 0, SYN_SENT}, {GOT, R | A, 0, 55, 0, SYN_SENT},
             {GOT, R, 0, 0, 0, SYN_SENT});
        /* ACK, data and FIN in one */
        PLAY(LISTEN, {GOT, S, 100, 0, 0, SYN_RCVD}, {SENT, S | A, 300, 101, 0, SYN_RCVD},
             {GOT, F | A, 101, 301, 20, CLOSE_WAIT});
        /* TIME-WAIT reopened by a SYN (MAY-2) */
        PLAY(ESTAB, {SENT, F | A, 100, 300, 0, FIN_WAIT_1}, {GOT, F | A, 300, 101, 0, TIME_WAIT},
             {GOT, S, 9000, 0, 0, SYN_RCVD}, {SENT, S | A, 7000, 9001, 0, SYN_RCVD},
             {GOT, A, 9001, 7001, 0, ESTAB});
}

EK_TEST(rst_must_be_exact)
{
        PLAY(ESTAB, {SENT, A, 100, 300, 0, ESTAB}, {GOT, R, 305, 0, 0, ESTAB},
             {GOT, R, 299, 0, 0, ESTAB}, {GOT, R, 300, 0, 0, CLOSED});
}

EK_TEST(fin_waits_for_the_data_before_it)
{
        PLAY(ESTAB, {SENT, A, 300, 100, 0, ESTAB}, {GOT, F | A, 200, 300, 50, ESTAB},
             {GOT, A, 100, 300, 100, ESTAB}, {GOT, F | A, 200, 300, 50, CLOSE_WAIT});
}

EK_TEST(repetitions_change_nothing)
{
        PLAY(CLOSED, {SENT, S, 100, 0, 0, SYN_SENT}, {SENT, S, 100, 0, 0, SYN_SENT},
             {GOT, S | A, 300, 101, 0, ESTAB}, {GOT, S | A, 300, 101, 0, ESTAB});
        PLAY(ESTAB, {SENT, F | A, 100, 300, 0, FIN_WAIT_1}, {SENT, F | A, 100, 300, 0, FIN_WAIT_1},
             {GOT, F | A, 300, 101, 0, TIME_WAIT}, {GOT, F | A, 300, 101, 0, TIME_WAIT},
             {SENT, A, 101, 301, 0, TIME_WAIT});
        PLAY(LISTEN, {GOT, S, 100, 0, 0, SYN_RCVD}, {SENT, S | A, 300, 101, 0, SYN_RCVD},
             {GOT, S, 100, 0, 0, SYN_RCVD}, {SENT, S | A, 300, 101, 0, SYN_RCVD});
}

EK_TEST(what_is_sent_corrects_what_was_assumed)
{
        /* It repeats its SYN+ACK: our ACK has not arrived after all. */
        PLAY(LISTEN, {GOT, S, 100, 0, 0, SYN_RCVD}, {SENT, S | A, 300, 101, 0, SYN_RCVD},
             {GOT, A, 101, 301, 0, ESTAB}, {SENT, S | A, 300, 101, 0, SYN_RCVD},
             {GOT, A, 101, 301, 0, ESTAB});
        /* It sends data: somebody's ACK has arrived. */
        PLAY(LISTEN, {GOT, S, 100, 0, 0, SYN_RCVD}, {SENT, S | A, 300, 101, 0, SYN_RCVD},
             {SENT, A, 301, 101, 5, ESTAB});
        /* It acknowledges our SYN+ACK, which we thought lost. */
        PLAY(CLOSED, {SENT, S, 100, 0, 0, SYN_SENT}, {SENT, A, 101, 301, 0, ESTAB});
}

EK_TEST(skipped_data)
{
        struct ladder_infer t;
        struct ladder_infer_seg fin = {5000, 9000, 0, F | A};

        ladder_infer_init(&t, LADDER_INFER_NONE);
        ladder_infer_skip(&t, 9000, 5000);
        t.state = ESTAB;
        ladder_infer_received(&t, &fin);
        CHECK_EQ(t.state, CLOSE_WAIT);
}

/* Any sequence of segments keeps it within the states that there are. */
EK_TEST(any_segments)
{
        for (uint32_t round = 0; round < ek_test_rounds(2000); round++) {
                struct ladder_infer t;

                ladder_infer_init(&t, (int)ek_test_below(ELKO_TCP_STATE_COUNT + 1));
                for (int i = 0; i < 30; i++) {
                        struct ladder_infer_seg s = {ek_test_below(8), ek_test_below(8),
                                                     ek_test_below(3), (uint16_t)ek_test_below(32)};

                        if (ek_test_below(2))
                                ladder_infer_sent(&t, &s);
                        else
                                ladder_infer_received(&t, &s);
                        CHECK(t.state >= 0 && t.state <= LADDER_INFER_NONE);
                }
        }
}
