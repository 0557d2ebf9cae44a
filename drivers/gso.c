/* SPDX-License-Identifier: MIT */
/*
 * Segmentation of a burst, as network devices and the Linux kernel do it (virtio 1.2, 5.1.6.2: VIRTIO_NET_HDR_GSO_*).
 *
 * Each packet repeats the headers. Its length, its sequence number and the identification of IPv4 (RFC 6864: any, if
 * the datagram is atomic; one more each time, as everybody does it) are its own. FIN and PSH stand for the end of the
 * data and are kept by the last packet only; CWR answers a mark once, with the first (RFC 3168, 6.1.2). All other
 * fields, options included, are equal. The checksums are made here: IPv4's over its header, TCP's over the
 * pseudo-header (RFC 9293, 3.1) and all that follows.
 */

#include <string.h>

#include "drivers/gso.h"

enum {
        ETHERNET_BYTES = 14,
        IPV4_BYTES = 20,
        IPV6_BYTES = 40,
        TCP_BYTES = 20,
        TCP_SEQ = 4,
        TCP_OFFSET = 12,
        TCP_FLAGS = 13,
        TCP_CSUM = 16,
        FIN = 0x01,
        PSH = 0x08,
        CWR = 0x80,
        PROTO_TCP = 6,
};

/* Where things are in the frame's first part. */
struct layout {
        uint32_t ip, tcp, payload; /* offsets */
        bool v6;
};

static uint32_t get16(const uint8_t *p)
{
        return (uint32_t)p[0] << 8 | p[1];
}

static void put16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

static bool find_headers(const struct elko_frame *f, enum elko_medium medium, struct layout *l)
{
        const uint8_t *p = f->part[0].data;
        uint32_t len = f->part[0].len;

        l->ip = medium == ELKO_MEDIUM_ETHERNET ? ETHERNET_BYTES : 0;
        if (f->parts == 0 || len < l->ip + IPV4_BYTES)
                return false;
        l->v6 = p[l->ip] >> 4 == 6;
        if (l->v6) {
                l->tcp = l->ip + IPV6_BYTES;
                if (len < l->tcp || p[l->ip + 6] != PROTO_TCP)
                        return false;
        } else {
                l->tcp = l->ip + (uint32_t)(p[l->ip] & 15) * 4;
                if (p[l->ip] >> 4 != 4 || l->tcp < l->ip + IPV4_BYTES || p[l->ip + 9] != PROTO_TCP)
                        return false;
        }
        if (len < l->tcp + TCP_BYTES)
                return false;
        l->payload = l->tcp + (uint32_t)(p[l->tcp + TCP_OFFSET] >> 4) * 4;
        return l->payload >= l->tcp + TCP_BYTES && l->payload <= len;
}

uint32_t elko_drv_gso_count(const struct elko_frame *f, enum elko_medium medium)
{
        struct layout l;

        if (f->gso_size == 0 && f->csum_start == 0)
                return 1;
        if (!find_headers(f, medium, &l) || f->len < l.payload)
                return 0;
        if (f->gso_size == 0 || f->len - l.payload <= f->gso_size)
                return 1;
        return (f->len - l.payload + f->gso_size - 1) / f->gso_size;
}

uint32_t elko_drv_gso_longest(const struct elko_frame *f, enum elko_medium medium)
{
        struct layout l;

        if (elko_drv_gso_count(f, medium) <= 1 || !find_headers(f, medium, &l))
                return f->len;
        return l.payload + f->gso_size;
}

/* Bytes [from, from + n) of the frame. */
static void copy(const struct elko_frame *f, uint32_t from, uint32_t n, uint8_t *to)
{
        for (uint32_t i = 0; i < f->parts && n > 0; i++) {
                uint32_t len = f->part[i].len, take;

                if (from >= len) {
                        from -= len;
                        continue;
                }
                take = len - from < n ? len - from : n;
                memcpy(to, f->part[i].data + from, take);
                to += take;
                n -= take;
                from = 0;
        }
}

/* RFC 1071: the sum does not care about byte order as long as all of it is done in one. */
static uint64_t sum(uint64_t acc, const uint8_t *p, uint32_t n)
{
        for (; n >= 4; p += 4, n -= 4) {
                uint32_t word;

                memcpy(&word, p, 4);
                acc += word;
        }
        if (n > 0) {
                uint8_t rest[4] = {0};
                uint32_t word;

                memcpy(rest, p, n);
                memcpy(&word, rest, 4);
                acc += word;
        }
        return acc;
}

static void put_checksum(uint8_t *p, uint64_t acc)
{
        uint16_t c;

        while (acc >> 16 != 0)
                acc = (acc & 0xffff) + (acc >> 16);
        c = (uint16_t)~acc;
        memcpy(p, &c, 2);
}

static void fix_ip(uint8_t *packet, const struct layout *l, uint32_t len, uint32_t i)
{
        uint8_t *ip = packet + l->ip;

        if (l->v6) {
                put16(ip + 4, len - l->tcp);
                return;
        }
        put16(ip + 2, len - l->ip);
        put16(ip + 4, get16(ip + 4) + i);
        put16(ip + 10, 0);
        put_checksum(ip + 10, sum(0, ip, l->tcp - l->ip));
}

static void fix_tcp(uint8_t *packet, const struct layout *l, uint32_t len, uint32_t i, uint32_t off,
                    bool last)
{
        uint8_t *ip = packet + l->ip, *tcp = packet + l->tcp;
        uint32_t seq = (get16(tcp + TCP_SEQ) << 16 | get16(tcp + TCP_SEQ + 2)) + off;
        uint8_t pseudo[8] = {0};
        uint64_t acc;

        put16(tcp + TCP_SEQ, seq >> 16);
        put16(tcp + TCP_SEQ + 2, seq & 0xffff);
        if (!last)
                tcp[TCP_FLAGS] &= (uint8_t) ~(FIN | PSH);
        if (i > 0)
                tcp[TCP_FLAGS] &= (uint8_t)~CWR;
        put16(tcp + TCP_CSUM, 0);
        acc = l->v6 ? sum(0, ip + 8, 32) : sum(0, ip + 12, 8);
        put16(pseudo + 2, len - l->tcp);
        pseudo[7] = PROTO_TCP;
        acc = sum(acc, pseudo, sizeof(pseudo));
        put_checksum(tcp + TCP_CSUM, sum(acc, tcp, len - l->tcp));
}

uint32_t elko_drv_gso_cut(const struct elko_frame *f, enum elko_medium medium, uint32_t i,
                          uint8_t *to)
{
        uint32_t count = elko_drv_gso_count(f, medium), off, n;
        struct layout l;

        if (i >= count)
                return 0;
        if (f->gso_size == 0 && f->csum_start == 0) {
                copy(f, 0, f->len, to);
                return f->len;
        }
        if (!find_headers(f, medium, &l))
                return 0;
        off = i * f->gso_size;
        n = f->len - l.payload - off;
        if (i + 1 < count)
                n = f->gso_size;
        copy(f, 0, l.payload, to);
        copy(f, l.payload + off, n, to + l.payload);
        fix_ip(to, &l, l.payload + n, i);
        fix_tcp(to, &l, l.payload + n, i, off, i + 1 == count);
        return l.payload + n;
}
