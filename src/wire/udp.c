/*
 * udp.c - UDP headers.
 *
 * RFC 768: ports, length, checksum. The length may be less than the IP payload (the rest is then
 * nobody's), never more.
 */
#include "wire/udp.h"

#include "wire/csum.h"

/* RFC 768: 0 means that the sender computed none; RFC 8200, 8.1: forbidden in IPv6. */
static bool csum_right(const struct ek_ip_hdr *ip, uint32_t len)
{
        const uint8_t *p = ip->payload;

        if (ek_get16be(p + 6) == 0)
                return ip->version == 4;
        return ek_csum_fold(ek_csum_add(ek_csum_pseudo(&ip->src, &ip->dst, EK_PROTO_UDP, len), p,
                                        len)) == 0;
}

enum elko_drop ek_udp_parse(const struct ek_ip_hdr *ip, bool csum_ok, struct ek_udp_hdr *out)
{
        const uint8_t *p = ip->payload;
        uint32_t len;

        if (ip->payload_len < EK_UDP_HDR_BYTES)
                return ELKO_DROP_UDP_BAD;
        len = ek_get16be(p + 4);
        if (len < EK_UDP_HDR_BYTES || len > ip->payload_len)
                return ELKO_DROP_UDP_BAD;
        if (!csum_ok && !csum_right(ip, len))
                return ELKO_DROP_UDP_BAD;
        out->src_port = ek_get16be(p);
        out->dst_port = ek_get16be(p + 2);
        out->data = p + EK_UDP_HDR_BYTES;
        out->data_len = len - EK_UDP_HDR_BYTES;
        return ELKO_DROP_NONE;
}
