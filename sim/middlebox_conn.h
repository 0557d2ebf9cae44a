/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_MIDDLEBOX_CONN_H
#define ELKO_SIM_MIDDLEBOX_CONN_H

/*
 * Inside of a middlebox: what it keeps of a connection, and its parts.
 *
 *      middlebox.c          connections, rewriting, endings, public functions
 *      middlebox_options.c  options of one segment
 *      middlebox_cut.c      splitting and merging
 */

#include "middlebox.h"
#include "pkt.h"

enum { MBOX_CONNS = 128, MBOX_RECENT = 8 };

/* A direction: 0 from end[0] to end[1], 1 back. */
struct mbox_side {
        uint32_t shift; /* REWRITE_SEQ: added to this direction's sequence numbers */
        bool has_scale; /* the window scale on its last SYN, as it left, and as it was sent */
        uint8_t scale_out, scale_in;
        uint16_t recent[MBOX_RECENT]; /* lengths of the last packets */
        unsigned at;
        size_t held_len; /* MERGE: a segment that waits for the next one */
        uint8_t *held;
        int from, to; /* its way */
};

struct mbox_conn {
        elko_endpoint end[2];
        struct mbox_side side[2];
        uint32_t number;
        uint64_t seen_at;
        bool killed, forgotten;
        unsigned sack_mode; /* STRIP_SACK: on SYN, on SYN+ACK, on both */
        struct sim_rng rng;
};

struct middlebox {
        struct sim_world *w;
        int a, b;
        struct middlebox_config cfg;
        struct sim_rng rng;
        struct mbox_conn *conn[MBOX_CONNS]; /* the longest unused one makes room */
        unsigned conns;
        uint32_t numbers, decisions;
        bool healed;
        struct middlebox_totals totals;
        uint8_t buf[SIM_MTU_MAX + 64];
};

static inline bool mbox_does(const struct middlebox *m, enum middlebox_flag flag)
{
        return (m->cfg.behaviours & (uint32_t)flag) != 0;
}

static inline void mbox_did(struct middlebox *m, enum middlebox_bit bit)
{
        m->totals.did[bit]++;
}

/* middlebox.c: on its way. */
void mbox_out(struct middlebox *m, int from, int to, const uint8_t *packet, size_t len);

/* middlebox_options.c: change the options of a segment. s->raw is what is written. */
void mbox_options(struct middlebox *m, struct mbox_conn *c, unsigned dir, struct pkt *s);

/* middlebox_cut.c: the rewritten segment leaves: whole, in pieces, joined with the one before, or later. */
void mbox_cut(struct middlebox *m, struct mbox_conn *c, unsigned dir, int from, int to,
              const struct pkt *s);
/* What is held back goes on. */
void mbox_flush(struct middlebox *m, struct mbox_conn *c);

#endif
