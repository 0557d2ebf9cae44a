/*
 * ICMP, ICMPv6, quotes, neighbour discovery, UDP, ARP and Ethernet: short and lying packets by tables
 * (RELIABILITY A1-14, A1-18, A1-19), round trips for the rest.
 */
#include "wire/addr.h"
#include "wire/arp.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/ipv6.h"
#include "wire/nd.h"
#include "wire/quote.h"
#include "wire/udp.h"

#include "../support/ek_test.h"

static elko_ip ip_of(const char *text)
{
        elko_ip ip;

        CHECK(elko_ip_parse(text, &ip));
        return ip;
}

static uint8_t *tight(const void *p, size_t n)
{
        uint8_t *copy = malloc(n > 0 ? n : 1);

        if (n > 0)
                memcpy(copy, p, n);
        return copy;
}

/* ---- ICMP ---- */

EK_TEST(icmp4_lengths_and_checksum)
{
        struct ek_icmp_msg m = {.type = 8, .code = 0, .word = 0x12340007, .body_len = 56}, back;
        uint8_t p[64];

        for (int i = 0; i < 56; i++)
                p[8 + i] = (uint8_t)i;
        CHECK_EQ(ek_icmp4_emit(p, &m), 64);
        for (uint32_t n = 0; n <= 64; n++) {
                uint8_t *copy = tight(p, n);
                enum elko_drop drop = ek_icmp4_parse(copy, n, false, &back);

                free(copy);
                CHECK_EQ(drop, n < 8    ? ELKO_DROP_ICMP_SHORT
                               : n < 64 ? ELKO_DROP_ICMP_CSUM
                                        : ELKO_DROP_NONE);
        }
        CHECK_EQ(ek_icmp_id(&back), 0x1234);
        CHECK_EQ(ek_icmp_seq(&back), 7);
        CHECK_EQ(back.body_len, 56);
        p[20] ^= 1;
        CHECK_EQ(ek_icmp4_parse(p, 64, false, &back), ELKO_DROP_ICMP_CSUM);
        CHECK_EQ(ek_icmp4_parse(p, 64, true, &back), ELKO_DROP_NONE);
        CHECK_EQ(ek_icmp4_parse(p, 7, true, &back), ELKO_DROP_ICMP_SHORT);
}

EK_TEST(icmp6_pseudo_header_counts)
{
        elko_ip a = ip_of("2001:db8::1"), b = ip_of("2001:db8::2"), c = ip_of("2001:db8::3");
        struct ek_icmp_msg m = {.type = 128, .word = 1, .body_len = 5}, back;
        uint8_t p[13] = {0};

        CHECK_EQ(ek_icmp6_emit(p, &a, &b, &m), 13);
        CHECK_EQ(ek_icmp6_parse(&a, &b, p, 13, false, &back), ELKO_DROP_NONE);
        CHECK_EQ(back.body_len, 5);
        CHECK_EQ(ek_icmp6_parse(&a, &c, p, 13, false, &back), ELKO_DROP_ICMP_CSUM);
        CHECK_EQ(ek_icmp6_parse(&a, &b, p, 12, false, &back), ELKO_DROP_ICMP_CSUM);
        CHECK_EQ(ek_icmp6_parse(&a, &b, p, 7, false, &back), ELKO_DROP_ICMP_SHORT);
        CHECK_EQ(ek_icmp6_parse(&a, &b, p, 0, true, &back), ELKO_DROP_ICMP_SHORT);
}

/* ---- quotes ---- */

static enum elko_drop quote(const uint8_t *p, uint32_t n, struct ek_quote *q)
{
        uint8_t *copy = tight(p, n);
        enum elko_drop drop = ek_quote_parse(copy, n, q);

        free(copy);
        return drop;
}

