/* SPDX-License-Identifier: MIT */
/*
 * Numbers, names, the test pattern: the small helpers of the tool. A value is taken whole or not at
 * all.
 */
#include "test/support/ek_test.h"

#include "cli/util.h"

EK_TEST_MAIN();

EK_TEST(sizes)
{
        static const struct {
                const char *text;
                uint64_t value;
        } good[] = {{"0", 0},
                    {"1500", 1500},
                    {"64K", 65536},
                    {"64k", 65536},
                    {"64KiB", 65536},
                    {"64M", 64u << 20},
                    {"1.5K", 1536},
                    {"2G", UINT64_C(2) << 30},
                    {"1T", UINT64_C(1) << 40},
                    {"10B", 10},
                    {"0x10", 16},
                    {"18446744073709551615", UINT64_MAX}};
        static const char *const bad[] = {"",     "K",     "-1",  "+1",           "64X", "1 K",
                                          "64KK", "1e400", "nan", "99999999999T", "0x1K"};
        uint64_t out;

        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
                CHECK(ek_util_parse_size(good[i].text, &out));
                CHECK_EQ(out, good[i].value);
        }
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                CHECK(!ek_util_parse_size(bad[i], &out));
}

EK_TEST(spans)
{
        static const struct {
                const char *text;
                uint64_t ns;
        } good[] = {{"1", ELKO_SEC(1)},      {"0.5", ELKO_MS(500)}, {"200ms", ELKO_MS(200)},
                    {"30s", ELKO_SEC(30)},   {"2m", ELKO_SEC(120)}, {"1h", ELKO_SEC(3600)},
                    {"500us", ELKO_US(500)}, {"10ns", 10}};
        static const char *const bad[] = {"", "s", "-1", "5 s", "5d", "5sec", "0x5"};
        uint64_t out;

        for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
                CHECK(ek_util_parse_span(good[i].text, ELKO_SEC(1), &out));
                CHECK_EQ(out, good[i].ns);
        }
        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
                CHECK(!ek_util_parse_span(bad[i], ELKO_SEC(1), &out));
        CHECK(ek_util_parse_span("7", ELKO_MS(1), &out));
        CHECK_EQ(out, ELKO_MS(7));
}

EK_TEST(mac_addresses)
{
        static const uint8_t want[6] = {0x02, 0xab, 0xCD, 0, 0, 0xff};
        uint8_t mac[6];

        CHECK(ek_util_parse_mac("02:ab:CD:00:00:ff", mac));
        CHECK_MEM_EQ(mac, want, 6);
        CHECK(!ek_util_parse_mac("02:ab:CD:00:00", mac));
        CHECK(!ek_util_parse_mac("02:ab:CD:00:00:fg", mac));
        CHECK(!ek_util_parse_mac("02-ab-CD-00-00-ff", mac));
        CHECK(!ek_util_parse_mac("", mac));
}

EK_TEST(formats)
{
        char buf[EK_UTIL_TEXT];
        char text[EK_UTIL_ENDPOINT_TEXT];
        elko_endpoint e = {.ip = elko_ip_v4(10, 0, 0, 1), .port = 80};

        CHECK_STR_EQ(ek_util_format_bytes(1023, buf), "1023 B");
        CHECK_STR_EQ(ek_util_format_bytes(1536, buf), "1.5 KiB");
        CHECK_STR_EQ(ek_util_format_span(1500, buf), "1.5 us");
        CHECK_STR_EQ(ek_util_format_span(ELKO_NEVER, buf), "never");
        CHECK_STR_EQ(ek_util_format_clock(61, buf), "01:01");
        CHECK_STR_EQ(ek_util_format_clock(3723, buf), "1:02:03");
        CHECK_STR_EQ(ek_util_format_endpoint(&e, text), "10.0.0.1:80");
        CHECK(elko_ip_parse("2001:db8::1", &e.ip));
        CHECK_STR_EQ(ek_util_format_endpoint(&e, text), "[2001:db8::1]:80");
        memset(&e.ip, 0, sizeof e.ip);
        CHECK_STR_EQ(ek_util_format_endpoint(&e, text), "*:80");
}

static void write_hosts(char *path)
{
        int fd = mkstemp(path);
        FILE *f = fd >= 0 ? fdopen(fd, "w") : NULL;

        CHECK(f != NULL);
        fputs("# comment\n"
              "127.0.0.1 localhost # not.this\n"
              "2001:db8::7\tbox box.example\n"
              "192.0.2.7   BOX   other\n"
              "not-an-address name\n",
              f);
        fclose(f);
}

EK_TEST(names_from_hosts)
{
        char path[] = "/tmp/ek_hosts_XXXXXX";
        char why[300];
        elko_ip ip;
        elko_ip v4 = elko_ip_v4(192, 0, 2, 7);

        write_hosts(path);
        CHECK(ek_util_resolve("box", 4, path, &ip, why, sizeof why));
        CHECK_MEM_EQ(&ip, &v4, sizeof ip);
        CHECK(ek_util_resolve("Box.Example", 0, path, &ip, why, sizeof why));
        CHECK(!elko_ip_is_v4(&ip));
        CHECK(!ek_util_resolve("box.example", 4, path, &ip, why, sizeof why));
        CHECK(!ek_util_resolve("not.this", 0, path, &ip, why, sizeof why));
        CHECK(!ek_util_resolve("name", 0, path, &ip, why, sizeof why));
        CHECK(!ek_util_resolve("", 0, path, &ip, why, sizeof why));
        CHECK(strstr(why, "DNS") != NULL);
        CHECK(!ek_util_resolve("box", 0, "/nonexistent", &ip, why, sizeof why));
        unlink(path);
}

EK_TEST(literal_addresses)
{
        char why[300];
        elko_ip ip;

        CHECK(ek_util_resolve("192.0.2.1", 0, "/nonexistent", &ip, why, sizeof why));
        CHECK(ek_util_resolve("[2001:db8::1]", 6, "/nonexistent", &ip, why, sizeof why));
        CHECK(!ek_util_resolve("192.0.2.1", 6, "/nonexistent", &ip, why, sizeof why));
        CHECK(!ek_util_resolve("[]", 0, "/nonexistent", &ip, why, sizeof why));
}

/* The pattern sees a lost, repeated, or swapped byte, wherever it is. */
EK_TEST(pattern)
{
        uint8_t buf[4096];

        ek_util_pattern_fill(123456789, buf, sizeof buf);
        CHECK_EQ(ek_util_pattern_check(123456789, buf, sizeof buf), sizeof buf);
        CHECK(ek_util_pattern_check(123456790, buf, sizeof buf) < 16);
        buf[1000] ^= 1;
        CHECK_EQ(ek_util_pattern_check(123456789, buf, sizeof buf), 1000);
        CHECK(ek_util_pattern_byte(0) != ek_util_pattern_byte(4096));
}
