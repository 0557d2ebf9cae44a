/* SPDX-License-Identifier: MIT */
/*
 * What the attacker's observer knows, and what a forged packet may rightly do.
 *
 * For each end of each connection: what it has sent and acknowledged (from its own packets, as they leave),
 * and what has reached it. So RCV.NXT of an end lies between its last ACK and the end of what arrived, its
 * window ends where it announced, SND.UNA is the largest ACK that came, SND.NXT is behind the last thing
 * sent. A forged packet is judged at the instant before it arrives, by RFC 9293, 3.10.7.4 and RFC 5961:
 *
 *      RST       resets if its SEQ may be RCV.NXT exactly
 *      SYN       may end an opening connection (simultaneous open; SYN-RECEIVED back to LISTEN), and a
 *                TIME-WAIT (RFC 9293, 3.6.1); nothing else
 *      others    do anything if their SEQ touches the window and SND.UNA - MAX.SND.WND =< ACK =< SND.NXT
 *      ICMP      may end an opening connection if it quotes its SYN (RFC 5461, 3.2)
 *
 * A replayed packet of the present incarnation is a late duplicate and does no harm at all.
 */
#include "attacker_conn.h"

#include <stdlib.h>
#include <string.h>

/* Which node owns an address; -1: none. */
static int owner(const elko_ip *ip)
{
        unsigned node = ip->b[15] - 1u;
        elko_ip is;

        if (node >= SIM_NODES)
                return -1;
        is = sim_address(node, !elko_ip_is_v4(ip));
        return pkt_ip_equal(ip, &is) ? (int)node : -1;
}

/* By what the IP header says is the packet: padding may have been added on the way, and what no checksum
 * protects may have been changed (RFC 8200, 8.1: of the IPv6 header it is all but addresses, length and
 * next header). */
static uint64_t hash(const uint8_t *p, size_t len)
{
        uint8_t head[72] = {0};
        size_t total = len < 20         ? len
                       : p[0] >> 4 == 4 ? (size_t)(p[2] << 8 | p[3])
                                        : PKT_IP6_HEADER + (size_t)(p[4] << 8 | p[5]);
        uint64_t h, word;

        if (total < len)
                len = total;
        memcpy(head, p, len < sizeof(head) ? len : sizeof(head));
        if (len >= PKT_IP6_HEADER && p[0] >> 4 == 6) {
                memset(head, 0, 4);
                head[7] = 0;
        }
        /* A network may mark a packet (RFC 3168, 5). */
        if (len >= 20 && p[0] >> 4 == 4)
                head[1] = head[10] = head[11] = 0;
        h = len;
        for (size_t i = 0; i < len && i < sizeof(head); i += 8) {
                memcpy(&word, head + i, 8);
                h = sim_mix64(h ^ SIM_LITTLE(word));
        }
        return h | 1;
}

/* ------------------------------------------------------------------ connections */

static struct atk_flow *find_dir(struct attacker *a, const elko_endpoint *src,
                                 const elko_endpoint *dst, unsigned *dir)
{
        for (unsigned i = 0; i < a->flows; i++) {
                struct atk_flow *f = &a->flow[i];

                for (*dir = 0; *dir < 2; ++*dir)
                        if (pkt_endpoint_equal(&f->end[*dir].at, src) &&
                            pkt_endpoint_equal(&f->end[1 - *dir].at, dst))
                                return f;
        }
        return NULL;
}

struct atk_flow *atk_find(struct attacker *a, const elko_endpoint *x, const elko_endpoint *y)
{
        unsigned dir;

        return find_dir(a, x, y, &dir);
}

static struct atk_flow *flow_add(struct attacker *a, const struct pkt *s)
{
        unsigned at = a->flows;

        if (a->flows == ATK_FLOWS) {
                at = 0;
                for (unsigned i = 1; i < a->flows; i++)
                        if (a->flow[i].harm == ATTACKER_HARM_NONE &&
                            (a->flow[at].harm != ATTACKER_HARM_NONE ||
                             a->flow[i].seen_at < a->flow[at].seen_at))
                                at = i;
                if (a->flow[at].harm != ATTACKER_HARM_NONE)
                        return NULL; /* a mark is never forgotten */
        } else {
                a->flows++;
        }
        memset(&a->flow[at], 0, sizeof(a->flow[at]));
        a->flow[at].end[0].at = s->src;
        a->flow[at].end[1].at = s->dst;
        a->flow[at].end[0].node = owner(&s->src.ip);
        a->flow[at].end[1].node = owner(&s->dst.ip);
        if (a->cfg.kinds & ATTACKER_SIGHTED)
                a->flow[at].sighted = sim_rng_chance(&a->rng, a->cfg.sighted_ppm);
        return &a->flow[at];
}

