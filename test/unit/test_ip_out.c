/*
 * Headers for the transport, path MTUs, rate limits, and the order of control frames.
 */
#include "test_ip_world.h"

EK_TEST(header_on_each_medium)
{
        elko_ip s4, d4, s6, d6, clean;
        uint8_t out[EK_IP_MAX_HDR_BYTES + 100];
        struct ek_ip_hdr h;

        world_new();
        s4 = ip_of("10.0.0.1"), d4 = ip_of("8.8.8.8");
        s6 = on(ETH, "fe80::1"), d6 = on(ETH, "fe80::9");
        CHECK_EQ(ek_ip_header_emit(&w.ip, out, TUN, NULL, &s4, &d4, 6, 61, 2, 100), 20);
        CHECK_EQ(ek_ip_parse(out, 120, &h), ELKO_DROP_NONE);
        CHECK(ek_addr_equal(&h.src, &s4) && ek_addr_equal(&h.dst, &d4));
        CHECK_EQ(h.ttl, 61);
        CHECK_EQ(h.tos, 2);
        CHECK_EQ(h.payload_len, 100);
        CHECK_EQ(ek_ip_header_emit(&w.ip, out, ETH, peer_mac, &s4, &d4, 6, 61, 2, 100), 34);
        CHECK_MEM_EQ(out, peer_mac, 6);
        CHECK_MEM_EQ(out + 6, our_mac, 6);
        CHECK_EQ(ek_get16be(out + 12), EK_ETH_IPV4);
        CHECK_EQ(ek_ip_parse(out + 14, 120, &h), ELKO_DROP_NONE);
        CHECK_EQ(ek_ip_header_emit(&w.ip, out, ETH, peer_mac, &s6, &d6, 6, 64, 0, 100),
                 EK_IP_MAX_HDR_BYTES);
        CHECK_EQ(ek_get16be(out + 12), EK_ETH_IPV6);
        CHECK_EQ(ek_ip_parse(out + 14, 140, &h), ELKO_DROP_NONE);
        clean = ip_of("fe80::9"); /* the scope stays at home */
        CHECK(ek_addr_equal(&h.dst, &clean));
}

EK_TEST(scope_helpers)
{
        elko_ip ip = ip_of("fe80::1"), global = ip_of("2001:db8::1"), v4 = ip_of("169.254.0.1");

        ek_ip_embed_scope(&ip, 0x1234);
        CHECK_EQ(ek_ip_strip_scope(&ip), 0x1234);
        CHECK_EQ(ek_ip_strip_scope(&ip), 0);
        ek_ip_embed_scope(&global, 5);
        CHECK_EQ(ek_ip_strip_scope(&global), 0);
        ek_ip_embed_scope(&v4, 5);
        CHECK_EQ(ek_ip_strip_scope(&v4), 0);
        ip = ip_of("2001:db8::1");
        CHECK(ek_addr_equal(&ip, &global));
}

/* ---- path MTU ---- */

/* RELIABILITY A3-12. */
EK_TEST(pmtu_values)
{
        static const struct {
                const char *dst;
                uint32_t mtu;
                bool taken;
                uint32_t after;
        } t[] = {
                {"8.8.8.8", 0, false, 1500},        {"8.8.8.8", 1, false, 1500},
                {"8.8.8.8", 67, false, 1500},       {"8.8.8.8", 68, true, 552},
                {"8.8.8.8", 295, true, 552},        {"8.8.8.8", 296, true, 552},
                {"8.8.8.8", 551, true, 552},        {"8.8.8.8", 552, true, 552},
                {"8.8.8.8", 553, true, 553},        {"8.8.8.8", 1499, true, 1499},
                {"8.8.8.8", 1500, false, 1500},     {"8.8.8.8", 65535, false, 1500},
                {"2001:db8::9", 0, false, 1500},    {"2001:db8::9", 1279, false, 1500},
                {"2001:db8::9", 1280, true, 1280},  {"2001:db8::9", 1499, true, 1499},
                {"2001:db8::9", 1500, false, 1500}, {"2001:db8::9", 0xffffffff, false, 1500},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                elko_ip dst = ip_of(t[i].dst);

                world_new();
                CHECK_EQ(ek_pmtu_get(&w.ip, &dst, 1500, w.now), 1500);
                CHECK_EQ(ek_pmtu_update(&w.ip, &dst, t[i].mtu, w.now), t[i].taken);
                CHECK_EQ(ek_pmtu_get(&w.ip, &dst, 1500, w.now), t[i].after);
                CHECK_EQ(ek_pmtu_get(&w.ip, &dst, 500, w.now), 500); /* never above the link's */
                check();
        }
}

