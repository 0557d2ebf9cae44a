/* SPDX-License-Identifier: MIT */
/*
 * test_two_stacks.c - two elko stacks over a wire that drops, duplicates, delays and reorders.
 *
 * What is demanded of every run, whatever the seed: the streams arrive byte for byte, in both
 * directions; everything ends by itself; no deadline lies in the past once its work is done;
 * elko_check() is content after every call; and at the end both stacks hold what they held at the
 * start. The applications act on events only, so an event that is missing shows as a run that
 * stops.
 *
 * Torture: the n-th allocation fails, for every n, once and for ever. A transfer survives one
 * failure; after any number of them nothing is lost, leaked or broken.
 */
#include "base/slab.h"
#include "stack/stack.h"

#include <elko/elko.h>

#include "ek_test.h"

enum {
        REGION_BYTES = 1 << 19,
        WIRE = 512, /* packets under way; what does not fit is lost */
        MTU = 700,
        PORT = 7,
        CHUNK = 4096, /* most bytes in one call */
};

enum closing { SHUTDOWN_FIRST, AFTER_PEER };

struct packet {
        uint64_t at;
        uint32_t len;
        uint8_t to;
        uint8_t data[MTU];
};

/* One end of the connection as its application sees it. */
struct app {
        elko_sock sock;
        bool open, can_read, can_write, eof, shut, closed, connect_again;
        int error;
        uint64_t sent, received, to_send;
        uint64_t pause_ns, read_at; /* a slow reader: reads some, then not before read_at */
        enum closing closing;
};

struct world {
        elko_stack *st[2];
        uint8_t *region[2];
        elko_link link[2];
        elko_sock listener;
        struct app app[2]; /* 0 connects, 1 accepts */
        struct packet wire[WIRE];
        uint32_t on_wire, delivered;
        uint64_t now, held[2];
        uint64_t tick_ns; /* the clock's step; 0: none */
        uint64_t trace;   /* hash of all that went over the wire, and when */
        /* faults, in percent, and the longest delay */
        uint32_t drop, duplicate, reorder;
        uint64_t delay_ns, jitter_ns;
        bool (*filter)(struct world *w, const struct packet *p); /* true: lose it */
        uint32_t mask, seen;                                     /* of the filter */
        bool torture; /* calls may fail for want of memory */
        const char *broken;
};

static struct world world;

/* The pattern: a different one in each direction. */
static uint8_t pattern(unsigned from, uint64_t off)
{
        uint64_t x = (off + 1) * (from ? 0x9e3779b97f4a7c15u : 0xc2b2ae3d27d4eb4fu);

        return (uint8_t)(x >> 56 ^ x >> 21);
}

/* After user calls; the calls that pass time do it themselves in the core that tests link. */
static void verify(struct world *w)
{
        for (int i = 0; i < 2; i++) {
                const char *bad = elko_check(w->st[i]);

                if (bad != NULL)
                        ek_test_fail(__FILE__, __LINE__, "stack %d at %llu ns: %s", i,
                                     (unsigned long long)w->now, bad);
        }
}

/* ---- the wire ---- */

static void put_on_wire(struct world *w, unsigned to, const struct elko_frame *f, uint64_t delay)
{
        struct packet *p;

        if (w->on_wire == WIRE)
                return;
        CHECK(f->len <= MTU);
        p = &w->wire[w->on_wire++];
        *p = (struct packet){.at = w->now + delay, .to = (uint8_t)to};
        for (uint32_t i = 0; i < f->parts; i++) {
                memcpy(p->data + p->len, f->part[i].data, f->part[i].len);
                p->len += f->part[i].len;
        }
        CHECK_EQ(p->len, f->len);
        for (uint32_t i = 0; i < p->len; i++)
                w->trace = (w->trace ^ p->data[i]) * 0x100000001b3u;
        w->trace = (w->trace ^ p->at) * 0x100000001b3u;
        if (w->filter != NULL && w->filter(w, p))
                w->on_wire--;
}

static void transmit(struct world *w, unsigned to, const struct elko_frame *f)
{
        uint64_t delay = w->delay_ns;

        if (w->jitter_ns != 0 && ek_test_below(100) < w->reorder)
                delay += ek_test_rand() % w->jitter_ns;
        if (ek_test_below(100) < w->duplicate)
                put_on_wire(w, to, f, delay + ek_test_rand() % (w->jitter_ns + 1));
        if (ek_test_below(100) >= w->drop)
                put_on_wire(w, to, f, delay);
}

