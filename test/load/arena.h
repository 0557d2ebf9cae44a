/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_ARENA_H
#define EK_TEST_ARENA_H

/*
 * An arena: a victim, its honest clients, and an attacker that sends as much as it likes.
 *
 * Theory. That a stack survives an attack is three questions. Do its other users notice? Does its memory
 * stay where it was? Does a hostile packet cost more work than an honest one? Here a victim serves
 * bystanders (long connections that exchange blocks all the time, and short ones that come and go) in
 * virtual time, in slices of 1 ms, while the attacker's packets arrive in between; the same run without
 * the attacker is the measure for "as if nothing were". Work is counted (base/port.h, EK_WORK), not timed,
 * so the figures are the same on every machine.
 *
 * The attacker is a function that is called in each slice and sends with arena_attack(); what the victim
 * sends to an address outside of 10.0.0.0/8 comes to its `reply`. Each packet is given to the victim by
 * itself, and the work of taking it and of answering it is its cost.
 *
 * The victim's services by port: ECHO gives back what it gets; SOURCE sends for ever once it was asked;
 * SINK reads and says nothing; SLEEPER accepts and never reads; BANNER says a word and closes first.
 *
 * This header is the whole arena; each test program is one attack, or a family of them.
 */

#include "base/port.h"

#include <elko/elko.h>

#include "ek_test.h"
#include "pkt.h"

enum { ECHO = 7, SOURCE = 19, SINK = 9, SLEEPER = 11, BANNER = 17, SERVICES = 5 };

enum {
        ARENA_LONG = 4,       /* long connections */
        ARENA_BLOCK = 3000,   /* bytes of one exchange */
        ARENA_LANE = 2048,    /* packets under way, each direction */
        ARENA_PACKET = 1500,  /* MTU */
        ARENA_SHORT = 256,    /* short connections at once */
        ARENA_SHORT_MS = 100, /* one begins every so often */
        ARENA_DELAY_MS = 5,   /* one way */
        ARENA_CHECK_MS = 50,  /* elko_check() every so often */
};

struct arena_packet {
        uint64_t at;
        uint32_t len;
        uint8_t data[ARENA_PACKET];
};

struct arena_lane {
        struct arena_packet *p;
        uint32_t head, count;
};

/* Work of one kind of packet, in units of EK_WORK. */
struct arena_cost {
        uint64_t packets, total, most;
};

struct arena_long {
        elko_sock sock;
        uint64_t sent, got, exchanges;
};

struct arena_short {
        elko_sock sock;
        uint64_t began, connected;
        bool used;
};

struct arena {
        elko_stack *v, *b;
        uint8_t *region[2];
        elko_link vl, bl;
        elko_sock listener[SERVICES];
        struct arena_lane to_v, to_b;
        uint64_t now, start;
        struct arena_long lng[ARENA_LONG];
        struct arena_short shr[ARENA_SHORT];
        uint32_t short_started, short_in_time, short_done, short_failed;
        struct arena_cost attack, honest;
        uint64_t used_start, used_most;
        /* the attacker */
        void (*step)(struct arena *a, uint64_t slice);
        void (*reply)(struct arena *a, const struct pkt *p);
        void *self;
        uint64_t replies, reply_bytes; /* to the attacker's addresses */
        bool quiet;                    /* the long connections begin no new exchange */
};

struct arena_config {
        size_t memory;      /* the victim's region; 0: 64 MiB */
        uint64_t delack_ns; /* unused fields: the defaults */
        void (*config)(struct elko_config *c);
        const struct elko_listen_config *listen;
};

static const uint16_t arena_ports[SERVICES] = {ECHO, SOURCE, SINK, SLEEPER, BANNER};

static inline uint8_t arena_byte(unsigned who, uint64_t off)
{
        return (uint8_t)((off * 0x9e3779b97f4a7c15u + who * 77) >> 56);
}

/* ---- the wire ---- */

