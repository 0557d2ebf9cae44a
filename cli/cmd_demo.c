/* SPDX-License-Identifier: MIT */
/*
 * elko demo: two stacks in this process, a whole connection between them, drawn from both ends.
 *
 * Theory: no device, no privilege, no clock: a wire in memory joins the two, and time is virtual. Both
 * ends send a byte pattern that the other verifies byte by byte, and both record what they saw, so the
 * ladder shows the real states of both ends and what the wire lost. It is what `make run` falls back to
 * where no network namespace can be had, and, with --faults, a test of everything between handshake and
 * close that anyone can repeat from the seed.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "host/inproc.h"
#include "ladder.h"
#include "options.h"
#include "util.h"

enum { PORT = 80, CHUNK = 64 << 10, CLIENT = 0, SERVER = 1, DEADLINE_HOURS = 24 * 30 };

struct settings {
        uint64_t down, up, mtu, faults, delay_ns, seed, start_ns;
        const char *pcap;
        unsigned version, close_first, lang;
        bool ladder, json;
};

/* One end's application. */
struct end {
        elko_stack *st;
        elko_sock sock;
        uint64_t to_send, sent, to_receive, received;
        bool eof, shut, closed;
};

struct demo {
        struct settings set;
        struct elko_inproc *pair;
        elko_sock listener;
        struct end end[2];
        struct ladder *ladder[2];
        int error;
        uint64_t wrong_at; /* UINT64_MAX: every byte was right */
        uint8_t buf[CHUNK];
};

/* ---- the applications ---- */

static void fail(struct demo *d, int64_t error)
{
        if (error < 0 && error != ELKO_EAGAIN && d->error == 0)
                d->error = (int)error;
}

static void send_more(struct demo *d, struct end *e)
{
        while (e->sent < e->to_send) {
                uint64_t left = e->to_send - e->sent;
                struct elko_slice s[2];
                int64_t n = elko_send_reserve(e->st, e->sock, left < CHUNK ? left : CHUNK, s);
                uint64_t at = e->sent;

                if (n <= 0) {
                        fail(d, n);
                        return;
                }
                for (int i = 0; i < 2 && s[i].len > 0; i++) {
                        /* The slices of a reservation are ours to fill. */
                        ek_util_pattern_fill(at, (uint8_t *)(uintptr_t)s[i].data, s[i].len);
                        at += s[i].len;
                }
                n = elko_send_commit(e->st, e->sock, (size_t)n, 0);
                fail(d, n);
                if (n < 0)
                        return;
                e->sent += (uint64_t)n;
        }
}

static void verify(struct demo *d, struct end *e, const struct elko_slice *s)
{
        size_t right = ek_util_pattern_check(e->received, s->data, s->len);

        if (right < s->len && d->wrong_at == UINT64_MAX)
                d->wrong_at = e->received + right;
        e->received += s->len;
}

static void receive_more(struct demo *d, struct end *e)
{
        struct elko_slice s[2];
        int64_t n;

        while ((n = elko_recv_peek(e->st, e->sock, s)) > 0) {
                verify(d, e, &s[0]);
                if (s[1].len > 0)
                        verify(d, e, &s[1]);
                elko_recv_consume(e->st, e->sock, (size_t)n);
        }
        if (n == 0)
                e->eof = true;
        else
                fail(d, n);
}

/* Who closes first does so when its work is done; the other when it has seen the end. */
static void close_when_done(struct demo *d, int side)
{
        struct end *e = &d->end[side];
        int first = d->set.close_first == 0 ? CLIENT : SERVER;

        if (e->sent < e->to_send || e->received < e->to_receive)
                return;
        if (!e->shut && (side == first || e->eof)) {
                e->shut = true;
                fail(d, elko_shutdown(e->st, e->sock));
        }
        if (e->shut && e->eof && !e->closed) {
                e->closed = true;
                fail(d, elko_close(e->st, e->sock));
        }
}

