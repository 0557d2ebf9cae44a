/*
 * IPv4 and IPv6 headers: every malformed class of doc/RELIABILITY A1-1 to A1-3 and A1-13 to A1-17, by
 * tables that name the exact drop reason. Packets stand at the very end of a heap buffer, so that
 * AddressSanitizer sees a read beyond them.
 */
#include "wire/ipv6.h"

#include "wire/addr.h"
#include "wire/csum.h"
#include "wire/icmp6.h"

#include "../support/ek_test.h"

/* A copy of n bytes with nothing behind it. */
static uint8_t *tight(const void *p, size_t n)
{
        uint8_t *copy = malloc(n > 0 ? n : 1);

        if (n > 0)
                memcpy(copy, p, n);
        return copy;
}

static enum elko_drop parse(const void *p, size_t n, struct ek_ip_hdr *out)
{
        uint8_t *copy = tight(p, n);
        enum elko_drop drop = ek_ip_parse(copy, n, out);

        if (drop == ELKO_DROP_NONE) {
                CHECK(out->packet == copy);
                CHECK(out->payload == copy + out->hdr_len);
                CHECK(out->hdr_len + out->payload_len <= n);
        }
        free(copy);
        return drop;
}

/* ---- IPv4 ---- */

/* A valid header of ihl words with `options` and then `payload` bytes of 0xaa; returns its length. */
static size_t make_v4(uint8_t *p, unsigned ihl, const uint8_t *options, size_t payload)
{
        size_t hdr = ihl * 4u;

        memset(p, 0, hdr);
        p[0] = (uint8_t)(0x40 | ihl);
        ek_put16be(p + 2, (uint16_t)(hdr + payload));
        ek_put16be(p + 6, 0x4000);
        p[8] = 64;
        p[9] = 6;
        memcpy(p + 12, "\x0a\x00\x00\x01\x0a\x00\x00\x02", 8);
        if (options != NULL)
                memcpy(p + 20, options, hdr - 20);
        ek_put16be(p + 10, ek_csum_fold(ek_csum_add(0, p, hdr)));
        memset(p + hdr, 0xaa, payload);
        return hdr + payload;
}

static void fix_v4(uint8_t *p)
{
        ek_put16be(p + 10, 0);
        ek_put16be(p + 10, ek_csum_fold(ek_csum_add(0, p, (p[0] & 15u) * 4)));
}

EK_TEST(v4_first_byte)
{
        static const struct {
                uint8_t byte;
                enum elko_drop drop;
        } t[] = {
                {0x40, ELKO_DROP_IP_HDR_LEN}, {0x43, ELKO_DROP_IP_HDR_LEN},
                {0x44, ELKO_DROP_IP_HDR_LEN}, {0x4e, ELKO_DROP_IP_HDR_LEN},
                {0x4f, ELKO_DROP_IP_HDR_LEN}, {0x35, ELKO_DROP_IP_VERSION},
                {0x65, ELKO_DROP_IP_SHORT}, /* an IPv6 header needs 40 bytes */
                {0x05, ELKO_DROP_IP_VERSION}, {0xf5, ELKO_DROP_IP_VERSION},
                {0x45, ELKO_DROP_NONE},
        };
        struct ek_ip_hdr h;
        uint8_t p[20];

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                make_v4(p, 5, NULL, 0);
                p[0] = t[i].byte;
                if ((p[0] & 15) >= 5)
                        ek_put16be(p + 10, 0),
                                ek_put16be(p + 10, ek_csum_fold(ek_csum_add(0, p, 20)));
                CHECK_EQ(parse(p, 20, &h), t[i].drop);
                CHECK_EQ(parse(p, 1, &h),
                         t[i].drop == ELKO_DROP_NONE || (t[i].byte & 15) >= 5
                                 ? (t[i].drop == ELKO_DROP_IP_VERSION ? ELKO_DROP_IP_VERSION
                                                                      : ELKO_DROP_IP_SHORT)
                                 : t[i].drop);
        }
        CHECK_EQ(parse(p, 0, &h), ELKO_DROP_IP_SHORT);
}

