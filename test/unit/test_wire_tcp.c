/*
 * TCP headers and options: RELIABILITY A1-4 to A1-12 by tables, all short option lists exhaustively,
 * round trips at random. Options stand at the very end of a heap buffer (AddressSanitizer).
 */
#include "wire/tcp_hdr.h"

#include "wire/csum.h"

#include "../support/ek_test.h"

static uint8_t *tight(const void *p, size_t n)
{
        uint8_t *copy = malloc(n > 0 ? n : 1);

        if (n > 0)
                memcpy(copy, p, n);
        return copy;
}

static struct ek_tcp_opts options(const void *p, uint32_t n)
{
        uint8_t *copy = tight(p, n);
        struct ek_tcp_opts o;

        memset(&o, 0x5a, sizeof(o));
        ek_tcp_opts_parse(copy, n, &o);
        free(copy);
        return o;
}

/* ---- headers ---- */

EK_TEST(short_segments)
{
        struct ek_tcp_hdr h;
        uint8_t p[20] = {0};

        p[12] = 0x50;
        for (uint32_t n = 0; n < 20; n++) {
                uint8_t *copy = tight(p, n);

                CHECK_EQ(ek_tcp_parse(copy, n, &h), ELKO_DROP_TCP_SHORT);
                free(copy);
        }
        CHECK_EQ(ek_tcp_parse(p, 20, &h), ELKO_DROP_NONE);
        CHECK_EQ(h.data_len, 0);
}

EK_TEST(data_offsets)
{
        struct ek_tcp_hdr h;
        uint8_t p[64] = {0};

        for (uint32_t len = 20; len <= 64; len++) {
                for (unsigned offset = 0; offset < 16; offset++) {
                        p[12] = (uint8_t)(offset << 4);
                        uint8_t *copy = tight(p, len);
                        enum elko_drop drop = ek_tcp_parse(copy, len, &h);

                        CHECK_EQ(drop, offset < 5 || offset * 4 > len ? ELKO_DROP_TCP_DATA_OFFSET
                                                                      : ELKO_DROP_NONE);
                        if (drop == ELKO_DROP_NONE) {
                                CHECK_EQ(h.hdr_len, offset * 4);
                                CHECK_EQ(h.data_len, len - offset * 4);
                                CHECK(h.data == copy + offset * 4);
                        }
                        free(copy);
                }
        }
}

EK_TEST(fields)
{
        static const uint8_t p[] = {0x12, 0x34, 0x00, 0x50, 1,    2,    3, 4, 5,    6,
                                    7,    8,    0x5f, 0xff, 0xab, 0xcd, 0, 0, 0x11, 0x22};
        struct ek_tcp_hdr h;

        CHECK_EQ(ek_tcp_parse(p, 20, &h), ELKO_DROP_NONE);
        CHECK_EQ(h.src_port, 0x1234);
        CHECK_EQ(h.dst_port, 80);
        CHECK_EQ(h.seq, 0x01020304);
        CHECK_EQ(h.ack, 0x05060708);
        CHECK_EQ(h.flags, 0x1ff); /* the reserved bits are not flags */
        CHECK_EQ(h.wnd, 0xabcd);
        CHECK_EQ(h.urg, 0x1122);
        CHECK_EQ(h.opt.present, 0);
}

EK_TEST(checksum)
{
        elko_ip a4 = elko_ip_v4(10, 0, 0, 1), b4 = elko_ip_v4(10, 0, 0, 2), a6, b6;
        uint8_t p[101];

        CHECK(elko_ip_parse("fe80::1", &a6));
        CHECK(elko_ip_parse("2001:db8::2", &b6));
        for (uint32_t len = 20; len <= sizeof(p); len++) {
                for (int v6 = 0; v6 < 2; v6++) {
                        const elko_ip *a = v6 ? &a6 : &a4, *b = v6 ? &b6 : &b4;
                        uint64_t acc = ek_csum_pseudo(a, b, 6, len);

                        for (uint32_t i = 0; i < len; i++)
                                p[i] = (uint8_t)ek_test_rand();
                        ek_put16be(p + 16, 0);
                        ek_put16be(p + 16, ek_csum_fold(ek_csum_add(acc, p, len)));
                        CHECK(ek_tcp_csum_ok(a, b, p, len));
                        uint32_t at = ek_test_below(len);

                        p[at] ^= (uint8_t)(1u << ek_test_below(8));
                        CHECK(!ek_tcp_csum_ok(a, b, p, len));
                }
        }
}