EK_TEST(quote_v4_every_length_and_ihl)
{
        elko_ip src = ip_of("10.0.0.1"), dst = ip_of("10.0.0.2");
        struct ek_quote q;
        uint8_t p[80] = {0};

        for (unsigned ihl = 0; ihl < 16; ihl++) {
                ek_ipv4_emit(p, &src, &dst, 6, 64, 0, 1000);
                p[0] = (uint8_t)(0x40 | ihl);
                for (uint32_t n = 0; n <= 80; n++)
                        CHECK_EQ(quote(p, n, &q), ihl >= 5 && n >= ihl * 4 + 8
                                                          ? ELKO_DROP_NONE
                                                          : ELKO_DROP_ICMP_QUOTE);
        }
        ek_ipv4_emit(p, &src, &dst, 6, 64, 0, 1000);
        memcpy(p + 20, "\x12\x34\x00\x50\xde\xad\xbe\xef", 8);
        CHECK_EQ(quote(p, 28, &q), ELKO_DROP_NONE);
        CHECK_EQ(q.sport, 0x1234);
        CHECK_EQ(q.dport, 80);
        CHECK_EQ(q.seq, 0xdeadbeef);
        CHECK_EQ(q.total_len, 1020);
        CHECK(ek_addr_equal(&q.src, &src) && ek_addr_equal(&q.dst, &dst));
        ek_put16be(p + 2, 0); /* a lying length does no harm */
        CHECK_EQ(quote(p, 28, &q), ELKO_DROP_NONE);
        ek_put16be(p + 6, 0x0001);
        CHECK_EQ(quote(p, 28, &q), ELKO_DROP_ICMP_QUOTE); /* not a first fragment */
        p[0] = 0x55;
        CHECK_EQ(quote(p, 28, &q), ELKO_DROP_ICMP_QUOTE);
}

EK_TEST(quote_v6_every_length)
{
        elko_ip src = ip_of("2001:db8::1"), dst = ip_of("2001:db8::2");
        struct ek_quote q;
        uint8_t p[60] = {0};

        ek_ipv6_emit(p, &src, &dst, 58, 64, 0, 100);
        memcpy(p + 40, "\x80\x00\x00\x00\x12\x34\x00\x07", 8);
        for (uint32_t n = 0; n <= 60; n++)
                CHECK_EQ(quote(p, n, &q), n >= 48 ? ELKO_DROP_NONE : ELKO_DROP_ICMP_QUOTE);
        CHECK_EQ(q.icmp_type, 128);
        CHECK_EQ(q.sport, 0x1234);
        CHECK_EQ(q.dport, 7);
        CHECK_EQ(q.total_len, 140);
}

/* ---- neighbour discovery ---- */

struct nd_case {
        const char *what;
        const char *src, *dst;
        uint8_t ttl, type, code;
        const char *target;
        uint8_t flags;
        uint8_t options[24];
        uint32_t n_options;
        enum elko_drop drop;
        bool has_mac;
};