/* A SYN with a sequence number that is new: another incarnation. */
static void new_incarnation(struct atk_flow *f)
{
        for (unsigned dir = 0; dir < 2; dir++) {
                struct atk_end keep = f->end[dir];

                memset(&f->end[dir], 0, sizeof(f->end[dir]));
                f->end[dir].at = keep.at;
                f->end[dir].node = keep.node;
                memcpy(f->end[dir].synack, keep.synack, sizeof(keep.synack));
                f->end[dir].synacks = keep.synacks;
        }
        f->incarnation++;
}

static void learn_sent(struct atk_flow *f, unsigned dir, const struct pkt *s)
{
        struct atk_end *e = &f->end[dir];
        uint32_t end = s->seq + pkt_seg_len(s);

        if (s->flags & (ELKO_RST | ELKO_FIN))
                e->over = true;
        if (s->flags & ELKO_RST) /* its SEQ may be what a forged packet asked for */
                return;
        if ((s->flags & (ELKO_SYN | ELKO_ACK)) == (ELKO_SYN | ELKO_ACK)) {
                if (e->synacks == 0 || e->synack[(e->synacks - 1) % ATK_SYNACKS] != s->seq)
                        e->synack[e->synacks++ % ATK_SYNACKS] = s->seq;
                /* A listener answers forged SYNs as well. */
                if (!e->syn_got || e->syn_end != s->ack)
                        return;
        }
        if ((s->flags & (ELKO_SYN | ELKO_ACK)) == ELKO_SYN && e->sent && e->iss != s->seq)
                new_incarnation(f);
        if (s->flags & ELKO_SYN) {
                e->iss = s->seq;
                e->una = e->una_low = s->seq;
                e->scale_sent = s->options & ELKO_OPT_WSCALE ? s->wscale : 0;
                if (!e->sent)
                        e->syn_sent = !(s->flags & ELKO_ACK);
        }
        if (!e->sent || pkt_lt(e->next, end))
                e->next = end;
        e->sent = true;
        if (s->flags & ELKO_FIN)
                e->fin = true;
        if (s->flags & ELKO_ACK) {
                uint32_t wnd = (uint32_t)s->window
                               << (s->flags & ELKO_SYN ? 0 : e->scale_sent & 15);

                if (!e->acks || pkt_lt(e->acked, s->ack))
                        e->acked = s->ack;
                if (!e->acks || pkt_lt(e->edge, s->ack + wnd))
                        e->edge = s->ack + wnd;
                e->acks = true;
                e->syn_sent = false;
        }
}

static void learn_arrived(struct atk_flow *f, unsigned to, const struct pkt *s)
{
        struct atk_end *e = &f->end[to];
        uint32_t end = s->seq + pkt_seg_len(s), wnd;

        if (s->flags & ELKO_RST) {
                e->over = true;
                return;
        }
        if (s->flags & ELKO_SYN) {
                e->scale_got = s->options & ELKO_OPT_WSCALE ? s->wscale & 15 : 0;
                e->syn_got = true;
                e->syn_end = s->seq + 1;
        }
        wnd = (uint32_t)s->window << (s->flags & ELKO_SYN ? 0 : e->scale_got);
        if (wnd > e->wnd_max)
                e->wnd_max = wnd;
        if (!e->got_any || pkt_lt(e->got, end))
                e->got = end;
        e->got_any = true;
        if ((s->flags & ELKO_ACK) && pkt_lt(e->una, s->ack) && pkt_le(s->ack, e->next))
                e->una = s->ack;
        if ((s->flags & ELKO_ACK) && pkt_lt(e->una_low, s->ack) && pkt_le(s->ack, e->next) &&
            e->acks && pkt_le(e->acked, s->seq) && pkt_lt(s->seq, e->edge))
                e->una_low = s->ack;
        if ((s->flags & (ELKO_ACK | ELKO_SYN)) == ELKO_ACK)
                e->synced = true;
}

static void learn_listener(struct attacker *a, const elko_endpoint *at)
{
        for (unsigned i = 0; i < a->listeners; i++)
                if (pkt_endpoint_equal(&a->listener[i], at))
                        return;
        if (a->listeners < ATK_LISTENERS)
                a->listener[a->listeners++] = *at;
}

/* ------------------------------------------------------------------ replay store */

static void keep(struct attacker *a, const struct atk_flow *f, const uint8_t *packet, size_t len,
                 uint64_t now)
{
        struct atk_stored *s;

        if (!(a->cfg.kinds & ATTACKER_REPLAY) || a->stopped || !sim_rng_chance(&a->rng, 300000))
                return;
        if (a->store == NULL)
                a->store = calloc(ATK_STORE, sizeof(*a->store));
        if (a->store == NULL)
                return;
        s = &a->store[a->stored++ % ATK_STORE];
        free(s->packet);
        s->packet = malloc(len);
        s->len = s->packet == NULL ? 0 : len;
        if (s->packet != NULL)
                memcpy(s->packet, packet, len);
        s->at = now;
        s->incarnation = f->incarnation;
}

