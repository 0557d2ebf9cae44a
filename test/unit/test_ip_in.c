/*
 * Packets in: whose they are, martians (RELIABILITY A1-22), echo, ICMP errors in and out.
 */
#include "test_ip_world.h"

#include "wire/quote.h"

static void check_drop(enum ek_ip_verdict v, enum elko_drop want, const char *what)
{
        if (v != EK_IP_DROPPED || w.in.drop != want)
                ek_test_fail(__FILE__, __LINE__, "%s: verdict %d, %s instead of %s", what, v,
                             elko_drop_name(w.in.drop), elko_drop_name(want));
}

/* ---- addresses ---- */

struct route_case {
        const char *src, *dst;
        enum elko_drop drop; /* NONE: it goes up */
};

static const struct route_case tcp_cases[] = {
        {"10.0.0.7", "10.0.0.1", ELKO_DROP_NONE},
        {"203.0.113.5", "10.0.0.1", ELKO_DROP_NONE},
        {"203.0.113.5", "192.0.2.1", ELKO_DROP_NONE}, /* weak host */
        {"fd00::7", "fd00::1", ELKO_DROP_NONE},
        {"fe80::7", "fd00::1", ELKO_DROP_NONE},
        {"240.0.0.1", "10.0.0.1", ELKO_DROP_NONE},
        /* sources that can't be */
        {"0.0.0.0", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"0.1.2.3", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"127.0.0.1", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"127.255.255.254", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"224.0.0.1", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"239.255.255.255", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"255.255.255.255", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"10.0.0.1", "10.0.0.1", ELKO_DROP_IP_MARTIAN},   /* ours: LAND */
        {"192.0.2.1", "10.0.0.1", ELKO_DROP_IP_MARTIAN},  /* ours, on the other link */
        {"10.0.0.255", "10.0.0.1", ELKO_DROP_IP_MARTIAN}, /* a subnet's broadcast */
        {"10.0.0.0", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"192.0.2.255", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"::", "fd00::1", ELKO_DROP_IP_MARTIAN},
        {"::1", "fd00::1", ELKO_DROP_IP_MARTIAN},
        {"ff02::1", "fd00::1", ELKO_DROP_IP_MARTIAN},
        {"ff0e::5", "fd00::1", ELKO_DROP_IP_MARTIAN},
        {"fd00::1", "fd00::1", ELKO_DROP_IP_MARTIAN},
        {"2001:db8::1", "fd00::1", ELKO_DROP_IP_MARTIAN},
        {"fe80:2::7", "fd00::1", ELKO_DROP_IP_MARTIAN}, /* would name another link inside */
        {"10.0.0.7", "fd00::1", ELKO_DROP_IP_MARTIAN},  /* mapped on the wire */
        {"fd00::7", "10.0.0.1", ELKO_DROP_IP_MARTIAN},
        /* destinations that can't be */
        {"10.0.0.7", "0.0.0.0", ELKO_DROP_IP_MARTIAN},
        {"10.0.0.7", "0.0.0.5", ELKO_DROP_IP_MARTIAN},
        {"10.0.0.7", "127.0.0.1", ELKO_DROP_IP_MARTIAN},
        {"fd00::7", "::", ELKO_DROP_IP_MARTIAN},
        {"fd00::7", "::1", ELKO_DROP_IP_MARTIAN},
        {"fd00::7", "fe80:1::1", ELKO_DROP_IP_MARTIAN},
        /* groups */
        {"10.0.0.7", "10.0.0.255", ELKO_DROP_IP_MULTICAST},
        {"10.0.0.7", "10.0.0.0", ELKO_DROP_IP_MULTICAST},
        {"10.0.0.7", "255.255.255.255", ELKO_DROP_IP_MULTICAST},
        {"10.0.0.7", "224.0.0.1", ELKO_DROP_IP_MULTICAST},
        {"fd00::7", "ff02::1", ELKO_DROP_IP_MULTICAST},
        {"fd00::7", "ff02::1:ff00:1", ELKO_DROP_IP_MULTICAST},
        /* somebody else's */
        {"10.0.0.7", "10.0.0.2", ELKO_DROP_IP_NOT_MINE},
        {"10.0.0.7", "203.0.113.1", ELKO_DROP_IP_NOT_MINE},
        {"fd00::7", "fd00::2", ELKO_DROP_IP_NOT_MINE},
        {"fd00::7", "fe80::1", ELKO_DROP_IP_NOT_MINE}, /* ours, but on the other link */
};

/* [RFC9293 MUST-57 MUST-63] */
EK_TEST(addresses)
{
        const struct route_case *t = tcp_cases;
        uint8_t tcp[20] = {0};
        char what[100];

        for (size_t i = 0; i < sizeof(tcp_cases) / sizeof(tcp_cases[0]); i++, t++) {
                uint8_t p[64];
                size_t n = make_ip(p, t->src, t->dst, EK_PROTO_TCP, tcp, 20);
                enum ek_ip_verdict v;

                world_new();
                v = feed(TUN, p, n);
                snprintf(what, sizeof(what), "%s -> %s", t->src, t->dst);
                if (t->drop != ELKO_DROP_NONE) {
                        check_drop(v, t->drop, what);
                        CHECK_EQ(w.ctr.drops[t->drop], 1);
                } else if (v != EK_IP_TCP) {
                        ek_test_fail(__FILE__, __LINE__, "%s: %s", what, elko_drop_name(w.in.drop));
                }
                CHECK(!ek_ip_ctl_has(&w.ip, TUN) && !ek_ip_ctl_has(&w.ip, ETH));
        }
}