static uint32_t pull(struct world *w, unsigned i)
{
        struct elko_frame frames[16];
        size_t n = elko_output(w->st[i], w->link[i], frames, 1 + ek_test_below(16), w->now);

        for (size_t k = 0; k < n; k++)
                transmit(w, !i, &frames[k]);
        return (uint32_t)n;
}

/* The packet that arrives next, or WIRE; among those at one instant, the one sent first. */
static uint32_t next_packet(const struct world *w)
{
        uint32_t best = WIRE;

        for (uint32_t i = 0; i < w->on_wire; i++)
                if (best == WIRE || w->wire[i].at < w->wire[best].at)
                        best = i;
        return best;
}

/* Hand over what has arrived by now, in batches of random size. */
static bool deliver(struct world *w)
{
        uint32_t i = next_packet(w);
        struct elko_packet in;
        struct packet p;

        if (i == WIRE || w->wire[i].at > w->now)
                return false;
        p = w->wire[i];
        memmove(&w->wire[i], &w->wire[i + 1], (w->on_wire - i - 1) * sizeof(w->wire[0]));
        w->on_wire--;
        in = (struct elko_packet){.data = p.data, .len = p.len};
        elko_input(w->st[p.to], w->link[p.to], &in, 1, w->now);
        w->delivered++;
        return true;
}

/* ---- the applications ---- */

static void app_recv(struct world *w, unsigned i)
{
        struct app *a = &w->app[i];
        uint8_t buf[CHUNK];
        int64_t n;

        while (a->can_read && !a->closed && w->now >= a->read_at) {
                a->read_at = w->now + a->pause_ns;
                n = elko_recv(w->st[i], a->sock, buf, 1 + ek_test_below(CHUNK));
                verify(w);
                if (n == ELKO_EAGAIN) {
                        a->can_read = false;
                        return;
                }
                if (n <= 0) {
                        a->can_read = false;
                        a->eof = true;
                        a->error = n < 0 ? (int)n : a->error;
                        return;
                }
                for (int64_t k = 0; k < n; k++)
                        CHECK_EQ(buf[k], pattern(!i, a->received + (uint64_t)k));
                a->received += (uint64_t)n;
                if (ek_test_below(4) == 0)
                        return; /* the rest later: can_read stays */
        }
}

static void app_send(struct world *w, unsigned i)
{
        struct app *a = &w->app[i];
        uint8_t buf[CHUNK];
        int64_t n;

        if (a->closing == AFTER_PEER && !a->eof && a->sent >= a->to_send / 2)
                return;
        while (a->can_write && !a->closed && a->sent < a->to_send) {
                uint32_t want = 1 + ek_test_below(CHUNK);

                if (want > a->to_send - a->sent)
                        want = (uint32_t)(a->to_send - a->sent);
                for (uint32_t k = 0; k < want; k++)
                        buf[k] = pattern(i, a->sent + k);
                n = elko_send(w->st[i], a->sock, buf, want, ek_test_below(8) == 0);
                verify(w);
                if (n == ELKO_EAGAIN) {
                        a->can_write = false;
                        return;
                }
                if (n < 0) {
                        a->error = (int)n;
                        return;
                }
                a->sent += (uint64_t)n;
        }
}

static void app_close(struct world *w, unsigned i)
{
        struct app *a = &w->app[i];
        bool done = a->sent == a->to_send || a->error != 0;

        if (a->closing == SHUTDOWN_FIRST && done && !a->shut && a->error == 0) {
                CHECK_EQ(elko_shutdown(w->st[i], a->sock), 0);
                a->shut = true;
        }
        if ((done && a->eof) || a->error != 0) {
                CHECK_EQ(elko_close(w->st[i], a->sock), 0);
                CHECK_EQ(elko_close(w->st[i], a->sock), ELKO_EBADF);
                a->closed = true;
        }
}

