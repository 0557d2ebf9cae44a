/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_reasm.c - out-of-order data against a bitmap: every way in which three segments can
 * overlap on a grid of ten cells, in all orders (RELIABILITY A7-1, A7-2), random segments on a
 * larger one, and the blocks that report it: RFC 2018, 4 and the figures of RFC 2883, 4.
 */
#include "tcp/reasm.h"

#include "ek_test.h"

enum { CELLS = 10, MANY = 200, CAP = 64 };

struct model {
        bool got[MANY];
        uint32_t next; /* first cell that is missing */
};

static struct ek_ranges *memory(uint16_t cap)
{
        static uint64_t mem[EK_RANGES_BYTES(CAP) / 8 + 1];

        ek_ranges_init((struct ek_ranges *)mem, cap);
        return (struct ek_ranges *)mem;
}

/* What the engine does with a segment [lo, hi). False: no room for another range. */
static bool arrive(struct ek_reasm *r, uint64_t *next, uint64_t lo, uint64_t hi)
{
        if (hi <= *next)
                return true;
        if (lo <= *next) {
                *next = ek_reasm_advance(r, hi);
                return true;
        }
        return ek_reasm_add(r, lo, hi) == EK_REASM_OK;
}

static void model_arrive(struct model *m, uint32_t lo, uint32_t hi)
{
        for (uint32_t i = lo; i < hi; i++)
                m->got[i] = true;
        while (m->next < MANY && m->got[m->next])
                m->next++;
}

static void compare(const struct ek_reasm *r, uint64_t next, const struct model *m, uint32_t cells)
{
        uint64_t bytes = 0, top = 0;

        CHECK_EQ(next, m->next);
        for (uint32_t i = (uint32_t)next; i < cells; i++) {
                bool there = ek_reasm_has_holes(r) && ek_ranges_contains(r->ranges, i, i + 1);

                CHECK_EQ(there, m->got[i]);
                bytes += m->got[i];
                if (m->got[i])
                        top = i + 1;
        }
        CHECK_EQ(ek_reasm_bytes(r), bytes);
        CHECK_EQ(ek_reasm_top(r), top);
        CHECK_EQ(ek_reasm_has_holes(r), bytes != 0);
        CHECK(ek_ranges_check(r->ranges));
}

struct part {
        uint8_t lo, hi;
};

static uint32_t all_parts(struct part out[])
{
        uint32_t n = 0;

        for (uint8_t lo = 0; lo < CELLS; lo++)
                for (uint8_t hi = (uint8_t)(lo + 1); hi <= CELLS; hi++)
                        out[n++] = (struct part){lo, hi};
        return n;
}

static void play(const struct part *a, const struct part *b, const struct part *c)
{
        const struct part *order[] = {a, b, c};
        struct ek_reasm r = {.ranges = memory(4)};
        struct model m = {0};
        uint64_t next = 0;

        for (int i = 0; i < 3; i++) {
                CHECK(arrive(&r, &next, order[i]->lo, order[i]->hi));
                model_arrive(&m, order[i]->lo, order[i]->hi);
                compare(&r, next, &m, CELLS);
        }
}

EK_TEST(a7_1_three_segments_in_every_order)
{
        struct part parts[CELLS * CELLS];
        uint32_t n = all_parts(parts);

        for (uint32_t a = 0; a < n; a++)
                for (uint32_t b = 0; b < n; b++)
                        for (uint32_t c = 0; c < n; c++)
                                play(&parts[a], &parts[b], &parts[c]);
}

/* Many segments, few ranges: what does not fit is refused and changes nothing; the segment at the
 * edge is always taken (RELIABILITY A4-5). */
EK_TEST(random_segments_with_little_room)
{
        for (uint32_t round = ek_test_rounds(300); round > 0; round--) {
                struct ek_reasm r = {.ranges = memory((uint16_t)(1 + ek_test_below(6)))};
                struct model m = {0};
                uint64_t next = 0;

                for (int i = 0; i < 200; i++) {
                        uint32_t lo = ek_test_below(MANY - 1);
                        uint32_t hi = lo + 1 + ek_test_below(12);

                        hi = hi > MANY ? MANY : hi;
                        if (i % 4 == 0)
                                lo = (uint32_t)next < hi ? (uint32_t)next : lo;
                        if (arrive(&r, &next, lo, hi))
                                model_arrive(&m, lo, hi);
                        else
                                CHECK(lo > next);
                        compare(&r, next, &m, MANY);
                }
        }
}

/* ---- blocks ---- */

static void expect(const struct ek_reasm *r, uint32_t max, uint32_t n, const uint64_t want[])
{
        struct ek_reasm_block got[4];

        CHECK_EQ(ek_reasm_blocks(r, got, max), n);
        for (uint32_t i = 0; i < n; i++) {
                CHECK_EQ(got[i].lo, want[2 * i]);
                CHECK_EQ(got[i].hi, want[2 * i + 1]);
        }
}

/* RFC 2018, 4: the first block holds the segment that triggered the ACK, the rest repeats the most
 * recently reported ones; 7, case 2: the first of eight segments is lost. [RFC2018 4e 4f 4g] */