/* Each parser looks for itself, whoever calls it. */
EK_TEST(the_other_version)
{
        uint8_t v4[40] = {0x45}, v6[40] = {0x60};
        struct ek_ip_hdr h;

        CHECK_EQ(ek_ipv4_parse(v6, sizeof(v6), &h), ELKO_DROP_IP_VERSION);
        CHECK_EQ(ek_ipv6_parse(v4, sizeof(v4), &h), ELKO_DROP_IP_VERSION);
        CHECK_EQ(ek_ipv4_parse(v4, 0, &h), ELKO_DROP_IP_SHORT);
        CHECK_EQ(ek_ipv6_parse(v6, 0, &h), ELKO_DROP_IP_SHORT);
}

EK_TEST(v4_every_truncation)
{
        struct ek_ip_hdr h;
        uint8_t p[100];
        size_t n = make_v4(p, 5, NULL, 30);

        for (size_t len = 0; len < n; len++)
                CHECK_EQ(parse(p, len, &h), len < 20 ? ELKO_DROP_IP_SHORT : ELKO_DROP_IP_TOTAL_LEN);
        CHECK_EQ(parse(p, n, &h), ELKO_DROP_NONE);
}

EK_TEST(v4_total_length)
{
        static const struct {
                unsigned total;
                enum elko_drop drop;
                uint32_t payload;
        } t[] = {
                {0, ELKO_DROP_IP_TOTAL_LEN, 0},
                {19, ELKO_DROP_IP_TOTAL_LEN, 0},
                {20, ELKO_DROP_NONE, 0},
                {39, ELKO_DROP_NONE, 19},
                {60, ELKO_DROP_NONE, 40},
                {61, ELKO_DROP_IP_TOTAL_LEN, 0},
                {65535, ELKO_DROP_IP_TOTAL_LEN, 0},
        };
        struct ek_ip_hdr h;
        uint8_t p[60];

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                make_v4(p, 5, NULL, 40);
                ek_put16be(p + 2, (uint16_t)t[i].total);
                fix_v4(p);
                CHECK_EQ(parse(p, 60, &h), t[i].drop);
                if (t[i].drop == ELKO_DROP_NONE)
                        CHECK_EQ(h.payload_len, t[i].payload); /* trailing bytes are padding */
        }
        make_v4(p, 6, (const uint8_t *)"\1\1\1\1", 0);
        ek_put16be(p + 2, 23); /* IHL * 4 - 1 */
        fix_v4(p);
        CHECK_EQ(parse(p, 60, &h), ELKO_DROP_IP_TOTAL_LEN);
}

EK_TEST(v4_fields)
{
        struct ek_ip_hdr h;
        uint8_t p[64];
        elko_ip src = elko_ip_v4(10, 0, 0, 1), dst = elko_ip_v4(10, 0, 0, 2);

        make_v4(p, 5, NULL, 44);
        p[1] = 0xb9;
        fix_v4(p);
        CHECK_EQ(parse(p, 64, &h), ELKO_DROP_NONE);
        CHECK(ek_addr_equal(&h.src, &src) && ek_addr_equal(&h.dst, &dst));
        CHECK_EQ(h.version, 4);
        CHECK_EQ(h.proto, 6);
        CHECK_EQ(h.ttl, 64);
        CHECK_EQ(h.tos, 0xb9);
        CHECK_EQ(h.hdr_len, 20);
        CHECK(!h.atomic_frag);
}

EK_TEST(v4_any_wrong_bit_is_noticed)
{
        struct ek_ip_hdr h;
        uint8_t p[40];

        make_v4(p, 5, NULL, 20);
        for (unsigned bit = 32; bit < 160; bit++) { /* behind version, lengths */
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
                CHECK_EQ(parse(p, 40, &h), ELKO_DROP_IP_CSUM);
                p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
}

EK_TEST(v4_fragments)
{
        static const struct {
                uint16_t word;
                enum elko_drop drop;
        } t[] = {
                {0x0000, ELKO_DROP_NONE},        {0x4000, ELKO_DROP_NONE},
                {0x8000, ELKO_DROP_NONE},        {0x2000, ELKO_DROP_IP_FRAGMENT},
                {0x0001, ELKO_DROP_IP_FRAGMENT}, {0x1fff, ELKO_DROP_IP_FRAGMENT},
                {0x6000, ELKO_DROP_IP_FRAGMENT}, {0x5fff, ELKO_DROP_IP_FRAGMENT},
        };
        struct ek_ip_hdr h;
        uint8_t p[40];

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                make_v4(p, 5, NULL, 20);
                ek_put16be(p + 6, t[i].word);
                fix_v4(p);
                CHECK_EQ(parse(p, 40, &h), t[i].drop);
        }
}

