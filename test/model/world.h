/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_MODEL_WORLD_H
#define EK_TEST_MODEL_WORLD_H

/*
 * One stack in each of the states of RFC 9293, 3.3.2, to be visited a million times.
 *
 * A stack lives wholly inside of its region, and so do all its pointers: the region copied away and
 * copied back to the same address is the same stack at the same instant. So a state is reached once,
 * by honest segments, and every case starts from the copy.
 *
 * The region is small, and so are the windows (2048 bytes), so that a copy takes some ten
 * microseconds. In each world two connections stand beside each other: the main one (port 80 with
 * the peer's 40000), in the state that is asked for, and a bystander (port 81 with 40001), which is
 * ESTABLISHED and must not notice anything.
 *
 * The IPv6 worlds have both ISNs right before 2^32, so that everything near them wraps.
 */

#include "conv_seg.h"
#include "ek_test.h"

#include "stack/stack.h"

#include <elko/elko.h>

enum world_state {
        W_CLOSED,
        W_LISTEN,
        W_SYN_SENT,
        W_SYN_RECEIVED_PASSIVE,
        W_SYN_RECEIVED_ACTIVE,
        W_ESTABLISHED,
        W_FIN_WAIT_1,
        W_FIN_WAIT_2,
        W_CLOSE_WAIT,
        W_CLOSING,
        W_LAST_ACK,
        W_TIME_WAIT_ALONE,
        W_TIME_WAIT_LISTENER,
        W_STATES
};

enum {
        WORLD_REGION = 160 << 10,
        WORLD_WINDOW = 2048,
        WORLD_SENT = 20, /* bytes in flight where the state allows */
        WORLD_REPLIES = 8,
        WORLD_PORT = 80,
        WORLD_PEER_PORT = 40000,
        WORLD_PEER_TS = 1000, /* the peer's clock stands still */
};

static const struct {
        const char *name;
        enum elko_tcp_state tcp;
        bool active;   /* the main connection was, or is being, opened by the stack */
        bool listener; /* somebody listens on port 80 */
} world_states[W_STATES] = {
        [W_CLOSED] = {"CLOSED", ELKO_TCP_CLOSED, false, false},
        [W_LISTEN] = {"LISTEN", ELKO_TCP_LISTEN, false, true},
        [W_SYN_SENT] = {"SYN-SENT", ELKO_TCP_SYN_SENT, true, false},
        [W_SYN_RECEIVED_PASSIVE] = {"SYN-RECEIVED/passive", ELKO_TCP_SYN_RECEIVED, false, true},
        [W_SYN_RECEIVED_ACTIVE] = {"SYN-RECEIVED/active", ELKO_TCP_SYN_RECEIVED, true, false},
        [W_ESTABLISHED] = {"ESTABLISHED", ELKO_TCP_ESTABLISHED, false, true},
        [W_FIN_WAIT_1] = {"FIN-WAIT-1", ELKO_TCP_FIN_WAIT_1, true, false},
        [W_FIN_WAIT_2] = {"FIN-WAIT-2", ELKO_TCP_FIN_WAIT_2, true, false},
        [W_CLOSE_WAIT] = {"CLOSE-WAIT", ELKO_TCP_CLOSE_WAIT, false, true},
        [W_CLOSING] = {"CLOSING", ELKO_TCP_CLOSING, true, false},
        [W_LAST_ACK] = {"LAST-ACK", ELKO_TCP_LAST_ACK, false, true},
        [W_TIME_WAIT_ALONE] = {"TIME-WAIT/alone", ELKO_TCP_TIME_WAIT, true, false},
        [W_TIME_WAIT_LISTENER] = {"TIME-WAIT/listener", ELKO_TCP_TIME_WAIT, false, true},
};

/* A packet that the stack sent. */
struct world_reply {
        struct conv_seg seg; /* valid where proto is 6 */
        uint8_t proto;
        uint8_t dst[16];
        uint8_t payload[64]; /* its first bytes */
};

