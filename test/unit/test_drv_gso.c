/* SPDX-License-Identifier: MIT */
/*
 * test_drv_gso.c - bursts that are cut into segments, against a judge that adds up two bytes at a time and knows of
 * each packet only what the RFCs say of packets: the pieces, put together by their numbers, are the burst.
 */
#include <string.h>

#include "test/support/ek_test.h"

#include "drivers/gso.h"

enum { MOST = 65535 + 14, TCP = 6 };

struct burst {
        uint8_t data[MOST];
        struct elko_frame frame;
        enum elko_medium medium;
        uint32_t ip, tcp, payload;
        bool v6;
};

static void put16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

static uint32_t get16(const uint8_t *p)
{
        return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t get32(const uint8_t *p)
{
        return get16(p) << 16 | get16(p + 2);
}

/* RFC 1071, as slowly as it is written there. */
static uint32_t add_up(uint32_t sum, const uint8_t *p, uint32_t n)
{
        for (uint32_t i = 0; i < n; i++)
                sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
        while (sum >> 16 != 0)
                sum = (sum & 0xffff) + (sum >> 16);
        return sum;
}

static uint32_t tcp_sum(const struct burst *b, const uint8_t *p, uint32_t len)
{
        const uint8_t *ip = p + b->ip;
        uint32_t sum = b->v6 ? add_up(0, ip + 8, 32) : add_up(0, ip + 12, 8);

        sum += TCP + (len - b->tcp);
        return add_up(sum, p + b->tcp, len - b->tcp);
}

/* A burst in up to three parts, as the stack makes it: headers, and the two ends of a ring. */
static void make(struct burst *b, uint32_t payload, uint32_t gso_size, uint8_t flags)
{
        uint32_t options = 4 * ek_test_below(11), at, first;
        bool v6 = ek_test_below(2) == 0;

        b->v6 = v6;
        b->medium = ek_test_below(2) == 0 ? ELKO_MEDIUM_IP : ELKO_MEDIUM_ETHERNET;
        b->ip = b->medium == ELKO_MEDIUM_ETHERNET ? 14 : 0;
        b->tcp = b->ip + (v6 ? 40 : 20);
        b->payload = b->tcp + 20 + options;
        for (uint32_t i = 0; i < b->payload + payload; i++)
                b->data[i] = (uint8_t)ek_test_below(256);
        if (v6) {
                b->data[b->ip] = 0x60;
                put16(b->data + b->ip + 4, 20 + options + payload);
                b->data[b->ip + 6] = TCP;
        } else {
                b->data[b->ip] = 0x45;
                put16(b->data + b->ip + 2, 40 + options + payload);
                b->data[b->ip + 9] = TCP;
        }
        b->data[b->tcp + 12] = (uint8_t)((5 + options / 4) << 4);
        b->data[b->tcp + 13] = flags;
        at = b->payload;
        first = ek_test_below(payload + 1);
        b->frame = (struct elko_frame){
                .part = {{b->data, at},
                         {b->data + at, first},
                         {b->data + at + first, payload - first}},
                .parts = 3,
                .len = at + payload,
                .gso_size = (uint16_t)gso_size,
                .csum_start = (uint16_t)b->tcp,
                .csum_offset = 16,
        };
}

static void check_headers(const struct burst *b, const uint8_t *p, uint32_t len, uint32_t i,
                          bool last)
{
        const uint8_t *was = b->data, *ip = p + b->ip;
        uint8_t keep = last ? 0xff : 0xff ^ 0x09;

        CHECK_EQ(memcmp(p, was, b->ip), 0);
        if (b->v6) {
                CHECK_EQ(get16(ip + 4), len - b->tcp);
                CHECK_EQ(memcmp(ip, was + b->ip, 4), 0);
                CHECK_EQ(memcmp(ip + 6, was + b->ip + 6, 34), 0);
        } else {
                CHECK_EQ(get16(ip + 2), len - b->ip);
                CHECK_EQ(get16(ip + 4), (get16(was + b->ip + 4) + i) & 0xffff);
                CHECK_EQ(add_up(0, ip, 20), 0xffff);
                CHECK_EQ(memcmp(ip + 6, was + b->ip + 6, 4), 0);
                CHECK_EQ(memcmp(ip + 12, was + b->ip + 12, 8), 0);
        }
        if (i > 0)
                keep &= 0x7f;
        CHECK_EQ(p[b->tcp + 13], was[b->tcp + 13] & keep);
        CHECK_EQ(memcmp(p + b->tcp, was + b->tcp, 4), 0);
        CHECK_EQ(memcmp(p + b->tcp + 8, was + b->tcp + 8, 5), 0);
        CHECK_EQ(memcmp(p + b->tcp + 14, was + b->tcp + 14, 2), 0);
        CHECK_EQ(memcmp(p + b->tcp + 18, was + b->tcp + 18, b->payload - b->tcp - 18), 0);
        CHECK_EQ(tcp_sum(b, p, len), 0xffff);
}

static void check(const struct burst *b)
{
        uint32_t n = elko_drv_gso_count(&b->frame, b->medium), done = 0;
        uint32_t longest = elko_drv_gso_longest(&b->frame, b->medium);
        uint32_t payload = b->frame.len - b->payload;
        static uint8_t p[MOST];

        CHECK_EQ(n, b->frame.gso_size == 0 || payload == 0
                            ? 1
                            : (payload + b->frame.gso_size - 1) / b->frame.gso_size);
        for (uint32_t i = 0; i < n; i++) {
                uint32_t len = elko_drv_gso_cut(&b->frame, b->medium, i, p);

                CHECK(len >= b->payload && len <= longest);
                CHECK_EQ(get32(p + b->tcp + 4), get32(b->data + b->tcp + 4) + done);
                CHECK_EQ(memcmp(p + b->payload, b->data + b->payload + done, len - b->payload), 0);
                check_headers(b, p, len, i, i + 1 == n);
                if (i + 1 < n)
                        CHECK_EQ(len - b->payload, b->frame.gso_size);
                done += len - b->payload;
        }
        CHECK_EQ(done, payload);
        CHECK_EQ(elko_drv_gso_cut(&b->frame, b->medium, n, p), 0);
}

/* [RFC9293 MUST-2] */
EK_TEST(pieces_are_the_burst)
{
        static struct burst b;

        for (uint32_t i = ek_test_rounds(3000); i > 0; i--) {
                uint32_t payload =
                        ek_test_below(4) == 0 ? ek_test_below(65000) : ek_test_below(4000);

                make(&b, payload, ek_test_below(5) == 0 ? 0 : 1 + ek_test_below(1 + payload / 2),
                     (uint8_t)ek_test_below(256));
                check(&b);
        }
}

/* What is complete passes as it is. */
EK_TEST(a_packet_without_work_is_copied)
{
        static struct burst b;
        static uint8_t p[MOST];

        make(&b, 1000, 0, 0x10);
        b.frame.csum_start = 0;
        CHECK_EQ(elko_drv_gso_count(&b.frame, b.medium), 1);
        CHECK_EQ(elko_drv_gso_cut(&b.frame, b.medium, 0, p), b.frame.len);
        CHECK_EQ(memcmp(p, b.data, b.frame.len), 0);
}

/* Nothing is made of what is no TCP segment. */
EK_TEST(other_frames_are_refused)
{
        static struct burst b;
        static uint8_t p[MOST];

        for (uint32_t i = ek_test_rounds(2000); i > 0; i--) {
                make(&b, 3000, 1000, 0x10);
                switch (ek_test_below(4)) {
                case 0: b.data[b.ip] = (uint8_t)(b.data[b.ip] ^ 0x10); break;
                case 1: b.data[b.ip + (b.v6 ? 6 : 9)] = 17; break;
                case 2: b.data[b.tcp + 12] = (uint8_t)(ek_test_below(5) << 4); break;
                default:
                        b.frame.part[0].len = ek_test_below(b.tcp + 20);
                        b.frame.len = b.frame.part[0].len + 3000;
                }
                CHECK_EQ(elko_drv_gso_count(&b.frame, b.medium), 0);
                CHECK_EQ(elko_drv_gso_cut(&b.frame, b.medium, 0, p), 0);
        }
}

EK_TEST_MAIN();
