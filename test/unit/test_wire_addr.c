/*
 * Addresses: text, classes, prefixes.
 */
#include "wire/addr.h"

#include <elko/info.h>
#include <elko/stack.h>
#include <elko/trace.h>

#include "../support/ek_test.h"

static elko_ip ip_of(const char *text)
{
        elko_ip ip;

        if (!elko_ip_parse(text, &ip))
                ek_test_fail(__FILE__, __LINE__, "not an address: %s", text);
        return ip;
}

/* Texts and what they are written as; RFC 5952's own examples among them. */
EK_TEST(parse_and_format)
{
        static const char *const pairs[][2] = {
                {"0.0.0.0", "0.0.0.0"},
                {"255.255.255.255", "255.255.255.255"},
                {"192.0.2.1", "192.0.2.1"},
                {"10.20.100.9", "10.20.100.9"},
                {"::", "::"},
                {"::1", "::1"},
                {"1::", "1::"},
                {"2001:DB8::1", "2001:db8::1"},
                {"2001:0db8:0000:0000:0000:0000:0000:0001", "2001:db8::1"},
                {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
                {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
                {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
                {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
                {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
                {"1:0:0:4:5:6:0:0", "1::4:5:6:0:0"},
                {"0:0:1::", "0:0:1::"},
                {"::ffff:192.0.2.1", "192.0.2.1"},
                {"::FFFF:c000:0201", "192.0.2.1"},
                {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
                {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
                {"fe80::200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf"},
                {"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
                 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
        };
        char buf[ELKO_IP_TEXT];
        elko_ip ip;

        for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
                ip = ip_of(pairs[i][0]);
                CHECK_EQ(elko_ip_format(&ip, buf), strlen(pairs[i][1]));
                CHECK_STR_EQ(buf, pairs[i][1]);
        }
}

EK_TEST(parse_refuses)
{
        static const char *const bad[] = {
                "",
                " ",
                "1",
                "1.2.3",
                "1.2.3.4.5",
                "1.2.3.256",
                "01.2.3.4",
                "1.2.3.04",
                "1.2.3.4 ",
                " 1.2.3.4",
                "1..2.3",
                ".1.2.3",
                "1.2.3.",
                "1.2.3.-4",
                "0x1.2.3.4",
                "1.2.3.4/24",
                ":",
                ":::",
                "1:",
                ":1",
                "1:2:3:4:5:6:7",
                "1:2:3:4:5:6:7:8:9",
                "1:2:3:4:5:6:7:8:",
                "1::2::3",
                "12345::",
                "g::",
                "::1%eth0",
                "[::1]",
                "::1/64",
                "1:2:3:4:5:6:7::8",
                "1:2:3:4:5:6:7:1.2.3.4",
                "::1.2.3",
                "1.2.3.4::",
                "::1.2.3.4:5",
                "::1.2.3.4.",
                "::00001",
                "1:2:3:4:5:6:7:8::",
                "::-1",
                "::99999999999999999999999",
                "9999999999999999999.1.1.1",
        };
        elko_ip ip;

        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                if (elko_ip_parse(bad[i], &ip))
                        ek_test_fail(__FILE__, __LINE__, "taken for an address: \"%s\"", bad[i]);
        CHECK(!elko_ip_parse(NULL, &ip));
}

EK_TEST(format_then_parse_is_identity)
{
        char buf[ELKO_IP_TEXT];
        elko_ip ip, back;

        for (int round = 0; round < 50000; round++) {
                for (int i = 0; i < 16; i++)
                        ip.b[i] = ek_test_rand() % 2 ? 0 : (uint8_t)ek_test_rand();
                if (round % 4 == 0)
                        ip = elko_ip_v4(ip.b[0], ip.b[1], ip.b[2], ip.b[3]);
                CHECK(elko_ip_format(&ip, buf) < ELKO_IP_TEXT);
                CHECK(elko_ip_parse(buf, &back));
                CHECK_MEM_EQ(&ip, &back, sizeof(ip));
        }
}

/* Every text of a few characters: no crash, and what is accepted survives a round trip. */
EK_TEST(parse_all_short_texts)
{
        static const char alphabet[] = "0:.f1";
        char text[8], out[ELKO_IP_TEXT];
        elko_ip ip, back;

        for (uint32_t code = 0; code < 78125; code++) {
                uint32_t c = code;

                for (int i = 0; i < 7; i++, c /= 5)
                        text[i] = alphabet[c % 5];
                text[7] = '\0';
                for (int from = 0; from < 7; from++) {
                        if (!elko_ip_parse(text + from, &ip))
                                continue;
                        elko_ip_format(&ip, out);
                        CHECK(elko_ip_parse(out, &back));
                        CHECK_MEM_EQ(&ip, &back, sizeof(ip));
                }
        }
}

EK_TEST(prefixes_as_text)
{
        elko_ip ip;
        unsigned bits;

        CHECK(elko_ip_parse_prefix("192.0.2.0/24", &ip, &bits));
        CHECK_EQ(bits, 24);
        CHECK(elko_ip_parse_prefix("0.0.0.0/0", &ip, &bits));
        CHECK_EQ(bits, 0);
        CHECK(elko_ip_parse_prefix("192.0.2.1", &ip, &bits));
        CHECK_EQ(bits, 32);
        CHECK(elko_ip_parse_prefix("2001:db8::/64", &ip, &bits));
        CHECK_EQ(bits, 64);
        CHECK(elko_ip_parse_prefix("::1", &ip, &bits));
        CHECK_EQ(bits, 128);
        CHECK(!elko_ip_parse_prefix("192.0.2.0/33", &ip, &bits));
        CHECK(!elko_ip_parse_prefix("::/129", &ip, &bits));
        CHECK(!elko_ip_parse_prefix("192.0.2.0/", &ip, &bits));
        CHECK(!elko_ip_parse_prefix("192.0.2.0/08", &ip, &bits));
        CHECK(!elko_ip_parse_prefix("192.0.2.0/8x", &ip, &bits));
        CHECK(!elko_ip_parse_prefix("/8", &ip, &bits));
        CHECK(!elko_ip_parse_prefix(NULL, &ip, &bits));
        CHECK(!elko_ip_parse_prefix("00000000000000000000000000000000000000000000000000/1", &ip,
                                    &bits));
}

enum { ANY = 1, LOOP = 2, MULTI = 4, BCAST = 8, LINK = 16, UNI = 32, V4 = 64 };

EK_TEST(classes)
{
        static const struct {
                const char *text;
                int class;
        } t[] = {
                {"0.0.0.0", V4 | ANY},
                {"0.1.2.3", V4},
                {"127.0.0.1", V4 | LOOP},
                {"127.255.255.255", V4 | LOOP},
                {"126.0.0.1", V4 | UNI},
                {"224.0.0.1", V4 | MULTI},
                {"239.255.255.255", V4 | MULTI},
                {"223.255.255.255", V4 | UNI},
                {"240.0.0.1", V4 | UNI},
                {"255.255.255.255", V4 | BCAST},
                {"169.254.1.1", V4 | LINK | UNI},
                {"::", ANY},
                {"::1", LOOP},
                {"::2", UNI},
                {"ff02::1", MULTI},
                {"fe80::1", LINK | UNI},
                {"febf::1", LINK | UNI},
                {"fec0::1", UNI},
                {"fe7f::1", UNI},
                {"2001:db8::1", UNI},
                {"::fffe:1.2.3.4", UNI},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                elko_ip ip = ip_of(t[i].text);

                CHECK_EQ(ek_addr_is_any(&ip), (t[i].class & ANY) != 0);
                CHECK_EQ(ek_addr_is_loopback(&ip), (t[i].class & LOOP) != 0);
                CHECK_EQ(ek_addr_is_multicast(&ip), (t[i].class & MULTI) != 0);
                CHECK_EQ(ek_addr_is_broadcast(&ip), (t[i].class & BCAST) != 0);
                CHECK_EQ(ek_addr_is_link_local(&ip), (t[i].class & LINK) != 0);
                CHECK_EQ(ek_addr_is_unicast(&ip), (t[i].class & UNI) != 0);
                CHECK_EQ(ek_addr_is_v4(&ip), (t[i].class & V4) != 0);
        }
}

static bool bit(const elko_ip *ip, unsigned i)
{
        return (ip->b[i / 8] >> (7 - i % 8) & 1) != 0;
}

EK_TEST(prefix_functions_bit_by_bit)
{
        elko_ip a, b, m;
        unsigned common;

        for (int round = 0; round < 300; round++) {
                for (int i = 0; i < 16; i++)
                        a.b[i] = (uint8_t)ek_test_rand();
                b = a;
                common = (unsigned)(ek_test_rand() % 129);
                if (common < 128)
                        b.b[common / 8] ^= (uint8_t)(0x80 >> common % 8);
                CHECK_EQ(ek_addr_common_bits(&a, &b), common);
                for (unsigned n = 0; n <= 128; n++) {
                        CHECK_EQ(ek_addr_prefix_match(&a, &b, n), n <= common);
                        m = ek_addr_mask(&a, n, false);
                        for (unsigned i = 0; i < 128; i++)
                                CHECK_EQ(bit(&m, i), i < n && bit(&a, i));
                        m = ek_addr_mask(&a, n, true);
                        for (unsigned i = 0; i < 128; i++)
                                CHECK_EQ(bit(&m, i), i >= n || bit(&a, i));
                }
        }
}

EK_TEST(multicast_mapping)
{
        static const uint8_t v4_mac[] = {0x01, 0x00, 0x5e, 0x7f, 0x01, 0x02};
        static const uint8_t v6_mac[] = {0x33, 0x33, 0xff, 0x21, 0x67, 0xcf};
        elko_ip group = ip_of("239.255.1.2"), host = ip_of("fe80::200:f8ff:fe21:67cf");
        elko_ip node = ek_addr_solicited_node(&host), want = ip_of("ff02::1:ff21:67cf");
        uint8_t mac[6];

        ek_addr_multicast_mac(&group, mac);
        CHECK_MEM_EQ(mac, v4_mac, 6);
        CHECK_MEM_EQ(&node, &want, 16);
        ek_addr_multicast_mac(&node, mac);
        CHECK_MEM_EQ(mac, v6_mac, 6);
}

EK_TEST(names)
{
        CHECK_STR_EQ(elko_error_name(ELKO_ECONNRESET), "ECONNRESET");
        CHECK_STR_EQ(elko_error_text(ELKO_ECONNRESET), "the peer reset the connection");
        CHECK_STR_EQ(elko_error_text(ELKO_OK), "no error");
        CHECK_STR_EQ(elko_error_text(4711), "not an error code of elko");
        CHECK_STR_EQ(elko_error_name(0), "OK");
        CHECK_STR_EQ(elko_error_name(17), "?");
        CHECK_STR_EQ(elko_error_name(-1000), "?");
        CHECK_STR_EQ(elko_drop_name(ELKO_DROP_TCP_CSUM), "TCP_CSUM");
        CHECK_STR_EQ(elko_drop_text(ELKO_DROP_TCP_CSUM), "wrong TCP checksum");
        CHECK_STR_EQ(elko_drop_name(ELKO_DROP_COUNT), "?");
        CHECK_STR_EQ(elko_drop_name((enum elko_drop) - 1), "?");
        CHECK_STR_EQ(elko_tcp_state_name(ELKO_TCP_SYN_SENT), "SYN-SENT");
        CHECK_STR_EQ(elko_tcp_state_name(ELKO_TCP_STATE_COUNT), "?");
        CHECK_STR_EQ(elko_trace_name(ELKO_TRACE_SEGMENT_IN), "segment_received");
        CHECK_STR_EQ(elko_why_text(ELKO_WHY_RST), "reset");
        CHECK_STR_EQ(elko_timer_name(ELKO_TIMER_RTO), "retransmission");
        CHECK_STR_EQ(elko_version(), "0.1.0");
}

EK_TEST_MAIN();
