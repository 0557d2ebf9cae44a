/* SPDX-License-Identifier: MIT */
/*
 * Middleboxes: which connection a packet belongs to, what is rewritten, how connections end.
 *
 * REWRITE_SEQ adds a constant to the sequence numbers of a direction; what the other direction
 * acknowledges, in ACK, SACK blocks and packets quoted by ICMP, has it taken off again. REWRITE_WSCALE
 * lowers the shift that an end announced from s to t; its window fields are then multiplied by 2^(s-t), and
 * what doesn't fit into 16 bits is cut off. A window cut off at a constant still moves its right edge only
 * to the right.
 */
#include "middlebox_conn.h"

#include <stdlib.h>
#include <string.h>

enum { RNG_BOX = 0xb0, RNG_BOX_CONN = 0xb1 };

const char *middlebox_name(unsigned bit)
{
        static const char *const name[] = {
#define ELKO_X(name, text) #name,
                MIDDLEBOX_LIST(ELKO_X)
#undef ELKO_X
        };

        return bit < MIDDLEBOX_BITS ? name[bit] : "?";
}

void mbox_out(struct middlebox *m, int from, int to, const uint8_t *packet, size_t len)
{
        m->totals.packets_out++;
        sim_forward(m->w, from, to, packet, len);
}

/* ------------------------------------------------------------------ connections */

/* The connection between src and dst, and which direction that is. */
static struct mbox_conn *find(const struct middlebox *m, const elko_endpoint *src,
                              const elko_endpoint *dst, unsigned *dir)
{
        for (unsigned i = 0; i < m->conns; i++) {
                struct mbox_conn *c = m->conn[i];

                for (*dir = 0; *dir < 2; ++*dir)
                        if (pkt_endpoint_equal(&c->end[*dir], src) &&
                            pkt_endpoint_equal(&c->end[1 - *dir], dst))
                                return c;
        }
        return NULL;
}

static void forget(struct mbox_conn *c)
{
        free(c->side[0].held);
        free(c->side[1].held);
        free(c);
}

static struct mbox_conn *add(struct middlebox *m, const struct pkt *s, uint64_t now)
{
        struct mbox_conn *c = calloc(1, sizeof(*c));
        unsigned at = m->conns;

        if (c == NULL)
                return NULL;
        if (m->conns == MBOX_CONNS) {
                at = 0;
                for (unsigned i = 1; i < m->conns; i++)
                        if (m->conn[i]->seen_at < m->conn[at]->seen_at)
                                at = i;
                mbox_flush(m, m->conn[at]);
                forget(m->conn[at]);
        } else {
                m->conns++;
        }
        m->conn[at] = c;
        c->end[0] = s->src;
        c->end[1] = s->dst;
        c->number = m->numbers++;
        c->seen_at = now;
        c->rng =
                sim_rng_make(sim_seed(m->w), RNG_BOX_CONN, (uint32_t)(m->a << 8 | m->b), c->number);
        c->sack_mode = (unsigned)sim_rng_below(&c->rng, 3);
        if (mbox_does(m, MIDDLEBOX_REWRITE_SEQ))
                for (unsigned dir = 0; dir < 2; dir++)
                        c->side[dir].shift = (uint32_t)sim_rng_u64(&c->rng);
        return c;
}

/* ------------------------------------------------------------------ rewriting */

static void put32(uint8_t *p, uint32_t v)
{
        for (unsigned i = 0; i < 4; i++)
                p[i] = (uint8_t)(v >> (24 - 8 * i));
}

static uint32_t get32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* SACK blocks speak of the other direction. */
static void shift_sack(struct pkt *s, uint32_t by)
{
        uint8_t *o = s->raw;
        size_t n = s->raw_len;

        while (n > 0 && o[0] != 0) {
                size_t len = 1;

                if (o[0] != 1) {
                        if (n < 2 || o[1] < 2 || o[1] > n)
                                return;
                        len = o[1];
                        if (o[0] == 5)
                                for (size_t i = 2; i + 4 <= len; i += 4)
                                        put32(o + i, get32(o + i) - by);
                }
                o += len;
                n -= len;
        }
}

