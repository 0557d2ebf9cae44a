/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_STATE_H
#define EK_TCP_STATE_H

/*
 * The state machine as data: RFC 9293, 3.3.2, figure 5, and the text of 3.10.
 *
 *      X(from, to, event, action, who, source)
 *
 * One list makes the legality check of ek_state_set(), the documentation (doc/states.md) and the model.
 * "who" is the file that performs the edge. HO marks edges of half-open entries, TW of TIME-WAIT
 * entries; these are objects of their own and pass through ek_trace_state() instead.
 */
#define EK_STATE_EDGES(X)                                                                          \
        X(CLOSED, LISTEN, "passive OPEN", "create listener", "sock", "3.10.1")                     \
        X(CLOSED, SYN_SENT, "active OPEN", "snd SYN", "user_calls", "3.10.1")                      \
        X(LISTEN, SYN_RECEIVED, "rcv SYN", "snd SYN,ACK", "seg_listen (HO)", "3.10.7.2")           \
        X(LISTEN, CLOSED, "CLOSE", "delete listener", "listener", "3.10.4")                        \
        X(LISTEN, TIME_WAIT, "SYN was an old duplicate", "return", "timewait (TW)", "3.6.1 MAY-2") \
        X(SYN_SENT, SYN_RECEIVED, "rcv SYN", "snd SYN,ACK", "seg_synsent", "3.10.7.3 fourth")      \
        X(SYN_SENT, ESTABLISHED, "rcv SYN,ACK", "snd ACK", "seg_synsent", "3.10.7.3 fourth")       \
        X(SYN_SENT, CLOSED, "CLOSE, RST, R2", "delete TCB", "user_calls", "3.10.4")                \
        X(SYN_RECEIVED, ESTABLISHED, "rcv ACK of SYN", "-", "seg_ack", "3.10.7.4 fifth")           \
        X(SYN_RECEIVED, LISTEN, "rcv RST, R2", "forget", "half_open (HO)", "3.10.7.4 second")      \
        X(SYN_RECEIVED, CLOSED, "rcv RST, ABORT", "delete TCB", "seg_check", "3.10.7.4 second")    \
        X(ESTABLISHED, FIN_WAIT_1, "CLOSE", "snd FIN", "user_calls", "3.10.4")                     \
        X(ESTABLISHED, CLOSE_WAIT, "rcv FIN", "snd ACK", "seg_fin", "3.10.7.4 eighth")             \
        X(ESTABLISHED, CLOSED, "RST, ABORT, R2", "delete TCB", "seg_check", "3.10.7.4 second")     \
        X(FIN_WAIT_1, FIN_WAIT_2, "rcv ACK of FIN", "-", "seg_ack", "3.10.7.4 fifth")              \
        X(FIN_WAIT_1, CLOSING, "rcv FIN", "snd ACK", "seg_fin", "3.10.7.4 eighth")                 \
        X(FIN_WAIT_1, TIME_WAIT, "rcv FIN with ACK of FIN", "snd ACK", "seg_fin", "3.6")           \
        X(FIN_WAIT_1, CLOSED, "RST, ABORT, R2", "delete TCB", "seg_check", "3.10.7.4 second")      \
        X(FIN_WAIT_2, TIME_WAIT, "rcv FIN", "snd ACK", "seg_fin", "3.10.7.4 eighth")               \
        X(FIN_WAIT_2, CLOSED, "RST, ABORT, time-out", "delete TCB", "seg_check", "3.10.7.4")       \
        X(CLOSE_WAIT, LAST_ACK, "CLOSE", "snd FIN", "user_calls", "3.10.4")                        \
        X(CLOSE_WAIT, CLOSED, "RST, ABORT, R2", "delete TCB", "seg_check", "3.10.7.4 second")      \
        X(CLOSING, TIME_WAIT, "rcv ACK of FIN", "-", "seg_ack", "3.10.7.4 fifth")                  \
        X(CLOSING, CLOSED, "RST, ABORT, R2", "delete TCB", "seg_check", "3.10.7.4 second")         \
        X(LAST_ACK, CLOSED, "rcv ACK of FIN, RST, R2", "delete TCB", "seg_ack", "3.10.7.4 fifth")  \
        X(TIME_WAIT, CLOSED, "2 MSL, or a new SYN", "forget", "timewait (TW)", "3.6.1")

#endif
