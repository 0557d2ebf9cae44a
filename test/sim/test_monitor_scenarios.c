/* SPDX-License-Identifier: MIT */
/*
 * elko's packets in the simulator, judged by the wire monitor (O3).
 *
 * Theory: the monitor sees each packet exactly when the host does, so it judges strictly: no slack, no
 * tolerance for the ways of others. What it is told of a scenario is what no packet shows: the faults of
 * the host itself. Faults of the network are none of its business: whatever arrives, what leaves must
 * keep the rules. A host whose memory, device, or clock fails may be late or drop what it was given, so
 * duties are judged in runs without these; a host that reboots forgets, which is not on the wire.
 *
 * MONITOR_SEEDS and MONITOR_FIRST say how many scenarios, and from which seed on; MONITOR_TRACE prints what
 * happens in them.
 */
#include <time.h>

#include "ek_test.h"
#include "monitor.h"
#include "scenario.h"

enum {
        NETWORK = 1u << SIM_F_LOSS | 1u << SIM_F_DUP | 1u << SIM_F_REORDER | 1u << SIM_F_DELAY |
                  1u << SIM_F_CORRUPT | 1u << SIM_F_TRUNCATE | 1u << SIM_F_FLAP | 1u << SIM_F_MTU |
                  1u << SIM_F_APP | 1u << SIM_F_RNG,
        SHOWN = 5, /* of each rule */
};

struct blame {
        uint64_t seed, packet;
        char text[300];
        unsigned count;
        uint64_t rule[SIM_RULES];
};

static void report(void *ctx, const struct sim_monitor_violation *v)
{
        struct blame *b = ctx;
        char local[ELKO_IP_TEXT], remote[ELKO_IP_TEXT];

        b->count++;
        if (b->rule[v->rule]++ >= SHOWN)
                return;
        elko_ip_format(&v->local.ip, local);
        elko_ip_format(&v->remote.ip, remote);
        printf("    seed %llu, packet %llu, %.6f s, node %u, %s port %u to %s port %u: %s (%s): %s\n",
               (unsigned long long)b->seed, (unsigned long long)v->packet, (double)v->now / 1e9,
               v->host, local, v->local.port, remote, v->remote.port,
               sim_monitor_rule_name(v->rule), sim_monitor_rule_where(v->rule), v->text);
}

static uint64_t number(const char *name, uint64_t normal)
{
        const char *text = getenv(name);

        return text != NULL ? strtoull(text, NULL, 0) : normal;
}

static void trace(void *ctx, const char *text)
{
        (void)ctx;
        printf("%s\n", text);
}

/* A subset of `mask` that the seed chooses. */
static uint32_t subset(uint64_t seed, uint32_t mask)
{
        struct sim_rng r = sim_rng_make(seed, 4242, 0, 0);

        return sim_rng_below(&r, 8) == 0 ? 0 : (uint32_t)sim_rng_u64(&r) & mask;
}

static void judge(uint32_t mask, uint64_t seeds, const struct sim_monitor_config *base)
{
        struct sim_run *run = sim_run_new();
        struct blame blame = {0};
        struct sim_monitor_config c = *base;
        struct sim_monitor *m;
        uint64_t first = number("MONITOR_FIRST", 1), packets = 0, endpoints = 0;

        c.report = report;
        c.ctx = &blame;
        c.initial_window = 20; /* scenarios configure up to that */
        m = sim_monitor_create(&c);
        CHECK(run != NULL && m != NULL);
        for (uint64_t seed = first; seed < first + seeds; seed++) {
                struct sim_options opt = {.faults = subset(seed, mask), .has_faults = true};
                struct sim_result result;

                blame.seed = seed;
                sim_monitor_reset(m);
                if (getenv("MONITOR_TRACE") != NULL)
                        opt.line = trace;
                opt.observer = sim_monitor_observer(NULL, m, 7);
                sim_scenario(run, seed, &opt, &result);
                packets += sim_monitor_counts(m)->packets_sent;
                endpoints += sim_monitor_counts(m)->endpoints;
        }
        printf("    %llu scenarios, %llu packets judged, %llu ends of connections, %u violations\n",
               (unsigned long long)seeds, (unsigned long long)packets,
               (unsigned long long)endpoints, blame.count);
        for (unsigned i = 0; i < SIM_RULES; i++)
                if (blame.rule[i] != 0)
                        printf("    %8llu %s\n", (unsigned long long)blame.rule[i],
                               sim_monitor_rule_name((enum sim_monitor_rule)i));
        sim_monitor_destroy(m);
        sim_run_free(run);
        CHECK_EQ(blame.count, 0);
        CHECK(packets > 0);
}

EK_TEST(monitor_clean_network)
{
        judge(0, number("MONITOR_SEEDS", 40), &(struct sim_monitor_config){0});
}

EK_TEST(monitor_bad_network)
{
        judge(NETWORK, number("MONITOR_SEEDS", 300), &(struct sim_monitor_config){0});
}

/* What does not speak of time still holds. A device that is busy has frames that were made before the newest
 * arrivals. */
EK_TEST(monitor_bad_hosts)
{
        judge(NETWORK | 1u << SIM_F_NOMEM | 1u << SIM_F_DEVICE | 1u << SIM_F_CLOCK |
                      1u << SIM_F_COOKIES,
              number("MONITOR_SEEDS", 200),
              &(struct sim_monitor_config){
                      .no_time = true, .slack_ns = ELKO_SEC(4), .react_ns = ELKO_SEC(10)});
}

EK_TEST_MAIN();
