/* SPDX-License-Identifier: MIT */
/*
 * Packets of the simulated network: checksums, parser, builder.
 *
 * The Internet checksum is the one's complement of the one's complement sum of 16-bit words (RFC 1071);
 * TCP and ICMPv6 add a pseudo-header (RFC 9293, 3.1; RFC 8200, 8.1; RFC 4443, 2.3). The sum is kept in
 * 64 bits and folded at the end, which is the same sum because 2^16 is 1 modulo 2^16 - 1.
 *
 * IPv6 is understood without extension headers only: nothing in the simulated network sends any but
 * attackers, who write theirs as raw bytes.
 */
#include "pkt.h"
#include "packet.h"

#include <string.h>

/* ------------------------------------------------------------------- bytes */

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

static void put32(uint8_t *p, uint32_t v)
{
        put16(p, v >> 16);
        put16(p + 2, v);
}

/* --------------------------------------------------------------- checksums */

static uint64_t sum_bytes(uint64_t sum, const uint8_t *p, size_t n)
{
        return sum + sim_sum(p, n, 0);
}

static uint16_t fold(uint64_t sum)
{
        while (sum >> 16 != 0)
                sum = (sum & 0xffff) + (sum >> 16);
        return (uint16_t)~sum;
}

/* The pseudo-header's part of a sum, for the IP packet that begins at `ip`. */
static uint64_t sum_pseudo(const uint8_t *ip, uint8_t protocol, size_t len)
{
        bool v6 = ip[0] >> 4 == 6;
        uint64_t sum = sum_bytes(0, ip + (v6 ? 8 : 12), v6 ? 32 : 8);

        return sum + len + protocol;
}

static size_t checksum_field(uint8_t protocol)
{
        return protocol == PKT_TCP ? 16 : 2;
}

/* The checksum of the transport part at ip + off, its own field included as it stands: 0 when right. */
static uint16_t transport_sum(const uint8_t *ip, size_t off, size_t n, uint8_t protocol)
{
        uint64_t sum = protocol == PKT_ICMP4 ? 0 : sum_pseudo(ip, protocol, n - off);

        return fold(sum_bytes(sum, ip + off, n - off));
}

/* Header and total length of the IP packet in packet[0..n-1]; false: they are not within it. */
static bool ip_lengths(const uint8_t *packet, size_t n, size_t *header, size_t *total)
{
        if (n >= PKT_IP4_HEADER && packet[0] >> 4 == 4) {
                *header = (packet[0] & 15u) * 4u;
                *total = get16(packet + 2);
        } else if (n >= PKT_IP6_HEADER && packet[0] >> 4 == 6) {
                *header = PKT_IP6_HEADER;
                *total = PKT_IP6_HEADER + (size_t)get16(packet + 4);
        } else {
                return false;
        }
        return *header >= PKT_IP4_HEADER && *header <= *total && *total <= n;
}

size_t pkt_transport_offset(const uint8_t *packet, size_t n, uint8_t *protocol)
{
        size_t header, total;

        if (!ip_lengths(packet, n, &header, &total))
                return 0;
        *protocol = packet[0] >> 4 == 4 ? packet[9] : packet[6];
        return header;
}

size_t pkt_quoted(const uint8_t *quoted, size_t n, elko_ip *src, elko_ip *dst, uint8_t *protocol)
{
        size_t header;

        if (n < PKT_IP4_HEADER)
                return 0;
        if (quoted[0] >> 4 == 4) {
                header = (quoted[0] & 15u) * 4u;
                *protocol = quoted[9];
                *src = elko_ip_v4(quoted[12], quoted[13], quoted[14], quoted[15]);
                *dst = elko_ip_v4(quoted[16], quoted[17], quoted[18], quoted[19]);
                return header >= PKT_IP4_HEADER && n >= header + 8 ? header : 0;
        }
        if (quoted[0] >> 4 != 6 || n < PKT_IP6_HEADER + 8)
                return 0;
        *protocol = quoted[6];
        memcpy(src->b, quoted + 8, 16);
        memcpy(dst->b, quoted + 24, 16);
        return PKT_IP6_HEADER;
}

void pkt_fix_checksums(uint8_t *packet, size_t n)
{
        size_t header, total, field;
        uint8_t protocol;

        if (!ip_lengths(packet, n, &header, &total))
                return;
        if (packet[0] >> 4 == 4) {
                put16(packet + 10, 0);
                put16(packet + 10, fold(sum_bytes(0, packet, header)));
                protocol = packet[9];
                if ((get16(packet + 6) & 0x3fff) != 0) /* a fragment has only a part of it */
                        return;
        } else {
                protocol = packet[6];
        }
        if (protocol != PKT_TCP && protocol != PKT_ICMP4 && protocol != PKT_ICMP6)
                return;
        field = header + checksum_field(protocol);
        if (total < field + 2)
                return;
        put16(packet + field, 0);
        put16(packet + field, transport_sum(packet, header, total, protocol));
}

/* ----------------------------------------------------------------- parsing */