/* [RFC9293 MUST-50 MUST-51 MUST-52 MUST-53 SHLD-24] */
EK_TEST(v4_options)
{
        static const struct {
                const char *what;
                unsigned ihl;
                uint8_t opt[40];
                enum elko_drop drop;
        } t[] = {
                {"40 NOPs", 15, {[0 ... 39] = 1}, ELKO_DROP_NONE},
                {"EOL, then garbage", 6, {0, 131, 0, 1}, ELKO_DROP_NONE},
                {"LSRR", 6, {131, 3, 4, 0}, ELKO_DROP_IP_OPTIONS},
                {"LSRR, pointer 255", 6, {131, 3, 255, 0}, ELKO_DROP_IP_OPTIONS},
                {"SSRR", 7, {137, 7, 4, 1, 2, 3, 4, 0}, ELKO_DROP_IP_OPTIONS},
                {"LSRR after NOPs", 7, {1, 1, 1, 131, 3, 4, 0, 0}, ELKO_DROP_IP_OPTIONS},
                {"LSRR is the last byte", 6, {1, 1, 1, 131}, ELKO_DROP_IP_OPTIONS},
                {"RR, pointer past its end", 7, {7, 7, 255, 0, 0, 0, 0, 0}, ELKO_DROP_NONE},
                {"length 0", 6, {7, 0, 0, 0}, ELKO_DROP_IP_OPTIONS},
                {"length 1", 6, {7, 1, 0, 0}, ELKO_DROP_IP_OPTIONS},
                {"length 2", 6, {7, 2, 0, 0}, ELKO_DROP_NONE},
                {"length 41", 15, {7, 41}, ELKO_DROP_IP_OPTIONS},
                {"length 40", 15, {7, 40}, ELKO_DROP_NONE},
                {"beyond the header", 6, {1, 7, 4, 0}, ELKO_DROP_IP_OPTIONS},
                {"kind without length", 6, {1, 1, 1, 7}, ELKO_DROP_IP_OPTIONS},
                {"router alert", 6, {148, 4, 0, 0}, ELKO_DROP_NONE},
        };
        struct ek_ip_hdr h;
        uint8_t p[64];

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                size_t n = make_v4(p, t[i].ihl, t[i].opt, 3);

                if (parse(p, n, &h) != t[i].drop)
                        ek_test_fail(__FILE__, __LINE__, "%s", t[i].what);
        }
}

/* All lists of 4 option bytes over the interesting values: no over-read, and it ends. [RFC9293 MUST-50] */
EK_TEST(v4_options_exhaustive)
{
        static const uint8_t v[] = {0, 1, 2, 3, 4, 5, 7, 131, 137, 255};
        struct ek_ip_hdr h;
        uint8_t p[24], opt[4];

        for (unsigned code = 0; code < 10000; code++) {
                for (unsigned i = 0, c = code; i < 4; i++, c /= 10)
                        opt[i] = v[c % 10];
                make_v4(p, 6, opt, 0);
                enum elko_drop drop = parse(p, 24, &h);

                CHECK(drop == ELKO_DROP_NONE || drop == ELKO_DROP_IP_OPTIONS);
        }
}

EK_TEST(v4_emit_then_parse)
{
        struct ek_ip_hdr h;
        uint8_t p[2000];

        for (int round = 0; round < 20000; round++) {
                uint32_t r = (uint32_t)ek_test_rand(), len = r % 1900;
                elko_ip src = elko_ip_v4(10, (uint8_t)r, (uint8_t)(r >> 8), 3);
                elko_ip dst = elko_ip_v4((uint8_t)(r >> 16), (uint8_t)(r >> 24), 255, 255);
                uint8_t proto = (uint8_t)ek_test_rand(), ttl = (uint8_t)ek_test_rand();
                uint8_t tos = (uint8_t)ek_test_rand();

                CHECK_EQ(ek_ipv4_emit(p, &src, &dst, proto, ttl, tos, len), 20);
                CHECK_EQ(ek_ipv4_parse(p, 20 + len, &h), ELKO_DROP_NONE);
                CHECK(ek_addr_equal(&h.src, &src) && ek_addr_equal(&h.dst, &dst));
                CHECK_EQ(h.proto, proto);
                CHECK_EQ(h.ttl, ttl);
                CHECK_EQ(h.tos, tos);
                CHECK_EQ(h.payload_len, len);
                CHECK_EQ(ek_get32be(p + 4), 0x4000); /* ID 0, DF, offset 0 */
        }
}