EK_TEST(any_ip_link_takes_every_unicast_destination)
{
        world_sized(16, 16, ELKO_LINK_ANY_IP);
        CHECK_EQ(feed_tcp(TUN, "10.0.0.7", "203.0.113.1"), EK_IP_TCP);
        CHECK_EQ(feed_tcp(TUN, "fd00::7", "2001:db8:5::1"), EK_IP_TCP);
        check_drop(feed_tcp(TUN, "10.0.0.7", "224.0.0.1"), ELKO_DROP_IP_MULTICAST, "group");
        check_drop(feed_tcp(TUN, "10.0.0.7", "10.0.0.255"), ELKO_DROP_IP_MULTICAST, "broadcast");
        check_drop(feed_tcp(TUN, "10.0.0.1", "203.0.113.1"), ELKO_DROP_IP_MARTIAN, "from us");
        check_drop(feed_tcp(ETH, "192.0.2.7", "203.0.113.1"), ELKO_DROP_IP_NOT_MINE, "other link");
        CHECK(!ek_ip_is_local(&w.ip, &(elko_ip){{0}}));
}

EK_TEST(scope_is_embedded_on_the_way_in)
{
        elko_ip src, dst;

        world_new();
        src = on(ETH, "fe80::7");
        dst = on(ETH, "fe80::1");
        CHECK_EQ(feed_tcp(ETH, "fe80::7", "fe80::1"), EK_IP_TCP);
        CHECK(ek_addr_equal(&w.in.hdr.src, &src));
        CHECK(ek_addr_equal(&w.in.hdr.dst, &dst));
        CHECK_EQ(ek_ip_strip_scope(&w.in.hdr.src), ETH);
        CHECK_EQ(ek_ip_strip_scope(&w.in.hdr.src), 0);
}

/* [RFC9293 MUST-57] */
EK_TEST(ethernet_filter)
{
        uint8_t p[64], tcp[20] = {0};
        size_t n = make_ip(p, "192.0.2.7", "192.0.2.1", EK_PROTO_TCP, tcp, 20);

        world_new();
        CHECK_EQ(feed_eth(our_mac, EK_ETH_IPV4, p, n), EK_IP_TCP);
        CHECK_EQ(w.in.hdr.payload_len, 20);
        check_drop(feed_eth(other_mac, EK_ETH_IPV4, p, n), ELKO_DROP_ETH_NOT_MINE, "not for us");
        check_drop(feed_eth(all_mac, EK_ETH_IPV4, p, n), ELKO_DROP_IP_MULTICAST, "RFC 1122 3.3.6");
        check_drop(feed_eth(our_mac, EK_ETH_IPV6, p, n), ELKO_DROP_IP_VERSION, "4 in 6");
        check_drop(feed_eth(our_mac, 0x8100, p, n), ELKO_DROP_ETH_TYPE, "VLAN");
        check_drop(feed_eth(our_mac, EK_ETH_IPV4, p, 0), ELKO_DROP_IP_SHORT, "empty");
        check_drop(feed(ETH, p, 13), ELKO_DROP_ETH_SHORT, "short");
        check_drop(feed(3, p, n), ELKO_DROP_IP_NOT_MINE, "no such link");
        check_drop(feed(0, p, n), ELKO_DROP_IP_NOT_MINE, "link 0");
        memset(p + n, 0xaa, 10); /* A1-3: padding is not payload */
        CHECK_EQ(feed_eth(our_mac, EK_ETH_IPV4, p, n + 10), EK_IP_TCP);
        CHECK_EQ(w.in.hdr.payload_len, 20);
}

EK_TEST(checksum_mark_is_passed_on)
{
        uint8_t p[64], tcp[20] = {0};
        struct elko_packet pkt = {.data = p, .flags = ELKO_PACKET_CSUM_OK};

        world_new();
        pkt.len = (uint32_t)make_ip(p, "10.0.0.7", "10.0.0.1", EK_PROTO_TCP, tcp, 20);
        CHECK_EQ(ek_ip_input(&w.ip, TUN, &pkt, w.now, &w.in), EK_IP_TCP);
        CHECK(w.in.csum_ok);
        pkt.flags = 0;
        CHECK_EQ(ek_ip_input(&w.ip, TUN, &pkt, w.now, &w.in), EK_IP_TCP);
        CHECK(!w.in.csum_ok);
}

/* ---- echo ---- */