EK_TEST(nd_validation)
{
        static const struct nd_case t[] = {
                {"solicitation",
                 "fe80::1",
                 "ff02::1:ff00:2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {1, 1, 2, 3, 4, 5, 6, 7},
                 8,
                 ELKO_DROP_NONE,
                 true},
                {"without option",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {0},
                 0,
                 ELKO_DROP_NONE,
                 false},
                {"hop limit 254",
                 "fe80::1",
                 "fe80::2",
                 254,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {0},
                 0,
                 ELKO_DROP_ND_BAD,
                 false},
                {"code 1",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 1,
                 "fe80::2",
                 0,
                 {0},
                 0,
                 ELKO_DROP_ND_BAD,
                 false},
                {"multicast target",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "ff02::1",
                 0,
                 {0},
                 0,
                 ELKO_DROP_ND_BAD,
                 false},
                {"unspecified target",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "::",
                 0,
                 {0},
                 0,
                 ELKO_DROP_ND_BAD,
                 false},
                {"mapped target",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "10.0.0.1",
                 0,
                 {0},
                 0,
                 ELKO_DROP_ND_BAD,
                 false},
                {"option of length 0",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {1, 0},
                 8,
                 ELKO_DROP_ND_BAD,
                 false},
                {"option beyond the message",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {14, 2},
                 8,
                 ELKO_DROP_ND_BAD,
                 false},
                {"half an option",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {1, 1, 2},
                 7,
                 ELKO_DROP_ND_BAD,
                 false},
                {"unknown option first",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {14, 1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7},
                 16,
                 ELKO_DROP_NONE,
                 true},
                {"group MAC",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {1, 1, 3, 3, 4, 5, 6, 7},
                 8,
                 ELKO_DROP_ND_BAD,
                 false},
                {"target option in a solicitation",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {2, 1, 2, 3, 4, 5, 6, 7},
                 8,
                 ELKO_DROP_NONE,
                 false},
                {"MAC of 14 bytes",
                 "fe80::1",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {1, 2},
                 16,
                 ELKO_DROP_NONE,
                 false},
                {"DAD",
                 "::",
                 "ff02::1:ff00:2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {0},
                 0,
                 ELKO_DROP_NONE,
                 false},
                {"DAD to the host",
                 "::",
                 "fe80::2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {0},
                 0,
                 ELKO_DROP_ND_BAD,
                 false},
                {"DAD with a MAC",
                 "::",
                 "ff02::1:ff00:2",
                 255,
                 135,
                 0,
                 "fe80::2",
                 0,
                 {1, 1, 2, 3, 4, 5, 6, 7},
                 8,
                 ELKO_DROP_ND_BAD,
                 false},
                {"advertisement",
                 "fe80::2",
                 "fe80::1",
                 255,
                 136,
                 0,
                 "fe80::2",
                 0x60,
                 {2, 1, 2, 3, 4, 5, 6, 7},
                 8,
                 ELKO_DROP_NONE,
                 true},
                {"solicited to a group",
                 "fe80::2",
                 "ff02::1",
                 255,
                 136,
                 0,
                 "fe80::2",
                 0x40,
                 {0},
                 0,
                 ELKO_DROP_ND_BAD,
                 false},
                {"unsolicited to a group",
                 "fe80::2",
                 "ff02::1",
                 255,
                 136,
                 0,
                 "fe80::2",
                 0x20,
                 {0},
                 0,
                 ELKO_DROP_NONE,
                 false},
        };
        struct ek_icmp_msg m;
        struct ek_ip_hdr ip;
        struct ek_nd nd;
        elko_ip target;
        uint8_t body[40];

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                ip = (struct ek_ip_hdr){.src = ip_of(t[i].src),
                                        .dst = ip_of(t[i].dst),
                                        .ttl = t[i].ttl,
                                        .version = 6};
                target = ip_of(t[i].target);
                memcpy(body, target.b, 16);
                memcpy(body + 16, t[i].options, t[i].n_options);
                m = (struct ek_icmp_msg){.type = t[i].type,
                                         .code = t[i].code,
                                         .word = (uint32_t)t[i].flags << 24,
                                         .body_len = 16 + t[i].n_options};
                uint8_t *copy = tight(body, m.body_len);

                m.body = copy;
                if (ek_nd_parse(&ip, &m, &nd) != t[i].drop)
                        ek_test_fail(__FILE__, __LINE__, "%s", t[i].what);
                free(copy);
                if (t[i].drop == ELKO_DROP_NONE) {
                        CHECK_EQ(nd.has_mac, t[i].has_mac);
                        CHECK_EQ(nd.flags, t[i].flags);
                }
        }
        for (uint32_t n = 0; n < 16; n++) { /* shorter than its fixed part */
                m.body_len = n;
                m.body = body;
                CHECK_EQ(ek_nd_parse(&ip, &m, &nd), ELKO_DROP_ND_BAD);
        }
}