/* ---- IPv6 ---- */

/* A valid header with `n` bytes behind it; returns its length. */
static size_t make_v6(uint8_t *p, uint8_t next, const void *rest, size_t n)
{
        memset(p, 0, 40);
        p[0] = 0x60;
        ek_put16be(p + 4, (uint16_t)n);
        p[6] = next;
        p[7] = 64;
        p[8] = 0x20, p[23] = 1;
        p[24] = 0x20, p[39] = 2;
        if (n > 0)
                memcpy(p + 40, rest, n);
        return 40 + n;
}

EK_TEST(v6_lengths)
{
        static const struct {
                unsigned field;
                size_t present;
                enum elko_drop drop;
        } t[] = {
                {0, 40, ELKO_DROP_NONE},
                {20, 60, ELKO_DROP_NONE},
                {20, 59, ELKO_DROP_IP_TOTAL_LEN},
                {21, 60, ELKO_DROP_IP_TOTAL_LEN},
                {1500, 60, ELKO_DROP_IP_TOTAL_LEN},
                {65535, 60, ELKO_DROP_IP_TOTAL_LEN},
                {0, 39, ELKO_DROP_IP_SHORT},
                {0, 1, ELKO_DROP_IP_SHORT},
                {5, 60, ELKO_DROP_NONE},
        };
        struct ek_ip_hdr h;
        uint8_t p[60], rest[20] = {0};

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                make_v6(p, 6, rest, 20);
                ek_put16be(p + 4, (uint16_t)t[i].field);
                CHECK_EQ(parse(p, t[i].present, &h), t[i].drop);
                if (t[i].drop == ELKO_DROP_NONE)
                        CHECK_EQ(h.payload_len, t[i].field);
        }
}

struct v6_case {
        const char *what;
        uint8_t next;
        uint8_t rest[32];
        size_t n;
        enum elko_drop drop;
        enum ek_ip_problem problem;
        uint8_t code;
        uint16_t at;
        uint8_t proto;
        uint16_t hdr_len;
};

