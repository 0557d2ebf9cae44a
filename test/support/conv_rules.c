/* SPDX-License-Identifier: MIT */
#include "conv_room.h"

#include "base/port.h"

/*
 * The rules for everything that a stack sends, whatever the test is about: well-formed packets, right
 * checksums, flags that go together, numbers and window edges that never move back (I-11, I-14),
 * timestamps that follow the clock, the payload of the pattern.
 */

enum { BYTES_CAP = 16 << 20 }; /* packets waiting to be expected */

static uint8_t bytes[BYTES_CAP];

void conv_bases_in(const struct conv *c, struct conv_bases *b)
{
        const struct conv_flow *f = c->f;

        *b = (struct conv_bases){
                .seq = f->irs,
                .ack = f->has_iss ? f->iss : 0,
                .ts_val = f->ts_base,
                .ts_ecr = f->has_stack_ts ? f->stack_ts_base : 0,
                .sack = f->has_iss ? f->iss : 0,
                .mss = c->mss,
        };
}

void conv_bases_out(const struct conv *c, const struct conv_flow *f, struct conv_bases *b)
{
        *b = (struct conv_bases){
                .seq = f->has_iss ? f->iss : 0,
                .ack = f->irs,
                .ts_val = f->has_stack_ts ? f->stack_ts_base : 0,
                .ts_ecr = f->peer_ts ? f->ts_base : 0,
                .sack = f->irs,
                .mss = c->mss,
        };
}

/* ---- patterns ---- */

uint8_t conv_peer_byte(uint64_t offset)
{
        return (uint8_t)(offset * 7 + (offset >> 8) * 13 + (offset >> 16) * 31 + 1);
}

uint8_t conv_stack_byte(uint64_t offset)
{
        return (uint8_t)(offset * 5 + (offset >> 8) * 11 + (offset >> 16) * 29 + 2);
}

/* ---- rules for everything that is sent ---- */

static struct conv_flow *flow_of(struct conv *c, const struct conv_seg *s)
{
        unsigned n = (unsigned)s->dst_port - CONV_PEER_PORT;

        if (s->dst_port < CONV_PEER_PORT || n >= CONV_FLOWS || c->flow[n].port != s->src_port)
                return NULL;
        return &c->flow[n];
}

/* The IP header; sets *tcp and *tcp_len to the payload. */
static void check_ip(struct conv *c, const uint8_t *p, uint32_t len, struct conv_seg *s,
                     const uint8_t **tcp, uint32_t *tcp_len)
{
        bool v6 = c->variant->v6;
        unsigned hdr = v6 ? 40 : 20, src = v6 ? 8 : 12, n = v6 ? 16 : 4;

        if (len < hdr || p[0] >> 4 != (v6 ? 6 : 4))
                conv_fail(c, "sent: not a packet of this IP version");
        if (len > c->mtu && s->gso == 0)
                conv_fail(c, "sent: %u bytes, MTU %u", len, c->mtu);
        if (v6 ? conv_get16(p + 4) + 40u != len : conv_get16(p + 2) != len || p[0] != 0x45)
                conv_fail(c, "sent: IP length");
        if (!v6 && conv_csum_plain(p, 20) != 0)
                conv_fail(c, "sent: IP header checksum");
        if (!v6 && (conv_get16(p + 6) != 0x4000 || conv_get16(p + 4) != 0))
                conv_fail(c, "sent: not an atomic datagram with ID 0 (RFC 6864, 4.1)");
        if (memcmp(p + src, c->local.b + 16 - n, n) != 0 ||
            memcmp(p + src + n, c->peer.b + 16 - n, n) != 0)
                conv_fail(c, "sent: wrong addresses");
        s->proto = v6 ? p[6] : p[9];
        s->ttl = v6 ? p[7] : p[8];
        s->tos = (uint8_t)(v6 ? p[0] << 4 | p[1] >> 4 : p[1]);
        *tcp = p + hdr;
        *tcp_len = len - hdr;
}

/* I-40 and the forms that RFC 9293, 3.5.2 gives resets. */
static void check_flags(struct conv *c, const struct conv_seg *s)
{
        bool syn = s->flags & ELKO_SYN, rst = s->flags & ELKO_RST, fin = s->flags & ELKO_FIN;

        if (syn + rst + fin > 1)
                conv_fail(c, "sent: more than one of SYN, RST and FIN");
        if (!syn && !rst && !(s->flags & ELKO_ACK))
                conv_fail(c, "sent: neither SYN nor RST, and no ACK bit");
        if ((s->flags & ELKO_URG) && (!c->f->urgent || syn || rst || s->urg == 0))
                conv_fail(c, "sent: URG");
        if (rst && s->len > 0)
                conv_fail(c, "sent: a reset with payload");
}

/* What the stack's SYN fixes for the peer. */
static void note_syn(struct conv_flow *f, const struct conv_seg *s)
{
        const struct conv_opt *ws = conv_seg_opt(s, 3);

        if (!f->has_iss) {
                f->iss = s->seq;
                f->has_iss = true;
                f->has_edge = false;
        }
        f->open |= (s->flags & ELKO_ACK) != 0;
        f->stack_ts = conv_seg_opt(s, 8) != NULL;
        f->stack_wscale = ws != NULL ? ws->data[0] : 0;
}

