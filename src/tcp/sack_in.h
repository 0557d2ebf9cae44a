/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_SACK_IN_H
#define EK_TCP_SACK_IN_H

/* What the peer's SACK blocks say about duplicates and about the order of arrival. Leaf. */

#include "base/port.h"
#include "tcp/seq.h"

#include <elko/trace.h>

/* The forward ACK, RFC 8985, 6.2 step 3: the highest number that is known to have arrived. */
struct ek_sack_in {
        seq_t fack;
        bool valid; /* it lies beyond SND.UNA */
};

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

/* Is the segment that ends at `end`, first of what was outstanding and sent once, late? Ask before
 * noting what the same ACK reports. */
bool ek_sack_in_is_late(const struct ek_sack_in *s, seq_t end);

/* SEG.ACK and the blocks move the forward ACK. */
void ek_sack_in_note(struct ek_sack_in *s, const struct ek_sack_seen *seen);

#endif
