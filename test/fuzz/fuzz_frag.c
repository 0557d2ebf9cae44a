/* SPDX-License-Identifier: MIT */
/*
 * fuzz_frag (F4): fragments of both families in any order.
 *
 * elko does not reassemble (a deviation, wire/ipv4.c and wire/ipv6.c: TCP needs none, and reassembly is
 * where stacks were attacked for decades). So the law is short. A fragment, whatever it says and whatever
 * came before, is dropped for that reason; it is not answered, takes no memory and leaves no trace - the
 * next whole packet is treated as if it had not been. An atomic fragment (RFC 6946) is a whole packet.
 *
 * Records of 6 bytes: family and kind, offset, flags, length, identification, link.
 */
#include "common/fz_ip.h"

enum { RECORD = 6, MAX_STEPS = 64 };

static struct fz_way way_of(bool v6, bool ether)
{
        struct fz_way way = {.v6 = v6};

        if (v6) {
                memcpy(way.src, ether ? "\x20\1\x0d\xb8" : "\xfd\0\0\0", 4);
                memcpy(way.dst, way.src, 4);
        } else {
                memcpy(way.src + 12, ether ? "\300\0\2\0" : "\12\0\0\0", 4);
                memcpy(way.dst + 12, way.src + 12, 4);
        }
        way.src[15] = 7;
        way.dst[15] = 1;
        return way;
}

/* `frag`: offset in 8-byte units << 3 | reserved bits | M, as in RFC 8200, 4.5. Returns the length. */
static uint32_t build(uint8_t *p, const struct fz_way *way, uint8_t proto, uint16_t frag,
                      uint8_t id, const uint8_t *l4, uint32_t n)
{
        uint32_t ip;

        if (way->v6) {
                ip = fz_ip_header(p, way, 44, 8 + n);
                memset(p + ip, 0, 8);
                p[ip] = proto;
                fz_put16(p + ip + 2, frag);
                p[ip + 7] = id;
                memcpy(p + ip + 8, l4, n);
                return ip + 8 + n;
        }
        ip = fz_ip_header(p, way, proto, n);
        p[5] = id;
        fz_put16(p + 6, (uint16_t)((frag & 1) << 13 | frag >> 3));
        fz_put16(p + 10, 0);
        fz_put16(p + 10, fz_csum(p, 20));
        memcpy(p + ip, l4, n);
        return ip + n;
}

static uint64_t memory_of(const struct fz_ip *x)
{
        return ek_region_used(x->region);
}

static void step(struct fz_ip *x, const uint8_t *r)
{
        static uint8_t frame[2048], l4[1024];
        bool v6 = (r[0] & 1) != 0, ether = (r[0] & 2) != 0, whole;
        struct fz_way way = way_of(v6, ether);
        uint8_t proto = (r[0] & 4) != 0 ? FZ_TCP : v6 ? FZ_ICMP6 : FZ_ICMP4;
        uint16_t frag = (uint16_t)((r[1] * 256u + r[2]) & ~6u);
        uint32_t n = 20 + r[3] * 3u, len;
        struct ek_ip_in in;
        enum ek_ip_verdict verdict;
        uint64_t before;
        unsigned answers;

        if ((r[0] & 8) != 0)
                frag = 0;
        whole = frag == 0;
        memset(l4, r[4], n);
        memset(l4, 0, 20);
        if (proto == FZ_TCP) {
                l4[12] = 0x50;
                fz_put16(l4 + 16, fz_csum_way(&way, proto, l4, n));
        } else {
                l4[0] = v6 ? 128 : 8;
                fz_put16(l4 + 2, v6 ? fz_csum_way(&way, proto, l4, n) : fz_csum(l4, n));
        }
        len = 14 + build(frame + 14, &way, proto, frag, r[5], l4, n);
        memcpy(frame, "\2\0\0\0\0\1\2\0\0\0\0\7", 12);
        fz_put16(frame + 12, v6 ? 0x86dd : 0x0800);
        before = memory_of(x);
        verdict = ether ? fz_ip_input(x, FZ_ETHER, frame, len, &in)
                        : fz_ip_input(x, FZ_BARE, frame + 14, len - 14, &in);
        if (!whole) {
                FZ_REQUIRE(verdict == EK_IP_DROPPED && in.drop == ELKO_DROP_IP_FRAGMENT);
                FZ_REQUIRE(memory_of(x) == before);
        } else if (proto == FZ_TCP) {
                FZ_REQUIRE(verdict == EK_IP_TCP && in.hdr.payload_len == n);
        } else {
                FZ_REQUIRE(verdict != EK_IP_TCP);
        }
        answers = fz_ip_pull(x, NULL, NULL);
        FZ_REQUIRE(whole || answers == 0);
        if (whole && proto != FZ_TCP && !ether)
                FZ_REQUIRE(verdict == EK_IP_CONSUMED && answers == 1);
        FZ_REQUIRE(ether || memory_of(x) == before);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fz_ip *x = fz_ip_reset();

        for (unsigned n = 0; size >= RECORD && n < MAX_STEPS; n++, data += RECORD, size -= RECORD)
                step(x, data);
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        uint64_t rng = i + 21;

        if (i >= 16)
                return 0;
        for (size_t k = 0; k < RECORD * 12; k++)
                out[k] = (uint8_t)fz_random(&rng);
        /* Teardrop: the second inside of the first; ping of death: beyond 65535 (RELIABILITY A2-1, -2). */
        if (i == 0)
                memcpy(out, (const uint8_t[]){4, 0, 1, 12, 0, 9, 4, 0, 0x18, 1, 0, 9}, 12);
        if (i == 1)
                memcpy(out, (const uint8_t[]){0, 0xff, 0xf8, 60, 0, 9}, 6);
        return RECORD * 12;
}
