/* SPDX-License-Identifier: MIT */
#include "tcp/sack_in.h"

/*
 * RFC 2883, 4: a first block below the ACK field of its own segment, or inside of the second block,
 * reports data that arrived twice. "An implementation MUST NOT compare the sequence space in the SACK
 * block to the TCP state variable snd.una" (5): ACKs may be overtaken. A block about what was never sent
 * is not believed.
 *
 * The others must lie inside of what is outstanding, and behind its first number: what stands at SND.UNA would
 * have been acknowledged (RFC 2018, 4). Each is judged for itself; one that is wrong does not make the others so.
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

/* [RFC2018 5a] */
uint32_t ek_sack_in_blocks(const struct ek_sack_seen *seen, seq_t una,
                           struct elko_sack_block out[EK_SACK_IN_BLOCKS])
{
        uint32_t n = 0;

        una = seq_max(una, seen->ack);
        for (uint32_t i = 0; i < seen->count && n < EK_SACK_IN_BLOCKS; i++) {
                const struct elko_sack_block *b = &seen->block[i];
                uint32_t at = n;

                if (!is_sane(b, seen->nxt) || seq_leq(seq_make(b->left), una))
                        continue;
                for (; at > 0 && seq_lt(seq_make(b->left), seq_make(out[at - 1].left)); at--)
                        out[at] = out[at - 1];
                out[at] = *b;
                n++;
        }
        return n;
}
