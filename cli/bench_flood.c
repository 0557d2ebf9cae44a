/* SPDX-License-Identifier: MIT */
/*
 * elko bench flood: SYNs from addresses that never answer, and clients that only want to be served.
 *
 * Theory. A SYN costs its sender one packet and a listener memory until it gives up (RFC 4987, 2). elko
 * keeps a bounded number of half-open entries and answers what is beyond with SYN cookies, which cost
 * no memory at all (RFC 4987, 3.6). Whether that works is three figures: how many SYNs one core takes,
 * how many honest clients come through within the first SYN retransmission (1 s, RFC 6298, 2.1), and
 * by how much memory grew.
 *
 * The victim and the stack of all clients live in this process and in virtual time, in slices of
 * 1 ms. In each slice the victim gets its share of the flood, cut into batches as a link would, and the
 * clients' packets between them at a random place. Real time is taken around the victim's calls alone:
 * making the flood is the attacker's cost. A client connects, sends a request, gets an answer of the same
 * size, and closes first.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <elko/elko.h>

#include "bench.h"
#include "options.h"
#include "util.h"

enum {
        PORT = 80,
        BATCH = 64,       /* packets in one elko_input() */
        PACKET_MAX = 128, /* nothing here is longer */
        LANE = 8192,      /* packets under way between clients and victim, each direction */
        REQUEST = 16,     /* bytes */
        SYN_BYTES = 60,
        LATENCIES = 1 << 20,
        CLIENT_ADDRESSES = 16,
        MTU = 1500,
};

struct settings {
        uint64_t seconds, rate, clients, delay_ns, memory;
        uint64_t period_ns; /* flood on and off by turns; 0: always on */
        bool json;
};

struct lane_packet {
        uint64_t at;
        uint32_t len;
        uint8_t data[PACKET_MAX];
};

/* One direction between clients and victim: a constant delay. */
struct lane {
        struct lane_packet *p;
        uint32_t head, count;
};

/* One client; its pointer is the socket's user pointer. */
struct client {
        uint64_t began;
        uint32_t got;
        bool used, connected;
};

struct flood {
        struct settings set;
        elko_stack *victim, *clients;
        void *region[2];
        elko_link vlink, clink;
        elko_sock listener;
        struct lane to_victim, to_clients;
        uint64_t now, end, random;
        struct client *client;
        uint32_t client_slots, client_next;
        uint8_t syn[BATCH][SYN_BYTES];
        uint64_t victim_ns; /* real time in the victim's calls */
        uint64_t syns, started, served, late, failed, refused, lost;
        uint32_t *latency_us; /* until CONNECTED, virtual */
        uint32_t latencies;
        uint64_t used_warm, used_most;
};

static uint64_t chance(struct flood *f)
{
        uint64_t z = f->random += 0x9e3779b97f4a7c15u;

        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return z ^ (z >> 31);
}

static uint64_t real_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the flood ---- */

static uint32_t sum16(const uint8_t *p, size_t n, uint32_t sum)
{
        for (size_t i = 0; i + 1 < n; i += 2)
                sum += (uint32_t)p[i] << 8 | p[i + 1];
        return sum;
}

static void put_sum(uint8_t *at, uint32_t sum)
{
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        at[0] = (uint8_t)(~sum >> 8);
        at[1] = (uint8_t)~sum;
}

