/*
 * ipv6.c - IPv6 headers.
 *
 * RFC 8200, 3: a fixed header of 40 bytes whose payload length bounds the packet. Then a chain of
 * extension headers, each naming the type of the next one and (but for the fragment header) its own
 * length in units of 8 bytes, less one. The walk is bounded in headers and in bytes; every length is
 * compared with what is left before it is believed.
 *
 * Options that we don't know carry instructions in the top two bits of their type (4.2): skip,
 * discard, discard and answer, discard and answer unless multicast. We know none but the padding.
 *
 * Authentication and ESP headers end the walk: they are transport protocols that we don't speak.
 *
 * Deviation: there is no reassembly (4.5); see ipv4.c. Atomic fragments are no fragments (RFC 6946)
 * and are processed.
 */
#include "wire/ipv6.h"

#include "wire/addr.h"
#include "wire/icmp6.h"

enum {
        OPT_PAD1 = 0,
        OPT_PADN = 1,

        FRAG_MASK = 0xfff9, /* offset and M; the two bits between are reserved */
};

/* Where the walk stands. Offsets count from the first byte of the packet. */
struct walk {
        const uint8_t *p;
        uint32_t end;     /* of the packet, by its length field */
        uint32_t at;      /* of the present header */
        uint32_t next_at; /* of the byte that named it */
        uint8_t next;     /* its type */
};

static bool is_ext(uint8_t next)
{
        return next == EK_IPV6_HOP_BY_HOP || next == EK_IPV6_ROUTING || next == EK_IPV6_FRAGMENT ||
               next == EK_IPV6_DEST_OPTS;
}

/* Note that an answer is due; returns `drop`. */
static enum elko_drop problem(struct ek_ip_hdr *out, enum ek_ip_problem kind, uint8_t code,
                              uint32_t at, enum elko_drop drop)
{
        out->problem = (uint8_t)kind;
        out->problem_code = code;
        out->problem_at = (uint16_t)at;
        return drop;
}

/* RFC 8200, 4.2: what the top two bits of an unknown option's type demand. */
static enum elko_drop unknown_option(uint8_t type, uint32_t at, struct ek_ip_hdr *out)
{
        switch (type >> 6) {
        case 0: return ELKO_DROP_NONE;
        case 1: return ELKO_DROP_IP_EXT_HDR;
        case 2:
                return problem(out, EK_PROBLEM_MULTICAST, EK_ICMP6_CODE_OPTION, at,
                               ELKO_DROP_IP_EXT_HDR);
        default:
                return problem(out, EK_PROBLEM_UNICAST, EK_ICMP6_CODE_OPTION, at,
                               ELKO_DROP_IP_EXT_HDR);
        }
}

/* The options in the bytes [at, end). */
static enum elko_drop walk_options(const uint8_t *p, uint32_t at, uint32_t end,
                                   struct ek_ip_hdr *out)
{
        enum elko_drop drop;

        while (at < end) {
                EK_WORK(1);
                if (p[at] == OPT_PAD1) {
                        at++;
                        continue;
                }
                if (end - at < 2 || p[at + 1] > end - at - 2)
                        return ELKO_DROP_IP_EXT_HDR;
                if (p[at] != OPT_PADN) {
                        drop = unknown_option(p[at], at, out);
                        if (drop != ELKO_DROP_NONE)
                                return drop;
                }
                at += 2u + p[at + 1];
        }
        return ELKO_DROP_NONE;
}

static enum elko_drop walk_fragment(const struct walk *w, struct ek_ip_hdr *out)
{
        if (out->atomic_frag || (ek_get16be(w->p + w->at + 2) & FRAG_MASK) != 0)
                return ELKO_DROP_IP_FRAGMENT;
        out->atomic_frag = true; /* RFC 6946, 4 */
        return ELKO_DROP_NONE;
}

/* RFC 8200, 4.4; RFC 5095, 3: no routing type is known, so segments left must be 0. */
static enum elko_drop walk_routing(const struct walk *w, struct ek_ip_hdr *out)
{
        if (w->p[w->at + 3] == 0)
                return ELKO_DROP_NONE;
        return problem(out, EK_PROBLEM_UNICAST, EK_ICMP6_CODE_HEADER, w->at + 2,
                       ELKO_DROP_IP_ROUTING_HDR);
}

/* One extension header; w moves behind it. */
static enum elko_drop walk_header(struct walk *w, struct ek_ip_hdr *out)
{
        uint32_t left = w->end - w->at, len;
        enum elko_drop drop;