static void app_accept(struct world *w)
{
        struct app *a = &w->app[1];
        elko_sock s;

        while (elko_accept(w->st[1], w->listener, &s, NULL) == 0) {
                if (a->open) {
                        /* A client that lost its first attempt (torture) comes again. */
                        elko_abort(w->st[1], s);
                        continue;
                }
                a->sock = s;
                a->open = a->can_read = a->can_write = true;
        }
}

static void app_events(struct world *w, unsigned i)
{
        struct app *a = &w->app[i];
        struct elko_event ev;

        while (elko_next_event(w->st[i], &ev)) {
                if (i == 1 && ev.sock == w->listener) {
                        app_accept(w);
                        continue;
                }
                if (ev.sock != a->sock)
                        continue;
                if (ev.bits & (ELKO_EV_READABLE | ELKO_EV_EOF | ELKO_EV_ERROR))
                        a->can_read = true;
                if (ev.bits & (ELKO_EV_WRITABLE | ELKO_EV_CONNECTED))
                        a->can_write = true;
        }
}

static void app_connect(struct world *w)
{
        elko_endpoint to = {.ip = elko_ip_v4(10, 0, 0, 2), .port = PORT};
        int r = elko_connect(w->st[0], &to, NULL, &w->app[0].sock);

        w->app[0].open = r == 0;
        w->app[0].connect_again = r != 0;
        if (r != 0)
                CHECK(w->torture && r == ELKO_ENOMEM);
        verify(w);
}

static void run_app(struct world *w, unsigned i)
{
        app_events(w, i);
        if (i == 0 && w->app[0].connect_again)
                app_connect(w);
        if (!w->app[i].open || w->app[i].closed)
                return;
        app_recv(w, i);
        app_send(w, i);
        app_close(w, i);
}

/* Has the application something to do that no event will bring? */
static bool app_busy(const struct world *w, const struct app *a)
{
        return a->open && !a->closed && a->can_read && w->now >= a->read_at;
}

/* ---- the run ---- */

static uint64_t next_instant(struct world *w)
{
        uint64_t next = ELKO_NEVER;
        uint32_t p = next_packet(w);

        if (p != WIRE)
                next = w->wire[p].at;
        for (int i = 0; i < 2; i++) {
                uint64_t at = elko_next_deadline(w->st[i]);

                /* I-23: the work is done, so nothing can be due any more. */
                if (at <= w->now)
                        ek_test_fail(__FILE__, __LINE__, "stack %d: deadline %llu at %llu", i,
                                     (unsigned long long)at, (unsigned long long)w->now);
                next = at < next ? at : next;
                if (w->app[i].open && !w->app[i].closed && w->app[i].can_read &&
                    w->app[i].read_at < next)
                        next = w->app[i].read_at;
        }
        if (w->tick_ns != 0 && next != ELKO_NEVER)
                next = (next + w->tick_ns - 1) / w->tick_ns * w->tick_ns;
        return next;
}

/* Everything that can be done at this instant. */
static void settle(struct world *w)
{
        bool again = true;

        elko_advance(w->st[0], w->now);
        elko_advance(w->st[1], w->now);
        for (uint32_t rounds = 0; again; rounds++) {
                CHECK(rounds < 10000); /* no storm within one instant */
                again = false;
                for (unsigned i = 0; i < 2; i++) {
                        run_app(w, i);
                        again = pull(w, i) > 0 || again;
                        again = app_busy(w, &w->app[i]) || again;
                        again = elko_has_output(w->st[i], w->link[i]) || again;
                }
                again = deliver(w) || again;
        }
}

static bool quiet(struct world *w)
{
        struct elko_memory_info a, b;

        elko_memory_get(w->st[0], &a);
        elko_memory_get(w->st[1], &b);
        return w->app[0].closed && w->app[1].closed && a.connections + b.connections == 0 &&
               a.half_open + b.half_open + a.time_wait + b.time_wait == 0;
}

/* Until all is over, or `limit`. */
static void run(struct world *w, uint64_t limit)
{
        uint64_t until = w->now + limit;

        while (w->now < until) {
                uint64_t next;

                settle(w);
                if (quiet(w))
                        return;
                next = next_instant(w);
                if (next == ELKO_NEVER)
                        return;
                w->now = next;
        }
}

