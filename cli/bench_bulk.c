/* SPDX-License-Identifier: MIT */
/*
 * elko bench bulk: how fast the stack itself is.
 *
 * Theory: two stacks in this process, joined by a wire in memory that costs one copy a packet and
 * nothing else, one connection, one direction. Time on the wire is virtual, so the only thing that
 * passes is CPU time of this one thread: both stacks together. The application copies as a plain
 * one does (elko_send, elko_recv), or not at all with --zero-copy.
 */
#include <string.h>
#include <time.h>

#include "bench.h"
#include "host/inproc.h"
#include "options.h"
#include "util.h"

enum { PORT = 5001, BUFFER_BYTES = 128 << 10, DELAY_US = 10 };

struct settings {
        uint64_t bytes, mtu, region_bytes;
        bool zero_copy, no_checksum, json;
};

struct bulk {
        struct settings set;
        struct elko_inproc *pair;
        elko_sock listener, sender, receiver;
        uint64_t sent, received;
        int error;
        uint8_t buffer[BUFFER_BYTES];
};

/* ---- the two applications ---- */

static void note_error(struct bulk *b, int64_t n)
{
        if (n < 0 && n != ELKO_EAGAIN && b->error == 0)
                b->error = (int)n;
}

/* Room of the send ring, filled by nobody: what is in it is sent. */
static int64_t send_in_place(struct bulk *b, elko_stack *st, size_t want)
{
        struct elko_slice slice[2];
        int64_t n = elko_send_reserve(st, b->sender, want, slice);

        return n > 0 ? elko_send_commit(st, b->sender, (size_t)n, 0) : n;
}

static void send_more(struct bulk *b)
{
        elko_stack *st = elko_inproc_stack(b->pair, 0);

        while (b->sent < b->set.bytes) {
                uint64_t left = b->set.bytes - b->sent;
                size_t want = left < BUFFER_BYTES ? (size_t)left : BUFFER_BYTES;
                int64_t n = b->set.zero_copy ? send_in_place(b, st, want)
                                             : elko_send(st, b->sender, b->buffer, want, 0);

                if (n <= 0) {
                        note_error(b, n);
                        return;
                }
                b->sent += (uint64_t)n;
        }
}

static int64_t receive_in_place(struct bulk *b, elko_stack *st)
{
        struct elko_slice slice[2];
        int64_t n = elko_recv_peek(st, b->receiver, slice);

        if (n > 0)
                elko_recv_consume(st, b->receiver, (size_t)n);
        return n;
}

static void receive_more(struct bulk *b)
{
        elko_stack *st = elko_inproc_stack(b->pair, 1);
        int64_t n;

        do {
                n = b->set.zero_copy ? receive_in_place(b, st)
                                     : elko_recv(st, b->receiver, b->buffer, BUFFER_BYTES);
                if (n > 0)
                        b->received += (uint64_t)n;
        } while (n > 0);
        note_error(b, n);
}

static void accept_one(struct bulk *b)
{
        if (elko_accept(elko_inproc_stack(b->pair, 1), b->listener, &b->receiver, NULL) == 0)
                receive_more(b);
}

static void on_event(void *ctx, int side, const struct elko_event *ev)
{
        struct bulk *b = ctx;

        if ((ev->bits & ELKO_EV_ERROR) != 0)
                note_error(b, ev->error);
        else if (side == 0)
                send_more(b);
        else if (ev->sock == b->listener)
                accept_one(b);
        else if (ev->sock == b->receiver)
                receive_more(b);
}

/* ---- the run ---- */

static bool is_done(void *ctx)
{
        struct bulk *b = ctx;

        return b->received >= b->set.bytes || b->error != 0;
}

static struct elko_inproc *open_pair(struct bulk *b)
{
        struct elko_inproc_config config;
        struct elko_drv_why why = {""};
        struct elko_inproc *pair;

        elko_inproc_config_default(&config);
        config.region_bytes = (size_t)b->set.region_bytes;
        config.wire.mtu = (uint16_t)b->set.mtu;
        if (b->set.no_checksum)
                config.wire.link_flags = ELKO_LINK_RX_CSUM | ELKO_LINK_TX_CSUM;
        config.wire.wire[0].delay_ns = config.wire.wire[1].delay_ns = ELKO_US(DELAY_US);
        config.on_event = on_event;
        config.ctx = b;
        pair = elko_inproc_create(&config, &why);
        if (pair == NULL)
                ek_util_error("bench bulk: %s", why.text);
        return pair;
}

