/*
 * Packets as text: the usual lines word for word, and any garbage without harm.
 */
#include "wire/dump.h"

#include "wire/addr.h"
#include "wire/arp.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/ipv6.h"
#include "wire/nd.h"
#include "wire/tcp_hdr.h"

#include "../support/ek_test.h"

static char line[EK_DUMP_TEXT];

static const char *dump(enum elko_medium medium, const uint8_t *p, size_t n)
{
        size_t len = ek_dump_packet(line, sizeof(line), medium, p, n);

        CHECK_EQ(len, strlen(line));
        return line;
}

static size_t tcp_packet(uint8_t *p, const char *src, const char *dst, const struct ek_tcp_hdr *h,
                         uint32_t data)
{
        elko_ip s, d;
        uint8_t tcp[200] = {0};
        uint32_t n = ek_tcp_emit(tcp, h) + data;
        size_t ip;

        CHECK(elko_ip_parse(src, &s) && elko_ip_parse(dst, &d));
        ek_put16be(tcp + 16, ek_csum_fold(ek_csum_add(ek_csum_pseudo(&s, &d, 6, n), tcp, n)));
        ip = ek_addr_is_v4(&s) ? ek_ipv4_emit(p, &s, &d, 6, 64, 0, n)
                               : ek_ipv6_emit(p, &s, &d, 6, 64, 0, n);
        memcpy(p + ip, tcp, n);
        return ip + n;
}

EK_TEST(tcp_lines)
{
        struct ek_tcp_hdr syn = {.src_port = 40000,
                                 .dst_port = 80,
                                 .seq = 1000,
                                 .flags = ELKO_SYN,
                                 .wnd = 64240,
                                 .opt = {.present = ELKO_OPT_MSS | ELKO_OPT_SACK_PERMITTED |
                                                    ELKO_OPT_TIMESTAMPS | ELKO_OPT_WSCALE,
                                         .mss = 1460,
                                         .wscale = 7,
                                         .ts_val = 5}};
        struct ek_tcp_hdr data = {
                .src_port = 80,
                .dst_port = 40000,
                .seq = UINT32_MAX,
                .ack = 7,
                .flags = ELKO_PSH | ELKO_ACK,
                .wnd = 512,
                .opt = {.present = ELKO_OPT_SACK, .sack_count = 1, .sack = {{10, 20}}}};
        uint8_t p[200];
        size_t n = tcp_packet(p, "10.0.0.1", "10.0.0.2", &syn, 0);

        CHECK_STR_EQ(dump(ELKO_MEDIUM_IP, p, n),
                     "IP 10.0.0.1.40000 > 10.0.0.2.80: Flags [S], seq 1000, win 64240, options "
                     "[mss 1460,sackOK,TS val 5 ecr 0,wscale 7], length 0");
        n = tcp_packet(p, "2001:db8::1", "fe80::2", &data, 10);
        CHECK_STR_EQ(dump(ELKO_MEDIUM_IP, p, n),
                     "IP6 2001:db8::1.80 > fe80::2.40000: Flags [P.], seq 4294967295:9, ack 7, win "
                     "512, options [sack {10:20}], length 10");
        p[n - 1] ^= 1;
        CHECK(strstr(dump(ELKO_MEDIUM_IP, p, n), ", bad cksum,") != NULL);
}

EK_TEST(other_lines)
{
        uint8_t p[100] = {0}, mac[6] = {2, 0, 0, 0, 0, 1}, all[6];
        struct ek_arp arp = {.op = EK_ARP_REQUEST,
                             .sha = {2, 0, 0, 0, 0, 1},
                             .spa = elko_ip_v4(10, 0, 0, 1),
                             .tpa = elko_ip_v4(10, 0, 0, 2)};
        struct ek_icmp_msg echo = {.type = 8, .word = 0x00050006, .body_len = 4};
        size_t n;

        memset(all, 0xff, 6);
        n = ek_eth_emit(p, all, mac, EK_ETH_ARP);
        n += ek_arp_emit(p + n, &arp);
        CHECK_STR_EQ(dump(ELKO_MEDIUM_ETHERNET, p, n),
                     "02:00:00:00:00:01 > ff:ff:ff:ff:ff:ff ARP who-has 10.0.0.2 tell 10.0.0.1");
        arp.op = EK_ARP_REPLY;
        ek_arp_emit(p + 14, &arp);
        CHECK(strstr(dump(ELKO_MEDIUM_ETHERNET, p, n), "10.0.0.1 is-at 02:00:00:00:00:01") != NULL);
        n = ek_ipv4_emit(p, &arp.spa, &arp.tpa, 1, 64, 0, 12);
        n += ek_icmp4_emit(p + n, &echo);
        CHECK_STR_EQ(dump(ELKO_MEDIUM_IP, p, n),
                     "IP 10.0.0.1 > 10.0.0.2: ICMP type 8 code 0, echo id 5 seq 6, length 12");
        p[0] = 0x44;
        CHECK_STR_EQ(dump(ELKO_MEDIUM_IP, p, n), "IP [bad: IP_HDR_LEN]");
        CHECK_STR_EQ(dump(ELKO_MEDIUM_IP, p, 0), "IP [bad: IP_SHORT]");
        CHECK_STR_EQ(dump(ELKO_MEDIUM_ETHERNET, p, 5), "[bad: ETH_SHORT]");
}

