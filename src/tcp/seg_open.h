/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_SEG_OPEN_H
#define EK_TCP_SEG_OPEN_H

#include "tcp/tcp.h"

/* A connection in SYN-RECEIVED for a SYN, in the table and in the accept queue of `ls`, without an entry in
 * the SYN queue before (RFC 7413). Nothing was sent; SND.NXT is ISS + 1. NULL: no memory. */
struct ek_tcb *ek_open_by_syn(struct ek_tcp *t, struct ek_listener *ls, const struct ek_seg *seg);

#endif