EK_TEST(echo_request_is_answered)
{
        static const char *const hosts[][2] = {{"10.0.0.7", "10.0.0.1"}, {"fd00::7", "fd00::1"}};
        uint8_t icmp[2000];

        world_new();
        for (int f = 0; f < 2; f++) {
                for (size_t n = 8; n <= 1340; n = n < 130 ? n + 1 : n + 97) {
                        elko_ip src = ip_of(hosts[f][0]), dst = ip_of(hosts[f][1]);
                        struct ek_ip_hdr h;
                        struct ek_icmp_msg m;

                        for (size_t i = 0; i < n; i++)
                                icmp[i] = (uint8_t)ek_test_rand();
                        icmp[0] = f == 0 ? 8 : 128;
                        icmp[1] = 0;
                        CHECK_EQ(feed_icmp(TUN, hosts[f][0], hosts[f][1], 64, icmp, n),
                                 EK_IP_CONSUMED);
                        CHECK(pop(TUN) != NULL);
                        h = frame_ip(NULL);
                        CHECK(ek_addr_equal(&h.src, &dst) && ek_addr_equal(&h.dst, &src));
                        CHECK_EQ(h.payload_len, n);
                        if (f == 0)
                                CHECK_EQ(ek_icmp4_parse(h.payload, h.payload_len, false, &m), 0);
                        else
                                CHECK_EQ(ek_icmp6_parse(&h.src, &h.dst, h.payload, h.payload_len,
                                                        false, &m),
                                         0);
                        CHECK_EQ(m.type, f == 0 ? 0 : 129);
                        CHECK_MEM_EQ(h.payload + 4, icmp + 4, n - 4);
                        CHECK(pop(TUN) == NULL);
                        ek_ip_ctl_release(&w.ip);
                }
        }
        CHECK_EQ(w.ctr.icmp_echo_in, w.ctr.icmp_echo_out);
        CHECK_EQ(w.ip.ctl.bytes, 0);
}

/* A1-18 */
EK_TEST(short_and_broken_echo)
{
        uint8_t icmp[64] = {0}, p[128];

        world_new();
        for (size_t n = 0; n < 8; n++) {
                size_t len;

                icmp[0] = 8;
                len = make_ip(p, "10.0.0.7", "10.0.0.1", EK_PROTO_ICMP, icmp, n);
                check_drop(feed(TUN, p, len), ELKO_DROP_ICMP_SHORT, "short v4");
                icmp[0] = 128;
                len = make_ip(p, "fd00::7", "fd00::1", EK_PROTO_ICMP6, icmp, n);
                check_drop(feed(TUN, p, len), ELKO_DROP_ICMP_SHORT, "short v6");
        }
        icmp[0] = 8;
        size_t len = make_ip(p, "10.0.0.7", "10.0.0.1", EK_PROTO_ICMP, icmp, 20);

        check_drop(feed(TUN, p, len), ELKO_DROP_ICMP_CSUM, "checksum");
        CHECK(!ek_ip_ctl_has(&w.ip, TUN));
}

EK_TEST(echo_to_groups_is_not_answered)
{
        uint8_t icmp[16] = {8};

        world_new();
        check_drop(feed_icmp(TUN, "10.0.0.7", "10.0.0.255", 64, icmp, 16), ELKO_DROP_IP_MULTICAST,
                   "broadcast");
        icmp[0] = 128;
        check_drop(feed_icmp(ETH, "fe80::7", "ff02::1", 64, icmp, 16), ELKO_DROP_IP_MULTICAST,
                   "all nodes");
        CHECK(!ek_ip_ctl_has(&w.ip, TUN) && !ek_ip_ctl_has(&w.ip, ETH));
}

EK_TEST(echo_larger_than_the_way_back_is_dropped)
{
        static uint8_t icmp[60000];

        world_sized(16, 16, 0);
        icmp[0] = 8;
        check_drop(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 1401 - 20),
                   ELKO_DROP_ICMP_QUEUE, "1401 bytes over MTU 1400");
        CHECK_EQ(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 1400 - 20), EK_IP_CONSUMED);
        drain();
}

EK_TEST(replies_are_bounded)
{
        uint8_t icmp[1000] = {8};

        world_sized(16, 4, 0);
        for (int i = 0; i < 10; i++) {
                enum ek_ip_verdict v = feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 1000);

                CHECK_EQ(v, i < 4 ? EK_IP_CONSUMED : EK_IP_DROPPED);
        }
        CHECK_EQ(w.ctr.drops[ELKO_DROP_ICMP_QUEUE], 6);
        for (int i = 0; i < 4; i++)
                CHECK(pop(TUN) != NULL);
        /* Parked frames still count: their bytes must stay. */
        check_drop(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 1000), ELKO_DROP_ICMP_QUEUE,
                   "all parked");
        ek_ip_ctl_release(&w.ip);
        CHECK_EQ(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 1000), EK_IP_CONSUMED);
        drain();
        CHECK_EQ(w.ip.ctl.bytes, 0);
}

EK_TEST(popped_frames_stay_valid_until_release)
{
        uint8_t icmp[100];
        struct elko_frame f[8];

        world_new();
        for (int i = 0; i < 8; i++) {
                memset(icmp, i, sizeof(icmp));
                icmp[0] = 8, icmp[1] = 0;
                CHECK_EQ(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, (size_t)(20 + 10 * i)),
                         EK_IP_CONSUMED);
        }
        for (int i = 0; i < 8; i++)
                CHECK(ek_ip_ctl_pop(&w.ip, TUN, &f[i], w.now));
        for (int i = 0; i < 8; i++) {
                CHECK_EQ(f[i].len, 40 + 10 * i);
                for (uint32_t k = 24; k < f[i].len; k++)
                        CHECK_EQ(f[i].part[0].data[k], i);
        }
        ek_ip_ctl_release(&w.ip);
        check();
}

