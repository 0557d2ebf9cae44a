/* SPDX-License-Identifier: MIT */
/*
 * elko ping: ICMP echo requests, both families.
 *
 * Theory: request number n leaves at start + n * interval; its instant is remembered in a ring of
 * RING entries, by which an answer of any size finds its round-trip time. The command ends when
 * every request is answered, or `wait` after the last one.
 */
#include <stdlib.h>
#include <string.h>

#include "commands.h"
#include "netctx.h"
#include "util.h"

enum { RING = 4096, SIZE_LIMIT = 1400, ICMP_HEADER = 8 };

struct settings {
        uint64_t count; /* EK_OPT_UNSET: until stopped */
        uint64_t interval_ns, wait_ns;
        uint64_t size;
        bool only_v4, only_v6;
};

struct slot {
        uint64_t at;
        uint32_t number;
        bool used, answered;
};

struct ping {
        struct ek_netctx net;
        struct settings set;
        elko_ip to;
        char to_text[ELKO_IP_TEXT];
        uint16_t id;
        uint32_t sent, received, errors, duplicates, refused;
        double min_ms, max_ms, sum_ms, sum2_ms;
        uint64_t start_at, end_at;
        struct elko_host_timer timer;
        bool finished;
        struct slot slot[RING];
};

static void finish(struct ping *p)
{
        if (p->finished)
                return;
        p->finished = true;
        p->end_at = elko_host_now(p->net.host);
        elko_host_stop(p->net.host);
}

/* ---- requests ---- */

static void send_one(struct ping *p)
{
        uint8_t payload[SIZE_LIMIT];
        uint32_t number = p->sent + 1;
        struct slot *slot = &p->slot[number % RING];
        int error;

        for (size_t i = 0; i < sizeof payload; i++)
                payload[i] = (uint8_t)i;
        error = elko_echo_request(p->net.st, &p->to, p->id, (uint16_t)number, payload,
                                  (size_t)p->set.size);
        p->sent = number;
        *slot = (struct slot){
                .at = elko_host_now(p->net.host), .number = number, .used = error == 0};
        if (error == 0)
                return;
        p->refused++;
        if (p->refused == 1)
                ek_util_error("ping: request %u was not sent: %s%s", number, elko_error_text(error),
                              error == ELKO_ENETUNREACH ? "; --gateway gives a default route" : "");
}

static bool all_sent(const struct ping *p)
{
        return p->set.count != EK_OPT_UNSET && p->sent >= p->set.count;
}

static void on_timer(void *ctx, struct elko_host_timer *timer)
{
        struct ping *p = ctx;
        uint64_t now = elko_host_now(p->net.host);

        if (all_sent(p)) {
                finish(p);
                return;
        }
        send_one(p);
        elko_host_timer_set(p->net.host, timer,
                            now + (all_sent(p) ? p->set.wait_ns : p->set.interval_ns));
        if (all_sent(p) && p->refused == p->sent)
                finish(p);
}

/* ---- answers ---- */

static void count_rtt(struct ping *p, double ms)
{
        if (p->received == 0 || ms < p->min_ms)
                p->min_ms = ms;
        if (ms > p->max_ms)
                p->max_ms = ms;
        p->sum_ms += ms;
        p->sum2_ms += ms * ms;
        p->received++;
}

static void take_reply(struct ping *p, const struct elko_echo *e, struct slot *slot)
{
        char from[ELKO_IP_TEXT];
        double ms = (double)(e->at - slot->at) / 1e6;
        const char *again = "";

        if (slot->answered) {
                p->duplicates++;
                again = " (DUP!)";
        } else {
                slot->answered = true;
                count_rtt(p, ms);
        }
        elko_ip_format(&e->from, from);
        if (!p->net.options->quiet)
                printf("%u bytes from %s: icmp_seq=%u ttl=%u time=%.3f ms%s\n",
                       e->len + ICMP_HEADER, from, slot->number, e->ttl, ms, again);
}