/* One connection as the peer knows it; all numbers absolute. */
struct world_flow {
        uint16_t port, peer_port;
        elko_sock sock;
        uint32_t iss, irs;
        uint32_t una, nxt;      /* of the stack */
        uint32_t rcv_nxt, edge; /* what the stack expects next; end of its window */
        uint32_t ts_seen;
        uint8_t scale;
};

struct world {
        elko_stack *st;
        elko_link link;
        uint64_t now;
        bool v6, ts;
        enum world_state state;
        elko_ip local, peer;
        struct world_flow main, by;
        struct elko_memory_info memory; /* when the snapshot was taken */
        struct elko_counters counters;

        struct world_reply reply[WORLD_REPLIES];
        unsigned replies; /* may exceed WORLD_REPLIES */
        const char *bad;  /* a reply or the stack itself is broken: why */
};

/* A test's own changes to the configuration; NULL: none. */
static void (*world_tune)(struct elko_config *cfg);

static _Alignas(4096) uint8_t world_region[WORLD_REGION];
static uint8_t world_snap[WORLD_REGION];

/* ---- what the peer sends ---- */

struct world_seg {
        uint16_t sport, dport, flags, win, urg;
        uint32_t seq, ack, len;
        uint8_t opts[40];
        uint32_t opts_len;
};

static inline uint8_t world_peer_byte(uint32_t offset)
{
        return (uint8_t)(offset * 7 + (offset >> 8) * 13 + 1);
}

static inline uint8_t world_stack_byte(uint32_t offset)
{
        return (uint8_t)(offset * 5 + (offset >> 8) * 11 + 2);
}

static inline uint32_t world_put_ts(const struct world *w, uint8_t *p, uint32_t val, uint32_t ecr)
{
        if (!w->ts)
                return 0;
        p[0] = p[1] = 1;
        p[2] = 8;
        p[3] = 10;
        conv_put32(p + 4, val);
        conv_put32(p + 8, ecr);
        return 12;
}

/* Writes a TCP segment, checksum 0; its length. */
static inline uint32_t world_put_tcp(const struct world_seg *s, uint32_t irs, uint8_t *p)
{
        uint32_t hdr = 20 + s->opts_len;
        uint32_t first = s->seq - irs - 1 + ((s->flags & ELKO_SYN) ? 1 : 0);

        memset(p, 0, 20);
        conv_put16(p, s->sport);
        conv_put16(p + 2, s->dport);
        conv_put32(p + 4, s->seq);
        conv_put32(p + 8, s->ack);
        p[12] = (uint8_t)(hdr / 4 << 4 | (s->flags >> 8 & 15));
        p[13] = (uint8_t)s->flags;
        conv_put16(p + 14, s->win);
        conv_put16(p + 18, s->urg);
        memcpy(p + 20, s->opts, s->opts_len);
        for (uint32_t i = 0; i < s->len; i++)
                p[hdr + i] = world_peer_byte(first + i);
        return hdr + s->len;
}

/* Writes the IP header for `len` bytes of payload; its length. */
static inline uint32_t world_put_ip(const struct world *w, uint8_t *p, uint8_t proto, uint32_t len)
{
        memset(p, 0, w->v6 ? 40 : 20);
        if (w->v6) {
                p[0] = 0x60;
                conv_put16(p + 4, (uint16_t)len);
                p[6] = proto;
                p[7] = 64;
                memcpy(p + 8, w->peer.b, 16);
                memcpy(p + 24, w->local.b, 16);
                return 40;
        }
        p[0] = 0x45;
        conv_put16(p + 2, (uint16_t)(20 + len));
        p[6] = 0x40;
        p[8] = 64;
        p[9] = proto;
        memcpy(p + 12, w->peer.b + 12, 4);
        memcpy(p + 16, w->local.b + 12, 4);
        conv_put16(p + 10, conv_csum_plain(p, 20));
        return 20;
}

