/*
 * Links, addresses, routes, source addresses: longest prefix against brute force, every refusal.
 */
#include "test_ip_world.h"

EK_TEST(links)
{
        struct ek_ip_limits lim = {
                .links = 2, .addresses = 4, .routes = 4, .neighbours = 4, .replies = 4};
        struct elko_link_config c = {.medium = ELKO_MEDIUM_IP, .mtu = 575};

        world_empty(&lim);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), ELKO_EINVAL);
        c.mtu = 576;
        memset(c.name, 'x', sizeof(c.name));
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), ELKO_EINVAL);
        c.name[15] = '\0';
        c.medium = (enum elko_medium)7;
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), ELKO_EINVAL);
        c.medium = ELKO_MEDIUM_ETHERNET;
        c.mac[0] = 1;
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), ELKO_EINVAL);
        c.mac[0] = 2;
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 1);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 2);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), ELKO_ELIMIT);
        CHECK(ek_ip_link(&w.ip, 0) == NULL);
        CHECK(ek_ip_link(&w.ip, 3) == NULL);
        CHECK_EQ(ek_ip_link(&w.ip, 2)->mtu, 576);
        /* IPv6 needs 1280. */
        CHECK_EQ(add_addr(1, "fd00::1/64"), ELKO_EINVAL);
        CHECK_EQ(add_addr(1, "10.0.0.1/8"), 0);
}

EK_TEST(limits_and_memory)
{
        static const struct ek_ip_limits bad[] = {
                {0, 1, 1, 4, 1}, {65, 1, 1, 4, 1},    {1, 0, 1, 4, 1}, {1, 257, 1, 4, 1},
                {1, 1, 0, 4, 1}, {1, 1, 1025, 4, 1},  {1, 1, 1, 3, 1}, {1, 1, 1, 65536, 1},
                {1, 1, 1, 4, 0}, {1, 1, 1, 4, 65536},
        };
        struct ek_ip_limits lim = {
                .links = 2, .addresses = 4, .routes = 4, .neighbours = 100, .replies = 10};
        static const uint8_t seed[16] = {1};
        size_t before;

        world_empty(&lim);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                CHECK(!ek_ipstack_init(&w.ip, w.region, &bad[i], seed, &w.ctr, 0));
        before = ek_region_used(w.region);
        CHECK(ek_ipstack_init(&w.ip, w.region, &lim, seed, &w.ctr, 0));
        CHECK_EQ(ek_region_used(w.region) - before, ek_ipstack_bytes(&lim, 256));
        for (uint64_t n = 1; n <= 9; n++) {
                ek_region_fail_nth(w.region, n, false);
                CHECK(!ek_ipstack_init(&w.ip, w.region, &lim, seed, &w.ctr, 0));
        }
        ek_region_fail_nth(w.region, 10, false);
        CHECK(ek_ipstack_init(&w.ip, w.region, &lim, seed, &w.ctr, 0));
}

EK_TEST(address_refusals)
{
        static const struct {
                elko_link link;
                const char *cidr;
                int error;
        } t[] = {
                {ETH, "192.0.2.1/24", ELKO_EEXIST},
                {TUN, "192.0.2.1/32", ELKO_EEXIST},
                {ETH, "192.0.2.2/24", 0},
                {3, "10.1.0.1/24", ELKO_EINVAL},
                {0, "10.1.0.1/24", ELKO_EINVAL},
                {ETH, "10.1.0.255/24", ELKO_EINVAL},
                {ETH, "10.1.0.0/24", ELKO_EINVAL},
                {ETH, "10.1.0.0/31", 0},
                {ETH, "10.1.0.255/32", 0},
                {ETH, "0.0.0.0/0", ELKO_EINVAL},
                {ETH, "127.0.0.1/8", ELKO_EINVAL},
                {ETH, "224.0.0.1/4", ELKO_EINVAL},
                {ETH, "255.255.255.255/32", ELKO_EINVAL},
                {ETH, "::/64", ELKO_EINVAL},
                {ETH, "::1/128", ELKO_EINVAL},
                {ETH, "ff02::5/64", ELKO_EINVAL},
                {TUN, "fe80::1/64", 0},
                {ETH, "fe80::1/64", ELKO_EEXIST},
                {ETH, "2001:db8::/64", 0},
        };

        world_new();
        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++)
                if (add_addr(t[i].link, t[i].cidr) != t[i].error)
                        ek_test_fail(__FILE__, __LINE__, "%s", t[i].cidr);
        elko_ip ip = ip_of("10.9.0.1");

        CHECK_EQ(ek_ip_addr_add(&w.ip, ETH, &ip, 33, w.now), ELKO_EINVAL);
        ip = ip_of("fd09::1");
        CHECK_EQ(ek_ip_addr_add(&w.ip, ETH, &ip, 129, w.now), ELKO_EINVAL);
        check();
}