EK_TEST(no_memory_for_a_large_reply)
{
        uint8_t icmp[1000] = {8};

        world_new();
        ek_region_fail_nth(w.region, 1, false);
        check_drop(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 1000), ELKO_DROP_ICMP_QUEUE,
                   "no memory");
        CHECK_EQ(w.ctr.nomem, 1);
        ek_region_fail_nth(w.region, 1, true);
        CHECK_EQ(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 64), EK_IP_CONSUMED);
        drain();
}

/* ---- our own echo requests ---- */

EK_TEST(ping_and_answer)
{
        struct elko_echo e;
        struct ek_ip_hdr h;
        struct ek_icmp_msg m;
        elko_ip to;
        uint8_t icmp[64];

        world_new();
        to = ip_of("10.0.0.7");
        CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 77, 5, "abcdefghijklmnopqrst", 20, w.now), 0);
        CHECK(pop(TUN) != NULL);
        h = frame_ip(NULL);
        CHECK_EQ(ek_icmp4_parse(h.payload, h.payload_len, false, &m), ELKO_DROP_NONE);
        CHECK_EQ(m.type, 8);
        CHECK_EQ(ek_icmp_id(&m), 77);
        CHECK_EQ(ek_icmp_seq(&m), 5);
        CHECK_EQ(m.body_len, 20);
        memcpy(icmp, h.payload, h.payload_len);
        icmp[0] = 0;
        CHECK(!ek_icmp_echo_pending(&w.ip));
        CHECK_EQ(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 61, icmp, 28), EK_IP_CONSUMED);
        CHECK(ek_icmp_echo_pending(&w.ip));
        CHECK(ek_icmp_echo_next(&w.ip, &e));
        CHECK_EQ(e.kind, ELKO_ECHO_REPLY);
        CHECK(ek_addr_equal(&e.from, &to));
        CHECK_EQ(e.id, 77);
        CHECK_EQ(e.seq, 5);
        CHECK_EQ(e.len, 20);
        CHECK_EQ(e.ttl, 61);
        CHECK_EQ(e.at, w.now);
        CHECK_MEM_EQ(e.head, "abcdefghijklmnop", 16);
        CHECK(!ek_icmp_echo_next(&w.ip, &e));
        icmp[5] = 78; /* not an identifier of ours */
        check_drop(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 61, icmp, 28), ELKO_DROP_ICMP_TYPE,
                   "unsolicited");
}

EK_TEST(answers_are_bounded_and_in_order)
{
        uint8_t icmp[8] = {0, 0, 0, 0, 0, 7, 0, 0};
        struct elko_echo e;
        elko_ip to;

        world_new();
        to = ip_of("10.0.0.7");
        CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 7, 0, NULL, 0, w.now), 0);
        for (int i = 0; i < 70; i++) {
                icmp[7] = (uint8_t)i;
                enum ek_ip_verdict v = feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 8);

                CHECK_EQ(v, i < 64 ? EK_IP_CONSUMED : EK_IP_DROPPED);
        }
        for (int i = 0; i < 64; i++) {
                CHECK(ek_icmp_echo_next(&w.ip, &e));
                CHECK_EQ(e.seq, i);
        }
        CHECK(!ek_icmp_echo_next(&w.ip, &e));
        drain();
}

EK_TEST(identifiers_are_remembered)
{
        uint8_t icmp[8] = {0};
        elko_ip to;

        world_sized(16, 200, 0);
        to = ip_of("10.0.0.7");
        for (uint16_t id = 1; id <= 100; id++)
                CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, id, 0, NULL, 0, w.now), 0);
        for (uint16_t id = 0; id <= 101; id++) {
                ek_put16be(icmp + 4, id);
                CHECK_EQ(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 8),
                         id >= 85 && id <= 100 ? EK_IP_CONSUMED : EK_IP_DROPPED);
        }
        drain();
}

EK_TEST(echo_request_refusals)
{
        static const struct {
                const char *to;
                size_t len;
                int error;
        } t[] = {
                {"10.0.0.7", 1372, 0},
                {"10.0.0.7", 1373, ELKO_EMSGSIZE},
                {"10.0.0.7", 1401, ELKO_EMSGSIZE},
                {"224.0.0.1", 0, ELKO_ENETUNREACH},
                {"127.0.0.1", 0, ELKO_ENETUNREACH},
                {"0.0.0.0", 0, ELKO_ENETUNREACH},
                {"::", 0, ELKO_ENETUNREACH},
                {"2600::1", 0, ELKO_ENETUNREACH},
                {"fe80::9", 0, ELKO_ENETUNREACH}, /* which link? */
                {"8.8.8.8", 0, 0},
        };
        static uint8_t payload[1500];

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                elko_ip to = ip_of(t[i].to);

                world_new();
                CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 1, 1, payload, t[i].len, w.now),
                         t[i].error);
        }
        world_sized(16, 2, 0);
        elko_ip to = ip_of("10.0.0.7");

        CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 1, 1, NULL, 0, w.now), 0);
        CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 1, 2, NULL, 0, w.now), 0);
        CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 1, 3, NULL, 0, w.now), ELKO_ELIMIT);
        drain();
        ek_region_fail_nth(w.region, 1, false);
        CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 1, 3, payload, 500, w.now), ELKO_ENOMEM);
}

/* ---- errors in ---- */

/* An ICMP error quoting `quote_len` bytes of a TCP segment 10.0.0.1.1000 > 203.0.113.9.80 seq
 * 0x01020304, of total length 1300. */