EK_TEST(nd_emit_then_parse)
{
        elko_ip src = ip_of("fe80::1"), dst = ip_of("fe80::2");
        struct ek_nd nd = {.type = EK_ICMP6_NEIGH_ADVERT,
                           .flags = EK_ND_SOLICITED | EK_ND_OVERRIDE,
                           .has_mac = true,
                           .mac = {2, 0, 0, 0, 0, 9},
                           .target = src},
                     back;
        struct ek_ip_hdr ip = {.src = src, .dst = dst, .ttl = 255, .version = 6};
        struct ek_icmp_msg m;
        uint8_t p[EK_ND_BYTES];

        ek_put16be(nd.target.b + 2, 5); /* embedded scope: not on the wire */
        CHECK_EQ(ek_nd_emit(p, &src, &dst, &nd), EK_ND_BYTES);
        CHECK_EQ(ek_icmp6_parse(&src, &dst, p, EK_ND_BYTES, false, &m), ELKO_DROP_NONE);
        CHECK_EQ(ek_nd_parse(&ip, &m, &back), ELKO_DROP_NONE);
        CHECK_EQ(back.flags, nd.flags);
        CHECK_MEM_EQ(back.mac, nd.mac, 6);
        CHECK(ek_addr_equal(&back.target, &src));
        nd.has_mac = false;
        nd.type = EK_ICMP6_NEIGH_SOLICIT;
        CHECK_EQ(ek_nd_emit(p, &src, &dst, &nd), 24);
}

/* ---- UDP ---- */

static size_t make_udp(uint8_t *p, const elko_ip *src, const elko_ip *dst, uint16_t len)
{
        memset(p, 0x5a, len);
        ek_put16be(p, 1000);
        ek_put16be(p + 2, 2000);
        ek_put16be(p + 4, len);
        ek_put16be(p + 6, 0);
        ek_put16be(p + 6, ek_csum_fold(ek_csum_add(ek_csum_pseudo(src, dst, 17, len), p, len)));
        return len;
}

EK_TEST(udp_lengths)
{
        static const struct {
                uint16_t field;
                uint32_t present;
                enum elko_drop drop;
        } t[] = {
                {0, 20, ELKO_DROP_UDP_BAD},     {7, 20, ELKO_DROP_UDP_BAD},
                {8, 20, ELKO_DROP_NONE},        {20, 20, ELKO_DROP_NONE},
                {21, 20, ELKO_DROP_UDP_BAD},    {20, 19, ELKO_DROP_UDP_BAD},
                {65535, 20, ELKO_DROP_UDP_BAD}, {8, 7, ELKO_DROP_UDP_BAD},
                {8, 0, ELKO_DROP_UDP_BAD},      {15, 20, ELKO_DROP_NONE},
        };
        elko_ip src = ip_of("10.0.0.1"), dst = ip_of("10.0.0.2");
        struct ek_udp_hdr u;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                uint8_t p[32];

                make_udp(p, &src, &dst, 20);
                if (t[i].field >= 8 && t[i].field <= 20)
                        make_udp(p, &src, &dst, t[i].field);
                ek_put16be(p + 4, t[i].field);
                uint8_t *copy = tight(p, t[i].present);
                struct ek_ip_hdr ip = {.src = src,
                                       .dst = dst,
                                       .version = 4,
                                       .payload = copy,
                                       .payload_len = t[i].present};

                CHECK_EQ(ek_udp_parse(&ip, false, &u), t[i].drop);
                if (t[i].drop == ELKO_DROP_NONE)
                        CHECK_EQ(u.data_len, t[i].field - 8);
                free(copy);
        }
}

EK_TEST(udp_checksum_zero)
{
        elko_ip a4 = ip_of("10.0.0.1"), b4 = ip_of("10.0.0.2");
        elko_ip a6 = ip_of("2001:db8::1"), b6 = ip_of("2001:db8::2");
        uint8_t p[20];
        struct ek_ip_hdr v4 = {.src = a4, .dst = b4, .version = 4, .payload = p, .payload_len = 20};
        struct ek_ip_hdr v6 = {.src = a6, .dst = b6, .version = 6, .payload = p, .payload_len = 20};
        struct ek_udp_hdr u;

        make_udp(p, &a4, &b4, 20);
        CHECK_EQ(ek_udp_parse(&v4, false, &u), ELKO_DROP_NONE);
        CHECK_EQ(ek_udp_parse(&v6, false, &u), ELKO_DROP_UDP_BAD);
        CHECK_EQ(ek_udp_parse(&v6, true, &u), ELKO_DROP_NONE);
        CHECK_EQ(u.dst_port, 2000);
        ek_put16be(p + 6, 0);
        CHECK_EQ(ek_udp_parse(&v4, false, &u), ELKO_DROP_NONE);
        CHECK_EQ(ek_udp_parse(&v6, false, &u), ELKO_DROP_UDP_BAD);
}