EK_TEST(address_limit)
{
        struct ek_ip_limits lim = {
                .links = 1, .addresses = 3, .routes = 2, .neighbours = 4, .replies = 4};
        struct elko_link_config c = {.medium = ELKO_MEDIUM_IP, .mtu = 1500};

        world_empty(&lim);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 1);
        CHECK_EQ(add_addr(1, "10.0.0.1/24"), 0);
        CHECK_EQ(add_addr(1, "10.0.0.2/24"), 0); /* shares the route */
        CHECK_EQ(add_addr(1, "10.0.1.1/24"), 0);
        CHECK_EQ(add_addr(1, "10.0.2.1/24"), ELKO_ELIMIT);
        check();
        world_empty(&lim);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 1);
        CHECK_EQ(add_addr(1, "10.0.0.1/24"), 0);
        CHECK_EQ(add_addr(1, "10.0.1.1/24"), 0);
        CHECK_EQ(add_addr(1, "10.0.2.1/24"), ELKO_ELIMIT); /* no room for its route: not added */
        elko_ip ip = ip_of("10.0.2.1");

        CHECK(!ek_ip_is_local(&w.ip, &ip));
        check();
}

EK_TEST(local_and_broadcast)
{
        elko_ip ip;

        world_new();
        ip = ip_of("192.0.2.1");
        CHECK(ek_ip_is_local(&w.ip, &ip));
        CHECK(ek_ip_is_local_on(&w.ip, ETH, &ip) && !ek_ip_is_local_on(&w.ip, TUN, &ip));
        ip = ip_of("192.0.2.255");
        CHECK_EQ(ek_ip_classify(&w.ip, &ip), EK_IP_BROADCAST);
        ip = ip_of("192.0.2.2");
        CHECK_EQ(ek_ip_classify(&w.ip, &ip), EK_IP_UNKNOWN);
        ip = on(ETH, "fe80::1");
        CHECK(ek_ip_is_local(&w.ip, &ip));
        ip = on(TUN, "fe80::1");
        CHECK(!ek_ip_is_local(&w.ip, &ip));
        /* An address that is another network's broadcast address is ours all the same. */
        CHECK_EQ(add_addr(TUN, "192.0.2.255/32"), 0);
        ip = ip_of("192.0.2.255");
        CHECK(ek_ip_is_local(&w.ip, &ip));
        check();
}

/* ---- routes ---- */

static const char *next_hop(const char *dst, uint16_t scope)
{
        static char text[ELKO_IP_TEXT + 8];
        elko_ip ip = ip_of(dst), hop;
        struct ek_route r;
        size_t n;

        if (ek_route_lookup(&w.ip, &ip, scope, &r) != 0)
                return "-";
        hop = r.next_hop;
        ek_ip_strip_scope(&hop);
        n = elko_ip_format(&hop, text);
        snprintf(text + n, 8, "%%%u", r.link);
        CHECK_EQ(r.mtu, ek_ip_link(&w.ip, r.link)->mtu);
        CHECK_EQ(r.gen, ek_route_gen(&w.ip));
        return text;
}

EK_TEST(lookup)
{
        world_new();
        CHECK_EQ(add_route(TUN, "203.0.113.0/24", NULL), 0);
        CHECK_EQ(add_route(ETH, "203.0.113.128/25", "192.0.2.9"), 0);
        CHECK_EQ(add_route(TUN, "0.0.0.0/0", NULL), 0); /* second default: the first counts */
        CHECK_STR_EQ(next_hop("192.0.2.77", 0), "192.0.2.77%1");
        CHECK_STR_EQ(next_hop("10.0.0.77", 0), "10.0.0.77%2");
        CHECK_STR_EQ(next_hop("8.8.8.8", 0), "192.0.2.254%1");
        CHECK_STR_EQ(next_hop("8.8.8.8", TUN), "8.8.8.8%2");
        CHECK_STR_EQ(next_hop("203.0.113.5", 0), "203.0.113.5%2");
        CHECK_STR_EQ(next_hop("203.0.113.200", 0), "192.0.2.9%1");
        CHECK_STR_EQ(next_hop("203.0.113.200", TUN), "203.0.113.200%2");
        CHECK_STR_EQ(next_hop("2001:db8::77", 0), "2001:db8::77%1");
        CHECK_STR_EQ(next_hop("2600::1", 0), "-"); /* the IPv4 default is none for IPv6 */
        CHECK_EQ(add_route(ETH, "::/0", "fe80::254"), 0);
        CHECK_STR_EQ(next_hop("2600::1", 0), "fe80::254%1");
        CHECK_STR_EQ(next_hop("127.0.0.1", 0), "-");
        CHECK_STR_EQ(next_hop("::1", 0), "-");
        CHECK_STR_EQ(next_hop("0.0.0.0", 0), "-");
        CHECK_STR_EQ(next_hop("::", 0), "-");
        CHECK_STR_EQ(next_hop("8.8.8.8", 9), "-");
}

