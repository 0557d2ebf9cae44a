/* SPDX-License-Identifier: MIT */
/*
 * test_load_paths.c - bulk transfers over a bottleneck, in virtual time: what reordering, loss and coarse clocks cost.
 *
 * Theory: a sender of a stack of its own sends for some seconds through a queue of one bandwidth-delay product to a
 * receiver that reads all. Packets may be lost, or held back a little. Each stack sees the time in ticks of its
 * clock. The figure is goodput; the bars are those of the project for the sender:
 *
 *      reordering without loss   at least 0.95 of the clean path, and no reduction of the window left standing
 *      ticks of 500 us, 15 ms    within 5 % of 1 us, where a round trip is two ticks at least
 */
#include "base/port.h"

#include <elko/elko.h>

#include "ek_test.h"

#include <stdlib.h>

enum { MTU = 1500, REGION = 64 << 20, PACKETS = 8192, CHUNK = 65536 };

struct path {
        uint64_t rate;     /* bits/s */
        uint64_t delay_ns; /* one way */
        uint64_t tick_ns;
        uint64_t hold_ns; /* of those that are held back */
        uint32_t queue;   /* bytes */
        uint32_t rcv_buf; /* what the receiver offers; 0: as much as it can */
        double loss, late;
        bool no_sack, no_ts;
        bool own_buf; /* the receiver begins with what is the default, and grows */
};

struct packet {
        uint64_t at;
        uint32_t len;
        uint8_t to;
        uint8_t data[MTU];
};

static struct world {
        const struct path *path;
        elko_stack *st[2];
        elko_link link[2];
        elko_sock listener, from, to;
        uint64_t now, busy_until;
        uint32_t heap[PACKETS], count; /* indices, the earliest first */
        uint32_t free[PACKETS], n_free;
        uint64_t order[PACKETS], orders;
        uint64_t received;
        struct packet packet[PACKETS];
} w;

static uint8_t *region[2];

/* ---- the wire: a heap by time of arrival ---- */

static bool earlier(uint32_t a, uint32_t b)
{
        if (w.packet[a].at != w.packet[b].at)
                return w.packet[a].at < w.packet[b].at;
        return w.order[a] < w.order[b];
}

static void put(uint32_t idx)
{
        uint32_t i = w.count++;

        w.order[idx] = w.orders++;
        for (; i > 0 && earlier(idx, w.heap[(i - 1) / 2]); i = (i - 1) / 2)
                w.heap[i] = w.heap[(i - 1) / 2];
        w.heap[i] = idx;
}

static uint32_t take(void)
{
        uint32_t first = w.heap[0], last = w.heap[--w.count], i = 0;

        for (;;) {
                uint32_t child = 2 * i + 1;

                if (child + 1 < w.count && earlier(w.heap[child + 1], w.heap[child]))
                        child++;
                if (child >= w.count || !earlier(w.heap[child], last))
                        break;
                w.heap[i] = w.heap[child];
                i = child;
        }
        w.heap[i] = last;
        return first;
}

static bool chance(double p)
{
        return (double)ek_test_below(1u << 20) < p * (1u << 20);
}

/* Data goes through the bottleneck, ACKs don't. */
static void carry(unsigned to, const struct elko_frame *f)
{
        const struct path *p = w.path;
        uint64_t at = w.now + p->delay_ns;
        struct packet *x;
        uint32_t idx;

        if (to == 1) {
                uint64_t start = w.busy_until > w.now ? w.busy_until : w.now;
                uint64_t backlog = (start - w.now) * p->rate / 8 / 1000000000u;

                if (backlog + f->len > p->queue || chance(p->loss))
                        return;
                w.busy_until = start + (uint64_t)f->len * 8 * 1000000000u / p->rate;
                at = w.busy_until + p->delay_ns;
                if (chance(p->late))
                        at += p->hold_ns;
        }
        CHECK(w.n_free > 0);
        if (w.n_free == 0)
                return;
        idx = w.free[--w.n_free];
        x = &w.packet[idx];
        *x = (struct packet){.at = at, .to = (uint8_t)to};
        for (uint32_t i = 0; i < f->parts; i++) {
                memcpy(x->data + x->len, f->part[i].data, f->part[i].len);
                x->len += f->part[i].len;
        }
        put(idx);
}

/* ---- the stacks ---- */

static uint64_t shown(uint64_t t)
{
        return t / w.path->tick_ns * w.path->tick_ns;
}

