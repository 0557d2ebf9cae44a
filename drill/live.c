/* SPDX-License-Identifier: MIT */
/*
 * RFC 791, 3.1; RFC 8200, 3; RFC 9293, 3.1; RFC 792 and RFC 4443, 2.1. Read here once more, and not by elko's own
 * reader: what both read in the same wrong way would otherwise look right. Whether a packet's form is right at all
 * the simulator's judge says (sim/packet.h).
 */
#include "drill/live.h"

#include <string.h>

#include "sim/packet.h"

uint16_t drill_get16(const uint8_t *p)
{
        return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t drill_get32(const uint8_t *p)
{
        return (uint32_t)drill_get16(p) << 16 | drill_get16(p + 2);
}

void drill_put16(uint8_t *p, uint32_t v)
{
        p[0] = (uint8_t)(v >> 8);
        p[1] = (uint8_t)v;
}

void drill_put32(uint8_t *p, uint32_t v)
{
        drill_put16(p, v >> 16);
        drill_put16(p + 2, v);
}

/* ---- reading ---- */

static const char *read_ip(const uint8_t *p, size_t n, struct drill_live *o, size_t *at)
{
        o->v6 = n > 0 && p[0] >> 4 == 6;
        if (n < (o->v6 ? 40u : 20u))
                return "it is shorter than an IP header";
        if (o->v6) {
                o->tos = (uint8_t)(drill_get16(p) >> 4);
                o->flow_label = drill_get32(p) & 0xfffff;
                o->proto = p[6];
                o->ttl = p[7];
                memcpy(o->src.b, p + 8, 16);
                memcpy(o->dst.b, p + 24, 16);
                *at = 40;
                return drill_get16(p + 4) + 40u == n ? NULL : "its payload length is wrong";
        }
        o->tos = p[1];
        o->ttl = p[8];
        o->proto = p[9];
        o->src = elko_ip_v4(p[12], p[13], p[14], p[15]);
        o->dst = elko_ip_v4(p[16], p[17], p[18], p[19]);
        *at = (p[0] & 15) * 4u;
        if (drill_get16(p + 6) & 0x3fff)
                return "it is a fragment";
        if (*at < 20 || *at > n)
                return "its header length is wrong";
        return drill_get16(p + 2) == n ? NULL : "its total length is wrong";
}

static const char *read_tcp(const uint8_t *p, size_t n, struct drill_live *o)
{
        size_t hdr;

        if (n < 20)
                return "it is shorter than a TCP header";
        hdr = (p[12] >> 4) * 4u;
        if (hdr < 20 || hdr > n)
                return "its data offset is wrong";
        o->sport = drill_get16(p);
        o->dport = drill_get16(p + 2);
        o->seq = drill_get32(p + 4);
        o->ack = drill_get32(p + 8);
        o->flags = drill_get16(p + 12) & 0x1ff;
        o->win = drill_get16(p + 14);
        o->urg = drill_get16(p + 18);
        o->opts = p + 20;
        o->opts_len = (uint8_t)(hdr - 20);
        o->payload = p + hdr;
        o->len = (uint32_t)(n - hdr);
        return p[12] & 0x0e ? "its reserved bits are not zero" : NULL;
}

static const char *read_other(const uint8_t *p, size_t n, struct drill_live *o)
{
        if (n < 8)
                return "it is shorter than its header";
        o->payload = p + 8;
        o->len = (uint32_t)(n - 8);
        if (o->proto == DRILL_PROTO_UDP) {
                o->sport = drill_get16(p);
                o->dport = drill_get16(p + 2);
                return NULL;
        }
        o->icmp_type = p[0];
        o->icmp_code = p[1];
        o->icmp_word = drill_get32(p + 4);
        return NULL;
}

const char *drill_live_read(const uint8_t *p, size_t n, struct drill_live *out)
{
        struct sim_tcp_view view;
        size_t at = 0;
        const char *wrong;
        bool tcp;

        *out = (struct drill_live){0};
        wrong = read_ip(p, n, out, &at);
        if (wrong == NULL)
                wrong = out->proto == DRILL_PROTO_TCP ? read_tcp(p + at, n - at, out)
                                                      : read_other(p + at, n - at, out);
        return wrong != NULL ? wrong : sim_packet_judge(p, n, &view, &tcp);
}

static void read_accecn(const uint8_t *p, struct drill_opt *o)
{
        o->n = (uint8_t)((p[1] - 2) / 3);
        for (unsigned i = 0; i < o->n && i < 3; i++)
                o->left[i] = drill_get32(p + 1 + 3 * i) & 0xffffff;
}

static void read_sack(const uint8_t *p, struct drill_opt *o)
{
        o->n = (uint8_t)((p[1] - 2) / 8);
        for (unsigned i = 0; i < o->n; i++) {
                o->left[i] = drill_get32(p + 2 + 8 * i);
                o->right[i] = drill_get32(p + 6 + 8 * i);
        }
}

/* Of `len` bytes, kind and length included; the length is possible. */
static void read_known(const uint8_t *p, uint8_t len, struct drill_opt *o)
{
        o->a = p[0];
        if (p[0] == 2 && len == 4) {
                o->kind = DRILL_OPT_MSS;
                o->a = drill_get16(p + 2);
        } else if (p[0] == 3 && len == 3) {
                o->kind = DRILL_OPT_WSCALE;
                o->a = p[2];
        } else if (p[0] == 4 && len == 2) {
                o->kind = DRILL_OPT_SACK_OK;
        } else if (p[0] == 5 && len >= 10 && len % 8 == 2) {
                o->kind = DRILL_OPT_SACK;
                read_sack(p, o);
        } else if (p[0] == 8 && len == 10) {
                o->kind = DRILL_OPT_TS;
                o->a = drill_get32(p + 2);
                o->b = drill_get32(p + 6);
        } else if ((p[0] == 172 || p[0] == 174) && len % 3 == 2 && len <= 11) {
                o->kind = p[0] == 172 ? DRILL_OPT_ACCECN0 : DRILL_OPT_ACCECN1;
                read_accecn(p, o);
        } else if (p[0] == 254 && len >= 4 && drill_get16(p + 2) == 0xf989) {
                o->kind = DRILL_OPT_FOEXP;
                o->n = (uint8_t)(len - 4);
                memcpy(o->bytes, p + 4, o->n);
        } else {
                o->kind = p[0] == 34 ? DRILL_OPT_FO : p[0] == 19 ? DRILL_OPT_MD5 : DRILL_OPT_OTHER;
                o->n = (uint8_t)(len - 2 < 36 ? len - 2 : 36);
                memcpy(o->bytes, p + 2, o->n);
        }
}

bool drill_live_option(const uint8_t **p, const uint8_t *end, struct drill_opt *o)
{
        const uint8_t *q = *p;

        *o = (struct drill_opt){0};
        if (q >= end)
                return false;
        if (*q <= 1) {
                o->kind = *q == 0 ? DRILL_OPT_EOL : DRILL_OPT_NOP;
                *p = q + 1;
                return true;
        }
        if (end - q < 2 || q[1] < 2 || q[1] > end - q) {
                o->kind = DRILL_OPT_OTHER;
                o->a = *q;
                *p = end;
                return true;
        }
        read_known(q, q[1], o);
        *p = q + q[1];
        return true;
}

/* ---- writing ---- */

static uint8_t kind_number(const struct drill_opt *o)
{
        switch (o->kind) {
        case DRILL_OPT_EOL: return 0;
        case DRILL_OPT_NOP: return 1;
        case DRILL_OPT_MSS: return 2;
        case DRILL_OPT_WSCALE: return 3;
        case DRILL_OPT_SACK_OK: return 4;
        case DRILL_OPT_SACK: return 5;
        case DRILL_OPT_TS: return 8;
        case DRILL_OPT_MD5: return 19;
        case DRILL_OPT_FO: return 34;
        case DRILL_OPT_ACCECN0: return 172;
        case DRILL_OPT_ACCECN1: return 174;
        case DRILL_OPT_FOEXP: return 254;
        case DRILL_OPT_OTHER: return (uint8_t)o->a;
        case DRILL_OPT_RAW: break; /* has none of its own */
        }
        return 1;
}

static void put_option(const struct drill_opt *o, uint8_t *p)
{
        if (o->kind == DRILL_OPT_RAW) {
                memcpy(p, o->bytes, o->n);
                return;
        }
        p[0] = kind_number(o);
        if (p[0] <= 1)
                return;
        p[1] = (uint8_t)drill_option_bytes(o);
        switch (o->kind) {
        case DRILL_OPT_MSS: drill_put16(p + 2, o->a); break;
        case DRILL_OPT_WSCALE: p[2] = (uint8_t)o->a; break;
        case DRILL_OPT_TS:
                drill_put32(p + 2, o->a);
                drill_put32(p + 6, o->b);
                break;
        case DRILL_OPT_SACK:
                for (unsigned i = 0; i < o->n; i++) {
                        drill_put32(p + 2 + 8 * i, o->left[i]);
                        drill_put32(p + 6 + 8 * i, o->right[i]);
                }
                break;
        case DRILL_OPT_ACCECN0:
        case DRILL_OPT_ACCECN1:
                for (unsigned i = 0; i < o->n; i++) {
                        p[2 + 3 * i] = (uint8_t)(o->left[i] >> 16);
                        drill_put16(p + 3 + 3 * i, o->left[i]);
                }
                break;
        case DRILL_OPT_FOEXP:
                drill_put16(p + 2, 0xf989);
                memcpy(p + 4, o->bytes, o->n);
                break;
        case DRILL_OPT_FO:
        case DRILL_OPT_MD5:
        case DRILL_OPT_OTHER: memcpy(p + 2, o->bytes, o->n); break;
        default: break;
        }
}

size_t drill_live_put_options(const struct drill_opt *o, size_t n, uint8_t *out)
{
        size_t at = 0;

        for (size_t i = 0; i < n; i++) {
                size_t len = drill_option_bytes(&o[i]);

                if (at + len > 40)
                        break;
                put_option(&o[i], out + at);
                at += len;
        }
        return at;
}

size_t drill_live_build(const struct drill_live *ip, const uint8_t *message, size_t len,
                        size_t sum_at, uint8_t *out)
{
        size_t at = sim_ip_begin(out, &ip->src, &ip->dst, ip->proto, len);
        uint8_t *m = out + at;

        if (at == 40) {
                drill_put32(out, 6u << 28 | (uint32_t)ip->tos << 20 | ip->flow_label);
                out[7] = ip->ttl;
        } else {
                out[1] = ip->tos;
                out[6] = 0; /* without DF */
                out[8] = ip->ttl;
                drill_put16(out + 10, 0);
                drill_put16(out + 10, ~sim_sum(out, 20, 0));
        }
        memcpy(m, message, len);
        drill_put16(m + sum_at, 0);
        drill_put16(m + sum_at, sim_transport_sum(&ip->src, &ip->dst, ip->proto, m, len));
        return at + len;
}