static enum ek_ip_verdict feed_error4(uint8_t type, uint8_t code, uint32_t word, uint32_t quote_len)
{
        uint8_t icmp[100] = {type, code};
        elko_ip src = ip_of("10.0.0.1"), dst = ip_of("203.0.113.9");

        ek_put32be(icmp + 4, word);
        ek_ipv4_emit(icmp + 8, &src, &dst, EK_PROTO_TCP, 1, 0, 1280);
        memcpy(icmp + 28, "\x03\xe8\x00\x50\x01\x02\x03\x04", 8);
        return feed_icmp(TUN, "198.51.100.1", "10.0.0.1", 60, icmp, 8 + quote_len);
}

/* [RFC9293 MUST-54] */
EK_TEST(errors_about_tcp_v4)
{
        static const struct {
                uint8_t type, code;
                int kind; /* -1: ignored */
        } t[] = {
                {3, 0, EK_ICMP_UNREACH_NET},
                {3, 1, EK_ICMP_UNREACH_HOST},
                {3, 2, EK_ICMP_UNREACH_PROTO},
                {3, 3, EK_ICMP_UNREACH_PORT},
                {3, 4, EK_ICMP_TOO_BIG},
                {3, 5, EK_ICMP_UNREACH_NET},
                {3, 9, EK_ICMP_UNREACH_ADMIN},
                {3, 10, EK_ICMP_UNREACH_ADMIN},
                {3, 13, EK_ICMP_UNREACH_ADMIN},
                {3, 15, EK_ICMP_UNREACH_ADMIN},
                {3, 16, -1},
                {3, 255, -1},
                {4, 0, -1},
                {5, 1, -1},
                {11, 0, EK_ICMP_TIME_EXCEEDED},
                {12, 0, EK_ICMP_PARAM},
                {13, 0, -1},
                {200, 0, -1},
        };
        elko_ip local = ip_of("10.0.0.1"), remote = ip_of("203.0.113.9");

        world_new();
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                enum ek_ip_verdict v = feed_error4(t[i].type, t[i].code, 1200, 28);

                if (t[i].kind < 0) {
                        check_drop(v, ELKO_DROP_ICMP_TYPE, "ignored type");
                        continue;
                }
                CHECK_EQ(v, EK_IP_ICMP_ERROR);
                CHECK_EQ(w.in.icmp.kind, t[i].kind);
                CHECK_EQ(w.in.icmp.type, t[i].type);
                CHECK_EQ(w.in.icmp.code, t[i].code);
                CHECK_EQ(w.in.icmp.seq, 0x01020304);
                CHECK_EQ(w.in.icmp.lport, 1000);
                CHECK_EQ(w.in.icmp.rport, 80);
                CHECK_EQ(w.in.icmp.mtu, t[i].kind == EK_ICMP_TOO_BIG ? 1200 : 0);
                CHECK(ek_addr_equal(&w.in.icmp.local, &local));
                CHECK(ek_addr_equal(&w.in.icmp.remote, &remote));
        }
        CHECK(!ek_ip_ctl_has(&w.ip, TUN) && !ek_ip_ctl_has(&w.ip, ETH));
}

/* RFC 1191, 7.1: 1300 bytes did not fit a router that doesn't say what does. */
EK_TEST(frag_needed_without_mtu)
{
        world_new();
        CHECK_EQ(feed_error4(3, 4, 0, 28), EK_IP_ICMP_ERROR);
        CHECK_EQ(w.in.icmp.mtu, 1006);
        CHECK_EQ(feed_error4(3, 4, 0xffff0000u | 900, 28), EK_IP_ICMP_ERROR);
        CHECK_EQ(w.in.icmp.mtu, 900); /* the upper half is unused */
}

/* A1-19 */
EK_TEST(errors_with_useless_quotes)
{
        uint8_t icmp[100] = {3, 3};
        elko_ip us = ip_of("10.0.0.1"), other = ip_of("10.0.0.2"), dst = ip_of("203.0.113.9");

        world_new();
        for (uint32_t n = 0; n < 28; n++)
                check_drop(feed_error4(3, 3, 0, n), ELKO_DROP_ICMP_QUOTE, "too short");
        ek_ipv4_emit(icmp + 8, &other, &dst, EK_PROTO_TCP, 1, 0, 40);
        check_drop(feed_icmp(TUN, "198.51.100.1", "10.0.0.1", 60, icmp, 36), ELKO_DROP_ICMP_QUOTE,
                   "not our packet");
        ek_ipv4_emit(icmp + 8, &us, &dst, EK_PROTO_UDP, 1, 0, 40);
        check_drop(feed_icmp(TUN, "198.51.100.1", "10.0.0.1", 60, icmp, 36), ELKO_DROP_ICMP_QUOTE,
                   "we don't send UDP");
        ek_ipv4_emit(icmp + 8, &us, &dst, EK_PROTO_TCP, 1, 0, 40);
        icmp[8] = 0x4f;
        check_drop(feed_icmp(TUN, "198.51.100.1", "10.0.0.1", 60, icmp, 36), ELKO_DROP_ICMP_QUOTE,
                   "IHL 15");
        icmp[8] = 0x65;
        check_drop(feed_icmp(TUN, "198.51.100.1", "10.0.0.1", 60, icmp, 56), ELKO_DROP_ICMP_QUOTE,
                   "version 6 in 4");
}

