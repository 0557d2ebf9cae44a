/* SPDX-License-Identifier: MIT */
#ifndef LADDER_REC_H
#define LADDER_REC_H

/*
 * What a recorder keeps of a connection. Two ends: `near` is where the recorder sits, `far` is the
 * other one. A record is a segment, a change of state without a segment, or a fold: a run of
 * ordinary data and acknowledgements counted instead of kept.
 */

#include "ladder.h"

#include <string.h>

enum ladder_end { LADDER_NEAR, LADDER_FAR };

/* A state that nobody knows. */
#define LADDER_UNKNOWN ((int)ELKO_TCP_STATE_COUNT)

/*
 * Limits of one connection, in records. Key records are those that change a state; the first data
 * after the handshake and after each FIN are kept (HEAD), and the last before a key record (TAIL).
 * Together with the folds between them at most REC_MAX, about 50 KB.
 */
enum ladder_limits {
        LADDER_KEY_MAX = 64,
        LADDER_NOTABLE_MAX = 24,   /* retransmissions, zero windows, losses, probes ... */
        LADDER_NOTABLE_CLOSE = 12, /* of these at least so many are left when the close begins */
        LADDER_HEAD = 8,
        LADDER_HEAD_RENEWALS = 4,
        LADDER_TAIL = 4,
        LADDER_TAIL_KEPT = 160, /* beyond so many records the last before a key record are folded */
        LADDER_SMALL = 40,      /* below so many, nothing is folded for a notable record's sake */
        LADDER_REC_MAX = 256,
        LADDER_HOLES = 32, /* beyond, the oldest is taken to be filled */
        LADDER_CONNS = 8,  /* default of ladder_options.max_conns */
        LADDER_CONNS_MAX = 4096,
};

enum ladder_rec_kind { LADDER_SEG, LADDER_STATE, LADDER_FOLD };

enum ladder_mark {
        LADDER_M_RETRANS = 1u << 0, /* carries what was sent before */
        LADDER_M_AGAIN = 1u << 1,   /* was sent again later: presumed lost */
        LADDER_M_LOST = 1u << 2,    /* reported or known to be lost */
        LADDER_M_GAP = 1u << 3,     /* something before it is missing */
        LADDER_M_ACK_SYN = 1u << 4, /* first to acknowledge the other end's SYN */
        LADDER_M_ACK_FIN = 1u << 5, /* first to acknowledge the other end's FIN */
        LADDER_M_ZERO = 1u << 6,    /* the window closes */
        LADDER_M_REOPEN = 1u << 7,  /* the window opens again */
        LADDER_M_PROBE = 1u << 8,   /* zero-window probe */
        LADDER_M_KEEPALIVE = 1u << 9,
        LADDER_M_CHALLENGE = 1u << 10,
        LADDER_M_DROPPED = 1u << 11, /* rec.drop says why */
        LADDER_M_KEY = 1u << 12,
        LADDER_M_COOKIE = 1u << 13,
        LADDER_M_FIN_AGAIN = 1u << 14, /* FIN or data for a TIME-WAIT end */
        LADDER_M_FAST = 1u << 15,      /* retransmission that did not wait for the timer */
        LADDER_M_FILL = 1u << 16,      /* fills a hole in what was received */
        LADDER_M_ANSWER = 1u << 17,    /* answer to a keepalive */
        LADDER_M_UNSENT = 1u << 18,    /* merged: nobody saw it depart */
};

/* How much of a segment's way one row shows. */
enum ladder_part { LADDER_WHOLE, LADDER_DEPART, LADDER_ARRIVE, LADDER_LOST };

