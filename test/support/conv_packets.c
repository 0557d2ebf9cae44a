/* SPDX-License-Identifier: MIT */
#include "conv_room.h"

/* The peer's packets: from the text of a segment to what the stack is given. */

enum { PACKET_CAP = 1 << 17 };

static uint8_t packet[PACKET_CAP];

static uint32_t peer_clock(const struct conv *c)
{
        const struct conv_flow *f = c->f;

        return f->ts_rel + (uint32_t)(c->now / 1000000 - f->ts_rel_at / 1000000);
}

/* No option list: TS alone, if both SYNs had it. */
static void add_auto_ts(struct conv *c, struct conv_pat *p)
{
        if (p->mode != CONV_OPTS_AUTO || !c->f->peer_ts || !c->f->stack_ts ||
            (p->s.flags & ELKO_SYN))
                return;
        p->raw[0] = p->raw[1] = 1;
        p->raw[2] = 8;
        p->raw[3] = 10;
        conv_put32(p->raw + 4, c->f->ts_base + peer_clock(c));
        conv_put32(p->raw + 8, c->f->ts_seen);
        p->raw_len = 12;
        p->s.opt[0] = (struct conv_opt){.kind = 8, .len = 10};
        memcpy(p->s.opt[0].data, p->raw + 4, 8);
        p->s.nopts = 1;
}

void conv_parse(struct conv *c, const char *text, const struct conv_bases *b, struct conv_pat *p)
{
        unsigned at;
        const char *bad = conv_seg_parse(text, b, p, &at);

        if (bad != NULL)
                conv_fail(c, "%s\n        %s\n        %*s^", bad, text, (int)at, "");
}

static uint32_t put_ip(const struct conv *c, uint8_t *p, uint8_t proto, uint8_t tos, uint32_t len)
{
        memset(p, 0, c->variant->v6 ? 40 : 20);
        if (c->variant->v6) {
                p[0] = (uint8_t)(0x60 | tos >> 4);
                p[1] = (uint8_t)(tos << 4);
                conv_put16(p + 4, (uint16_t)len);
                p[6] = proto;
                p[7] = 64;
                memcpy(p + 8, c->peer.b, 16);
                memcpy(p + 24, c->local.b, 16);
                return 40;
        }
        p[0] = 0x45;
        p[1] = tos;
        conv_put16(p + 2, (uint16_t)(20 + len));
        p[6] = 0x40;
        p[8] = 64;
        p[9] = proto;
        memcpy(p + 12, c->peer.b + 12, 4);
        memcpy(p + 16, c->local.b + 12, 4);
        conv_put16(p + 10, conv_csum_plain(p, 20));
        return 20;
}

/* The packet of a segment that the peer sends now. */
static uint32_t make_packet(struct conv *c, const struct conv_pat *p, uint8_t *buf)
{
        uint32_t ip = c->variant->v6 ? 40 : 20, hdr, len;
        uint32_t first = p->s.seq - c->f->irs - 1 + ((p->s.flags & ELKO_SYN) ? 1 : 0);
        uint8_t *tcp = buf + ip;

        hdr = conv_seg_emit(p, c->f->peer_port, c->f->port, tcp);
        for (uint32_t i = 0; i < p->s.len; i++)
                tcp[hdr + i] = conv_peer_byte((uint64_t)first + i);
        len = hdr + p->s.len;
        put_ip(c, buf, 6, p->s.tos, len);
        conv_put16(tcp + 16, conv_csum(c->peer.b, c->local.b, c->variant->v6, 6, tcp, len));
        if (p->badcsum)
                tcp[16] ^= 1;
        return ip + len;
}

/* What the peer's own segment changes in what we know of it. */
static void note_peer(struct conv *c, const struct conv_pat *p)
{
        const struct conv_opt *ts = conv_seg_opt(&p->s, 8);

        if (!(p->s.flags & (ELKO_SYN | ELKO_RST)) && c->f->has_iss)
                c->f->open = true;
        if ((p->s.flags & ELKO_SYN) && !c->f->open) {
                c->f->peer_ts = ts != NULL;
                c->f->peer_wscale = conv_seg_opt(&p->s, 3) != NULL;
        }
        if (ts == NULL)
                return;
        if (p->mode != CONV_OPTS_AUTO || c->f->ts_rel_at == 0) {
                c->f->ts_rel = conv_get32(ts->data) - c->f->ts_base;
                c->f->ts_rel_at = c->now;
        }
}

static uint32_t make_from_text(struct conv *c, uint8_t *buf, const char *fmt, va_list ap)
{
        char text[600], shown[600];
        struct conv_bases b;
        struct conv_pat p;

        vsnprintf(text, sizeof(text), fmt, ap);
        conv_bases_in(c, &b);
        conv_parse(c, text, &b, &p);
        if (!p.has_win)
                p.s.win = 65535;
        add_auto_ts(c, &p);
        note_peer(c, &p);
        conv_seg_print(&p.s, &b, shown, sizeof(shown));
        conv_log(c, "< %s%s", shown, p.badcsum ? " badcsum" : "");
        if (p.s.len > PACKET_CAP - 200)
                conv_fail(c, "the payload is too long");
        return make_packet(c, &p, buf);
}

