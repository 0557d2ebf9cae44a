/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SOCKET_H
#define ELKO_SOCKET_H

/*
 * User calls of RFC 9293, 3.10.1-3.10.6, as non-blocking calls on handles.
 *
 * A call returns 0 or a count on success, a negative enum elko_error otherwise. EAGAIN is the only
 * answer that means "later". Whatever is to be sent leaves with the next elko_output().
 */

#include <elko/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- OPEN, passive ---- */

enum elko_listen_flag {
        ELKO_LISTEN_VERDICT = 1u << 0,  /* ask the application before a SYN is answered */
        ELKO_LISTEN_ANY_PORT = 1u << 1, /* every port that has no listener of its own */
};

struct elko_listen_config {
        uint32_t flags;     /* enum elko_listen_flag */
        uint32_t backlog;   /* accept queue: connections waiting for elko_accept(), >= 1 */
        uint32_t syn_queue; /* half-open connections of this listener, >= 1 */
};

/* Listen on `local` (address all zeros: any of ours). `config` NULL: backlog 1024, SYN queue 4096.
 * Returns 0 and *out. Errors: EINVAL, EADDRINUSE, EADDRNOTAVAIL, ELIMIT, ENOMEM. */
int elko_listen(elko_stack *st, const elko_endpoint *local, const struct elko_listen_config *config,
                elko_sock *out);

/* Take the oldest open connection. EAGAIN: none. `remote` may be NULL. */
int elko_accept(elko_stack *st, elko_sock listener, elko_sock *out, elko_endpoint *remote);

/* A SYN that waits for a verdict. */
struct elko_syn {
        uint64_t id;
        elko_endpoint local, remote; /* the original tuple */
        uint16_t mss;                /* the peer's; 0: no option */
};

enum elko_verdict {
        ELKO_VERDICT_ACCEPT, /* answer with SYN+ACK */
        ELKO_VERDICT_DROP,   /* forget it silently */
        ELKO_VERDICT_RESET,  /* answer with RST */
};

/* The next undecided SYN of a listener; EAGAIN: none. It stays undecided (deferred) until
 * elko_syn_verdict(); the peer's SYN retransmissions wait with it. After 60 s it is dropped. */
int elko_syn_next(elko_stack *st, elko_sock listener, struct elko_syn *out);
int elko_syn_verdict(elko_stack *st, uint64_t id, enum elko_verdict verdict);

/* ---- OPEN, active ---- */

/* Connect to `remote`. `local` NULL or with zero fields: address by route (RFC 6724's longest
 * match), port by RFC 6056. Returns 0 and *out at once; ELKO_EV_CONNECTED or ELKO_EV_ERROR follows.
 * Errors: EINVAL, EADDRNOTAVAIL, EADDRINUSE, ENOPORTS, ENETUNREACH, ELIMIT, ENOMEM; EHOSTUNREACH: `remote` is an address of
 * this stack, and there is no loopback. */
int elko_connect(elko_stack *st, const elko_endpoint *remote, const elko_endpoint *local,
                 elko_sock *out);

/* ---- SEND ---- */

enum elko_send_flag {
        ELKO_SEND_MORE = 1u << 0, /* more follows at once: hold back a small last segment */
        /* Up to its last byte that is taken the stream is urgent (RFC 9293, 3.8.5). RFC 6093 advises new programs
         * against this. */
        ELKO_SEND_URGENT = 1u << 1,
        ELKO_SEND_NO_PUSH =
                1u
                << 2, /* no PSH for its end (RFC 9293, MAY-15), unless it went because nothing else came */
};

/* Queue up to `len` bytes (copied). Returns how many were taken, EAGAIN when none fit (a WRITABLE
 * event follows), EPIPE after shutdown, or the connection's error. len 0 returns 0. */
int64_t elko_send(elko_stack *st, elko_sock s, const void *data, size_t len, uint32_t flags);

