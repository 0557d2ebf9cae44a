/*
 * The neighbour cache: conversations in ARP and ND, the state machine in virtual time, and what a
 * stranger can't do to the table.
 */
#include "test_ip_world.h"

struct waiter {
        struct ek_list node;
};

static uint8_t mac[6];

static enum ek_neigh_result resolve(const char *text, struct waiter *waiter)
{
        elko_ip ip = on(ETH, text);
        enum ek_neigh_result r;

        memset(mac, 0, 6);
        r = ek_neigh_resolve(&w.ip, ETH, &ip, w.now, mac, waiter == NULL ? NULL : &waiter->node);
        check();
        return r;
}

static enum ek_neigh_state state(const char *text)
{
        elko_ip ip = on(ETH, text);

        return ek_neigh_state_of(&w.ip, ETH, &ip);
}

static void confirm(const char *text)
{
        elko_ip ip = on(ETH, text);

        ek_neigh_confirm(&w.ip, ETH, &ip, w.now);
        check();
}

/* The next frame must be an ARP request for `target` to `dst`. */
static void expect_arp_request(const uint8_t *dst, const char *target)
{
        elko_ip t = ip_of(target);
        struct ek_arp arp;
        const uint8_t *p = pop(ETH);

        CHECK(p != NULL);
        CHECK_EQ(w.frame.len, 42);
        CHECK_MEM_EQ(p, dst, 6);
        CHECK_MEM_EQ(p + 6, our_mac, 6);
        CHECK_EQ(ek_get16be(p + 12), EK_ETH_ARP);
        CHECK_EQ(ek_arp_parse(p + 14, 28, &arp), ELKO_DROP_NONE);
        CHECK_EQ(arp.op, EK_ARP_REQUEST);
        CHECK(ek_addr_equal(&arp.tpa, &t));
        CHECK_MEM_EQ(arp.sha, our_mac, 6);
        t = ip_of("192.0.2.1");
        CHECK(ek_addr_equal(&arp.spa, &t));
}

static struct ek_nd expect_nd(uint8_t type, const uint8_t *dst_mac, const char *dst)
{
        elko_ip d = ip_of(dst);
        struct ek_icmp_msg m;
        struct ek_ip_hdr h;
        struct ek_nd nd;

        CHECK(pop(ETH) != NULL);
        h = frame_ip(dst_mac);
        CHECK_EQ(ek_icmp6_parse(&h.src, &h.dst, h.payload, h.payload_len, false, &m), 0);
        CHECK(ek_addr_equal(&h.dst, &d));
        CHECK_EQ(m.type, type);
        CHECK_EQ(ek_nd_parse(&h, &m, &nd), ELKO_DROP_NONE);
        return nd;
}

static bool is_ready(struct waiter *x)
{
        return ek_list_pop_front(&w.ip.ready) == &x->node;
}

static bool is_failed(struct waiter *x)
{
        return ek_list_pop_front(&w.ip.failed) == &x->node;
}

/* ---- ARP ---- */

EK_TEST(arp_question_and_answer)
{
        struct waiter a, b;

        world_new();
        ek_list_init(&a.node);
        ek_list_init(&b.node);
        CHECK_EQ(resolve("192.0.2.9", &a), EK_NEIGH_PENDING);
        CHECK_EQ(resolve("192.0.2.9", &b), EK_NEIGH_PENDING);
        CHECK_EQ(resolve("192.0.2.9", &b), EK_NEIGH_PENDING); /* a waiter waits once */
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_INCOMPLETE);
        CHECK(ek_ip_ctl_has(&w.ip, ETH) && !ek_ip_ctl_has(&w.ip, TUN));
        expect_arp_request(all_mac, "192.0.2.9");
        CHECK(pop(ETH) == NULL);
        CHECK_EQ(feed_arp(EK_ARP_REPLY, peer_mac, "192.0.2.9", "192.0.2.1"), EK_IP_CONSUMED);
        CHECK(is_ready(&a));
        CHECK(is_ready(&b));
        CHECK(ek_list_is_empty(&w.ip.ready) && ek_list_is_empty(&w.ip.failed));
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_READY);
        CHECK_MEM_EQ(mac, peer_mac, 6);
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_REACHABLE);
        CHECK_EQ(ek_ip_next_deadline(&w.ip), EK_NEVER);
        CHECK_EQ(w.ctr.arp_requests_out, 1);
}