/* Bytes in use, without what a pool keeps for the next object. */
static uint64_t held(struct world *w, unsigned i)
{
        struct ek_tcp *t = &w->st[i]->tcp;
        const struct ek_slab *pools[] = {&t->tcbs,    &t->actives,   &t->half_opens, &t->time_waits,
                                         &t->records, &t->listeners, &t->settings};
        struct elko_memory_info m;
        uint64_t used;

        elko_memory_get(w->st[i], &m);
        CHECK_EQ(m.promised, 0);
        used = m.used - ek_hashtab_bytes(&t->conns);
        for (size_t k = 0; k < sizeof(pools) / sizeof(pools[0]); k++) {
                CHECK(pools[k]->n_chunks <= 1);
                used -= pools[k]->n_chunks *
                        ek_region_block_bytes(w->st[i]->region, pools[k]->chunk_bytes);
        }
        return used;
}

static void set_config(struct elko_config *c, unsigned i, uint64_t seed)
{
        elko_config_default(c);
        memset(c->seed, (int)(seed * 2 + i + 1) & 0xff, sizeof(c->seed));
        c->seed[0] = (uint8_t)(1 + (seed & 0x7f));
        c->max_connections = 64;
        c->max_half_open = 64;
        c->max_time_wait = 64;
        c->max_listeners = 4;
        c->max_neighbours = 4;
        c->max_replies = 16;
        c->output_batch = 16;
        c->synack_retries = 6; /* the handshake survives a wire that loses one packet in five */
        c->slab_chunk_bytes = 4096;
        c->snd_buf_bytes = 8192;
        c->snd_buf_max_bytes = 16384;
        c->rcv_buf_bytes = 8192;
        c->rcv_buf_max_bytes = 32768;
}

static void make_stack(struct world *w, unsigned i, const struct elko_config *c)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = MTU};
        const char *why = NULL;
        int n;

        if (w->region[i] == NULL)
                w->region[i] = malloc(REGION_BYTES);
        w->st[i] = elko_stack_create(w->region[i], REGION_BYTES, c, w->now, &why);
        if (w->st[i] == NULL)
                ek_test_fail(__FILE__, __LINE__, "%s", why);
        n = elko_link_attach(w->st[i], &link);
        CHECK(n > 0);
        w->link[i] = (elko_link)n;
        CHECK_EQ(elko_addr_add(w->st[i], w->link[i], i == 0 ? "10.0.0.1/24" : "10.0.0.2/24"), 0);
}

/* RELIABILITY A9-14: where counters of ms (2^32, 2^31) and of 4 us (2^32) turn over. */
static const uint64_t clocks[] = {ELKO_SEC(1), ELKO_MS((1ull << 32) - 5000),
                                  ELKO_MS((1ull << 31) - 5000), ELKO_US((1ull << 34) - 5000000),
                                  ELKO_SEC(1000000000)};

static struct world *begin(uint64_t seed, void (*tweak)(struct elko_config *c))
{
        uint8_t *keep[2] = {world.region[0], world.region[1]};
        struct world *w = &world;
        elko_endpoint any = {.port = PORT};

        memset(w, 0, sizeof(*w));
        w->now = clocks[seed % 5] + ELKO_MS(seed);
        w->delay_ns = ELKO_MS(5);
        for (unsigned i = 0; i < 2; i++) {
                struct elko_config c;

                w->region[i] = keep[i];
                set_config(&c, i, seed);
                if (tweak != NULL)
                        tweak(&c);
                make_stack(w, i, &c);
                w->held[i] = held(w, i);
        }
        CHECK_EQ(elko_listen(w->st[1], &any, NULL, &w->listener), 0);
        w->app[0].closing = SHUTDOWN_FIRST;
        w->app[1].closing = SHUTDOWN_FIRST;
        return w;
}

/* Nothing is left, and nothing was lost of what was asked for. */
static void finish(struct world *w)
{
        CHECK(quiet(w));
        for (unsigned i = 0; i < 2; i++) {
                CHECK(w->app[i].open && w->app[i].eof);
                CHECK_EQ(w->app[i].error, 0);
                CHECK_EQ(w->app[i].sent, w->app[i].to_send);
                CHECK_EQ(w->app[i].received, w->app[!i].to_send);
        }
        CHECK_EQ(elko_close(w->st[1], w->listener), 0);
        verify(w);
        for (unsigned i = 0; i < 2; i++) {
                CHECK_EQ(held(w, i), w->held[i]);
                CHECK_EQ(elko_next_deadline(w->st[i]), ELKO_NEVER);
        }
}

