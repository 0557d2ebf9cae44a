/* SPDX-License-Identifier: MIT */
/*
 * fuzz_icmp (F5): any ICMP and ICMPv6 messages, several in a row.
 *
 *      RFC 1122, 3.2.2.6; RFC 4443, 4.2    an echo request to us gets the same bytes back, once
 *      RFC 1122, 3.2.2; RFC 4443, 2.4e     an error is never answered by an error
 *      RFC 792; RFC 4443, 3.1              an error about TCP names a connection of our address
 *
 * Records: control, length, then the message. Control: bit 0 family, bit 1 Ethernet, bit 2 to a group or
 * broadcast address, bit 3 checksum left wrong, bit 4 the quote in it is made good, bit 5 time passes,
 * bits 6 and 7 the type: any, echo request, echo reply, error.
 */
#include "common/fz_ip.h"

enum { MAX_STEPS = 24, MESSAGE_MAX = 600 };

/* What the current message may be answered with. */
static struct {
        struct fz_way way;
        const uint8_t *message;
        uint32_t n;
        bool ether, may_answer, echo;
        unsigned answers;
} w;

static void on_sent(void *ctx, elko_link link, const struct fz_seg *s)
{
        (void)ctx;
        (void)link;
        if (s->proto == 0 || (s->proto == FZ_ICMP6 && s->l4[0] >= 133))
                return; /* it asks for the neighbour's address first */
        if (!w.may_answer)
                fz_fail(__FILE__, __LINE__, "I-29: an answer that no RFC allows");
        w.answers++;
        if (!w.echo)
                return;
        FZ_REQUIRE(s->l4[0] == (s->way.v6 ? 129 : 0) && s->l4_len == w.n);
        FZ_REQUIRE(memcmp(s->l4 + 4, w.message + 4, w.n - 4) == 0);
        FZ_REQUIRE(memcmp(s->way.dst, w.way.src, 16) == 0);
}

static void addresses(struct fz_way *way, bool group)
{
        if (way->v6) {
                memcpy(way->src, w.ether ? "\x20\1\x0d\xb8" : "\xfd\0\0\0", 4);
                memcpy(way->dst, way->src, 4);
                if (group)
                        memcpy(way->dst, "\xff\2\0\0", 4);
        } else {
                memcpy(way->src + 12, w.ether ? "\300\0\2\0" : "\12\0\0\0", 4);
                memcpy(way->dst + 12, way->src + 12, 4);
        }
        way->src[15] = 7;
        way->dst[15] = !way->v6 && group ? 255 : 1;
}

/* A quote of a segment from us to the one who sends the error. */
static void make_quote(uint8_t *m, uint32_t n)
{
        struct fz_way ours = {.v6 = w.way.v6};
        uint8_t packet[80];
        uint32_t ip;

        memcpy(ours.src, w.way.dst, 16);
        memcpy(ours.dst, w.way.src, 16);
        ip = fz_ip_header(packet, &ours, FZ_TCP, 20);
        memset(packet + ip, 0x11, 20);
        if (n > 8)
                memcpy(m + 8, packet, n - 8 < ip + 20 ? n - 8 : ip + 20);
}