EK_TEST(a_waiter_may_leave)
{
        struct waiter a, b;

        world_new();
        ek_list_init(&a.node);
        ek_list_init(&b.node);
        resolve("192.0.2.9", &a);
        resolve("192.0.2.9", &b);
        ek_list_remove(&a.node);
        feed_arp(EK_ARP_REPLY, peer_mac, "192.0.2.9", "192.0.2.1");
        CHECK(is_ready(&b));
        CHECK(ek_list_is_empty(&w.ip.ready));
}

EK_TEST(silence)
{
        struct waiter a;
        uint64_t start;

        world_new();
        ek_list_init(&a.node);
        start = w.now;
        CHECK_EQ(resolve("192.0.2.9", &a), EK_NEIGH_PENDING);
        for (int i = 0; i < 3; i++) {
                expect_arp_request(all_mac, "192.0.2.9");
                CHECK(pop(ETH) == NULL);
                CHECK_EQ(ek_ip_next_deadline(&w.ip), w.now + ELKO_SEC(1));
                ek_ip_ctl_release(&w.ip);
                pass(ELKO_SEC(1) - 1);
                CHECK(!ek_ip_ctl_has(&w.ip, ETH));
                CHECK(ek_list_is_empty(&w.ip.failed));
                pass(1);
        }
        CHECK(is_failed(&a));
        CHECK_EQ(w.now - start, ELKO_SEC(3));
        CHECK_EQ(w.ctr.neigh_failed, 1);
        CHECK_EQ(w.ctr.arp_requests_out, 3);
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_UNREACHABLE);
        CHECK_EQ(resolve("192.0.2.9", &a), EK_NEIGH_FAILED); /* remembered */
        CHECK(!ek_ip_ctl_has(&w.ip, ETH));
        pass(ELKO_SEC(1));
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_FREE);
        CHECK_EQ(ek_ip_next_deadline(&w.ip), EK_NEVER);
        CHECK_EQ(resolve("192.0.2.9", &a), EK_NEIGH_PENDING);
        ek_list_remove(&a.node);
}

/* Solicitations that the link did not take do not count. */
EK_TEST(busy_link)
{
        struct waiter a;

        world_new();
        ek_list_init(&a.node);
        resolve("192.0.2.9", &a);
        for (int i = 0; i < 10; i++)
                pass(ELKO_SEC(1));
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_INCOMPLETE);
        expect_arp_request(all_mac, "192.0.2.9");
        CHECK(pop(ETH) == NULL);
        pass(ELKO_MS(999));
        CHECK(!ek_ip_ctl_has(&w.ip, ETH)); /* a second from when it went out */
        pass(ELKO_MS(1));
        expect_arp_request(all_mac, "192.0.2.9");
        ek_list_remove(&a.node);
}

EK_TEST(late_answer_to_a_failed_question)
{
        world_new();
        resolve("192.0.2.9", NULL);
        for (int i = 0; i < 3; i++) {
                expect_arp_request(all_mac, "192.0.2.9");
                pass(ELKO_SEC(1));
        }
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_FAILED);
        CHECK_EQ(feed_arp(EK_ARP_REPLY, peer_mac, "192.0.2.9", "192.0.2.1"), EK_IP_CONSUMED);
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_READY);
}

EK_TEST(reachable_stale_delay_probe)
{
        world_new();
        resolve("192.0.2.9", NULL);
        drain();
        feed_arp(EK_ARP_REPLY, peer_mac, "192.0.2.9", "192.0.2.1");
        pass(ELKO_SEC(14)); /* below 0.5 * 30 s */
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_READY);
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_REACHABLE);
        pass(ELKO_SEC(32));                             /* above 1.5 * 30 s */
        CHECK_EQ(ek_ip_next_deadline(&w.ip), EK_NEVER); /* idle neighbours cost no wake-ups */
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_READY);
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_DELAY);
        CHECK_EQ(ek_ip_next_deadline(&w.ip), w.now + ELKO_SEC(5));
        confirm("192.0.2.9"); /* TCP made progress: no probe */
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_REACHABLE);
        CHECK_EQ(ek_ip_next_deadline(&w.ip), EK_NEVER);
        pass(ELKO_SEC(46));
        resolve("192.0.2.9", NULL);
        pass(ELKO_SEC(5));
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_PROBE);
        expect_arp_request(peer_mac, "192.0.2.9"); /* by unicast */
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_READY);
        CHECK_EQ(feed_arp(EK_ARP_REPLY, peer_mac, "192.0.2.9", "192.0.2.1"), EK_IP_CONSUMED);
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_REACHABLE);
        CHECK_EQ(ek_ip_next_deadline(&w.ip), EK_NEVER);
}