/* ---- what the stack sends ---- */

static inline void world_bad(struct world *w, const char *why)
{
        if (w->bad == NULL)
                w->bad = why;
}

static inline const char *world_read_ip(const struct world *w, const uint8_t *p, uint32_t len,
                                        struct world_reply *r, uint32_t *hdr)
{
        *hdr = w->v6 ? 40 : 20;
        if (len < *hdr || p[0] >> 4 != (w->v6 ? 6 : 4))
                return "sent: not a packet of this IP version";
        if (w->v6 ? conv_get16(p + 4) + 40u != len : conv_get16(p + 2) != len)
                return "sent: IP length";
        if (!w->v6 && conv_csum_plain(p, 20) != 0)
                return "sent: IP header checksum";
        if (memcmp(p + (w->v6 ? 8 : 12), w->local.b + (w->v6 ? 0 : 12), w->v6 ? 16 : 4) != 0)
                return "sent: wrong source address";
        memset(r->dst, 0, 16);
        if (w->v6) {
                memcpy(r->dst, p + 24, 16);
        } else {
                r->dst[10] = r->dst[11] = 0xff;
                memcpy(r->dst + 12, p + 16, 4);
        }
        r->proto = w->v6 ? p[6] : p[9];
        return NULL;
}

/* A correct sender's packet, or w->bad is set. */
static inline void world_take(struct world *w, const uint8_t *p, uint32_t len)
{
        static struct world_reply surplus;
        struct world_reply *r = w->replies < WORLD_REPLIES ? &w->reply[w->replies] : &surplus;
        const char *bad;
        uint32_t hdr, tcp_hdr;

        w->replies++;
        memset(r, 0, offsetof(struct world_reply, payload));
        bad = world_read_ip(w, p, len, r, &hdr);
        if (bad == NULL && r->proto == 6) {
                bad = conv_seg_read(p + hdr, len - hdr, &r->seg, &tcp_hdr);
                if (bad == NULL && conv_csum(w->local.b, r->dst, w->v6, 6, p + hdr, len - hdr) != 0)
                        bad = "sent: TCP checksum";
                if (bad == NULL && !(r->seg.flags & (ELKO_SYN | ELKO_RST | ELKO_ACK)))
                        bad = "sent: neither SYN nor RST, and no ACK bit (I-40)";
                if (bad == NULL)
                        memcpy(r->payload, p + hdr + tcp_hdr, r->seg.len < 64 ? r->seg.len : 64);
        }
        if (bad != NULL)
                world_bad(w, bad);
}

/* Pull all output of this instant. */
static inline void world_pull(struct world *w)
{
        struct elko_frame f[4];
        uint8_t buf[2048];
        unsigned guard = 0;
        size_t n;

        while ((n = elko_output(w->st, w->link, f, 4, w->now)) > 0 && ++guard < 100) {
                for (size_t i = 0; i < n; i++) {
                        uint32_t len = 0;

                        for (uint32_t k = 0; k < f[i].parts; k++) {
                                if (f[i].part[k].len > sizeof(buf) - len)
                                        break;
                                memcpy(buf + len, f[i].part[k].data, f[i].part[k].len);
                                len += f[i].part[k].len;
                        }
                        if (len != f[i].len)
                                world_bad(w, "sent: a frame's parts don't add up");
                        else
                                world_take(w, buf, len);
                }
        }
        if (guard == 100)
                world_bad(w, "the stack sends for ever");
        if (elko_has_output(w->st, w->link))
                world_bad(w, "elko_has_output() although elko_output() gave nothing");
        if (elko_next_deadline(w->st) <= w->now)
                world_bad(w, "I-23: a deadline in the past after all was done");
}

