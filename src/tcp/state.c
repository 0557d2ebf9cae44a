/* SPDX-License-Identifier: MIT */
#include "tcp/state.h"

#include "tcp/tcp.h"

/*
 * RFC 9293, 3.3.2. ek_state_set() is the only writer of a connection's state; a transition that is not
 * in the table is a defect of elko, never a peer's doing, hence an assertion.
 */

bool ek_state_is_legal(enum elko_tcp_state from, enum elko_tcp_state to)
{
        static const bool edge[ELKO_TCP_STATE_COUNT][ELKO_TCP_STATE_COUNT] = {
#define EK_X(from, to, event, action, who, source) [ELKO_TCP_##from][ELKO_TCP_##to] = true,
                EK_STATE_EDGES(EK_X)
#undef EK_X
        };

        return from < ELKO_TCP_STATE_COUNT && to < ELKO_TCP_STATE_COUNT && edge[from][to];
}

void ek_state_set(struct ek_tcp *t, struct ek_tcb *tcb, enum elko_tcp_state to, const char *cause)
{
        enum elko_tcp_state from = (enum elko_tcp_state)tcb->state;

        EK_ASSERT(ek_state_is_legal(from, to));
        if (from == ELKO_TCP_SYN_RECEIVED)
                ek_fast_open_left(t, tcb, to);
        tcb->state = (uint8_t)to;
        ek_trace_state(t, &tcb->conn.key, tcb, from, to, cause);
}