EK_TEST(confirm_during_probe)
{
        world_new();
        CHECK_EQ(feed_arp(EK_ARP_REQUEST, peer_mac, "192.0.2.9", "192.0.2.1"), EK_IP_CONSUMED);
        drain();
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_STALE);
        resolve("192.0.2.9", NULL);
        pass(ELKO_SEC(5));
        CHECK(ek_ip_ctl_has(&w.ip, ETH));
        confirm("192.0.2.9");
        CHECK(!ek_ip_ctl_has(&w.ip, ETH)); /* no question any more */
        confirm("192.0.2.99");             /* nobody */
        CHECK_EQ(ek_ip_next_deadline(&w.ip), EK_NEVER);
}

EK_TEST(probe_without_answer_forgets)
{
        world_new();
        feed_arp(EK_ARP_REQUEST, peer_mac, "192.0.2.9", "192.0.2.1");
        drain();
        resolve("192.0.2.9", NULL);
        pass(ELKO_SEC(5));
        for (int i = 0; i < 3; i++) {
                expect_arp_request(peer_mac, "192.0.2.9");
                pass(ELKO_SEC(1));
        }
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_FREE);
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_PENDING); /* from the beginning */
        expect_arp_request(all_mac, "192.0.2.9");
}

EK_TEST(arp_request_is_answered)
{
        struct ek_arp arp;
        const uint8_t *p;
        elko_ip us = ip_of("192.0.2.1"), them = ip_of("192.0.2.9");

        world_new();
        CHECK_EQ(feed_arp(EK_ARP_REQUEST, peer_mac, "192.0.2.9", "192.0.2.1"), EK_IP_CONSUMED);
        p = pop(ETH);
        CHECK(p != NULL);
        CHECK_MEM_EQ(p, peer_mac, 6);
        CHECK_EQ(ek_arp_parse(p + 14, w.frame.len - 14, &arp), ELKO_DROP_NONE);
        CHECK_EQ(arp.op, EK_ARP_REPLY);
        CHECK_MEM_EQ(arp.sha, our_mac, 6);
        CHECK_MEM_EQ(arp.tha, peer_mac, 6);
        CHECK(ek_addr_equal(&arp.spa, &us) && ek_addr_equal(&arp.tpa, &them));
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_READY); /* learnt from the asker */
        CHECK_MEM_EQ(mac, peer_mac, 6);
}

EK_TEST(arp_that_is_ignored)
{
        static const struct {
                uint16_t op;
                const char *spa, *tpa;
        } t[] = {
                {EK_ARP_REQUEST, "192.0.2.9", "192.0.2.8"}, /* for somebody else */
                {EK_ARP_REQUEST, "192.0.2.9", "10.0.0.1"},  /* ours, but not on this link */
                {EK_ARP_REQUEST, "192.0.2.1", "192.0.2.1"}, /* somebody has our address */
                {EK_ARP_REPLY, "192.0.2.1", "192.0.2.9"},
                {EK_ARP_REPLY, "192.0.2.9", "192.0.2.1"}, /* unsolicited */
                {EK_ARP_REPLY, "192.0.2.9", "192.0.2.9"}, /* gratuitous */
                {EK_ARP_REQUEST, "192.0.2.9", "192.0.2.9"},
                {EK_ARP_REQUEST, "192.0.2.255", "192.0.2.1"}, /* from a broadcast address */
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                world_new();
                CHECK_EQ(feed_arp(t[i].op, peer_mac, t[i].spa, t[i].tpa), EK_IP_DROPPED);
                CHECK_EQ(w.in.drop, ELKO_DROP_ARP_NOT_MINE);
                CHECK_EQ(state("192.0.2.9"), EK_NEIGH_FREE);
                CHECK(!ek_ip_ctl_has(&w.ip, ETH));
        }
        world_new();
        CHECK_EQ(feed_arp(EK_ARP_REQUEST, our_mac, "192.0.2.9", "192.0.2.1"), EK_IP_DROPPED);
        CHECK_EQ(w.in.drop, ELKO_DROP_ARP_NOT_MINE); /* our own frame came back */
        uint8_t junk[28] = {0};

        CHECK_EQ(feed_eth(our_mac, EK_ETH_ARP, junk, 28), EK_IP_DROPPED);
        CHECK_EQ(w.in.drop, ELKO_DROP_ARP_BAD);
}