/* The packet arrives; the answers are in w->reply. */
static inline void world_in(struct world *w, const uint8_t *p, uint32_t len)
{
        struct elko_packet in = {.data = p, .len = len};

        w->replies = 0;
        elko_input(w->st, w->link, &in, 1, w->now);
        world_pull(w);
}

/* What a correct peer learns from the stack's answers about a flow. */
static inline void world_learn(struct world *w, struct world_flow *f)
{
        for (unsigned i = 0; i < w->replies && i < WORLD_REPLIES; i++) {
                const struct world_reply *r = &w->reply[i];
                const struct conv_opt *ts = conv_seg_opt(&r->seg, 8), *ws;
                uint32_t end = r->seg.seq + r->seg.len, edge;

                if (r->proto != 6 || r->seg.src_port != f->port ||
                    r->seg.dst_port != f->peer_port || (r->seg.flags & ELKO_RST))
                        continue;
                if (r->seg.flags & ELKO_SYN) {
                        f->iss = r->seg.seq;
                        f->una = f->nxt = f->iss;
                        ws = conv_seg_opt(&r->seg, 3);
                        f->scale = ws != NULL ? ws->data[0] : 0;
                }
                end += (r->seg.flags & ELKO_SYN) ? 1u : 0u;
                end += (r->seg.flags & ELKO_FIN) ? 1u : 0u;
                if ((int32_t)(end - f->nxt) > 0)
                        f->nxt = end;
                if (ts != NULL)
                        f->ts_seen = conv_get32(ts->data);
                if (!(r->seg.flags & ELKO_ACK))
                        continue;
                f->rcv_nxt = r->seg.ack;
                edge = r->seg.ack +
                       ((uint32_t)r->seg.win << ((r->seg.flags & ELKO_SYN) ? 0 : f->scale));
                if (f->edge == f->irs || (int32_t)(edge - f->edge) > 0)
                        f->edge = edge;
        }
}

static inline struct world_seg world_make(const struct world *w, const struct world_flow *f,
                                          uint16_t flags, uint32_t seq, uint32_t len)
{
        struct world_seg s = {.sport = f->peer_port,
                              .dport = f->port,
                              .flags = flags,
                              .win = 65535,
                              .seq = seq,
                              .len = len};

        if (flags & ELKO_ACK)
                s.ack = f->nxt;
        s.opts_len = world_put_ts(w, s.opts, WORLD_PEER_TS, f->ts_seen);
        return s;
}

/* An honest segment of a flow, from its next sequence number on. */
static inline void world_say(struct world *w, struct world_flow *f, const struct world_seg *s)
{
        uint8_t p[2048];
        uint32_t ip = w->v6 ? 40 : 20, len = world_put_tcp(s, f->irs, p + ip);

        world_put_ip(w, p, 6, len);
        conv_put16(p + ip + 16, conv_csum(w->peer.b, w->local.b, w->v6, 6, p + ip, len));
        world_in(w, p, ip + len);
        if (s->flags & ELKO_ACK)
                f->una = s->ack;
        world_learn(w, f);
}

static inline void world_say_simple(struct world *w, struct world_flow *f, uint16_t flags,
                                    uint32_t len)
{
        struct world_seg s = world_make(w, f, flags, f->rcv_nxt, len);

        world_say(w, f, &s);
}

/* The peer's SYN: MSS, SACK permitted, scale 7 and, where the world has them, timestamps. */
static inline uint32_t world_syn_opts(const struct world *w, uint8_t *p, uint32_t ecr)
{
        static const uint8_t common[] = {2, 4, 5, 0xb4, 4, 2, 1, 1, 3, 3, 7, 1};

        memcpy(p, common, sizeof(common));
        return (uint32_t)sizeof(common) + world_put_ts(w, p + sizeof(common), WORLD_PEER_TS, ecr);
}

