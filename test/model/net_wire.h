/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_MODEL_NET_WIRE_H
#define EK_TEST_MODEL_NET_WIRE_H

/*
 * The wire between two stacks: packets on their way, what is lost, and the trace of what was sent. net.h
 * has the applications on both ends, and runs it all.
 */

#include "conv_seg.h"
#include "ek_test.h"

#include <elko/elko.h>

enum {
        NET_REGION = 2 << 20, /* at most; a scenario says how much of it is used */
        NET_CONNS = 6,
        NET_QUEUE = 4096, /* packets in flight */
        NET_PACKET = 1600,
        NET_RECORDS = 40000,
        NET_PORT = 80,
        NET_CLIENT_PORT = 50000,
};

enum net_close {
        NET_CLIENT_FIRST,
        NET_SERVER_FIRST,
        NET_BOTH_AT_ONCE,
        NET_HALF_CLOSE,   /* the server begins to send when the client has sent its FIN */
        NET_CLIENT_ABORT, /* the client aborts when it has received half */
        NET_SERVER_ABORT,
        NET_CLOSES
};

struct net_conn_plan {
        uint32_t bytes[2]; /* that the client and the server send */
        enum net_close close;
        uint64_t start_ns; /* when the client connects */
};

struct net_scenario {
        uint64_t seed;
        bool v6;
        uint16_t mtu;
        uint32_t region, buf; /* bytes */
        unsigned conns;
        struct net_conn_plan conn[NET_CONNS];
        uint64_t delay_ns, jitter_ns;
        uint32_t loss_ppm, dup_ppm;
        bool no_ts, no_sack;
        bool simultaneous_open;
        void (*config)(struct elko_config *cfg); /* of both stacks; NULL: nothing else */
};

/* What a metamorphic run changes. */
struct net_twist {
        uint64_t base[2];    /* of each stack's clock */
        uint32_t seed_salt;  /* other secrets: other ISNs, timestamp offsets, hash values */
        uint32_t write_size; /* applications write in such pieces; 0: as much as fits */
        bool offload;        /* checksums are the link's */
        bool unaligned;      /* packets arrive at odd addresses */
        bool no_ops;         /* packets that must be ignored arrive in between */
        uint64_t poll_ns;    /* extra polls, this far apart; 0: none */
        bool reverse;        /* connections are made in the opposite order */
        bool odd_calls;      /* applications read and write 0 bytes, too, and ask for 2^63 */
};

struct net_record {
        uint64_t at;
        uint32_t seq, ack, len, payload_hash, ts_val, ts_ecr;
        uint32_t sack[8];
        uint16_t flags, win, mss, conn;
        uint8_t from, sacks, wscale, opts;
};

struct net_end {
        elko_sock sock;
        uint64_t sent, received;
        bool open, eof, shut, gone; /* gone: the handle was given up */
        int error;
        uint64_t error_at;
        unsigned index; /* packets sent */
        uint32_t isn, ts0;
        bool has_isn, has_ts;
};

struct net_packet {
        uint64_t at, order;
        uint16_t len;
        uint8_t to;
        uint8_t data[NET_PACKET];
};

struct net_node {
        elko_stack *st;
        elko_link link;
        elko_ip ip;
        elko_sock listener;
        struct elko_memory_info baseline;
        enum elko_tcp_state last_state;
};

struct net {
        const struct net_scenario *sc;
        const struct net_twist *tw;
        uint64_t now; /* from 0; a stack's clock is base + now */
        struct net_node node[2];
        struct net_end end[NET_CONNS][2];
        uint64_t wrote[2]; /* by the users of each stack, over all connections */
        bool connected[NET_CONNS];
        unsigned in_flight;
        uint64_t order;
        unsigned packets; /* sent on the wire so far, both directions */
        uint64_t next_poll;
        /* NULL: by loss_ppm. True: this packet is lost. */
        bool (*lose)(void *ctx, const struct net *n, unsigned packet);
        void *lose_ctx;
        /* NULL: the wire changes nothing. */
        void (*change)(void *ctx, struct net *n, unsigned from, uint8_t *p, uint32_t len);
        void *change_ctx;
        /* NULL: the wire. Otherwise packets are handed over here instead. */
        void (*take)(void *ctx, unsigned to, const uint8_t *p, uint32_t len);
        void *take_ctx;
        unsigned records;
        char bad[200];
};