EK_TEST(link_local_destinations)
{
        elko_ip ip;
        struct ek_route r;

        world_new();
        CHECK_STR_EQ(next_hop("fe80::9", 0), "-");
        CHECK_STR_EQ(next_hop("fe80::9", ETH), "fe80::9%1");
        CHECK_STR_EQ(next_hop("fe80::9", TUN), "fe80::9%2");
        CHECK_STR_EQ(next_hop("fe80::9", 3), "-");
        CHECK_STR_EQ(next_hop("fe80:1::9", 0), "fe80::9%1"); /* embedded */
        CHECK_STR_EQ(next_hop("fe80:2::9", ETH), "fe80::9%2");
        CHECK_STR_EQ(next_hop("fe80:7::9", 0), "-");
        CHECK_STR_EQ(next_hop("ff02::9", ETH), "ff02::9%1");
        ip = ip_of("fe80::9");
        CHECK_EQ(ek_route_lookup(&w.ip, &ip, ETH, &r), 0);
        CHECK_EQ(ek_get16be(r.next_hop.b + 2), ETH); /* what ek_neigh_resolve() wants */
}

EK_TEST(one_link_needs_no_scope)
{
        struct ek_ip_limits lim = {
                .links = 2, .addresses = 3, .routes = 2, .neighbours = 4, .replies = 4};
        struct elko_link_config c = {.medium = ELKO_MEDIUM_IP, .mtu = 1500};

        world_empty(&lim);
        CHECK_STR_EQ(next_hop("fe80::9", 0), "-");
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 1);
        CHECK_STR_EQ(next_hop("fe80::9", 0), "fe80::9%1");
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 2);
        CHECK_STR_EQ(next_hop("fe80::9", 0), "-");
}

EK_TEST(route_refusals)
{
        struct ek_ip_limits lim = {
                .links = 1, .addresses = 3, .routes = 2, .neighbours = 4, .replies = 4};
        struct elko_link_config c = {.medium = ELKO_MEDIUM_IP, .mtu = 1500};
        uint32_t gen;
        elko_ip ip = ip_of("10.0.0.0");

        world_empty(&lim);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 1);
        CHECK_EQ(add_addr(1, "10.0.0.1/24"), 0);
        gen = ek_route_gen(&w.ip);
        CHECK_EQ(add_route(2, "0.0.0.0/0", NULL), ELKO_EINVAL);
        CHECK_EQ(add_route(1, "0.0.0.0/0", "::5"), ELKO_EINVAL);
        CHECK_EQ(add_route(1, "0.0.0.0/0", "224.0.0.5"), ELKO_EINVAL);
        CHECK_EQ(add_route(1, "0.0.0.0/0", "10.0.0.1"), ELKO_EINVAL); /* ourselves */
        CHECK_EQ(ek_ip_route_add(&w.ip, &ip, 33, 1, NULL), ELKO_EINVAL);
        CHECK_EQ(add_route(1, "10.0.0.99/24", NULL), ELKO_EEXIST); /* the host bits don't count */
        CHECK_EQ(ek_route_gen(&w.ip), gen);
        CHECK_EQ(add_route(1, "0.0.0.0/0", NULL), 0);
        CHECK(ek_route_gen(&w.ip) != gen);
        CHECK_EQ(add_route(1, "11.0.0.0/8", NULL), ELKO_ELIMIT);
        check();
}

struct model_route {
        elko_ip prefix;
        unsigned bits; /* of the 16-byte form */
        elko_link link;
        bool v4;
};

static elko_ip random_addr(bool v4)
{
        elko_ip ip = {{0x20}};

        if (v4)
                return elko_ip_v4((uint8_t)(1 + ek_test_below(3)), (uint8_t)ek_test_below(4),
                                  (uint8_t)ek_test_below(4), (uint8_t)ek_test_below(4));
        for (int i = 1; i < 16; i++)
                ip.b[i] = (uint8_t)ek_test_below(2);
        return ip;
}

static unsigned matching_bits(const elko_ip *a, const elko_ip *b)
{
        unsigned n = 0;

        while (n < 128 && ((a->b[n / 8] ^ b->b[n / 8]) >> (7 - n % 8) & 1) == 0)
                n++;
        return n;
}