/* What a Linux client sends first: MSS, SACK permitted, timestamps, window scale. */
static void make_syn(struct flood *f, uint8_t *p)
{
        static const uint8_t plain[SYN_BYTES] = {0x45,
                                                 0,
                                                 0,
                                                 SYN_BYTES,
                                                 0,
                                                 0,
                                                 0x40,
                                                 0,
                                                 64,
                                                 6,
                                                 0,
                                                 0,
                                                 /* source: */ 0,
                                                 0,
                                                 0,
                                                 0,
                                                 10,
                                                 0,
                                                 0,
                                                 1,
                                                 /* ports: */ 0,
                                                 0,
                                                 0,
                                                 PORT,
                                                 /* SEQ: */ 0,
                                                 0,
                                                 0,
                                                 0,
                                                 /* ACK: */ 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0xa0,
                                                 ELKO_SYN,
                                                 0xfa,
                                                 0xf0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 2,
                                                 4,
                                                 5,
                                                 0xb4,
                                                 4,
                                                 2,
                                                 8,
                                                 10,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 0,
                                                 1,
                                                 3,
                                                 3,
                                                 7};
        uint64_t a = chance(f), b = chance(f);

        memcpy(p, plain, SYN_BYTES);
        memcpy(p + 12, &a, 4);
        p[12] = 100; /* 100.0.0.0/8: neither martian nor ours */
        memcpy(p + 20, (uint8_t *)&a + 4, 2);
        p[20] |= 4; /* no port 0 */
        memcpy(p + 24, &b, 4);
        memcpy(p + 48, (uint8_t *)&b + 4, 4);
        put_sum(p + 10, sum16(p, 20, 0));
        put_sum(p + 36, sum16(p + 12, SYN_BYTES - 12, 6 + SYN_BYTES - 20));
}

/* ---- between clients and victim ---- */

static void lane_put(struct flood *f, struct lane *l, const struct elko_frame *frame)
{
        struct lane_packet *p;

        if (l->count == LANE || frame->len > PACKET_MAX) {
                f->lost++;
                return;
        }
        p = &l->p[(l->head + l->count++) % LANE];
        p->at = f->now + f->set.delay_ns;
        p->len = 0;
        for (uint32_t i = 0; i < frame->parts; i++) {
                memcpy(p->data + p->len, frame->part[i].data, frame->part[i].len);
                p->len += frame->part[i].len;
        }
}

/* The next packet that has arrived, or NULL. */
static const struct lane_packet *lane_take(struct flood *f, struct lane *l)
{
        const struct lane_packet *p = &l->p[l->head];

        if (l->count == 0 || p->at > f->now)
                return NULL;
        l->head = (l->head + 1) % LANE;
        l->count--;
        return p;
}

/* What the victim says goes to the clients, or to nobody. */
static void pull_victim(struct flood *f)
{
        struct elko_frame frames[BATCH];
        size_t n;

        do {
                uint64_t t = real_ns();

                n = elko_output(f->victim, f->vlink, frames, BATCH, f->now);
                f->victim_ns += real_ns() - t;
                for (size_t i = 0; i < n; i++)
                        if (frames[i].part[0].data[16] == 10)
                                lane_put(f, &f->to_clients, &frames[i]);
        } while (n > 0);
}

static void give_victim(struct flood *f, const struct elko_packet *packets, size_t n)
{
        uint64_t t = real_ns();

        elko_input(f->victim, f->vlink, packets, n, f->now);
        f->victim_ns += real_ns() - t;
        pull_victim(f);
}

/* ---- the victim's application: answer what was asked ---- */

static void serve(struct flood *f, elko_sock s)
{
        uint8_t buf[REQUEST];
        int64_t n;

        while ((n = elko_recv(f->victim, s, buf, sizeof buf)) > 0)
                elko_send(f->victim, s, buf, (size_t)n, 0);
        if (n != ELKO_EAGAIN)
                elko_close(f->victim, s);
}

static void victim_events(struct flood *f)
{
        struct elko_event ev;
        elko_sock s;

        while (elko_next_event(f->victim, &ev)) {
                if (ev.sock != f->listener) {
                        serve(f, ev.sock);
                        continue;
                }
                while (elko_accept(f->victim, f->listener, &s, NULL) == 0)
                        serve(f, s);
        }
}

/* ---- the clients ---- */

static void client_done(struct flood *f, const struct elko_event *ev)
{
        ((struct client *)ev->user)->used = false;
        elko_close(f->clients, ev->sock);
}

static void client_connected(struct flood *f, struct client *c, elko_sock s)
{
        static const uint8_t request[REQUEST] = "a small request";
        uint64_t waited = f->now - c->began;

        c->connected = true;
        f->late += waited > ELKO_SEC(1);
        if (f->latencies < LATENCIES)
                f->latency_us[f->latencies++] = (uint32_t)(waited / 1000);
        elko_send(f->clients, s, request, sizeof request, 0);
}

