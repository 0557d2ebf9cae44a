/*
 * test_ip_world.h - an internet layer on a bench: two links, packets made by hand, frames pulled.
 *
 * Link 1 is Ethernet (02:00:00:00:00:01) with 192.0.2.1/24, 2001:db8::1/64 and fe80::1/64; link 2 is
 * bare IP with 10.0.0.1/24 and fd00::1/64. 192.0.2.254 is the default gateway. All invariants are
 * checked after every step.
 */
#ifndef TEST_IP_WORLD_H
#define TEST_IP_WORLD_H

#include "ip/ip.h"
#include "wire/csum.h"
#include "wire/eth.h"
#include "wire/icmp6.h"
#include "wire/tcp_hdr.h"

#include "../support/ek_test.h"

enum { ETH = 1, TUN = 2, WORLD_BYTES = 8 << 20 };

static const uint8_t our_mac[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t peer_mac[6] = {2, 0, 0, 0, 0, 9};
static const uint8_t other_mac[6] = {2, 0, 0, 0, 0, 8};
static const uint8_t all_mac[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

struct world {
        struct ek_ipstack ip;
        struct elko_counters ctr;
        struct ek_region *region;
        struct ek_ip_in in;
        uint8_t *memory;
        uint8_t *packet; /* the last one fed, with nothing behind it */
        uint64_t now;
        struct elko_frame frame;
};

static struct world w;

static EK_UNUSED elko_ip ip_of(const char *text)
{
        elko_ip ip;

        if (!elko_ip_parse(text, &ip))
                ek_test_fail(__FILE__, __LINE__, "not an address: %s", text);
        return ip;
}

/* With the scope embedded. */
static EK_UNUSED elko_ip on(elko_link link, const char *text)
{
        elko_ip ip = ip_of(text);

        ek_ip_embed_scope(&ip, link);
        return ip;
}

static EK_UNUSED void check(void)
{
        const char *why = ek_ipstack_check(&w.ip);

        if (why != NULL)
                ek_test_fail(__FILE__, __LINE__, "invariant: %s", why);
}

static EK_UNUSED int add_addr(elko_link link, const char *cidr)
{
        unsigned bits;
        elko_ip ip;

        CHECK(elko_ip_parse_prefix(cidr, &ip, &bits));
        return ek_ip_addr_add(&w.ip, link, &ip, bits, w.now);
}

static EK_UNUSED int add_route(elko_link link, const char *cidr, const char *gateway)
{
        unsigned bits;
        elko_ip ip, gw;

        CHECK(elko_ip_parse_prefix(cidr, &ip, &bits));
        if (gateway == NULL)
                return ek_ip_route_add(&w.ip, &ip, bits, link, NULL);
        gw = ip_of(gateway);
        return ek_ip_route_add(&w.ip, &ip, bits, link, &gw);
}

/* An empty world: no links. */
static EK_UNUSED void world_empty(const struct ek_ip_limits *lim)
{
        static const uint8_t seed[16] = "an unsafe seed!";

        free(w.memory);
        free(w.packet);
        memset(&w, 0, sizeof(w));
        w.memory = malloc(WORLD_BYTES);
        w.region = ek_region_init(w.memory, WORLD_BYTES, 256);
        CHECK(w.region != NULL);
        w.now = ELKO_SEC(1000);
        CHECK(ek_ipstack_init(&w.ip, w.region, lim, seed, &w.ctr, w.now));
        check();
}

static EK_UNUSED void add_links(uint32_t tun_flags)
{
        struct elko_link_config eth = {.medium = ELKO_MEDIUM_ETHERNET, .mtu = 1500, .name = "eth"};
        struct elko_link_config tun = {.medium = ELKO_MEDIUM_IP, .mtu = 1400, .name = "tun"};

        tun.flags = tun_flags;
        memcpy(eth.mac, our_mac, 6);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &eth), ETH);
        CHECK_EQ(ek_ip_link_attach(&w.ip, &tun), TUN);
}