/* Both applications lose interest; nothing may be left all the same. */
static void give_up(struct world *w)
{
        for (unsigned i = 0; i < 2; i++)
                if (w->app[i].open && !w->app[i].closed)
                        CHECK_EQ(elko_abort(w->st[i], w->app[i].sock), 0);
        w->app[0].closed = w->app[1].closed = true;
        run(w, ELKO_SEC(7200));
        CHECK(quiet(w));
        CHECK_EQ(elko_close(w->st[1], w->listener), 0);
        CHECK_EQ(held(w, 0), w->held[0]);
        CHECK_EQ(held(w, 1), w->held[1]);
}

static void transfer(struct world *w)
{
        app_connect(w);
        run(w, ELKO_SEC(7200));
        finish(w);
}

/* ---- clean paths ---- */

EK_TEST(a_clean_wire)
{
        for (uint64_t seed = 0; seed < ek_test_rounds(10); seed++) {
                struct world *w = begin(seed, NULL);

                w->app[0].to_send = 100000;
                w->app[1].to_send = 150000;
                transfer(w);
                /* RELIABILITY A5-7: nothing was sent twice on a wire that loses nothing. */
                CHECK_EQ(elko_counters_get(w->st[0])->tcp_retrans_segs, 0);
                CHECK_EQ(elko_counters_get(w->st[1])->tcp_retrans_segs, 0);
        }
}

/* RFC 9293, 3.8.1: an empty connection, opened and closed. */
EK_TEST(no_data_at_all)
{
        transfer(begin(1, NULL));
}

EK_TEST(both_closing_orders)
{
        for (int order = 0; order < 3; order++) {
                struct world *w = begin((uint64_t)order, NULL);

                w->app[0].closing = order == 1 ? AFTER_PEER : SHUTDOWN_FIRST;
                w->app[1].closing = order == 2 ? AFTER_PEER : SHUTDOWN_FIRST;
                w->app[0].to_send = 30000;
                w->app[1].to_send = 30000;
                transfer(w);
        }
}

/* ---- bad paths ---- */

static void plain_options(struct elko_config *c)
{
        c->timestamps = (ek_test_rand() & 1) != 0;
        c->sack = (ek_test_rand() & 1) != 0;
        c->window_scale = (ek_test_rand() & 1) != 0;
        c->max_ooo_ranges = (uint16_t)(1 + ek_test_below(8));
}

static void random_faults(struct world *w, uint32_t most)
{
        w->drop = ek_test_below(most + 1);
        w->duplicate = ek_test_below(most + 1);
        w->reorder = ek_test_below(100);
        w->jitter_ns = ELKO_US(1 + ek_test_magnitude(17));
        w->delay_ns = ELKO_US(1 + ek_test_magnitude(17));
        for (int i = 0; i < 2; i++)
                w->app[i].to_send = ek_test_magnitude(15);
        for (int i = 0; i < 2; i++)
                if (ek_test_below(4) == 0)
                        w->app[i].pause_ns = ELKO_MS(ek_test_below(400));
        switch (ek_test_below(3)) {
        case 0: w->app[0].closing = AFTER_PEER; break;
        case 1: w->app[1].closing = AFTER_PEER; break;
        default: break;
        }
}

/* Drop, duplicate, delay and reorder up to 20 %, sizes up to 32 KiB, all options. */
EK_TEST(bad_wires)
{
        for (uint64_t seed = 0; seed < ek_test_rounds(300); seed++) {
                struct world *w = begin(seed, plain_options);

                random_faults(w, 20);
                transfer(w);
        }
}

/* The clock of the caller may be coarse: everything happens at its ticks. */
static uint64_t tick;

static void coarse_clock(struct elko_config *c)
{
        c->clock_resolution_ns = tick;
}

EK_TEST(coarse_clocks)
{
        static const uint64_t ticks[] = {ELKO_US(1), ELKO_US(500), ELKO_MS(15), ELKO_MS(100)};

        for (uint64_t seed = 0; seed < ek_test_rounds(40); seed++) {
                struct world *w;

                tick = ticks[seed % 4];
                w = begin(seed, coarse_clock);
                random_faults(w, 10);
                w->tick_ns = tick;
                w->now = (w->now + tick - 1) / tick * tick;
                transfer(w);
        }
}