static inline void world_say_syn(struct world *w, struct world_flow *f, uint16_t flags)
{
        struct world_seg s = world_make(w, f, flags, f->irs, 0);

        s.opts_len = world_syn_opts(w, s.opts, (flags & ELKO_ACK) ? f->ts_seen : 0);
        f->edge = f->irs;
        world_say(w, f, &s);
}

/* ---- reaching the states ---- */

static inline void world_require(bool ok, const char *what)
{
        if (!ok)
                ek_test_fail(__FILE__, __LINE__, "the world can't be made: %s", what);
}

static inline void world_listen(struct world *w, uint16_t port)
{
        elko_endpoint any = {.port = port};
        elko_sock ls;

        world_require(elko_listen(w->st, &any, NULL, &ls) == 0, "elko_listen()");
}

static inline void world_accept(struct world *w, struct world_flow *f)
{
        struct elko_event ev;
        bool got = false;

        while (elko_next_event(w->st, &ev))
                if ((ev.bits & ELKO_EV_ACCEPT) && elko_accept(w->st, ev.sock, &f->sock, NULL) == 0)
                        got = true;
        world_require(got, "elko_accept()");
}

static inline void world_pull_and_learn(struct world *w, struct world_flow *f)
{
        w->replies = 0;
        world_pull(w);
        world_learn(w, f);
}

static inline void world_connect(struct world *w, struct world_flow *f)
{
        elko_endpoint local = {.ip = w->local, .port = f->port};
        elko_endpoint peer = {.ip = w->peer, .port = f->peer_port};

        world_require(elko_connect(w->st, &peer, &local, &f->sock) == 0, "elko_connect()");
        world_pull_and_learn(w, f);
}

static inline void world_open_passive(struct world *w, struct world_flow *f)
{
        world_say_syn(w, f, ELKO_SYN);
        world_say_simple(w, f, ELKO_ACK, 0);
        world_accept(w, f);
}

static inline void world_open_active(struct world *w, struct world_flow *f)
{
        world_connect(w, f);
        world_say_syn(w, f, ELKO_SYN | ELKO_ACK);
}

static inline void world_shutdown(struct world *w, struct world_flow *f)
{
        world_require(elko_shutdown(w->st, f->sock) == 0, "elko_shutdown()");
        world_pull_and_learn(w, f);
}

static inline void world_send(struct world *w, struct world_flow *f, uint32_t len)
{
        uint8_t buf[2048];

        for (uint32_t i = 0; i < len; i++)
                buf[i] = world_stack_byte(f->nxt - f->iss - 1 + i);
        world_require(elko_send(w->st, f->sock, buf, len, 0) == (int64_t)len, "elko_send()");
        world_pull_and_learn(w, f);
}

static inline void world_reach_synchronized(struct world *w, struct world_flow *f)
{
        enum world_state s = w->state;
        bool flight = s != W_FIN_WAIT_2 && s < W_TIME_WAIT_ALONE;

        if (world_states[s].active)
                world_open_active(w, f);
        else
                world_open_passive(w, f);
        if (flight)
                world_send(w, f, WORLD_SENT);
        if (s == W_CLOSE_WAIT || s == W_LAST_ACK) {
                struct world_seg fin = world_make(w, f, ELKO_FIN | ELKO_ACK, f->rcv_nxt, 0);

                fin.ack = f->una = f->iss + 1;
                world_say(w, f, &fin);
        }
        if (s != W_ESTABLISHED && s != W_CLOSE_WAIT)
                world_shutdown(w, f);
        if (s == W_CLOSING) {
                struct world_seg fin = world_make(w, f, ELKO_FIN | ELKO_ACK, f->rcv_nxt, 0);

                fin.ack = f->una = f->iss + 1;
                world_say(w, f, &fin);
        }
        if (s == W_FIN_WAIT_2 || s >= W_TIME_WAIT_ALONE)
                world_say_simple(w, f, ELKO_ACK, 0);
        if (s >= W_TIME_WAIT_ALONE)
                world_say_simple(w, f, ELKO_FIN | ELKO_ACK, 0);
}