static void make(unsigned i)
{
        const struct path *p = w.path;
        struct elko_link_config lc = {.medium = ELKO_MEDIUM_IP, .mtu = MTU, .name = "wire"};
        struct elko_config cfg;
        const char *why = "";

        elko_config_default(&cfg);
        cfg.seed[0] = (uint8_t)(i + 1);
        cfg.seed[1] = (uint8_t)ek_test_below(256);
        cfg.clock_resolution_ns = p->tick_ns;
        cfg.sack = !p->no_sack;
        cfg.timestamps = !p->no_ts;
        cfg.snd_buf_bytes = cfg.snd_buf_max_bytes = 8 << 20;
        cfg.rcv_buf_bytes = cfg.rcv_buf_max_bytes = p->rcv_buf != 0 ? p->rcv_buf : 8 << 20;
        if (p->own_buf)
                cfg.rcv_buf_bytes = 64 << 10;
        cfg.max_connections = 16;
        if (region[i] == NULL)
                region[i] = aligned_alloc(4096, REGION);
        w.st[i] = elko_stack_create(region[i], REGION, &cfg, shown(w.now), &why);
        CHECK(w.st[i] != NULL);
        w.link[i] = (elko_link)elko_link_attach(w.st[i], &lc);
        CHECK_EQ(elko_addr_add(w.st[i], w.link[i], i == 0 ? "10.0.0.1/24" : "10.0.0.2/24"), 0);
}

static void work(unsigned i)
{
        static uint8_t data[CHUNK];
        struct elko_frame f[32];
        struct elko_event ev;
        int64_t n;
        size_t k;

        if (i == 0 && w.from != 0)
                while (elko_send(w.st[0], w.from, data, CHUNK, 0) > 0)
                        ;
        if (i == 1 && w.to == 0 && elko_accept(w.st[1], w.listener, &w.to, NULL) != 0)
                w.to = 0;
        if (i == 1 && w.to != 0)
                while ((n = elko_recv(w.st[1], w.to, data, CHUNK)) > 0)
                        w.received += (uint64_t)n;
        while (elko_next_event(w.st[i], &ev))
                ;
        while ((k = elko_output(w.st[i], w.link[i], f, 32, shown(w.now))) > 0)
                for (size_t j = 0; j < k; j++)
                        carry(!i, &f[j]);
}

static uint64_t next_instant(void)
{
        uint64_t next = w.count > 0 ? w.packet[w.heap[0]].at : ELKO_NEVER;

        for (unsigned i = 0; i < 2; i++) {
                uint64_t d = elko_next_deadline(w.st[i]), t = w.path->tick_ns;

                if (d == ELKO_NEVER)
                        continue;
                d = (d + t - 1) / t * t;
                next = ek_min_u64(next, ek_max_u64(d, w.now));
        }
        return next;
}

static void step(uint64_t until)
{
        w.now = ek_min_u64(next_instant(), until);
        for (unsigned i = 0; i < 2; i++)
                elko_advance(w.st[i], shown(w.now));
        while (w.count > 0 && w.packet[w.heap[0]].at <= w.now) {
                uint32_t idx = take();
                struct packet *x = &w.packet[idx];
                struct elko_packet p = {.data = x->data, .len = x->len};

                elko_input(w.st[x->to], w.link[x->to], &p, 1, shown(w.now));
                w.free[w.n_free++] = idx;
                work(x->to);
        }
        work(0);
        work(1);
}

/* Goodput in Mbit/s over `seconds`, slow start included. */
static double goodput(const struct path *p, unsigned seconds, struct elko_tcp_info *info)
{
        elko_endpoint any = {.port = 80}, remote = {.port = 80};
        struct elko_tcp_info own;

        memset(&w, 0, offsetof(struct world, packet));
        w.path = p;
        w.now = ELKO_SEC(3);
        for (uint32_t i = 0; i < PACKETS; i++)
                w.free[w.n_free++] = i;
        make(0);
        make(1);
        CHECK_EQ(elko_listen(w.st[1], &any, NULL, &w.listener), 0);
        CHECK(elko_ip_parse("10.0.0.2", &remote.ip));
        CHECK_EQ(elko_connect(w.st[0], &remote, NULL, &w.from), 0);
        work(0);
        while (w.now < ELKO_SEC(3 + seconds))
                step(ELKO_SEC(3 + seconds));
        elko_tcp_info_get(w.st[0], w.from, info != NULL ? info : &own);
        CHECK(elko_check(w.st[0]) == NULL);
        elko_stack_destroy(w.st[0]);
        elko_stack_destroy(w.st[1]);
        return (double)w.received * 8 / 1e6 / seconds;
}

/* The median of five runs. */
static double median(const struct path *p, unsigned seconds, struct elko_tcp_info *info)
{
        double v[5];

        for (int i = 0; i < 5; i++) {
                double x = goodput(p, seconds, info);
                int k = i;

                for (; k > 0 && v[k - 1] > x; k--)
                        v[k] = v[k - 1];
                v[k] = x;
        }
        return v[2];
}

static struct path path_of(uint64_t rate, uint64_t rtt_ns)
{
        return (struct path){
                .rate = rate,
                .delay_ns = rtt_ns / 2,
                .tick_ns = ELKO_US(1),
                .hold_ns = ELKO_MS(5),
                .queue = (uint32_t)ek_max_u64(rate / 8 * (rtt_ns / 1000) / 1000000, 20 * MTU)};
}