static inline void arena_lane_put(struct arena *a, struct arena_lane *l, const uint8_t *p,
                                  uint32_t n)
{
        struct arena_packet *q;

        CHECK(l->count < ARENA_LANE);
        q = &l->p[(l->head + l->count++) % ARENA_LANE];
        q->at = a->now + ELKO_MS(ARENA_DELAY_MS);
        q->len = n;
        memcpy(q->data, p, n);
}

static inline const struct arena_packet *arena_lane_take(struct arena *a, struct arena_lane *l)
{
        const struct arena_packet *q = &l->p[l->head];

        if (l->count == 0 || q->at > a->now)
                return NULL;
        l->head = (l->head + 1) % ARENA_LANE;
        l->count--;
        return q;
}

static inline uint32_t arena_flatten(const struct elko_frame *f, uint8_t *buf)
{
        uint32_t n = 0;

        CHECK(f->len <= ARENA_PACKET);
        for (uint32_t i = 0; i < f->parts; i++) {
                memcpy(buf + n, f->part[i].data, f->part[i].len);
                n += f->part[i].len;
        }
        return n;
}

static inline void arena_pull(struct arena *a)
{
        static uint8_t out[ARENA_PACKET * 4096];
        static uint32_t len[4096];
        struct elko_frame frames[16];
        uint32_t count = 0;
        size_t n;

        /* All of it first: replies may send again. */
        while (count < 4000 && (n = elko_output(a->v, a->vl, frames, 16, a->now)) > 0)
                for (size_t i = 0; i < n; i++, count++)
                        len[count] = arena_flatten(&frames[i], out + count * (size_t)ARENA_PACKET);
        for (uint32_t i = 0; i < count; i++) {
                const uint8_t *q = out + i * (size_t)ARENA_PACKET;

                if (q[16] == 10) {
                        arena_lane_put(a, &a->to_b, q, len[i]);
                } else {
                        struct pkt p;

                        a->replies++;
                        a->reply_bytes += len[i];
                        if (a->reply != NULL && pkt_parse(&p, q, len[i]))
                                a->reply(a, &p);
                }
        }
}

static inline void arena_give(struct arena *a, const uint8_t *data, uint32_t len,
                              struct arena_cost *cost)
{
        struct elko_packet in = {.data = data, .len = len};
        uint64_t work;

        elko_advance(a->v, a->now); /* what was due anyway is not this packet's cost */
        work = ek_work_counter;
        elko_input(a->v, a->vl, &in, 1, a->now);
        work = ek_work_counter - work;
        cost->packets++;
        cost->total += work;
        cost->most = work > cost->most ? work : cost->most;
}

/* A packet of the attacker. */
static inline void arena_attack_raw(struct arena *a, const uint8_t *data, uint32_t len)
{
        arena_give(a, data, len, &a->attack);
}

/* Addresses that are not ours: 64.0.0.0 + n. */
static inline elko_ip arena_foreign(uint32_t n)
{
        return elko_ip_v4((uint8_t)(64 + (n >> 24) % 32), (uint8_t)(n >> 16), (uint8_t)(n >> 8),
                          (uint8_t)n);
}

/* A segment from one of them to the victim, without options. */
static inline struct pkt arena_segment(uint32_t from, uint16_t sport, uint16_t dport)
{
        return (struct pkt){.src = {.ip = arena_foreign(from), .port = sport},
                            .dst = {.ip = elko_ip_v4(10, 0, 0, 1), .port = dport},
                            .ttl = 64,
                            .window = 65535,
                            .flags = ELKO_ACK};
}

/* The same as if it came from the bystander's connection `i`. */
static inline struct pkt arena_forged(struct arena *a, unsigned i, struct elko_tcp_info *info)
{
        CHECK_EQ(elko_tcp_info_get(a->b, a->lng[i].sock, info), 0);
        return (struct pkt){.src = info->local,
                            .dst = info->remote,
                            .ttl = 64,
                            .window = 65535,
                            .flags = ELKO_ACK};
}

static inline void arena_attack(struct arena *a, const struct pkt *p)
{
        uint8_t buf[ARENA_PACKET];
        size_t n = pkt_build(p, buf, sizeof buf);

        CHECK(n > 0);
        arena_attack_raw(a, buf, (uint32_t)n);
}