/* Zero copy: get room in the send ring (up to two slices, up to `want` bytes in all), fill it, then
 * commit what was filled. The slices are valid until the next call into the stack. */
int64_t elko_send_reserve(elko_stack *st, elko_sock s, size_t want, struct elko_slice out[2]);
int64_t elko_send_commit(elko_stack *st, elko_sock s, size_t len, uint32_t flags);

/* Bytes that elko_send() would take now, or a negative error. */
int64_t elko_send_room(elko_stack *st, elko_sock s);

/* ---- RECEIVE ---- */

/* Copy up to `len` bytes; returns how many, 0 at the end of the stream, EAGAIN when there are none,
 * or the connection's error after the data that came before it. */
int64_t elko_recv(elko_stack *st, elko_sock s, void *buf, size_t len);

/* Zero copy: look at the received bytes in place (up to two slices, valid until the next call into
 * the stack), then consume as many as were used. Returns as elko_recv(). */
int64_t elko_recv_peek(elko_stack *st, elko_sock s, struct elko_slice out[2]);
int elko_recv_consume(elko_stack *st, elko_sock s, size_t len);

/* How many of the bytes that elko_recv() gives next are urgent (RFC 9293, 3.8.5), those included that have not come yet; 0:
 * none. They are bytes of the stream as all others. Errors: EBADF. */
int64_t elko_recv_urgent(elko_stack *st, elko_sock s);

/* ---- CLOSE, ABORT ---- */

/* No more to send: FIN after the queued data; receiving goes on (half-close). */
int elko_shutdown(elko_stack *st, elko_sock s);

/* We will not read any more. Nothing is sent, and data is still taken; but when our FIN is out as well, data is
 * answered with a reset (RFC 2525, 2.16), as after elko_close(). Errors: EBADF. */
int elko_shutdown_read(elko_stack *st, elko_sock s);

/*
 * Give the handle up. Queued data and FIN are still sent, by the stack alone. With unread received
 * data the peer gets RST (RFC 2525, 2.17; RFC 9293, 3.10.4 MAY-1). A listener's waiting connections
 * are reset. The handle is invalid afterwards.
 */
int elko_close(elko_stack *st, elko_sock s);

/* RST now, everything is dropped, the handle is invalid afterwards. */
int elko_abort(elko_stack *st, elko_sock s);

/* ---- options ---- */

/* X(name, text): value is a uint64_t; spans in ns, switches 0 or 1 */
#define ELKO_OPTION_LIST(X)                                                                           \
        X(NODELAY, "send small segments at once (Nagle off)")                                         \
        X(KEEPALIVE, "probe an idle peer")                                                            \
        X(KEEPALIVE_IDLE, "idle time before the first probe, ns; from 1 s")                           \
        X(KEEPALIVE_INTERVAL, "time between probes, ns; from 1 s")                                    \
        X(KEEPALIVE_COUNT, "unanswered probes before the connection is dead, 1..255")                 \
        X(USER_TIMEOUT, "longest time data may stay unacknowledged, ns; 0: the stack's R2")           \
        X(LINGER, "close: abort when not done after this, ns; ELKO_NEVER: no limit of its own")       \
        X(SND_BUF_MAX, "send buffer limit, bytes")                                                    \
        X(RCV_BUF_MAX, "receive buffer limit, bytes")                                                 \
        X(MAX_SEG, "largest segment to send and to announce, bytes; 0: by the link")                  \
        X(DELACK, "delayed-ACK time, ns; 0: acknowledge at once")                                     \
        X(QUICKACK, "acknowledge at once for a while, and now; 0: as delayed ACKs have it")           \
        X(CORK, "send full segments only")                                                            \
        X(TTL, "time to live or hop limit, 1..255")                                                   \
        X(TOS, "type of service or traffic class, ECN bits zero, 0..255")                             \
        X(ECN,                                                                                        \
          "explicit congestion notification (RFC 3168), enum elko_ecn; of a connection before its "   \
          "SYN has left, of a listener for those that come")                                          \
        X(PACING, "space segments over the round trip, whatever the algorithm asks for")              \
        X(MAX_PACING_RATE, "send no faster, bytes of payload per second; 0: no limit")                \
        X(FASTOPEN,                                                                                   \
          "Fast Open (RFC 7413). Of a connection before its SYN has left, enum elko_fastopen. "       \
          "Listener: so many connections of the stack may be open by a cookie alone, 0..65535")       \
        X(FASTOPEN_NO_COOKIE,                                                                         \
          "Fast Open without cookies, among hosts that trust each other's addresses (RFC 7413, 7.3)") \
        X(SYN_RETRIES,                                                                                \
          "SYNs that are sent again before the connection fails, besides those that the stack "       \
          "sends at even intervals, 1..127; 0: as many as the stack's R2 for SYNs has time for")      \
        X(FIN_WAIT_2, "time in FIN-WAIT-2 after close, ns; 0: the stack's")                           \
        X(WINDOW_CLAMP, "largest window to announce, bytes; 0: the receive buffer")                   \
        X(DEFER_ACCEPT,                                                                               \
          "listener: so many time-outs of the SYN+ACK pass before a client's ACK without data "       \
          "opens the connection, 0..6")