static void note_ts(struct conv *c, struct conv_flow *f, const struct conv_seg *s)
{
        const struct conv_opt *ts = conv_seg_opt(s, 8);

        if (ts == NULL)
                return;
        f->ts_seen = conv_get32(ts->data);
        if (!f->has_stack_ts) {
                f->has_stack_ts = true;
                f->stack_ts_base = f->ts_seen;
                f->stack_ts_at = c->now;
        }
}

/* I-11: less than one unit of the scale may be lost (RFC 7323, 2.4), of the one that either edge was told in: a
 * SYN,ACK that goes out once more after an ACK has units of one byte (2.2). I-14. */
static void check_edge(struct conv *c, struct conv_flow *f, const struct conv_seg *s)
{
        unsigned shift = (s->flags & ELKO_SYN) || !f->peer_wscale ? 0 : f->stack_wscale;
        uint32_t edge = s->ack + ((uint32_t)s->win << shift);
        uint32_t unit = ek_max_u32(1u << shift, f->edge_unit);

        if (!(s->flags & ELKO_ACK) || (s->flags & ELKO_RST) || !f->has_iss)
                return;
        if (f->has_edge) {
                if ((int32_t)(s->ack - f->last_ack) < 0)
                        conv_fail(c, "I-14: sent: the ACK number went back by %u",
                                  f->last_ack - s->ack);
                if ((int32_t)(edge + unit - 1 - f->edge) < 0)
                        conv_fail(c, "I-11: sent: the window's right edge went back by %u",
                                  f->edge - edge);
        }
        if (!f->has_edge || (int32_t)(edge - f->edge) > 0) {
                f->edge = edge;
                f->edge_unit = 1u << shift;
        }
        f->last_ack = s->ack;
        f->has_edge = true;
}

static void check_payload(struct conv *c, const struct conv_flow *f, const struct conv_seg *s)
{
        uint32_t first = s->seq - f->iss - 1 + ((s->flags & ELKO_SYN) ? 1 : 0);

        for (uint32_t i = 0; i < s->len; i++)
                if (bytes[s->payload + i] != conv_stack_byte((uint64_t)first + i))
                        conv_fail(c, "I-6: sent: byte %u of the stream is wrong", first + i);
}

static void log_sent(struct conv *c, const struct conv_seg *s)
{
        struct conv_flow *f = flow_of(c, s);
        struct conv_bases b = {0};
        char text[500];

        if (f != NULL)
                conv_bases_out(c, f, &b);
        conv_seg_print(s, &b, text, sizeof(text));
        conv_log(c, "> %s%s", text, f == c->f ? "" : "   (another flow)");
}

static void capture_tcp(struct conv *c, const uint8_t *tcp, uint32_t len, struct conv_seg *s)
{
        uint32_t hdr_len;
        const char *bad = conv_seg_read(tcp, len, s, &hdr_len);
        struct conv_flow *f;

        if (bad != NULL)
                conv_fail(c, "sent: %s", bad);
        if (conv_csum(c->local.b, c->peer.b, c->variant->v6, 6, tcp, len) != 0)
                conv_fail(c, "sent: TCP checksum");
        check_flags(c, s);
        s->payload += (uint32_t)(tcp - (bytes + s->payload)) + hdr_len;
        f = flow_of(c, s);
        if (f != NULL && (s->flags & ELKO_SYN))
                note_syn(f, s);
        else if (f != NULL && f->has_iss && !(s->flags & ELKO_RST))
                f->open = true;
        if (f != NULL)
                note_ts(c, f, s);
        log_sent(c, s);
        if (f == NULL)
                return;
        check_edge(c, f, s);
        check_payload(c, f, s);
}

/* What the link does: the field holds the pseudo-header's sum, so a sum over the rest is all that is missing. */
static void complete(uint8_t *p, uint32_t len, const struct elko_frame *frame)
{
        uint8_t *l4 = p + frame->csum_start;

        conv_put16(l4 + frame->csum_offset, conv_csum_plain(l4, len - frame->csum_start));
}

void conv_capture(struct conv *c, const struct elko_frame *frame)
{
        struct conv_seg *s = &c->out[(c->out_head + c->out_count) % CONV_FRAMES];
        static uint32_t at;
        uint32_t len = 0, tcp_len;
        const uint8_t *tcp;

        if (c->out_count == 0)
                at = 0;
        if (c->out_count == CONV_FRAMES || at + frame->len > BYTES_CAP)
                conv_fail(c, "too many frames wait to be expected");
        for (uint32_t i = 0; i < frame->parts; i++) {
                if (len + frame->part[i].len > frame->len)
                        conv_fail(c, "sent: a frame's parts are longer than the frame");
                memcpy(bytes + at + len, frame->part[i].data, frame->part[i].len);
                len += frame->part[i].len;
        }
        if (len != frame->len)
                conv_fail(c, "sent: a frame's parts are shorter than the frame");
        *s = (struct conv_seg){
                .at = c->now, .payload = at, .packet_len = len, .gso = frame->gso_size};
        if (frame->csum_start != 0)
                complete(bytes + at, len, frame);
        check_ip(c, bytes + at, len, s, &tcp, &tcp_len);
        if (s->proto == 6)
                capture_tcp(c, tcp, tcp_len, s);
        else
                s->payload = (uint32_t)(tcp - bytes);
        at += len;
        c->out_count++;
}
