/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ip6 (F2): any bytes as an IPv6 packet with extension headers, on either link.
 *
 * Against the walk of RFC 8200, 4 written here once more, as recursion over what is left: what it accepts
 * is accepted, with the same transport at the same place; what it refuses is refused. A packet that comes
 * from a martian, or that no RFC wants answered, is not answered.
 *
 * Byte 0: bit 0 mends checksums, bit 1 the payload length, bit 2 chooses the link, bit 3 the addresses.
 * With bit 4 the packet is made from a grammar: each two bytes an extension header (type, length), each
 * followed by that many bytes.
 */
#include "common/fz_ip.h"

enum { MOST_HEADERS = 8, MOST_EXT_BYTES = 512, HOP = 0, ROUTE = 43, FRAG = 44, DEST = 60 };

struct reading {
        bool good;
        uint8_t proto;
        uint32_t at; /* of the transport */
        bool atomic;
};

static bool is_ext(uint8_t next)
{
        return next == HOP || next == ROUTE || next == FRAG || next == DEST;
}

/* Options of [at, end): all padding, or types that say "skip over". */
static bool options_skip(const uint8_t *p, uint32_t at, uint32_t end)
{
        if (at == end)
                return true;
        if (p[at] == 0)
                return options_skip(p, at + 1, end);
        if (end - at < 2 || 2u + p[at + 1] > end - at || (p[at] > 1 && p[at] >> 6 != 0))
                return false;
        return options_skip(p, at + 2 + p[at + 1], end);
}

static struct reading walk(const uint8_t *p, uint32_t at, uint32_t end, uint8_t next, unsigned n,
                           bool atomic)
{
        struct reading bad = {0};
        uint32_t len;

        if (!is_ext(next))
                return (struct reading){true, next, at, atomic};
        if (n == MOST_HEADERS || (next == HOP && n > 0) || end - at < 8)
                return bad;
        len = next == FRAG ? 8 : (p[at + 1] + 1u) * 8;
        if (len > end - at || at + len - 40 > MOST_EXT_BYTES)
                return bad;
        if (next == FRAG && (atomic || (fz_get16(p + at + 2) & 0xfff9) != 0))
                return bad;
        if (next == ROUTE && p[at + 3] != 0)
                return bad;
        if ((next == HOP || next == DEST) && !options_skip(p, at + 2, at + len))
                return bad;
        return walk(p, at + len, end, p[at], n + 1, atomic || next == FRAG);
}

static struct reading read_packet(const uint8_t *p, size_t n)
{
        if (n < 40 || p[0] >> 4 != 6 || fz_get16(p + 4) > n - 40)
                return (struct reading){0};
        return walk(p, 40, 40u + fz_get16(p + 4), p[6], 0, false);
}

static void compare(const uint8_t *p, size_t n, const struct reading *r)
{
        struct ek_ip_hdr h;
        bool taken = ek_ipv6_parse(p, n, &h) == ELKO_DROP_NONE;

        FZ_REQUIRE(taken == r->good);
        if (!taken)
                return;
        FZ_REQUIRE(h.proto == r->proto && h.payload == p + r->at && h.hdr_len == r->at);
        FZ_REQUIRE(h.payload_len == 40u + fz_get16(p + 4) - r->at);
        FZ_REQUIRE(h.atomic_frag == r->atomic && h.ttl == p[7] && h.version == 6);
        FZ_REQUIRE(h.tos == (uint8_t)(fz_get16(p) >> 4));
        FZ_REQUIRE(memcmp(h.src.b, p + 8, 16) == 0 && memcmp(h.dst.b, p + 24, 16) == 0);
}

