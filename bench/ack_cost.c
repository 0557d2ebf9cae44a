/* SPDX-License-Identifier: MIT */
/*
 * ack_cost - what an ACK costs, with 10, 1,000 and 100,000 segments in flight.
 *
 * Theory: DESIGN.md asks for logarithmic time or better. A sender with a window of its own choice (an algorithm that
 * never reduces it) has so many segments out; then ACKs come in one of these patterns, and taking them is
 * measured, not what is sent after them:
 *
 *      cumulative      each acknowledges the first segment
 *      sack            the first is missing, each ACK's one block grows by a segment
 *      holes           every second segment arrives, in random order; three blocks on each ACK
 *
 * Nanoseconds depend on the machine; instructions do not: bench/ack_instructions runs this under callgrind, which
 * counts only inside of ack_cost_one().
 */
#include <elko/elko.h>

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "pkt.h"

enum { MSS = 200, BATCH = 256, REGION = 384 << 20 };

void ack_cost_one(elko_stack *st, elko_link link, const struct elko_packet *p, uint64_t now);

/* A function of its own, so that callgrind can be told. */
__attribute__((noinline)) void ack_cost_one(elko_stack *st, elko_link link,
                                            const struct elko_packet *p, uint64_t now)
{
        elko_input(st, link, p, 1, now);
}

static void cc_init(void *priv, struct elko_cc_out *out, const struct elko_cc_init *ev)
{
        (void)priv;
        (void)ev;
        out->cwnd_bytes = 1u << 30;
        out->ssthresh_bytes = 1u << 30;
}

static void cc_on_ack(void *priv, struct elko_cc_out *out, const struct elko_cc_ack *ev)
{
        (void)priv;
        (void)out;
        (void)ev;
}

static void cc_on_congestion(void *priv, struct elko_cc_out *out, const struct elko_cc_event *ev)
{
        (void)priv;
        (void)ev;
        out->cwnd_bytes = 1u << 30;
}

static const struct elko_cc_ops wide = {
        .name = "wide", .init = cc_init, .on_ack = cc_on_ack, .on_congestion = cc_on_congestion};

struct bench {
        elko_stack *st;
        elko_link link;
        elko_sock listener, sock;
        struct pkt from; /* the peer's next segment */
        uint64_t now, spent_ns, acks;
        uint32_t una, nxt; /* segments sent and acknowledged */
        uint32_t iss;
};

static void fail(const char *what)
{
        fprintf(stderr, "ack_cost: %s\n", what);
        exit(1);
}

static uint64_t clock_ns(void)
{
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC, &ts);
        return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void give(struct bench *b, bool measured)
{
        uint8_t buf[128];
        struct elko_packet p = {.data = buf};
        uint64_t t = clock_ns();

        p.len = (uint32_t)pkt_build(&b->from, buf, sizeof(buf));
        b->now += 1000;
        if (!measured) {
                elko_input(b->st, b->link, &p, 1, b->now);
                return;
        }
        t = clock_ns();
        ack_cost_one(b->st, b->link, &p, b->now);
        b->spent_ns += clock_ns() - t;
        b->acks++;
}

/* Pull everything; the first segment that comes goes to *first. */
static void pull(struct bench *b, struct pkt *first)
{
        static struct elko_frame frames[BATCH];
        static uint8_t copy[2048];
        size_t n;

        while ((n = elko_output(b->st, b->link, frames, BATCH, b->now)) > 0) {
                uint32_t at = 0;

                if (first == NULL)
                        continue;
                for (uint32_t i = 0; i < frames[0].parts; i++) {
                        memcpy(copy + at, frames[0].part[i].data, frames[0].part[i].len);
                        at += frames[0].part[i].len;
                }
                if (!pkt_parse_any(first, copy, at))
                        fail("a packet that can't be read");
                first = NULL;
        }
}

static void begin(struct bench *b)
{
        static uint8_t *region;
        struct elko_config cfg;
        struct elko_link_config lc = {.medium = ELKO_MEDIUM_IP, .mtu = 1500, .name = "bench"};
        elko_endpoint any = {.port = 80};
        const char *why = "";
        struct pkt reply;

        memset(b, 0, sizeof(*b));
        if (region == NULL)
                region = aligned_alloc(4096, REGION);
        elko_config_default(&cfg);
        cfg.seed[0] = 1;
        cfg.congestion = &wide;
        cfg.timestamps = false;
        cfg.snd_buf_max_bytes = 64 << 20;
        cfg.snd_buf_bytes = 64 << 20;
        cfg.output_batch = BATCH;
        cfg.max_connections = 16;
        b->now = ELKO_SEC(1);
        b->st = elko_stack_create(region, REGION, &cfg, b->now, &why);
        if (b->st == NULL)
                fail(why);
        b->link = (elko_link)elko_link_attach(b->st, &lc);
        elko_addr_add(b->st, b->link, "10.0.0.2/24");
        elko_listen(b->st, &any, NULL, &b->listener);
        elko_ip_parse("10.0.0.1", &b->from.src.ip);
        elko_ip_parse("10.0.0.2", &b->from.dst.ip);
        b->from.src.port = 5000;
        b->from.dst.port = 80;
        b->from.ttl = 64;
        b->from.window = 65535;
        b->from.flags = ELKO_SYN;
        b->from.options = ELKO_OPT_MSS | ELKO_OPT_SACK_PERMITTED | ELKO_OPT_WSCALE;
        b->from.mss = MSS;
        b->from.wscale = 12;
        give(b, false);
        pull(b, &reply);
        b->iss = reply.seq;
        b->from.seq = 1;
        b->from.flags = ELKO_ACK;
        b->from.options = 0;
        b->from.ack = b->iss + 1;
        b->now += ELKO_MS(20);
        give(b, false);
        if (elko_accept(b->st, b->listener, &b->sock, NULL) != 0)
                fail("no connection");
}