/* A request from an address that isn't on the link's networks is answered, and not remembered. */
EK_TEST(off_link_asker)
{
        world_new();
        CHECK_EQ(feed_arp(EK_ARP_REQUEST, peer_mac, "203.0.113.9", "192.0.2.1"), EK_IP_CONSUMED);
        CHECK_EQ(state("203.0.113.9"), EK_NEIGH_FREE);
        CHECK_EQ(feed_arp(EK_ARP_REQUEST, peer_mac, "0.0.0.0", "192.0.2.1"), EK_IP_CONSUMED);
        CHECK_EQ(state("0.0.0.0"), EK_NEIGH_FREE);
        CHECK(pop(ETH) != NULL);
        CHECK(pop(ETH) != NULL);
}

EK_TEST(gratuitous_arp_moves_a_known_neighbour)
{
        elko_ip fixed = ip_of("192.0.2.50");

        world_new();
        resolve("192.0.2.9", NULL);
        drain();
        feed_arp(EK_ARP_REPLY, peer_mac, "192.0.2.9", "192.0.2.1");
        CHECK_EQ(feed_arp(EK_ARP_REPLY, other_mac, "192.0.2.9", "192.0.2.9"), EK_IP_CONSUMED);
        CHECK_EQ(state("192.0.2.9"), EK_NEIGH_STALE); /* to be proven */
        CHECK_EQ(resolve("192.0.2.9", NULL), EK_NEIGH_READY);
        CHECK_MEM_EQ(mac, other_mac, 6);
        CHECK_EQ(ek_ip_neigh_add(&w.ip, ETH, &fixed, peer_mac), 0);
        feed_arp(EK_ARP_REPLY, other_mac, "192.0.2.50", "192.0.2.1");
        feed_arp(EK_ARP_REQUEST, other_mac, "192.0.2.50", "192.0.2.1");
        CHECK_EQ(state("192.0.2.50"), EK_NEIGH_PERMANENT);
        resolve("192.0.2.50", NULL);
        CHECK_MEM_EQ(mac, peer_mac, 6);
        drain();
}

EK_TEST(neighbours_by_hand)
{
        elko_ip ip = ip_of("192.0.2.50");
        struct waiter a;

        world_new();
        ek_list_init(&a.node);
        CHECK_EQ(ek_ip_neigh_add(&w.ip, TUN, &ip, peer_mac), ELKO_EINVAL);
        CHECK_EQ(ek_ip_neigh_add(&w.ip, 5, &ip, peer_mac), ELKO_EINVAL);
        CHECK_EQ(ek_ip_neigh_add(&w.ip, ETH, &ip, all_mac), ELKO_EINVAL);
        resolve("192.0.2.50", &a); /* replaces a question */
        CHECK_EQ(ek_ip_neigh_add(&w.ip, ETH, &ip, peer_mac), 0);
        CHECK(is_ready(&a));
        CHECK(!ek_ip_ctl_has(&w.ip, ETH));
        CHECK_EQ(ek_ip_neigh_add(&w.ip, ETH, &ip, other_mac), 0);
        resolve("192.0.2.50", NULL);
        CHECK_MEM_EQ(mac, other_mac, 6);
        ip = ip_of("fe80::50");
        CHECK_EQ(ek_ip_neigh_add(&w.ip, ETH, &ip, peer_mac), 0);
        CHECK_EQ(resolve("fe80::50", NULL), EK_NEIGH_READY);
        for (int i = 0; i < 14; i++) {
                ip = elko_ip_v4(192, 0, 2, (uint8_t)(100 + i));
                CHECK_EQ(ek_ip_neigh_add(&w.ip, ETH, &ip, peer_mac), 0);
        }
        ip = ip_of("192.0.2.200");
        CHECK_EQ(ek_ip_neigh_add(&w.ip, ETH, &ip, peer_mac), ELKO_ELIMIT);
        CHECK_EQ(resolve("192.0.2.201", NULL), EK_NEIGH_FAILED);
        check();
}

EK_TEST(group_addresses_are_mapped)
{
        static const uint8_t v4_group[] = {1, 0, 0x5e, 0, 0, 5},
                             v6_group[] = {0x33, 0x33, 0, 0, 0, 5};

        world_new();
        CHECK_EQ(resolve("224.0.0.5", NULL), EK_NEIGH_READY);
        CHECK_MEM_EQ(mac, v4_group, 6);
        CHECK_EQ(resolve("ff02::5", NULL), EK_NEIGH_READY);
        CHECK_MEM_EQ(mac, v6_group, 6);
        CHECK_EQ(resolve("255.255.255.255", NULL), EK_NEIGH_READY);
        CHECK_MEM_EQ(mac, all_mac, 6);
        CHECK_EQ(resolve("192.0.2.255", NULL), EK_NEIGH_READY);
        CHECK_MEM_EQ(mac, all_mac, 6);
        CHECK_EQ(resolve("192.0.2.1", NULL), EK_NEIGH_FAILED); /* ourselves */
        CHECK_EQ(resolve("0.0.0.0", NULL), EK_NEIGH_FAILED);
        elko_ip ip = ip_of("10.0.0.7");

        CHECK_EQ(ek_neigh_resolve(&w.ip, TUN, &ip, w.now, mac, NULL), EK_NEIGH_READY);
        CHECK_EQ(ek_neigh_resolve(&w.ip, 9, &ip, w.now, mac, NULL), EK_NEIGH_FAILED);
}

