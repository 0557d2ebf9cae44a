/* SPDX-License-Identifier: MIT */
/*
 * elko bench memory: what one connection, one TIME-WAIT entry and one half-open entry cost.
 *
 * Theory: nothing is computed from structure sizes. Two stacks in this process really make so many
 * of each kind, in virtual time, and the growth of elko_memory_get().used is divided by the count:
 * so hash slots, timers, allocator rounding and whatever else an entry drags along are in the
 * figure. Each kind is measured in a pair of fresh stacks, after the dust has settled (delayed
 * ACKs, idle buffers given back).
 *
 *      established   side 0 connects, side 1 accepts, nobody says a word; measured at side 1
 *      time-wait     side 0 closes first and keeps the entries; measured at side 0
 *      half-open     all from side 1 to side 0 is lost, so that the SYN+ACK is never answered;
 *                    measured at side 1
 *
 * Connections are made in batches, so that neither the wire nor the accept queue overflows, to
 * several ports, so that there are enough ephemeral ports.
 */
#include <string.h>

#include "bench.h"
#include "host/inproc.h"
#include "options.h"
#include "util.h"

enum {
        BATCH = 256,
        FIRST_PORT = 1000,
        PER_PORT = 15000,      /* of the 16,384 ephemeral ports */
        PORTS_MAX = 80,        /* for 1,000,000 connections and a rest */
        HALF_OPEN_MAX = 60000, /* of elko_config.max_half_open's 65,534 */
        SETTLE_SECONDS = 5,
        ENTRY_REGION = 128 << 10, /* address space: two windows of 64 KiB */
};

enum kind { KIND_ESTABLISHED, KIND_TIME_WAIT, KIND_HALF_OPEN, KIND_COUNT };

struct settings {
        uint64_t count;
        uint64_t region_bytes;
        bool json;
};

struct result {
        uint64_t count;
        double bytes; /* of one entry */
};

struct bench {
        struct settings set;
        enum kind kind;
        struct elko_inproc *pair;
        elko_sock listener[PORTS_MAX];
        unsigned listeners;
        uint64_t connected, accepted, failed, ended;
};

/* ---- events ---- */

/* Take a connection; its FIN may be there already. */
static void take(struct bench *b, elko_stack *st, elko_sock sock)
{
        uint8_t byte;

        b->accepted++;
        if (elko_recv(st, sock, &byte, 1) == 0)
                elko_close(st, sock);
        else
                elko_set_user(st, sock, b);
}

/* Side 1 takes every connection and answers a FIN with a FIN. */
static void on_server_event(struct bench *b, const struct elko_event *ev)
{
        elko_stack *st = elko_inproc_stack(b->pair, 1);
        elko_sock sock;

        if ((ev->bits & ELKO_EV_ACCEPT) != 0)
                while (elko_accept(st, ev->sock, &sock, NULL) == 0)
                        take(b, st, sock);
        else if (ev->user != NULL && (ev->bits & (ELKO_EV_EOF | ELKO_EV_ERROR)) != 0)
                elko_close(st, ev->sock);
}

static void on_client_event(struct bench *b, const struct elko_event *ev)
{
        elko_stack *st = elko_inproc_stack(b->pair, 0);

        if ((ev->bits & ELKO_EV_ERROR) != 0) {
                b->failed++;
                elko_close(st, ev->sock);
        } else if ((ev->bits & ELKO_EV_CONNECTED) != 0) {
                b->connected++;
                if (b->kind == KIND_TIME_WAIT)
                        elko_close(st, ev->sock); /* the first FIN: TIME-WAIT stays here */
        }
}

static void on_event(void *ctx, int side, const struct elko_event *ev)
{
        if (side == 1)
                on_server_event(ctx, ev);
        else
                on_client_event(ctx, ev);
}

/* ---- making entries ---- */

static struct elko_memory_info memory_of(struct bench *b, int side)
{
        struct elko_memory_info info;