/* ---- the victim's services ---- */

static inline void arena_serve(struct arena *a, elko_sock s, uint16_t port)
{
        static const uint8_t zeros[16384];
        struct elko_slice in[2];
        int64_t n, sent;

        if (port == SLEEPER)
                return;
        if (port == BANNER) {
                elko_send(a->v, s, "welcome\n", 8, 0);
                elko_close(a->v, s);
                return;
        }
        if (port == SOURCE)
                while (elko_send(a->v, s, zeros, sizeof zeros, 0) > 0) {
                }
        while ((n = elko_recv_peek(a->v, s, in)) > 0) {
                sent = port == ECHO ? elko_send(a->v, s, in[0].data, in[0].len, 0)
                                    : (int64_t)in[0].len;
                if (sent == ELKO_EAGAIN)
                        return;
                if (sent < 0)
                        break;
                CHECK_EQ(elko_recv_consume(a->v, s, (size_t)sent), 0);
        }
        if (n != ELKO_EAGAIN)
                elko_close(a->v, s);
}

static inline void arena_victim_events(struct arena *a)
{
        struct elko_event ev;
        elko_sock s;

        while (elko_next_event(a->v, &ev)) {
                unsigned i = 0;

                while (i < SERVICES && a->listener[i] != ev.sock)
                        i++;
                if (i == SERVICES) {
                        if (ev.user != NULL)
                                arena_serve(a, ev.sock, *(const uint16_t *)ev.user);
                        continue;
                }
                while (elko_accept(a->v, a->listener[i], &s, NULL) == 0) {
                        union {
                                const uint16_t *in;
                                void *out;
                        } user = {&arena_ports[i]};

                        elko_set_user(a->v, s, user.out);
                        arena_serve(a, s, arena_ports[i]);
                }
        }
}

/* ---- the bystanders ---- */

static inline void arena_long_go(struct arena *a, unsigned i)
{
        struct arena_long *l = &a->lng[i];
        uint8_t buf[ARENA_BLOCK];
        int64_t n;

        while ((n = elko_recv(a->b, l->sock, buf, sizeof buf)) > 0) {
                for (int64_t k = 0; k < n; k++)
                        CHECK_EQ(buf[k], arena_byte(i, l->got + (uint64_t)k));
                l->got += (uint64_t)n;
        }
        CHECK_EQ(n, ELKO_EAGAIN); /* a bystander never loses its connection */
        if (l->got == l->sent && !a->quiet) {
                l->exchanges += l->sent > 0;
                for (uint64_t k = 0; k < ARENA_BLOCK; k++)
                        buf[k] = arena_byte(i, l->sent + k);
                n = elko_send(a->b, l->sock, buf, sizeof buf, 0);
                if (n > 0)
                        l->sent += (uint64_t)n;
        }
}

static inline void arena_short_begin(struct arena *a)
{
        elko_endpoint to = {.ip = elko_ip_v4(10, 0, 0, 1), .port = ECHO};
        struct arena_short *s = &a->shr[a->short_started++ % ARENA_SHORT];

        if (s->used)
                ek_test_fail(
                        __FILE__, __LINE__,
                        "a client that began at %llu ms is not served yet; %u began, %u connected in "
                        "time, %u served; victim: %llu refusals for want of memory",
                        (unsigned long long)((s->began - a->start) / ELKO_MS(1)), a->short_started,
                        a->short_in_time, a->short_done,
                        (unsigned long long)elko_counters_get(a->v)->nomem);
        CHECK_EQ(elko_connect(a->b, &to, NULL, &s->sock), 0);
        s->began = a->now;
        s->used = true;
        elko_set_user(a->b, s->sock, s);
}

static inline void arena_short_event(struct arena *a, struct arena_short *s, uint32_t bits)
{
        uint8_t byte = 0x5a;

        if (bits & ELKO_EV_CONNECTED) {
                a->short_in_time += a->now - s->began <= ELKO_SEC(1);
                elko_send(a->b, s->sock, &byte, 1, 0);
        }
        if (bits & ELKO_EV_READABLE) {
                CHECK_EQ(elko_recv(a->b, s->sock, &byte, 1), 1);
                CHECK_EQ(byte, 0x5a);
                a->short_done++;
                elko_close(a->b, s->sock);
                s->used = false;
        } else if (bits & ELKO_EV_ERROR) {
                a->short_failed++;
                elko_close(a->b, s->sock);
                s->used = false;
        }
}

