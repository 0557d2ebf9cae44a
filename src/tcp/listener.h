/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_LISTENER_H
#define EK_TCP_LISTENER_H

/* Passive OPEN: RFC 9293, 3.10.1 and 3.9.1.1. */

#include "base/list.h"
#include "tcp/tcb.h"

struct ek_listener {
        elko_ip local; /* all zeros: any of our addresses */
        uint16_t port; /* 0: any port (ELKO_LISTEN_ANY_PORT) */
        uint16_t reserved;
        uint32_t index, gen;
        uint32_t next;               /* in its bucket */
        uint32_t flags;              /* enum elko_listen_flag */
        uint32_t backlog, syn_queue; /* limits */
        uint32_t half_open;          /* entries of the SYN queue that are ours */
        uint32_t queued;             /* connections in `accept` */
        uint32_t events;             /* enum elko_event_bit, pending */
        uint32_t settings;           /* index, EK_NIL: defaults */
        struct ek_list accept;       /* tcbs, by their `app` node */
        struct ek_list app;          /* in the event queue */
        const struct elko_cc_ops *congestion;
        void *user;
        uint32_t fastopen_keys; /* how many it has of its own; 0: the stack's are good */
        uint8_t fastopen_key[2][16];
};

struct ek_tcp;

/* The listener for a local address and port: most specific first; NULL: none. */
struct ek_listener *ek_listener_find(struct ek_tcp *t, const struct ek_key *key);
struct ek_listener *ek_listener_exact(struct ek_tcp *t, const elko_ip *local, uint16_t port);
struct ek_listener *ek_listener_at(struct ek_tcp *t, uint32_t index);

/* NULL: limit or memory. */
struct ek_listener *ek_listener_new(struct ek_tcp *t, const elko_ip *local, uint16_t port,
                                    const struct elko_listen_config *cfg);

/* Close: half-open entries go silently, connections waiting for accept are reset. */
void ek_listener_close(struct ek_tcp *t, struct ek_listener *ls);

/* Count the half-open entries of every listener anew: which listener an entry belongs to changes when
 * listeners come and go. */
void ek_listener_recount(struct ek_tcp *t);

/* STATUS of a listener: who waits is `unacked`, the most that may is `snd_buf`. */
void ek_listener_status(const struct ek_listener *ls, struct elko_tcp_info *out);

/* News for the application. */
void ek_listener_tell(struct ek_tcp *t, struct ek_listener *ls, uint32_t bits);

#endif