        elko_memory_get(elko_inproc_stack(b->pair, side), &info);
        return info;
}

static int measured_side(enum kind kind)
{
        return kind == KIND_TIME_WAIT ? 0 : 1;
}

/* How many entries of the measured kind there are now. */
static uint64_t entries(struct bench *b)
{
        struct elko_memory_info info = memory_of(b, measured_side(b->kind));

        switch (b->kind) {
        case KIND_ESTABLISHED: return b->connected < b->accepted ? b->connected : b->accepted;
        case KIND_TIME_WAIT: return info.time_wait;
        case KIND_HALF_OPEN: return info.half_open;
        case KIND_COUNT: break;
        }
        return 0;
}

struct goal {
        struct bench *b;
        uint64_t entries;
};

static bool goal_reached(void *ctx)
{
        struct goal *g = ctx;

        return g->b->failed > 0 || entries(g->b) >= g->entries;
}

static int connect_one(struct bench *b, uint64_t i)
{
        elko_endpoint remote = elko_inproc_endpoint(1, 4, (uint16_t)(FIRST_PORT + i / PER_PORT));
        elko_sock sock;

        return elko_connect(elko_inproc_stack(b->pair, 0), &remote, NULL, &sock);
}

/* Make entries until there are `count`, `made` of which exist; batch by batch. False: an error was
 * printed. */
static bool make_entries(struct bench *b, uint64_t made, uint64_t count)
{
        while (made < count) {
                uint64_t end = count - made < BATCH ? count : made + BATCH;
                struct goal goal = {b, end};

                for (; made < end; made++) {
                        int error = connect_one(b, made);

                        if (error != 0) {
                                ek_util_error(
                                        "bench memory: connection %llu: %s; try a smaller --count",
                                        (unsigned long long)made + 1, elko_error_text(error));
                                return false;
                        }
                }
                if (!elko_inproc_run_until(b->pair, goal_reached, &goal,
                                           elko_inproc_now(b->pair) + ELKO_SEC(30)) ||
                    b->failed > 0) {
                        ek_util_error("bench memory: only %llu of %llu entries came to be",
                                      (unsigned long long)entries(b), (unsigned long long)end);
                        return false;
                }
        }
        return true;
}

/* ---- one kind ---- */

static void make_config(struct bench *b, uint64_t count, struct elko_inproc_config *c)
{
        elko_inproc_config_default(c);
        c->region_bytes = (size_t)b->set.region_bytes;
        c->on_event = on_event;
        c->ctx = b;
        for (int i = 0; i < 2; i++) {
                c->stack[i].max_connections = (uint32_t)count + 1024;
                c->stack[i].max_time_wait = (uint32_t)count + 1024;
                c->stack[i].max_half_open = 65534;
                c->stack[i].max_listeners = PORTS_MAX + 1;
                c->stack[i].msl_ns = ELKO_SEC(3600); /* nothing expires meanwhile */
                c->stack[i].syn_cookies = false;
        }
        c->with_fault = b->kind == KIND_HALF_OPEN;
        c->fault.dir[ELKO_DRV_FAULT_RX].drop_ppm = 1000000;
}

static bool open_listeners(struct bench *b, uint64_t count)
{
        struct elko_listen_config config = {.backlog = 4 * BATCH, .syn_queue = 65534};

        b->listeners = (unsigned)(count / PER_PORT + 1);
        for (unsigned i = 0; i < b->listeners; i++) {
                elko_endpoint local = {.port = (uint16_t)(FIRST_PORT + i)};
                int error = elko_listen(elko_inproc_stack(b->pair, 1), &local, &config,
                                        &b->listener[i]);

                if (error != 0) {
                        ek_util_error("bench memory: listening: %s", elko_error_text(error));
                        return false;
                }
        }
        return true;
}