/* ---- ARP, Ethernet ---- */

EK_TEST(arp_validation)
{
        struct ek_arp arp = {.op = EK_ARP_REQUEST,
                             .sha = {2, 0, 0, 0, 0, 1},
                             .spa = ip_of("10.0.0.1"),
                             .tpa = ip_of("10.0.0.2")},
                      back;
        static const struct {
                uint32_t at;
                uint8_t byte;
                enum elko_drop drop;
        } t[] = {
                {1, 2, ELKO_DROP_ARP_BAD},    {1, 6, ELKO_DROP_NONE},
                {0, 1, ELKO_DROP_ARP_BAD},    {2, 0x86, ELKO_DROP_ARP_BAD},
                {4, 5, ELKO_DROP_ARP_BAD},    {4, 255, ELKO_DROP_ARP_BAD},
                {5, 16, ELKO_DROP_ARP_BAD},   {7, 0, ELKO_DROP_ARP_BAD},
                {7, 3, ELKO_DROP_ARP_BAD},    {7, 2, ELKO_DROP_NONE},
                {8, 3, ELKO_DROP_ARP_BAD},    {14, 224, ELKO_DROP_ARP_BAD},
                {14, 127, ELKO_DROP_ARP_BAD}, {14, 0, ELKO_DROP_ARP_BAD},
                {24, 255, ELKO_DROP_NONE},
        };
        uint8_t p[28], q[28], zero[28] = {0};

        CHECK_EQ(ek_arp_emit(p, &arp), 28);
        CHECK_EQ(ek_arp_parse(p, 28, &back), ELKO_DROP_NONE);
        CHECK_MEM_EQ(&back.spa, &arp.spa, 16);
        CHECK_MEM_EQ(&back.tpa, &arp.tpa, 16);
        CHECK_MEM_EQ(back.sha, arp.sha, 6);
        CHECK_EQ(back.op, arp.op);
        for (size_t n = 0; n < 28; n++) {
                uint8_t *copy = tight(p, n);

                CHECK_EQ(ek_arp_parse(copy, n, &back), ELKO_DROP_ARP_BAD);
                free(copy);
        }
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                memcpy(q, p, 28);
                q[t[i].at] = t[i].byte;
                CHECK_EQ(ek_arp_parse(q, 28, &back), t[i].drop);
        }
        memcpy(q, p, 28);
        memset(q + 14, 0, 4); /* an RFC 5227 probe */
        CHECK_EQ(ek_arp_parse(q, 28, &back), ELKO_DROP_NONE);
        memset(q + 8, 0, 6);
        CHECK_EQ(ek_arp_parse(q, 28, &back), ELKO_DROP_ARP_BAD);
        CHECK_EQ(ek_arp_parse(zero, 28, &back), ELKO_DROP_ARP_BAD);
}

EK_TEST(ethernet)
{
        uint8_t p[20] = {0}, a[6] = {2, 1, 1, 1, 1, 1}, b[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
        struct ek_eth_hdr h;

        CHECK_EQ(ek_eth_emit(p, b, a, EK_ETH_ARP), 14);
        for (size_t n = 0; n < 14; n++) {
                uint8_t *copy = tight(p, n);

                CHECK_EQ(ek_eth_parse(copy, n, &h), ELKO_DROP_ETH_SHORT);
                free(copy);
        }
        CHECK_EQ(ek_eth_parse(p, 20, &h), ELKO_DROP_NONE);
        CHECK_EQ(h.type, EK_ETH_ARP);
        CHECK_EQ(h.payload_len, 6);
        CHECK(ek_eth_is_group(h.dst) && !ek_eth_is_group(h.src));
}

EK_TEST_MAIN();
