/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_SEND_PLAN_H
#define EK_TCP_SEND_PLAN_H

/* What to send next on a connection: decided here, done in send_emit.c. */

#include "tcp/tcb.h"

#include <elko/trace.h>

/* In order of urgency. */
enum ek_plan_kind {
        EK_PLAN_NONE,
        EK_PLAN_RST,
        EK_PLAN_SYN,   /* SYN, or SYN,ACK of a simultaneous open; first or again */
        EK_PLAN_LOST,  /* the first lost record, or as much of it as a segment holds */
        EK_PLAN_PROBE, /* window or keepalive probe */
        EK_PLAN_DATA,  /* new data, FIN with it or alone */
        EK_PLAN_ACK,   /* nothing but the ACK */
};

struct ek_plan {
        enum ek_plan_kind kind;
        seq_t seq;
        uint32_t len;   /* payload bytes */
        uint32_t space; /* sequence space: payload, SYN, FIN */
        uint32_t room;  /* LOST: so much payload could go in this segment */
        uint32_t
                seg_len; /* DATA: it goes as segments of so much payload, which the link cuts; 0: as one */
        uint16_t flags;
        bool share; /* DATA: PSH stands for the burst alone, and is not sent again */
        enum elko_why why;
        enum elko_limited_by limited_by; /* NONE: why there is nothing */
};

/* What the decision needs besides the connection. */
struct ek_plan_env {
        uint32_t mss; /* effective */
        uint32_t gso; /* payload that the link takes at once and cuts; 0: it cuts nothing */
        bool nodelay, cork;
        bool push_bursts;
        uint32_t
                push_segs; /* ... and of so many segments of a burst; 0: of the whole alone; 1: of none */
        bool paced;        /* the pacer's gate is closed */
        const struct ek_txrec *lost; /* first lost record, or NULL */
        bool no_record;              /* no memory for a record: only what takes no sequence space */
        uint32_t syn_data;           /* bytes that may go with a SYN */
        uint32_t mtu_probe;          /* payload of a probe of the path's MTU, > mss; 0: none */
};

/* Pure: looks, decides, changes nothing. */
struct ek_plan ek_send_plan(const struct ek_tcb *tcb, const struct ek_plan_env *env);

#endif
