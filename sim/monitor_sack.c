/* SPDX-License-Identifier: MIT */
/*
 * Selective acknowledgments.
 *
 * Theory: RFC 2018, 3, 4 and 8; RFC 2883, 4. A block names data that is held above a gap. The first may be a
 * D-SACK: it lies below the acknowledgment number or inside of the second block, and names a segment that
 * came twice.
 */
#include "monitor_ep.h"

/* The block around it is the second (RFC 2883, 4 (4), a "should"). Tolerance: a host that answers several arrivals
 * by one ACK may have a newer block to put there. */
static bool is_dsack(const struct sim_monitor *m, const struct mon_seg *s)
{
        unsigned most = m->c.slack_ns > 0 ? s->sacks : 2;

        if (mon_le(s->sack[0].right, s->ack))
                return true;
        for (unsigned i = 1; i < most && i < s->sacks; i++)
                if (mon_le(s->sack[i].left, s->sack[0].left) &&
                    mon_le(s->sack[0].right, s->sack[i].right))
                        return true;
        return false;
}

static void check_dsack(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t left = s->sack[0].left, right = s->sack[0].right;
        unsigned n = ep->dup_count < MON_DUPS ? ep->dup_count : MON_DUPS;

        /* Tolerance: Linux answers a probe without text with an empty D-SACK. */
        if (left == right && m->c.linux_ways)
                return;
        /* Tolerance: Linux goes on to name a FIN that came above a gap when the gap has been filled. */
        if (m->c.linux_ways && ep->peer_fin_known && right == ep->peer_fin)
                return;
        /* Tolerance: Linux cuts a long segment after its options were written (GSO), and each piece has them. */
        if (m->c.linux_ways && s->len > 0 && s->ack == ep->last_dsack_ack &&
            left == ep->last_dsack.left && right == ep->last_dsack.right)
                return;
        ep->last_dsack = (struct mon_range){left, right};
        ep->last_dsack_ack = s->ack;
        if (ep->dsacks_owed == 0) {
                mon_blame(m, ep, SIM_RULE_DSACK, "%u to %u once more", left, right);
                return;
        }
        ep->dsacks_owed--;
        for (unsigned i = 0; i < n; i++)
                if (mon_le(ep->dups[i].left, left) && mon_le(right, ep->dups[i].right))
                        return;
        /* Tolerance: Linux reports neighbouring duplicates as one. */
        if (m->c.linux_ways || m->fragments)
                return;
        mon_blame(m, ep, SIM_RULE_DSACK, "%u to %u did not come twice", left, right);
}

/*
 * Text came from above the FIN that seemed to be acknowledged, and it is held: so that number was an octet's, which came
 * in another segment (of a FIN and an octet with one number one is a lie, and which one can't be seen).
 */
static bool fin_was_none(struct mon_ep *ep, uint32_t left, uint32_t right)
{
        if (!ep->peer_fin_known || ep->ack_max != ep->peer_fin || mon_lt(left, ep->peer_fin) ||
            !mon_le(right, ep->beyond_fin))
                return false;
        ep->peer_fin_known = false;
        ep->murky = true;
        mon_ranges_add(&ep->ooo, left, right);
        return true;
}

/* Is this one of the FINs that came? */
static bool is_fin(const struct mon_ep *ep, uint32_t end)
{
        unsigned n = ep->fin_count < MON_FINS ? ep->fin_count : MON_FINS;

        for (unsigned i = 0; i < n; i++)
                if (ep->fins[i] == end)
                        return true;
        return ep->peer_fin_known && ep->peer_fin == end;
}

static void check_blocks(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                         unsigned b)
{
        for (unsigned i = b; i < s->sacks; i++) {
                uint32_t left = s->sack[i].left, right = s->sack[i].right;

                if (!mon_lt(left, right) || !mon_lt(s->ack, left))
                        mon_blame(m, ep, SIM_RULE_SACK_FORM, "%u to %u, ACK %u", left, right,
                                  s->ack);
                else if (!mon_le(right, ep->rcv_hi) && !mon_ranges_hold(&ep->ooo, left, right) &&
                         !ep->ooo.lost && !m->fragments && !fin_was_none(ep, left, right))
                        mon_blame(m, ep, SIM_RULE_SACK_HELD, "%u to %u", left, right);
                for (unsigned j = b; j < i; j++)
                        if (mon_lt(left, s->sack[j].right) && mon_lt(s->sack[j].left, right))
                                mon_blame(m, ep, SIM_RULE_SACK_FORM, "blocks %u and %u overlap",
                                          j + 1, i + 1);
        }
}

/* The newest is held, so it must be in front. */
static void check_first(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                        unsigned b)
{
        for (unsigned i = b; i < s->sacks; i++) {
                bool has = mon_le(s->sack[i].left, ep->last_ooo.left) &&
                           mon_le(ep->last_ooo.right, s->sack[i].right);

                if (has && i == b)
                        return;
                if (has)
                        mon_blame(m, ep, SIM_RULE_SACK_FIRST, "%u to %u came last, in block %u",
                                  ep->last_ooo.left, ep->last_ooo.right, i + 1);
        }
}