EK_TEST(errors_about_tcp_v6)
{
        static const struct {
                uint8_t type, code;
                int kind;
        } t[] = {
                {1, 0, EK_ICMP_UNREACH_NET},
                {1, 1, EK_ICMP_UNREACH_ADMIN},
                {1, 2, EK_ICMP_UNREACH_NET},
                {1, 3, EK_ICMP_UNREACH_HOST},
                {1, 4, EK_ICMP_UNREACH_PORT},
                {1, 5, EK_ICMP_UNREACH_ADMIN},
                {1, 6, EK_ICMP_UNREACH_ADMIN},
                {1, 7, -1},
                {2, 0, EK_ICMP_TOO_BIG},
                {3, 0, EK_ICMP_TIME_EXCEEDED},
                {4, 0, EK_ICMP_PARAM},
                {4, 1, EK_ICMP_UNREACH_PROTO},
                {5, 0, -1},
                {134, 0, -1},
                {137, 0, -1},
        };
        elko_ip src = ip_of("fd00::1"), dst = ip_of("2600::9");
        uint8_t icmp[100];

        world_new();
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                enum ek_ip_verdict v;

                memset(icmp, 0, sizeof(icmp));
                icmp[0] = t[i].type, icmp[1] = t[i].code;
                ek_put32be(icmp + 4, 0x10500);
                ek_ipv6_emit(icmp + 8, &src, &dst, EK_PROTO_TCP, 1, 0, 1000);
                memcpy(icmp + 48, "\x03\xe8\x00\x50\x01\x02\x03\x04", 8);
                v = feed_icmp(TUN, "2600::1", "fd00::1", 60, icmp, 56);
                if (t[i].kind < 0) {
                        check_drop(v, ELKO_DROP_ICMP_TYPE, "ignored type");
                        continue;
                }
                CHECK_EQ(v, EK_IP_ICMP_ERROR);
                CHECK_EQ(w.in.icmp.kind, t[i].kind);
                CHECK_EQ(w.in.icmp.mtu, t[i].kind == EK_ICMP_TOO_BIG ? 0x10500 : 0);
        }
}

EK_TEST(errors_about_our_ping)
{
        elko_ip to, us;
        uint8_t icmp[64] = {11, 0};
        struct elko_echo e;

        world_new();
        to = ip_of("10.0.0.7");
        us = ip_of("10.0.0.1");
        CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 77, 5, NULL, 0, w.now), 0);
        drain();
        ek_ipv4_emit(icmp + 8, &us, &to, EK_PROTO_ICMP, 1, 0, 8);
        memcpy(icmp + 28, "\x08\x00\x00\x00\x00\x4d\x00\x05", 8);
        CHECK_EQ(feed_icmp(TUN, "10.0.0.99", "10.0.0.1", 64, icmp, 36), EK_IP_CONSUMED);
        icmp[0] = 3, icmp[1] = 1;
        CHECK_EQ(feed_icmp(TUN, "10.0.0.99", "10.0.0.1", 64, icmp, 36), EK_IP_CONSUMED);
        CHECK(ek_icmp_echo_next(&w.ip, &e));
        CHECK_EQ(e.kind, ELKO_ECHO_TIME_EXCEEDED);
        CHECK_EQ(e.id, 77);
        CHECK_EQ(e.seq, 5);
        CHECK(ek_icmp_echo_next(&w.ip, &e));
        CHECK_EQ(e.kind, ELKO_ECHO_UNREACHABLE);
        CHECK_EQ(e.icmp_type, 3);
        CHECK_EQ(e.icmp_code, 1);
        icmp[33] = 78; /* an identifier that we did not use */
        check_drop(feed_icmp(TUN, "10.0.0.99", "10.0.0.1", 64, icmp, 36), ELKO_DROP_ICMP_TYPE,
                   "not ours");
        icmp[28] = 0; /* about a reply, which nobody may complain of */
        check_drop(feed_icmp(TUN, "10.0.0.99", "10.0.0.1", 64, icmp, 36), ELKO_DROP_ICMP_QUOTE,
                   "about a reply");
}

/* ---- errors out ---- */

static enum ek_ip_verdict feed_udp(elko_link link, const char *src, const char *dst, uint32_t data)
{
        static uint8_t udp[1500], p[1600];
        elko_ip s = ip_of(src), d = ip_of(dst);
        uint32_t len = 8 + data;

        memset(udp, 7, len);
        ek_put16be(udp + 4, (uint16_t)len);
        ek_put16be(udp + 6, 0);
        ek_put16be(udp + 6, ek_csum_fold(ek_csum_add(ek_csum_pseudo(&s, &d, 17, len), udp, len)));
        size_t n = make_ip(p, src, dst, EK_PROTO_UDP, udp, len);

        if (link != ETH)
                return feed(link, p, n);
        return feed_eth(our_mac, ek_addr_is_v4(&d) ? EK_ETH_IPV4 : EK_ETH_IPV6, p, n);
}