static void serve(struct demo *d, int side)
{
        struct end *e = &d->end[side];

        if (e->sock == ELKO_SOCK_NONE || e->closed)
                return;
        receive_more(d, e);
        send_more(d, e);
        close_when_done(d, side);
}

static void on_event(void *ctx, int side, const struct elko_event *ev)
{
        struct demo *d = ctx;

        if (ev->bits & ELKO_EV_ERROR)
                fail(d, ev->error);
        if (side == SERVER && ev->sock == d->listener)
                fail(d, elko_accept(d->end[SERVER].st, d->listener, &d->end[SERVER].sock, NULL));
        serve(d, side);
}

/* ---- the run ---- */

static void set_faults(struct elko_drv_fault_config *f, uint64_t percent, uint64_t seed)
{
        f->seed = seed;
        for (int dir = 0; dir < ELKO_DRV_FAULT_DIRS; dir++) {
                f->dir[dir].drop_ppm = (uint32_t)percent * 10000;
                f->dir[dir].duplicate_ppm = (uint32_t)percent * 10000;
                f->dir[dir].reorder_ppm = (uint32_t)percent * 10000;
                f->dir[dir].reorder_distance = 3;
        }
}

static struct elko_inproc *open_pair(struct demo *d, FILE *pcap)
{
        struct elko_inproc_config c;
        struct elko_drv_why why = {""};
        struct elko_inproc *pair;

        elko_inproc_config_default(&c);
        c.wire.mtu = (uint16_t)d->set.mtu;
        c.wire.wire[0].delay_ns = c.wire.wire[1].delay_ns = d->set.delay_ns;
        c.seed = d->set.seed;
        c.start = d->set.start_ns;
        c.pcapng = pcap;
        c.with_fault = d->set.faults > 0;
        set_faults(&c.fault, d->set.faults, d->set.seed);
        c.on_event = on_event;
        c.ctx = d;
        pair = elko_inproc_create(&c, &why);
        if (pair == NULL)
                ek_util_error("demo: %s", why.text);
        return pair;
}

static bool open_ladders(struct demo *d)
{
        static const char *const names[2] = {"client", "server"};

        for (int side = 0; side < 2; side++) {
                struct ladder_options o;

                ladder_options_init(&o);
                ladder_options_fit(&o, stdout);
                o.lang = d->set.lang == 1 ? LADDER_ZH : o.lang;
                o.time_wait_ns = ELKO_SEC(60);
                o.name = names[side];
                o.peer_name = names[!side];
                d->ladder[side] = ladder_new(&o);
                if (d->ladder[side] == NULL) {
                        ek_util_error("demo: out of memory for the ladder");
                        return false;
                }
                elko_trace_set(d->end[side].st, ladder_trace, d->ladder[side]);
        }
        return true;
}

static bool open_connection(struct demo *d)
{
        elko_endpoint local = {.port = PORT};
        elko_endpoint remote = elko_inproc_endpoint(SERVER, d->set.version == 0 ? 4 : 6, PORT);
        int error = elko_listen(d->end[SERVER].st, &local, NULL, &d->listener);

        if (error == 0)
                error = elko_connect(d->end[CLIENT].st, &remote, NULL, &d->end[CLIENT].sock);
        if (error != 0)
                ek_util_error("demo: %s", elko_error_text(error));
        return error == 0;
}

/* Both handles are given up, and both stacks have forgotten the connection: TIME-WAIT is over, too. */
static bool is_done(void *ctx)
{
        struct demo *d = ctx;
        struct elko_memory_info m[2];

        if (d->error != 0 || d->wrong_at != UINT64_MAX)
                return true;
        if (!d->end[0].closed || !d->end[1].closed)
                return false;
        for (int side = 0; side < 2; side++)
                elko_memory_get(d->end[side].st, &m[side]);
        return m[0].connections + m[0].time_wait + m[1].connections + m[1].time_wait == 0;
}