/* ---- ND ---- */

EK_TEST(nd_question_and_answer)
{
        static const uint8_t group_mac[] = {0x33, 0x33, 0xff, 0, 0, 9};
        elko_ip target = ip_of("2001:db8::9");
        struct waiter a;
        struct ek_nd nd;

        world_new();
        ek_list_init(&a.node);
        CHECK_EQ(resolve("2001:db8::9", &a), EK_NEIGH_PENDING);
        nd = expect_nd(EK_ICMP6_NEIGH_SOLICIT, group_mac, "ff02::1:ff00:9");
        CHECK(ek_addr_equal(&nd.target, &target));
        CHECK(nd.has_mac);
        CHECK_MEM_EQ(nd.mac, our_mac, 6);
        CHECK_EQ(w.ctr.nd_solicits_out, 1);
        CHECK_EQ(
                feed_nd(EK_ICMP6_NEIGH_ADVERT, 0x60, "2001:db8::9", "fe80::1", "2001:db8::9", NULL),
                EK_IP_CONSUMED); /* without an address it answers nothing */
        CHECK_EQ(state("2001:db8::9"), EK_NEIGH_INCOMPLETE);
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_ADVERT, 0x60, "2001:db8::9", "fe80::1", "2001:db8::9",
                         peer_mac),
                 EK_IP_CONSUMED);
        CHECK(is_ready(&a));
        CHECK_EQ(state("2001:db8::9"), EK_NEIGH_REACHABLE);
        resolve("2001:db8::9", NULL);
        CHECK_MEM_EQ(mac, peer_mac, 6);
}

EK_TEST(nd_unsolicited_answer_is_stale)
{
        world_new();
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_ADVERT, 0x20, "fe80::9", "ff02::1", "fe80::9", peer_mac),
                 EK_IP_DROPPED);
        CHECK_EQ(w.in.drop, ELKO_DROP_ND_NOT_MINE); /* creates nothing */
        resolve("fe80::9", NULL);
        drain();
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_ADVERT, 0x20, "fe80::9", "ff02::1", "fe80::9", peer_mac),
                 EK_IP_CONSUMED);
        CHECK_EQ(state("fe80::9"), EK_NEIGH_STALE);
}

/* RFC 4861, 7.2.5 and appendix C: an advertisement for a neighbour that is REACHABLE at peer_mac. */
EK_TEST(nd_advertisement_table)
{
        static const struct {
                uint8_t flags;
                const uint8_t *mac;
                enum ek_neigh_state state;
                const uint8_t *want;
        } t[] = {
                {0x00, peer_mac, EK_NEIGH_REACHABLE, peer_mac},
                {0x00, other_mac, EK_NEIGH_STALE, peer_mac},
                {0x40, other_mac, EK_NEIGH_STALE, peer_mac},
                {0x40, peer_mac, EK_NEIGH_REACHABLE, peer_mac},
                {0x60, other_mac, EK_NEIGH_REACHABLE, other_mac},
                {0x20, other_mac, EK_NEIGH_STALE, other_mac},
                {0x20, peer_mac, EK_NEIGH_REACHABLE, peer_mac},
                {0x20, NULL, EK_NEIGH_REACHABLE, peer_mac},
                {0x40, NULL, EK_NEIGH_REACHABLE, peer_mac},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                world_new();
                resolve("fe80::9", NULL);
                drain();
                feed_nd(EK_ICMP6_NEIGH_ADVERT, 0x60, "fe80::9", "fe80::1", "fe80::9", peer_mac);
                CHECK_EQ(state("fe80::9"), EK_NEIGH_REACHABLE);
                CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_ADVERT, t[i].flags, "fe80::9", "fe80::1", "fe80::9",
                                 t[i].mac),
                         EK_IP_CONSUMED);
                CHECK_EQ(state("fe80::9"), t[i].state);
                resolve("fe80::9", NULL);
                CHECK_MEM_EQ(mac, t[i].want, 6);
        }
}

