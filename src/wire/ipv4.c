/*
 * ipv4.c - IPv4 headers.
 *
 * RFC 791, 3.1: at least 20 bytes, more with options; the total length bounds the packet, and what
 * the link delivered beyond it is padding. Each length is checked before anything that it covers is
 * read, and the transport's length is computed once, after the checks.
 *
 * Options: hosts must be able to skip them (RFC 1122, 3.2.1.8). They are never echoed.
 *
 * Deviation: RFC 9293, 3.9.2.1 would have source routes used and answered; packets with one are dropped, as
 * every system does by default: they lead around filters, and answers follow them to whoever wrote them.
 *
 * Deviation: there is no reassembly (RFC 1122, 3.3.2 MUST). TCP sends with DF set and no larger than
 * the path allows, which leaves reassembly as an attack surface with no honest traffic.
 */
#include "wire/ipv4.h"

#include "wire/addr.h"
#include "wire/csum.h"

enum {
        OPT_EOL = 0,
        OPT_NOP = 1,
        OPT_LSRR = 131,
        OPT_SSRR = 137,

        FRAG_DF = 0x4000,
        FRAG_MASK = 0x3fff, /* more fragments, and the offset */
};

/* Do the options add up, and is there no source route among them?
 * [RFC9293 MUST-50 MUST-51 MUST-52 MUST-53 SHLD-24] */
static bool options_ok(const uint8_t *p, uint32_t n)
{
        uint32_t i = 0;

        while (i < n && p[i] != OPT_EOL) {
                EK_WORK(1);
                if (p[i] == OPT_NOP) {
                        i++;
                        continue;
                }
                if (p[i] == OPT_LSRR || p[i] == OPT_SSRR)
                        return false;
                if (n - i < 2 || p[i + 1] < 2 || p[i + 1] > n - i)
                        return false;
                i += p[i + 1];
        }
        return true;
}

static void fill(const uint8_t *p, uint32_t hdr_len, uint32_t total_len, struct ek_ip_hdr *out)
{
        ek_addr_from_v4(&out->src, p + 12);
        ek_addr_from_v4(&out->dst, p + 16);
        out->packet = p;
        out->payload = p + hdr_len;
        out->payload_len = total_len - hdr_len;
        out->hdr_len = (uint16_t)hdr_len;
        out->version = 4;
        out->proto = p[9];
        out->ttl = p[8];
        out->tos = p[1];
        out->atomic_frag = false;
        out->problem = EK_PROBLEM_NONE;
        out->problem_at = 9;
}

enum elko_drop ek_ipv4_parse(const uint8_t *p, size_t n, struct ek_ip_hdr *out)
{
        uint32_t hdr_len, total_len;

        if (n < 1)
                return ELKO_DROP_IP_SHORT;
        if (p[0] >> 4 != 4)
                return ELKO_DROP_IP_VERSION;
        hdr_len = (p[0] & 15u) * 4;
        if (hdr_len < EK_IPV4_HDR_BYTES)
                return ELKO_DROP_IP_HDR_LEN;
        if (n < EK_IPV4_HDR_BYTES)
                return ELKO_DROP_IP_SHORT;
        if (hdr_len > n)
                return ELKO_DROP_IP_HDR_LEN;
        total_len = ek_get16be(p + 2);
        if (total_len < hdr_len || total_len > n)
                return ELKO_DROP_IP_TOTAL_LEN;
        if (ek_csum_fold(ek_csum_add(0, p, hdr_len)) != 0) /* RFC 1122, 3.2.1.2 */
                return ELKO_DROP_IP_CSUM;
        fill(p, hdr_len, total_len, out);
        if ((ek_get16be(p + 6) & FRAG_MASK) != 0)
                return ELKO_DROP_IP_FRAGMENT;
        if (!options_ok(p + EK_IPV4_HDR_BYTES, hdr_len - EK_IPV4_HDR_BYTES))
                return ELKO_DROP_IP_OPTIONS;
        return ELKO_DROP_NONE;
}

/* The header's checksum from its fields: cheaper than reading back what was just written. */
static uint16_t header_csum(uint32_t src, uint32_t dst, uint32_t tos, uint32_t total_len,
                            uint32_t ttl, uint32_t proto)
{
        uint32_t sum = (0x4500 | tos) + total_len + FRAG_DF + (ttl << 8 | proto);

        sum += (src >> 16) + (src & 0xffff) + (dst >> 16) + (dst & 0xffff);
        sum = (sum & 0xffff) + (sum >> 16);
        return (uint16_t) ~(sum + (sum >> 16));
}

/* [RFC9293 MAY-4] */
size_t ek_ipv4_emit(uint8_t *out, const elko_ip *src, const elko_ip *dst, uint8_t proto,
                    uint8_t ttl, uint8_t tos, uint32_t payload_len)
{
        uint32_t total_len = EK_IPV4_HDR_BYTES + payload_len;
        uint32_t s = ek_addr_v4(src), d = ek_addr_v4(dst);

        EK_ASSERT(total_len <= UINT16_MAX);
        ek_put32be(out, 0x45000000u | (uint32_t)tos << 16 | total_len);
        ek_put32be(out + 4, FRAG_DF); /* identification 0 */
        out[8] = ttl;
        out[9] = proto;
        ek_put16be(out + 10, header_csum(s, d, tos, total_len, ttl, proto));
        ek_put32be(out + 12, s);
        ek_put32be(out + 16, d);
        return EK_IPV4_HDR_BYTES;
}