EK_TEST(udp_gets_port_unreachable)
{
        struct ek_ip_hdr h;
        struct ek_icmp_msg m;
        struct ek_quote q;

        world_new();
        check_drop(feed_udp(TUN, "10.0.0.7", "10.0.0.1", 1200), ELKO_DROP_UDP_NO_PORT, "v4");
        CHECK(pop(TUN) != NULL);
        h = frame_ip(NULL);
        CHECK_EQ(h.hdr_len + h.payload_len, 576); /* RFC 1812, 4.3.2.3 */
        CHECK_EQ(ek_icmp4_parse(h.payload, h.payload_len, false, &m), ELKO_DROP_NONE);
        CHECK_EQ(m.type, 3);
        CHECK_EQ(m.code, 3);
        CHECK_EQ(ek_quote_parse(m.body, m.body_len, &q), ELKO_DROP_NONE);
        CHECK_EQ(q.total_len, 1228);
        check_drop(feed_udp(TUN, "fd00::7", "fd00::1", 1300), ELKO_DROP_UDP_NO_PORT, "v6");
        CHECK(pop(TUN) != NULL);
        h = frame_ip(NULL);
        CHECK_EQ(h.hdr_len + h.payload_len, 1280); /* RFC 4443, 2.4c */
        CHECK_EQ(ek_icmp6_parse(&h.src, &h.dst, h.payload, h.payload_len, false, &m), 0);
        CHECK_EQ(m.type, 1);
        CHECK_EQ(m.code, 4);
        CHECK_EQ(w.ctr.icmp_errors_out, 2);
        check_drop(feed_udp(TUN, "10.0.0.7", "10.0.0.1", 0), ELKO_DROP_UDP_NO_PORT, "empty");
        CHECK(pop(TUN) != NULL);
        CHECK_EQ(frame_ip(NULL).payload_len, 8 + 28);
}

EK_TEST(errors_are_not_sent_for)
{
        uint8_t p[128], body[40] = {0};
        size_t n;

        world_new();
        check_drop(feed_udp(TUN, "10.0.0.7", "10.0.0.255", 9), ELKO_DROP_IP_MULTICAST, "broadcast");
        check_drop(feed_udp(TUN, "10.0.0.7", "224.0.0.1", 9), ELKO_DROP_IP_MULTICAST, "multicast");
        check_drop(feed_udp(TUN, "fd00::7", "ff02::1", 9), ELKO_DROP_IP_MULTICAST, "multicast");
        check_drop(feed_udp(TUN, "127.0.0.1", "10.0.0.1", 9), ELKO_DROP_IP_MARTIAN, "martian");
        check_drop(feed_udp(TUN, "10.0.0.255", "10.0.0.1", 9), ELKO_DROP_IP_MARTIAN, "martian");
        check_drop(feed_udp(TUN, "10.0.0.7", "10.0.0.2", 9), ELKO_DROP_IP_NOT_MINE, "not ours");
        n = make_ip(p, "10.0.0.7", "10.0.0.1", EK_PROTO_UDP, body, 7);
        check_drop(feed(TUN, p, n), ELKO_DROP_UDP_BAD, "bad UDP");
        n = make_ip(p, "10.0.0.7", "10.0.0.1", EK_PROTO_UDP, body, 40);
        ek_put16be(p + 6, 0x2000);
        ek_put16be(p + 10, 0);
        ek_put16be(p + 10, ek_csum_fold(ek_csum_add(0, p, 20)));
        check_drop(feed(TUN, p, n), ELKO_DROP_IP_FRAGMENT, "fragment");
        n = make_ip(p, "fd00::7", "fd00::1", EK_PROTO_NONE, body, 40);
        check_drop(feed(TUN, p, n), ELKO_DROP_IP_PROTOCOL, "no next header");
        n = make_ip(p, "fd00::7", "fd00::1", EK_PROTO_ICMP, body, 40);
        check_drop(feed(TUN, p, n), ELKO_DROP_IP_PROTOCOL, "ICMP in IPv6");
        n = make_ip(p, "10.0.0.7", "10.0.0.1", EK_PROTO_ICMP6, body, 40);
        check_drop(feed(TUN, p, n), ELKO_DROP_IP_PROTOCOL, "ICMPv6 in IPv4");
        CHECK_EQ(feed_error4(3, 3, 0, 28), EK_IP_ICMP_ERROR);
        CHECK(!ek_ip_ctl_has(&w.ip, TUN) && !ek_ip_ctl_has(&w.ip, ETH));
}

EK_TEST(unknown_protocol_is_refused)
{
        uint8_t p[128], body[40] = {6, 0, 1, 4};
        struct ek_icmp_msg m;
        struct ek_ip_hdr h;
        size_t n;

        world_new();
        n = make_ip(p, "10.0.0.7", "10.0.0.1", 132, body, 40);
        check_drop(feed(TUN, p, n), ELKO_DROP_IP_PROTOCOL, "SCTP");
        CHECK(pop(TUN) != NULL);
        h = frame_ip(NULL);
        CHECK_EQ(ek_icmp4_parse(h.payload, h.payload_len, false, &m), ELKO_DROP_NONE);
        CHECK_EQ(m.type, 3);
        CHECK_EQ(m.code, 2);
        body[0] = 132;
        n = make_ip(p, "fd00::7", "fd00::1", 60, body,
                    40); /* behind a destination options header */
        check_drop(feed(TUN, p, n), ELKO_DROP_IP_PROTOCOL, "SCTP");
        CHECK(pop(TUN) != NULL);
        h = frame_ip(NULL);
        CHECK_EQ(ek_icmp6_parse(&h.src, &h.dst, h.payload, h.payload_len, false, &m), 0);
        CHECK_EQ(m.type, 4);
        CHECK_EQ(m.code, 1);
        CHECK_EQ(m.word, 40); /* the byte that says 132 */
}

