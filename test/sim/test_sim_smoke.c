/* SPDX-License-Identifier: MIT */

/*
 * Some hundred seeds with everything on: no oracle objects, every fault class strikes, every pair of
 * classes meets. The same command line repeats a failure: elko sim --seed N.
 */
#include "ek_test.h"

#include "swarm.h"

EK_TEST_MAIN();

enum { FIRST = 1, SEEDS = 600 };

EK_TEST(seeds_pass_and_all_faults_meet)
{
        static struct sim_swarm_total t;
        struct sim_options opt = {.monitor = true};
        unsigned a = 0, b = 0;

        CHECK(sim_swarm(FIRST, FIRST + ek_test_rounds(SEEDS) - 1, 2, &opt, NULL, NULL, &t));
        for (uint32_t i = 0; i < t.failures; i++)
                printf("seed %llu: %s\n", (unsigned long long)t.failure[i].seed, t.failure[i].text);
        CHECK_EQ(t.failed, 0);
        CHECK_EQ(t.scenarios, ek_test_rounds(SEEDS));
        for (unsigned i = 1; i < SIM_FAULTS; i++)
                CHECK(t.scenarios_with[i] > t.scenarios / 50);
        CHECK(sim_swarm_pair_min(&t, &a, &b) > 0);
        CHECK(t.bytes > 1000000);
        CHECK(t.connections > t.scenarios);
}

/* Without faults nothing may fail for any reason, and every connection is served. */
EK_TEST(without_faults_all_is_well)
{
        static struct sim_swarm_total t;
        struct sim_options opt = {.has_faults = true, .monitor = true};

        CHECK(sim_swarm(FIRST, FIRST + 199, 2, &opt, NULL, NULL, &t));
        CHECK_EQ(t.failed, 0);
        for (unsigned i = 1; i < SIM_FAULTS; i++)
                CHECK_EQ(t.harms[i], 0);
}