static bool went_well(const struct demo *d)
{
        return d->error == 0 && d->wrong_at == UINT64_MAX && d->end[0].closed && d->end[1].closed &&
               d->end[0].received == d->set.down && d->end[1].received == d->set.up;
}

static void print_ladder(struct demo *d)
{
        struct ladder *both = ladder_merge(d->ladder[CLIENT], d->ladder[SERVER]);

        if (both == NULL) {
                ek_util_error("demo: out of memory for the ladder");
                return;
        }
        ladder_print(both, stdout);
        ladder_free(both);
}

static void report(struct demo *d, double seconds)
{
        const struct elko_counters *c = elko_counters_get(d->end[CLIENT].st);
        const struct elko_counters *s = elko_counters_get(d->end[SERVER].st);
        double virtual_s = (double)(elko_inproc_now(d->pair) - d->set.start_ns) / 1e9;
        uint64_t bytes = d->end[0].received + d->end[1].received;
        uint64_t again = c->tcp_retrans_segs + s->tcp_retrans_segs;

        printf("demo: %llu bytes to the client, %llu to the server, %s; %llu segments sent again; "
               "%.3f s of real time (%.3f Gbit/s), %.3f s on the wire's clock, close included\n",
               (unsigned long long)d->end[0].received, (unsigned long long)d->end[1].received,
               went_well(d) ? "every byte as it was sent" : "BROKEN", (unsigned long long)again,
               seconds, (double)bytes * 8 / seconds / 1e9, virtual_s);
        if (d->set.json)
                printf("{\"ok\":%s,\"down\":%llu,\"up\":%llu,\"faults_percent\":%llu,\"seed\":%llu,"
                       "\"retransmitted\":%llu,\"seconds\":%.6f,\"virtual_seconds\":%.6f}\n",
                       went_well(d) ? "true" : "false", (unsigned long long)d->end[0].received,
                       (unsigned long long)d->end[1].received, (unsigned long long)d->set.faults,
                       (unsigned long long)d->set.seed, (unsigned long long)again, seconds,
                       virtual_s);
}

static int run(struct demo *d)
{
        uint64_t begin = ek_util_now();

        if (!open_connection(d))
                return EK_EXIT_NETWORK;
        elko_inproc_run_until(d->pair, is_done, d,
                              d->set.start_ns + ELKO_SEC(3600ull * DEADLINE_HOURS));
        if (d->set.ladder)
                print_ladder(d);
        report(d, (double)(ek_util_now() - begin) / 1e9);
        if (d->error != 0)
                ek_util_error("demo: %s", elko_error_text(d->error));
        if (d->wrong_at != UINT64_MAX)
                ek_util_error("demo: byte %llu is wrong; repeat with --seed %llu",
                              (unsigned long long)d->wrong_at, (unsigned long long)d->set.seed);
        return went_well(d) ? EK_EXIT_OK : EK_EXIT_NETWORK;
}

