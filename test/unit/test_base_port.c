/* test_base_port.c - byte order, saturating time, assertions. */
#include "base/port.h"

#include "ek_test.h"

EK_TEST(big_endian_is_the_same_at_every_alignment)
{
        const uint8_t wire[8] = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};
        uint8_t buf[24];
        uint32_t off;

        for (off = 0; off < 8; off++) {
                memcpy(buf + off, wire, 8);
                CHECK_EQ(ek_get16be(buf + off), 0x0123);
                CHECK_EQ(ek_get32be(buf + off), 0x01234567);
                CHECK_EQ(ek_get64be(buf + off), UINT64_C(0x0123456789abcdef));
                memset(buf, 0xee, sizeof(buf));
                ek_put16be(buf + off, 0x0123);
                CHECK_MEM_EQ(buf + off, wire, 2);
                CHECK_EQ(buf[off + 2], 0xee);
                ek_put32be(buf + off, 0x01234567);
                CHECK_MEM_EQ(buf + off, wire, 4);
                CHECK_EQ(buf[off + 4], 0xee);
                ek_put64be(buf + off, UINT64_C(0x0123456789abcdef));
                CHECK_MEM_EQ(buf + off, wire, 8);
                CHECK_EQ(buf[off + 8], 0xee);
        }
        ek_put32be(buf, 0xfedcba98);
        CHECK_EQ(ek_get32be(buf), 0xfedcba98);
        CHECK_EQ(ek_get16be(buf), 0xfedc);
}

EK_TEST(time_saturates_at_never)
{
        CHECK_EQ(ek_time_add(5, 7), 12);
        CHECK_EQ(ek_time_add(0, 0), 0);
        CHECK_EQ(ek_time_add(EK_NEVER, 0), EK_NEVER);
        CHECK_EQ(ek_time_add(EK_NEVER, 1), EK_NEVER);
        CHECK_EQ(ek_time_add(1, EK_NEVER), EK_NEVER);
        CHECK_EQ(ek_time_add(EK_NEVER - 5, 4), EK_NEVER - 1);
        CHECK_EQ(ek_time_add(EK_NEVER - 5, 6), EK_NEVER);
}

EK_TEST(min_and_max)
{
        CHECK_EQ(ek_min_u32(3, UINT32_MAX), 3);
        CHECK_EQ(ek_max_u32(3, UINT32_MAX), UINT32_MAX);
        CHECK_EQ(ek_min_u64(UINT64_C(1) << 40, 3), 3);
        CHECK_EQ(ek_max_u64(UINT64_C(1) << 40, 3), UINT64_C(1) << 40);
}

EK_TEST(container_of_finds_the_whole)
{
        struct whole {
                int a;
                char b[3];
                long part;
        } w;

        CHECK(ek_container_of(&w.part, struct whole, part) == &w);
        CHECK(ek_container_of(&w.b[0], struct whole, b) == &w);
}

EK_TEST(assertions_trap)
{
        EK_ASSERT(1 + 1 == 2);
        CHECK_TRAPS(EK_ASSERT(1 + 1 == 3));
}

EK_TEST_MAIN();