/* ---- options ---- */

struct opt_case {
        const char *what;
        uint8_t bytes[40];
        uint32_t n;
        uint32_t present;
        bool malformed;
};

/* [RFC9293 MUST-68] */
EK_TEST(option_lists)
{
        static const struct opt_case t[] = {
                {"none", {0}, 0, 0, false},
                {"EOL and garbage", {0, 2, 4, 5}, 4, 0, false},
                {"NOPs", {1, 1, 1, 1}, 4, 0, false},
                /* A1-6 */
                {"unknown, length 0", {0x40, 0, 0, 0}, 4, 0, true},
                {"TS, length 0", {8, 0, 0, 0}, 4, 0, true},
                {"MSS, length 0", {2, 0, 0, 0}, 4, 0, true},
                {"SACK, length 1", {5, 1, 0, 0}, 4, 0, true},
                {"kind 254, length 0", {254, 0, 0, 0}, 4, 0, true},
                {"what came before counts", {2, 4, 5, 0xb4, 3, 0, 0, 0}, 8, ELKO_OPT_MSS, true},
                {"what comes after doesn't", {3, 0, 2, 4, 5, 0xb4, 0, 0}, 8, 0, true},
                /* A1-7 */
                {"kind at the end", {1, 1, 1, 2}, 4, 0, true},
                {"kind and length at the end", {1, 1, 2, 4}, 4, 0, true},
                {"half an MSS", {1, 2, 4, 5}, 4, 0, true},
                {"short TS", {1, 8, 10, 0}, 4, 0, true},
                {"SACK beyond the end", {1, 1, 5, 0x22}, 4, 0, true},
                {"wscale at the end", {1, 1, 1, 3}, 4, 0, true},
                /* A1-8 */
                {"MSS, length 2", {2, 2, 1, 1}, 4, 0, false},
                {"MSS, length 3", {2, 3, 0, 1}, 4, 0, false},
                {"MSS, length 5", {2, 5, 0, 1, 1, 1, 1, 1}, 8, 0, false},
                {"MSS, length 40", {2, 40}, 40, 0, false},
                {"wscale, length 2", {3, 2, 1, 1}, 4, 0, false},
                {"wscale, length 4", {3, 4, 7, 7}, 4, 0, false},
                {"TS, length 2", {8, 2, 1, 1}, 4, 0, false},
                {"TS, length 8", {8, 8}, 8, 0, false},
                {"TS, length 9", {8, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, 12, 0, false},
                {"TS, length 11", {8, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 12, 0, false},
                {"SACK-permitted, length 3", {4, 3, 0, 1}, 4, 0, false},
                {"SACK, length 2", {5, 2, 1, 1}, 4, 0, false},
                {"SACK, length 3", {5, 3, 0, 1}, 4, 0, false},
                {"SACK, length 9", {5, 9, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1}, 12, 0, false},
                {"SACK, length 11", {5, 11}, 12, 0, false},
                {"SACK, length 19", {5, 19}, 20, 0, false},
                {"SACK, length 27", {5, 27}, 28, 0, false},
                {"SACK, length 35", {5, 35}, 36, 0, false},
                {"SACK, length 42 in 40", {5, 42}, 40, 0, true},
                {"SACK, 4 blocks", {5, 34}, 36, ELKO_OPT_SACK, false},
                {"bad SACK, good MSS", {5, 3, 9, 2, 4, 5, 0xb4, 1}, 8, ELKO_OPT_MSS, false},
                /* A1-9, A1-11 */
                {"MSS 0", {2, 4, 0, 0}, 4, 0, false},
                {"MSS 1", {2, 4, 0, 1}, 4, ELKO_OPT_MSS, false},
                /* the known kinds */
                {"SACK-permitted", {4, 2, 1, 1}, 4, ELKO_OPT_SACK_PERMITTED, false},
                {"user timeout", {28, 4, 0x80, 5}, 4, ELKO_OPT_USER_TIMEOUT, false},
                {"user timeout, length 5", {28, 5, 0, 0, 0, 1, 1, 1}, 8, 0, false},
                {"MD5", {19, 18, [18] = 1, 1}, 20, ELKO_OPT_MD5, false},
                {"MD5, length 17", {19, 17, [17] = 1, 1, 1}, 20, 0, false},
                {"AO", {29, 16}, 16, ELKO_OPT_AO, false},
                {"MPTCP", {30, 12}, 12, ELKO_OPT_MPTCP, false},
                {"TFO request", {34, 2, 1, 1}, 4, ELKO_OPT_FASTOPEN, false},
                {"TFO cookie", {34, 10, [10] = 1, 1}, 12, ELKO_OPT_FASTOPEN, false},
                {"TFO, odd cookie", {34, 7, [7] = 1}, 8, 0, false},
                {"experimental TFO", {254, 4, 0xf9, 0x89}, 4, ELKO_OPT_FASTOPEN, false},
                {"experiment", {254, 4, 1, 2}, 4, ELKO_OPT_UNKNOWN, false},
                {"experiment without magic", {1, 1, 254, 2}, 4, ELKO_OPT_UNKNOWN, false},
                {"unknown", {77, 4, 1, 2}, 4, ELKO_OPT_UNKNOWN, false},
                {"mTCP's division by zero", {0, 1, 1, 1}, 4, 0, false},
        };

        for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
                struct ek_tcp_opts o = options(t[i].bytes, t[i].n);

                if (o.present != t[i].present || o.malformed != t[i].malformed)
                        ek_test_fail(__FILE__, __LINE__, "%s: present %x, malformed %d", t[i].what,
                                     o.present, o.malformed);
        }
}

EK_TEST(option_values)
{
        static const uint8_t syn[] = {2, 4, 0x05, 0xb4, 4, 2, 8, 10, 1, 2,
                                      3, 4, 5,    6,    7, 8, 1, 3,  3, 7};
        static const uint8_t sack[] = {5, 18,   0,    0,    0,    1, 0, 0, 0,
                                       2, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0};
        struct ek_tcp_opts o = options(syn, sizeof(syn));

        CHECK_EQ(o.present,
                 ELKO_OPT_MSS | ELKO_OPT_SACK_PERMITTED | ELKO_OPT_TIMESTAMPS | ELKO_OPT_WSCALE);
        CHECK_EQ(o.mss, 1460);
        CHECK_EQ(o.wscale, 7);
        CHECK_EQ(o.ts_val, 0x01020304);
        CHECK_EQ(o.ts_ecr, 0x05060708);
        o = options(sack, sizeof(sack));
        CHECK_EQ(o.sack_count, 2);
        CHECK_EQ(o.sack[0].left, 1);
        CHECK_EQ(o.sack[0].right, 2);
        CHECK_EQ(o.sack[1].left, 0xfffffffe);
        CHECK_EQ(o.sack[1].right, 0);
}

/* [RFC7323 2.3f] */
EK_TEST(wscale_is_clamped)
{
        for (unsigned v = 0; v < 256; v++) {
                uint8_t p[] = {3, 3, (uint8_t)v, 1};

                CHECK_EQ(options(p, 4).wscale, v > 14 ? 14 : v);
        }
}

/* A1-12: the last one counts. */
EK_TEST(duplicates)
{
        static const uint8_t two_ts[] = {8, 10, 0, 0, 0, 1, 0, 0, 0, 2,
                                         8, 10, 0, 0, 0, 3, 0, 0, 0, 4};
        static const uint8_t two_mss[] = {2, 4, 1, 0, 2, 4, 2, 0};
        static const uint8_t mss_then_zero[] = {2, 4, 1, 0, 2, 4, 0, 0};
        static const uint8_t two_sack[] = {5, 18, 0, 0, 0, 1,  0, 0, 0, 2, 0, 0, 0, 3,
                                           0, 0,  0, 4, 5, 10, 0, 0, 0, 5, 0, 0, 0, 6};
        struct ek_tcp_opts o = options(two_ts, sizeof(two_ts));

        CHECK_EQ(o.ts_val, 3);
        CHECK_EQ(o.ts_ecr, 4);
        CHECK_EQ(options(two_mss, 8).mss, 0x200);
        CHECK_EQ(options(mss_then_zero, 8).mss, 0x100);
        o = options(two_sack, sizeof(two_sack));
        CHECK_EQ(o.sack_count, 1);
        CHECK_EQ(o.sack[0].left, 5);
}

/* The fast path and the walk agree. */
EK_TEST(timestamps_alone)
{
        uint8_t p[16] = {1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 1, 1, 1, 1};
        struct ek_tcp_opts fast = options(p, 12), slow = options(p, 16);

        CHECK_MEM_EQ(&fast, &slow, sizeof(fast));
        CHECK_EQ(fast.present, ELKO_OPT_TIMESTAMPS);
        p[0] = 0; /* EOL: not the fast path's pattern */
        CHECK_EQ(options(p, 12).present, 0);
}

/* A second parser, written as differently as possible: one option at a time by recursion-free
 * scanning for what must be malformed. */
static bool model_malformed(const uint8_t *p, uint32_t n)
{
        uint32_t i = 0;

        for (;;) {
                if (i == n || p[i] == 0)
                        return false;
                if (p[i] == 1)
                        i += 1;
                else if (i + 1 == n)
                        return true;
                else if (p[i + 1] <= 1 || i + p[i + 1] > n)
                        return true;
                else
                        i += p[i + 1];
        }
}

/* [RFC9293 MUST-7] */
EK_TEST(all_lists_of_six_bytes)
{
        static const uint8_t v[] = {0, 1, 2, 3, 4, 5, 8, 10};
        uint8_t *p[7];

        for (uint32_t n = 0; n <= 6; n++)
                p[n] = malloc(n > 0 ? n : 1);
        for (uint32_t n = 0; n <= 6; n++) {
                for (uint32_t code = 0; code < 1u << (3 * n); code++) {
                        struct ek_tcp_opts o;

                        for (uint32_t i = 0; i < n; i++)
                                p[n][i] = v[code >> (3 * i) & 7];
                        ek_tcp_opts_parse(p[n], n, &o);
                        CHECK_EQ(o.malformed, model_malformed(p[n], n));
                        CHECK(!(o.present & ELKO_OPT_MSS) == (o.mss == 0));
                        CHECK((o.present & ~(uint32_t)0x7ff) == 0);
                        CHECK(o.wscale <= 14 && o.sack_count <= 4);
                }
        }
        for (uint32_t n = 0; n <= 6; n++)
                free(p[n]);
}

EK_TEST(random_lists)
{
        static const uint8_t kinds[] = {0, 1, 2, 3, 4, 5, 8, 19, 28, 29, 30, 34, 254, 100};
        uint8_t p[40];

        for (uint32_t round = 0; round < ek_test_rounds(200000); round++) {
                uint32_t n = ek_test_below(41);

                for (uint32_t i = 0; i < n; i++)
                        p[i] = ek_test_below(2) ? kinds[ek_test_below(sizeof(kinds))]
                                                : (uint8_t)ek_test_magnitude(6);
                struct ek_tcp_opts o = options(p, n);

                CHECK_EQ(o.malformed, model_malformed(p, n));
        }
}

/* ---- emit ---- */

EK_TEST(syn_options_as_linux_orders_them)
{
        static const uint8_t with_ts[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 0, 0,
                                          0, 9, 0, 0,    0, 0, 1, 3,  3, 7};
        static const uint8_t without_ts[] = {2, 4, 5, 0xb4, 1, 1, 4, 2, 1, 3, 3, 7};
        static const uint8_t ts_only[] = {2, 4, 5, 0xb4, 1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 0};
        struct ek_tcp_opts o = {.present = ELKO_OPT_MSS | ELKO_OPT_SACK_PERMITTED |
                                           ELKO_OPT_TIMESTAMPS | ELKO_OPT_WSCALE,
                                .mss = 1460,
                                .wscale = 7,
                                .ts_val = 9};
        uint8_t p[40];

        CHECK_EQ(ek_tcp_opts_emit(p, &o), sizeof(with_ts));
        CHECK_MEM_EQ(p, with_ts, sizeof(with_ts));
        o.present &= ~(uint32_t)ELKO_OPT_TIMESTAMPS;
        CHECK_EQ(ek_tcp_opts_emit(p, &o), sizeof(without_ts));
        CHECK_MEM_EQ(p, without_ts, sizeof(without_ts));
        o.present = ELKO_OPT_MSS | ELKO_OPT_TIMESTAMPS;
        CHECK_EQ(ek_tcp_opts_emit(p, &o), sizeof(ts_only));
        CHECK_MEM_EQ(p, ts_only, sizeof(ts_only));
}

EK_TEST(syn_options_as_bsd_orders_them)
{
        static const uint8_t with_ts[] = {2, 4,  5, 0xb4, 1, 3, 3, 6, 4, 2,
                                          8, 10, 0, 0,    0, 9, 0, 0, 0, 0};
        static const uint8_t without_ts[] = {2, 4, 5, 0xb4, 1, 3, 3, 6, 4, 2, 0, 0};
        static const uint8_t sack_only[] = {2, 4, 5, 0xb4, 4, 2, 0, 0};
        struct ek_tcp_opts o = {.present = ELKO_OPT_MSS | ELKO_OPT_SACK_PERMITTED |
                                           ELKO_OPT_TIMESTAMPS | ELKO_OPT_WSCALE,
                                .scale_first = true,
                                .mss = 1460,
                                .wscale = 6,
                                .ts_val = 9};
        uint8_t p[40];

        CHECK_EQ(ek_tcp_opts_emit(p, &o), sizeof(with_ts));
        CHECK_MEM_EQ(p, with_ts, sizeof(with_ts));
        o.present &= ~(uint32_t)ELKO_OPT_TIMESTAMPS;
        CHECK_EQ(ek_tcp_opts_emit(p, &o), sizeof(without_ts));
        CHECK_MEM_EQ(p, without_ts, sizeof(without_ts));
        o.present = ELKO_OPT_MSS | ELKO_OPT_SACK_PERMITTED;
        CHECK_EQ(ek_tcp_opts_emit(p, &o), sizeof(sack_only));
        CHECK_MEM_EQ(p, sack_only, sizeof(sack_only));
        /* Nothing may follow the end of the list. */
        o.present |= ELKO_OPT_USER_TIMEOUT;
        CHECK_EQ(options(p, ek_tcp_opts_emit(p, &o)).present, o.present);
}

EK_TEST(data_options)
{
        static const uint8_t ts[] = {1, 1, 8, 10, 0, 0, 0, 9, 0, 0, 0, 8};
        struct ek_tcp_opts o = {.present = ELKO_OPT_TIMESTAMPS | ELKO_OPT_SACK,
                                .ts_val = 9,
                                .ts_ecr = 8,
                                .sack_count = 4,
                                .sack = {{1, 2}, {3, 4}, {5, 6}, {7, 8}}};
        uint8_t p[40];

        CHECK_EQ(ek_tcp_opts_emit(p, &o), 40); /* 3 blocks beside a timestamp (RFC 2018, 3) */
        CHECK_MEM_EQ(p, ts, 12);
        CHECK_EQ(options(p, 40).sack_count, 3);
        o.present = ELKO_OPT_SACK;
        CHECK_EQ(ek_tcp_opts_emit(p, &o), 36);
        CHECK_EQ(options(p, 36).sack_count, 4);
        o.present = ELKO_OPT_TIMESTAMPS;
        CHECK_EQ(ek_tcp_opts_emit(p, &o), 12);
        o.present = ELKO_OPT_SACK;
        o.sack_count = 0;
        CHECK_EQ(ek_tcp_opts_emit(p, &o), 0);
}

static struct ek_tcp_opts random_opts(void)
{
        struct ek_tcp_opts o;

        memset(&o, 0, sizeof(o));
        o.present = (uint32_t)ek_test_rand() & 0x3f;
        if (o.present & ELKO_OPT_MSS)
                o.mss = (uint16_t)(1 + ek_test_below(65535));
        if (o.present & ELKO_OPT_WSCALE)
                o.wscale = (uint8_t)ek_test_below(15);
        if (o.present & ELKO_OPT_USER_TIMEOUT)
                o.user_timeout = (uint16_t)ek_test_rand();
        if (o.present & ELKO_OPT_TIMESTAMPS) {
                o.ts_val = (uint32_t)ek_test_rand();
                o.ts_ecr = (uint32_t)ek_test_rand();
        }
        if (o.present & ELKO_OPT_SACK) {
                o.sack_count = (uint8_t)(1 + ek_test_below(4));
                for (int i = 0; i < o.sack_count; i++) {
                        o.sack[i].left = (uint32_t)ek_test_rand();
                        o.sack[i].right = (uint32_t)ek_test_rand();
                }
        }
        return o;
}

EK_TEST(emit_then_parse)
{
        for (uint32_t round = 0; round < ek_test_rounds(100000); round++) {
                struct ek_tcp_hdr h = {.src_port = (uint16_t)ek_test_rand(),
                                       .dst_port = (uint16_t)ek_test_rand(),
                                       .seq = (uint32_t)ek_test_rand(),
                                       .ack = (uint32_t)ek_test_rand(),
                                       .flags = (uint16_t)(ek_test_rand() & 0x1ff),
                                       .wnd = (uint16_t)ek_test_rand(),
                                       .urg = (uint16_t)ek_test_rand(),
                                       .opt = random_opts()},
                                  back;
                uint8_t *p = malloc(20 + ek_tcp_opts_len(&h.opt));
                uint32_t n = ek_tcp_emit(p, &h);

                CHECK_EQ(n, 20 + ek_tcp_opts_len(&h.opt));
                CHECK_EQ(ek_tcp_parse(p, n, &back), ELKO_DROP_NONE);
                CHECK_EQ(ek_get16be(p + 16), 0);
                CHECK_EQ(back.src_port, h.src_port);
                CHECK_EQ(back.dst_port, h.dst_port);
                CHECK_EQ(back.seq, h.seq);
                CHECK_EQ(back.ack, h.ack);
                CHECK_EQ(back.flags, h.flags);
                CHECK_EQ(back.wnd, h.wnd);
                CHECK_EQ(back.urg, h.urg);
                CHECK_EQ(back.hdr_len, n);
                CHECK_EQ(back.data_len, 0);
                if (back.opt.sack_count < h.opt.sack_count) { /* not all blocks fit */
                        CHECK(n + 8 > 60);
                        memset(&h.opt.sack[back.opt.sack_count], 0,
                               sizeof(h.opt.sack[0]) * (4u - back.opt.sack_count));
                        h.opt.sack_count = back.opt.sack_count;
                }
                CHECK_MEM_EQ(&back.opt, &h.opt, sizeof(h.opt));
                free(p);
        }
}

/* MUST-69: whatever follows End of List, if there is one, is zeros; without one the list fills its words.
 * [RFC9293 MUST-69] */
EK_TEST(zeros_behind_the_end)
{
        uint32_t ends = 0;

        for (uint32_t round = 0; round < 10000; round++) {
                struct ek_tcp_opts o = random_opts();
                uint8_t p[EK_TCP_OPT_MAX_BYTES];
                uint32_t n, at = 0;

                o.scale_first = ek_test_below(2) != 0;
                memset(p, 0xee, sizeof(p));
                n = ek_tcp_opts_emit(p, &o);
                CHECK_EQ(n % 4, 0);
                while (at < n && p[at] != EK_TCP_OPT_EOL)
                        at += p[at] == EK_TCP_OPT_NOP ? 1u : p[at + 1];
                CHECK(at <= n);
                ends += at < n;
                while (at < n)
                        CHECK_EQ(p[at++], 0);
        }
        CHECK(ends > 0);
}

EK_TEST_MAIN();