static void rewrite(struct middlebox *m, struct mbox_conn *c, unsigned dir, struct pkt *s)
{
        struct mbox_side *mine = &c->side[dir], *other = &c->side[1 - dir];

        if (mbox_does(m, MIDDLEBOX_REWRITE_SEQ)) {
                mbox_did(m, MIDDLEBOX_BIT_REWRITE_SEQ);
                s->seq += mine->shift;
                if (s->flags & ELKO_ACK) {
                        s->ack -= other->shift;
                        shift_sack(s, other->shift);
                }
        }
        if (!(s->flags & ELKO_SYN) && mine->has_scale && other->has_scale &&
            mine->scale_out < mine->scale_in) {
                uint32_t wnd = (uint32_t)s->window << (mine->scale_in - mine->scale_out);

                s->window = wnd > 65535 ? 65535 : (uint16_t)wnd;
        }
        if (mbox_does(m, MIDDLEBOX_CLEAR_ECN_PSH) &&
            (s->flags & (ELKO_PSH | ELKO_ECE | ELKO_CWR | ELKO_AE))) {
                s->flags &= (uint16_t) ~(ELKO_PSH | ELKO_ECE | ELKO_CWR | ELKO_AE);
                mbox_did(m, MIDDLEBOX_BIT_CLEAR_ECN_PSH);
        }
}

/* An ICMP error that quotes a segment which we had rewritten: put back what its sender wrote. */
static bool icmp(struct middlebox *m, int from, int to, const uint8_t *packet, size_t len)
{
        elko_endpoint src = {0}, dst = {0};
        uint8_t protocol = 0, inner = 0;
        size_t off = pkt_transport_offset(packet, len, &protocol), quoted;
        struct mbox_conn *c;
        unsigned dir;
        uint8_t *t;

        if (off == 0 || (protocol != PKT_ICMP4 && protocol != PKT_ICMP6) || len < off + 8 ||
            len > sizeof(m->buf) || !mbox_does(m, MIDDLEBOX_REWRITE_SEQ))
                return false;
        quoted = pkt_quoted(packet + off + 8, len - off - 8, &src.ip, &dst.ip, &inner);
        if (quoted == 0 || inner != PKT_TCP)
                return false;
        memcpy(m->buf, packet, len);
        t = m->buf + off + 8 + quoted;
        src.port = (uint16_t)(t[0] << 8 | t[1]);
        dst.port = (uint16_t)(t[2] << 8 | t[3]);
        c = find(m, &src, &dst, &dir);
        if (c == NULL)
                return false;
        put32(t + 4, get32(t + 4) - c->side[dir].shift);
        pkt_fix_checksums(m->buf, len);
        mbox_out(m, from, to, m->buf, len);
        return true;
}

/* ------------------------------------------------------------------ endings */

static bool may_end(struct middlebox *m)
{
        return m->cfg.decide == NULL || m->cfg.decide(m->cfg.ctx, m->decisions++);
}

/* RSTs to both ends, as exact as can be told from the packet that passed (RFC 9293, 3.10.7.4). */
static void reset_both(struct middlebox *m, struct mbox_conn *c, int from, int to,
                       const struct pkt *in, const struct pkt *out)
{
        struct pkt r = {.src = out->src,
                        .dst = out->dst,
                        .seq = out->seq + pkt_seg_len(out),
                        .ack = out->ack,
                        .flags = ELKO_RST | (out->flags & ELKO_ACK)};
        size_t n = pkt_build(&r, m->buf, sizeof(m->buf));

        mbox_flush(m, c);
        mbox_out(m, from, to, m->buf, n);
        r.src = in->dst;
        r.dst = in->src;
        r.seq = in->flags & ELKO_ACK ? in->ack : 0;
        r.ack = in->seq + pkt_seg_len(in);
        r.flags = ELKO_RST | ELKO_ACK;
        n = pkt_build(&r, m->buf, sizeof(m->buf));
        mbox_out(m, to, from, m->buf, n);
        c->killed = true;
        mbox_did(m, MIDDLEBOX_BIT_RESET);
}