EK_TEST(reordering_costs_next_to_nothing)
{
        static const uint64_t rtt[] = {ELKO_MS(20), ELKO_MS(100)};
        static const double late[] = {0.01, 0.05};

        for (unsigned i = 0; i < 2; i++) {
                struct path p = path_of(100000000, rtt[i]);
                double clean;

                /* The peer's window is less than the queue can hold: nothing is lost. */
                p.queue *= 2;
                p.rcv_buf = p.queue;
                clean = median(&p, 8, NULL);

                for (unsigned k = 0; k < 4; k++) {
                        struct elko_tcp_info info;
                        double got;

                        p.late = late[k % 2];
                        p.no_ts = k >= 2;
                        got = median(&p, 8, &info);
                        if (getenv("PATHS") != NULL)
                                printf("rtt %3u ms, %.0f %% held back 5 ms, %s: %5.1f of %5.1f Mbit/s, %u undone, "
                                       "%u retransmitted, reo %u\n",
                                       (unsigned)(rtt[i] / 1000000), p.late * 100,
                                       p.no_ts ? "no timestamps" : "timestamps", got, clean,
                                       info.undone, info.total_retrans, info.reord_seen);
                        CHECK(got >= 0.95 * clean);
                }
        }
}

/* The queue overflows, and what is sent again carries newer timestamps than what is held back: with a timestamp clock of
 * 1 ms PAWS would refuse some of that, and its retransmissions the next (RFC 7323, 5.3). [RFC7323 5.4a] */
EK_TEST(reordering_and_a_full_queue)
{
        struct path p = path_of(100000000, ELKO_MS(20));
        double clean = median(&p, 8, NULL), got;

        p.late = 0.05;
        got = median(&p, 8, NULL);
        if (getenv("PATHS") != NULL)
                printf("a full queue, 5 %% held back 5 ms: %5.1f of %5.1f Mbit/s\n", got, clean);
        CHECK(got >= 0.95 * clean);
}

/* Where a round trip is longer than the floor of the time-out, what fast retransmit repairs does not run into it. */
EK_TEST(no_time_outs_on_a_long_path)
{
        struct path p = path_of(10000000, ELKO_MS(300));
        uint32_t rtos = 0;

        p.loss = 0.001;
        for (int i = 0; i < 4; i++) {
                struct elko_tcp_info info;

                goodput(&p, 30, &info);
                rtos += info.total_rto;
        }
        if (getenv("PATHS") != NULL)
                printf("10 Mbit/s, 300 ms, loss 0.1 %%: %u time-outs in four runs\n", rtos);
        CHECK_EQ(rtos, 0);
}

/* The receiver's window grows as fast as the sender's slow start. */
EK_TEST(a_window_that_keeps_up)
{
        static const uint64_t rtt[] = {ELKO_MS(20), ELKO_MS(100), ELKO_MS(300)};

        for (unsigned i = 0; i < 3; i++) {
                struct path p = path_of(100000000, rtt[i]);
                struct elko_tcp_info info;
                double large = goodput(&p, 4, NULL), grown;

                p.own_buf = true;
                grown = goodput(&p, 4, &info);
                if (getenv("PATHS") != NULL)
                        printf("rtt %3u ms: %5.1f of %5.1f Mbit/s, %u ms limited by the window\n",
                               (unsigned)(rtt[i] / 1000000), grown, large,
                               (unsigned)(info.rwnd_limited_ns / 1000000));
                CHECK(grown >= 0.99 * large);
                CHECK(info.rwnd_limited_ns < rtt[i] / 4);
        }
}

/* The mean of runs, each with the same luck for every clock. */
static double mean(const struct path *p, unsigned seconds, unsigned runs, uint32_t *rtos)
{
        struct elko_tcp_info info;
        double sum = 0;

        for (unsigned i = 0; i < runs; i++) {
                ek_test_state.rand = 88172645463325252u + i;
                sum += goodput(p, seconds, &info);
                *rtos += info.total_rto;
        }
        return sum / runs;
}

/* [RFC8985 6.1 6.2-0 6.2-1] */
EK_TEST(clocks_that_tick)
{
        static const uint64_t tick[] = {ELKO_US(1), ELKO_US(500), ELKO_MS(15)};
        static const double loss[] = {0, 0.001, 0.01};

        for (unsigned l = 0; l < 3; l++) {
                double first = 0;

                for (unsigned i = 0; i < 3; i++) {
                        struct path p = path_of(20000000, ELKO_MS(40));
                        uint32_t rtos = 0;
                        double got;

                        p.loss = loss[l];
                        p.tick_ns = tick[i];
                        got = mean(&p, 20, loss[l] == 0 ? 1 : 12, &rtos);
                        if (getenv("PATHS") != NULL)
                                printf("loss %.1f %%, ticks of %5u us: %5.2f Mbit/s, %u time-outs\n",
                                       p.loss * 100, (unsigned)(tick[i] / 1000), got, rtos);
                        first = i == 0 ? got : first;
                        CHECK(got >= 0.95 * first);
                }
        }
}

EK_TEST_MAIN();
