/* SPDX-License-Identifier: MIT */

/*
 * I-41: a scenario is a function of its seed. The same seeds run in another order, in memory that others
 * left dirty, under a script of all their own decisions, or in several processes give the same trace
 * hashes.
 */
#include "ek_test.h"

#include "minimise.h"
#include "scenario.h"
#include "swarm.h"

EK_TEST_MAIN();

enum { FIRST = 1, SEEDS = 60 };

static struct sim_result run_seed(struct sim_run *run, uint64_t seed, const struct sim_options *opt)
{
        struct sim_result r;

        sim_scenario(run, seed, opt, &r);
        return r;
}

EK_TEST(another_order_gives_the_same_hashes)
{
        struct sim_run *one = sim_run_new(), *two = sim_run_new();
        struct sim_options opt = {0};
        uint64_t hash[SEEDS];

        CHECK(one != NULL && two != NULL);
        for (unsigned i = 0; i < SEEDS; i++)
                hash[i] = run_seed(one, FIRST + i, &opt).hash;
        for (unsigned i = SEEDS; i-- > 0;)
                CHECK_EQ(run_seed(two, FIRST + i, &opt).hash, hash[i]);
        for (unsigned i = 0; i < SEEDS; i++)
                CHECK_EQ(run_seed(two, FIRST + (i * 7) % SEEDS, &opt).hash, hash[(i * 7) % SEEDS]);
        sim_run_free(one);
        sim_run_free(two);
}

EK_TEST(seeds_differ)
{
        struct sim_run *run = sim_run_new();
        struct sim_options opt = {0};
        uint64_t before = 0;

        CHECK(run != NULL);
        for (unsigned i = 0; i < SEEDS; i++) {
                uint64_t hash = run_seed(run, FIRST + i, &opt).hash;

                CHECK(hash != before);
                before = hash;
        }
        sim_run_free(run);
}

/* Decisions are functions of their identity: allowing exactly those that were made changes nothing. */
EK_TEST(a_script_of_all_decisions_is_the_same_run)
{
        struct sim_run *run = sim_run_new();
        struct sim_decisions made = {0};
        struct sim_options record = {.record = &made}, replay = {.allowed = &made};

        CHECK(run != NULL);
        for (unsigned i = 0; i < SEEDS; i++) {
                struct sim_result r;

                made.count = 0;
                r = run_seed(run, FIRST + i, &record);
                sim_decisions_sort(&made);
                CHECK_EQ(run_seed(run, FIRST + i, &replay).hash, r.hash);
        }
        sim_decisions_free(&made);
        sim_run_free(run);
}

EK_TEST(watching_changes_nothing)
{
        struct sim_run *run = sim_run_new();
        struct sim_options plain = {0}, watched = {.monitor = true};

        CHECK(run != NULL);
        for (unsigned i = 0; i < SEEDS; i++) {
                struct sim_result a = run_seed(run, FIRST + i, &plain);
                struct sim_result b = run_seed(run, FIRST + i, &watched);

                CHECK_EQ(a.failed, b.failed);
                CHECK_EQ(a.hash, b.hash);
        }
        sim_run_free(run);
}

EK_TEST(processes_share_the_work_and_nothing_else)
{
        static struct sim_swarm_total alone, shared;
        struct sim_options opt = {0};

        CHECK(sim_swarm(FIRST, FIRST + SEEDS - 1, 0, &opt, NULL, NULL, &alone));
        CHECK(sim_swarm(FIRST, FIRST + SEEDS - 1, 3, &opt, NULL, NULL, &shared));
        CHECK_EQ(alone.scenarios, SEEDS);
        CHECK_EQ(shared.scenarios, SEEDS);
        CHECK_EQ(alone.hash, shared.hash);
        CHECK_EQ(alone.packets, shared.packets);
}