/* Until `n` segments are in flight. */
static void fill(struct bench *b, uint32_t n)
{
        static uint8_t data[MSS];

        for (; b->nxt - b->una < n; b->nxt++)
                if (elko_send(b->st, b->sock, data, MSS, 0) != MSS)
                        fail("no room");
        pull(b, NULL);
}

static void acknowledge(struct bench *b, uint32_t una, bool measured)
{
        b->una = una;
        b->from.ack = b->iss + 1 + una * MSS;
        b->from.options = 0;
        b->from.sack_count = 0;
        give(b, measured);
}

static struct elko_sack_block block_of(const struct bench *b, uint32_t left, uint32_t right)
{
        uint32_t base = b->iss + 1;

        return (struct elko_sack_block){base + left * MSS, base + right * MSS};
}

static void cumulative(struct bench *b, uint32_t n, uint32_t acks)
{
        fill(b, n);
        for (uint32_t i = 0; i < acks; i++) {
                b->now += ELKO_MS(1);
                acknowledge(b, b->una + 1, true);
                fill(b, n);
        }
}

static void sack(struct bench *b, uint32_t n, uint32_t acks)
{
        while (acks > 0) {
                fill(b, n);
                b->now += ELKO_MS(20);
                for (uint32_t k = 2; k <= n && acks > 0; k++, acks--) {
                        b->from.options = ELKO_OPT_SACK;
                        b->from.sack_count = 1;
                        b->from.sack[0] = block_of(b, b->una + 1, b->una + k);
                        give(b, true);
                }
                pull(b, NULL);
                acknowledge(b, b->nxt, false);
        }
}

static void holes(struct bench *b, uint32_t n, uint32_t acks)
{
        uint32_t *order = malloc((n / 2 + 1) * sizeof(*order));
        uint64_t x = 88172645463325252u;

        if (order == NULL)
                fail("no memory");
        while (acks > 0) {
                fill(b, n);
                b->now += ELKO_MS(20);
                for (uint32_t i = 0; i < n / 2; i++) {
                        uint32_t j;

                        x ^= x << 13;
                        x ^= x >> 7;
                        x ^= x << 17;
                        j = (uint32_t)(x % (i + 1));
                        order[i] = order[j];
                        order[j] = 2 * i + 1;
                }
                for (uint32_t i = 0; i < n / 2 && acks > 0; i++, acks--) {
                        b->from.options = ELKO_OPT_SACK;
                        b->from.sack_count = 0;
                        for (uint32_t k = 0; k < 3 && k <= i; k++)
                                b->from.sack[b->from.sack_count++] = block_of(
                                        b, b->una + order[i - k], b->una + order[i - k] + 1);
                        give(b, true);
                        pull(b, NULL);
                }
                acknowledge(b, b->nxt, false);
        }
        free(order);
}

static const struct {
        const char *name;
        void (*run)(struct bench *b, uint32_t n, uint32_t acks);
} patterns[] = {{"cumulative", cumulative}, {"sack", sack}, {"holes", holes}};

/* ack_cost [SEGMENTS [PATTERN [ACKS]]] */
int main(int argc, char **argv)
{
        static const uint32_t flights[] = {10, 1000, 100000};
        uint32_t only = argc > 1 ? (uint32_t)atoi(argv[1]) : 0;
        uint32_t acks = argc > 3 ? (uint32_t)atoi(argv[3]) : 20000;

        for (size_t k = 0; k < sizeof(patterns) / sizeof(patterns[0]); k++) {
                if (argc > 2 && strcmp(argv[2], patterns[k].name) != 0)
                        continue;
                for (size_t i = 0; i < 3; i++) {
                        struct bench b;

                        if (only != 0 && only != flights[i])
                                continue;
                        begin(&b);
                        patterns[k].run(&b, flights[i], acks);
                        if (elko_check(b.st) != NULL)
                                fail(elko_check(b.st));
                        printf("{\"pattern\": \"%s\", \"segments\": %u, \"acks\": %llu, "
                               "\"ns_per_ack\": %.0f}\n",
                               patterns[k].name, flights[i], (unsigned long long)b.acks,
                               (double)b.spent_ns / (double)b.acks);
                        elko_stack_destroy(b.st);
                }
        }
        return 0;
}