EK_TEST(pmtu_only_falls_and_expires)
{
        elko_ip dst = ip_of("8.8.8.8"), other = ip_of("8.8.4.4");

        world_new();
        CHECK(ek_pmtu_update(&w.ip, &dst, 1400, w.now));
        CHECK(!ek_pmtu_update(&w.ip, &dst, 1400, w.now));
        CHECK(!ek_pmtu_update(&w.ip, &dst, 1450, w.now));
        w.now += ELKO_SEC(300);
        CHECK(ek_pmtu_update(&w.ip, &dst, 1300, w.now));
        CHECK_EQ(ek_pmtu_get(&w.ip, &other, 1500, w.now), 1500);
        w.now += ELKO_SEC(600) - 1;
        CHECK_EQ(ek_pmtu_get(&w.ip, &dst, 1500, w.now), 1300);
        w.now += 1;
        CHECK_EQ(ek_pmtu_get(&w.ip, &dst, 1500, w.now), 1500);
        CHECK(ek_pmtu_update(&w.ip, &dst, 1450, w.now)); /* higher than the one that expired */
        CHECK_EQ(ek_pmtu_get(&w.ip, &dst, 1500, w.now), 1450);
}

EK_TEST(pmtu_flood)
{
        elko_ip dst = ip_of("8.8.8.8"), d;
        uint32_t known = 0;

        world_new();
        for (uint32_t i = 0; i < 10000; i++) {
                d = elko_ip_v4(9, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);
                CHECK(ek_pmtu_update(&w.ip, &d, 1000, w.now + i));
        }
        check();
        for (uint32_t i = 0; i < 10000; i++) {
                d = elko_ip_v4(9, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i);
                known += ek_pmtu_get(&w.ip, &d, 1500, w.now + i) == 1000;
        }
        CHECK_EQ(known, 64); /* the newest of each set */
        CHECK(ek_pmtu_update(&w.ip, &dst, 1400, w.now + 10000));
        CHECK_EQ(ek_pmtu_get(&w.ip, &dst, 1500, w.now + 10000), 1400);
}

/* ---- limiter ---- */

EK_TEST(limiter_rate)
{
        static const uint8_t secret[16] = {1, 2, 3};
        struct ek_siphash_key key = ek_siphash_key(secret);
        elko_ip a = ip_of("10.0.0.7");
        struct ek_limiter l;
        uint64_t now = ELKO_SEC(5);
        uint32_t taken = 0;

        ek_limiter_init(&l, &key, ELKO_MS(100), 6);
        for (int i = 0; i < 100; i++)
                taken += ek_limiter_take(&l, &a, now);
        CHECK_EQ(taken, 6);
        for (taken = 0; now < ELKO_SEC(65); now += ELKO_MS(1))
                taken += ek_limiter_take(&l, &a, now);
        CHECK(taken >= 599 && taken <= 601); /* 10 a second */
        now += ELKO_SEC(10);
        for (taken = 0; taken < 100 && ek_limiter_take(&l, &a, now); taken++)
                ;
        CHECK_EQ(taken, 6);
        CHECK(!ek_limiter_take(&l, &a, 0)); /* a clock that jumps back gives nothing away */
}

/* What one destination used up says nothing about (nearly all) others. */
EK_TEST(limiter_isolation)
{
        static const uint8_t secret[16] = {9};
        struct ek_siphash_key key = ek_siphash_key(secret);
        elko_ip a = ip_of("10.0.0.7"), b;
        struct ek_limiter l;
        uint32_t disturbed = 0;

        ek_limiter_init(&l, &key, ELKO_SEC(1), 1);
        for (int i = 0; i < 100; i++)
                ek_limiter_take(&l, &a, 0);
        for (uint32_t i = 0; i < 200; i++) {
                struct ek_limiter copy = l;

                b = elko_ip_v4(11, 0, 0, (uint8_t)i);
                disturbed += !ek_limiter_take(&copy, &b, 0);
        }
        CHECK(disturbed < 8);
}

/* ---- control frames ---- */

EK_TEST(many_solicitations_in_one_batch)
{
        struct elko_frame f[40];
        uint8_t mac[6];
        uint32_t n = 0;
        elko_ip ip;

        world_sized(64, 4, 0);
        for (int i = 0; i < 40; i++) {
                ip = elko_ip_v4(192, 0, 2, (uint8_t)(10 + i));
                CHECK_EQ(ek_neigh_resolve(&w.ip, ETH, &ip, w.now, mac, NULL), EK_NEIGH_PENDING);
        }
        while (ek_ip_ctl_pop(&w.ip, ETH, &f[n], w.now))
                n++;
        CHECK_EQ(n, EK_SOLICIT_FRAMES);
        CHECK(ek_ip_ctl_has(&w.ip, ETH)); /* more, after the release */
        for (uint32_t i = 0; i < n; i++)  /* all valid together */
                CHECK_EQ(f[i].part[0].data[14 + 27], 10 + i);
        ek_ip_ctl_release(&w.ip);
        while (ek_ip_ctl_pop(&w.ip, ETH, &f[0], w.now)) {
                n++;
                ek_ip_ctl_release(&w.ip);
        }
        CHECK_EQ(n, 40);
        check();
}