static _Alignas(4096) uint8_t net_region[2][NET_REGION];
static struct net_packet net_queue[NET_QUEUE];
static uint16_t net_free[NET_QUEUE];
static uint16_t net_heap[NET_QUEUE];
static struct net_record net_trace[NET_RECORDS];

#define net_fail(n, ...)                                                                           \
        do {                                                                                       \
                if ((n)->bad[0] == '\0')                                                           \
                        snprintf((n)->bad, sizeof((n)->bad), __VA_ARGS__);                         \
        } while (0)

static inline uint64_t net_mix(uint64_t z)
{
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
        return z ^ (z >> 31);
}

/* A number that belongs to (seed, what, connection, direction, packet). */
static inline uint64_t net_chance(const struct net *n, uint32_t what, unsigned conn, unsigned from,
                                  unsigned packet)
{
        return net_mix(net_mix(n->sc->seed * 1000003 + what) + conn * 131071u + from * 65537u +
                       packet * UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint8_t net_byte(unsigned conn, unsigned from, uint64_t at)
{
        return (uint8_t)(at * 7 + (at >> 8) * 13 + (at >> 16) * 31 + conn * 57 + from * 101 + 1);
}

/* ---- states ---- */

/* Figure 5, with what the text adds to it: ABORT and RST end everything; a half-open entry goes back to
 * LISTEN; FIN-WAIT-1 to TIME-WAIT when the peer's FIN acknowledges ours; an orphan or a time-out ends; a
 * connection that an old SYN reopened returns to TIME-WAIT (3.6.1, MAY-2). */
static inline bool net_transition_ok(enum elko_tcp_state from, enum elko_tcp_state to)
{
#define T(a, b) (from == ELKO_TCP_##a && to == ELKO_TCP_##b)
        return to == ELKO_TCP_CLOSED || T(CLOSED, LISTEN) || T(CLOSED, SYN_SENT) ||
               T(LISTEN, SYN_RECEIVED) || T(SYN_SENT, SYN_RECEIVED) || T(SYN_SENT, ESTABLISHED) ||
               T(SYN_RECEIVED, ESTABLISHED) || T(SYN_RECEIVED, FIN_WAIT_1) ||
               T(SYN_RECEIVED, LISTEN) || T(ESTABLISHED, FIN_WAIT_1) ||
               T(ESTABLISHED, CLOSE_WAIT) || T(FIN_WAIT_1, FIN_WAIT_2) || T(FIN_WAIT_1, CLOSING) ||
               T(FIN_WAIT_1, TIME_WAIT) || T(FIN_WAIT_2, TIME_WAIT) || T(CLOSING, TIME_WAIT) ||
               T(CLOSE_WAIT, LAST_ACK);
#undef T
}

static inline void net_on_trace(void *ctx, const struct elko_trace_event *ev)
{
        struct net *n = ctx;

        if (ev->kind == ELKO_TRACE_STATE && !net_transition_ok(ev->old_state, ev->state))
                net_fail(n, "a transition that RFC 9293 does not know: %s to %s",
                         elko_tcp_state_name(ev->old_state), elko_tcp_state_name(ev->state));
}

/* ---- the wire ---- */

static inline bool net_sooner(unsigned a, unsigned b)
{
        const struct net_packet *x = &net_queue[a], *y = &net_queue[b];

        return x->at != y->at ? x->at < y->at : x->order < y->order;
}

static inline void net_push(struct net *n, unsigned to, uint64_t at, uint64_t order,
                            const uint8_t *data, uint32_t len)
{
        unsigned i = n->in_flight;
        uint16_t slot;

        if (i == NET_QUEUE || len > NET_PACKET) {
                net_fail(n, "the wire is full, or a packet too long");
                return;
        }
        slot = net_free[i];
        net_queue[slot] = (struct net_packet){.at = at, .order = order, .to = (uint8_t)to};
        net_queue[slot].len = (uint16_t)len;
        memcpy(net_queue[slot].data, data, len);
        for (n->in_flight++; i > 0 && net_sooner(slot, net_heap[(i - 1) / 2]); i = (i - 1) / 2)
                net_heap[i] = net_heap[(i - 1) / 2];
        net_heap[i] = slot;
}

static inline unsigned net_pop(struct net *n)
{
        uint16_t first = net_heap[0], last = net_heap[--n->in_flight];
        unsigned i = 0, k;

        for (; (k = 2 * i + 1) < n->in_flight; i = k) {
                if (k + 1 < n->in_flight && net_sooner(net_heap[k + 1], net_heap[k]))
                        k++;
                if (!net_sooner(net_heap[k], last))
                        break;
                net_heap[i] = net_heap[k];
        }
        net_heap[i] = last;
        net_free[n->in_flight] = first;
        return first;
}

static inline uint32_t net_ip_bytes(const struct net *n)
{
        return n->sc->v6 ? 40 : 20;
}

/* Which connection; by the client's port. */
static inline unsigned net_conn_of(const struct conv_seg *s, unsigned from)
{
        uint16_t port = from == 0 ? s->src_port : s->dst_port;

        return (unsigned)(port - NET_CLIENT_PORT);
}

static inline uint32_t net_hash(const uint8_t *p, uint32_t len)
{
        uint32_t h = 2166136261u;

        for (uint32_t i = 0; i < len; i++)
                h = (h ^ p[i]) * 16777619u;
        return h;
}

static inline void net_note_options(struct net *n, struct net_record *r, const struct conv_seg *s,
                                    unsigned conn, unsigned from)
{
        struct net_end *me = &n->end[conn][from], *other = &n->end[conn][1 - from];
        const struct conv_opt *ts = conv_seg_opt(s, 8), *o;
        bool echo;

        r->opts = s->nopts;
        if (ts != NULL) {
                uint32_t val = conv_get32(ts->data), ecr = conv_get32(ts->data + 4);

                if (!me->has_ts)
                        me->ts0 = val;
                me->has_ts = true;
                r->ts_val = val - me->ts0;
                /* An echo may be 0 by its place on the circle; without ACK it is none (RFC 7323, 3.2). */
                echo = (s->flags & ELKO_ACK) != 0;
                r->ts_ecr = other->has_ts && (ecr != 0 || echo) ? ecr - other->ts0 : 0;
        }
        o = conv_seg_opt(s, 2);
        r->mss = o != NULL ? conv_get16(o->data) : 0;
        o = conv_seg_opt(s, 3);
        r->wscale = o != NULL ? o->data[0] : 0xff;
        o = conv_seg_opt(s, 5);
        r->sacks = o != NULL ? (uint8_t)((o->len - 2) / 8) : 0;
        for (unsigned i = 0; i < 2u * r->sacks && i < 8; i++)
                r->sack[i] = conv_get32(o->data + 4 * i) - other->isn;
}

/* A packet leaves stack `from`: checked, noted, and lost, or on its way. */
static inline void net_leaves(struct net *n, unsigned from, const uint8_t *p, uint32_t len)
{
        uint32_t ip = net_ip_bytes(n), hdr;
        const struct net_node *me = &n->node[from], *other = &n->node[1 - from];
        struct net_record *r;
        struct conv_seg s = {0};
        struct net_end *e;
        const char *bad;
        unsigned conn, k;
        uint64_t delay;
        uint8_t changed[NET_PACKET];

        if (len < ip + 20 || len > n->sc->mtu || p[n->sc->v6 ? 6 : 9] != 6) {
                net_fail(n, "sent: not TCP over IP, or longer than the MTU");
                return;
        }
        bad = conv_seg_read(p + ip, len - ip, &s, &hdr);
        if (bad == NULL && conv_csum(me->ip.b, other->ip.b, n->sc->v6, 6, p + ip, len - ip) != 0)
                bad = "sent: TCP checksum";
        conn = net_conn_of(&s, from);
        if (bad == NULL && conn >= n->sc->conns)
                bad = "sent: for nobody";
        if (bad == NULL && n->records == NET_RECORDS)
                bad = "the trace is full";
        if (bad != NULL) {
                net_fail(n, "%s", bad);
                return;
        }
        e = &n->end[conn][from];
        if (s.flags & ELKO_SYN) {
                e->isn = s.seq;
                e->has_isn = true;
        }
        r = &net_trace[n->records++];
        memset(r, 0, sizeof(*r));
        r->at = n->now;
        r->conn = (uint16_t)conn;
        r->from = (uint8_t)from;
        r->flags = s.flags;
        r->win = s.win;
        r->seq = e->has_isn ? s.seq - e->isn : 0;
        r->ack = n->end[conn][1 - from].has_isn && (s.flags & ELKO_ACK)
                         ? s.ack - n->end[conn][1 - from].isn
                         : 0;
        r->len = s.len;
        r->payload_hash = net_hash(p + ip + hdr, s.len);
        net_note_options(n, r, &s, conn, from);
        k = e->index++;
        if (n->take != NULL) {
                n->take(n->take_ctx, 1 - from, p, len);
                return;
        }
        if (n->lose != NULL ? n->lose(n->lose_ctx, n, n->packets++)
                            : net_chance(n, 1, conn, from, k) % 1000000 < n->sc->loss_ppm)
                return;
        if (n->change != NULL) {
                memcpy(changed, p, len);
                n->change(n->change_ctx, n, from, changed, len);
                p = changed;
        }
        delay = n->sc->delay_ns;
        if (n->sc->jitter_ns != 0)
                delay += net_chance(n, 2, conn, from, k) % n->sc->jitter_ns;
        /* The order of simultaneous arrivals must not depend on who spoke first. */
        net_push(n, 1 - from, n->now + delay, (uint64_t)conn << 40 | (uint64_t)k << 8 | from, p,
                 len);
        if (net_chance(n, 3, conn, from, k) % 1000000 < n->sc->dup_ppm)
                net_push(n, 1 - from, n->now + delay + ELKO_US(50),
                         (uint64_t)conn << 40 | (uint64_t)k << 8 | from, p, len);
}

static inline uint64_t net_clock(const struct net *n, unsigned i)
{
        return n->tw->base[i] + n->now;
}

/* What counts bytes of the stream counts neither SYN nor FIN (RFC 9293, 3.4): no more is acknowledged than was
 * written, no more delivered than the peer wrote. */
static inline void net_count(struct net *n, unsigned i)
{
        const struct elko_counters *ctr = elko_counters_get(n->node[i].st);

        if (ctr->tcp_bytes_acked > n->wrote[i])
                net_fail(n, "more bytes are acknowledged than were written");
        if (ctr->tcp_bytes_received > n->wrote[1 - i])
                net_fail(n, "more bytes came than were written");
}

static inline void net_check(struct net *n, unsigned i)
{
        const char *bad = elko_check(n->node[i].st);

        if (bad != NULL)
                net_fail(n, "elko_check(): %s", bad);
        net_count(n, i);
}

/* Complete the checksum as a link with ELKO_LINK_TX_CSUM would. */
static inline void net_finish_csum(struct net *n, unsigned from, const struct elko_frame *f,
                                   uint8_t *p, uint32_t len)
{
        uint32_t ip = net_ip_bytes(n);

        if (!n->tw->offload)
                return;
        if (f->csum_start != ip || f->csum_offset != 16) {
                net_fail(n, "sent: csum_start %u, csum_offset %u", f->csum_start, f->csum_offset);
                return;
        }
        conv_put16(p + ip + 16, 0);
        conv_put16(p + ip + 16, conv_csum(n->node[from].ip.b, n->node[1 - from].ip.b, n->sc->v6, 6,
                                          p + ip, len - ip));
}

static inline void net_pull(struct net *n, unsigned i)
{
        struct net_node *node = &n->node[i];
        uint8_t buf[NET_PACKET];
        struct elko_frame f[4];
        unsigned guard = 0;
        size_t k;

        while ((k = elko_output(node->st, node->link, f, 4, net_clock(n, i))) > 0) {
                for (size_t j = 0; j < k; j++) {
                        uint32_t len = 0;

                        for (uint32_t part = 0; part < f[j].parts; part++) {
                                if (f[j].part[part].len > sizeof(buf) - len)
                                        break;
                                memcpy(buf + len, f[j].part[part].data, f[j].part[part].len);
                                len += f[j].part[part].len;
                        }
                        if (len != f[j].len)
                                net_fail(n, "sent: a frame's parts don't add up");
                        net_finish_csum(n, i, &f[j], buf, len);
                        net_leaves(n, i, buf, len);
                }
                if (++guard == 10000) {
                        net_fail(n, "a stack sends for ever");
                        return;
                }
        }
        if (elko_next_deadline(node->st) <= net_clock(n, i))
                net_fail(n, "I-23: a deadline in the past after all was done");
}

#endif
