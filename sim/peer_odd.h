/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_PEER_ODD_H
#define ELKO_SIM_PEER_ODD_H

/*
 * A TCP endpoint that is legal but odd.
 *
 * Written from RFC 9293 alone, apart from elko's src/: what both believe is believed twice. A node of the
 * simulated network with any number of connections, active and passive. Each connection draws a subset of
 * the oddities below when it opens, from a random stream of its own. Everything that it does is allowed
 * to a TCP by RFC 9293, or is at least what TCPs are told to survive (RFC 9293, 3.8.6: shrinking windows;
 * RFC 2018, 8: reneging).
 *
 * It sends one stream and verifies the other, byte by byte (peer_odd_stream.h); a byte that is wrong, or
 * an end that comes too early or too late, is a sim_fail(). After heal() it behaves: windows open, updates
 * are sent, acknowledgements are prompt, and it closes. Its life is finite: it retransmits with back-off
 * and gives up.
 *
 * Illegal mode: with a chance of illegal_ppm for each packet, one to three fields of what it sends are
 * changed (RELIABILITY: C4). Then only bounds of memory and time and the absence of crashes can be asked
 * of the other side of its connections; it verifies nothing itself.
 */

#include "sim.h"

/* X(name, text) */
#define PEER_ODD_LIST(X)                                                                           \
        X(STRETCH_ACK, "acknowledges only after many segments, or its timer")                      \
        X(ACK_EVERY_BYTE, "divides the acknowledgement of a segment into many")                    \
        X(SLOW_ACK, "delays acknowledgements by up to 500 ms")                                     \
        X(DUP_ACK, "repeats acknowledgements for no reason")                                       \
        X(TINY_WINDOW, "offers windows of one or a few bytes")                                     \
        X(SHRINK_WINDOW, "moves the right edge of its window to the left")                         \
        X(LOSE_UPDATE, "closes its window and tells only probes that it opened again")             \
        X(WINDOW_UPDATE, "sends window updates without need or data")                              \
        X(RENEGE, "forgets data that it has acknowledged by SACK")                                 \
        X(DSACK, "reports duplicates by D-SACK")                                                   \
        X(REPACKETISE, "retransmits with other boundaries")                                        \
        X(OVERLAP, "retransmits what was acknowledged together with what was not")                 \
        X(SMALL_SEGMENTS, "sends segments of any size below the MSS")                              \
        X(DELAY_FIN, "sends its FIN long after its data")                                          \
        X(FIN_ALONE, "never puts its FIN on a segment with data")                                  \
        X(HALF_CLOSE, "closes its direction at once and goes on receiving")                        \
        X(CLOSE_TOGETHER, "closes at the instant at which the other's FIN comes")                  \
        X(ABORT, "resets the connection at some point")                                            \
        X(DATA_ON_ACK, "has data on the ACK that ends the handshake")                              \
        X(DATA_ON_SYN, "has data on its SYN")                                                      \
        X(NO_TIMESTAMPS, "does not offer or accept timestamps")                                    \
        X(NO_SACK, "does not offer or accept SACK")                                                \
        X(NO_WSCALE, "does not offer or accept window scaling")                                    \
        X(WSCALE, "has any window scale from 0 to 14")                                             \
        X(NO_MSS, "sends no MSS option")                                                           \
        X(MSS, "announces any MSS from 48 to 9000")                                                \
        X(ISN_EDGE, "starts next to an edge of the sequence space")                                \
        X(KEEPALIVE, "sends probes below its window when idle")                                    \
        X(SLOW_READER, "takes data from its buffer slowly")                                        \
        X(ECHO_OLD, "echoes a timestamp of long ago")

enum peer_odd_bit {
#define ELKO_X(name, text) PEER_ODD_BIT_##name,
        PEER_ODD_LIST(ELKO_X)
#undef ELKO_X
                PEER_ODD_BITS
};

enum peer_odd_flag {
#define ELKO_X(name, text) PEER_ODD_##name = 1 << PEER_ODD_BIT_##name,
        PEER_ODD_LIST(ELKO_X)
#undef ELKO_X
                PEER_ODD_NONE = 0,
        PEER_ODD_ALL = (1 << PEER_ODD_BITS) - 1,
};

/* "STRETCH_ACK", for a bit number. */
const char *peer_odd_name(unsigned bit);

/* What one connection is to do. */
struct peer_odd_plan {
        uint64_t tx_stream, tx_bytes; /* the stream to send, and how much of it before FIN */
        uint64_t rx_stream;           /* what must arrive */
        uint64_t rx_bytes;            /* exactly so much before FIN; UINT64_MAX: any number */
        uint64_t tx_after;            /* begin to send when so many bytes have arrived */
        bool verify;                  /* compare what arrives; false: only count it */
};