EK_TEST(nd_solicitation_is_answered)
{
        elko_ip us = ip_of("2001:db8::1");
        struct ek_nd nd;

        world_new();
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_SOLICIT, 0, "fe80::9", "ff02::1:ff00:1", "2001:db8::1",
                         peer_mac),
                 EK_IP_CONSUMED);
        nd = expect_nd(EK_ICMP6_NEIGH_ADVERT, peer_mac, "fe80::9");
        CHECK(ek_addr_equal(&nd.target, &us));
        CHECK_EQ(nd.flags, EK_ND_SOLICITED | EK_ND_OVERRIDE);
        CHECK_MEM_EQ(nd.mac, our_mac, 6);
        CHECK_EQ(state("fe80::9"), EK_NEIGH_STALE);
        CHECK_EQ(resolve("fe80::9", NULL), EK_NEIGH_READY);
        /* From :: it is duplicate address detection: everybody shall hear that it is taken. */
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_SOLICIT, 0, "::", "ff02::1:ff00:1", "fe80::1", NULL),
                 EK_IP_CONSUMED);
        static const uint8_t all_nodes_mac[] = {0x33, 0x33, 0, 0, 0, 1};

        nd = expect_nd(EK_ICMP6_NEIGH_ADVERT, all_nodes_mac, "ff02::1");
        CHECK_EQ(nd.flags, EK_ND_OVERRIDE);
        CHECK(pop(ETH) == NULL);
}

/* Without the option the answer waits for the asker's address. */
EK_TEST(nd_solicitation_without_address)
{
        static const uint8_t group_mac[] = {0x33, 0x33, 0xff, 0, 0, 9};

        world_new();
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_SOLICIT, 0, "fe80::9", "fe80::1", "fe80::1", NULL),
                 EK_IP_CONSUMED);
        expect_nd(EK_ICMP6_NEIGH_SOLICIT, group_mac, "ff02::1:ff00:9");
        CHECK(pop(ETH) == NULL);
        feed_nd(EK_ICMP6_NEIGH_ADVERT, 0x60, "fe80::9", "fe80::1", "fe80::9", peer_mac);
        expect_nd(EK_ICMP6_NEIGH_ADVERT, peer_mac, "fe80::9");
}

EK_TEST(nd_that_is_ignored)
{
        world_new();
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_SOLICIT, 0, "fe80::9", "ff02::1:ff00:1", "fe80::5:0:0:1",
                         peer_mac),
                 EK_IP_DROPPED);
        CHECK_EQ(w.in.drop, ELKO_DROP_ND_NOT_MINE);
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_SOLICIT, 0, "fe80::9", "fe80::1", "fd00::1", peer_mac),
                 EK_IP_DROPPED); /* ours, but not on this link */
        CHECK_EQ(w.in.drop, ELKO_DROP_ND_NOT_MINE);
        CHECK_EQ(feed_nd(EK_ICMP6_NEIGH_SOLICIT, 0, "fe80::9", "ff02::1:ff00:2", "fe80::1",
                         peer_mac),
                 EK_IP_DROPPED);
        CHECK_EQ(w.in.drop, ELKO_DROP_IP_MULTICAST); /* a group that we are not in */
        CHECK_EQ(state("fe80::9"), EK_NEIGH_FREE);
        CHECK(!ek_ip_ctl_has(&w.ip, ETH));
}

/* ---- replies that wait ---- */

EK_TEST(echo_replies_wait_for_the_neighbour)
{
        uint8_t icmp[20] = {8};

        world_new();
        for (int i = 0; i < 5; i++) {
                icmp[7] = (uint8_t)i;
                CHECK_EQ(feed_icmp(ETH, "192.0.2.9", "192.0.2.1", 64, icmp, 20), EK_IP_CONSUMED);
        }
        expect_arp_request(all_mac, "192.0.2.9");
        CHECK(pop(ETH) == NULL);
        CHECK_EQ(w.ctr.drops[ELKO_DROP_ICMP_QUEUE], 2); /* three are held: the newest */
        feed_arp(EK_ARP_REPLY, peer_mac, "192.0.2.9", "192.0.2.1");
        for (int i = 2; i < 5; i++) {
                CHECK(pop(ETH) != NULL);
                CHECK_EQ(frame_ip(peer_mac).payload[7], i);
        }
        CHECK(pop(ETH) == NULL);
        ek_ip_ctl_release(&w.ip);
}

