/* SPDX-License-Identifier: MIT */
#ifndef EK_FZ_WATCH_H
#define EK_FZ_WATCH_H

/*
 * The onlooker: one connection of the stack under test as somebody on the wire sees it, who also knows
 * what the application gave to it. He knows nothing of the stack's inside.
 *
 *      I-5     nothing beyond the largest right edge that the peer announced
 *      I-6     every byte that is sent is the byte of the stream with that number
 *      I-8     one ISS in each incarnation
 *      I-9     nothing beyond what the application gave, and its FIN
 *      I-11    the right edge of our window does not go back (RFC 7323, 2.4: by less than one unit)
 *      I-14    ACK numbers do not go back, nor beyond what the peer sent
 *      I-36    TSval does not go back
 *
 * Where the peer contradicts itself (two SYNs with different options) the onlooker can't know what the
 * stack took; what depends on it is then not judged.
 */

#include "fz_wire.h"

enum { FZ_WATCH_MARKS = 64 };

struct fz_watch {
        uint8_t (*byte)(uint64_t offset); /* of the stack's stream */
        uint64_t given;                   /* bytes that the application gave */
        bool closed;                      /* ... and that it closed its direction */
        bool loose; /* the incarnation is not known: judge only form and bytes */

        bool has_iss, has_ack, has_edge, has_irs, has_ts;
        uint32_t iss, irs, last_ack, edge, ts_val;
        uint32_t snd_max; /* highest SEQ + LEN sent */
        bool ws_offered;
        uint8_t ws;

        /* The peer's SYNs, and its FINs' sequence numbers. */
        struct {
                uint32_t seq, end;
        } syn[FZ_WATCH_MARKS];
        uint32_t fin[FZ_WATCH_MARKS];
        unsigned syns, fins; /* beyond FZ_WATCH_MARKS: not known any more */
        bool syn_ws, syn_no_ws;
        uint8_t peer_ws; /* the largest offered */
        bool has_right;
        uint32_t right, syn_wnd;
        uint32_t peer_end; /* highest SEQ + LEN from the peer, after irs is known */
};

void fz_watch_start(struct fz_watch *w, uint8_t (*byte)(uint64_t));

/* The segment is about to be given to the stack, with right checksum. `len`: payload bytes. */
void fz_watch_in(struct fz_watch *w, const struct fz_seg *s);

/* The stack sent it. NULL, or what is wrong. */
const char *fz_watch_out(struct fz_watch *w, const struct fz_seg *s);

/* The stack says which incarnation the application has. */
void fz_watch_adopt(struct fz_watch *w, uint32_t iss, uint32_t irs);

/* Did the peer send a FIN with this number? */
bool fz_watch_fin_at(const struct fz_watch *w, uint32_t seq);

#endif
