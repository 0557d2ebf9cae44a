/* SPDX-License-Identifier: MIT */
#include "packet.h"

#include <string.h>

#include "sim_rng.h"

/*
 * See packet.h. Offsets are those of RFC 791 3.1, RFC 8200 3 and RFC 9293 3.1; the checksum is RFC 1071's
 * with the pseudo-headers of RFC 9293 3.1 and RFC 8200 8.1.
 */

enum { PROTO_ICMP = 1, PROTO_TCP = 6, PROTO_ICMP6 = 58 };

static uint16_t get16(const uint8_t *p)
{
        return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
        return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static void put16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

/* RFC 1071, (2)(B): the sum of wider words folds to that of 16-bit words, and the sum of turned words is
 * the turned sum. So words of the machine's order are added, and turned once: this is done with every byte
 * of every packet. */
static uint64_t sum_words(const uint8_t *p, size_t words)
{
        uint64_t low = 0, high = 0, sum;

        for (; words > 0; words--, p += 8) {
                uint64_t v;

                memcpy(&v, p, sizeof(v));
                v = SIM_LITTLE(v);
                low += v & 0xffffffff;
                high += v >> 32;
        }
        sum = (low & 0xffffffff) + (low >> 32) + (high & 0xffffffff) + (high >> 32);
        while (sum >> 16 != 0)
                sum = (sum & 0xffff) + (sum >> 16);
        return (sum & 0xff) << 8 | sum >> 8;
}

uint32_t sim_sum(const uint8_t *p, size_t len, uint32_t sum)
{
        uint64_t wide = sum;

        if (len >= 8) {
                wide += sum_words(p, len / 8);
                p += len & ~(size_t)7;
                len &= 7;
        }
        for (; len >= 2; p += 2, len -= 2)
                wide += get16(p);
        if (len == 1)
                wide += (uint32_t)p[0] << 8;
        while (wide >> 16 != 0)
                wide = (wide & 0xffff) + (wide >> 16);
        return (uint32_t)wide;
}

uint16_t sim_transport_sum(const elko_ip *src, const elko_ip *dst, uint8_t proto, const uint8_t *p,
                           size_t len)
{
        bool v4 = elko_ip_is_v4(src);
        uint32_t sum = (uint32_t)proto;

        if (!v4 || proto != PROTO_ICMP) {
                sum += (uint32_t)(len >> 16) + (uint32_t)(len & 0xffff);
                for (unsigned i = v4 ? 12 : 0; i < 16; i += 2)
                        sum += (uint32_t)get16(src->b + i) + get16(dst->b + i);
        } else {
                sum = 0; /* RFC 792: no pseudo-header */
        }
        return (uint16_t)~sim_sum(p, len, sum);
}

size_t sim_ip_begin(uint8_t *out, const elko_ip *src, const elko_ip *dst, uint8_t proto,
                    size_t payload_len)
{
        if (elko_ip_is_v4(src)) {
                memset(out, 0, 20);
                out[0] = 0x45;
                put16(out + 2, (uint32_t)(20 + payload_len));
                out[6] = 0x40;
                out[8] = 64;
                out[9] = proto;
                memcpy(out + 12, src->b + 12, 4);
                memcpy(out + 16, dst->b + 12, 4);
                put16(out + 10, (uint16_t)~sim_sum(out, 20, 0));
                return 20;
        }
        memset(out, 0, 40);
        out[0] = 0x60;
        put16(out + 4, (uint32_t)payload_len);
        out[6] = proto;
        out[7] = 64;
        memcpy(out + 8, src->b, 16);
        memcpy(out + 24, dst->b, 16);
        return 40;
}

/* The IP header; returns its bytes, 0: unusable. *total: IP header and payload. */
static size_t read_ip(const uint8_t *p, size_t len, struct sim_tcp_view *v, uint8_t *proto,
                      size_t *total)
{
        if (len >= 20 && p[0] >> 4 == 4) {
                size_t ihl = (size_t)(p[0] & 15) * 4;

                *total = get16(p + 2);
                if (ihl < 20 || *total < ihl || *total > len || (get16(p + 6) & 0x3fff) != 0)
                        return 0;
                v->v6 = false;
                v->src = elko_ip_v4(p[12], p[13], p[14], p[15]);
                v->dst = elko_ip_v4(p[16], p[17], p[18], p[19]);
                *proto = p[9];
                return ihl;
        }
        if (len < 40 || p[0] >> 4 != 6)
                return 0;
        *total = 40 + (size_t)get16(p + 4);
        if (*total > len)
                return 0;
        v->v6 = true;
        memcpy(v->src.b, p + 8, 16);
        memcpy(v->dst.b, p + 24, 16);
        *proto = p[6];
        return 40;
}

static void read_options(const uint8_t *o, size_t len, struct sim_tcp_view *v)
{
        for (size_t i = 0; i < len && o[i] != 0;) {
                if (o[i] == 1) {
                        i++;
                        continue;
                }
                if (i + 1 >= len || o[i + 1] < 2 || i + o[i + 1] > len)
                        return;
                if (o[i] == 2 && o[i + 1] == 4) {
                        v->has_mss = true;
                        v->mss = get16(o + i + 2);
                } else if (o[i] == 3 && o[i + 1] == 3) {
                        v->has_wscale = true;
                        v->wscale = o[i + 2];
                } else if (o[i] == 8 && o[i + 1] == 10) {
                        v->has_ts = true;
                        v->ts_val = get32(o + i + 2);
                        v->ts_ecr = get32(o + i + 6);
                }
                i += o[i + 1];
        }
}

static bool read_tcp(const uint8_t *t, size_t len, struct sim_tcp_view *v)
{
        if (len < 20 || (size_t)(t[12] >> 4) * 4 < 20 || (size_t)(t[12] >> 4) * 4 > len)
                return false;
        v->header_bytes = (uint16_t)((t[12] >> 4) * 4);
        v->sport = get16(t);
        v->dport = get16(t + 2);
        v->seq = get32(t + 4);
        v->ack = get32(t + 8);
        v->flags = t[13];
        v->wnd = get16(t + 14);
        v->payload = t + v->header_bytes;
        v->len = (uint32_t)(len - v->header_bytes);
        v->has_mss = v->has_ts = v->has_wscale = false;
        read_options(t + 20, v->header_bytes - 20u, v);
        return true;
}

bool sim_tcp_read(const uint8_t *packet, size_t len, struct sim_tcp_view *out)
{
        size_t total, ip;
        uint8_t proto;

        ip = read_ip(packet, len, out, &proto, &total);
        if (ip == 0 || proto != PROTO_TCP)
                return false;
        out->ip_bytes = (uint16_t)ip;
        return read_tcp(packet + ip, total - ip, out);
}

/* Legal options end with EOL or with the header, and what follows EOL is zero (RFC 9293, 3.1). */
static const char *judge_options(const uint8_t *o, size_t len, uint8_t flags)
{
        size_t i = 0;

        while (i < len && o[i] != 0) {
                if (o[i] == 1) {
                        i++;
                        continue;
                }
                if (i + 1 >= len || o[i + 1] < 2 || i + o[i + 1] > len)
                        return "I-39: an option runs past the header";
                if ((o[i] == 2 && (o[i + 1] != 4 || !(flags & SIM_SYN))) ||
                    (o[i] == 3 && (o[i + 1] != 3 || !(flags & SIM_SYN) || o[i + 2] > 14)) ||
                    (o[i] == 4 && (o[i + 1] != 2 || !(flags & SIM_SYN))) ||
                    (o[i] == 5 && (o[i + 1] < 10 || o[i + 1] > 34 || (o[i + 1] - 2) % 8 != 0 ||
                                   flags & SIM_SYN)) ||
                    (o[i] == 8 && o[i + 1] != 10))
                        return "I-39: an option of wrong length, or where it may not be";
                i += o[i + 1];
        }
        for (; i < len; i++)
                if (o[i] != 0)
                        return "I-39: padding is not zero";
        return NULL;
}

static const char *judge_tcp(const uint8_t *t, size_t len, struct sim_tcp_view *v)
{
        if (!read_tcp(t, len, v))
                return "I-39: TCP header";
        if ((t[12] & 0x0e) != 0)
                return "I-39: reserved bits are not zero";
        if (v->sport == 0 || v->dport == 0)
                return "I-39: port 0";
        if (((v->flags & SIM_URG) != 0) != (get16(t + 18) != 0))
                return "I-40: URG without a pointer, or a pointer without URG";
        if ((v->flags & SIM_URG) && (v->flags & (SIM_SYN | SIM_RST)))
                return "I-40: URG on SYN or RST";
        if ((v->flags & SIM_SYN) && (v->flags & (SIM_FIN | SIM_RST)))
                return "I-40: SYN with FIN or RST";
        if (!(v->flags & (SIM_ACK | SIM_SYN | SIM_RST)))
                return "I-40: no ACK bit";
        if ((v->flags & SIM_RST) && v->len != 0)
                return "I-31: RST with data";
        if (sim_transport_sum(&v->src, &v->dst, PROTO_TCP, t, len) != 0)
                return "I-39: TCP checksum";
        return judge_options(t + 20, v->header_bytes - 20u, v->flags);
}

const char *sim_packet_judge(const uint8_t *p, size_t len, struct sim_tcp_view *tcp, bool *is_tcp)
{
        size_t total, ip;
        uint8_t proto;

        *is_tcp = false;
        ip = read_ip(p, len, tcp, &proto, &total);
        if (ip == 0)
                return "I-39: IP header, or a fragment";
        if (total != len)
                return "I-39: IP length";
        tcp->ip_bytes = (uint16_t)ip;
        if (!tcp->v6 && sim_sum(p, ip, 0) != 0xffff)
                return "I-39: IP checksum";
        if (!tcp->v6 && (p[6] & 0x80))
                return "I-39: reserved bit of the IP header";
        if (p[tcp->v6 ? 7 : 8] == 0)
                return "I-39: time to live 0";
        if (proto == PROTO_TCP) {
                *is_tcp = true;
                return judge_tcp(p + ip, len - ip, tcp);
        }
        if (proto != (tcp->v6 ? PROTO_ICMP6 : PROTO_ICMP))
                return "I-39: protocol";
        if (len - ip < 8 || sim_transport_sum(&tcp->src, &tcp->dst, proto, p + ip, len - ip) != 0)
                return "I-39: ICMP checksum";
        return NULL;
}

void sim_packet_repair(uint8_t *p, size_t len)
{
        struct sim_tcp_view v;
        size_t total, ip, at;
        uint8_t proto;

        ip = read_ip(p, len, &v, &proto, &total);
        if (ip == 0)
                return;
        if (!v.v6) {
                put16(p + 10, 0);
                put16(p + 10, (uint16_t)~sim_sum(p, ip, 0));
        }
        at = ip + (proto == PROTO_TCP ? 16u : 2u);
        if (total < at + 2)
                return;
        put16(p + at, 0);
        put16(p + at, sim_transport_sum(&v.src, &v.dst, proto, p + ip, total - ip));
}

bool sim_packet_is_whole(const uint8_t *p, size_t len)
{
        struct sim_tcp_view v;
        size_t total, ip;
        uint8_t proto;

        ip = read_ip(p, len, &v, &proto, &total);
        if (ip == 0 || (!v.v6 && sim_sum(p, ip, 0) != 0xffff))
                return false;
        if (proto != PROTO_TCP && proto != PROTO_ICMP && proto != PROTO_ICMP6)
                return false;
        return sim_transport_sum(&v.src, &v.dst, proto, p + ip, total - ip) == 0;
}