EK_TEST(echo_replies_to_nobody_are_dropped)
{
        uint8_t icmp[200] = {8};

        world_new();
        feed_icmp(ETH, "192.0.2.9", "192.0.2.1", 64, icmp, 200);
        for (int i = 0; i < 3; i++) {
                expect_arp_request(all_mac, "192.0.2.9");
                CHECK(pop(ETH) == NULL);
                ek_ip_ctl_release(&w.ip);
                pass(ELKO_SEC(1));
        }
        CHECK(!ek_ip_ctl_has(&w.ip, ETH));
        CHECK_EQ(w.ip.ctl.bytes, 0);
        CHECK_EQ(w.ctr.drops[ELKO_DROP_ICMP_QUEUE], 1);
        feed_icmp(ETH, "192.0.2.9", "192.0.2.1", 64, icmp, 200); /* remembered: not even asked */
        CHECK(pop(ETH) == NULL);
        CHECK_EQ(w.ctr.drops[ELKO_DROP_ICMP_QUEUE], 2);
}

EK_TEST(replies_do_not_block_questions)
{
        uint8_t icmp[200] = {8};
        char src[20];

        world_sized(64, 4, 0);
        for (int i = 10; i < 14; i++) {
                snprintf(src, sizeof(src), "192.0.2.%d", i);
                CHECK_EQ(feed_icmp(ETH, src, "192.0.2.1", 64, icmp, 200), EK_IP_CONSUMED);
        }
        for (int i = 10; i < 14; i++) {
                snprintf(src, sizeof(src), "192.0.2.%d", i);
                expect_arp_request(all_mac, src);
        }
        CHECK(pop(ETH) == NULL);
}

/* ---- what strangers can do ---- */

EK_TEST(a_scan_does_not_push_out_known_neighbours)
{
        char text[20];

        world_sized(8, 64, 0);
        for (int i = 0; i < 4; i++) {
                snprintf(text, sizeof(text), "192.0.2.%d", 10 + i);
                resolve(text, NULL);
                drain();
                feed_arp(EK_ARP_REPLY, peer_mac, text, "192.0.2.1");
        }
        for (int i = 100; i < 200; i++) { /* e.g. SYN+ACKs to spoofed sources */
                snprintf(text, sizeof(text), "192.0.2.%d", i);
                CHECK_EQ(resolve(text, NULL), EK_NEIGH_PENDING);
        }
        for (int i = 0; i < 4; i++) {
                snprintf(text, sizeof(text), "192.0.2.%d", 10 + i);
                CHECK_EQ(resolve(text, NULL), EK_NEIGH_READY);
        }
        CHECK_EQ(w.ip.neigh.n_pending, 4);
}

EK_TEST(whoever_is_waited_for_stays)
{
        struct waiter a[8];
        char text[20];
        int pending = 0, refused = 0;

        world_sized(8, 64, 0);
        for (int i = 0; i < 4; i++) {
                ek_list_init(&a[i].node);
                snprintf(text, sizeof(text), "192.0.2.%d", 10 + i);
                CHECK_EQ(resolve(text, &a[i]), EK_NEIGH_PENDING);
        }
        for (int i = 100; i < 200; i++) {
                snprintf(text, sizeof(text), "192.0.2.%d", i);
                CHECK_EQ(resolve(text, NULL), EK_NEIGH_PENDING);
        }
        for (int i = 0; i < 4; i++)
                CHECK(ek_list_is_linked(&a[i].node));
        for (int i = 4; i < 8; i++) { /* those without waiters give way, then it is full */
                ek_list_init(&a[i].node);
                snprintf(text, sizeof(text), "192.0.2.%d", 10 + i);
                pending += resolve(text, &a[i]) == EK_NEIGH_PENDING;
        }
        CHECK_EQ(pending, 4);
        refused += resolve("192.0.2.99", NULL) == EK_NEIGH_FAILED;
        CHECK_EQ(refused, 1);
        CHECK(ek_list_is_empty(&w.ip.failed));
        for (int i = 0; i < 8; i++)
                ek_list_remove(&a[i].node);
        check();
}

