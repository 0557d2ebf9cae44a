/* SPDX-License-Identifier: MIT */
/*
 * fz_ip.c - the internet layer on a bench of its own.
 *
 * The bound on work (I-45) here: a constant, one unit for each option or extension header byte that may
 * be walked, and one for each address of ours.
 */
#include "fz_ip.h"

#include "wire/eth.h"

enum { REGION = 64 << 10, WORK = 256 + 40 + 512 + 64, MTU = 1500 };

extern uint64_t ek_work_counter;

static struct {
        struct fz_ip x;
        _Alignas(64) uint8_t memory[REGION];
} bench;

static void add(elko_link link, const char *cidr)
{
        unsigned bits;
        elko_ip addr;

        FZ_REQUIRE(elko_ip_parse_prefix(cidr, &addr, &bits));
        FZ_REQUIRE(ek_ip_addr_add(&bench.x.ip, link, &addr, bits, bench.x.now) == 0);
}

static void build(struct fz_snap *snap)
{
        static const struct ek_ip_limits lim = {2, 8, 8, 8, 8};
        static const uint8_t seed[16] = {42};
        struct elko_link_config eth = {
                .medium = ELKO_MEDIUM_ETHERNET, .mtu = MTU, .mac = {2, 0, 0, 0, 0, 1}};
        struct elko_link_config tun = {.medium = ELKO_MEDIUM_IP, .mtu = MTU};
        elko_ip to = elko_ip_v4(10, 0, 0, 9);

        memset(&bench, FZ_UNTOUCHED, sizeof(bench));
        memset(&bench.x, 0, sizeof(bench.x));
        bench.x.now = ELKO_SEC(1);
        bench.x.region = ek_region_init(bench.memory, sizeof(bench.memory), 256);
        FZ_REQUIRE(bench.x.region != NULL);
        FZ_REQUIRE(ek_ipstack_init(&bench.x.ip, bench.x.region, &lim, seed, &bench.x.ctr,
                                   bench.x.now));
        FZ_REQUIRE(ek_ip_link_attach(&bench.x.ip, &eth) == FZ_ETHER);
        FZ_REQUIRE(ek_ip_link_attach(&bench.x.ip, &tun) == FZ_BARE);
        add(FZ_ETHER, "192.0.2.1/24");
        add(FZ_ETHER, "fe80::1/64");
        add(FZ_ETHER, "2001:db8::1/64");
        add(FZ_BARE, "10.0.0.1/24");
        add(FZ_BARE, "fd00::1/64");
        /* An identifier whose replies are taken. */
        FZ_REQUIRE(ek_icmp_echo_request(&bench.x.ip, &to, 0x4141, 1, "x", 1, bench.x.now) == 0);
        fz_ip_pull(&bench.x, NULL, NULL);
        bench.x.used = ek_region_used(bench.x.region);
        fz_snap_take(snap, &bench, sizeof(bench));
}

struct fz_ip *fz_ip_reset(void)
{
        static struct fz_snap snap;

        if (snap.copy == NULL)
                build(&snap);
        fz_snap_restore(&snap);
        return &bench.x;
}

enum ek_ip_verdict fz_ip_input(struct fz_ip *x, elko_link link, const uint8_t *p, size_t n,
                               struct ek_ip_in *in)
{
        uint8_t *copy = fz_packet(n);
        struct elko_packet pkt = {.data = copy, .len = (uint32_t)n};
        uint64_t before = ek_work_counter;
        enum ek_ip_verdict verdict;

        if (n > 0)
                memcpy(copy, p, n);
        verdict = ek_ip_input(&x->ip, link, &pkt, x->now, in);
        before = ek_work_counter - before;
        if (before > fz_work_max)
                fz_work_max = before;
        if (before > WORK)
                fz_fail(__FILE__, __LINE__, "I-45: one packet made too much work");
        if (verdict == EK_IP_TCP)
                FZ_REQUIRE(in->hdr.payload >= copy && in->hdr.payload <= copy + n &&
                           in->hdr.payload_len <= (size_t)(copy + n - in->hdr.payload));
        if (verdict == EK_IP_DROPPED)
                FZ_REQUIRE(in->drop != ELKO_DROP_NONE && x->ctr.drops[in->drop] > 0);
        FZ_SOUND(ek_ipstack_check(&x->ip));
        fz_steps++;
        return verdict;
}

/* Take the Ethernet header away, or what is left is an ARP packet (RFC 826) of ours. */
static bool strip(struct elko_frame *f, struct fz_seg *out)
{
        uint8_t *p = (uint8_t *)(uintptr_t)f->part[0].data;

        FZ_REQUIRE(f->parts == 1 && f->len == f->part[0].len && f->len >= 14);
        FZ_REQUIRE(memcmp(p + 6, "\2\0\0\0\0\1", 6) == 0);
        f->part[0].data += 14;
        f->part[0].len = f->len -= 14;
        if (fz_get16(p + 12) == 0x0806) {
                *out = (struct fz_seg){.packet = p + 14, .packet_len = f->len};
                FZ_REQUIRE(f->len >= 28 && fz_get32(p + 14) == 0x00010800 &&
                           fz_get16(p + 18) == 0x0604 && memcmp(p + 22, "\2\0\0\0\0\1", 6) == 0 &&
                           (p[21] == 1 || p[21] == 2));
                return true;
        }
        FZ_REQUIRE(fz_get16(p + 12) == (p[14] >> 4 == 6 ? 0x86dd : 0x0800));
        return false;
}

unsigned fz_ip_pull(struct fz_ip *x, fz_ip_sink *sink, void *ctx)
{
        struct elko_frame f;
        struct fz_seg s;
        unsigned n = 0;

        for (elko_link link = FZ_ETHER; link <= FZ_BARE; link++) {
                while (ek_ip_ctl_pop(&x->ip, link, &f, x->now)) {
                        if (link == FZ_BARE || !strip(&f, &s))
                                FZ_SOUND(fz_wire_read(&f, MTU, &s));
                        if (sink != NULL)
                                sink(ctx, link, &s);
                        FZ_REQUIRE(++n < 1000);
                }
        }
        ek_ip_ctl_release(&x->ip);
        return n;
}

void fz_ip_advance(struct fz_ip *x, uint64_t ns)
{
        x->now += ns;
        ek_ip_advance(&x->ip, x->now);
        FZ_SOUND(ek_ipstack_check(&x->ip));
        if (ek_ip_next_deadline(&x->ip) <= x->now)
                fz_fail(__FILE__, __LINE__, "I-23: a deadline in the past after all was done");
}

bool fz_ip_is_unicast(const uint8_t *a, bool v6)
{
        static const uint8_t zero[16];

        if (!v6)
                return a[12] != 0 && a[12] != 127 && a[12] < 224;
        return a[0] != 0xff && memcmp(a, zero, 15) != 0 &&
               (memcmp(a, zero, 10) != 0 || a[10] != 0xff || a[11] != 0xff);
}