static void client_events(struct flood *f)
{
        struct elko_event ev;
        uint8_t buf[REQUEST];
        int64_t n;

        while (elko_next_event(f->clients, &ev)) {
                struct client *c = ev.user;

                if (c == NULL || !c->used)
                        continue;
                if (ev.bits & ELKO_EV_CONNECTED)
                        client_connected(f, c, ev.sock);
                while ((n = elko_recv(f->clients, ev.sock, buf, sizeof buf)) > 0)
                        c->got += (uint32_t)n;
                if (c->got == REQUEST) {
                        f->served++;
                        client_done(f, &ev);
                } else if (n != ELKO_EAGAIN) {
                        f->failed++;
                        client_done(f, &ev);
                }
        }
}

static void client_start(struct flood *f)
{
        elko_endpoint to = {.ip = elko_ip_v4(10, 0, 0, 1), .port = PORT};
        /* Many addresses, as many clients have; and enough ports for all of them. */
        elko_endpoint from = {
                .ip = elko_ip_v4(10, 0, 1, (uint8_t)(1 + f->started % CLIENT_ADDRESSES))};
        struct client *c = &f->client[f->client_next++ % f->client_slots];
        elko_sock s;

        f->started++;
        if (c->used || elko_connect(f->clients, &to, &from, &s) != 0) {
                f->refused++;
                return;
        }
        *c = (struct client){.began = f->now, .used = true};
        elko_set_user(f->clients, s, c);
}

static void run_clients(struct flood *f, uint64_t slice)
{
        struct elko_frame frames[BATCH];
        const struct lane_packet *p;
        size_t n;

        if (f->now < f->end)
                for (uint64_t i = f->set.clients * slice / 1000;
                     i < f->set.clients * (slice + 1) / 1000; i++)
                        client_start(f);
        while ((p = lane_take(f, &f->to_clients)) != NULL) {
                struct elko_packet in = {.data = p->data, .len = p->len};

                elko_input(f->clients, f->clink, &in, 1, f->now);
        }
        elko_advance(f->clients, f->now);
        client_events(f);
        while ((n = elko_output(f->clients, f->clink, frames, BATCH, f->now)) > 0)
                for (size_t i = 0; i < n; i++)
                        lane_put(f, &f->to_victim, &frames[i]);
}

/* ---- one millisecond ---- */

static bool flood_is_on(const struct flood *f, uint64_t slice)
{
        return f->now < f->end &&
               (f->set.period_ns == 0 || slice / (f->set.period_ns / ELKO_MS(1)) % 2 == 0);
}

static void run_victim(struct flood *f, uint64_t slice)
{
        uint64_t left = flood_is_on(f, slice) ? f->set.rate / 1000 : 0;
        struct elko_packet in[BATCH];

        for (uint64_t first = chance(f) % (left + 1);;) {
                const struct lane_packet *p;
                size_t n = 0;

                /* The clients' packets come after a random part of the flood. */
                while (left <= first && (p = lane_take(f, &f->to_victim)) != NULL) {
                        struct elko_packet one = {.data = p->data, .len = p->len};

                        give_victim(f, &one, 1);
                }
                for (; n < BATCH && left > 0; n++, left--) {
                        make_syn(f, f->syn[n]);
                        in[n] = (struct elko_packet){.data = f->syn[n], .len = SYN_BYTES};
                }
                if (n == 0)
                        break;
                f->syns += n;
                give_victim(f, in, n);
        }
        victim_events(f);
        pull_victim(f);
}

static void watch_memory(struct flood *f, uint64_t slice)
{
        struct elko_memory_info m;

        elko_memory_get(f->victim, &m);
        if (slice <= 1000) /* the first second fills queues and pools */
                f->used_warm = m.used > f->used_warm ? m.used : f->used_warm;
        f->used_most = m.used > f->used_most ? m.used : f->used_most;
}

