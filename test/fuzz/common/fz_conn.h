/* SPDX-License-Identifier: MIT */
#ifndef EK_FZ_CONN_H
#define EK_FZ_CONN_H

/*
 * The peer of fuzz_conn: what it knows, how it sends, and the judgement of what comes back (I-29, I-30,
 * I-31). One world at a time.
 */

#include "fz_rig.h"
#include "fz_watch.h"

enum {
        MAX_STEPS = 160,
        PEER_PORT = 1000,
        OTHER_PORT = 2000,
        LISTEN_PORT = 80,
        ACTIVE_PORT = 81,
        MSS = 1220,
};

/* Bits of head[1]. */
enum {
        HEAD_V6 = 1,
        HEAD_TS = 2,
        HEAD_SACK = 4,
        HEAD_WS = 8,
        HEAD_VERDICT = 16,
        HEAD_TINY = 32, /* SYN queue of 1: cookies; backlog of 1 */
};

struct world {
        struct fz_rig *rig;
        struct fz_watch watch;
        uint8_t head[6];
        elko_sock sock, listener;
        uint16_t lport;
        bool hold, lied, closing, adopted;
        bool stale;  /* while the link was busy, replies without a connection were queued */
        bool ts_odd; /* the peer's timestamps were not its clock: PAWS may object to the clock */
        uint32_t irs, peer_nxt, peer_una; /* the peer's ISN, SND.NXT, and the highest ACK it sent */
        uint32_t ts_base, ts_seen;
        uint64_t received;
        uint32_t recv_irs;
        bool recv_known, eof;
        unsigned state;

        /* what left since the last input */
        unsigned out, out_rst, out_pure;
};

extern struct world w;

/* The byte with sequence number `seq` of the peer's stream; the same when it lies; and byte number
 * `offset` of the stack's. */
uint8_t peer_byte(uint32_t seq);
uint8_t lie_byte(uint32_t seq);
uint8_t own_byte(uint64_t offset);

/* What the stack sends is judged by the onlooker, and counted. */
void on_sent(void *ctx, const struct fz_seg *s);
void pull(void);

/* RCV.NXT as the peer saw it last; the peer's timestamp clock. */
uint32_t rcv_nxt(void);
uint32_t ts_now(void);

/* A segment of the connection, with the options that an honest peer puts on it. */
void set_way(struct fz_seg *s);
void set_options(struct fz_seg *s);

enum flaw { NO_FLAW, LIE, RAW_OPTIONS, WRONG_BYTE, CUT };

/* Give a segment with `len` bytes, pull the answer, judge that there may be one. `raw`: the record, whose
 * bytes make options or damage. */
void exchange(struct fz_seg *s, uint32_t len, enum flaw flaw, const uint8_t *raw);

/* The peer has sent it. */
void note_peer(const struct fz_seg *s, uint32_t len);

/* The peer as it should be: both. */
void honest(uint16_t flags, uint32_t seq, uint32_t ack, uint32_t len, uint16_t wnd);

#endif
