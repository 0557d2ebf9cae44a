/*
 * quote.c - the packet that an ICMP error quotes.
 *
 * An error carries the beginning of the packet that caused it: the IP header and at least 8 bytes
 * (RFC 792; RFC 1122, 3.2.2), as much as fits in IPv6 (RFC 4443, 3). Those 8 bytes hold the ports
 * and, in TCP, the sequence number. Nothing in it is verified: an attacker writes it as he likes
 * (RFC 5927, 4), and honest routers change TTL, checksum and even the length field.
 *
 * The packet is one of ours, and we send neither fragments nor IPv6 extension headers: a quote that
 * has them is not about us.
 */
#include "wire/quote.h"

#include "wire/addr.h"
#include "wire/ipv6.h"

enum { TRANSPORT_BYTES = 8, V4_OFFSET_MASK = 0x1fff };

static void parse_transport(const uint8_t *p, struct ek_quote *out)
{
        out->icmp_type = 0;
        out->sport = ek_get16be(p);
        out->dport = ek_get16be(p + 2);
        out->seq = ek_get32be(p + 4);
        if (out->proto == EK_PROTO_ICMP || out->proto == EK_PROTO_ICMP6) {
                out->icmp_type = p[0];
                out->sport = ek_get16be(p + 4);
                out->dport = ek_get16be(p + 6);
                out->seq = 0;
        }
}

static enum elko_drop parse_v4(const uint8_t *p, uint32_t n, struct ek_quote *out)
{
        uint32_t hdr_len = (p[0] & 15u) * 4;

        if (hdr_len < EK_IPV4_HDR_BYTES || n < hdr_len + TRANSPORT_BYTES)
                return ELKO_DROP_ICMP_QUOTE;
        if ((ek_get16be(p + 6) & V4_OFFSET_MASK) != 0)
                return ELKO_DROP_ICMP_QUOTE;
        ek_addr_from_v4(&out->src, p + 12);
        ek_addr_from_v4(&out->dst, p + 16);
        out->version = 4;
        out->proto = p[9];
        out->total_len = ek_get16be(p + 2);
        parse_transport(p + hdr_len, out);
        return ELKO_DROP_NONE;
}

static enum elko_drop parse_v6(const uint8_t *p, uint32_t n, struct ek_quote *out)
{
        if (n < EK_IPV6_HDR_BYTES + TRANSPORT_BYTES)
                return ELKO_DROP_ICMP_QUOTE;
        memcpy(out->src.b, p + 8, 16);
        memcpy(out->dst.b, p + 24, 16);
        out->version = 6;
        out->proto = p[6];
        out->total_len = EK_IPV6_HDR_BYTES + (uint32_t)ek_get16be(p + 4);
        parse_transport(p + EK_IPV6_HDR_BYTES, out);
        return ELKO_DROP_NONE;
}

enum elko_drop ek_quote_parse(const uint8_t *p, uint32_t n, struct ek_quote *out)
{
        if (n < 1)
                return ELKO_DROP_ICMP_QUOTE;
        switch (p[0] >> 4) {
        case 4: return parse_v4(p, n, out);
        case 6: return parse_v6(p, n, out);
        default: return ELKO_DROP_ICMP_QUOTE;
        }
}
