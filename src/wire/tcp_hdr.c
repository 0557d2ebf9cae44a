/*
 * tcp_hdr.c - TCP segments.
 *
 * RFC 9293, 3.1: 20 bytes and options up to the data offset; the data is the rest of the IP payload.
 * The data offset's neighbour bits are the flags: eight of RFC 3168 and the ninth, AE, that AccECN
 * took from the reserved ones. The other reserved bits are ignored on input and 0 on output (MUST
 * in 3.1).
 */
#include "wire/tcp_hdr.h"

#include "wire/csum.h"
#include "wire/ipv4.h"

enum { FLAG_BITS = 0x1ff };

/* [RFC9293 MUST-5] */
enum elko_drop ek_tcp_parse(const uint8_t *seg, uint32_t len, struct ek_tcp_hdr *out)
{
        uint32_t hdr_len;

        if (len < EK_TCP_HDR_BYTES)
                return ELKO_DROP_TCP_SHORT;
        hdr_len = (uint32_t)(seg[12] >> 4) * 4;
        if (hdr_len < EK_TCP_HDR_BYTES || hdr_len > len)
                return ELKO_DROP_TCP_DATA_OFFSET;
        out->src_port = ek_get16be(seg);
        out->dst_port = ek_get16be(seg + 2);
        out->seq = ek_get32be(seg + 4);
        out->ack = ek_get32be(seg + 8);
        out->flags = ek_get16be(seg + 12) & FLAG_BITS;
        out->wnd = ek_get16be(seg + 14);
        out->urg = ek_get16be(seg + 18);
        out->hdr_len = (uint8_t)hdr_len;
        out->data = seg + hdr_len;
        out->data_len = len - hdr_len;
        ek_tcp_opts_parse(seg + EK_TCP_HDR_BYTES, hdr_len - EK_TCP_HDR_BYTES, &out->opt);
        return ELKO_DROP_NONE;
}

bool ek_tcp_csum_ok(const elko_ip *src, const elko_ip *dst, const uint8_t *seg, uint32_t len)
{
        uint64_t acc = ek_csum_pseudo(src, dst, EK_PROTO_TCP, len);

        return ek_csum_fold(ek_csum_add(acc, seg, len)) == 0;
}

uint32_t ek_tcp_emit(uint8_t *out, const struct ek_tcp_hdr *h)
{
        uint32_t len = EK_TCP_HDR_BYTES + ek_tcp_opts_emit(out + EK_TCP_HDR_BYTES, &h->opt);

        EK_ASSERT(len % 4 == 0 && len <= EK_TCP_MAX_HDR_BYTES);
        ek_put16be(out, h->src_port);
        ek_put16be(out + 2, h->dst_port);
        ek_put32be(out + 4, h->seq);
        ek_put32be(out + 8, h->ack);
        ek_put16be(out + 12, (uint16_t)(len << 10 | (h->flags & FLAG_BITS)));
        ek_put16be(out + 14, h->wnd);
        ek_put16be(out + EK_TCP_CSUM_OFFSET, 0);
        ek_put16be(out + 18, h->urg);
        return len;
}
