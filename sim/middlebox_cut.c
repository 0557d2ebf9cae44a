/* SPDX-License-Identifier: MIT */
/*
 * Splitting and merging of segments on their way.
 *
 * Pieces carry the options, ACK and window of the whole; PSH and FIN only the last one. A segment without
 * PSH may be held back until the next packet of its connection passes in either direction: if that is the
 * one that follows it, the two leave as one, with the ACK, window and options of the second. A joined packet
 * is never larger than the largest of the last few that its sender made, or it might be too large for a path
 * whose MTU the sender has found out.
 */
#include "middlebox_conn.h"

#include <stdlib.h>
#include <string.h>

static void leave(struct middlebox *m, int from, int to, const struct pkt *s)
{
        size_t n = pkt_build(s, m->buf, sizeof(m->buf));

        if (n > 0)
                mbox_out(m, from, to, m->buf, n);
}

static void split(struct middlebox *m, int from, int to, const struct pkt *s)
{
        unsigned pieces = (unsigned)sim_rng_range(&m->rng, 2, 5);
        uint32_t at = 0;

        mbox_did(m, MIDDLEBOX_BIT_SPLIT);
        for (unsigned i = 0; i < pieces && at < s->len; i++) {
                uint32_t left = s->len - at;
                struct pkt piece = *s;

                piece.seq = s->seq + at;
                piece.payload = s->payload + at;
                piece.len = i + 1 == pieces ? left : (uint32_t)sim_rng_range(&m->rng, 1, left);
                at += piece.len;
                if (at < s->len)
                        piece.flags &= (uint16_t) ~(ELKO_FIN | ELKO_PSH);
                leave(m, from, to, &piece);
        }
}

/* The largest packet that the side's sender made lately. */
static size_t recent_most(const struct middlebox *m, const struct mbox_side *side)
{
        size_t most = 0;

        for (unsigned i = 0; i < MBOX_RECENT; i++)
                if (side->recent[i] > most)
                        most = side->recent[i];
        return most < m->cfg.mtu ? most : m->cfg.mtu;
}

static bool plain_data(const struct pkt *s)
{
        return s->len > 0 && (s->flags & (ELKO_SYN | ELKO_RST | ELKO_URG)) == 0;
}

/* Join what is held with `s`; true: it left. */
static bool join(struct middlebox *m, struct mbox_side *side, int from, int to, const struct pkt *s)
{
        uint8_t payload[SIM_MTU_MAX];
        struct pkt first, both = *s;
        size_t headers;

        if (side->held_len == 0 || !plain_data(s) ||
            !pkt_parse_any(&first, side->held, side->held_len) || first.seq + first.len != s->seq)
                return false;
        headers = elko_ip_is_v4(&s->src.ip) ? PKT_IP4_HEADER : PKT_IP6_HEADER;
        headers += PKT_TCP_HEADER + (s->raw_len + 3u) / 4 * 4;
        if (headers + first.len + s->len > recent_most(m, side) || pkt_lt(s->ack, first.ack))
                return false;
        memcpy(payload, first.payload, first.len);
        memcpy(payload + first.len, s->payload, s->len);
        both.seq = first.seq;
        both.payload = payload;
        both.len = first.len + s->len;
        side->held_len = 0;
        mbox_did(m, MIDDLEBOX_BIT_MERGE);
        leave(m, from, to, &both);
        return true;
}

static bool hold(struct middlebox *m, struct mbox_side *side, int from, int to, const struct pkt *s)
{
        if (!mbox_does(m, MIDDLEBOX_MERGE) || m->healed || !plain_data(s) ||
            (s->flags & (ELKO_PSH | ELKO_FIN)) || !sim_rng_chance(&m->rng, 400000))
                return false;
        if (side->held == NULL)
                side->held = malloc(sizeof(m->buf));
        if (side->held == NULL)
                return false;
        side->from = from;
        side->to = to;
        side->held_len = pkt_build(s, side->held, sizeof(m->buf));
        return side->held_len > 0;
}

void mbox_flush(struct middlebox *m, struct mbox_conn *c)
{
        for (unsigned dir = 0; dir < 2; dir++) {
                struct mbox_side *side = &c->side[dir];
                size_t n = side->held_len;

                side->held_len = 0;
                if (n > 0)
                        mbox_out(m, side->from, side->to, side->held, n);
        }
}

void mbox_cut(struct middlebox *m, struct mbox_conn *c, unsigned dir, int from, int to,
              const struct pkt *s)
{
        struct mbox_side *side = &c->side[dir];

        if (join(m, side, from, to, s)) {
                mbox_flush(m, c);
                return;
        }
        mbox_flush(m, c);
        if (hold(m, side, from, to, s))
                return;
        if (mbox_does(m, MIDDLEBOX_SPLIT) && plain_data(s) && s->len > 1 &&
            sim_rng_chance(&m->rng, 300000))
                split(m, from, to, s);
        else
                leave(m, from, to, s);
}