EK_TEST(v6_extension_headers)
{
        static const struct v6_case t[] = {
                {"hop-by-hop, padded", 0, {6, 0, 1, 4}, 8, ELKO_DROP_NONE, 0, 0, 0, 6, 48},
                {"six Pad1", 60, {6, 0}, 8, ELKO_DROP_NONE, 0, 0, 0, 6, 48},
                {"shorter than 8", 0, {6, 0, 1, 2}, 7, ELKO_DROP_IP_EXT_HDR, 0, 0, 0, 0, 0},
                {"no bytes at all", 0, {0}, 0, ELKO_DROP_IP_EXT_HDR, 0, 0, 0, 0, 0},
                {"length 255 with 8 bytes",
                 0,
                 {6, 255, 1, 4},
                 8,
                 ELKO_DROP_IP_EXT_HDR,
                 0,
                 0,
                 0,
                 0,
                 0},
                {"length one unit too long",
                 60,
                 {6, 1, 1, 4},
                 8,
                 ELKO_DROP_IP_EXT_HDR,
                 0,
                 0,
                 0,
                 0,
                 0},
                {"option length 255", 60, {6, 0, 1, 255}, 8, ELKO_DROP_IP_EXT_HDR, 0, 0, 0, 0, 0},
                {"option one byte too long",
                 60,
                 {6, 0, 1, 5},
                 8,
                 ELKO_DROP_IP_EXT_HDR,
                 0,
                 0,
                 0,
                 0,
                 0},
                {"option without length",
                 60,
                 {6, 0, 1, 3, 0, 0, 0, 5},
                 8,
                 ELKO_DROP_IP_EXT_HDR,
                 0,
                 0,
                 0,
                 0,
                 0},
                {"option 00: skip",
                 60,
                 {6, 0, 0x05, 2, 0, 0, 1, 0},
                 8,
                 ELKO_DROP_NONE,
                 0,
                 0,
                 0,
                 6,
                 48},
                {"option 01: discard",
                 60,
                 {6, 0, 0x45, 2, 0, 0, 1, 0},
                 8,
                 ELKO_DROP_IP_EXT_HDR,
                 EK_PROBLEM_NONE,
                 0,
                 0,
                 0,
                 0},
                {"option 10: answer",
                 60,
                 {6, 0, 1, 0, 0x85, 2, 0, 0},
                 8,
                 ELKO_DROP_IP_EXT_HDR,
                 EK_PROBLEM_MULTICAST,
                 EK_ICMP6_CODE_OPTION,
                 44,
                 0,
                 0},
                {"option 11: answer unicast",
                 0,
                 {6, 0, 0xc5, 2, 0, 0, 1, 0},
                 8,
                 ELKO_DROP_IP_EXT_HDR,
                 EK_PROBLEM_UNICAST,
                 EK_ICMP6_CODE_OPTION,
                 42,
                 0,
                 0},
                {"jumbogram",
                 0,
                 {6, 0, 0xc2, 4, 0, 1, 0, 0},
                 8,
                 ELKO_DROP_IP_EXT_HDR,
                 EK_PROBLEM_UNICAST,
                 EK_ICMP6_CODE_OPTION,
                 42,
                 0,
                 0},
                {"hop-by-hop not first",
                 60,
                 {0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4},
                 16,
                 ELKO_DROP_IP_EXT_HDR,
                 EK_PROBLEM_UNICAST,
                 EK_ICMP6_CODE_NEXT_HDR,
                 40,
                 0,
                 0},
                {"two hop-by-hop",
                 0,
                 {0, 0, 1, 4, 0, 0, 0, 0, 6, 0, 1, 4},
                 16,
                 ELKO_DROP_IP_EXT_HDR,
                 EK_PROBLEM_UNICAST,
                 EK_ICMP6_CODE_NEXT_HDR,
                 40,
                 0,
                 0},
                {"RH0, 1 left",
                 43,
                 {6, 0, 0, 1},
                 8,
                 ELKO_DROP_IP_ROUTING_HDR,
                 EK_PROBLEM_UNICAST,
                 EK_ICMP6_CODE_HEADER,
                 42,
                 0,
                 0},
                {"RH4, 9 left",
                 43,
                 {6, 0, 4, 9},
                 8,
                 ELKO_DROP_IP_ROUTING_HDR,
                 EK_PROBLEM_UNICAST,
                 EK_ICMP6_CODE_HEADER,
                 42,
                 0,
                 0},
                {"RH0, none left", 43, {6, 0, 0, 0}, 8, ELKO_DROP_NONE, 0, 0, 0, 6, 48},
                {"atomic fragment",
                 44,
                 {6, 0, 0, 0, 1, 2, 3, 4},
                 8,
                 ELKO_DROP_NONE,
                 0,
                 0,
                 0,
                 6,
                 48},
                {"atomic, reserved bits", 44, {6, 9, 0, 6}, 8, ELKO_DROP_NONE, 0, 0, 0, 6, 48},
                {"first fragment", 44, {6, 0, 0, 1}, 8, ELKO_DROP_IP_FRAGMENT, 0, 0, 0, 0, 0},
                {"later fragment", 44, {6, 0, 0, 8}, 8, ELKO_DROP_IP_FRAGMENT, 0, 0, 0, 0, 0},
                {"two fragment headers",
                 44,
                 {44, 0, 0, 0, 0, 0, 0, 0, 6},
                 16,
                 ELKO_DROP_IP_FRAGMENT,
                 0,
                 0,
                 0,
                 0,
                 0},
                {"no next header", 60, {59, 0, 1, 4}, 8, ELKO_DROP_NONE, 0, 0, 0, 59, 48},
                {"AH with length 0", 51, {6, 0}, 8, ELKO_DROP_NONE, 0, 0, 0, 51, 40},
                {"next header 59 at once", 59, {0}, 3, ELKO_DROP_NONE, 0, 0, 0, 59, 40},
        };
        struct ek_ip_hdr h;
        uint8_t p[80];

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                size_t n = make_v6(p, t[i].next, t[i].rest, t[i].n);

                if (parse(p, n, &h) != t[i].drop)
                        ek_test_fail(__FILE__, __LINE__, "%s: %s", t[i].what,
                                     elko_drop_name(parse(p, n, &h)));
                CHECK_EQ(h.problem, t[i].problem);
                if (t[i].problem != EK_PROBLEM_NONE) {
                        CHECK_EQ(h.problem_code, t[i].code);
                        CHECK_EQ(h.problem_at, t[i].at);
                }
                if (t[i].drop == ELKO_DROP_NONE) {
                        CHECK_EQ(h.proto, t[i].proto);
                        CHECK_EQ(h.hdr_len, t[i].hdr_len);
                        CHECK_EQ(h.atomic_frag, t[i].next == 44);
                }
        }
}