EK_TEST(longest_prefix_against_brute_force)
{
        struct ek_ip_limits lim = {
                .links = 3, .addresses = 1, .routes = 300, .neighbours = 4, .replies = 1};
        struct elko_link_config c = {.medium = ELKO_MEDIUM_IP, .mtu = 1500};
        static struct model_route model[300];

        for (uint32_t round = 0; round < ek_test_rounds(20); round++) {
                uint32_t n = 0;

                world_empty(&lim);
                for (int i = 0; i < 3; i++)
                        CHECK(ek_ip_link_attach(&w.ip, &c) > 0);
                while (n < 300) {
                        struct model_route *m = &model[n];
                        unsigned len;

                        m->v4 = ek_test_below(2) != 0;
                        m->prefix = random_addr(m->v4);
                        m->link = (elko_link)(1 + ek_test_below(3));
                        len = ek_test_below(m->v4 ? 33 : 129);
                        m->bits = len + (m->v4 ? 96 : 0);
                        int error = ek_ip_route_add(&w.ip, &m->prefix, len, m->link, NULL);

                        CHECK(error == 0 || error == ELKO_EEXIST);
                        if (error == 0)
                                n++;
                }
                check();
                for (int q = 0; q < 2000; q++) {
                        bool v4 = ek_test_below(2) != 0;
                        elko_ip dst = random_addr(v4);
                        uint16_t scope = (uint16_t)ek_test_below(4);
                        const struct model_route *best = NULL;
                        struct ek_route r;

                        for (uint32_t i = 0; i < n; i++)
                                if (model[i].v4 == v4 && (scope == 0 || model[i].link == scope) &&
                                    matching_bits(&model[i].prefix, &dst) >= model[i].bits &&
                                    (best == NULL || model[i].bits > best->bits))
                                        best = &model[i];
                        int error = ek_route_lookup(&w.ip, &dst, scope, &r);

                        CHECK_EQ(error, best == NULL ? ELKO_ENETUNREACH : 0);
                        if (best != NULL)
                                CHECK_EQ(r.link, best->link);
                }
        }
}

/* ---- source addresses ---- */

static const char *source(const char *dst, uint16_t scope)
{
        static char text[ELKO_IP_TEXT];
        elko_ip ip = ip_of(dst), src;
        int error = ek_ip_source_select(&w.ip, &ip, scope, &src);

        if (error != 0)
                return elko_error_name(error);
        ek_ip_strip_scope(&src);
        elko_ip_format(&src, text);
        return text;
}

/* [RFC9293 MUST-44] */
EK_TEST(source_selection)
{
        world_new();
        CHECK_STR_EQ(source("192.0.2.9", 0), "192.0.2.1");
        CHECK_STR_EQ(source("8.8.8.8", 0), "192.0.2.1");
        CHECK_STR_EQ(source("10.0.0.9", 0), "10.0.0.1");
        CHECK_STR_EQ(source("2001:db8::9", 0), "2001:db8::1");
        CHECK_STR_EQ(source("fe80::9", ETH), "fe80::1");
        CHECK_STR_EQ(source("fe80::9", TUN), "fd00::1"); /* a larger scope will do */
        CHECK_STR_EQ(source("fe80::9", 0), "ENETUNREACH");
        CHECK_STR_EQ(source("2600::9", 0), "ENETUNREACH");
        CHECK_EQ(add_route(ETH, "::/0", "fe80::254"), 0);
        CHECK_STR_EQ(source("2600::9", 0), "2001:db8::1"); /* never fe80::1 */
        CHECK_EQ(add_addr(ETH, "192.0.2.128/24"), 0);
        CHECK_STR_EQ(source("192.0.2.9", 0), "192.0.2.1"); /* the first of equals */
        CHECK_EQ(add_addr(ETH, "2001:db8:0:1::1/64"), 0);
        CHECK_STR_EQ(source("2001:db8:0:1::5", 0), "2001:db8:0:1::1");
        CHECK_STR_EQ(source("2001:db8::5", 0), "2001:db8::1");
}

EK_TEST(source_from_another_link)
{
        struct ek_ip_limits lim = {
                .links = 2, .addresses = 3, .routes = 4, .neighbours = 4, .replies = 4};
        struct elko_link_config c = {.medium = ELKO_MEDIUM_IP, .mtu = 1500};

        world_empty(&lim);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 1);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &c), 2);
        CHECK_EQ(add_route(2, "0.0.0.0/0", NULL), 0);
        CHECK_EQ(add_route(2, "::/0", NULL), 0);
        CHECK_STR_EQ(source("8.8.8.8", 0), "EADDRNOTAVAIL");
        CHECK_EQ(add_addr(1, "10.0.0.1/24"), 0);
        CHECK_EQ(add_addr(1, "fe80::1/64"), 0);
        CHECK_STR_EQ(source("8.8.8.8", 0), "10.0.0.1"); /* weak host */
        CHECK_STR_EQ(source("2600::1", 0), "EADDRNOTAVAIL");
        CHECK_STR_EQ(source("fe80::9", 2), "EADDRNOTAVAIL"); /* another zone's address */
        CHECK_STR_EQ(source("fe80::9", 1), "fe80::1");
}

EK_TEST_MAIN();