static bool parse_addresses(struct pkt *out, const uint8_t *p)
{
        if (p[0] >> 4 == 4) {
                out->src.ip = elko_ip_v4(p[12], p[13], p[14], p[15]);
                out->dst.ip = elko_ip_v4(p[16], p[17], p[18], p[19]);
                out->ttl = p[8];
                return p[9] == PKT_TCP && (get16(p + 6) & 0x3fff) == 0;
        }
        memcpy(out->src.ip.b, p + 8, 16);
        memcpy(out->dst.ip.b, p + 24, 16);
        out->ttl = p[7];
        return p[6] == PKT_TCP;
}

static void parse_sack(struct pkt *out, const uint8_t *o, size_t len)
{
        if (len < 10 || (len - 2) % 8 != 0)
                return;
        out->options |= ELKO_OPT_SACK;
        out->sack_count = (uint8_t)((len - 2) / 8);
        for (size_t i = 0; i < out->sack_count; i++) {
                out->sack[i].left = get32(o + 2 + 8 * i);
                out->sack[i].right = get32(o + 6 + 8 * i);
        }
}

/* One option of `len` bytes, kind and length byte included. A wrong length makes it an unknown one. */
static void parse_option(struct pkt *out, const uint8_t *o, size_t len)
{
        if (o[0] == 2 && len == 4) {
                out->options |= ELKO_OPT_MSS;
                out->mss = get16(o + 2);
        } else if (o[0] == 3 && len == 3) {
                out->options |= ELKO_OPT_WSCALE;
                out->wscale = o[2];
        } else if (o[0] == 4 && len == 2) {
                out->options |= ELKO_OPT_SACK_PERMITTED;
        } else if (o[0] == 5) {
                parse_sack(out, o, len);
        } else if (o[0] == 8 && len == 10) {
                out->options |= ELKO_OPT_TIMESTAMPS;
                out->ts_val = get32(o + 2);
                out->ts_ecr = get32(o + 6);
        } else {
                out->options |= ELKO_OPT_UNKNOWN;
        }
}

static void parse_options(struct pkt *out)
{
        const uint8_t *o = out->raw;
        size_t n = out->raw_len;

        while (n > 0 && o[0] != 0) {
                size_t len = 1;

                if (o[0] != 1) {
                        if (n < 2 || o[1] < 2 || o[1] > n)
                                return;
                        len = o[1];
                        parse_option(out, o, len);
                }
                o += len;
                n -= len;
        }
}

bool pkt_parse_any(struct pkt *out, const uint8_t *packet, size_t n)
{
        size_t header, total, doff;
        const uint8_t *t;

        memset(out, 0, sizeof(*out));
        if (!ip_lengths(packet, n, &header, &total) || !parse_addresses(out, packet) ||
            total < header + PKT_TCP_HEADER)
                return false;
        if (packet[0] >> 4 == 4 && fold(sum_bytes(0, packet, header)) != 0)
                return false;
        t = packet + header;
        doff = (size_t)(t[12] >> 4) * 4;
        if (doff < PKT_TCP_HEADER || doff > total - header)
                return false;
        out->src.port = get16(t);
        out->dst.port = get16(t + 2);
        out->seq = get32(t + 4);
        out->ack = get32(t + 8);
        out->flags = get16(t + 12) & 0x1ff;
        out->window = get16(t + 14);
        out->urgent = get16(t + 18);
        out->raw_len = (uint8_t)(doff - PKT_TCP_HEADER);
        memcpy(out->raw, t + PKT_TCP_HEADER, out->raw_len);
        out->payload = t + doff;
        out->len = (uint32_t)(total - header - doff);
        parse_options(out);
        return true;
}

bool pkt_parse(struct pkt *out, const uint8_t *packet, size_t n)
{
        size_t header, total;

        return pkt_parse_any(out, packet, n) && ip_lengths(packet, n, &header, &total) &&
               transport_sum(packet, header, total, PKT_TCP) == 0;
}

uint32_t pkt_seg_len(const struct pkt *p)
{
        return p->len + ((p->flags & ELKO_SYN) != 0) + ((p->flags & ELKO_FIN) != 0);
}

/* ---------------------------------------------------------------- building */

/* An IP header for `len` bytes of `protocol`; its length, 0: no room or families that differ. */
static size_t build_ip(const elko_ip *from, const elko_ip *to, uint8_t protocol, uint8_t ttl,
                       size_t len, uint8_t *buf, size_t room)
{
        bool v4 = elko_ip_is_v4(from);
        size_t header = v4 ? PKT_IP4_HEADER : PKT_IP6_HEADER;

        if (v4 != elko_ip_is_v4(to) || room < header || room - header < len || header + len > 65535)
                return 0;
        memset(buf, 0, header);
        if (v4) {
                buf[0] = 0x45;
                put16(buf + 2, (uint32_t)(header + len));
                put16(buf + 6, 0x4000); /* don't fragment */
                buf[8] = ttl;
                buf[9] = protocol;
                memcpy(buf + 12, from->b + 12, 4);
                memcpy(buf + 16, to->b + 12, 4);
                put16(buf + 10, fold(sum_bytes(0, buf, header)));
        } else {
                buf[0] = 0x60;
                put16(buf + 4, (uint32_t)len);
                buf[6] = protocol;
                buf[7] = ttl;
                memcpy(buf + 8, from->b, 16);
                memcpy(buf + 24, to->b, 16);
        }
        return header;
}