static EK_UNUSED void world_sized(uint32_t neighbours, uint32_t replies, uint32_t tun_flags)
{
        struct ek_ip_limits lim = {.links = 4,
                                   .addresses = 16,
                                   .routes = 32,
                                   .neighbours = neighbours,
                                   .replies = replies};

        world_empty(&lim);
        add_links(tun_flags);
        CHECK_EQ(add_addr(ETH, "192.0.2.1/24"), 0);
        CHECK_EQ(add_addr(ETH, "2001:db8::1/64"), 0);
        CHECK_EQ(add_addr(ETH, "fe80::1/64"), 0);
        CHECK_EQ(add_addr(TUN, "10.0.0.1/24"), 0);
        CHECK_EQ(add_addr(TUN, "fd00::1/64"), 0);
        CHECK_EQ(add_route(ETH, "0.0.0.0/0", "192.0.2.254"), 0);
        check();
}

static EK_UNUSED void world_new(void)
{
        world_sized(16, 16, 0);
}

/* ---- feeding ---- */

static EK_UNUSED enum ek_ip_verdict feed(elko_link link, const void *p, size_t n)
{
        enum ek_ip_verdict v;
        struct elko_packet pkt;

        free(w.packet);
        w.packet = malloc(n > 0 ? n : 1);
        if (n > 0)
                memcpy(w.packet, p, n);
        pkt = (struct elko_packet){.data = w.packet, .len = (uint32_t)n};
        v = ek_ip_input(&w.ip, link, &pkt, w.now, &w.in);
        CHECK(n == 0 || memcmp(w.packet, p, n) == 0); /* never modified */
        check();
        return v;
}

static EK_UNUSED enum ek_ip_verdict feed_eth(const uint8_t *dst, uint16_t type, const void *p,
                                             size_t n)
{
        static uint8_t frame[70000];

        ek_eth_emit(frame, dst, peer_mac, type);
        memcpy(frame + 14, p, n);
        return feed(ETH, frame, n + 14);
}

/* An IP packet with any transport bytes into `out`; returns its length. */
static EK_UNUSED size_t make_ip(uint8_t *out, const char *src, const char *dst, uint8_t proto,
                                const void *body, size_t n)
{
        elko_ip s = ip_of(src), d = ip_of(dst);
        size_t h = ek_addr_is_v4(&d) && ek_addr_is_v4(&s)
                           ? ek_ipv4_emit(out, &s, &d, proto, 64, 0, (uint32_t)n)
                           : ek_ipv6_emit(out, &s, &d, proto, 64, 0, (uint32_t)n);

        if (h == EK_IPV6_HDR_BYTES) { /* as given, even what we would never send */
                memcpy(out + 8, s.b, 16);
                memcpy(out + 24, d.b, 16);
        }
        memcpy(out + h, body, n);
        return h + n;
}

/* What a station at `src` sends to us as one TCP segment; on the TUN link. */
static EK_UNUSED enum ek_ip_verdict feed_tcp(elko_link link, const char *src, const char *dst)
{
        struct ek_tcp_hdr h = {.src_port = 1000, .dst_port = 80, .flags = ELKO_SYN};
        uint8_t p[128], tcp[60];
        size_t n = make_ip(p, src, dst, EK_PROTO_TCP, tcp, ek_tcp_emit(tcp, &h));

        if (link == ETH)
                return feed_eth(our_mac, p[0] >> 4 == 4 ? EK_ETH_IPV4 : EK_ETH_IPV6, p, n);
        return feed(link, p, n);
}

/* An ICMP or ICMPv6 message of n bytes at p (type, code, 0, 0, ...) gets its checksum. */
static EK_UNUSED void fix_icmp(uint8_t *p, size_t n, const char *src, const char *dst)
{
        elko_ip s = ip_of(src), d = ip_of(dst);
        uint64_t acc = ek_addr_is_v4(&d) ? 0 : ek_csum_pseudo(&s, &d, 58, (uint32_t)n);

        ek_put16be(p + 2, 0);
        ek_put16be(p + 2, ek_csum_fold(ek_csum_add(acc, p, n)));
}

