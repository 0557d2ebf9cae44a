/* SPDX-License-Identifier: MIT */
/*
 * fz_wire.c - the independent view of packets. Slow and obvious.
 */
#include "fz_wire.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

uint16_t fz_get16(const uint8_t *p)
{
        return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t fz_get32(const uint8_t *p)
{
        return (uint32_t)fz_get16(p) << 16 | fz_get16(p + 2);
}

void fz_put16(uint8_t *p, uint16_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

void fz_put32(uint8_t *p, uint32_t v)
{
        fz_put16(p, (uint16_t)(v >> 16));
        fz_put16(p + 2, (uint16_t)v);
}

static uint64_t sum(uint64_t acc, const uint8_t *p, size_t n)
{
        for (size_t i = 0; i + 1 < n; i += 2)
                acc += fz_get16(p + i);
        if ((n & 1) != 0)
                acc += (uint64_t)p[n - 1] << 8;
        return acc;
}

static uint16_t fold(uint64_t acc)
{
        while (acc >> 16 != 0)
                acc = (acc & 0xffff) + (acc >> 16);
        return (uint16_t)~acc;
}

uint16_t fz_csum(const uint8_t *p, size_t n)
{
        return fold(sum(0, p, n));
}

uint16_t fz_csum_way(const struct fz_way *way, uint8_t proto, const uint8_t *p, size_t n)
{
        unsigned skip = way->v6 ? 0 : 12;
        uint64_t acc = proto + (n >> 16) + (n & 0xffff);

        acc = sum(acc, way->src + skip, 16 - skip);
        acc = sum(acc, way->dst + skip, 16 - skip);
        return fold(sum(acc, p, n));
}

uint32_t fz_ip_header(uint8_t *out, const struct fz_way *way, uint8_t proto, uint32_t l4_len)
{
        if (way->v6) {
                memset(out, 0, 8);
                out[0] = 0x60;
                fz_put16(out + 4, (uint16_t)l4_len);
                out[6] = proto;
                out[7] = 64;
                memcpy(out + 8, way->src, 16);
                memcpy(out + 24, way->dst, 16);
                return 40;
        }
        memset(out, 0, 20);
        out[0] = 0x45;
        fz_put16(out + 2, (uint16_t)(20 + l4_len));
        out[6] = 0x40;
        out[8] = 64;
        out[9] = proto;
        memcpy(out + 12, way->src + 12, 4);
        memcpy(out + 16, way->dst + 12, 4);
        fz_put16(out + 10, fz_csum(out, 20));
        return 20;
}

uint32_t fz_tcp_options(uint8_t *out, const struct fz_seg *s)
{
        uint32_t n = 0;

        if (s->has_mss) {
                out[n] = 2, out[n + 1] = 4;
                fz_put16(out + n + 2, s->mss);
                n += 4;
        }
        if (s->sack_ok)
                out[n] = 4, out[n + 1] = 2, n += 2;
        if (s->has_ts) {
                out[n] = 8, out[n + 1] = 10;
                fz_put32(out + n + 2, s->ts_val);
                fz_put32(out + n + 6, s->ts_ecr);
                n += 10;
        }
        if (s->has_ws)
                out[n] = 3, out[n + 1] = 3, out[n + 2] = s->ws, n += 3;
        if (s->sacks > 0 && n + 2 + s->sacks * 8u <= 40) {
                out[n] = 5, out[n + 1] = (uint8_t)(2 + s->sacks * 8);
                for (unsigned i = 0; i < s->sacks * 2u; i++)
                        fz_put32(out + n + 2 + 4 * i, s->sack[i]);
                n += 2 + s->sacks * 8u;
        }
        return n;
}

uint32_t fz_tcp_build(uint8_t *out, const struct fz_seg *s, const uint8_t *opts, uint32_t opts_len,
                      const uint8_t *payload, uint32_t len)
{
        uint32_t padded = (opts_len + 3) & ~3u, hdr = 20 + padded;
        uint32_t ip = fz_ip_header(out, &s->way, FZ_TCP, hdr + len);
        uint8_t *t = out + ip;

        fz_put16(t, s->sport);
        fz_put16(t + 2, s->dport);
        fz_put32(t + 4, s->seq);
        fz_put32(t + 8, s->ack);
        t[12] = (uint8_t)(hdr / 4 << 4 | (s->flags >> 8 & 1));
        t[13] = (uint8_t)s->flags;
        fz_put16(t + 14, s->wnd);
        fz_put16(t + 16, 0);
        fz_put16(t + 18, s->urg);
        if (opts_len > 0)
                memcpy(t + 20, opts, opts_len);
        memset(t + 20 + opts_len, 1, padded - opts_len);
        if (len > 0)
                memcpy(t + hdr, payload, len);
        fz_put16(t + 16, fz_csum_way(&s->way, FZ_TCP, t, hdr + len));
        return ip + hdr + len;
}

/* ---- mending ---- */

static void mend_l4(const struct fz_way *way, uint8_t proto, uint8_t *t, uint32_t n)
{
        uint32_t at = proto == FZ_TCP ? 16 : proto == FZ_UDP ? 6 : 2;

        if ((proto != FZ_TCP && proto != FZ_UDP && proto != FZ_ICMP4 && proto != FZ_ICMP6) ||
            n < at + 2)
                return;
        fz_put16(t + at, 0);
        fz_put16(t + at, proto == FZ_ICMP4 ? fz_csum(t, n) : fz_csum_way(way, proto, t, n));
}

void fz_mend(uint8_t *packet, uint32_t len)
{
        struct fz_way way = {.v6 = len > 0 && packet[0] >> 4 == 6};
        uint32_t hdr, total;

        if (way.v6) {
                if (len < 40)
                        return;
                memcpy(way.src, packet + 8, 16);
                memcpy(way.dst, packet + 24, 16);
                total = fz_get16(packet + 4);
                mend_l4(&way, packet[6], packet + 40, total < len - 40 ? total : len - 40);
                return;
        }
        hdr = len >= 20 ? (packet[0] & 15u) * 4 : 0;
        if (hdr < 20 || hdr > len)
                return;
        memcpy(way.src + 12, packet + 12, 4);
        memcpy(way.dst + 12, packet + 16, 4);
        total = fz_get16(packet + 2);
        total = total < len ? total : len;
        if (total > hdr)
                mend_l4(&way, packet[9], packet + hdr, total - hdr);
        fz_put16(packet + 10, 0);
        fz_put16(packet + 10, fz_csum(packet, hdr));
}

/* ---- judging ---- */

static const char *read_ipv4(const uint8_t *p, uint32_t n, struct fz_seg *out)
{
        if (n < 20 || p[0] != 0x45)
                return "sent: IPv4 header";
        if (fz_get16(p + 2) != n)
                return "sent: IPv4 total length";
        if (fz_csum(p, 20) != 0)
                return "sent: IPv4 header checksum";
        if (fz_get16(p + 6) != 0x4000 || fz_get16(p + 4) != 0)
                return "sent: not an atomic datagram with ID 0 (RFC 6864, 4.1)";
        memcpy(out->way.src + 12, p + 12, 4);
        memcpy(out->way.dst + 12, p + 16, 4);
        out->proto = p[9];
        out->ttl = p[8];
        out->tos = p[1];
        out->l4 = p + 20;
        out->l4_len = n - 20;
        return NULL;
}

static const char *read_ipv6(const uint8_t *p, uint32_t n, struct fz_seg *out)
{
        if (n < 40)
                return "sent: IPv6 header";
        if (fz_get16(p + 4) + 40u != n)
                return "sent: IPv6 payload length";
        out->way.v6 = true;
        memcpy(out->way.src, p + 8, 16);
        memcpy(out->way.dst, p + 24, 16);
        out->proto = p[6];
        out->ttl = p[7];
        out->tos = (uint8_t)(p[0] << 4 | p[1] >> 4);
        out->l4 = p + 40;
        out->l4_len = n - 40;
        return NULL;
}

static const char *read_option(const uint8_t *p, struct fz_seg *out)
{
        switch (p[0] << 8 | p[1]) {
        case 0x0204:
                if (out->has_mss)
                        return "sent: MSS twice";
                out->has_mss = true;
                out->mss = fz_get16(p + 2);
                return out->mss == 0 ? "sent: MSS 0" : NULL;
        case 0x0303:
                out->has_ws = true;
                out->ws = p[2];
                return out->ws > 14 ? "sent: window scale above 14" : NULL;
        case 0x0402: out->sack_ok = true; return NULL;
        case 0x050a:
        case 0x0512:
        case 0x051a:
        case 0x0522:
                out->sacks = (uint8_t)((p[1] - 2) / 8);
                for (unsigned i = 0; i < out->sacks * 2u; i++)
                        out->sack[i] = fz_get32(p + 2 + 4 * i);
                for (unsigned i = 0; i < out->sacks; i++)
                        if ((int32_t)(out->sack[2 * i + 1] - out->sack[2 * i]) <= 0)
                                return "sent: an empty SACK block";
                return NULL;
        case 0x080a:
                if (out->has_ts)
                        return "sent: timestamps twice";
                out->has_ts = true;
                out->ts_val = fz_get32(p + 2);
                out->ts_ecr = fz_get32(p + 6);
                return NULL;
        default: return "sent: an option that we don't know, or its length";
        }
}

static const char *read_options(const uint8_t *p, uint32_t n, struct fz_seg *out)
{
        const char *bad;

        for (uint32_t i = 0; i < n; i += p[i + 1]) {
                while (i < n && p[i] == 1)
                        i++;
                if (i == n)
                        return NULL;
                if (p[i] == 0)
                        return "sent: an end of options, though NOPs pad";
                if (n - i < 2 || p[i + 1] < 2 || p[i + 1] > n - i)
                        return "sent: an option's length";
                bad = read_option(p + i, out);
                if (bad != NULL)
                        return bad;
        }
        return NULL;
}

/* I-40, and RFC 9293, 3.5.2 for resets. */
static const char *judge_flags(const struct fz_seg *s)
{
        bool syn = (s->flags & FZ_SYN) != 0, rst = (s->flags & FZ_RST) != 0;
        bool fin = (s->flags & FZ_FIN) != 0, ack = (s->flags & FZ_ACK) != 0;

        if (syn + rst + fin > 1)
                return "sent: more than one of SYN, RST and FIN";
        if (!ack && !syn && !rst)
                return "sent: no ACK bit on a segment of a connection";
        if (!ack && s->ack != 0)
                return "sent: an acknowledgement number without ACK bit";
        if (((s->flags & FZ_URG) != 0) != (s->urg != 0) ||
            ((s->flags & FZ_URG) != 0 && (syn || rst)))
                return "sent: URG without a pointer, or with SYN or RST, or a pointer without URG";
        if ((rst || syn) && s->len > 0)
                return "sent: payload on RST or SYN";
        if (!syn && (s->has_mss || s->has_ws || s->sack_ok))
                return "sent: an option of SYN on another segment";
        if (syn && s->sacks > 0)
                return "sent: SACK on SYN";
        if (rst && s->wnd != 0)
                return "sent: a window on RST";
        return NULL;
}

static const char *read_tcp(struct fz_seg *s)
{
        const uint8_t *t = s->l4;
        uint32_t hdr;
        const char *bad;

        if (s->l4_len < 20)
                return "sent: shorter than a TCP header";
        hdr = (uint32_t)(t[12] >> 4) * 4;
        if (hdr < 20 || hdr > s->l4_len)
                return "sent: data offset";
        if (fz_csum_way(&s->way, FZ_TCP, t, s->l4_len) != 0)
                return "sent: TCP checksum";
        if ((t[12] & 0x0e) != 0)
                return "sent: reserved bits";
        s->sport = fz_get16(t);
        s->dport = fz_get16(t + 2);
        s->seq = fz_get32(t + 4);
        s->ack = fz_get32(t + 8);
        s->flags = (uint16_t)((t[12] & 1) << 8 | t[13]);
        s->wnd = fz_get16(t + 14);
        s->urg = fz_get16(t + 18);
        s->data = t + hdr;
        s->len = s->l4_len - hdr;
        bad = read_options(t + 20, hdr - 20, s);
        return bad != NULL ? bad : judge_flags(s);
}

const char *fz_wire_read(const struct elko_frame *f, uint32_t mtu, struct fz_seg *out)
{
        static uint8_t buf[FZ_PACKET_MAX];
        const char *bad;
        uint32_t n = 0;

        *out = (struct fz_seg){.packet = buf};
        if (f->parts < 1 || f->parts > ELKO_FRAME_PARTS || f->len > mtu || f->gso_size != 0 ||
            f->csum_start != 0)
                return "sent: a frame of impossible form";
        for (uint32_t i = 0; i < f->parts; i++) {
                if (f->part[i].len == 0 || n + f->part[i].len > f->len)
                        return "sent: the parts of a frame";
                memcpy(buf + n, f->part[i].data, f->part[i].len);
                n += f->part[i].len;
        }
        if (n != f->len || n == 0)
                return "sent: the length of a frame";
        out->packet_len = n;
        bad = buf[0] >> 4 == 6 ? read_ipv6(buf, n, out) : read_ipv4(buf, n, out);
        if (bad != NULL)
                return bad;
        if (out->proto == FZ_TCP)
                return read_tcp(out);
        if (out->proto == (out->way.v6 ? FZ_ICMP6 : FZ_ICMP4)) {
                if (out->l4_len < 8)
                        return "sent: a short ICMP message";
                if ((out->way.v6 ? fz_csum_way(&out->way, FZ_ICMP6, out->l4, out->l4_len)
                                 : fz_csum(out->l4, out->l4_len)) != 0)
                        return "sent: ICMP checksum";
                return NULL;
        }
        return "sent: a protocol that we don't speak";
}

/* ---- printing ---- */

static bool is_tracing(void)
{
        static int on = -1;

        if (on < 0)
                on = getenv("FUZZ_TRACE") != NULL;
        return on == 1;
}

void fz_trace_text(uint64_t now, const char *fmt, ...)
{
        va_list ap;

        if (!is_tracing())
                return;
        fprintf(stderr, "%12.6f ", (double)now / 1e9);
        va_start(ap, fmt);
        vfprintf(stderr, fmt, ap);
        va_end(ap);
        fputc('\n', stderr);
}

void fz_trace_seg(uint64_t now, char direction, const struct fz_seg *s)
{
        char opts[200];
        int n = 0;

        if (!is_tracing())
                return;
        opts[0] = '\0';
        if (s->has_mss)
                n += snprintf(opts + n, sizeof(opts) - (size_t)n, " mss %u", s->mss);
        if (s->has_ws)
                n += snprintf(opts + n, sizeof(opts) - (size_t)n, " ws %u", s->ws);
        if (s->sack_ok)
                n += snprintf(opts + n, sizeof(opts) - (size_t)n, " sackOK");
        if (s->has_ts)
                n += snprintf(opts + n, sizeof(opts) - (size_t)n, " TS %u %u", s->ts_val,
                              s->ts_ecr);
        for (unsigned i = 0; i < s->sacks; i++)
                n += snprintf(opts + n, sizeof(opts) - (size_t)n, " sack %u:%u", s->sack[2 * i],
                              s->sack[2 * i + 1]);
        fz_trace_text(now, "%c %u>%u %s%s%s%s%s%s seq %u len %u ack %u wnd %u%s", direction,
                      s->sport, s->dport, (s->flags & FZ_SYN) ? "S" : "",
                      (s->flags & FZ_FIN) ? "F" : "", (s->flags & FZ_RST) ? "R" : "",
                      (s->flags & FZ_PSH) ? "P" : "", (s->flags & FZ_ACK) ? "." : "",
                      (s->flags & FZ_URG) ? "U" : "", s->seq, s->len, s->ack, s->wnd, opts);
}