static inline void world_reach(struct world *w)
{
        struct world_flow *f = &w->main;

        if (world_states[w->state].listener)
                world_listen(w, WORLD_PORT);
        switch (w->state) {
        case W_CLOSED:
        case W_LISTEN:
                f->iss = f->una = f->nxt = 0;
                f->rcv_nxt = f->irs;
                break;
        case W_SYN_SENT:
                world_connect(w, f);
                f->rcv_nxt = f->irs;
                break;
        case W_SYN_RECEIVED_PASSIVE: world_say_syn(w, f, ELKO_SYN); break;
        case W_SYN_RECEIVED_ACTIVE:
                world_connect(w, f);
                world_say_syn(w, f, ELKO_SYN);
                break;
        default: world_reach_synchronized(w, f); break;
        }
        if (f->rcv_nxt == f->irs || w->state >= W_TIME_WAIT_ALONE)
                f->edge = f->rcv_nxt + WORLD_WINDOW;
        /* SYN-SENT and the half-open states: SND.UNA is ISS. */
        if (w->state >= W_SYN_SENT && w->state <= W_SYN_RECEIVED_ACTIVE) {
                f->una = f->iss;
                f->nxt = f->iss + 1;
        }
}

static inline void world_config(struct elko_config *cfg, bool ts)
{
        elko_config_default(cfg);
        for (unsigned i = 0; i < ELKO_SEED_BYTES; i++)
                cfg->seed[i] = (uint8_t)(i * 11 + 3);
        cfg->max_connections = cfg->max_half_open = cfg->max_time_wait = 8;
        cfg->max_listeners = cfg->max_neighbours = cfg->max_routes = cfg->max_addresses = 4;
        cfg->max_links = 1;
        cfg->max_replies = 8;
        cfg->output_batch = 4;
        cfg->block_bytes = 256;
        cfg->slab_chunk_bytes = 2048;
        cfg->rcv_buf_bytes = WORLD_WINDOW;
        cfg->timestamps = ts;
        if (world_tune != NULL)
                world_tune(cfg);
}

static inline void world_create(struct world *w, uint64_t now)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = 1500};
        struct elko_config cfg;
        const char *why;
        int r;

        memset(world_region, 0, sizeof(world_region));
        world_config(&cfg, w->ts);
        w->now = now;
        w->st = elko_stack_create(world_region, sizeof(world_region), &cfg, now, &why);
        world_require(w->st != NULL, why);
        r = elko_link_attach(w->st, &link);
        world_require(r > 0, "elko_link_attach()");
        w->link = (elko_link)r;
        r = elko_addr_add_ip(w->st, w->link, &w->local, w->v6 ? 64 : 24);
        world_require(r == 0, "elko_addr_add_ip()");
}

/* The ISS of port 80 to port 40000 with a clock that starts at `now`. */
static inline uint32_t world_iss_at(struct world *w, uint64_t now)
{
        elko_endpoint local = {.ip = w->local, .port = WORLD_PORT};
        elko_endpoint peer = {.ip = w->peer, .port = WORLD_PEER_PORT};
        struct elko_tcp_info info;
        elko_sock s;

        world_create(w, now);
        world_require(elko_connect(w->st, &peer, &local, &s) == 0 &&
                              elko_tcp_info_get(w->st, s, &info) == 0,
                      "the ISS");
        return info.iss;
}

/* The state as elko_each() tells it; LISTEN for a tuple that only a listener would answer. */
static inline enum elko_tcp_state world_tcp_state(struct world *w)
{
        enum elko_tcp_state found =
                world_states[w->state].listener ? ELKO_TCP_LISTEN : ELKO_TCP_CLOSED;
        struct elko_tcp_info info;
        uint64_t cursor = 0;

        while (elko_each(w->st, &cursor, NULL, &info))
                if (info.state != ELKO_TCP_LISTEN && info.state != ELKO_TCP_CLOSED &&
                    info.local.port == w->main.port && info.remote.port == w->main.peer_port &&
                    memcmp(info.remote.ip.b, w->peer.b, 16) == 0)
                        found = info.state;
        return found;
}

