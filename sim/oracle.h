/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_ORACLE_H
#define ELKO_SIM_ORACLE_H

/*
 * O1: what the applications of a scenario are owed.
 *
 * The oracle knows every connection that anybody opened, by its endpoints: what each end gave to its TCP,
 * what each got, and how each ended. The bytes of a direction are a function of (seed, connection,
 * direction, place), see peer_odd_stream.h, so an end can be checked without a copy of the other:
 *
 *      bytes     are exactly a prefix of what the other end wrote in this incarnation (I-12)
 *      EOF       only after all of them, and only if the other end closed its direction (I-17)
 *      an error  only if it has a cause
 *
 * Causes are collected as they happen: the other end aborted, closed with something unread, rebooted, was
 * ended by its own TCP; a middlebox or a lucky attacker may have ended it; bits were changed and the
 * checksums repaired. What may be excused is asked in one place, sim_oracle_excuse().
 */

#include "world.h"

enum { SIM_CONNS = 96, SIM_STRANGER = -2 /* no node of ours */ };

enum sim_excuse {
        SIM_EXCUSE_NONE,          /* both ends must get everything */
        SIM_EXCUSE_ENDED,         /* something may have ended it */
        SIM_EXCUSE_NOTHING_HOLDS, /* even its bytes may be wrong */
};

/* What one end of a connection has seen and done. */
struct sim_end {
        elko_endpoint at;
        int node;
        bool is_elko; /* false: an odd peer, which checks what it gets by itself */
        bool is_opener;
        bool open;    /* its TCP said ESTABLISHED, or accept gave it */
        bool shut;    /* no more to send: FIN follows */
        bool closed;  /* the application gave it up in an orderly way */
        bool aborted; /* ... or not: abort, or close with something unread */
        bool threw;   /* ... and it had not said before that all was sent */
        bool eof;
        bool failed;           /* its TCP reported an error */
        bool gone;             /* reboot */
        bool strayed;          /* a segment came that no connection knew */
        bool overtaken;        /* ... with data from behind the handshake's last segment, */
        uint64_t overtaken_at; /* lately then */
        bool refused; /* its TCP sent a reset before it had the connection: that may come late */
        bool starved; /* its TCP has too little memory to promise progress */
        bool keeps_alive; /* it has keep-alives */
        bool unharmed;    /* ... nothing was done to its packets since it made progress */
        /* Connections that its TCP made for it, accepted ones: a cookie makes more than one (RFC 4987, 3.6). */
        uint32_t lives, accepted;
        int error;
        uint64_t sent;     /* bytes that its TCP took */
        uint64_t received; /* bytes that its TCP gave, all of them right */
        uint64_t done_at;  /* when it saw everything and EOF */
        uint64_t opened_at, closed_at;
        uint64_t patience_ns; /* how long its TCP goes on trying without the application */
        /* Of the last connection that ended, for who accepts it afterwards (RFC 7413, 4.2.2: before it was open): */
        uint64_t silence_ns; /* how long its TCP had no answer */
        bool never_open;     /* it ended in SYN-RECEIVED */
};

struct sim_conn {
        uint32_t id;   /* from 0, in the order of opening */
        uint32_t plan; /* from 0, as the scenario planned it */
        bool ghost;    /* accepted again from old packets: only its bytes are checked */
        bool opened;
        bool unsure; /* it, or its octets, may be another's with the same ports: nothing is known */
        uint64_t opened_at; /* world time */
        bool has_iss;       /* the opener's, if it is known */
        uint32_t iss;
        struct sim_end end[2]; /* 0 opened it, 1 accepted it */
};

struct sim_oracle {
        struct sim_world *world;
        struct sim_conn conn[SIM_CONNS];
        uint32_t conns;
        uint32_t strangers; /* nodes that open connections which nobody told */
        uint32_t strange;   /* such connections that are served */
        bool lies;          /* bits are changed and checksums repaired */
        bool icmp_lies;     /* somebody forges ICMP errors */
        /* What others (attackers, middleboxes) may have done to it; NULL: nothing. */
        enum sim_excuse (*excuse)(void *ctx, const struct sim_conn *c);
        void *excuse_ctx;
        uint64_t bytes_checked, eofs, errors, ghosts;
        /* For the test that the oracle can fail: pretend that this byte, in all that is received, is
         * wrong; that this EOF, counted from 1, came too early. 0: none. */
        uint64_t plant_byte, plant_eof;
};

void sim_oracle_init(struct sim_oracle *o, struct sim_world *w);

/* A connection is opened by node `from` towards node `to`. */
struct sim_conn *sim_oracle_opened(struct sim_oracle *o, int from, const elko_endpoint *local,
                                   int to, const elko_endpoint *remote);

/* The newest connection that reaches `local` from `remote`; NULL: nobody opened one. Not told as ghost:
 * the end is still free. */
struct sim_conn *sim_oracle_find(struct sim_oracle *o, const elko_endpoint *local,
                                 const elko_endpoint *remote);

/* The one that was accepted now, whose peer's ISS is `irs`. After a reboot a port may be used again while the
 * connection that had it still stands in an accept queue; where a middlebox has changed the number, nobody can
 * tell which of them it is. */
struct sim_conn *sim_oracle_accepted(struct sim_oracle *o, const elko_endpoint *local,
                                     const elko_endpoint *remote, uint32_t irs);

/* The same connection accepted once more, from old packets (RFC 4987, 3.6: a cookie does not remember that
 * it was used); NULL: no room. */
struct sim_conn *sim_oracle_ghost(struct sim_oracle *o, const struct sim_conn *c);

/* The number of the stream that end `end` sends. */
uint64_t sim_oracle_stream(const struct sim_oracle *o, const struct sim_conn *c, unsigned end);

/* Write what end `end` is to send at place `offset`. */
void sim_oracle_fill(const struct sim_oracle *o, const struct sim_conn *c, unsigned end,
                     uint64_t offset, uint8_t *buf, size_t len);

/* End `end` got bytes at place `offset` of its incoming stream. */
void sim_oracle_got(struct sim_oracle *o, struct sim_conn *c, unsigned end, uint64_t offset,
                    const uint8_t *buf, size_t len);
void sim_oracle_got_eof(struct sim_oracle *o, struct sim_conn *c, unsigned end, uint64_t offset);

/* End `end` was told `error`. `silence_ns`: how long its TCP went without an answer; `r2_ns`: how long it
 * must try. */
void sim_oracle_got_error(struct sim_oracle *o, struct sim_conn *c, unsigned end, int error,
                          bool opening, uint64_t silence_ns, uint64_t r2_ns);

enum sim_excuse sim_oracle_excuse(const struct sim_oracle *o, const struct sim_conn *c);

/* The end that stands at `local` and talks to `remote`, of the newest connection; NULL: none. */
struct sim_end *sim_oracle_end(struct sim_oracle *o, const elko_endpoint *local,
                               const elko_endpoint *remote);

/* L1: both ends live and nothing is excused: then both must have everything. NULL: it is so. */
const char *sim_oracle_unfinished(const struct sim_oracle *o, const struct sim_conn *c);

#endif