struct ladder_rec {
        uint64_t at; /* at the near end; merged: of the row; fold: of the first segment */
        int64_t rel_seq, rel_ack;
        uint64_t after_ns; /* retransmission: since the first transmission, 0: not known */
        const char *cause; /* STATE: static text or NULL */
        uint32_t seq, ack, len, wnd, ts_val, ts_ecr;
        uint32_t marks; /* enum ladder_mark */
        uint16_t flags, options, mss;
        uint8_t wscale, sack_count;
        uint8_t kind;      /* enum ladder_rec_kind */
        uint8_t from;      /* enum ladder_end: sender; STATE: whose state */
        uint8_t state;     /* of the near end, after the event */
        uint8_t old_state; /* STATE only */
        uint8_t far_state; /* merged only */
        uint8_t part;      /* merged only: enum ladder_part */
        uint8_t drop;      /* enum elko_drop */
        bool rel_seq_known, rel_ack_known;
        /* FOLD only, by sender */
        uint64_t until;
        uint64_t segs[2], bytes[2];
        uint32_t retrans, dropped;
};

/* One direction: what `enum ladder_end` sent. */
struct ladder_flow {
        uint32_t iss;
        bool iss_known; /* `iss` is the real one */
        bool based; /* `iss` is the real one or stands for it, so relative numbers can be made */
        bool syn, syn_acked, fin, fin_acked;
        bool syn_had_ack; /* its last SYN acknowledged the other one */
        int64_t next;     /* relative number after the highest sent */
        int64_t fin_next; /* relative number after the FIN */
        int64_t origin;   /* relative number of the first byte of data that could be seen */
        uint64_t segs, bytes, retrans;
        bool zero_window; /* its last advertised window was 0 */
        uint32_t syn_options;
        uint16_t mss;
        uint8_t wscale;
};

/* A stretch of relative numbers that has not arrived: [from, to). */
struct ladder_hole {
        int64_t from, to;
};

struct ladder_conn {
        elko_endpoint end[2];
        uint64_t id;                       /* event.conn, 0 while not known */
        int state, first_state, first_far; /* first_far: merged only */
        bool synchronized;                 /* was ESTABLISHED or beyond */
        bool over, printed, both;
        uint64_t first_at, last_at;
        uint64_t ended_at;                   /* the last event but for the end of TIME-WAIT */
        uint64_t time_wait_at[2], closed_at; /* ELKO_NEVER: not */
        uint64_t srtt_ns, handshake_ns;      /* 0: not known */
        uint64_t syn_at;                     /* the near end's last SYN */
        unsigned syn_sends;
        struct ladder_hole hole[LADDER_HOLES]; /* in what the far end sent */
        unsigned nhole;
        bool alive_asked[2]; /* that end sent a keepalive that is not answered yet */
        const char *cause;   /* of the last change to CLOSED */
        struct ladder_flow flow[2];

        struct ladder_rec *rec;
        size_t nrec, cap;
        struct ladder_rec tail[LADDER_TAIL];
        size_t ntail;
        unsigned key_left, notable_left, head_left, renewals_left;
        uint64_t forgotten; /* records refused: limit or no memory */
};

struct ladder {
        struct ladder_options opt;
        struct ladder_conn *conn;
        size_t nconn, max;
        uint64_t more; /* connections that were not kept */
};

/* Relative to `iss`, near to `about` (sequence numbers wrap, relative ones don't). */
static inline int64_t ladder_relative(uint32_t num, uint32_t iss, int64_t about)
{
        return about + (int32_t)(num - (iss + (uint32_t)about));
}

static inline bool ladder_is_synchronized(int state)
{
        return state >= (int)ELKO_TCP_ESTABLISHED && state <= (int)ELKO_TCP_TIME_WAIT;
}

/* The i-th kept record, in order. */
static inline const struct ladder_rec *ladder_at(const struct ladder_conn *c, size_t i)
{
        return i < c->nrec ? &c->rec[i] : &c->tail[i - c->nrec];
}

/* The number after the last one that a segment takes: SYN and FIN take one each. */
static inline uint32_t ladder_seg_end(const struct ladder_rec *r)
{
        return r->seq + r->len + ((r->flags & ELKO_SYN) ? 1u : 0u) +
               ((r->flags & ELKO_FIN) ? 1u : 0u);
}

static inline bool ladder_takes_numbers(const struct ladder_rec *r)
{
        return r->len > 0 || (r->flags & (ELKO_SYN | ELKO_FIN)) != 0;
}

#endif