bool atk_replay(struct attacker *a, uint64_t now)
{
        uint64_t most = a->stored < ATK_STORE ? a->stored : ATK_STORE;

        for (unsigned try = 0; try < 4 && most > 0; try++) {
                struct atk_stored *s = &a->store[sim_rng_below(&a->rng, most)];

                if (s->len == 0 || now - s->at > a->cfg.msl_ns)
                        continue;
                a->replaying = s->incarnation + 1;
                atk_send(a, ATTACKER_BIT_REPLAY, s->packet, s->len);
                a->replaying = 0;
                return true;
        }
        return false;
}

void atk_forget(struct attacker *a)
{
        for (unsigned i = 0; a->store != NULL && i < ATK_STORE; i++)
                free(a->store[i].packet);
        free(a->store);
        a->store = NULL;
}

/* -------------------------------------------------------------- packets of its own */

static struct atk_forged *forged_slot(struct atk_forged *table, uint32_t room, uint64_t h)
{
        uint32_t at = (uint32_t)(h >> 32) & (room - 1);

        while (table[at].hash != 0 && table[at].hash != h)
                at = (at + 1) & (room - 1);
        return &table[at];
}

static const struct atk_forged *forged_find(const struct attacker *a, uint64_t h)
{
        const struct atk_forged *e;

        if (a->forged_room == 0)
                return NULL;
        e = forged_slot(a->forged, a->forged_room, h);
        return e->hash == h ? e : NULL;
}

static void forged_add(struct attacker *a, uint64_t h)
{
        struct atk_forged *e;

        if (2 * a->forged_count >= a->forged_room) {
                uint32_t room = a->forged_room == 0 ? 256 : 2 * a->forged_room;
                struct atk_forged *more = calloc(room, sizeof(*more));

                if (more == NULL) {
                        sim_fail(a->w, "attacker: out of memory");
                        return;
                }
                for (uint32_t i = 0; i < a->forged_room; i++)
                        if (a->forged[i].hash != 0)
                                *forged_slot(more, room, a->forged[i].hash) = a->forged[i];
                free(a->forged);
                a->forged = more;
                a->forged_room = room;
        }
        e = forged_slot(a->forged, a->forged_room, h);
        a->forged_count += e->hash == 0;
        e->hash = h;
        e->incarnation = a->replaying;
        e->sighted = a->kind == ATTACKER_BIT_SIGHTED;
}

/* ------------------------------------------------------------------------ harm */

static void mark(struct attacker *a, struct atk_flow *f, enum attacker_harm harm, bool sighted)
{
        if (harm > f->harm && !sighted) {
                a->totals.lucky_resets += harm == ATTACKER_HARM_RESET;
                a->totals.lucky_corruptions += harm == ATTACKER_HARM_CORRUPT;
        }
        if (harm > f->harm)
                f->harm = harm;
}

/* Does it acknowledge one of the end's SYN,ACKs? With cookies (RFC 4987, 3.6) each of them opens a connection
 * as long as it is valid, so the last one alone doesn't tell. Not so when the peer's ACK came and more than its
 * SYN was acknowledged, of what it sent: then there is one, until it is over. */
static bool opens(const struct atk_end *e, const struct pkt *s)
{
        if ((s->flags & (ELKO_ACK | ELKO_SYN | ELKO_RST)) != ELKO_ACK ||
            (!e->over && e->synced && e->acks && e->syn_got && pkt_lt(e->syn_end, e->acked) &&
             pkt_le(e->acked, e->got)))
                return false;
        for (unsigned i = 0; i < e->synacks && i < ATK_SYNACKS; i++)
                if (e->synack[i] + 1 == s->ack)
                        return true;
        return false;
}

static enum attacker_harm judge(const struct atk_flow *f, unsigned to, const struct pkt *s)
{
        const struct atk_end *e = &f->end[to];
        uint32_t end = s->seq + pkt_seg_len(s), top = e->got_any ? e->got : e->acked;