/* ---- the command ---- */

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "down",
         .letter = 'd',
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = OWN(down),
         .min = 0,
         .max = UINT64_C(1) << 50,
         .help = "bytes from the server to the client; default 100000000"},
        {.name = "up",
         .letter = 'u',
         .arg = "BYTES",
         .kind = EK_OPT_SIZE,
         .offset = OWN(up),
         .min = 0,
         .max = UINT64_C(1) << 50,
         .help = "bytes from the client to the server; default 80"},
        {.name = "faults",
         .arg = "PERCENT",
         .kind = EK_OPT_COUNT,
         .offset = OWN(faults),
         .min = 0,
         .max = 30,
         .help = "packets to drop, as many to duplicate, as many to reorder, both ways, 0 to 30; "
                 "default 0"},
        {.name = "delay",
         .arg = "MS",
         .kind = EK_OPT_SPAN,
         .offset = OWN(delay_ns),
         .min = 0,
         .max = ELKO_SEC(10),
         .unit_ns = 1000000,
         .help = "one-way delay of the wire, 0 to 10000 ms; default 0.05"},
        {.name = "mtu",
         .arg = "BYTES",
         .kind = EK_OPT_COUNT,
         .offset = OWN(mtu),
         .min = 1280,
         .max = 65535,
         .help = "MTU of the wire, 1280 to 65535; default 1500"},
        {.name = "seed",
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(seed),
         .min = 1,
         .max = UINT64_MAX - 1,
         .help = "of both stacks and the faults; default 1"},
        {.name = "start",
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = OWN(start_ns),
         .min = 1,
         .max = ELKO_SEC(86400ull * 365),
         .unit_ns = 1000000000,
         .help = "the first instant of the virtual clock, which chooses the initial sequence "
                 "numbers; default 1"},
        {.name = "ip",
         .arg = "VERSION",
         .kind = EK_OPT_CHOICE,
         .offset = OWN(version),
         .choices = "4|6",
         .help = "IP version, 4 or 6; default 4"},
        {.name = "close-first",
         .arg = "WHO",
         .kind = EK_OPT_CHOICE,
         .offset = OWN(close_first),
         .choices = "client|server",
         .help = "who sends the first FIN; default client"},
        {.name = "pcap",
         .arg = "FILE",
         .kind = EK_OPT_TEXT,
         .offset = OWN(pcap),
         .help = "write the client's packets to FILE as pcapng"},
        {.name = "ladder",
         .kind = EK_OPT_SET,
         .offset = OWN(ladder),
         .help = "draw the connection, with the states of both ends"},
        {.name = "lang",
         .arg = "LANG",
         .kind = EK_OPT_CHOICE,
         .offset = OWN(lang),
         .choices = "en|zh",
         .help = "language of the ladder, en or zh; default en"},
        {.name = "json",
         .kind = EK_OPT_SET,
         .offset = OWN(json),
         .help = "print one JSON object on the last line"},
};

static const struct ek_command_spec spec = {
        .name = "demo",
        .usage = "",
        .about =
                "Open, use and close one connection between two stacks in this process, over a wire in "
                "memory and in virtual time, verify every byte, and draw it from both ends.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .notes = "Exit codes: 0 all well, 1 usage, 2 the transfer broke, 4 file.\n"
                 "Example: elko demo --faults 2 --seed 7 --ladder",
};

static int with_pair(struct demo *d, FILE *pcap)
{
        int code = EK_EXIT_NETWORK;

        d->pair = open_pair(d, pcap);
        if (d->pair == NULL)
                return code;
        for (int side = 0; side < 2; side++)
                d->end[side].st = elko_inproc_stack(d->pair, side);
        d->end[CLIENT].to_send = d->end[SERVER].to_receive = d->set.up;
        d->end[SERVER].to_send = d->end[CLIENT].to_receive = d->set.down;
        if (!d->set.ladder || open_ladders(d))
                code = run(d);
        ladder_free(d->ladder[CLIENT]);
        ladder_free(d->ladder[SERVER]);
        elko_inproc_destroy(d->pair);
        return code;
}

int ek_cmd_demo(int argc, char **argv)
{
        struct ek_options options;
        struct demo d = {.wrong_at = UINT64_MAX,
                         .set = {.down = 100000000,
                                 .up = 80,
                                 .mtu = 1500,
                                 .seed = 1,
                                 .delay_ns = ELKO_US(50),
                                 .start_ns = ELKO_SEC(1)}};
        FILE *pcap = NULL;
        int code;

        switch (ek_options_parse(&spec, argc, argv, &options, &d.set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        if (d.set.pcap != NULL && (pcap = fopen(d.set.pcap, "wb")) == NULL) {
                ek_util_error("demo: %s: %s", d.set.pcap, ek_util_errno_text(errno));
                return EK_EXIT_FILE;
        }
        code = with_pair(&d, pcap);
        if (pcap != NULL && fclose(pcap) != 0) {
                ek_util_error("demo: %s: %s", d.set.pcap, ek_util_errno_text(errno));
                code = EK_EXIT_FILE;
        }
        return code;
}