/*
 * A range that was SACKed is missing, although there was room for one more block.
 * Tolerance: Linux, in FIN-WAIT-2 and TIME-WAIT without a process, keeps no data above a gap; and it drops
 * such data when its buffer is nearly full (RFC 2018, 8, lets it), so small windows are passed over. It
 * remembers the four newest blocks only, so it is judged while there is one.
 */
static void check_renege(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s,
                         unsigned b)
{
        /* No room for another: the AccECN option may have what two blocks leave (RFC 9768, 3.2.3.3). */
        if (s->options_len + 8u > 40 || s->sacks >= 3 || s->len > 0 ||
            (s->flags & (MON_SYN | MON_FIN)))
                return;
        /* Above the peer's FIN there is nothing: what came from there was a lie. */
        if (is_fin(ep, s->ack)) {
                ep->sacked.n = 0;
                return;
        }
        if (m->c.linux_ways && (ep->state == MON_FIN_WAIT_2 || ep->state == MON_TIME_WAIT ||
                                mon_window_out(ep, s) <= 16384 || ep->sacked_most > 1))
                return;
        for (unsigned r = 0; r < ep->sacked.n; r++) {
                uint32_t left = ep->sacked.r[r].left, right = ep->sacked.r[r].right;
                bool found = mon_le(right, s->ack);

                for (unsigned i = b; i < s->sacks && !found; i++)
                        found = mon_le(s->sack[i].left, left) && mon_le(right, s->sack[i].right);
                if (found)
                        continue;
                mon_blame(m, ep, SIM_RULE_SACK_RENEGE, "%u to %u, ACK %u", left, right, s->ack);
                ep->sacked.n = 0;
                return;
        }
}

/*
 * The first block names the segment that triggered the ACK (RFC 2018, 4, a MUST), so one that no block names was not
 * kept: only a SHOULD asks for that (RFC 9293, 3.10.7.4, SHLD-31).
 */
static void note_dropped(struct mon_ep *ep, const struct mon_seg *s, unsigned b)
{
        bool named = mon_le(ep->last_ooo.right, s->ack);

        for (unsigned i = b; i < s->sacks && !named; i++)
                named = mon_le(s->sack[i].left, ep->last_ooo.left) &&
                        mon_le(ep->last_ooo.right, s->sack[i].right);
        ep->ooo_dropped |= !named;
}

static void check_used(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        /* A FIN is no data: nothing of it need be named. Above one that came there is nothing (RFC 9293, 3.6;
         * 3.10.7.4 seventh), be it taken or held above a gap: what comes from there is a lie. */
        bool nothing = is_fin(ep, s->ack) || (ep->peer_fin_known && ep->ooo.n > 0 &&
                                              mon_le(ep->peer_fin, ep->ooo.r[0].left + 1));

        if (s->sacks > 0 || !ep->sack_ok_in || !ep->out.has_sack_ok || ep->ooo.n == 0 || nothing ||
            ep->murky || ep->offer_open || ep->ooo_dropped || s->len > 0 ||
            mon_lt(ep->ack_max, s->ack)) {
                ep->bare_dup_acks = 0;
                return;
        }
        if (++ep->bare_dup_acks >= 8) {
                mon_blame(m, ep, SIM_RULE_SACK_USED, "8 ACKs without, data waits above %u",
                          ep->rcv_hi);
                ep->bare_dup_acks = 0;
        }
}

void mon_sack(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        unsigned b = s->sacks > 0 && is_dsack(m, s) ? 1 : 0;

        if (!ep->irs_known)
                return;
        if (b == 1)
                check_dsack(m, ep, s);
        if (s->sacks > b)
                check_blocks(m, ep, s, b);
        /* Tolerance: with a buffer nearly full Linux may have dropped it, and name it later again; and it
         * answers several arrivals by one ACK, in an order of its own. */
        if (ep->has_last_ooo && s->sacks > b && m->c.slack_ns <= ELKO_SEC(1) &&
            !(m->c.linux_ways && (mon_window_out(ep, s) <= 16384 || ep->ooo_since_ack > 1)))
                check_first(m, ep, s, b);
        if (ep->ooo.n == 0)
                ep->ooo_dropped = false;
        else if (ep->has_last_ooo && s->sacks > b)
                note_dropped(ep, s, b);
        check_used(m, ep, s);
        mon_ranges_cut(&ep->sacked, s->ack);
        if (ep->sacked.n > 0)
                check_renege(m, ep, s, b);
        for (unsigned i = b; i < s->sacks; i++)
                if (mon_lt(s->ack, s->sack[i].left) && mon_lt(s->sack[i].left, s->sack[i].right))
                        mon_ranges_add(&ep->sacked, s->sack[i].left, s->sack[i].right);
        /* Each ACK is about the latest packet, and a duplicate that it did not report is reported no more
         * (RFC 2883, 4 (1)). A probe or a keep-alive stands below SND.UNA, where nobody need look at its ACK field
         * (RFC 9293, 3.10.7.4 first): it may leave the report to the ACK that is owed. */
        if (m->c.slack_ns == 0 && !m->c.linux_ways && !mon_lt(s->seq, ep->una_sure))
                ep->dsacks_owed = 0;
        if (ep->sacked.n == 0)
                ep->sacked_most = 0;
        else if (ep->sacked.n > ep->sacked_most)
                ep->sacked_most = ep->sacked.n;
        ep->has_last_ooo = false;
        ep->ooo_since_ack = 0;
}
