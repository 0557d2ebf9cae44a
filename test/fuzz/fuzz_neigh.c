/* SPDX-License-Identifier: MIT */
/*
 * fuzz_neigh (F6): ARP (RFC 826) and neighbour discovery (RFC 4861) while addresses are being resolved.
 *
 * Records: control, length, then the packet behind the Ethernet header. Control: bits 0 and 1 the kind -
 * ARP, neighbour solicitation, advertisement, any; bit 2 made well-formed; bit 3 to our group; bit 4 time
 * passes; bit 5 an address is asked for first, bit 6 of which family; bit 7 another hop limit than 255.
 *
 * Frames that are malformed are not answered; nobody but who asked gets an answer; the table stays within
 * its limit; and an address is believed to be somebody's only if a message said so (RFC 4861, 7.2.5): what
 * ek_neigh_resolve() answers is compared with the addresses that the messages carried.
 */
#include "common/fz_ip.h"

enum { MAX_STEPS = 40 };

/* Questions of others that were good, and have no answer yet: one may wait until we know the asker. */
static unsigned owed;

/* All that was said so far. */
static struct {
        uint32_t n;
        uint8_t p[600];
} said[MAX_STEPS];
static unsigned n_said;

static bool was_said(const uint8_t mac[6])
{
        for (unsigned i = 0; i < n_said; i++)
                for (uint32_t at = 0; at + 6 <= said[i].n; at++)
                        if (memcmp(said[i].p + at, mac, 6) == 0)
                                return true;
        return false;
}

static void on_sent(void *ctx, elko_link link, const struct fz_seg *s)
{
        (void)ctx;
        FZ_REQUIRE(link == FZ_ETHER);
        if (s->proto == 0 && s->packet[7] == 1)
                return; /* our own question */
        if (s->proto == FZ_ICMP6 && s->l4[0] == 135) {
                FZ_REQUIRE(s->ttl == 255);
                return;
        }
        FZ_REQUIRE(s->proto == 0 || (s->l4[0] == 136 && s->ttl == 255 && s->l4_len == 32));
        if (owed == 0)
                fz_fail(__FILE__, __LINE__, "I-29: an answer that nobody asked for");
        owed--;
}

static uint32_t make_arp(uint8_t *p, const uint8_t *data, uint32_t n, uint8_t control)
{
        memcpy(p, data, n);
        if (n < 28 || (control & 4) == 0)
                return n;
        memcpy(p, "\0\1\10\0\6\4\0", 7);
        p[7] = (uint8_t)(1 + (p[7] & 1));
        memcpy(p + 14, "\300\0\2", 3);
        memcpy(p + 24, "\300\0\2\1", 4);
        return n;
}

static uint32_t make_nd(uint8_t *p, const uint8_t *data, uint32_t n, uint8_t control)
{
        struct fz_way way = {.v6 = true};
        uint8_t *m = p + 40;

        memcpy(way.src, "\xfe\x80", 2);
        memcpy(way.dst, "\xfe\x80", 2);
        way.src[15] = n > 0 ? data[0] : 0;
        way.dst[15] = 1;
        if ((control & 8) != 0)
                memcpy(way.dst, "\xff\2\0\0\0\0\0\0\0\0\0\1\xff\0\0\1", 16);
        fz_ip_header(p, &way, FZ_ICMP6, n);
        p[7] = (control & 128) == 0 ? 255 : 64;
        memcpy(m, data, n);
        if (n > 0 && (control & 3) != 3)
                m[0] = (control & 3) == 1 ? 135 : 136;
        if (n >= 24 && (control & 4) != 0) {
                m[1] = 0;
                memset(m + 8, 0, 16);
                memcpy(m + 8, "\xfe\x80", 2);
                m[23] = (control & 3) == 1 ? 1 : data[0];
                for (uint32_t at = 24; at + 8 <= n; at += 8)
                        m[at + 1] = 1; /* options of 8 bytes */
        }
        fz_mend(p, 40 + n);
        return 40 + n;
}

static void ask(struct fz_ip *x, uint8_t control, uint8_t host)
{
        elko_ip v4 = elko_ip_v4(192, 0, 2, host), v6 = {{0xfe, 0x80}};
        uint8_t mac[6] = {0};

        if (host == 255 || host == 0) /* broadcast addresses (RFC 1122, 3.3.6) map to a group's */
                return;
        v6.b[15] = host;
        ek_ip_embed_scope(&v6, FZ_ETHER);
        if (ek_neigh_resolve(&x->ip, FZ_ETHER, (control & 64) != 0 ? &v6 : &v4, x->now, mac,
                             NULL) == EK_NEIGH_READY)
                FZ_REQUIRE((mac[0] & 1) == 0 && was_said(mac));
}

static void one(struct fz_ip *x, uint8_t control, const uint8_t *data, uint32_t n)
{
        static uint8_t frame[14 + 40 + 600];
        uint32_t len;
        struct ek_ip_in in;
        enum ek_ip_verdict verdict;
        bool asks;

        memcpy(frame, (control & 8) != 0 ? "\xff\xff\xff\xff\xff\xff" : "\2\0\0\0\0\1", 6);
        memcpy(frame + 6, "\2\0\0\0\0\7", 6);
        if ((control & 3) == 0) {
                fz_put16(frame + 12, 0x0806);
                len = make_arp(frame + 14, data, n, control);
                asks = len >= 28 && frame[14 + 7] == 1;
        } else {
                fz_put16(frame + 12, 0x86dd);
                len = make_nd(frame + 14, data, n, control);
                asks = n >= 24 && frame[14 + 40] == 135 && frame[14 + 7] == 255;
        }
        said[n_said].n = len;
        memcpy(said[n_said++].p, frame + 14, len);
        verdict = fz_ip_input(x, FZ_ETHER, frame, 14 + len, &in);
        FZ_REQUIRE(verdict == EK_IP_DROPPED || verdict == EK_IP_CONSUMED ||
                   verdict == EK_IP_ICMP_ERROR);
        owed += asks && verdict == EK_IP_CONSUMED;
        if (verdict == EK_IP_CONSUMED && (control & 3) == 3 && n >= 8 && frame[14 + 40] == 128)
                return; /* an echo request is fuzz_icmp's */
        fz_ip_pull(x, on_sent, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct fz_ip *x = fz_ip_reset();

        owed = n_said = 0;
        for (unsigned steps = 0; size >= 2 && steps < MAX_STEPS; steps++) {
                uint8_t control = data[0];
                uint32_t n = data[1];

                data += 2, size -= 2;
                if (n > size)
                        n = (uint32_t)size;
                if ((control & 32) != 0)
                        ask(x, control, n > 0 ? data[0] : 9);
                one(x, control, data, n);
                data += n, size -= n;
                if ((control & 16) != 0) {
                        fz_ip_advance(x, ELKO_MS(700));
                        fz_ip_pull(x, on_sent, NULL);
                }
        }
        return 0;
}

size_t fz_seed(unsigned i, uint8_t *out)
{
        uint64_t rng = i + 31;
        size_t n = 0;

        if (i >= 24)
                return 0;
        for (unsigned k = 0; k < 1 + i / 2; k++) {
                uint8_t control = (uint8_t)(fz_random(&rng) | 4);
                uint8_t len = (control & 3) == 0 ? 28 : 32;

                out[n++] = control;
                out[n++] = len;
                for (unsigned j = 0; j < len; j++)
                        out[n++] = (uint8_t)(j == 0 ? 5 + k % 3 : fz_random(&rng));
        }
        return n;
}