static void one(struct fz_ip *x, uint8_t control, const uint8_t *data, uint32_t n)
{
        static const uint8_t types4[4] = {0, 8, 0, 3}, types6[4] = {0, 128, 129, 1};
        static uint8_t frame[14 + 40 + MESSAGE_MAX] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 7};
        enum ek_ip_verdict verdict;
        bool group = (control & 4) != 0, wrong = (control & 8) != 0;
        struct ek_ip_in in;
        uint32_t ip;
        uint8_t *m;

        memset(&w, 0, sizeof(w));
        w.way.v6 = (control & 1) != 0;
        w.ether = (control & 2) != 0;
        addresses(&w.way, group);
        ip = fz_ip_header(frame + 14, &w.way, w.way.v6 ? FZ_ICMP6 : FZ_ICMP4, n);
        fz_put16(frame + 12, w.way.v6 ? 0x86dd : 0x0800);
        m = frame + 14 + ip;
        memcpy(m, data, n);
        if (control >> 6 != 0 && n > 0)
                m[0] = w.way.v6 ? types6[control >> 6] : types4[control >> 6];
        if ((control & 16) != 0)
                make_quote(m, n);
        fz_mend(frame + 14, ip + n);
        if (wrong && n >= 4)
                m[3] ^= 1;
        w.message = m;
        w.n = n;
        w.echo = n >= 8 && m[0] == (w.way.v6 ? 128 : 8);
        w.may_answer = w.echo && !group && !wrong && m[1] == 0;
        /* A code that means nothing (RFC 792, RFC 4443: 0) leaves it an echo request. */
        if (w.echo && !group && !wrong)
                w.may_answer = true;
        verdict = w.ether ? fz_ip_input(x, FZ_ETHER, frame, 14 + ip + n, &in)
                          : fz_ip_input(x, FZ_BARE, frame + 14, ip + n, &in);
        FZ_REQUIRE(verdict != EK_IP_TCP);
        FZ_REQUIRE(!wrong || n < 4 || verdict == EK_IP_DROPPED);
        if (verdict == EK_IP_ICMP_ERROR) {
                FZ_REQUIRE(n >= 8 + (w.way.v6 ? 48u : 28u) && !w.echo);
                FZ_REQUIRE(ek_ip_is_local(&x->ip, &in.icmp.local));
        }
        fz_ip_pull(x, on_sent, NULL);
        FZ_REQUIRE(w.answers <= 1);
        /* All but the link's own message of discovery must be answered at once on a bare link. */
        if (w.may_answer && !w.ether && m[1] == 0)
                FZ_REQUIRE(w.answers == 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fz_ip *x = fz_ip_reset();
        struct elko_echo echo;

        for (unsigned steps = 0; size >= 2 && steps < MAX_STEPS; steps++) {
                uint8_t control = data[0];
                uint32_t n = data[1] * 2u;

                data += 2, size -= 2;
                if (n > size)
                        n = (uint32_t)size;
                one(x, control, data, n);
                data += n, size -= n;
                if ((control & 32) != 0)
                        fz_ip_advance(x, ELKO_MS(300));
        }
        while (ek_icmp_echo_next(&x->ip, &echo))
                FZ_REQUIRE(echo.id == 0x4141);
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        const struct fz_bytes list[] = {
                FZ_BYTES(0x40, 6, 0, 0, 0, 0, 1, 2, 0, 1, 9, 9, 9, 9),
                FZ_BYTES(0x41, 6, 0, 0, 0, 0, 1, 2, 0, 1, 9, 9, 9, 9),
                FZ_BYTES(0x42, 4, 0, 0, 0, 0, 1, 2, 0, 1),
                FZ_BYTES(0x43, 4, 0, 0, 0, 0, 1, 2, 0, 1),
                FZ_BYTES(0x80, 4, 0, 0, 0, 0, 0x41, 0x41, 0, 1, 0x81, 4, 0, 0, 0, 0, 0x41, 0x41, 0,
                         1),
                FZ_BYTES(0xd0, 24, 3, 4, 0, 0, 0, 0, 5, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                         1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
                FZ_BYTES(0xd1, 34, 1, 0, 0, 0, 0, 0, 5, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                         1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                         1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1),
                FZ_BYTES(0x11, 28, 2, 0, 0, 0, 0, 0, 5, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                         1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                         1),
                FZ_BYTES(0x44, 4, 8, 0, 0, 0, 1, 2, 3, 4, 0x48, 4, 8, 0, 0, 0, 1, 2, 3, 4),
        };

        return fz_seed_list(list, sizeof(list) / sizeof(list[0]), i, out);
}