static inline void arena_bystanders(struct arena *a, uint64_t slice)
{
        struct elko_frame frames[16];
        const struct arena_packet *q;
        struct elko_event ev;
        size_t n;

        while ((q = arena_lane_take(a, &a->to_b)) != NULL) {
                struct elko_packet in = {.data = q->data, .len = q->len};

                elko_input(a->b, a->bl, &in, 1, a->now);
        }
        elko_advance(a->b, a->now);
        if (slice % ARENA_SHORT_MS == 0)
                arena_short_begin(a);
        while (elko_next_event(a->b, &ev))
                if (ev.user >= (void *)a->shr && ev.user < (void *)(a->shr + ARENA_SHORT))
                        arena_short_event(a, ev.user, ev.bits);
                else if (ev.user != NULL)
                        arena_long_go(a, (unsigned)((struct arena_long *)ev.user - a->lng));
        while ((n = elko_output(a->b, a->bl, frames, 16, a->now)) > 0)
                for (size_t i = 0; i < n; i++) {
                        uint8_t buf[ARENA_PACKET];

                        arena_lane_put(a, &a->to_v, buf, arena_flatten(&frames[i], buf));
                }
}

/* ---- a run ---- */

static inline elko_stack *arena_stack(struct arena *a, int side, const struct arena_config *set,
                                      elko_link *link)
{
        struct elko_link_config l = {.medium = ELKO_MEDIUM_IP, .mtu = ARENA_PACKET};
        size_t memory = side == 0 && set->memory != 0 ? set->memory : 64u << 20;
        struct elko_config c;
        const char *why = NULL;
        elko_stack *st;

        elko_config_default(&c);
        memset(c.seed, 1 + side, sizeof c.seed);
        if (side == 1)
                c.msl_ns = ELKO_SEC(1);
        if (side == 0 && set->config != NULL)
                set->config(&c);
        a->region[side] = malloc(memory);
        CHECK(a->region[side] != NULL);
        st = elko_stack_create(a->region[side], memory, &c, a->now, &why);
        if (st == NULL)
                ek_test_fail(__FILE__, __LINE__, "%s", why);
        *link = (elko_link)elko_link_attach(st, &l);
        CHECK_EQ(elko_addr_add(st, *link, side == 0 ? "10.0.0.1/8" : "10.0.0.2/8"), 0);
        CHECK_EQ(elko_addr_add(st, *link, side == 0 ? "fd00::1/64" : "fd00::2/64"), 0);
        CHECK_EQ(elko_route_add(st, "0.0.0.0/0", *link, NULL), 0);
        return st;
}

static inline void arena_watch(struct arena *a, uint64_t slice)
{
        struct elko_memory_info m;

        elko_memory_get(a->v, &m);
        a->used_most = m.used > a->used_most ? m.used : a->used_most;
        if (slice % ARENA_CHECK_MS == 0) {
                const char *bad = elko_check(a->v);

                if (bad != NULL)
                        ek_test_fail(__FILE__, __LINE__, "victim at %llu ms: %s",
                                     (unsigned long long)slice, bad);
        }
}

/* `ms` more of virtual time, the attacker included if there is one. */
static inline void arena_run(struct arena *a, uint64_t ms)
{
        for (uint64_t i = 0; i < ms; i++) {
                uint64_t slice = (a->now - a->start) / ELKO_MS(1);
                const struct arena_packet *q;

                arena_bystanders(a, slice);
                while ((q = arena_lane_take(a, &a->to_v)) != NULL) {
                        arena_give(a, q->data, q->len, &a->honest);
                        arena_pull(a);
                }
                if (a->step != NULL)
                        a->step(a, slice);
                elko_advance(a->v, a->now);
                arena_victim_events(a);
                arena_pull(a);
                arena_watch(a, slice);
                a->now += ELKO_MS(1);
        }
}

