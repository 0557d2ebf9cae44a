/* SPDX-License-Identifier: MIT */
#include "net.h"

#include <time.h>

/*
 * E4: all patterns of loss of the first 12 packets of a connection (4,096) and of its last 8 (256), for
 * four ways of closing: the client first, the server first, both at once, and half-close with data.
 * Two stacks, IPv4; and the same with simultaneous open.
 *
 * After each: the streams are exact at both ends and ended by EOF, or an error was told, and an honest
 * one: ETIMEDOUT, or ECONNRESET by an end that had given up, and not before 15 s, when a passive
 * SYN-RECEIVED has sent its SYN,ACK in vain for the last time (the shortest patience that there is). An
 * end that has nothing to send can't know that the other one failed; its user gives up then. At last
 * both tables are empty and memory is what it was. Every change of state is one of figure 5.
 *
 * `make test` takes a quarter of the patterns of the first packets, drawn by the seed; ELKO_LONG=1 all.
 */

enum { FIRST = 12, LAST = 8 };

#define PATIENCE ELKO_SEC(15)

struct pattern {
        unsigned from;
        uint32_t lost;
};

static struct {
        unsigned cases, failed, errors, impatient;
        uint64_t packets;
        struct timespec began;
} run;

static const char *const models[] = {"client closes first", "server closes first",
                                     "both close at once", "half-close with data"};

static bool lose(void *ctx, const struct net *n, unsigned packet)
{
        const struct pattern *p = ctx;

        (void)n;
        return packet >= p->from && packet - p->from < 32 && (p->lost >> (packet - p->from) & 1);
}

static struct net_scenario scenario(enum net_close close, bool simultaneous_open)
{
        struct net_scenario sc = {.seed = 7,
                                  .mtu = 1500,
                                  .region = 192 << 10,
                                  .buf = 2048,
                                  .conns = 1,
                                  .delay_ns = ELKO_MS(5),
                                  .simultaneous_open = simultaneous_open};

        sc.conn[0] = (struct net_conn_plan){.bytes = {2500, 1800}, .close = close};
        return sc;
}

static void check_errors(struct net *n)
{
        bool any = false;

        for (unsigned i = 0; i < 2; i++) {
                const struct net_end *e = &n->end[0][i];

                if (e->error == 0)
                        continue;
                any = true;
                if (e->error != ELKO_ETIMEDOUT && e->error != ELKO_ECONNRESET &&
                    e->error != ELKO_ECONNABORTED)
                        net_fail(n, "end %u: %s", i, elko_error_name(e->error));
                if (e->error_at < PATIENCE)
                        net_fail(n, "end %u: %s after %llu ms", i, elko_error_name(e->error),
                                 (unsigned long long)(e->error_at / 1000000));
        }
        if (!any)
                net_require_clean(n);
        run.errors += any;
}

/* Packets of the run. */
static unsigned one_run(const struct net_scenario *sc, struct pattern *p)
{
        static struct net n;

        net_start(&n, sc, NULL);
        n.lose = lose;
        n.lose_ctx = p;
        net_run(&n, ELKO_SEC(3600));
        run.impatient += net_lose_patience(&n, ELKO_SEC(7200));
        net_finish(&n);
        check_errors(&n);
        run.cases++;
        run.packets += n.packets;
        if (n.bad[0] != '\0' && ++run.failed <= 10)
                printf("  %s%s, packets lost from %u on 0x%03x: %s\n",
                       sc->simultaneous_open ? "simultaneous open, " : "",
                       models[sc->conn[0].close], p->from, p->lost, n.bad);
        return n.packets;
}

static void begin(void)
{
        memset(&run, 0, sizeof(run));
        clock_gettime(CLOCK_MONOTONIC, &run.began);
}

static void report(const char *what)
{
        struct timespec t;
        double s;

        clock_gettime(CLOCK_MONOTONIC, &t);
        s = (double)(t.tv_sec - run.began.tv_sec) + (double)(t.tv_nsec - run.began.tv_nsec) / 1e9;
        printf("E4, %s: %u of %u connections passed (%u ended with an honest error, %u idle ends "
               "gave up), %llu packets, %.2f s\n",
               what, run.cases - run.failed, run.cases, run.errors, run.impatient,
               (unsigned long long)run.packets, s);
        CHECK_EQ(run.failed, 0);
}

static void first_packets(bool simultaneous_open)
{
        bool all = getenv("ELKO_LONG") != NULL;

        begin();
        for (unsigned m = 0; m < 4; m++) {
                struct net_scenario sc = scenario((enum net_close)m, simultaneous_open);
                struct pattern p = {0};

                for (p.lost = 0; p.lost < 1u << FIRST; p.lost++)
                        if (all || ek_test_below(400) < ek_test_state.percent)
                                one_run(&sc, &p);
        }
}

static void last_packets(bool simultaneous_open)
{
        begin();
        for (unsigned m = 0; m < 4; m++) {
                struct net_scenario sc = scenario((enum net_close)m, simultaneous_open);
                struct pattern p = {0};
                unsigned total = one_run(&sc, &p);

                p.from = total - LAST;
                for (p.lost = 1; p.lost < 1u << LAST; p.lost++)
                        one_run(&sc, &p);
        }
}

EK_TEST(first_12_packets)
{
        first_packets(false);
        report("losses among the first 12 packets");
}

EK_TEST(last_8_packets)
{
        last_packets(false);
        report("losses among the last 8 packets");
}

EK_TEST(first_12_packets_simultaneous_open)
{
        first_packets(true);
        report("simultaneous open, losses among the first 12 packets");
}

EK_TEST(last_8_packets_simultaneous_open)
{
        last_packets(true);
        report("simultaneous open, losses among the last 8 packets");
}

EK_TEST_MAIN();
