/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_SACK_IN_H
#define EK_TCP_SACK_IN_H

/* The peer's SACK blocks: which can be believed, and what they are about. Leaf. */

#include "base/port.h"
#include "tcp/seq.h"

#include <elko/trace.h>

enum { EK_SACK_IN_BLOCKS = 4 };

/* One ACK's option, and what it is about. */
struct ek_sack_seen {
        const struct elko_sack_block *block;
        uint32_t count;
        seq_t ack;       /* SEG.ACK of the same segment */
        seq_t nxt;       /* SND.NXT */
        uint32_t before; /* bytes sent before SEG.ACK, at most 2^31 */
};

/* RFC 2883, 4 and 5: the bytes that the first block reports as received twice; 0: it does not. */
uint32_t ek_sack_in_duplicate(const struct ek_sack_seen *seen);

/* The blocks about what is outstanding, those behind SND.UNA, in ascending order; returns how many. */
uint32_t ek_sack_in_blocks(const struct ek_sack_seen *seen, seq_t una,
                           struct elko_sack_block out[EK_SACK_IN_BLOCKS]);

#endif
