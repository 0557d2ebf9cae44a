/* SPDX-License-Identifier: MIT */
#include "tcp/sack_in.h"

/*
 * RFC 2883, 4: a first block below the ACK field of its own segment, or inside of the second block,
 * reports data that arrived twice. "An implementation MUST NOT compare the sequence space in the SACK
 * block to the TCP state variable snd.una" (5): ACKs may be overtaken. A block about what was never sent
 * is not believed.
 *
 * RFC 8985, 6.2 step 3: when a segment arrives that was never retransmitted, and a later one is known to
 * have arrived before, the network reordered them. Without a scoreboard that can be said with certainty
 * of one segment for each ACK: the first that was outstanding, since what stands at SND.UNA has not been
 * SACKed.
 */

static bool is_sane(const struct elko_sack_block *b, seq_t nxt)
{
        return seq_lt(seq_make(b->left), seq_make(b->right)) && seq_leq(seq_make(b->right), nxt);
}

static bool contains(const struct elko_sack_block *out, const struct elko_sack_block *in)
{
        return seq_leq(seq_make(out->left), seq_make(in->left)) &&
               seq_leq(seq_make(in->right), seq_make(out->right));
}

/* [RFC2883 5a 5b] */
uint32_t ek_sack_in_duplicate(const struct ek_sack_seen *seen)
{
        const struct elko_sack_block *first = seen->block;
        seq_t left;

        if (seen->count == 0 || !is_sane(first, seen->nxt))
                return 0;
        left = seq_make(first->left);
        if (seq_lt(left, seen->ack)) {
                if (seq_diff(seen->ack, left) > seen->before)
                        return 0;
        } else if (seen->count < 2 || !contains(&seen->block[1], first)) {
                return 0;
        }
        return seq_diff(seq_make(first->right), left);
}

bool ek_sack_in_is_late(const struct ek_sack_in *s, seq_t end)
{
        return s->valid && seq_lt(end, s->fack);
}

void ek_sack_in_note(struct ek_sack_in *s, const struct ek_sack_seen *seen)
{
        if (s->valid && seq_leq(s->fack, seen->ack))
                s->valid = false;
        for (uint32_t i = 0; i < seen->count; i++) {
                seq_t right = seq_make(seen->block[i].right);

                if (!is_sane(&seen->block[i], seen->nxt) ||
                    seq_leq(seq_make(seen->block[i].left), seen->ack))
                        continue;
                if (!s->valid || seq_gt(right, s->fack))
                        s->fack = right;
                s->valid = true;
        }
}
