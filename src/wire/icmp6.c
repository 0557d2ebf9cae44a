/*
 * icmp6.c - ICMPv6 messages.
 *
 * RFC 4443, 2.1: ICMP's layout with numbers of its own; types below 128 are errors. The checksum
 * covers a pseudo-header as well (2.3).
 */
#include "wire/icmp6.h"

#include "wire/csum.h"
#include "wire/ipv4.h"

enum elko_drop ek_icmp6_parse(const elko_ip *src, const elko_ip *dst, const uint8_t *p, uint32_t n,
                              bool csum_ok, struct ek_icmp_msg *out)
{
        uint64_t acc;

        if (n < EK_ICMP_HDR_BYTES)
                return ELKO_DROP_ICMP_SHORT;
        acc = csum_ok ? 0 : ek_csum_pseudo(src, dst, EK_PROTO_ICMP6, n);
        if (!csum_ok && ek_csum_fold(ek_csum_add(acc, p, n)) != 0)
                return ELKO_DROP_ICMP_CSUM;
        out->type = p[0];
        out->code = p[1];
        out->word = ek_get32be(p + 4);
        out->body = p + EK_ICMP_HDR_BYTES;
        out->body_len = n - EK_ICMP_HDR_BYTES;
        return ELKO_DROP_NONE;
}

size_t ek_icmp6_emit(uint8_t *out, const elko_ip *src, const elko_ip *dst,
                     const struct ek_icmp_msg *m)
{
        uint32_t n = EK_ICMP_HDR_BYTES + m->body_len;
        uint64_t acc = ek_csum_pseudo(src, dst, EK_PROTO_ICMP6, n);

        out[0] = m->type;
        out[1] = m->code;
        ek_put16be(out + 2, 0);
        ek_put32be(out + 4, m->word);
        ek_put16be(out + 2, ek_csum_fold(ek_csum_add(acc, out, n)));
        return n;
}