static inline struct arena *arena_begin(const struct arena_config *config)
{
        static const struct arena_config none;
        struct arena *a = calloc(1, sizeof *a);
        elko_endpoint to = {.ip = elko_ip_v4(10, 0, 0, 1), .port = ECHO};
        struct elko_memory_info m;

        config = config == NULL ? &none : config;
        a->now = a->start = ELKO_SEC(1000);
        a->to_v.p = calloc(ARENA_LANE, sizeof *a->to_v.p);
        a->to_b.p = calloc(ARENA_LANE, sizeof *a->to_b.p);
        a->v = arena_stack(a, 0, config, &a->vl);
        a->b = arena_stack(a, 1, config, &a->bl);
        for (unsigned i = 0; i < SERVICES; i++) {
                elko_endpoint any = {.port = arena_ports[i]};

                CHECK_EQ(elko_listen(a->v, &any, config->listen, &a->listener[i]), 0);
        }
        for (unsigned i = 0; i < ARENA_LONG; i++) {
                CHECK_EQ(elko_connect(a->b, &to, NULL, &a->lng[i].sock), 0);
                elko_set_user(a->b, a->lng[i].sock, &a->lng[i]);
        }
        arena_run(a, 1000); /* all is warm */
        elko_memory_get(a->v, &m);
        a->used_start = a->used_most = m.used;
        a->honest = (struct arena_cost){0};
        return a;
}

static inline uint64_t arena_exchanges(const struct arena *a)
{
        uint64_t n = 0;

        for (unsigned i = 0; i < ARENA_LONG; i++)
                n += a->lng[i].exchanges;
        return n;
}

static inline void arena_end(struct arena *a)
{
        CHECK(elko_check(a->v) == NULL && elko_check(a->b) == NULL);
        elko_stack_destroy(a->v);
        elko_stack_destroy(a->b);
        free(a->region[0]);
        free(a->region[1]);
        free(a->to_v.p);
        free(a->to_b.p);
        free(a);
}

/* Exchanges of a run of `ms` that nobody disturbs. */
static inline uint64_t arena_calm(const struct arena_config *config, uint64_t ms)
{
        struct arena *a = arena_begin(config);
        uint64_t n;

        arena_run(a, ms);
        n = arena_exchanges(a);
        CHECK(n > ms / 40);
        CHECK_EQ(a->short_failed, 0);
        arena_end(a);
        return n;
}

/*
 * The three questions, after a run of `ms` with an attacker. `percent`: exchanges compared with a calm
 * run, at least. RELIABILITY C6: a bystander takes at most twice as long; bars of issue 3: >= 99 % of
 * the clients connect within one SYN-RTO, an attack packet costs <= 2 ordinary ones.
 */
static inline void arena_judge(struct arena *a, const struct arena_config *config, uint64_t ms,
                               unsigned percent)
{
        uint64_t calm = arena_calm(config, ms), now = arena_exchanges(a);

        printf("  %llu packets; exchanges %llu of %llu; clients in time %u, served %u of %u; work of a packet: attack "
               "%.1f, most %llu; honest %.1f, most %llu; memory %llu, most %llu\n",
               (unsigned long long)a->attack.packets, (unsigned long long)now,
               (unsigned long long)calm, a->short_in_time, a->short_done, a->short_started,
               (double)a->attack.total / (double)(a->attack.packets ? a->attack.packets : 1),
               (unsigned long long)a->attack.most,
               (double)a->honest.total / (double)(a->honest.packets ? a->honest.packets : 1),
               (unsigned long long)a->honest.most, (unsigned long long)a->used_start,
               (unsigned long long)a->used_most);
        CHECK(now * 100 >= calm * percent);
        /* The last one may still be under way. */
        CHECK((a->short_in_time + 1) * 100 >= a->short_started * 99);
        CHECK((a->short_done + 1) * 100 >= a->short_started * 99);
        CHECK_EQ(a->short_failed, 0);
        CHECK(a->attack.packets == 0 || a->attack.most <= 2 * a->honest.most);
}

#endif