/* I-41: the same seed, the same bytes at the same instants. */
EK_TEST(i_41_deterministic)
{
        for (uint64_t seed = 0; seed < ek_test_rounds(10); seed++) {
                uint64_t trace[2], start = ek_test_state.rand;

                for (int i = 0; i < 2; i++) {
                        struct world *w;

                        ek_test_state.rand = start;
                        w = begin(seed, NULL);
                        random_faults(w, 20);
                        transfer(w);
                        trace[i] = w->trace;
                }
                CHECK_EQ(trace[0], trace[1]);
        }
}

/* RELIABILITY A5-8: every ACK of the receiver is lost for three seconds; then all goes on within
 * two RTOs (here: soon). */
static bool acks_lost(struct world *w, const struct packet *p)
{
        return p->to == 0 && w->delivered > 20 && w->now < w->app[0].read_at;
}

EK_TEST(a5_8_acks_lost_for_three_seconds)
{
        struct world *w = begin(0, NULL);
        uint64_t start = w->now;

        w->app[0].to_send = 200000;
        w->app[0].read_at = start + ELKO_SEC(3); /* nothing to read before the end */
        w->filter = acks_lost;
        app_connect(w);
        while (w->app[1].received < w->app[0].to_send) {
                settle(w);
                w->now = next_instant(w);
        }
        CHECK(w->now < start + ELKO_SEC(3) + ELKO_SEC(4));
        run(w, ELKO_SEC(7200));
        finish(w);
}

/* RELIABILITY A8-1: a reader that sleeps, so that the window closes again and again, and a wire
 * that loses one packet in five: window updates and probes among them. */
EK_TEST(a8_1_closed_windows_on_a_bad_wire)
{
        for (uint64_t seed = 0; seed < ek_test_rounds(15); seed++) {
                struct world *w = begin(seed, plain_options);

                w->drop = 20;
                w->app[0].to_send = 60000;
                w->app[1].to_send = 60000;
                w->app[0].pause_ns = ELKO_MS(ek_test_below(2000));
                w->app[1].pause_ns = ELKO_MS(ek_test_below(2000));
                transfer(w);
        }
}

/* RELIABILITY A5-7, the sorcerer's apprentice: every packet comes twice; still not much more is
 * sent than is needed. */
EK_TEST(a5_7_every_packet_twice)
{
        struct world *w = begin(3, NULL);
        const struct elko_counters *a, *b;

        w->duplicate = 100;
        w->app[0].to_send = 200000;
        transfer(w);
        a = elko_counters_get(w->st[0]);
        b = elko_counters_get(w->st[1]);
        CHECK(a->tcp_segs_out < 2 * 200000 / 600 + 60);
        CHECK(b->tcp_segs_out < 4 * 200000 / 600 + 60);
}

/* ---- the closing handshake with losses: RELIABILITY A11-11 ---- */

/* Bits: the first FIN of stack 0, the first FIN of stack 1, the first ACK that answers a FIN. */
static bool closing_filter(struct world *w, const struct packet *p)
{
        uint8_t flags = p->data[33];
        unsigned from = !p->to;
        uint32_t bit;

        if (flags & ELKO_FIN)
                bit = 1u << from;
        else if ((flags & ELKO_ACK) && p->len <= 20 + 20 + 12 && w->app[0].shut && w->app[1].shut)
                bit = 4;
        else
                return false;
        if (w->seen & bit)
                return false;
        w->seen |= bit;
        return (w->mask & bit) != 0;
}

static void close_with_losses(uint32_t mask, enum closing second, uint64_t bytes)
{
        struct world *w = begin(mask, NULL);

        w->filter = closing_filter;
        w->mask = mask;
        w->app[0].to_send = bytes;
        w->app[1].to_send = bytes;
        w->app[1].closing = second;
        transfer(w);
}

EK_TEST(a11_11_every_loss_while_closing)
{
        for (uint32_t mask = 0; mask < 8; mask++) {
                close_with_losses(mask, AFTER_PEER, 0);
                close_with_losses(mask, AFTER_PEER, 5000);
        }
}