        if (e->syn_sent) {
                bool right =
                        (s->flags & ELKO_ACK) && pkt_lt(e->iss, s->ack) && pkt_le(s->ack, e->next);

                if ((s->flags & ELKO_ACK) && !right)
                        return ATTACKER_HARM_NONE;
                if (s->flags & ELKO_RST)
                        return right ? ATTACKER_HARM_RESET : ATTACKER_HARM_NONE;
                if (!(s->flags & ELKO_SYN))
                        return ATTACKER_HARM_NONE;
                return right ? ATTACKER_HARM_CORRUPT : ATTACKER_HARM_RESET;
        }
        if (opens(e, s))
                return ATTACKER_HARM_CORRUPT;
        if (!e->acks)
                return ATTACKER_HARM_NONE;
        if (pkt_lt(top, e->acked))
                top = e->acked;
        if (s->flags & ELKO_RST)
                return pkt_le(e->acked, s->seq) && pkt_le(s->seq, top) ? ATTACKER_HARM_RESET
                                                                       : ATTACKER_HARM_NONE;
        if (s->flags & ELKO_SYN)
                return !e->synced || (e->fin && f->end[1 - to].fin) ? ATTACKER_HARM_RESET
                                                                    : ATTACKER_HARM_NONE;
        if (!(s->flags & ELKO_ACK) || pkt_lt(end, e->acked) || pkt_lt(e->edge, s->seq) ||
            pkt_lt(e->next, s->ack) || pkt_lt(s->ack, e->una_low - e->wnd_max))
                return ATTACKER_HARM_NONE;
        return ATTACKER_HARM_CORRUPT;
}

static void judge_icmp(struct attacker *a, const uint8_t *packet, size_t len)
{
        elko_endpoint src = {0}, dst = {0};
        uint8_t protocol = 0, inner = 0;
        size_t off = pkt_transport_offset(packet, len, &protocol), quoted;
        struct atk_flow *f;
        const uint8_t *t;
        uint32_t seq;
        unsigned dir;

        if (off == 0 || (protocol != PKT_ICMP4 && protocol != PKT_ICMP6) || len < off + 8)
                return;
        quoted = pkt_quoted(packet + off + 8, len - off - 8, &src.ip, &dst.ip, &inner);
        if (quoted == 0)
                return;
        t = packet + off + 8 + quoted;
        src.port = (uint16_t)(t[0] << 8 | t[1]);
        dst.port = (uint16_t)(t[2] << 8 | t[3]);
        seq = (uint32_t)t[4] << 24 | (uint32_t)t[5] << 16 | (uint32_t)t[6] << 8 | t[7];
        f = find_dir(a, &src, &dst, &dir);
        if (f != NULL && f->end[dir].sent && !f->end[dir].synced && pkt_le(f->end[dir].una, seq) &&
            pkt_lt(seq, f->end[dir].next))
                mark(a, f, ATTACKER_HARM_RESET, false);
}

/* ------------------------------------------------------------------ the observer */

void atk_sent(void *self, int from, const uint8_t *packet, size_t len, uint64_t now)
{
        struct attacker *a = self;
        struct atk_flow *f;
        struct pkt s;
        unsigned dir = 0;

        if (from == a->number) {
                forged_add(a, hash(packet, len));
                return;
        }
        if (!pkt_parse(&s, packet, len) || owner(&s.src.ip) != from ||
            owner(&s.dst.ip) == a->number || owner(&s.dst.ip) < 0)
                return;
        f = find_dir(a, &s.src, &s.dst, &dir);
        if (f == NULL) {
                if ((s.flags & (ELKO_SYN | ELKO_ACK | ELKO_RST)) != ELKO_SYN)
                        return;
                f = flow_add(a, &s);
                if (f == NULL)
                        return;
                dir = 0;
                learn_listener(a, &s.dst);
        }
        f->seen_at = now;
        learn_sent(f, dir, &s);
        keep(a, f, packet, len, now);
}

void atk_arrives(void *self, int at, const uint8_t *packet, size_t len, uint64_t now)
{
        struct attacker *a = self;
        const struct atk_forged *forged = forged_find(a, hash(packet, len));
        unsigned dir;
        struct atk_flow *f;
        struct pkt s;

        (void)now;
        if (!pkt_parse(&s, packet, len)) {
                if (forged != NULL)
                        judge_icmp(a, packet, len);
                return;
        }
        f = find_dir(a, &s.src, &s.dst, &dir);
        if (f == NULL || f->end[1 - dir].node != at)
                return;
        if (forged == NULL ||
            (forged->incarnation != 0 && forged->incarnation == f->incarnation + 1))
                learn_arrived(f, 1 - dir, &s);
        else
                mark(a, f, judge(f, 1 - dir, &s), forged->sighted);
}

struct atk_flow *atk_pick(struct attacker *a, unsigned *victim)
{
        for (unsigned try = 0; try < 4 && a->flows > 0; try++) {
                struct atk_flow *f = &a->flow[sim_rng_below(&a->rng, a->flows)];

                *victim = (unsigned)sim_rng_below(&a->rng, 2);
                if (atk_is_victim(a, f->end[*victim].node))
                        return f;
        }
        return NULL;
}