static inline void world_restore(struct world *w, const struct world *saved)
{
        memcpy(world_region, world_snap, sizeof(world_region));
        w->now = saved->now;
        w->main = saved->main;
        w->by = saved->by;
        w->replies = 0;
        w->bad = NULL;
}

/* From here every case starts. */
static inline void world_snapshot(struct world *w)
{
        elko_memory_get(w->st, &w->memory);
        w->counters = *elko_counters_get(w->st);
        memcpy(world_snap, world_region, sizeof(world_region));
}

/* A new world in this state; its copy is taken. One at a time. */
static inline void world_init(struct world *w, enum world_state state, bool v6, bool ts)
{
        uint64_t start = ELKO_SEC(1000) + 124000; /* a tick of the ISS clock */
        struct elko_event ev;

        memset(w, 0, sizeof(*w));
        w->state = state;
        w->v6 = v6;
        w->ts = ts;
        world_require(elko_ip_parse(v6 ? "2001:db8::1" : "192.0.2.1", &w->local) &&
                              elko_ip_parse(v6 ? "2001:db8::2" : "192.0.2.2", &w->peer),
                      "elko_ip_parse()");
        w->main = (struct world_flow){
                .port = WORLD_PORT, .peer_port = WORLD_PEER_PORT, .irs = v6 ? 0xfffffffau : 1000};
        w->by = (struct world_flow){.port = WORLD_PORT + 1,
                                    .peer_port = WORLD_PEER_PORT + 1,
                                    .irs = v6 ? 0x7ffffff0u : 500};
        if (v6)
                start += (uint64_t)(0xfffffff8u - world_iss_at(w, start)) * 4000;
        world_create(w, start);
        world_listen(w, WORLD_PORT + 1);
        world_open_passive(w, &w->by);
        world_reach(w);
        w->now += ELKO_MS(1); /* a new incarnation's ISS is beyond the old one's numbers */
        elko_advance(w->st, w->now);
        while (elko_next_event(w->st, &ev))
                ;
        w->replies = 0;
        world_pull(w);
        world_require(w->replies == 0 && w->bad == NULL, w->bad != NULL ? w->bad : "not quiet");
        world_require(world_tcp_state(w) == world_states[state].tcp, world_states[state].name);
        world_snapshot(w);
}

/* Both directions of the bystander still work, byte for byte. */
static inline const char *world_try_bystander(struct world *w)
{
        struct world_flow *f = &w->by;
        uint8_t buf[128];
        int64_t n;

        for (unsigned i = 0; i < 100; i++)
                buf[i] = world_stack_byte(f->nxt - f->iss - 1 + i);
        if (elko_send(w->st, f->sock, buf, 50, 0) != 50)
                return "the bystander can't send";
        w->replies = 0;
        world_pull(w);
        if (w->replies != 1 || w->reply[0].proto != 6 || w->reply[0].seg.len != 50 ||
            w->reply[0].seg.src_port != f->port || memcmp(w->reply[0].payload, buf, 50) != 0 ||
            w->reply[0].seg.seq != f->nxt || w->reply[0].seg.ack != f->rcv_nxt)
                return "the bystander's segment is wrong";
        world_learn(w, f);
        world_say_simple(w, f, ELKO_ACK | ELKO_PSH, 40);
        n = elko_recv(w->st, f->sock, buf, sizeof(buf));
        if (n != 40)
                return "the bystander did not receive";
        for (unsigned i = 0; i < 40; i++)
                if (buf[i] != world_peer_byte(i))
                        return "the bystander received a wrong byte";
        return w->bad;
}

#endif
