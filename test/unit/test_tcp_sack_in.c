/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_sack_in.c - RFC 2883's examples (4.1) as a sender reads them, and blocks that nobody should
 * believe.
 */
#include "tcp/sack_in.h"

#include "ek_test.h"

/* Numbers as in the RFC's examples, from a place where the circle turns over. */
#define BASE 0xfffff000u

struct row {
        const char *name;
        uint32_t ack, nxt, before;
        uint32_t n;
        uint32_t b[3][2];
        uint32_t duplicate; /* bytes */
};

static const struct row table[] = {
        {"no blocks", 4000, 6000, 4000, 0, {{0}}, 0},
        {"4.1.1: a whole segment twice", 4000, 6000, 4000, 1, {{3000, 3500}}, 500},
        {"4.1.2: with a hole", 4000, 6000, 4000, 2, {{3000, 3500}, {4500, 5000}}, 500},
        {"4.1.3: above the ACK", 4000, 6000, 4000, 2, {{5000, 5500}, {4500, 5500}}, 500},
        {"across the ACK", 4000, 6000, 4000, 1, {{3800, 4200}}, 400},
        {"three blocks", 2000, 6000, 2000, 3, {{1500, 2000}, {4000, 5000}, {3000, 3500}}, 500},
        {"only a hole", 4000, 6000, 4000, 1, {{4500, 5000}}, 0},
        {"two holes", 4000, 6000, 4000, 2, {{5500, 6000}, {4500, 5000}}, 0},
        {"second inside of the first", 4000, 6000, 4000, 2, {{4500, 5500}, {5000, 5500}}, 0},
        {"the second block is below", 4000, 6000, 4000, 2, {{4500, 5000}, {3000, 3500}}, 0},
        {"equal blocks", 4000, 6000, 4000, 2, {{4500, 5000}, {4500, 5000}}, 500},
        {"more than a segment", 4000, 6000, 4000, 1, {{1000, 4000}}, 3000},
        /* not to be believed */
        {"empty", 4000, 6000, 4000, 1, {{3000, 3000}}, 0},
        {"reversed", 4000, 6000, 4000, 1, {{3500, 3000}}, 0},
        {"before all that was sent", 4000, 6000, 1000, 1, {{2999, 3500}}, 0},
        {"the first byte that was sent", 4000, 6000, 1000, 1, {{3000, 3500}}, 500},
        {"beyond what was sent", 4000, 6000, 4000, 2, {{5500, 6001}, {4500, 7000}}, 0},
};

static struct ek_sack_seen seen(const struct row *r, struct elko_sack_block *block)
{
        for (uint32_t i = 0; i < r->n; i++)
                block[i] = (struct elko_sack_block){BASE + r->b[i][0], BASE + r->b[i][1]};
        return (struct ek_sack_seen){.block = block,
                                     .count = r->n,
                                     .ack = seq_make(BASE + r->ack),
                                     .nxt = seq_make(BASE + r->nxt),
                                     .before = r->before};
}

/* [RFC2883 5a 5b] */
EK_TEST(duplicates)
{
        struct elko_sack_block block[3];

        for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
                struct ek_sack_seen s = seen(&table[i], block);

                if (ek_sack_in_duplicate(&s) != table[i].duplicate)
                        ek_test_fail(__FILE__, __LINE__, "%s: %u bytes, not %u", table[i].name,
                                     ek_sack_in_duplicate(&s), table[i].duplicate);
        }
}

/* What is behind SND.UNA, in order; what can't be is left out, and nothing else with it. RELIABILITY A9-7.
 * [RFC2018 5a] */
EK_TEST(a9_7_blocks_that_count)
{
        static const struct {
                struct row r;
                uint32_t una, n, left[3];
        } rows[] = {
                {{.ack = 4000, .nxt = 6000, .n = 1, .b = {{4500, 5000}}}, 4000, 1, {4500}},
                {{.ack = 4000,
                  .nxt = 6000,
                  .n = 3,
                  .b = {{5500, 6000}, {4200, 4300}, {5000, 5100}}},
                 4000,
                 3,
                 {4200, 5000, 5500}},
                {{.ack = 4000, .nxt = 6000, .n = 1, .b = {{3000, 3500}}}, 4000, 0, {0}},
                {{.ack = 4000, .nxt = 6000, .n = 1, .b = {{3900, 4500}}}, 4000, 0, {0}},
                {{.ack = 4000, .nxt = 6000, .n = 1, .b = {{4000, 4500}}}, 4000, 0, {0}},
                {{.ack = 4000, .nxt = 6000, .n = 2, .b = {{5000, 6001}, {4500, 4600}}},
                 4000,
                 1,
                 {4500}},
                {{.ack = 4000, .nxt = 6000, .n = 1, .b = {{5000, 4500}}}, 4000, 0, {0}},
                {{.ack = 4000, .nxt = 6000, .n = 1, .b = {{5000, 5000}}}, 4000, 0, {0}},
                /* overtaken: SND.UNA is farther than this ACK */
                {{.ack = 3000, .nxt = 6000, .n = 2, .b = {{3500, 4500}, {5000, 5500}}},
                 4000,
                 1,
                 {5000}},
        };

        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
                struct elko_sack_block block[3], out[EK_SACK_IN_BLOCKS];
                struct row r = rows[i].r;
                struct ek_sack_seen s = seen(&r, block);
                uint32_t n = ek_sack_in_blocks(&s, seq_make(BASE + rows[i].una), out);

                CHECK_EQ(n, rows[i].n);
                for (uint32_t k = 0; k < n && k < rows[i].n; k++)
                        CHECK_EQ(out[k].left - BASE, rows[i].left[k]);
        }
}

EK_TEST_MAIN();