static bool open_connection(struct bulk *b)
{
        elko_endpoint local = {.port = PORT};
        elko_endpoint remote = elko_inproc_endpoint(1, 4, PORT);
        int error = elko_listen(elko_inproc_stack(b->pair, 1), &local, NULL, &b->listener);

        if (error == 0)
                error = elko_connect(elko_inproc_stack(b->pair, 0), &remote, NULL, &b->sender);
        if (error != 0)
                ek_util_error("bench bulk: %s", elko_error_text(error));
        return error == 0;
}

static double cpu_seconds(void)
{
        struct timespec t;

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
        return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void report(struct bulk *b, double wall, double cpu)
{
        const struct elko_counters *a = elko_counters_get(elko_inproc_stack(b->pair, 0));
        const struct elko_counters *z = elko_counters_get(elko_inproc_stack(b->pair, 1));
        double gbit = (double)b->received * 8 / wall / 1e9;
        double data_segs = (double)a->tcp_segs_out / wall;
        double all_segs = (double)(a->tcp_segs_out + z->tcp_segs_out) / wall;

        printf("%llu bytes, MTU %llu: %.3f s, %.3f Gbit/s, %.0f segments/s sent, %.0f with ACKs, "
               "%.3f CPU s/GB, %llu retransmitted\n",
               (unsigned long long)b->received, (unsigned long long)b->set.mtu, wall, gbit,
               data_segs, all_segs, cpu / ((double)b->received / 1e9),
               (unsigned long long)a->tcp_retrans_segs);
        if (b->set.json)
                printf("{\"bytes\":%llu,\"mtu\":%llu,\"seconds\":%.6f,\"cpu_seconds\":%.6f,"
                       "\"gbit_per_s\":%.4f,\"segments_per_s\":%.0f,\"all_segments_per_s\":%.0f,"
                       "\"retransmitted\":%llu}\n",
                       (unsigned long long)b->received, (unsigned long long)b->set.mtu, wall, cpu,
                       gbit, data_segs, all_segs, (unsigned long long)a->tcp_retrans_segs);
}

static int run(struct bulk *b)
{
        uint64_t start = ek_util_now();
        double cpu = cpu_seconds();
        bool done;

        if (!open_connection(b))
                return EK_EXIT_NETWORK;
        done = elko_inproc_run_until(b->pair, is_done, b, ELKO_NEVER);
        if (!done || b->error != 0) {
                ek_util_error("bench bulk: stopped after %llu of %llu bytes: %s",
                              (unsigned long long)b->received, (unsigned long long)b->set.bytes,
                              b->error != 0 ? elko_error_text(b->error) : "nothing more to do");
                return EK_EXIT_NETWORK;
        }
        report(b, (double)(ek_util_now() - start) / 1e9, cpu_seconds() - cpu);
        return EK_EXIT_OK;
}

/* ---- the mode ---- */

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "bytes",
         .letter = 'n',
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = OWN(bytes),
         .min = 1u << 20,
         .max = UINT64_C(1) << 50,
         .help = "how much, 1M to 1P; default 2G"},
        {.name = "mtu",
         .arg = "BYTES",
         .kind = EK_OPT_COUNT,
         .offset = OWN(mtu),
         .min = 1280,
         .max = 65535,
         .help = "MTU of the wire, 1280 to 65535; default 1500"},
        {.name = "zero-copy",
         .kind = EK_OPT_SET,
         .offset = OWN(zero_copy),
         .help = "the application uses the rings in place"},
        {.name = "no-checksum",
         .kind = EK_OPT_SET,
         .offset = OWN(no_checksum),
         .help = "the wire says that it does the checksums"},
        {.name = "memory",
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = OWN(region_bytes),
         .min = 8u << 20,
         .max = UINT64_C(1) << 36,
         .help = "region of each of the two stacks, 8M to 64G; default 64M"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = OWN(json),
         .help = "print one JSON object on the last line"},
};

static const struct ek_command_spec spec = {
        .name = "bench bulk",
        .usage = "",
        .about =
                "Send bytes over one connection between two stacks in this process and print how fast it "
                "went. One thread does the work of both sides.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .notes = "Exit codes: 0 measured, 1 usage, 2 the transfer broke.",
};

int ek_bench_bulk(int argc, char **argv)
{
        struct ek_options options;
        struct bulk b = {.set = {.bytes = UINT64_C(2) << 30,
                                 .mtu = 1500,
                                 .region_bytes = UINT64_C(64) << 20}};
        int code;

        switch (ek_options_parse(&spec, argc, argv, &options, &b.set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        memset(b.buffer, 'x', sizeof b.buffer);
        b.pair = open_pair(&b);
        if (b.pair == NULL)
                return EK_EXIT_NETWORK;
        code = run(&b);
        elko_inproc_destroy(b.pair);
        return code;
}
