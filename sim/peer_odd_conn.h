/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_PEER_ODD_CONN_H
#define ELKO_SIM_PEER_ODD_CONN_H

/*
 * Inside of the odd peer: one connection, and what its parts ask of each other.
 *
 * There are no buffers. What is sent is computed from its place in the stream each time that it is sent;
 * what arrives is compared where it arrives, and only the ranges that are there are kept. Places in a
 * stream are 64-bit numbers; they follow from sequence numbers by the distance to SND.UNA or RCV.NXT.
 *
 *      peer_odd.c       the node: table, timers, public functions
 *      peer_odd_in.c    SEGMENT ARRIVES (RFC 9293, 3.10.7)
 *      peer_odd_rcv.c   what arrived: ranges, window, SACK blocks, the reading application
 *      peer_odd_out.c   what leaves: data, FIN, acknowledgements, retransmission
 *      peer_odd_mutate.c illegal mode
 */

#include "peer_odd.h"
#include "pkt.h"

enum {
        PODD_RANGES = 32,
        PODD_WSCALE_MAX = 14,
        PODD_MSS_MIN = 28, /* of IPv4's smallest MTU, 68 (RFC 791, 3.2) */

};

#define PODD_RTO_INITIAL ELKO_SEC(1)
#define PODD_RTO_MIN     ELKO_MS(200)
#define PODD_RTO_MAX     ELKO_SEC(8)

struct podd_range {
        uint32_t left, right;
};

struct podd_conn {
        struct peer_odd *node;
        struct peer_odd_report r;
        struct sim_rng rng;
        enum elko_tcp_state state;
        uint32_t odd; /* the oddities that are in force: r.oddities, or fewer after heal() */
        bool over;    /* told to `ended`; a TIME-WAIT may remain */
        bool dead;    /* to be freed */

        /* Negotiated on the SYNs. */
        bool offer_ts, offer_sack, offer_ws; /* what we would have */
        bool ts_on, sack_on, ws_on;
        uint8_t snd_scale, rcv_scale;
        uint16_t snd_mss, rcv_mss; /* rcv_mss 0: not announced */
        uint32_t ts_base, ts_recent, ts_tick_ns;
        uint64_t ts_recent_at;

        /* Sending. Byte 0 of the stream has sequence number iss + 1. */
        uint32_t iss, snd_una, snd_nxt, snd_max;
        uint64_t una_off; /* place in the stream of SND.UNA */
        uint32_t snd_wnd, snd_wl1, snd_wl2, max_snd_wnd;
        bool fin_allowed; /* all data has been sent once, and the FIN may go */
        bool fin_sent;
        uint32_t cwnd, ssthresh, recover;
        unsigned dup_acks, retries;
        bool in_recovery;
        uint64_t rto, srtt, rttvar, timed_at; /* timed_at ELKO_NEVER: no measurement under way */
        uint32_t timed_seq;

        /* Receiving. */
        uint32_t irs, rcv_nxt, edge; /* edge: the right one that was last announced */
        uint32_t rcv_buf;
        uint64_t read_bytes;                  /* taken by the application */
        struct podd_range range[PODD_RANGES]; /* out of order; sorted, apart */
        unsigned ranges;
        uint32_t newest; /* a sequence number in the range that changed last (RFC 2018, 4) */
        bool fin_known;
        uint32_t fin_seq;
        struct podd_range dsack; /* left == right: none */
        uint32_t acked_to;       /* the last acknowledgement sent */
        unsigned unacked_segs;
        bool ack_now;

        /* Oddities at work. */
        unsigned stretch; /* acknowledge every so many segments */
        uint64_t ack_delay;
        uint32_t tiny;         /* size of tiny windows */
        unsigned tiny_left;    /* how many more tiny windows */
        unsigned mischief;     /* how many more acts of the kinds that cost packets or time */
        uint64_t hold_until;   /* the right edge does not move before */
        uint64_t shrunk_until; /* the right edge stays where it was moved back to */
        uint64_t abort_off;    /* ABORT: at so many bytes sent or received */

        /* Instants; ELKO_NEVER: not set. */
        uint64_t rtx_at, ack_at, read_at, fin_at, odd_at, idle_at, end_at;
        uint64_t heard_at, progress_at, opened_at;
        uint64_t challenge_at; /* not before this another answer to what is not acceptable */
};