uint32_t conv_make(struct conv *c, uint8_t *buf, const char *fmt, ...)
{
        va_list ap;
        uint32_t n;

        va_start(ap, fmt);
        n = make_from_text(c, buf, fmt, ap);
        va_end(ap);
        return n;
}

static void input(struct conv *c, const struct elko_packet *packets, size_t n)
{
        conv_before_call(c);
        elko_input(c->st, c->link, packets, n, c->now);
        conv_after_call(c);
}

/* The bytes as a block of its own, so that the address sanitizer guards its end. */
static void input_one(struct conv *c, const uint8_t *p, uint32_t len)
{
        uint8_t *copy = malloc(len != 0 ? len : 1);
        struct elko_packet in = {.data = copy, .len = len, .gso_size = c->joined};

        memcpy(copy, p, len);
        c->batch[c->batch_n] = copy; /* freed even if a check fails */
        c->batch_len[c->batch_n++] = len;
        input(c, &in, 1);
        conv_drop_batch(c);
}

void conv_in_(struct conv *c, const char *fmt, ...)
{
        va_list ap;
        uint32_t n;

        va_start(ap, fmt);
        n = make_from_text(c, packet, fmt, ap);
        va_end(ap);
        input_one(c, packet, n);
}

void conv_queue_(struct conv *c, const char *fmt, ...)
{
        va_list ap;
        uint32_t n;

        if (c->batch_n == 63)
                conv_fail(c, "conv_queue(): the batch is full");
        va_start(ap, fmt);
        n = make_from_text(c, packet, fmt, ap);
        va_end(ap);
        c->batch[c->batch_n] = malloc(n);
        memcpy(c->batch[c->batch_n], packet, n);
        c->batch_len[c->batch_n++] = n;
}

void conv_flush_(struct conv *c)
{
        struct elko_packet in[64];
        unsigned n = c->batch_n;

        for (unsigned i = 0; i < n; i++)
                in[i] = (struct elko_packet){.data = c->batch[i], .len = c->batch_len[i]};
        conv_log(c, "< (%u packets at once)", n);
        input(c, in, n);
        conv_drop_batch(c);
}

void conv_in_tcp_(struct conv *c, const uint8_t *seg, uint32_t len, bool csum)
{
        uint32_t ip = put_ip(c, packet, 6, 0, len);
        uint8_t *tcp = packet + ip;

        memcpy(tcp, seg, len);
        if (len >= 4 && conv_get16(tcp) == 0)
                conv_put16(tcp, c->f->peer_port);
        if (len >= 4 && conv_get16(tcp + 2) == 0)
                conv_put16(tcp + 2, c->f->port);
        if (csum && len >= 18) {
                conv_put16(tcp + 16, 0);
                conv_put16(tcp + 16, conv_csum(c->peer.b, c->local.b, c->variant->v6, 6, tcp, len));
        }
        conv_log(c, "< (%u raw bytes of TCP)", len);
        input_one(c, packet, ip + len);
}

void conv_in_packet_(struct conv *c, const uint8_t *p, uint32_t len)
{
        conv_log(c, "< (%u raw bytes)", len);
        input_one(c, p, len);
}

void conv_in_icmp_(struct conv *c, uint8_t type, uint8_t code, uint32_t mtu, const char *fmt, ...)
{
        uint32_t ip = c->variant->v6 ? 40 : 20, hdr, len;
        uint8_t *icmp = packet + ip, *quote = icmp + 8;
        struct conv_bases b;
        struct conv_pat p;
        char text[600];
        va_list ap;

        va_start(ap, fmt);
        vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        conv_bases_out(c, c->f, &b);
        conv_parse(c, text, &b, &p);
        memset(packet, 0, 300);
        hdr = conv_seg_emit(&p, c->f->port, c->f->peer_port, quote + ip);
        /* The quoted packet travelled the other way: swap what put_ip() wrote. */
        put_ip(c, quote, 6, 0, hdr + p.s.len);
        memcpy(quote + (ip == 40 ? 8 : 12), c->local.b + (ip == 40 ? 0 : 12), ip == 40 ? 16 : 4);
        memcpy(quote + (ip == 40 ? 24 : 16), c->peer.b + (ip == 40 ? 0 : 12), ip == 40 ? 16 : 4);
        len = 8 + ip + hdr;
        icmp[0] = type;
        icmp[1] = code;
        conv_put32(icmp + 4, mtu);
        put_ip(c, packet, c->variant->v6 ? 58 : 1, 0, len);
        conv_put16(icmp + 2, c->variant->v6 ? conv_csum(c->peer.b, c->local.b, true, 58, icmp, len)
                                            : conv_csum_plain(icmp, len));
        conv_log(c, "< ICMP type %u code %u mtu %u about %s", type, code, mtu, text);
        input_one(c, packet, ip + len);
}