static void take_error(struct ping *p, const struct elko_echo *e, uint32_t number)
{
        char from[ELKO_IP_TEXT];

        p->errors++;
        elko_ip_format(&e->from, from);
        if (!p->net.options->quiet)
                printf("From %s icmp_seq=%u %s (ICMP type %u, code %u)\n", from, number,
                       e->kind == ELKO_ECHO_TIME_EXCEEDED ? "Time to live exceeded"
                                                          : "Destination unreachable",
                       e->icmp_type, e->icmp_code);
}

/* The request that an answer belongs to; NULL: none of ours, or too long ago. */
static struct slot *slot_of(struct ping *p, const struct elko_echo *e)
{
        uint32_t number = (p->sent & ~(uint32_t)0xffff) | e->seq;
        struct slot *slot;

        if (e->id != p->id)
                return NULL;
        if (number > p->sent)
                number -= 0x10000;
        slot = &p->slot[number % RING];
        return slot->used && slot->number == number ? slot : NULL;
}

static void on_event(void *ctx, const struct elko_event *ev)
{
        struct ping *p = ctx;
        struct elko_echo e;

        if ((ev->bits & ELKO_EV_ECHO) == 0)
                return;
        while (elko_echo_next(p->net.st, &e)) {
                struct slot *slot = slot_of(p, &e);

                if (slot == NULL || p->finished)
                        continue;
                if (e.kind == ELKO_ECHO_REPLY)
                        take_reply(p, &e, slot);
                else
                        take_error(p, &e, slot->number);
        }
        fflush(stdout);
        if (all_sent(p) && p->received + p->errors + p->refused >= p->sent)
                finish(p);
}

static void on_stop(void *ctx)
{
        struct ping *p = ctx;

        elko_host_timer_clear(p->net.host, &p->timer);
        if (!p->finished) {
                p->finished = true;
                p->end_at = elko_host_now(p->net.host);
        }
}

/* ---- the report ---- */

static double loss_percent(const struct ping *p)
{
        return p->sent == 0 ? 0 : 100.0 * (double)(p->sent - p->received) / (double)p->sent;
}

static void print_statistics(const struct ping *p, const char *host)
{
        printf("\n--- %s ping statistics ---\n", host);
        printf("%u packets transmitted, %u received", p->sent, p->received);
        if (p->duplicates > 0)
                printf(", +%u duplicates", p->duplicates);
        if (p->errors > 0)
                printf(", +%u errors", p->errors);
        printf(", %.4g%% packet loss, time %llums\n", loss_percent(p),
               (unsigned long long)((p->end_at - p->start_at) / 1000000u));
}

/* Newton's method; good enough for three decimals, and no libm is needed for it. */
static double square_root(double x)
{
        double root = x > 1 ? x : 1;

        if (!(x > 0))
                return 0;
        for (int i = 0; i < 64; i++)
                root = (root + x / root) / 2;
        return root;
}

static void report(const struct ping *p, const char *host)
{
        double n = p->received > 0 ? (double)p->received : 1;
        double mean = p->sum_ms / n;
        double deviation = square_root(p->sum2_ms / n - mean * mean);

        if (!p->net.options->quiet || !p->net.options->json)
                print_statistics(p, host);
        if (p->received > 0)
                printf("rtt min/avg/max/mdev = %.3f/%.3f/%.3f/%.3f ms\n", p->min_ms, mean,
                       p->max_ms, deviation);
        if (!p->net.options->json)
                return;
        printf("{\"host\":");
        ek_util_json_string(stdout, p->to_text);
        printf(",\"sent\":%u,\"received\":%u,\"duplicates\":%u,\"errors\":%u,\"loss_percent\":%.6g",
               p->sent, p->received, p->duplicates, p->errors, loss_percent(p));
        if (p->received > 0)
                printf(",\"rtt_min_ms\":%.6f,\"rtt_avg_ms\":%.6f,\"rtt_max_ms\":%.6f,\"rtt_mdev_ms\":%.6f",
                       p->min_ms, mean, p->max_ms, deviation);
        printf("}\n");
}

/* ---- the command ---- */

#define OWN(field) offsetof(struct settings, field)