        if (left < 8)
                return ELKO_DROP_IP_EXT_HDR;
        len = w->next == EK_IPV6_FRAGMENT ? 8 : (w->p[w->at + 1] + 1u) * 8;
        if (len > left || w->at + len > EK_IPV6_HDR_BYTES + EK_IPV6_MAX_EXT_BYTES)
                return ELKO_DROP_IP_EXT_HDR;
        if (w->next == EK_IPV6_FRAGMENT)
                drop = walk_fragment(w, out);
        else if (w->next == EK_IPV6_ROUTING)
                drop = walk_routing(w, out);
        else
                drop = walk_options(w->p, w->at + 2, w->at + len, out);
        w->next_at = w->at;
        w->next = w->p[w->at];
        w->at += len;
        return drop;
}

static enum elko_drop walk_chain(struct walk *w, struct ek_ip_hdr *out)
{
        enum elko_drop drop;

        for (int i = 0; is_ext(w->next); i++) {
                EK_WORK(1);
                if (i == EK_IPV6_MAX_EXT_HDRS)
                        return ELKO_DROP_IP_EXT_HDR;
                /* RFC 8200, 4: a hop-by-hop header elsewhere is an unrecognised next header. */
                if (i > 0 && w->next == EK_IPV6_HOP_BY_HOP)
                        return problem(out, EK_PROBLEM_UNICAST, EK_ICMP6_CODE_NEXT_HDR, w->next_at,
                                       ELKO_DROP_IP_EXT_HDR);
                drop = walk_header(w, out);
                if (drop != ELKO_DROP_NONE)
                        return drop;
        }
        return ELKO_DROP_NONE;
}

/* The fixed header, as if no extension header followed. */
static void fill(const uint8_t *p, uint32_t payload_len, struct ek_ip_hdr *out)
{
        memcpy(out->src.b, p + 8, 16);
        memcpy(out->dst.b, p + 24, 16);
        out->packet = p;
        out->payload = p + EK_IPV6_HDR_BYTES;
        out->payload_len = payload_len;
        out->hdr_len = EK_IPV6_HDR_BYTES;
        out->version = 6;
        out->proto = p[6];
        out->ttl = p[7];
        out->tos = (uint8_t)(ek_get16be(p) >> 4);
        out->atomic_frag = false;
        out->problem = EK_PROBLEM_NONE;
        out->problem_at = 6;
}

enum elko_drop ek_ipv6_parse(const uint8_t *p, size_t n, struct ek_ip_hdr *out)
{
        uint32_t payload_len;
        struct walk w;
        enum elko_drop drop;

        if (n < 1)
                return ELKO_DROP_IP_SHORT;
        if (p[0] >> 4 != 6)
                return ELKO_DROP_IP_VERSION;
        if (n < EK_IPV6_HDR_BYTES)
                return ELKO_DROP_IP_SHORT;
        payload_len = ek_get16be(p + 4);
        fill(p, payload_len, out);
        if (payload_len > n - EK_IPV6_HDR_BYTES)
                return ELKO_DROP_IP_TOTAL_LEN;
        if (!is_ext(p[6]))
                return ELKO_DROP_NONE;
        w = (struct walk){.p = p,
                          .end = EK_IPV6_HDR_BYTES + payload_len,
                          .at = EK_IPV6_HDR_BYTES,
                          .next_at = 6,
                          .next = p[6]};
        drop = walk_chain(&w, out);
        if (drop != ELKO_DROP_NONE)
                return drop;
        out->proto = w.next;
        out->problem_at = (uint16_t)w.next_at;
        out->hdr_len = (uint16_t)w.at;
        out->payload = p + w.at;
        out->payload_len = w.end - w.at;
        return ELKO_DROP_NONE;
}

enum elko_drop ek_ip_parse(const uint8_t *p, size_t n, struct ek_ip_hdr *out)
{
        if (n < 1)
                return ELKO_DROP_IP_SHORT;
        switch (p[0] >> 4) {
        case 4: return ek_ipv4_parse(p, n, out);
        case 6: return ek_ipv6_parse(p, n, out);
        default: return ELKO_DROP_IP_VERSION;
        }
}

/* An address as it goes on the wire: without the link number that we keep in link-local ones (RFC
 * 4291, 2.5.6: those bits are 0). */
static void put_addr(uint8_t *out, const elko_ip *ip)
{
        memcpy(out, ip->b, sizeof(ip->b));
        if (ek_addr_is_v6_link_local(ip))
                ek_put16be(out + 2, 0);
}

size_t ek_ipv6_emit(uint8_t *out, const elko_ip *src, const elko_ip *dst, uint8_t proto,
                    uint8_t ttl, uint8_t tos, uint32_t payload_len)
{
        EK_ASSERT(payload_len <= UINT16_MAX);
        ek_put32be(out, 0x60000000u | (uint32_t)tos << 20);
        ek_put16be(out + 4, (uint16_t)payload_len);
        out[6] = proto;
        out[7] = ttl;
        put_addr(out + 8, src);
        put_addr(out + 24, dst);
        return EK_IPV6_HDR_BYTES;
}