struct peer_odd {
        struct sim_world *w;
        int number;
        struct peer_odd_config cfg;
        struct sim_rng rng, mutate_rng;
        struct podd_conn **conn;
        unsigned conns, room, next_id;
        bool healed;
        bool listen_any;
        uint16_t listen[16];
        unsigned listens;
        struct peer_odd_totals totals;
        uint8_t buf[SIM_MTU_MAX + 64];
        uint8_t payload[SIM_MTU_MAX];
};

/* peer_odd.c */
void podd_end(struct podd_conn *c, enum peer_odd_end end);
void podd_time_wait(struct podd_conn *c, uint64_t now);
struct podd_conn *podd_open(struct peer_odd *p, const elko_endpoint *local,
                            const elko_endpoint *remote, bool active,
                            const struct peer_odd_plan *plan, uint64_t now);
bool podd_listening(const struct peer_odd *p, uint16_t port);
/* A thing that must not happen did; not said when the connection may have been hurt. */
void podd_wrong(struct podd_conn *c, const char *what, uint64_t at);

/* Does the connection have the oddity now? */
static inline bool podd_is(const struct podd_conn *c, enum peer_odd_flag flag)
{
        return (c->odd & (uint32_t)flag) != 0;
}

static inline void podd_did(struct podd_conn *c, enum peer_odd_bit bit)
{
        c->node->totals.did[bit]++;
}

/* One act out of the connection's allowance of mischief, with a chance of ppm. */
static inline bool podd_mischief(struct podd_conn *c, enum peer_odd_flag flag, uint32_t ppm)
{
        if (!podd_is(c, flag) || c->mischief == 0 || !sim_rng_chance(&c->rng, ppm))
                return false;
        c->mischief--;
        return true;
}

/* peer_odd_in.c */
void podd_segment(struct podd_conn *c, const struct pkt *s, uint64_t now);
/* The SYN for a listener that made the connection. */
void podd_passive(struct podd_conn *c, const struct pkt *s, uint64_t now);
/* True: it is an ICMP message, and has been dealt with. */
bool podd_icmp(struct peer_odd *p, const uint8_t *packet, size_t len, uint64_t now);
struct podd_conn *podd_find(const struct peer_odd *p, const elko_endpoint *local,
                            const elko_endpoint *remote);

/* peer_odd_rcv.c */
void podd_rcv_init(struct podd_conn *c);
bool podd_rcv_acceptable(const struct podd_conn *c, const struct pkt *s);
/* All of it was received before: for D-SACK. */
void podd_rcv_duplicate(struct podd_conn *c, const struct pkt *s);
void podd_rcv_text(struct podd_conn *c, const struct pkt *s, uint64_t now);
uint16_t podd_rcv_window(struct podd_conn *c, uint64_t now, bool on_syn);
void podd_rcv_sack(struct podd_conn *c, struct pkt *out, unsigned most);
void podd_rcv_read(struct podd_conn *c, uint64_t now);
/* Would a window update tell the other side something worth telling? */
bool podd_rcv_update_due(const struct podd_conn *c, uint64_t now);

/* peer_odd_out.c */
void podd_out_init(struct podd_conn *c, uint64_t now);
void podd_out_syn(struct podd_conn *c, uint64_t now);
void podd_out_rst(struct podd_conn *c);
void podd_out_ack(struct podd_conn *c, uint64_t now); /* one plain acknowledgement, at once */
void podd_out_run(struct podd_conn *c, uint64_t now); /* all that is to be sent */
void podd_out_acked(struct podd_conn *c, const struct pkt *s, uint64_t now);
void podd_out_timeout(struct podd_conn *c, uint64_t now);
void podd_out_keepalive(struct podd_conn *c, uint64_t now);
/* Answer to a segment for no connection (RFC 9293, 3.10.7.1). */
void podd_out_no_connection(struct peer_odd *p, const struct pkt *s);

/* peer_odd_mutate.c: change 1..3 fields in place; the new length. */
size_t podd_mutate(struct sim_rng *rng, uint8_t *packet, size_t n, size_t room);

#endif
