/* SPDX-License-Identifier: MIT */
/*
 * test_tcp_mss.c - segment sizes: RFC 9293, 3.7.1, RFC 6691, RFC 879; RELIABILITY A1-9, A1-10.
 */
#include "tcp/mss.h"

#include "ek_test.h"

/* RFC 6691, 2: the option says MTU minus fixed headers, whatever options will be used. [RFC9293 MUST-67] */
EK_TEST(what_to_announce)
{
        CHECK_EQ(ek_mss_to_announce(1500, true, 0), 1460);
        CHECK_EQ(ek_mss_to_announce(1500, false, 0), 1440);
        CHECK_EQ(ek_mss_to_announce(576, true, 0), 536);
        CHECK_EQ(ek_mss_to_announce(1280, false, 0), 1220);
        CHECK_EQ(ek_mss_to_announce(65535, true, 0), 65495);
        CHECK_EQ(ek_mss_to_announce(1500, true, 1000), 1000);
        CHECK_EQ(ek_mss_to_announce(1500, true, 9000), 1460);
}

/* MUST-15: without the option 536, 1220 for IPv6. [RFC9293 MUST-15] */
EK_TEST(a1_10_no_option)
{
        CHECK_EQ(ek_mss_from_peer(0, true, 48), 536);
        CHECK_EQ(ek_mss_from_peer(0, false, 48), 1220);
}

EK_TEST(a1_9_floor)
{
        for (uint16_t mss = 1; mss < 200; mss++)
                CHECK_EQ(ek_mss_from_peer(mss, true, 48), mss < 48 ? 48 : mss);
        CHECK_EQ(ek_mss_from_peer(65535, true, 48), 65535);
}

/* MUST-16: Eff.snd.MSS = min(SendMSS + 20, MMS_S) - TCPhdrsize - IPoptionsize. [RFC9293 MUST-16] */
EK_TEST(effective)
{
        CHECK_EQ(ek_mss_effective(1460, 1500, true, 0, 0), 1460);
        CHECK_EQ(ek_mss_effective(1460, 1500, true, 0, 12), 1448);
        CHECK_EQ(ek_mss_effective(9000, 1500, true, 0, 12), 1448);
        CHECK_EQ(ek_mss_effective(536, 9000, true, 0, 12), 524);
        CHECK_EQ(ek_mss_effective(1440, 1500, false, 0, 12), 1428);
        CHECK_EQ(ek_mss_effective(1460, 1500, true, 600, 12), 588);
}

/* Never fewer than 8 payload bytes, never more than the path carries, whatever comes together. */
EK_TEST(always_sends_something)
{
        for (uint32_t i = ek_test_rounds(100000); i > 0; i--) {
                bool v4 = (ek_test_rand() & 1) != 0;
                uint16_t send = ek_mss_from_peer((uint16_t)ek_test_magnitude(16), v4, 48);
                uint16_t mtu = (uint16_t)(576 + ek_test_below(65535 - 576));
                uint32_t opts = ek_test_below(11) * 4;
                uint16_t limit = (ek_test_rand() & 3) == 0 ? (uint16_t)ek_test_magnitude(16) : 0;
                uint32_t mss = ek_mss_effective(send, mtu, v4, limit, opts);

                CHECK(mss >= 8);
                CHECK(mss + opts <= (uint32_t)send || mss == 8);
                CHECK(mss + opts + (v4 ? 40 : 60) <= mtu);
        }
}

EK_TEST_MAIN();