EK_TEST(frames_go_to_their_link)
{
        uint8_t icmp[20] = {8};
        elko_ip to = ip_of("8.8.8.8");
        struct ek_ip_hdr h;

        world_new();
        CHECK_EQ(feed_icmp(TUN, "10.0.0.7", "10.0.0.1", 64, icmp, 20), EK_IP_CONSUMED);
        CHECK(ek_ip_ctl_has(&w.ip, TUN) && !ek_ip_ctl_has(&w.ip, ETH));
        CHECK(pop(ETH) == NULL);
        CHECK_EQ(ek_icmp_echo_request(&w.ip, &to, 1, 1, NULL, 0, w.now), 0); /* by the gateway */
        CHECK(ek_ip_ctl_has(&w.ip, ETH));
        CHECK(pop(ETH) != NULL);
        CHECK_EQ(ek_get16be(w.frame.part[0].data + 12), EK_ETH_ARP);
        CHECK(pop(ETH) == NULL);
        CHECK_EQ(feed_arp(EK_ARP_REPLY, peer_mac, "192.0.2.254", "192.0.2.1"), EK_IP_CONSUMED);
        CHECK(pop(ETH) != NULL);
        h = frame_ip(peer_mac);
        CHECK(ek_addr_equal(&h.dst, &to));
        CHECK(pop(TUN) != NULL);
        CHECK(!ek_ip_ctl_has(&w.ip, 0) && !ek_ip_ctl_has(&w.ip, 3));
        CHECK(!ek_ip_ctl_pop(&w.ip, 0, &w.frame, w.now));
        CHECK(!ek_ip_ctl_pop(&w.ip, 3, &w.frame, w.now));
        drain();
}

/* On link 1, which is bare IP here. */
static enum ek_ip_verdict feed_raw_echo(uint8_t *icmp, size_t n)
{
        static uint8_t p[65535];

        fix_icmp(icmp, n, "10.0.0.7", "10.0.0.1");
        return feed(1, p, make_ip(p, "10.0.0.7", "10.0.0.1", EK_PROTO_ICMP, icmp, n));
}

EK_TEST(large_replies_have_a_byte_limit)
{
        struct ek_ip_limits lim = {
                .links = 1, .addresses = 2, .routes = 2, .neighbours = 4, .replies = 64};
        struct elko_link_config c = {.medium = ELKO_MEDIUM_IP, .mtu = 65535};
        static uint8_t icmp[65515] = {8};
        int taken = 0;

        world_empty(&lim);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 1);
        CHECK_EQ(add_addr(1, "10.0.0.1/24"), 0);
        for (int i = 0; i < 20; i++)
                taken += feed_raw_echo(icmp, 60000) == EK_IP_CONSUMED;
        CHECK_EQ(taken, EK_REPLY_MAX_BYTES / 60034);
        for (int i = 0; i < taken; i++)
                CHECK(ek_ip_ctl_pop(&w.ip, 1, &w.frame, w.now));
        ek_ip_ctl_release(&w.ip);
        CHECK_EQ(feed_raw_echo(icmp, 65515), EK_IP_CONSUMED);
        CHECK(ek_ip_ctl_pop(&w.ip, 1, &w.frame, w.now));
        CHECK_EQ(w.frame.len, 65535);
        ek_ip_ctl_release(&w.ip);
        check();
}

/* The end of time is a time like any other. */
EK_TEST(extreme_clocks)
{
        uint8_t mac[6];
        elko_ip ip;

        world_new();
        ip = ip_of("192.0.2.9");
        w.now = EK_NEVER - 1;
        CHECK_EQ(ek_neigh_resolve(&w.ip, ETH, &ip, w.now, mac, NULL), EK_NEIGH_PENDING);
        ek_ip_advance(&w.ip, EK_NEVER - 1);
        drain();
        check();
        world_new();
        ek_neigh_resolve(&w.ip, ETH, &ip, w.now, mac, NULL);
        w.now = 0; /* the clock went back */
        ip = ip_of("192.0.2.10");
        ek_neigh_resolve(&w.ip, ETH, &ip, w.now, mac, NULL);
        drain();
        ek_ip_advance(&w.ip, w.now);
        check();
}

EK_TEST_MAIN();
