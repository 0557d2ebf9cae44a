/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_state.c - the table of states against RFC 9293, 3.3.2, figure 5 and the text of 3.10,
 * written down here once more, as a matrix.
 */
#include "tcp/state.h"
#include "tcp/tcp.h"

#include "ek_test.h"

enum { N = ELKO_TCP_STATE_COUNT };

/* Rows: from; columns: to; in the order of the enum: CLOSED LISTEN SYN-SENT SYN-RECEIVED
 * ESTABLISHED FIN-WAIT-1 FIN-WAIT-2 CLOSE-WAIT CLOSING LAST-ACK TIME-WAIT. */
static const char *const matrix[N] = {
        /* CLOSED       */ ".xx........",
        /* LISTEN       */ "x..x......x",
        /* SYN-SENT     */ "x..xx......",
        /* SYN-RECEIVED */ "xx..x......",
        /* ESTABLISHED  */ "x....x.x...",
        /* FIN-WAIT-1   */ "x.....x.x.x",
        /* FIN-WAIT-2   */ "x.........x",
        /* CLOSE-WAIT   */ "x........x.",
        /* CLOSING      */ "x.........x",
        /* LAST-ACK     */ "x..........",
        /* TIME-WAIT    */ "x..........",
};

EK_TEST(edges_of_figure_5)
{
        for (int from = 0; from < N; from++)
                for (int to = 0; to < N; to++)
                        CHECK_EQ(ek_state_is_legal((enum elko_tcp_state)from,
                                                   (enum elko_tcp_state)to),
                                 matrix[from][to] == 'x');
}

/* Every state can be reached from CLOSED and leads back to it. */
EK_TEST(nothing_is_a_trap)
{
        bool out[N] = {true}, back[N] = {true};

        for (int round = 0; round < N; round++) {
                for (int from = 0; from < N; from++) {
                        for (int to = 0; to < N; to++) {
                                bool edge = ek_state_is_legal((enum elko_tcp_state)from,
                                                              (enum elko_tcp_state)to);

                                out[to] = out[to] || (edge && out[from]);
                                back[from] = back[from] || (edge && back[to]);
                        }
                }
        }
        for (int i = 0; i < N; i++)
                CHECK(out[i] && back[i]);
}

EK_TEST(names_are_the_rfcs)
{
        CHECK_STR_EQ(elko_tcp_state_name(ELKO_TCP_FIN_WAIT_1), "FIN-WAIT-1");
        CHECK_STR_EQ(elko_tcp_state_name(ELKO_TCP_SYN_RECEIVED), "SYN-RECEIVED");
        CHECK_STR_EQ(elko_tcp_state_name(ELKO_TCP_STATE_COUNT), "?");
}

/* An edge that is not in the table is a defect, and stops the program. */
EK_TEST(illegal_edges_trap)
{
        static struct ek_tcp t;
        static struct ek_active act;
        struct ek_tcb tcb = {.state = ELKO_TCP_LAST_ACK, .act = &act};

        CHECK_TRAPS(ek_state_set(&t, &tcb, ELKO_TCP_ESTABLISHED, "nonsense"));
        ek_state_set(&t, &tcb, ELKO_TCP_CLOSED, "fine");
        CHECK_EQ(tcb.state, ELKO_TCP_CLOSED);
}

EK_TEST_MAIN();