/* Values of ELKO_OPTION_FASTOPEN for a connection (RFC 7413, 4.2). */
enum elko_fastopen {
        ELKO_FASTOPEN_OFF,
        /* What is queued when the SYN leaves goes with it if a cookie of the server is known; else the SYN asks for one. */
        ELKO_FASTOPEN_SEND,
        /* The same, but the SYN waits until the option has another value: for who has its data later. */
        ELKO_FASTOPEN_HOLD,
        /* The SYN asks for a cookie though one is known, and no data goes with it. */
        ELKO_FASTOPEN_ASK,
        ELKO_FASTOPEN_COUNT
};

enum elko_option {
#define ELKO_X(name, text) ELKO_OPTION_##name,
        ELKO_OPTION_LIST(ELKO_X)
#undef ELKO_X
                ELKO_OPTION_COUNT
};

/* Set on a connection, or on a listener for the connections that it will open. EINVAL: out of range;
 * EAGAIN: RCV_BUF_MAX or WINDOW_CLAMP of a listener with handshakes under way, which have announced the present one. */
int elko_set_option(elko_stack *st, elko_sock s, enum elko_option option, uint64_t value);
int elko_get_option(elko_stack *st, elko_sock s, enum elko_option option, uint64_t *value);

/* Bytes of data that the SYN of a connection would take with it if it left now: 0 without FASTOPEN, without a
 * cookie, or when it has left. Errors: EBADF. */
int64_t elko_syn_room(elko_stack *st, elko_sock s);

/* Secrets of a listener's Fast Open cookies, instead of the stack's (struct elko_config, fastopen_key): the first
 * makes them, those of the second are good as well; n is 0 (the stack's), 1 or 2. Errors: EBADF, EINVAL. */
int elko_set_fastopen_keys(elko_stack *st, elko_sock listener, const uint8_t key[][16], unsigned n);

/* Any pointer; it comes back in the events of this socket. */
int elko_set_user(elko_stack *st, elko_sock s, void *user);

/* Congestion control of one connection, before or after it opened. */
int elko_set_congestion(elko_stack *st, elko_sock s, const struct elko_cc_ops *ops);

/* ---- STATUS ---- */

/* Of a listener: its address, LISTEN, the connections that wait for elko_accept() in `unacked` and the most that
 * may in `snd_buf`; the rest is 0. Errors: EBADF, then *out is all zeros. */
int elko_tcp_info_get(elko_stack *st, elko_sock s, struct elko_tcp_info *out);

/* Bytes that elko_recv() would give now, or a negative error. */
int64_t elko_recv_ready(elko_stack *st, elko_sock s);

#ifdef __cplusplus
}
#endif
#endif
