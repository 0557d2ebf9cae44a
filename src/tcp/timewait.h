/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_TIMEWAIT_H
#define EK_TCP_TIMEWAIT_H

/* TIME-WAIT as a compact object, RFC 9293, 3.6.1. 60 bytes. */

#include "tcp/tcb.h"

struct ek_time_wait {
        struct ek_conn conn;
        uint32_t fifo_next;
        uint32_t snd_nxt, rcv_nxt;
        uint32_t ts_recent;
        uint32_t expires_ms : 29; /* of the stack's clock, modulo 2^29 (6 days) */
        uint32_t ts : 1;
        uint32_t behind : 1; /* a SYN reopened it, and a half-open entry stands before it */
        uint32_t dead : 1;   /* reopened or recycled: out of the table, freed when its turn comes */
};

EK_STATIC_ASSERT(sizeof(struct ek_time_wait) == 60, "TIME-WAIT entry");

/* In order of expiry: all wait 2 MSL. */
struct ek_time_wait_fifo {
        uint32_t head, tail; /* EK_NIL: empty */
        uint32_t dead;       /* entries that only wait to be freed */
        uint32_t behind;
};

struct ek_tcp;

void ek_time_wait_init(struct ek_tcp *t);

/* Enter; false: no memory (then the connection is closed without the wait, and counted). */
bool ek_time_wait_enter(struct ek_tcp *t, const struct ek_key *key, seq_t snd_nxt, seq_t rcv_nxt,
                        bool ts, uint32_t ts_recent);
void ek_time_wait_advance(struct ek_tcp *t);
uint64_t ek_time_wait_next_deadline(struct ek_tcp *t);

/* The SYN that reopened this entry made a half-open one, or (false) did not. */
void ek_time_wait_reopened(struct ek_tcp *t, uint32_t index, bool half_open);

/* Nothing stands before it any more: it was an old duplicate, TIME-WAIT goes on (MAY-2). */
void ek_time_wait_return(struct ek_tcp *t, uint32_t index);

/* A half-open entry of this tuple became a connection, or ceased to be. */
void ek_time_wait_after_half_open(struct ek_tcp *t, const struct ek_key *key);

#endif