/* A1-16, A1-17 */
EK_TEST(parameter_problems)
{
        static const struct {
                uint8_t next, bytes[8];
                const char *dst;
                enum elko_drop drop;
                int code; /* -1: no answer */
                uint32_t at;
        } t[] = {
                {43, {6, 0, 0, 1}, "fd00::1", ELKO_DROP_IP_ROUTING_HDR, 0, 42},
                {60, {6, 0, 0x85, 4}, "fd00::1", ELKO_DROP_IP_EXT_HDR, 2, 42},
                {60, {6, 0, 0xc5, 4}, "fd00::1", ELKO_DROP_IP_EXT_HDR, 2, 42},
                {60, {6, 0, 0x45, 4}, "fd00::1", ELKO_DROP_IP_EXT_HDR, -1, 0},
                {60, {6, 0, 0x85, 4}, "ff02::1", ELKO_DROP_IP_EXT_HDR, -1, 0},
                {60, {6, 0, 0x85, 4}, "fd00::2", ELKO_DROP_IP_EXT_HDR, -1, 0},
                {43, {6, 0, 0, 1}, "ff02::1", ELKO_DROP_IP_ROUTING_HDR, -1, 0},
        };
        uint8_t p[128];
        struct ek_icmp_msg m;
        struct ek_ip_hdr h;

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                size_t n = make_ip(p, "fd00::7", t[i].dst, t[i].next, t[i].bytes, 8);

                world_new();
                check_drop(feed(TUN, p, n), t[i].drop, "problem");
                if (t[i].code < 0) {
                        CHECK(!ek_ip_ctl_has(&w.ip, TUN));
                        continue;
                }
                CHECK(pop(TUN) != NULL);
                h = frame_ip(NULL);
                CHECK_EQ(ek_icmp6_parse(&h.src, &h.dst, h.payload, h.payload_len, false, &m), 0);
                CHECK_EQ(m.type, 4);
                CHECK_EQ(m.code, t[i].code);
                CHECK_EQ(m.word, t[i].at);
                CHECK_MEM_EQ(m.body, p, n);
        }
}

EK_TEST(errors_are_rate_limited_by_destination)
{
        uint32_t sent = 0;

        world_sized(16, 200, 0);
        for (int i = 0; i < 100; i++)
                feed_udp(TUN, "10.0.0.7", "10.0.0.1", 9);
        while (pop(TUN) != NULL)
                sent++;
        CHECK_EQ(sent, 6);
        CHECK_EQ(w.ctr.icmp_limited, 94);
        feed_udp(TUN, "10.0.0.8", "10.0.0.1", 9); /* somebody else has his own allowance */
        CHECK(pop(TUN) != NULL);
        pass(ELKO_MS(200));
        for (int i = 0; i < 10; i++)
                feed_udp(TUN, "10.0.0.7", "10.0.0.1", 9);
        for (sent = 0; pop(TUN) != NULL; sent++)
                ;
        CHECK_EQ(sent, 2);
}

EK_TEST(no_route_back_no_answer)
{
        world_new();
        check_drop(feed_udp(TUN, "2600::7", "fd00::1", 9), ELKO_DROP_UDP_NO_PORT, "no route");
        CHECK(!ek_ip_ctl_has(&w.ip, TUN) && !ek_ip_ctl_has(&w.ip, ETH));
}

/* Whatever arrives, invariants hold, nothing is read beyond, and the memory comes back. */
EK_TEST(random_packets)
{
        static const uint16_t types[] = {EK_ETH_IPV4, EK_ETH_IPV6, EK_ETH_ARP, 0x1234};
        uint8_t p[200];
        size_t used;

        world_new();
        used = ek_region_used(w.region);
        for (uint32_t round = 0; round < ek_test_rounds(60000); round++) {
                size_t n = ek_test_below(sizeof(p)), h = 0;
                elko_link link = ek_test_below(2) ? ETH : TUN;
                uint16_t type = types[ek_test_below(4)];

                for (size_t i = 0; i < n; i++)
                        p[i] = (uint8_t)ek_test_magnitude(8);
                if (link == ETH && n >= 14) {
                        ek_eth_emit(p, ek_test_below(3) ? our_mac : all_mac, peer_mac, type);
                        h = 14;
                }
                if (n >= h + 40 && type == EK_ETH_IPV4) {
                        elko_ip s = ip_of("192.0.2.9"), d = ip_of("192.0.2.1");

                        ek_ipv4_emit(p + h, &s, &d, ek_test_below(2) ? 1 : 17, 64, 0,
                                     (uint32_t)(n - h - 20));
                } else if (n >= h + 40) {
                        elko_ip s = ip_of("2001:db8::9"), d = ip_of("2001:db8::1");

                        ek_ipv6_emit(p + h, &s, &d, (uint8_t)ek_test_magnitude(6), 255, 0,
                                     (uint32_t)(n - h - 40));
                }
                (void)feed(link, p, n);
                if (round % 16 == 0) {
                        drain();
                        w.now += ELKO_MS(ek_test_below(500));
                        ek_ip_advance(&w.ip, w.now);
                }
        }
        pass(ELKO_SEC(10));
        drain();
        pass(ELKO_SEC(10));
        drain();
        CHECK_EQ(ek_region_used(w.region), used);
}

EK_TEST_MAIN();
