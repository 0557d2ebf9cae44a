/* SPDX-License-Identifier: MIT */
#ifndef EK_SOCK_HANDLE_H
#define EK_SOCK_HANDLE_H

/*
 * Handles: 64 bits that name a connection or a listener and can't dangle.
 *
 *      63            32 31     27 26   25           0
 *      | generation    | shard   | kind | index       |
 *
 * The generation is unique for each object in the stack (it wraps after 2^32 openings), so a handle whose
 * object is gone matches nothing, even when the index serves another object. Generation 0 does not occur;
 * ELKO_SOCK_NONE is never valid. The shard is 0 for now: it is the host's, to find the right stack.
 */

#include "tcp/tcp.h"

elko_sock ek_handle_of_tcb(const struct ek_tcb *tcb);
elko_sock ek_handle_of_listener(const struct ek_listener *ls);

/* The object, or NULL: stale, of the other kind, or never valid. Any value is safe. */
struct ek_tcb *ek_handle_tcb(struct ek_tcp *t, elko_sock s);
struct ek_listener *ek_handle_listener(struct ek_tcp *t, elko_sock s);

#endif
