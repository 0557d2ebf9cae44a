/* SPDX-License-Identifier: MIT */
/*
 * Reading packets for the monitor.
 *
 * Theory: IPv4 (RFC 791, 3.1) and IPv6 (RFC 8200, 3 and 4) down to TCP (RFC 9293, 3.1 and 3.2) or to an
 * ICMP error that quotes TCP (RFC 792, RFC 4443). Nothing here is shared with the engine's parser: a
 * mistake that writer and reader have in common would never show.
 */
#include <string.h>

#include "monitor_seg.h"

enum { PROTO_TCP = 6, PROTO_ICMP = 1, PROTO_ICMP6 = 58 };

static uint16_t be16(const uint8_t *p)
{
        return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t be32(const uint8_t *p)
{
        return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* The ones' complement sum in the order of memory; it is the same sum with its bytes swapped on a
 * little-endian machine, and all ones in either (RFC 1071, 2 (B)). */
static uint64_t sum_bytes(uint64_t sum, const uint8_t *p, size_t n)
{
        uint32_t w;
        uint16_t h;
        uint8_t last[2] = {0, 0};

        for (; n >= 4; p += 4, n -= 4) {
                memcpy(&w, p, 4);
                sum += w;
        }
        if (n >= 2) {
                memcpy(&h, p, 2);
                sum += h;
                p += 2;
                n -= 2;
        }
        if (n == 1) {
                last[0] = *p;
                memcpy(&h, last, 2);
                sum += h;
        }
        return sum;
}

static bool sum_is_right(uint64_t sum)
{
        while (sum >> 16 != 0)
                sum = (sum & 0xffff) + (sum >> 16);
        return sum == 0xffff;
}

static bool tcp_sum_ok(const struct mon_seg *s, const uint8_t *tcp, uint32_t len)
{
        uint8_t tail[4] = {0, PROTO_TCP, (uint8_t)(len >> 8), (uint8_t)len};
        uint64_t sum;

        /* The mapped prefix of an IPv4 address is no part of its pseudo-header. */
        sum = sum_bytes(0, s->v6 ? s->src.b : s->src.b + 12, s->v6 ? 16 : 4);
        sum = sum_bytes(sum, s->v6 ? s->dst.b : s->dst.b + 12, s->v6 ? 16 : 4);
        sum = sum_bytes(sum, tail, 4);
        return sum_is_right(sum_bytes(sum, tcp, len));
}

/* One of a wrong length is as if it were not there; one before it counts. */
static void one_option(struct mon_seg *s, const uint8_t *p, unsigned len)
{
        const char *bad = "a known option has a wrong length";

        switch (p[0]) {
        case 2:
                if (len == 4) {
                        s->has_mss = true;
                        s->mss = be16(p + 2);
                } else {
                        s->options_wrong = bad;
                }
                break;
        case 3:
                if (len == 3) {
                        s->has_ws = true;
                        s->ws = p[2];
                } else {
                        s->options_wrong = bad;
                }
                break;
        case 4:
                if (len == 2)
                        s->has_sack_ok = true;
                else
                        s->options_wrong = bad;
                break;
        case 5:
                if (len < 10 || len > 34 || (len - 2) % 8 != 0) {
                        s->options_wrong = bad;
                        break;
                }
                s->sacks = (uint8_t)((len - 2) / 8);
                for (unsigned i = 0; i < s->sacks; i++) {
                        s->sack[i].left = be32(p + 2 + 8 * i);
                        s->sack[i].right = be32(p + 6 + 8 * i);
                }
                break;
        case 8:
                if (len == 10) {
                        s->has_ts = true;
                        s->tsval = be32(p + 2);
                        s->tsecr = be32(p + 6);
                } else {
                        s->options_wrong = bad;
                }
                break;
        case 34: s->has_cookie = len > 2; break;
        case 254: s->has_cookie = len > 4 && be16(p + 2) == 0xf989; break; /* RFC 7413, A */
        default: break;
        }
}

static void read_options(struct mon_seg *s, const uint8_t *p, unsigned n)
{
        while (n > 0) {
                unsigned len;

                if (p[0] == 0) {
                        for (; n > 0; p++, n--)
                                if (*p != 0)
                                        s->options_wrong = "padding is not zero";
                        return;
                }
                if (p[0] == 1) {
                        p++;
                        n--;
                        continue;
                }
                len = n >= 2 ? p[1] : 0;
                if (len < 2 || len > n) {
                        s->options_wrong = "an option runs out of the header";
                        return;
                }
                one_option(s, p, len);
                p += len;
                n -= len;
        }
}

static void bad_tcp(struct mon_seg *s, const char *wrong)
{
        s->kind = MON_TCP_BAD;
        s->wrong = wrong;
}

static void read_tcp(struct mon_seg *s, const uint8_t *p, uint32_t len, bool sums)
{
        unsigned header;

        s->kind = MON_TCP;
        if (len < 20) {
                bad_tcp(s, "shorter than a TCP header");
                return;
        }
        s->sport = be16(p);
        s->dport = be16(p + 2);
        header = (p[12] >> 4) * 4u;
        if (header < 20 || header > len) {
                bad_tcp(s, "the data offset is outside of the segment");
                return;
        }
        s->seq = be32(p + 4);
        s->ack = be32(p + 8);
        s->reserved = p[12] & 0x0e; /* the lowest is AE (RFC 9768) */
        s->flags = p[13] & 0x3f;
        s->ecn_flags = (uint8_t)(p[13] >> 6 | (p[12] & 1) << 2);
        s->window = be16(p + 14);
        s->options_len = (uint8_t)(header - 20);
        s->text = p + header;
        s->len = len - header;
        s->sum_ok = !sums || tcp_sum_ok(s, p, len);
        if (header > 20)
                read_options(s, p + 20, header - 20);
}

/* An error that quotes a TCP segment; the quotation holds at least the ports and the sequence number
 * (RFC 792; RFC 4443, 3). */
static void read_icmp(struct mon_seg *s, const uint8_t *p, uint32_t len)
{
        uint32_t header = 40;

        if (len < 8 || (s->v6 ? p[0] >= 128 : p[0] != 3 && p[0] != 4 && p[0] != 11 && p[0] != 12))
                return;
        s->too_big = s->v6 ? p[0] == 2 : p[0] == 3 && p[1] == 4;
        p += 8;
        len -= 8;
        if (s->v6) {
                if (len < 48 || p[0] >> 4 != 6 || p[6] != PROTO_TCP)
                        return;
                memcpy(s->src.b, p + 8, 16);
                memcpy(s->dst.b, p + 24, 16);
        } else {
                header = len > 0 ? (p[0] & 15) * 4u : 0;
                if (header < 20 || len < header + 8 || p[0] >> 4 != 4 || p[9] != PROTO_TCP)
                        return;
                s->src = elko_ip_v4(p[12], p[13], p[14], p[15]);
                s->dst = elko_ip_v4(p[16], p[17], p[18], p[19]);
        }
        s->kind = MON_ICMP_ERROR;
        s->sport = be16(p + header);
        s->dport = be16(p + header + 2);
        s->seq = be32(p + header + 4);
}

static void bad_ip(struct mon_seg *s, const char *wrong)
{
        s->kind = MON_IP_BAD;
        s->wrong = wrong;
}

static void read_v4(struct mon_seg *s, const uint8_t *p, size_t len, bool sums)
{
        uint32_t header = (p[0] & 15) * 4u, total;

        if (len < 20 || header < 20 || header > len) {
                bad_ip(s, "the header length");
                return;
        }
        total = be16(p + 2);
        if (total == 0 && !sums)
                total = (uint32_t)len; /* a super-packet above the offload */
        if (total < header || total > len) {
                bad_ip(s, "the total length");
                return;
        }
        s->ip_len = total;
        s->ecn = p[1] & 3;
        s->src = elko_ip_v4(p[12], p[13], p[14], p[15]);
        s->dst = elko_ip_v4(p[16], p[17], p[18], p[19]);
        if (!sum_is_right(sum_bytes(0, p, header)) && sums)
                bad_ip(s, "the header checksum");
        else if ((be16(p + 6) & 0x3fff) != 0)
                s->kind = p[9] == PROTO_TCP ? MON_FRAGMENT : MON_OTHER;
        else if (p[9] == PROTO_TCP)
                read_tcp(s, p + header, total - header, sums);
        else if (p[9] == PROTO_ICMP)
                read_icmp(s, p + header, total - header);
        if (s->kind == MON_TCP && p[8] == 0)
                s->wrong = "TTL 0";
}

static void read_v6(struct mon_seg *s, const uint8_t *p, size_t len, bool sums)
{
        uint32_t at = 40, end;
        uint8_t next, kind;

        s->v6 = true;
        if (len < 40) {
                bad_ip(s, "shorter than an IPv6 header");
                return;
        }
        end = 40u + be16(p + 4);
        if (end == 40 && !sums)
                end = (uint32_t)len;
        if (end > len) {
                bad_ip(s, "the payload length");
                return;
        }
        s->ip_len = end;
        s->ecn = p[1] >> 4 & 3;
        memcpy(s->src.b, p + 8, 16);
        memcpy(s->dst.b, p + 24, 16);
        for (next = p[6]; next == 0 || next == 43 || next == 44 || next == 60;) {
                if (end - at < 8)
                        return;
                if (next == 44 && (be16(p + at + 2) & 0xfff9) != 0) {
                        s->kind = p[at] == PROTO_TCP ? MON_FRAGMENT : MON_OTHER;
                        return;
                }
                kind = next;
                next = p[at];
                at += kind == 44 ? 8u : p[at + 1] * 8u + 8u;
                if (at > end)
                        return;
        }
        if (next == PROTO_TCP)
                read_tcp(s, p + at, end - at, sums);
        else if (next == PROTO_ICMP6)
                read_icmp(s, p + at, end - at);
        if (s->kind == MON_TCP && p[7] == 0)
                s->wrong = "hop limit 0";
}

void mon_seg_read(struct mon_seg *s, const uint8_t *packet, size_t len, bool sums)
{
        memset(s, 0, sizeof *s);
        s->kind = MON_OTHER;
        if (len == 0)
                bad_ip(s, "empty");
        else if (packet[0] >> 4 == 4)
                read_v4(s, packet, len, sums);
        else if (packet[0] >> 4 == 6)
                read_v6(s, packet, len, sums);
        else
                bad_ip(s, "the version");
}