EK_TEST(rfc2018_4_order_of_blocks)
{
        struct ek_reasm r = {.ranges = memory(8)};

        CHECK_EQ(ek_reasm_add(&r, 5500, 6000), EK_REASM_OK);
        expect(&r, 4, 1, (uint64_t[]){5500, 6000});
        CHECK_EQ(ek_reasm_add(&r, 6000, 6500), EK_REASM_OK);
        expect(&r, 4, 1, (uint64_t[]){5500, 6500});
        CHECK_EQ(ek_reasm_add(&r, 7000, 7500), EK_REASM_OK);
        expect(&r, 4, 2, (uint64_t[]){7000, 7500, 5500, 6500});
        CHECK_EQ(ek_reasm_add(&r, 8000, 8500), EK_REASM_OK);
        expect(&r, 3, 3, (uint64_t[]){8000, 8500, 7000, 7500, 5500, 6500});
        /* the hole in the middle is filled: the joint block is the most recent one */
        CHECK_EQ(ek_reasm_add(&r, 6500, 7000), EK_REASM_OK);
        expect(&r, 3, 2, (uint64_t[]){5500, 7500, 8000, 8500});
        /* room for fewer */
        expect(&r, 1, 1, (uint64_t[]){5500, 7500});
        expect(&r, 0, 0, NULL);
}

/* RFC 2018, 7, case 3: the 2nd, 4th, 6th and 8th segments are lost; then the 4th comes, then the
 * 2nd. */
EK_TEST(rfc2018_7_case_3)
{
        struct ek_reasm r = {.ranges = memory(8)};

        ek_reasm_add(&r, 6000, 6500);
        ek_reasm_add(&r, 7000, 7500);
        ek_reasm_add(&r, 8000, 8500);
        expect(&r, 4, 3, (uint64_t[]){8000, 8500, 7000, 7500, 6000, 6500});
        ek_reasm_add(&r, 6500, 7000);
        expect(&r, 4, 2, (uint64_t[]){6000, 7500, 8000, 8500});
        CHECK_EQ(ek_reasm_advance(&r, 6000), 7500);
        expect(&r, 4, 1, (uint64_t[]){8000, 8500});
}

/* RFC 2883, 4.1.1: a full segment was received twice, below the cumulative ACK. Reported once. */
EK_TEST(rfc2883_4_1_1_duplicate_below_the_ack)
{
        struct ek_reasm r = {.ranges = memory(8)};

        ek_reasm_on_duplicate(&r, 3000, 3500);
        expect(&r, 4, 1, (uint64_t[]){3000, 3500});
        ek_reasm_on_sent(&r);
        CHECK(!ek_reasm_has_dsack(&r));
        expect(&r, 4, 0, NULL);
}

/* RFC 2883, 4.1.2: the duplicate first, then the out-of-order block. */
EK_TEST(rfc2883_4_1_2_with_a_hole)
{
        struct ek_reasm r = {.ranges = memory(8)};

        ek_reasm_add(&r, 4500, 5000);
        ek_reasm_on_duplicate(&r, 3000, 3500);
        expect(&r, 4, 2, (uint64_t[]){3000, 3500, 4500, 5000});
        ek_reasm_on_sent(&r);
        expect(&r, 4, 1, (uint64_t[]){4500, 5000});
}

/* RFC 2883, 4.1.3: a duplicate of an out-of-order segment; the second block is the larger one that
 * holds it. */
EK_TEST(rfc2883_4_1_3_duplicate_beyond_the_ack)
{
        struct ek_reasm r = {.ranges = memory(8)};

        ek_reasm_add(&r, 4500, 5500);
        ek_reasm_add(&r, 6000, 6500);
        CHECK(ek_reasm_note_overlap(&r, 5000, 5500));
        CHECK_EQ(ek_reasm_add(&r, 5000, 5500), EK_REASM_OK);
        expect(&r, 4, 3, (uint64_t[]){5000, 5500, 4500, 5500, 6000, 6500});
}

/* RFC 2883, 4.2.1 and 4.2.2: part of a segment is a duplicate. */
EK_TEST(rfc2883_4_2_partial_duplicate)
{
        struct ek_reasm r = {.ranges = memory(8)};

        ek_reasm_add(&r, 1500, 2500);
        CHECK(ek_reasm_note_overlap(&r, 1000, 2000));
        expect(&r, 4, 2, (uint64_t[]){1500, 2000, 1500, 2500});
        ek_reasm_on_sent(&r);
        CHECK(!ek_reasm_note_overlap(&r, 500, 1500));
        CHECK(!ek_reasm_has_dsack(&r));
}

/* RFC 2883, 4.3: two duplicate parts; only the first is reported. [RFC2883 4.2b] */
EK_TEST(rfc2883_4_3_two_duplicate_parts)
{
        struct ek_reasm r = {.ranges = memory(8)};

        ek_reasm_add(&r, 1500, 2000);
        ek_reasm_add(&r, 2500, 3000);
        CHECK(ek_reasm_note_overlap(&r, 1000, 3500));
        expect(&r, 1, 1, (uint64_t[]){1500, 2000});
}

/* A connection without holes holds no memory for them. */
EK_TEST(works_without_memory)
{
        struct ek_reasm r = {0};

        CHECK_EQ(ek_reasm_advance(&r, 77), 77);
        CHECK(!ek_reasm_has_holes(&r) && !ek_reasm_note_overlap(&r, 1, 2));
        CHECK_EQ(ek_reasm_top(&r) + ek_reasm_bytes(&r), 0);
        ek_reasm_on_duplicate(&r, 5, 9);
        expect(&r, 4, 1, (uint64_t[]){5, 9});
}

EK_TEST_MAIN();