EK_TEST(askers_replace_stale_entries_only)
{
        char text[20];

        world_sized(4, 16, 0);
        for (int i = 0; i < 4; i++) {
                snprintf(text, sizeof(text), "192.0.2.%d", 10 + i);
                resolve(text, NULL);
                drain();
                feed_arp(EK_ARP_REPLY, peer_mac, text, "192.0.2.1");
        }
        CHECK_EQ(feed_arp(EK_ARP_REQUEST, other_mac, "192.0.2.99", "192.0.2.1"), EK_IP_CONSUMED);
        CHECK_EQ(state("192.0.2.99"), EK_NEIGH_FREE); /* answered, not remembered */
        drain();
        feed_arp(EK_ARP_REPLY, other_mac, "192.0.2.10",
                 "192.0.2.10"); /* .10 moved: STALE, oldest */
        resolve("192.0.2.11", NULL);
        resolve("192.0.2.12", NULL);
        resolve("192.0.2.13", NULL);
        CHECK_EQ(feed_arp(EK_ARP_REQUEST, other_mac, "192.0.2.99", "192.0.2.1"), EK_IP_CONSUMED);
        CHECK_EQ(state("192.0.2.99"), EK_NEIGH_STALE);
        CHECK_EQ(state("192.0.2.10"), EK_NEIGH_FREE);
        drain();
}

EK_TEST(least_recently_used_gives_way)
{
        char text[20];

        world_sized(4, 16, 0);
        for (int i = 0; i < 4; i++) {
                snprintf(text, sizeof(text), "192.0.2.%d", 10 + i);
                feed_arp(EK_ARP_REQUEST, peer_mac, text, "192.0.2.1");
        }
        drain();
        for (int i = 3; i >= 0; i--) {
                snprintf(text, sizeof(text), "192.0.2.%d", 10 + i);
                resolve(text, NULL);
        }
        resolve("192.0.2.99", NULL);
        CHECK_EQ(state("192.0.2.13"), EK_NEIGH_FREE);
        CHECK_EQ(state("192.0.2.10"), EK_NEIGH_DELAY);
}

/* At most one question a second for each target, however often it is wanted. */
EK_TEST(solicitation_rate)
{
        uint32_t frames = 0;

        world_new();
        for (int ms = 0; ms < 20000; ms += 10) {
                resolve("192.0.2.9", NULL);
                while (pop(ETH) != NULL)
                        frames++;
                ek_ip_ctl_release(&w.ip);
                pass(ELKO_MS(10));
        }
        CHECK_EQ(frames, 15); /* rounds of 3 s and 1 s of silence */
}

/* Random events against the invariants; waiters are never lost. */
EK_TEST(random_conversation)
{
        struct waiter a[32];
        char text[32];
        uint32_t listed;

        world_sized(8, 8, 0);
        for (int i = 0; i < 32; i++)
                ek_list_init(&a[i].node);
        for (uint32_t round = 0; round < ek_test_rounds(20000); round++) {
                uint32_t host = 2 + ek_test_below(20), who = ek_test_below(32);
                bool v6 = ek_test_below(2) != 0;

                snprintf(text, sizeof(text), v6 ? "fe80::%x" : "192.0.2.%u", host);
                switch (ek_test_below(8)) {
                case 0:
                case 1:
                        if (resolve(text, &a[who]) != EK_NEIGH_PENDING)
                                ek_list_remove(&a[who].node);
                        break;
                case 2:
                        if (v6)
                                feed_nd(EK_ICMP6_NEIGH_ADVERT, (uint8_t)(ek_test_below(8) << 5),
                                        text, "fe80::1", text,
                                        ek_test_below(2) ? peer_mac : other_mac);
                        else
                                feed_arp(EK_ARP_REPLY, peer_mac, text, "192.0.2.1");
                        break;
                case 3:
                        if (v6)
                                feed_nd(EK_ICMP6_NEIGH_SOLICIT, 0, text, "fe80::1", "fe80::1",
                                        ek_test_below(2) ? peer_mac : NULL);
                        else
                                feed_arp(EK_ARP_REQUEST, other_mac, text, "192.0.2.1");
                        break;
                case 4: confirm(text); break;
                case 5:
                        w.now += ELKO_MS(ek_test_magnitude(14));
                        ek_ip_advance(&w.ip, w.now);
                        check();
                        break;
                case 6:
                        for (uint32_t n = ek_test_below(4); n > 0; n--)
                                (void)pop(ETH);
                        ek_ip_ctl_release(&w.ip);
                        break;
                case 7:
                        while (ek_list_pop_front(&w.ip.ready) != NULL)
                                ;
                        while (ek_list_pop_front(&w.ip.failed) != NULL)
                                ;
                        ek_list_remove(&a[who].node);
                        break;
                }
        }
        for (int i = 0; i < 60; i++) {
                drain();
                pass(ELKO_SEC(1));
        }
        while (ek_list_pop_front(&w.ip.ready) != NULL || ek_list_pop_front(&w.ip.failed) != NULL)
                ;
        listed = 0;
        for (int i = 0; i < 32; i++)
                listed += ek_list_is_linked(&a[i].node);
        CHECK_EQ(listed, 0);
}

EK_TEST_MAIN();
