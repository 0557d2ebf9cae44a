/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ip: any bytes into the internet layer, on both media, with time passing and frames pulled.
 *
 * The input is a list of steps: a control byte, a length byte, then that many packet bytes (control
 * bit 7 adds 256). Control bits: 0 link; 1 mend the IPv4 header checksum and ICMP, UDP checksums (so
 * that the fuzzer gets past them); 2 pull and release frames; 3 let time pass; 4 resolve the
 * neighbour named by the last byte.
 */
#include "common/fz.h"

#include "ip/ip.h"
#include "wire/csum.h"
#include "wire/dump.h"
#include "wire/eth.h"

enum { REGION = 1 << 20 };

struct bench {
        struct ek_ipstack ip;
        struct elko_counters ctr;
        uint64_t now;
};

static void add(struct ek_ipstack *ip, elko_link link, const char *cidr)
{
        unsigned bits;
        elko_ip addr;

        FZ_REQUIRE(elko_ip_parse_prefix(cidr, &addr, &bits));
        FZ_REQUIRE(ek_ip_addr_add(ip, link, &addr, bits, 0) == 0);
}

static void set_up(struct bench *b, struct ek_region *region)
{
        static const struct ek_ip_limits lim = {2, 8, 8, 8, 8};
        static const uint8_t seed[16] = {42};
        struct elko_link_config eth = {
                .medium = ELKO_MEDIUM_ETHERNET, .mtu = 1500, .mac = {2, 0, 0, 0, 0, 1}};
        struct elko_link_config tun = {.medium = ELKO_MEDIUM_IP, .mtu = 1500};

        memset(b, 0, sizeof(*b));
        b->now = ELKO_SEC(1);
        FZ_REQUIRE(ek_ipstack_init(&b->ip, region, &lim, seed, &b->ctr, b->now));
        FZ_REQUIRE(ek_ip_link_attach(&b->ip, &eth) == 1);
        FZ_REQUIRE(ek_ip_link_attach(&b->ip, &tun) == 2);
        add(&b->ip, 1, "192.0.2.1/24");
        add(&b->ip, 1, "fe80::1/64");
        add(&b->ip, 2, "10.0.0.1/24");
        add(&b->ip, 2, "fd00::1/64");
        elko_ip to = elko_ip_v4(10, 0, 0, 9);

        FZ_REQUIRE(ek_icmp_echo_request(&b->ip, &to, 0x4141, 1, "x", 1, b->now) == 0);
}

/* Checksums that a fuzzer would take for ever to guess. */
static void mend(uint8_t *p, size_t n)
{
        struct ek_ip_hdr h;
        size_t hdr, at;

        if (n >= 20 && p[0] >> 4 == 4) {
                hdr = (p[0] & 15u) * 4;
                if (hdr >= 20 && hdr <= n) {
                        ek_put16be(p + 10, 0);
                        ek_put16be(p + 10, ek_csum_fold(ek_csum_add(0, p, hdr)));
                }
        }
        if (ek_ip_parse(p, n, &h) != ELKO_DROP_NONE)
                return;
        at = h.proto == EK_PROTO_UDP ? 6 : 2;
        if ((h.proto != EK_PROTO_ICMP && h.proto != EK_PROTO_ICMP6 && h.proto != EK_PROTO_UDP) ||
            h.payload_len < at + 2)
                return;
        uint8_t *t = p + h.hdr_len;
        uint64_t acc = h.proto == EK_PROTO_ICMP
                               ? 0
                               : ek_csum_pseudo(&h.src, &h.dst, h.proto, h.payload_len);

        ek_put16be(t + at, 0);
        ek_put16be(t + at, ek_csum_fold(ek_csum_add(acc, t, h.payload_len)));
}

/* What we send must be well-formed ourselves. */
static void check_frame(elko_link link, const struct elko_frame *f)
{
        const uint8_t *p = f->part[0].data;
        struct ek_ip_hdr h;
        struct ek_arp arp;

        FZ_REQUIRE(f->parts == 1 && f->len == f->part[0].len);
        if (link == 2)
                FZ_REQUIRE(ek_ip_parse(p, f->len, &h) == ELKO_DROP_NONE);
        else if (ek_get16be(p + 12) == EK_ETH_ARP)
                FZ_REQUIRE(ek_arp_parse(p + 14, f->len - 14, &arp) == ELKO_DROP_NONE);
        else
                FZ_REQUIRE(ek_ip_parse(p + 14, f->len - 14, &h) == ELKO_DROP_NONE);
}

static void pull(struct bench *b)
{
        struct elko_frame f;

        for (elko_link link = 1; link <= 2; link++)
                while (ek_ip_ctl_pop(&b->ip, link, &f, b->now))
                        check_frame(link, &f);
        ek_ip_ctl_release(&b->ip);
}

static void one_packet(struct bench *b, uint8_t control, const uint8_t *p, size_t n)
{
        elko_link link = (elko_link)(1 + (control & 1));
        uint8_t *copy = fz_packet(n);
        struct elko_packet pkt = {.data = copy, .len = (uint32_t)n};
        struct ek_ip_in in;
        char line[EK_DUMP_TEXT];

        if (n > 0)
                memcpy(copy, p, n);
        if ((control & 2) != 0 && link == 2)
                mend(copy, n);
        else if ((control & 2) != 0 && n > 14)
                mend(copy + 14, n - 14);
        if (ek_ip_input(&b->ip, link, &pkt, b->now, &in) == EK_IP_TCP)
                FZ_REQUIRE(in.hdr.payload >= copy &&
                           in.hdr.payload + in.hdr.payload_len <= copy + n);
        ek_dump_packet(line, sizeof(line), link == 1 ? ELKO_MEDIUM_ETHERNET : ELKO_MEDIUM_IP, copy,
                       n);
}

static void resolve(struct bench *b, uint8_t host)
{
        elko_ip ip = elko_ip_v4(192, 0, 2, host);
        uint8_t mac[6];

        (void)ek_neigh_resolve(&b->ip, 1, &ip, b->now, mac, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t memory[REGION];
        static struct bench b;
        struct elko_echo echo;
        size_t n;

        set_up(&b, ek_region_init(memory, sizeof(memory), 256));
        while (size >= 2) {
                uint8_t control = data[0];

                n = data[1] + ((control & 0x80) != 0 ? 256u : 0u);
                data += 2, size -= 2;
                if (n > size)
                        n = size;
                one_packet(&b, control, data, n);
                if ((control & 16) != 0 && n > 0)
                        resolve(&b, data[n - 1]);
                if ((control & 8) != 0)
                        b.now += ELKO_MS(400);
                ek_ip_advance(&b.ip, b.now);
                if ((control & 4) != 0)
                        pull(&b);
                FZ_REQUIRE(ek_ipstack_check(&b.ip) == NULL);
                data += n, size -= n;
        }
        while (ek_icmp_echo_next(&b.ip, &echo))
                ;
        return 0;
}

/* The seeds are files: test/fuzz/corpus/fuzz_ip. */
size_t fz_seed(unsigned i, uint8_t *out)
{
        (void)i;
        (void)out;
        return 0;
}