/* How a connection ended. X(name, text) */
#define PEER_ODD_END_LIST(X)                                                                       \
        X(OPEN, "not ended")                                                                       \
        X(CLOSED, "both directions closed in order")                                               \
        X(RESET, "reset by the other side")                                                        \
        X(REFUSED, "reset while opening")                                                          \
        X(ABORTED, "reset by this side, on purpose")                                               \
        X(TIMED_OUT, "no answer: gave up")

enum peer_odd_end {
#define ELKO_X(name, text) PEER_ODD_END_##name,
        PEER_ODD_END_LIST(ELKO_X)
#undef ELKO_X
};

const char *peer_odd_end_text(enum peer_odd_end end);

struct peer_odd;

/* A connection as told to the callbacks. */
struct peer_odd_report {
        elko_endpoint local, remote;
        bool active;
        uint32_t oddities; /* enum peer_odd_flag */
        uint64_t tx_acked; /* bytes of tx_stream that the other side acknowledged */
        uint64_t rx_bytes; /* bytes of rx_stream that arrived in order */
        bool rx_eof;       /* the other side's FIN arrived in order */
        bool tx_fin_acked; /* our FIN is acknowledged */
        enum peer_odd_end end;
        struct peer_odd_plan plan;
        unsigned id; /* number of the connection on this node, from 1 */
};

struct peer_odd_config {
        uint32_t oddities;    /* flags that connections may draw */
        uint32_t oddity_ppm;  /* the chance of each of them, for each connection */
        uint32_t illegal_ppm; /* illegal mode, see above; 0: legal */
        uint32_t rcv_buf;     /* largest window, bytes, 1..16 MiB; 0: drawn */
        uint16_t mtu;         /* largest packet that it sends, 576..SIM_MTU_MAX; 0: 1500 */
        uint64_t give_up_ns;  /* end a connection that hears nothing useful; 0: 120 s */
        uint64_t
                time_wait_ns; /* 0: 1 s; elko's old duplicates live as long as the network keeps them */
        unsigned max_connections; /* passive ones beyond are refused with RST; 0: 256 */

        /* All optional; `ctx` is passed to each. */
        void *ctx;

        /* A connection opens passively: what to do with it. False: refuse it with RST. NULL: streams by
         * peer_odd_stream_id(), up to 64 KiB to send. For peer_odd_connect() without a plan, too. */
        bool (*plan)(void *ctx, const elko_endpoint *local, const elko_endpoint *remote,
                     bool active, struct peer_odd_plan *out);

        /* May this connection have been hurt legitimately (a sighted attacker, repaired corruption)? Asked
         * before something is called wrong. NULL: never. */
        bool (*tainted)(void *ctx, const elko_endpoint *local, const elko_endpoint *remote);

        /* A connection is over; called once for each. */
        void (*ended)(void *ctx, const struct peer_odd_report *report);
};

/* Reasonable values: every oddity with a chance of 15 %, legal. */
void peer_odd_config_default(struct peer_odd_config *c);

/* Make one and add it to the world as a node; returns the node's number, -1: no room. The world destroys
 * it. Its chance comes from (seed of the world, number of the node). */
int peer_odd_add(struct sim_world *w, const struct peer_odd_config *c, struct peer_odd **out);

/* Accept connections to `port`, both families; port 0: every port. */
void peer_odd_listen(struct peer_odd *p, uint16_t port);

/* Open a connection to `remote` from this node's address of the same family. local_port 0: a drawn one.
 * plan NULL: by config.plan. Returns the connection's number, or 0: too many, or the tuple is in use. */
unsigned peer_odd_connect(struct peer_odd *p, struct sim_world *w, const elko_endpoint *remote,
                          uint16_t local_port, const struct peer_odd_plan *plan, uint64_t now);

/* Reset a connection; its state now; false: there is none (any more). */
bool peer_odd_abort(struct peer_odd *p, struct sim_world *w, unsigned id, uint64_t now);
bool peer_odd_report_get(const struct peer_odd *p, unsigned id, struct peer_odd_report *out);

/* The default stream number of the direction from -> to. */
uint64_t peer_odd_stream_id(const elko_endpoint *from, const elko_endpoint *to);

/* What the whole node has seen. */
struct peer_odd_totals {
        uint64_t opened, ended[6]; /* by enum peer_odd_end */
        uint64_t open;             /* connections that are not over; TIME-WAIT is over */
        uint64_t tx_bytes, rx_bytes;
        uint64_t packets_in, packets_out, retransmitted, mutated;
        uint64_t did[PEER_ODD_BITS]; /* how often each oddity was really acted out */
};

const struct peer_odd_totals *peer_odd_totals_get(const struct peer_odd *p);

#endif
