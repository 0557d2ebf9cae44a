/* SPDX-License-Identifier: MIT */
#ifndef ELKO_TRACE_H
#define ELKO_TRACE_H

/*
 * Trace events: every segment, state change, timer and drop, as the stack itself sees them.
 *
 * The hook is called synchronously from inside of the calls into the stack. It must not call into
 * that stack. The record and everything that it points to are valid during the call only.
 */

#include <elko/info.h>
#include <elko/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, text) */
#define ELKO_TRACE_LIST(X)                                                                         \
        X(SEGMENT_IN, "segment_received")                                                          \
        X(SEGMENT_OUT, "segment_sent")                                                             \
        X(DROP, "dropped")                                                                         \
        X(STATE, "state_changed")                                                                  \
        X(TIMER, "timer_expired")                                                                  \
        X(LOST, "segment_lost")                                                                    \
        X(RECOVERY, "recovery")                                                                    \
        X(METRICS, "metrics_updated")

enum elko_trace_kind {
#define ELKO_X(name, text) ELKO_TRACE_##name,
        ELKO_TRACE_LIST(ELKO_X)
#undef ELKO_X
                ELKO_TRACE_COUNT
};

/* TCP flags as on the wire. */
enum elko_tcp_flag {
        ELKO_FIN = 0x01,
        ELKO_SYN = 0x02,
        ELKO_RST = 0x04,
        ELKO_PSH = 0x08,
        ELKO_ACK = 0x10,
        ELKO_URG = 0x20,
        ELKO_ECE = 0x40,
        ELKO_CWR = 0x80,
        ELKO_AE = 0x100,
};

/* Why a segment was sent. X(name, text) */
#define ELKO_WHY_LIST(X)                                                                           \
        X(NONE, "")                                                                                \
        X(SYN, "open")                                                                             \
        X(SYN_ACK, "answer to SYN")                                                                \
        X(COOKIE, "answer to SYN with a cookie")                                                   \
        X(DATA, "new data")                                                                        \
        X(FIN, "close")                                                                            \
        X(ACK, "acknowledgement")                                                                  \
        X(ACK_DELAYED, "delayed acknowledgement")                                                  \
        X(ACK_DUP, "duplicate or out-of-order data")                                               \
        X(WINDOW, "window update")                                                                 \
        X(CHALLENGE, "challenge ACK")                                                              \
        X(RETRANS_RTO, "retransmission: timer")                                                    \
        X(RETRANS_FAST, "retransmission: duplicate ACKs")                                          \
        X(LOSS_PROBE, "loss probe")                                                                \
        X(MTU_PROBE, "probe of the path MTU")                                                      \
        X(PROBE, "zero-window probe")                                                              \
        X(KEEPALIVE, "keepalive probe")                                                            \
        X(RST, "reset")                                                                            \
        X(TIME_WAIT_ACK, "acknowledgement from TIME-WAIT")

enum elko_why {
#define ELKO_X(name, text) ELKO_WHY_##name,
        ELKO_WHY_LIST(ELKO_X)
#undef ELKO_X
                ELKO_WHY_COUNT
};

/* Timers of a connection. X(name, text) */
#define ELKO_TIMER_LIST(X)                                                                         \
        X(LOSS, "reordering or loss probe")                                                        \
        X(RTO, "retransmission")                                                                   \
        X(PERSIST, "persist")                                                                      \
        X(DELACK, "delayed ACK")                                                                   \
        X(KEEPALIVE, "keepalive")                                                                  \
        X(ABORT, "user timeout")                                                                   \
        X(CLOSE, "FIN-WAIT-2 or linger")                                                           \
        X(IDLE, "idle buffers")                                                                    \
        X(SYN_ACK, "SYN+ACK retransmission")                                                       \
        X(TIME_WAIT, "2 MSL")                                                                      \
        X(PACE, "pacing")

enum elko_timer {
#define ELKO_X(name, text) ELKO_TIMER_##name,
        ELKO_TIMER_LIST(ELKO_X)
#undef ELKO_X
                ELKO_TIMER_COUNT
};

enum elko_option_present {
        ELKO_OPT_MSS = 1u << 0,
        ELKO_OPT_WSCALE = 1u << 1,
        ELKO_OPT_SACK_PERMITTED = 1u << 2,
        ELKO_OPT_SACK = 1u << 3,
        ELKO_OPT_TIMESTAMPS = 1u << 4,
        ELKO_OPT_USER_TIMEOUT = 1u << 5,
        ELKO_OPT_FASTOPEN = 1u << 6,
        ELKO_OPT_MD5 = 1u << 7,
        ELKO_OPT_AO = 1u << 8,
        ELKO_OPT_MPTCP = 1u << 9,
        ELKO_OPT_UNKNOWN = 1u << 10,
        ELKO_OPT_ACCECN = 1u << 11,
};

struct elko_sack_block {
        uint32_t left, right;
};

/* One segment in host byte order. */
struct elko_trace_segment {
        uint32_t seq, ack;
        uint32_t len;       /* payload bytes */
        uint16_t flags;     /* enum elko_tcp_flag */
        uint16_t wnd;       /* the field as on the wire, unscaled */
        uint32_t wnd_bytes; /* scaled when the connection's scale is known, else = wnd */
        uint32_t options;   /* enum elko_option_present */
        uint32_t ts_val, ts_ecr;
        uint16_t mss;
        uint8_t wscale;
        uint8_t sack_count;
        uint8_t ecn; /* the ECN field of the IP header: 0 Not-ECT, 1 ECT(1), 2 ECT(0), 3 CE */
        struct elko_sack_block sack[4];
};

struct elko_trace_event {
        enum elko_trace_kind kind;
        uint64_t now;
        elko_link link;
        uint64_t conn;                 /* number of the connection, unique in this stack; 0: none */
        elko_endpoint local, remote;   /* zero when there is none */
        enum elko_tcp_state state;     /* after the event; STATE: the new one */
        enum elko_tcp_state old_state; /* STATE only, else = state */
        const char *cause;             /* STATE, RECOVERY: a short reason, static; else NULL */
        enum elko_why why;             /* SEGMENT_OUT, LOST */
        enum elko_drop drop;           /* DROP */
        enum elko_timer timer;         /* TIMER */
        struct elko_trace_segment seg; /* SEGMENT_IN, SEGMENT_OUT; DROP of a TCP segment */
        bool retransmission;           /* SEGMENT_OUT: carries a sequence number sent before */
        /* The sender's and receiver's variables after the event; zero when there is no connection. */
        uint32_t iss, irs, snd_una, snd_nxt, snd_wnd, rcv_nxt, rcv_wnd;
        uint32_t cwnd, ssthresh, flight;
        uint64_t srtt_ns, rto_ns;
};

typedef void elko_trace_fn(void *ctx, const struct elko_trace_event *ev);

const char *elko_trace_name(enum elko_trace_kind kind);
const char *elko_why_text(enum elko_why why);
const char *elko_timer_name(enum elko_timer timer);

#ifdef __cplusplus
}
#endif
#endif