/* Options as they come off the wire: elko itself sends none of these. */
EK_TEST(other_options)
{
        static const uint8_t options[] = {
                28, 4,  0x80, 5,                        /* user timeout */
                19, 18, 0,    0, 0, 0, 0, 0,  0, 0, 0,  /* MD5 ... */
                0,  0,  0,    0, 0, 0, 0, 77, 2, 8, 1}; /* ..., TS of one byte */
        uint8_t p[100] = {0x45};
        elko_ip a = elko_ip_v4(10, 0, 0, 1), b = elko_ip_v4(10, 0, 0, 2);
        uint8_t *tcp = p + 20;
        size_t n = 20 + (sizeof(options) + 3) / 4 * 4;

        ek_ipv4_emit(p, &a, &b, 6, 64, 0, (uint32_t)n);
        ek_put16be(tcp, 1);
        ek_put16be(tcp + 2, 2);
        tcp[12] = (uint8_t)(n / 4 << 4);
        tcp[13] = ELKO_ACK;
        memcpy(tcp + 20, options, sizeof(options));
        ek_put16be(tcp + 16,
                   ek_csum_fold(ek_csum_add(ek_csum_pseudo(&a, &b, 6, (uint32_t)n), tcp, n)));
        CHECK_STR_EQ(dump(ELKO_MEDIUM_IP, p, 20 + n),
                     "IP 10.0.0.1.1 > 10.0.0.2.2: Flags [.], seq 0, ack 0, win 0, options "
                     "[uto 32773,md5,unknown,malformed], length 0");
}

EK_TEST(other_protocols)
{
        uint8_t p[200] = {0};
        elko_ip a, b;
        struct ek_nd nd = {
                .type = EK_ICMP6_NEIGH_SOLICIT, .has_mac = true, .mac = {2, 0, 0, 0, 0, 9}};
        size_t n;

        a = elko_ip_v4(10, 0, 0, 1);
        b = elko_ip_v4(10, 0, 0, 2);
        n = ek_ipv4_emit(p, &a, &b, 17, 64, 0, 12);
        ek_put16be(p + n, 53);
        ek_put16be(p + n + 2, 5353);
        ek_put16be(p + n + 4, 12);
        CHECK_STR_EQ(dump(ELKO_MEDIUM_IP, p, n + 12),
                     "IP 10.0.0.1.53 > 10.0.0.2.5353: UDP, length 4");
        CHECK(elko_ip_parse("fe80::1", &a) && elko_ip_parse("ff02::1:ff00:2", &b));
        CHECK(elko_ip_parse("fe80::2", &nd.target));
        n = ek_ipv6_emit(p, &a, &b, 58, 255, 0, EK_ND_BYTES);
        n += ek_nd_emit(p + n, &a, &b, &nd);
        CHECK_STR_EQ(dump(ELKO_MEDIUM_IP, p, n),
                     "IP6 fe80::1 > ff02::1:ff00:2: ICMP6 type 135 code 0, who has fe80::2 mac "
                     "02:00:00:00:00:09, length 32");
}

EK_TEST(any_garbage_and_any_capacity)
{
        for (uint32_t round = 0; round < ek_test_rounds(100000); round++) {
                size_t n = ek_test_below(120),
                       cap = ek_test_below(3) ? EK_DUMP_TEXT : ek_test_below(60);
                uint8_t *p = malloc(n + 1);
                char *buf = malloc(cap + 1);

                for (size_t i = 0; i < n; i++)
                        p[i] = (uint8_t)ek_test_magnitude(8);
                if (n > 0 && ek_test_below(2))
                        p[0] = ek_test_below(2) ? 0x45 : 0x60;
                size_t len = ek_dump_packet(buf, cap, (enum elko_medium)(round % 2), p, n);

                CHECK(cap == 0 ? len == 0 : len < cap && buf[len] == '\0');
                free(p);
                free(buf);
        }
}

/* The longest line there can be fits EK_DUMP_TEXT. */
EK_TEST(longest_line)
{
        static const char host[] = "fec0:1111:2222:3333:4444:5555:6666:7777";
        struct ek_tcp_hdr h = {.src_port = 65535,
                               .dst_port = 65535,
                               .seq = 4000000000u,
                               .ack = 4000000000u,
                               .flags = 0x1ff,
                               .wnd = 65535,
                               .urg = 65535,
                               .opt = {.present = ELKO_OPT_SACK, .sack_count = 4}};
        uint8_t p[300], frame[320], mac[6] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};
        size_t n;

        for (int i = 0; i < 4; i++)
                h.opt.sack[i] = (struct elko_sack_block){4000000000u, 4000000001u};
        n = tcp_packet(p, host, host, &h, 50);
        ek_eth_emit(frame, mac, mac, EK_ETH_IPV6);
        memcpy(frame + 14, p, n);
        frame[14 + n - 1] = 1;
        CHECK(strlen(dump(ELKO_MEDIUM_ETHERNET, frame, n + 14)) < EK_DUMP_TEXT - 100);
}

EK_TEST_MAIN();
