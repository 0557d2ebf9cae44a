/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_ATTACKER_CONN_H
#define ELKO_SIM_ATTACKER_CONN_H

/*
 * Inside of the attacker.
 *
 *      attacker.c        the node: which kind strikes when; public functions
 *      attacker_watch.c  the observer: who talks to whom, what a forged packet may rightly do
 *      attacker_blind.c  packets made from addresses and ports, and near misses
 *      attacker_junk.c   ICMP, fragments, martians, garbage
 *      attacker_own.c    connections of its own: sockstress and the like
 */

#include "attacker.h"
#include "pkt.h"

enum { ATK_FLOWS = 64, ATK_LISTENERS = 8, ATK_SYNACKS = 32, ATK_STORE = 256, ATK_OWN_MAX = 64 };

/* One end of a connection, as its own packets and what reached it tell. */
struct atk_end {
        elko_endpoint at;
        int node;
        bool sent, acks, synced, fin; /* sent anything; an ACK; got a plain ACK; sent a FIN */
        bool syn_sent;                /* opened, and has not acknowledged anything yet */
        bool over;            /* a FIN or a reset went out, or a reset came in: it may be gone */
        uint32_t iss, next;   /* its ISS; behind the last thing that it sent */
        uint32_t una;         /* the largest ACK that reached it */
        uint32_t una_low;     /* ... in its window: that one had to be believed */
        uint32_t acked, edge; /* what it acknowledged; the right edge it announced */
        uint32_t got;         /* behind the last thing that reached it */
        bool got_any;
        bool syn_got;     /* the peer's SYN reached it, ... */
        uint32_t syn_end; /* ... which ends here */
        uint32_t wnd_max; /* the largest window that reached it */
        uint8_t scale_sent, scale_got;
        uint32_t synack
                [ATK_SYNACKS]; /* the ISSs of its last SYN,ACKs: with cookies each may count */
        unsigned synacks;
};

struct atk_flow {
        struct atk_end end[2];
        uint32_t incarnation;
        enum attacker_harm harm;
        bool sighted;
        uint64_t seen_at;
};

struct atk_stored {
        uint64_t at;
        uint32_t incarnation;
        size_t len;
        uint8_t *packet;
};

struct atk_own {
        bool used, open;
        enum attacker_bit kind;
        elko_endpoint local, remote;
        uint32_t iss, snd_nxt, rcv_nxt, top;
        uint64_t at; /* the next act of its own; ELKO_NEVER: none */
        unsigned acts;
};

struct atk_forged {
        uint64_t hash;        /* 0: free */
        uint32_t incarnation; /* of a replayed packet, + 1; 0: made up */
        bool sighted;
};

struct attacker {
        struct sim_world *w;
        int number;
        struct attacker_config cfg;
        struct sim_rng rng;
        bool stopped;
        uint64_t next_at;
        uint64_t budget_at; /* answers of its own connections: when the next one may leave */
        uint32_t decisions;
        uint64_t sent;
        struct atk_flow flow[ATK_FLOWS];
        unsigned flows;
        elko_endpoint listener[ATK_LISTENERS];
        unsigned listeners;
        struct atk_stored *store; /* a ring */
        uint64_t stored;
        struct atk_forged *forged; /* every packet that it made: a hash table, half empty */
        uint32_t forged_count, forged_room;
        uint32_t replaying; /* what the packet being sent is: see forged[].incarnation */
        enum attacker_bit kind;
        struct atk_own own[ATK_OWN_MAX];
        struct attacker_totals totals;
        uint8_t buf[SIM_MTU_MAX];
        uint8_t payload[2048];
};

/* attacker.c: all packets leave here. */
void atk_send(struct attacker *a, enum attacker_bit kind, const uint8_t *packet, size_t len);
void atk_send_pkt(struct attacker *a, enum attacker_bit kind, const struct pkt *s);
bool atk_is_victim(const struct attacker *a, int node);

/* attacker_watch.c */
void atk_sent(void *self, int from, const uint8_t *packet, size_t len, uint64_t now);
void atk_arrives(void *self, int at, const uint8_t *packet, size_t len, uint64_t now);
struct atk_flow *atk_find(struct attacker *a, const elko_endpoint *x, const elko_endpoint *y);
/* A connection to attack, and the end to aim at; NULL: there is none. */
struct atk_flow *atk_pick(struct attacker *a, unsigned *victim);
void atk_forget(struct attacker *a);

/* attacker_blind.c, attacker_junk.c: one packet (or a few) of a kind; false: nothing to aim at. */
bool atk_blind(struct attacker *a, enum attacker_bit kind, uint64_t now);
bool atk_junk(struct attacker *a, enum attacker_bit kind, uint64_t now);
bool atk_replay(struct attacker *a, uint64_t now);

/* attacker_own.c */
bool atk_own_open(struct attacker *a, enum attacker_bit kind, uint64_t now);
void atk_own_input(struct attacker *a, const struct pkt *s, uint64_t now);
void atk_own_run(struct attacker *a, uint64_t now);
uint64_t atk_own_deadline(const struct attacker *a);
void atk_own_stop(struct attacker *a);

#endif