static EK_UNUSED enum ek_ip_verdict feed_icmp(elko_link link, const char *src, const char *dst,
                                              uint8_t ttl, uint8_t *icmp, size_t n)
{
        static uint8_t p[70000];
        elko_ip s = ip_of(src), d = ip_of(dst);
        bool v4 = ek_addr_is_v4(&d);
        uint8_t mac[6];
        size_t h;

        fix_icmp(icmp, n, src, dst);
        h = v4 ? ek_ipv4_emit(p, &s, &d, EK_PROTO_ICMP, ttl, 0, (uint32_t)n)
               : ek_ipv6_emit(p, &s, &d, EK_PROTO_ICMP6, ttl, 0, (uint32_t)n);
        memcpy(p + h, icmp, n);
        if (link != ETH)
                return feed(link, p, h + n);
        memcpy(mac, our_mac, 6);
        if (ek_addr_is_multicast(&d))
                ek_addr_multicast_mac(&d, mac);
        return feed_eth(mac, v4 ? EK_ETH_IPV4 : EK_ETH_IPV6, p, h + n);
}

static EK_UNUSED enum ek_ip_verdict feed_arp(uint16_t op, const uint8_t *sha, const char *spa,
                                             const char *tpa)
{
        struct ek_arp arp = {.op = op, .spa = ip_of(spa), .tpa = ip_of(tpa)};
        uint8_t p[EK_ARP_BYTES];

        memcpy(arp.sha, sha, 6);
        ek_arp_emit(p, &arp);
        return feed_eth(op == EK_ARP_REQUEST ? all_mac : our_mac, EK_ETH_ARP, p, sizeof(p));
}

/* ND: a solicitation or advertisement; mac NULL: without the option. */
static EK_UNUSED enum ek_ip_verdict feed_nd(uint8_t type, uint8_t flags, const char *src,
                                            const char *dst, const char *target, const uint8_t *mac)
{
        elko_ip s = ip_of(src), d = ip_of(dst);
        struct ek_nd nd = {
                .type = type, .flags = flags, .has_mac = mac != NULL, .target = ip_of(target)};
        uint8_t p[EK_ND_BYTES];
        size_t n;

        if (mac != NULL)
                memcpy(nd.mac, mac, 6);
        n = ek_nd_emit(p, &s, &d, &nd);
        return feed_icmp(ETH, src, dst, 255, p, n);
}

/* ---- pulling ---- */

/* The next control frame of the link into w.frame; its bytes, NULL: none. */
static EK_UNUSED const uint8_t *pop(elko_link link)
{
        bool any = ek_ip_ctl_pop(&w.ip, link, &w.frame, w.now);

        check();
        if (!any)
                return NULL;
        CHECK_EQ(w.frame.parts, 1);
        CHECK_EQ(w.frame.len, w.frame.part[0].len);
        CHECK_EQ(w.frame.part[1].len, 0);
        return w.frame.part[0].data;
}

static EK_UNUSED void drain(void)
{
        for (elko_link link = ETH; link <= TUN; link++) {
                while (pop(link) != NULL)
                        ek_ip_ctl_release(&w.ip);
                CHECK(!ek_ip_ctl_has(&w.ip, link));
        }
        ek_ip_ctl_release(&w.ip);
}

static EK_UNUSED void pass(uint64_t ns)
{
        w.now += ns;
        ek_ip_advance(&w.ip, w.now);
        check();
        CHECK(ek_ip_next_deadline(&w.ip) > w.now);
}

/* Checks the frame's Ethernet header and reads the IP packet in it. */
static EK_UNUSED struct ek_ip_hdr frame_ip(const uint8_t *dst_mac)
{
        const uint8_t *p = w.frame.part[0].data;
        size_t n = w.frame.len;
        struct ek_ip_hdr h;

        if (dst_mac != NULL) {
                CHECK_MEM_EQ(p, dst_mac, 6);
                CHECK_MEM_EQ(p + 6, our_mac, 6);
                p += 14, n -= 14;
        }
        CHECK_EQ(ek_ip_parse(p, n, &h), ELKO_DROP_NONE);
        CHECK_EQ(h.hdr_len + h.payload_len, n);
        return h;
}

#endif