static const struct ek_opt own_opts[] = {
        {.name = "count",
         .letter = 'c',
         .arg = "N",
         .kind = EK_OPT_COUNT,
         .offset = OWN(count),
         .min = 1,
         .max = 4000000000u,
         .help = "requests to send; default: until SIGINT"},
        {.name = "interval",
         .letter = 'i',
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = OWN(interval_ns),
         .min = ELKO_MS(1),
         .max = ELKO_SEC(86400),
         .unit_ns = ELKO_SEC(1),
         .help = "time between requests, 0.001 to 86400; default 1"},
        {.name = "size",
         .letter = 's',
         .arg = "BYTES",
         .kind = EK_OPT_COUNT,
         .offset = OWN(size),
         .max = SIZE_LIMIT,
         .help = "bytes after the ICMP header, 0 to 1400; default 56"},
        {.name = "wait",
         .letter = 'W',
         .arg = "SECONDS",
         .kind = EK_OPT_SPAN,
         .offset = OWN(wait_ns),
         .min = ELKO_MS(1),
         .max = ELKO_SEC(3600),
         .unit_ns = ELKO_SEC(1),
         .help = "wait so long for answers after the last request, 0.001 to 3600; default 5"},
        {.name = "ipv4",
         .letter = '4',
         .kind = EK_OPT_SET,
         .offset = OWN(only_v4),
         .help = "IPv4 only"},
        {.name = "ipv6",
         .letter = '6',
         .kind = EK_OPT_SET,
         .offset = OWN(only_v6),
         .help = "IPv6 only"},
};

static const struct ek_command_spec spec = {
        .name = "ping",
        .usage = "HOST",
        .about =
                "Send ICMP or ICMPv6 echo requests to HOST (an IP address or a name in /etc/hosts) and show "
                "what comes back.",
        .own = own_opts,
        .own_count = sizeof own_opts / sizeof own_opts[0],
        .network = true,
        .min_args = 1,
        .max_args = 1,
        .notes = "Exit codes: 0 at least one answer, 1 usage, 2 no answer or no network.\n"
                 "Example: elko ping -c 3 10.77.0.1",
};

static int run(struct ping *p, const struct ek_options *options, const char *host)
{
        struct ek_netctx_config config = {.on_event = on_event, .on_stop = on_stop, .ctx = p};
        int code;

        if (!ek_netctx_open(&p->net, options, &config))
                return EK_EXIT_NETWORK;
        if (!options->quiet)
                printf("PING %s (%s) %u bytes of data.\n", host, p->to_text, (unsigned)p->set.size);
        p->start_at = elko_host_now(p->net.host);
        p->timer = (struct elko_host_timer){.fn = on_timer, .ctx = p};
        elko_host_timer_set(p->net.host, &p->timer, p->start_at);
        code = ek_netctx_run(&p->net);
        report(p, host);
        ek_netctx_close(&p->net);
        if (code != EK_EXIT_OK)
                return code;
        return p->received > 0 ? EK_EXIT_OK : EK_EXIT_NETWORK;
}

int ek_cmd_ping(int argc, char **argv)
{
        struct ek_options options;
        struct settings set = {.count = EK_OPT_UNSET,
                               .interval_ns = ELKO_SEC(1),
                               .wait_ns = ELKO_SEC(5),
                               .size = 56};
        struct ping *p;
        char why[400];
        int code;

        switch (ek_options_parse(&spec, argc, argv, &options, &set)) {
        case EK_OPTIONS_HELP: return EK_EXIT_OK;
        case EK_OPTIONS_BAD: return EK_EXIT_USAGE;
        case EK_OPTIONS_GO: break;
        }
        p = calloc(1, sizeof *p);
        if (p == NULL) {
                ek_util_error("ping: out of memory");
                return EK_EXIT_NETWORK;
        }
        p->set = set;
        if (!ek_util_resolve(options.args[0],
                             set.only_v4   ? 4
                             : set.only_v6 ? 6
                                           : 0,
                             NULL, &p->to, why, sizeof why)) {
                ek_util_error("ping: %s", why);
                free(p);
                return EK_EXIT_USAGE;
        }
        elko_ip_format(&p->to, p->to_text);
        if (!ek_util_random(&p->id, sizeof p->id))
                p->id = 1;
        code = run(p, &options, options.args[0]);
        free(p);
        return code;
}