/* Half-open entries live for some seconds only: they are counted at once, without settling. */
static bool measure_open_pair(struct bench *b, uint64_t count, struct result *out)
{
        int side = measured_side(b->kind);
        uint64_t before;
        uint64_t after;

        if (!open_listeners(b, count))
                return false;
        /* The first one pays for what is there once: pools keep one empty chunk each. */
        if (!make_entries(b, 0, 1))
                return false;
        if (b->kind != KIND_HALF_OPEN)
                elko_inproc_run_for(b->pair, ELKO_SEC(SETTLE_SECONDS));
        before = memory_of(b, side).used;
        if (!make_entries(b, 1, count))
                return false;
        if (b->kind != KIND_HALF_OPEN)
                elko_inproc_run_for(b->pair, ELKO_SEC(SETTLE_SECONDS));
        after = memory_of(b, side).used;
        *out = (struct result){.count = entries(b),
                               .bytes = (double)(after - before) / (double)(entries(b) - 1)};
        return true;
}

static bool measure(const struct settings *set, enum kind kind, struct result *out)
{
        struct bench b = {.set = *set, .kind = kind};
        uint64_t count =
                kind == KIND_HALF_OPEN && set->count > HALF_OPEN_MAX ? HALF_OPEN_MAX : set->count;
        struct elko_inproc_config config;
        struct elko_drv_why why = {""};
        bool good;

        make_config(&b, count, &config);
        b.pair = elko_inproc_create(&config, &why);
        if (b.pair == NULL) {
                ek_util_error("bench memory: %s", why.text);
                return false;
        }
        good = measure_open_pair(&b, count, out);
        elko_inproc_destroy(b.pair);
        return good;
}

/* ---- the mode ---- */

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "count",
         .letter = 'n',
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(count),
         .min = 100,
         .max = 1000000,
         .help = "entries of each kind, 100 to 1000000 (half-open: 60000 at most); default "
                 "100000"},
        {.name = "memory",
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = OWN(region_bytes),
         .min = 16u << 20,
         .max = UINT64_C(1) << 40,
         .help = "region of each of the two stacks, 16M to 1T of address space; default 128K for each entry "
                 "(a connection is promised memory for its window)"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = OWN(json),
         .help = "print one JSON object on the last line"},
};

static const struct ek_command_spec spec = {
        .name = "bench memory",
        .usage = "",
        .about =
                "Make many idle established connections, TIME-WAIT entries and half-open entries between "
                "two stacks in this process and print what one of each costs, everything included.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .notes = "Exit codes: 0 measured, 1 usage, 2 the stacks did not make the entries.",
};

int ek_bench_memory(int argc, char **argv)
{
        static const char *const names[KIND_COUNT] = {"established, idle", "TIME-WAIT",
                                                      "half-open"};
        struct ek_options options;
        struct settings set = {.count = 100000, .region_bytes = EK_OPT_UNSET};
        struct result result[KIND_COUNT];

        switch (ek_options_parse(&spec, argc, argv, &options, &set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        if (set.region_bytes == EK_OPT_UNSET)
                set.region_bytes = (UINT64_C(256) << 20) + set.count * ENTRY_REGION;
        for (int kind = 0; kind < KIND_COUNT; kind++) {
                if (!measure(&set, (enum kind)kind, &result[kind]))
                        return EK_EXIT_NETWORK;
                printf("%-18s %8.1f bytes each, of %llu\n", names[kind], result[kind].bytes,
                       (unsigned long long)result[kind].count);
                fflush(stdout);
        }
        if (set.json)
                printf("{\"established_idle_bytes\":%.1f,\"time_wait_bytes\":%.1f,\"half_open_bytes\":%.1f,"
                       "\"established_count\":%llu,\"time_wait_count\":%llu,\"half_open_count\":%llu}\n",
                       result[0].bytes, result[1].bytes, result[2].bytes,
                       (unsigned long long)result[0].count, (unsigned long long)result[1].count,
                       (unsigned long long)result[2].count);
        return EK_EXIT_OK;
}