EK_TEST(v6_chain_bounds)
{
        struct ek_ip_hdr h;
        uint8_t rest[64 * 8], p[40 + sizeof(rest)], big[40 + 520];

        for (unsigned headers = 1; headers <= 64; headers++) {
                memset(rest, 0, sizeof(rest));
                for (unsigned i = 0; i < headers; i++)
                        rest[i * 8] = i + 1 < headers ? 60 : 6;
                size_t n = make_v6(p, 60, rest, headers * 8u);

                CHECK_EQ(parse(p, n, &h), headers <= 8 ? ELKO_DROP_NONE : ELKO_DROP_IP_EXT_HDR);
        }
        for (unsigned units = 60; units <= 64; units++) { /* one header of (units + 1) * 8 bytes */
                memset(big, 0, sizeof(big));
                make_v6(big, 60, NULL, 0);
                ek_put16be(big + 4, 520);
                big[40] = 6;
                big[41] = (uint8_t)units;
                CHECK_EQ(parse(big, sizeof(big), &h),
                         units <= 63 ? ELKO_DROP_NONE : ELKO_DROP_IP_EXT_HDR);
        }
}

/* Random chains of bytes at the end of the heap: whatever comes out, nothing beyond is read. */
EK_TEST(v6_random_chains)
{
        static const uint8_t next[] = {0, 43, 44, 60, 6, 59, 51, 17};
        uint8_t rest[96], p[136];
        struct ek_ip_hdr h;

        for (uint32_t round = 0; round < ek_test_rounds(100000); round++) {
                size_t n = ek_test_below(sizeof(rest) + 1);

                for (size_t i = 0; i < n; i++)
                        rest[i] =
                                i % 8 == 0 ? next[ek_test_below(8)] : (uint8_t)ek_test_magnitude(8);
                make_v6(p, next[ek_test_below(8)], rest, n);
                (void)parse(p, 40 + n, &h);
        }
}

EK_TEST(v6_emit_then_parse)
{
        uint8_t p[64];
        struct ek_ip_hdr h;
        elko_ip src, dst;

        for (int round = 0; round < 20000; round++) {
                for (int i = 0; i < 16; i++) {
                        src.b[i] = (uint8_t)ek_test_rand();
                        dst.b[i] = (uint8_t)ek_test_rand();
                }
                src.b[0] = dst.b[0] = 0x20;
                uint8_t tos = (uint8_t)ek_test_rand(), ttl = (uint8_t)ek_test_rand();

                CHECK_EQ(ek_ipv6_emit(p, &src, &dst, 6, ttl, tos, 24), 40);
                CHECK_EQ(parse(p, 64, &h), ELKO_DROP_NONE);
                CHECK(ek_addr_equal(&h.src, &src) && ek_addr_equal(&h.dst, &dst));
                CHECK_EQ(h.tos, tos);
                CHECK_EQ(h.ttl, ttl);
                CHECK_EQ(h.proto, 6);
                CHECK_EQ(h.payload_len, 24);
        }
}

EK_TEST(v6_emit_clears_the_scope)
{
        uint8_t p[40];
        elko_ip src, dst, clean;

        CHECK(elko_ip_parse("fe80::1", &src));
        CHECK(elko_ip_parse("2001:db8::1", &dst));
        clean = src;
        ek_put16be(src.b + 2, 3);
        ek_ipv6_emit(p, &src, &dst, 6, 64, 0, 0);
        CHECK_MEM_EQ(p + 8, clean.b, 16);
        CHECK_MEM_EQ(p + 24, dst.b, 16);
}

EK_TEST_MAIN();