/* True: the packet is swallowed. */
static bool nat_forgot(struct middlebox *m, struct mbox_conn *c, const struct pkt *s, uint64_t now)
{
        bool idle = now - c->seen_at >= m->cfg.nat_timeout_ns;

        c->seen_at = now;
        if (m->healed || !mbox_does(m, MIDDLEBOX_NAT_TIMEOUT))
                return false;
        if (s->flags & ELKO_SYN) {
                c->forgotten = false;
                return false;
        }
        if (idle && !c->forgotten && may_end(m)) {
                c->forgotten = c->killed = true;
                mbox_did(m, MIDDLEBOX_BIT_NAT_TIMEOUT);
        }
        return c->forgotten;
}

/* ------------------------------------------------------------------ as a box */

static void box_filter(void *self, struct sim_world *w, int from, int to, const uint8_t *packet,
                       size_t len, uint64_t now)
{
        struct middlebox *m = self;
        struct mbox_conn *c;
        struct pkt in, out;
        unsigned dir = 0;

        (void)w;
        m->totals.packets_in++;
        if (!pkt_parse(&in, packet, len)) {
                if (!icmp(m, from, to, packet, len))
                        mbox_out(m, from, to, packet, len);
                return;
        }
        c = find(m, &in.src, &in.dst, &dir);
        if (c == NULL && (in.flags & (ELKO_SYN | ELKO_ACK | ELKO_RST)) == ELKO_SYN) {
                c = add(m, &in, now);
                dir = 0;
        }
        if (c == NULL) {
                mbox_out(m, from, to, packet, len);
                return;
        }
        if (nat_forgot(m, c, &in, now))
                return;
        c->side[dir].recent[c->side[dir].at++ % MBOX_RECENT] = (uint16_t)len;
        out = in;
        out.raw_only = true;
        mbox_options(m, c, dir, &out);
        rewrite(m, c, dir, &out);
        mbox_cut(m, c, dir, from, to, &out);
        if (mbox_does(m, MIDDLEBOX_RESET) && !m->healed && !(in.flags & ELKO_RST) &&
            sim_rng_chance(&m->rng, m->cfg.reset_ppm) && may_end(m))
                reset_both(m, c, from, to, &in, &out);
}

static void box_heal(void *self)
{
        struct middlebox *m = self;

        m->healed = true;
        for (unsigned i = 0; i < m->conns; i++) {
                m->conn[i]->forgotten = false;
                mbox_flush(m, m->conn[i]);
        }
}

static void box_destroy(void *self)
{
        struct middlebox *m = self;

        for (unsigned i = 0; i < m->conns; i++)
                forget(m->conn[i]);
        free(m);
}

struct middlebox *middlebox_add(struct sim_world *w, int a, int b,
                                const struct middlebox_config *cfg)
{
        struct middlebox *m = calloc(1, sizeof(*m));
        struct sim_middlebox box = {
                .self = m, .filter = box_filter, .heal = box_heal, .destroy = box_destroy};

        if (m == NULL)
                return NULL;
        m->w = w;
        m->a = a;
        m->b = b;
        m->cfg = *cfg;
        m->cfg.mtu = cfg->mtu == 0 ? 1500 : cfg->mtu;
        m->cfg.reset_ppm = cfg->reset_ppm == 0 ? 500 : cfg->reset_ppm;
        m->cfg.nat_timeout_ns = cfg->nat_timeout_ns == 0 ? ELKO_SEC(30) : cfg->nat_timeout_ns;
        m->rng = sim_rng_make(sim_seed(w), RNG_BOX, (uint32_t)a, (uint32_t)b);
        sim_middlebox_set(w, a, b, &box);
        return m;
}

bool middlebox_killed(const struct middlebox *m, const elko_endpoint *x, const elko_endpoint *y)
{
        unsigned dir;
        const struct mbox_conn *c = find(m, x, y, &dir);

        return c != NULL && c->killed;
}

const struct middlebox_totals *middlebox_totals_get(const struct middlebox *m)
{
        return &m->totals;
}