/* From the grammar: a chain of headers, then 24 bytes of transport. */
static size_t make(uint8_t *p, const uint8_t *data, size_t size)
{
        static const uint8_t types[8] = {HOP, DEST, DEST, ROUTE, FRAG, DEST, 6, 58};
        uint8_t *next = p + 6;
        size_t n = 40;

        memset(p, 0, 40);
        p[0] = 0x60;
        p[7] = 64;
        while (size >= 2 && n + 2100 < 4096) {
                uint8_t type = types[data[0] & 7], len8 = data[1] % 6;
                size_t len = 8 + (type == FRAG ? 0 : len8 * 8u), k;

                if (!is_ext(type))
                        break;
                *next = type;
                next = p + n;
                memset(p + n, 0, len);
                p[n + 1] = type == FRAG ? 0 : (data[1] & 0x80) != 0 ? data[1] : len8;
                data += 2, size -= 2;
                for (k = 2; k < len && size > 0; k++, data++, size--)
                        p[n + k] = *data;
                n += len;
        }
        *next = size > 0 && data[0] < 128 ? 58 : 6;
        for (unsigned k = 0; k < 24; k++, n++)
                p[n] = (uint8_t)(k < size ? data[k] : k == 0 ? 128 : 0);
        return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t frame[14 + 4096 + 64] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 0x86, 0xdd};
        uint8_t *p = frame + 14;
        enum ek_ip_verdict verdict;
        struct reading r;
        struct ek_ip_in in;
        struct fz_ip *x;
        unsigned answers;
        bool ether;
        size_t n;

        if (size < 1 || size > 4096)
                return 0;
        ether = (data[0] & 4) != 0;
        n = size - 1;
        if ((data[0] & 16) != 0)
                n = make(p, data + 1, n);
        else
                memcpy(p, data + 1, n);
        if (n >= 40 && (data[0] & 8) != 0) {
                memset(p + 8, 0, 32);
                memcpy(p + 8, ether ? "\x20\1\x0d\xb8" : "\xfd\0\0\0", 4);
                memcpy(p + 24, p + 8, 4);
                p[23] = 7;
                p[39] = 1;
        }
        if (n >= 40 && (data[0] & 2) != 0)
                fz_put16(p + 4, (uint16_t)(n - 40));
        if ((data[0] & 1) != 0)
                fz_mend(p, (uint32_t)n);
        r = read_packet(p, n);
        compare(p, n, &r);
        x = fz_ip_reset();
        verdict = ether ? fz_ip_input(x, FZ_ETHER, frame, n + 14, &in)
                        : fz_ip_input(x, FZ_BARE, p, n, &in);
        answers = fz_ip_pull(x, NULL, NULL);
        FZ_REQUIRE(answers <= 2); /* an answer, and a solicitation of whom it is for */
        if (n > 0 && p[0] >> 4 == 4)
                return 0;
        FZ_REQUIRE(r.good || verdict == EK_IP_DROPPED);
        if (n < 40)
                FZ_REQUIRE(answers == 0);
        else if (!fz_ip_is_unicast(p + 8, true) && memcmp(p + 8, (uint8_t[16]){0}, 16) != 0)
                FZ_REQUIRE(verdict == EK_IP_DROPPED && answers == 0);
        if (verdict == EK_IP_TCP)
                FZ_REQUIRE(r.proto == FZ_TCP && in.hdr.payload_len == 40u + fz_get16(p + 4) - r.at);
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        const struct fz_bytes list[] = {
                FZ_BYTES(31),
                FZ_BYTES(27, 0, 0, 1, 4, 0, 0, 0, 0),
                FZ_BYTES(31, 1, 0, 0xc2, 4, 0, 0, 0, 0),
                FZ_BYTES(27, 1, 1, 1, 0),
                FZ_BYTES(31, 3, 0, 0, 0, 0, 0, 0, 0),
                FZ_BYTES(27, 3, 0, 0, 1, 0, 0, 0, 0),
                FZ_BYTES(31, 4, 0, 0, 0, 0, 0, 1, 2),
                FZ_BYTES(27, 4, 0, 0, 9, 0, 0, 1, 2),
                FZ_BYTES(31, 1, 0x83, 0, 0, 0, 0, 0, 0),
                FZ_BYTES(27, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0),
                FZ_BYTES(31, 0, 0, 0x42, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0),
                FZ_BYTES(11, 0x60, 0, 0, 0, 0, 8, 58, 64, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
                         0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0, 0, 1, 1,
                         1),
        };

        return fz_seed_list(list, sizeof(list) / sizeof(list[0]), i, out);
}
