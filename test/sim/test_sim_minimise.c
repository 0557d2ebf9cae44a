/* SPDX-License-Identifier: MIT */

/*
 * A failure is made small: an oracle that objects to something with one cause leaves that cause alone in
 * the script, and the script, written and read again, gives the same failure.
 */
#include "ek_test.h"

#include "minimise.h"
#include "packet.h"

EK_TEST_MAIN();

/* Objects to a packet that arrives damaged. */
struct damage {
        bool seen;
};

static void begin(void *self)
{
        ((struct damage *)self)->seen = false;
}

static void arrives(void *self, int at, const uint8_t *packet, size_t len, uint64_t now)
{
        (void)at;
        (void)now;
        if (!sim_packet_is_whole(packet, len))
                ((struct damage *)self)->seen = true;
}

static const char *verdict(void *self)
{
        return ((struct damage *)self)->seen ? "planted: a damaged packet arrived" : NULL;
}

static uint32_t count(const struct sim_decisions *script, enum sim_fault class)
{
        uint32_t n = 0;

        for (uint32_t i = 0; i < script->count; i++)
                n += script->list[i].class == class;
        return n;
}

EK_TEST(a_planted_failure_shrinks_to_its_cause)
{
        struct damage damage = {false};
        struct sim_options opt = {
                .observer = {.self = &damage, .arrives = arrives},
                .begin = begin,
                .verdict = verdict,
                .has_faults = true,
                .faults = 1u << SIM_F_LOSS | 1u << SIM_F_DUP | 1u << SIM_F_CORRUPT |
                          1u << SIM_F_DELAY | 1u << SIM_F_APP,
        };
        struct sim_run *run = sim_run_new();
        unsigned found = 0;

        CHECK(run != NULL);
        for (uint64_t seed = 1; seed <= 40 && found < 10; seed++) {
                struct sim_minimised m;

                if (!sim_minimise(run, seed, &opt, &m))
                        continue;
                found++;
                CHECK(m.before >= m.script.count);
                /* One damaged packet; it needs a connection, and whoever makes the packet exist. */
                CHECK_EQ(count(&m.script, SIM_F_CORRUPT), 1);
                CHECK(count(&m.script, SIM_F_SHAPE) >= 1);
                CHECK(m.script.count <= 10);
                CHECK(strstr(m.result.failure, "planted") != NULL);
                sim_decisions_free(&m.script);
        }
        CHECK_EQ(found, 10);
        sim_run_free(run);
}

EK_TEST(a_script_survives_being_written)
{
        struct sim_decisions script = {0}, again = {0};
        FILE *file = tmpfile();
        uint64_t seed = 0;
        unsigned line;

        CHECK(file != NULL);
        CHECK(sim_decisions_add(&script, (struct sim_decision){.class = SIM_F_SHAPE, .where = 3}));
        CHECK(sim_decisions_add(&script,
                                (struct sim_decision){.class = SIM_F_LOSS,
                                                      .where = (uint16_t)sim_where_path(0, 2),
                                                      .n = 4000000000u}));
        sim_script_write(file, UINT64_MAX - 1, &script, "why # not");
        rewind(file);
        CHECK(sim_script_read(file, &seed, &again, &line) == NULL);
        CHECK_EQ(seed, UINT64_MAX - 1);
        CHECK_EQ(again.count, 2);
        for (uint32_t i = 0; i < script.count; i++)
                CHECK(sim_decisions_has(&again, script.list[i]));
        CHECK(!sim_decisions_has(&again, (struct sim_decision){.class = SIM_F_LOSS}));
        fclose(file);
        sim_decisions_free(&script);
        sim_decisions_free(&again);
}

static const char *read_text(const char *text, unsigned *line)
{
        struct sim_decisions script = {0};
        FILE *file = tmpfile();
        const char *bad;
        uint64_t seed;

        CHECK(file != NULL);
        fputs(text, file);
        rewind(file);
        bad = sim_script_read(file, &seed, &script, line);
        fclose(file);
        sim_decisions_free(&script);
        return bad;
}

EK_TEST(a_wrong_script_is_refused_with_its_line)
{
        unsigned line;

        CHECK(read_text("seed 1\n\n# all\nallow loss 0>1 5 # x\n", &line) == NULL);
        CHECK(read_text("", &line) != NULL);
        CHECK(read_text("seed 1\nallow rain 0 1\n", &line) != NULL);
        CHECK_EQ(line, 2);
        CHECK(read_text("seed 1\nallow loss 0>99 1\n", &line) != NULL);
        CHECK(read_text("seed 1\nallow loss x 1\n", &line) != NULL);
        CHECK(read_text("seed 1\nallow loss 0>1\n", &line) != NULL);
        CHECK(read_text("seed 1\nseed 2\n", &line) != NULL);
        CHECK_EQ(line, 2);
        CHECK(read_text("seed 1 2\n", &line) != NULL);
        CHECK(read_text("allow loss 0>1 5\n", &line) != NULL);
}

EK_TEST(rules_are_found_in_failures)
{
        char rule[64];

        sim_rule_of("at 1.500000 s: elko 0: I-30: text: more", rule, sizeof(rule));
        CHECK_STR_EQ(rule, "I-30");
        sim_rule_of("at 1.500000 s: O1 (I-12): connection 1", rule, sizeof(rule));
        CHECK_STR_EQ(rule, "O1 (I-12)");
        sim_rule_of("the process died", rule, 4);
        CHECK_STR_EQ(rule, "the");
}