/* Both FINs cross: CLOSING on both sides. */
EK_TEST(a11_3_every_loss_while_closing_simultaneously)
{
        for (uint32_t mask = 0; mask < 8; mask++) {
                close_with_losses(mask, SHUTDOWN_FIRST, 0);
                close_with_losses(mask, SHUTDOWN_FIRST, 5000);
        }
}

/* ---- the wire dies ---- */

static bool all_lost(struct world *w, const struct packet *p)
{
        (void)p;
        return w->seen++ >= w->mask;
}

/* From the n-th packet on the wire is cut: everything must end, by a time-out (RFC 9293, 3.8.3) or
 * by the limits of orphans. */
EK_TEST(i_48_a_cut_wire)
{
        for (uint32_t n = 0; n < 60; n += 2) {
                struct world *w = begin(n, NULL);

                w->filter = all_lost;
                w->mask = n;
                w->app[0].to_send = 10000;
                w->app[1].to_send = 3000;
                app_connect(w);
                run(w, ELKO_SEC(7200));
                give_up(w);
        }
}

/* ---- torture: allocations fail (RELIABILITY C8, A9-11) ---- */

static struct world *tortured(unsigned side, uint64_t nth, bool forever)
{
        struct world *w = begin(nth, NULL);

        w->torture = true;
        w->app[0].to_send = 40000;
        w->app[1].to_send = 40000;
        w->duplicate = 10; /* some out of order as well */
        w->reorder = 30;
        w->jitter_ns = ELKO_MS(3);
        elko_fail_alloc(w->st[side], nth, forever);
        return w;
}

static uint64_t allocations(unsigned side)
{
        struct world *w = tortured(side, 0, false);
        uint64_t before = ek_region_alloc_count(w->st[side]->region);

        transfer(w);
        return ek_region_alloc_count(w->st[side]->region) - before;
}

EK_TEST(c8_one_allocation_fails)
{
        for (unsigned side = 0; side < 2; side++) {
                uint64_t n = allocations(side);

                CHECK(n > 5);
                for (uint64_t nth = 1; nth <= n + 2; nth++) {
                        struct world *w = tortured(side, nth, false);

                        app_connect(w);
                        run(w, ELKO_SEC(7200));
                        /* Without a half-open connection there is a cookie, and data that overtakes the
                         * ACK with the cookie is answered with a reset: it fits no cookie (RFC 4987, 3.6). */
                        if (side == 1 && nth == 1 && w->app[0].error == ELKO_ECONNRESET)
                                give_up(w);
                        else
                                finish(w);
                }
        }
}

/* No memory from the n-th on for 5 s (a half-open connection lives for 15); then it is there
 * again. */
static void without_memory(unsigned side, uint64_t nth)
{
        struct world *w = tortured(side, nth, true);
        uint64_t until = w->now + ELKO_SEC(5);

        app_connect(w);
        while (!quiet(w)) {
                uint64_t next;

                settle(w);
                next = next_instant(w);
                if (next > until)
                        break;
                w->now = next;
        }
        w->now = w->now < until ? until : w->now;
        elko_fail_alloc(w->st[side], 0, false);
        run(w, ELKO_SEC(7200));
        /* A server that can't even keep a half-open connection may refuse it: a clean error. */
        if (side == 1 && nth == 1 && w->app[0].error == ELKO_ECONNRESET)
                give_up(w);
        else
                finish(w);
}

EK_TEST(c8_no_memory_for_a_while)
{
        for (unsigned side = 0; side < 2; side++) {
                uint64_t n = allocations(side);

                for (uint64_t nth = 1; nth <= n + 1; nth++)
                        without_memory(side, nth);
        }
}

/* No memory ever again: it ends in an error or not at all, but nothing breaks or leaks. */
EK_TEST(c8_no_memory_for_ever)
{
        for (unsigned side = 0; side < 2; side++) {
                uint64_t n = allocations(side);

                for (uint64_t nth = 1; nth <= n + 1; nth++) {
                        struct world *w = tortured(side, nth, true);

                        app_connect(w);
                        if (w->app[0].connect_again)
                                w->app[0].connect_again = false;
                        run(w, ELKO_SEC(100));
                        give_up(w);
                }
        }
}

EK_TEST_MAIN();