static void run(struct flood *f)
{
        uint64_t start = f->now;
        uint64_t slices;

        f->end = start + ELKO_SEC(f->set.seconds);
        slices = (f->set.seconds + 5) * 1000; /* who began in the last moment may end */
        for (uint64_t slice = 0; slice < slices; slice++) {
                f->now = start + ELKO_MS(slice);
                run_clients(f, slice);
                run_victim(f, slice);
                watch_memory(f, slice);
        }
}

/* ---- set up ---- */

static elko_stack *make_stack(struct flood *f, int side, elko_link *link)
{
        struct elko_link_config l = {.medium = ELKO_MEDIUM_IP, .mtu = MTU};
        struct elko_config c;
        const char *why = NULL;
        elko_stack *st;

        elko_config_default(&c);
        for (size_t i = 0; i < ELKO_SEED_BYTES; i++)
                c.seed[i] = (uint8_t)chance(f);
        c.max_connections = 65536;
        c.rcv_buf_bytes = c.snd_buf_bytes = 4096;
        c.rcv_buf_max_bytes = c.snd_buf_max_bytes = 8192;
        if (side == 1)
                c.msl_ns = ELKO_SEC(1); /* the clients' ports come round soon enough */
        f->region[side] = malloc((size_t)f->set.memory);
        st = f->region[side] == NULL
                     ? NULL
                     : elko_stack_create(f->region[side], (size_t)f->set.memory, &c, f->now, &why);
        if (st == NULL) {
                ek_util_error("bench flood: %s; try another --memory", why ? why : "no memory");
                return NULL;
        }
        *link = (elko_link)elko_link_attach(st, &l);
        if (side == 0) {
                elko_addr_add(st, *link, "10.0.0.1/8");
                elko_route_add(st, "0.0.0.0/0", *link, NULL);
        }
        for (uint8_t i = 1; side == 1 && i <= CLIENT_ADDRESSES; i++) {
                elko_ip ip = elko_ip_v4(10, 0, 1, i);

                elko_addr_add_ip(st, *link, &ip, 8);
        }
        return st;
}

static bool set_up(struct flood *f)
{
        elko_endpoint any = {.port = PORT};

        f->now = ELKO_SEC(1000);
        f->random = 1;
        f->client_slots = (uint32_t)(f->set.clients * 8 + 8);
        f->client = calloc(f->client_slots, sizeof *f->client);
        f->latency_us = calloc(LATENCIES, sizeof *f->latency_us);
        f->to_victim.p = calloc(LANE, sizeof *f->to_victim.p);
        f->to_clients.p = calloc(LANE, sizeof *f->to_clients.p);
        if (f->client == NULL || f->latency_us == NULL || f->to_victim.p == NULL ||
            f->to_clients.p == NULL) {
                ek_util_error("bench flood: no memory for the clients");
                return false;
        }
        f->victim = make_stack(f, 0, &f->vlink);
        f->clients = f->victim == NULL ? NULL : make_stack(f, 1, &f->clink);
        return f->clients != NULL && elko_listen(f->victim, &any, NULL, &f->listener) == 0;
}

static void tear_down(struct flood *f)
{
        elko_stack_destroy(f->victim);
        elko_stack_destroy(f->clients);
        free(f->region[0]);
        free(f->region[1]);
        free(f->client);
        free(f->latency_us);
        free(f->to_victim.p);
        free(f->to_clients.p);
}

/* ---- the figures ---- */

static int compare(const void *a, const void *b)
{
        uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

        return (x > y) - (x < y);
}

