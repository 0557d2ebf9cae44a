/* SPDX-License-Identifier: MIT */
/*
 * fuzz_ip4 (F1): any bytes as an IPv4 packet, on either link.
 *
 * Against a reading of RFC 791, 3.1 that is written here once more: what the header says must be what the
 * parser says, and it refuses exactly what is malformed, fragmented or source-routed. Nothing malformed or
 * from a martian is answered (RFC 1122, 3.2.1.3; RFC 1812, 5.3.7), and one packet gets one answer at most.
 *
 * Byte 0: bit 0 mends checksums, bit 1 the length field, bit 2 chooses the link, bit 3 the addresses.
 */
#include "common/fz_ip.h"

/* What RFC 791 makes of it: 0 good, 1 refused. */
static bool reads_well(const uint8_t *p, size_t n, uint32_t *hdr, uint32_t *total)
{
        if (n < 20 || p[0] >> 4 != 4)
                return false;
        *hdr = (p[0] & 15u) * 4;
        *total = fz_get16(p + 2);
        if (*hdr < 20 || *hdr > n || *total < *hdr || *total > n || fz_csum(p, *hdr) != 0 ||
            (fz_get16(p + 6) & 0x3fff) != 0)
                return false;
        for (uint32_t i = 20; i < *hdr;) {
                if (p[i] == 0)
                        break;
                if (p[i] == 1) {
                        i++;
                        continue;
                }
                if (p[i] == 131 || p[i] == 137 || i + 1 >= *hdr || p[i + 1] < 2 ||
                    i + p[i + 1] > *hdr)
                        return false;
                i += p[i + 1];
        }
        return true;
}

static void compare(const uint8_t *p, size_t n)
{
        uint32_t hdr, total;
        bool good = reads_well(p, n, &hdr, &total);
        struct ek_ip_hdr h;
        bool taken = ek_ipv4_parse(p, n, &h) == ELKO_DROP_NONE;

        FZ_REQUIRE(taken == good);
        if (!good)
                return;
        FZ_REQUIRE(h.hdr_len == hdr && h.payload == p + hdr && h.payload_len == total - hdr);
        FZ_REQUIRE(h.version == 4 && h.proto == p[9] && h.ttl == p[8] && h.tos == p[1]);
        FZ_REQUIRE(memcmp(h.src.b + 12, p + 12, 4) == 0 && memcmp(h.dst.b + 12, p + 16, 4) == 0);
}

static void set_addresses(uint8_t *p, bool ethernet)
{
        memcpy(p + 12, ethernet ? "\300\0\2\7" : "\12\0\0\7", 4);
        memcpy(p + 16, ethernet ? "\300\0\2\1" : "\12\0\0\1", 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        static uint8_t frame[14 + 4096] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 9, 8, 0};
        uint8_t *p = frame + 14;
        struct ek_ip_in in;
        enum ek_ip_verdict verdict;
        struct fz_ip *x;
        uint32_t hdr, total;
        bool ether, good;
        unsigned answers;
        size_t n;

        if (size < 1 || size > 4096)
                return 0;
        n = size - 1;
        memcpy(p, data + 1, n);
        ether = (data[0] & 4) != 0;
        if (n >= 20 && (data[0] & 8) != 0)
                set_addresses(p, ether);
        if (n >= 20 && (data[0] & 2) != 0)
                fz_put16(p + 2, (uint16_t)n);
        if ((data[0] & 1) != 0)
                fz_mend(p, (uint32_t)n);
        compare(p, n);
        x = fz_ip_reset();
        good = reads_well(p, n, &hdr, &total);
        if (ether)
                verdict = fz_ip_input(x, FZ_ETHER, frame, n + 14, &in);
        else
                verdict = fz_ip_input(x, FZ_BARE, p, n, &in);
        answers = fz_ip_pull(x, NULL, NULL);
        FZ_REQUIRE(answers <= 1);
        if (n > 0 && p[0] >> 4 == 6)
                return 0;
        FZ_REQUIRE(good || (verdict == EK_IP_DROPPED && answers == 0));
        if (good && (!fz_ip_is_unicast(
                             (uint8_t[16]){[12] = p[12], [13] = p[13], [14] = p[14], [15] = p[15]},
                             false) ||
                     memcmp(p + 12, p + 16, 4) == 0))
                FZ_REQUIRE(verdict == EK_IP_DROPPED && answers == 0);
        if (verdict == EK_IP_TCP)
                FZ_REQUIRE(p[9] == FZ_TCP && in.hdr.payload_len == total - hdr);
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        static const uint8_t protos[] = {6, 1, 17, 58, 2, 59};
        const struct fz_bytes options[] = {
                FZ_BYTES(1, 1, 1, 0),
                FZ_BYTES(7, 7, 4, 0, 0, 0, 0, 0),
                FZ_BYTES(131, 7, 4, 10, 0, 0, 9, 0),
                FZ_BYTES(68, 8, 5, 0, 0, 0, 0, 0),
                FZ_BYTES(148, 4, 0, 0),
                FZ_BYTES(1, 137, 3, 4),
        };
        const struct fz_bytes *opt = i / 6 == 0 ? NULL : &options[(i / 6 - 1) % 6];
        uint8_t *p = out + 1;
        size_t n = 20, payload = 8 + i % 5 * 4;

        if (i >= 42)
                return 0;
        out[0] = (uint8_t)(1 | 2 | 8 | (i & 1) << 2);
        memset(p, 0, 20);
        p[8] = 64;
        p[9] = protos[i % 6];
        if (opt != NULL) {
                memcpy(p + n, opt->p, opt->n);
                n += opt->n;
        }
        p[0] = (uint8_t)(0x40 | n / 4);
        for (size_t k = 0; k < payload; k++)
                p[n + k] = (uint8_t)(k == 0 && protos[i % 6] == 1 ? 8 : k * 3);
        return 1 + n + payload;
}