size_t pkt_ip(const elko_ip *from, const elko_ip *to, uint8_t protocol, const void *payload,
              size_t len, uint8_t *buf, size_t room)
{
        size_t header = build_ip(from, to, protocol, 64, len, buf, room);

        if (header == 0)
                return 0;
        memmove(buf + header, payload, len);
        return header + len;
}

/* The options as fields, NOPs before those that are wanted on even words; returns their length. */
static size_t build_options(const struct pkt *p, uint8_t *o)
{
        size_t n = 0;

        if (p->raw_only)
                return 0;
        if (p->options & ELKO_OPT_MSS) {
                o[0] = 2;
                o[1] = 4;
                put16(o + 2, p->mss);
                n = 4;
        }
        if (p->options & ELKO_OPT_WSCALE) {
                o[n] = 1;
                o[n + 1] = 3;
                o[n + 2] = 3;
                o[n + 3] = p->wscale;
                n += 4;
        }
        if (p->options & ELKO_OPT_SACK_PERMITTED) {
                o[n] = 4;
                o[n + 1] = 2;
                n += 2;
                if (!(p->options & ELKO_OPT_TIMESTAMPS)) {
                        o[n] = o[n + 1] = 1;
                        n += 2;
                }
        } else if (p->options & ELKO_OPT_TIMESTAMPS) {
                o[n] = o[n + 1] = 1;
                n += 2;
        }
        if (p->options & ELKO_OPT_TIMESTAMPS) {
                o[n] = 8;
                o[n + 1] = 10;
                put32(o + n + 2, p->ts_val);
                put32(o + n + 6, p->ts_ecr);
                n += 10;
        }
        if ((p->options & ELKO_OPT_SACK) && p->sack_count > 0) {
                o[n] = o[n + 1] = 1;
                o[n + 2] = 5;
                o[n + 3] = (uint8_t)(2 + 8 * p->sack_count);
                n += 4;
                for (size_t i = 0; i < p->sack_count; i++, n += 8) {
                        put32(o + n, p->sack[i].left);
                        put32(o + n + 4, p->sack[i].right);
                }
        }
        return n;
}

size_t pkt_build(const struct pkt *p, uint8_t *buf, size_t room)
{
        uint8_t options[80];
        size_t opt = build_options(p, options), tcp, ip;
        uint8_t *t;

        if (opt + p->raw_len > PKT_OPTIONS_MAX)
                return 0;
        memcpy(options + opt, p->raw, p->raw_len);
        opt += p->raw_len;
        while (opt % 4 != 0) /* end of option list, then zeros (RFC 9293, 3.1) */
                options[opt++] = 0;
        tcp = PKT_TCP_HEADER + opt;
        ip = build_ip(&p->src.ip, &p->dst.ip, PKT_TCP, p->ttl == 0 ? 64 : p->ttl, tcp + p->len, buf,
                      room);
        if (ip == 0)
                return 0;
        t = buf + ip;
        put16(t, p->src.port);
        put16(t + 2, p->dst.port);
        put32(t + 4, p->seq);
        put32(t + 8, p->ack);
        put16(t + 12, (uint32_t)(tcp / 4) << 12 | (p->flags & 0x1ffu));
        put16(t + 14, p->window);
        put16(t + 16, 0);
        put16(t + 18, p->urgent);
        memcpy(t + PKT_TCP_HEADER, options, opt);
        if (p->len > 0)
                memmove(t + tcp, p->payload, p->len);
        put16(t + 16, transport_sum(buf, ip, ip + tcp + p->len, PKT_TCP));
        return ip + tcp + p->len;
}

size_t pkt_icmp_error(const elko_ip *from, const elko_ip *to, uint8_t type, uint8_t code,
                      uint32_t word, const uint8_t *quoted, size_t quoted_len, uint8_t *buf,
                      size_t room)
{
        bool v4 = elko_ip_is_v4(from);
        size_t most = v4 ? 576 - PKT_IP4_HEADER - 8 : 1280 - PKT_IP6_HEADER - 8, header;
        uint8_t *m;

        if (quoted_len > most)
                quoted_len = most;
        header = build_ip(from, to, v4 ? PKT_ICMP4 : PKT_ICMP6, 64, 8 + quoted_len, buf, room);
        if (header == 0)
                return 0;
        m = buf + header;
        m[0] = type;
        m[1] = code;
        put16(m + 2, 0);
        put32(m + 4, word);
        memmove(m + 8, quoted, quoted_len);
        put16(m + 2,
              transport_sum(buf, header, header + 8 + quoted_len, v4 ? PKT_ICMP4 : PKT_ICMP6));
        return header + 8 + quoted_len;
}