static void print(struct flood *f)
{
        double per_second = f->syns > 0 ? (double)f->syns * 1e9 / (double)f->victim_ns : 0;
        uint64_t in_time = f->latencies - f->late;
        double share = f->started > 0 ? 100.0 * (double)in_time / (double)f->started : 0;
        uint32_t median, p99;
        const struct elko_counters *k = elko_counters_get(f->victim);

        qsort(f->latency_us, f->latencies, sizeof *f->latency_us, compare);
        median = f->latencies > 0 ? f->latency_us[f->latencies / 2] : 0;
        p99 = f->latencies > 0 ? f->latency_us[(uint64_t)f->latencies * 99 / 100] : 0;
        printf("flood         %llu SYNs, %llu answered with a cookie; one core takes %.2f million/s\n",
               (unsigned long long)f->syns, (unsigned long long)k->tcp_syn_cookies_sent,
               per_second / 1e6);
        printf("clients       %llu; %.3f %% connected within 1 s, %llu served, %llu failed\n",
               (unsigned long long)f->started, share, (unsigned long long)f->served,
               (unsigned long long)(f->failed + f->refused));
        printf("handshake     median %.1f ms, 99 %% within %.1f ms (round trip %.1f ms)\n",
               median / 1e3, p99 / 1e3, (double)(2 * f->set.delay_ns) / 1e6);
        printf("memory        %llu bytes after the first second, %llu at most\n",
               (unsigned long long)f->used_warm, (unsigned long long)f->used_most);
        if (f->set.json)
                printf("{\"syns\":%llu,\"syn_per_second\":%.0f,\"cookies_sent\":%llu,\"clients\":%llu,"
                       "\"connected_in_time_percent\":%.3f,\"served\":%llu,\"failed\":%llu,"
                       "\"handshake_median_us\":%u,\"handshake_p99_us\":%u,"
                       "\"memory_warm_bytes\":%llu,\"memory_most_bytes\":%llu}\n",
                       (unsigned long long)f->syns, per_second,
                       (unsigned long long)k->tcp_syn_cookies_sent, (unsigned long long)f->started,
                       share, (unsigned long long)f->served,
                       (unsigned long long)(f->failed + f->refused), median, p99,
                       (unsigned long long)f->used_warm, (unsigned long long)f->used_most);
}

/* ---- the mode ---- */

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "seconds",
         .letter = 't',
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(seconds),
         .min = 1,
         .max = 3600,
         .help = "how long the flood lasts, virtual seconds, 1 to 3600; default 10"},
        {.name = "rate",
         .letter = 'r',
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(rate),
         .min = 0,
         .max = 100000000,
         .help = "SYNs in a virtual second, 0 to 100000000; default 1000000"},
        {.name = "clients",
         .letter = 'n',
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(clients),
         .min = 1,
         .max = 10000,
         .help = "honest clients in a virtual second, 1 to 10000; default 1000"},
        {.name = "delay",
         .arg = "MS",
         .kind = EK_OPT_SPAN,
         .unit_ns = ELKO_MS(1),
         .offset = OWN(delay_ns),
         .min = 0,
         .max = ELKO_SEC(1),
         .help = "one way between clients and victim, ms; default 10"},
        {.name = "period",
         .arg = "MS",
         .kind = EK_OPT_SPAN,
         .unit_ns = ELKO_MS(1),
         .offset = OWN(period_ns),
         .min = ELKO_MS(1),
         .max = ELKO_SEC(3600),
         .help = "flood that long, then pause that long, and so on; default: without a pause"},
        {.name = "memory",
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = OWN(memory),
         .min = 4u << 20,
         .max = UINT64_C(1) << 36,
         .help = "region of the victim, and of the clients, 4M to 64G; default 256M"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = OWN(json),
         .help = "print one JSON object on the last line"},
};

static const struct ek_command_spec spec = {
        .name = "bench flood",
        .usage = "",
        .about =
                "Flood a listener with SYNs from forged addresses while honest clients connect, in this "
                "process and in virtual time; print how many SYNs a core takes, how many clients got "
                "through, and what it cost in memory.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .notes = "Exit codes: 0 measured, 1 usage, 2 the stacks could not be made.",
};

int ek_bench_flood(int argc, char **argv)
{
        struct ek_options options;
        struct flood f = {.set = {.seconds = 10,
                                  .rate = 1000000,
                                  .clients = 1000,
                                  .delay_ns = ELKO_MS(10),
                                  .memory = 256u << 20}};
        bool good;

        switch (ek_options_parse(&spec, argc, argv, &options, &f.set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        good = set_up(&f);
        if (good) {
                run(&f);
                print(&f);
        }
        tear_down(&f);
        return good ? EK_EXIT_OK : EK_EXIT_NETWORK;
}
