/*
 * nd.c - Neighbour Solicitations and Advertisements.
 *
 * RFC 4861, 4.3 and 4.4: ICMPv6 header, a word of flags, the target address, then options as
 * (type, length in units of 8 bytes, value). The hop limit of 255 proves that no router forwarded
 * the message. Validation is RFC 4861's 7.1.1 and 7.1.2, in their order.
 */
#include "wire/nd.h"

#include "wire/addr.h"
#include "wire/eth.h"

enum {
        FIXED_BYTES = 24, /* up to the options */
        OPT_SOURCE_MAC = 1,
        OPT_TARGET_MAC = 2,
        OPT_MAC_UNITS = 1, /* for 6-byte addresses */
        HOP_LIMIT = 255,
};

/* The options in the n bytes at p. Kinds that we don't know are skipped (RFC 4861, 4.6). */
static bool parse_options(const uint8_t *p, uint32_t n, uint8_t wanted, struct ek_nd *out)
{
        uint32_t len;

        while (n > 0) {
                EK_WORK(1);
                len = n < 8 ? 0 : p[1] * 8u;
                if (len == 0 || len > n)
                        return false;
                if (p[0] == wanted && p[1] == OPT_MAC_UNITS) {
                        if (ek_eth_is_group(p + 2))
                                return false;
                        memcpy(out->mac, p + 2, ELKO_MAC_BYTES);
                        out->has_mac = true;
                }
                p += len;
                n -= len;
        }
        return true;
}

/* RFC 4861, 7.1.1: an unspecified source is duplicate address detection. */
static bool solicit_ok(const struct ek_ip_hdr *ip, const struct ek_nd *nd)
{
        elko_ip group = ek_addr_solicited_node(&nd->target);

        if (!ek_addr_is_any(&ip->src))
                return true;
        return ek_addr_equal(&ip->dst, &group) && !nd->has_mac;
}

/* RFC 4861, 7.1.2. */
static bool advert_ok(const struct ek_ip_hdr *ip, const struct ek_nd *nd)
{
        return !(ek_addr_is_multicast(&ip->dst) && (nd->flags & EK_ND_SOLICITED) != 0);
}

enum elko_drop ek_nd_parse(const struct ek_ip_hdr *ip, const struct ek_icmp_msg *msg,
                           struct ek_nd *out)
{
        bool solicit = msg->type == EK_ICMP6_NEIGH_SOLICIT;
        uint8_t wanted = solicit ? OPT_SOURCE_MAC : OPT_TARGET_MAC;

        if (ip->ttl != HOP_LIMIT || msg->code != 0 ||
            msg->body_len < FIXED_BYTES - EK_ICMP_HDR_BYTES)
                return ELKO_DROP_ND_BAD;
        out->type = msg->type;
        out->flags = solicit ? 0 : (uint8_t)(msg->word >> 24);
        out->has_mac = false;
        memcpy(out->target.b, msg->body, sizeof(out->target.b));
        if (!ek_addr_is_unicast(&out->target) || ek_addr_is_v4(&out->target))
                return ELKO_DROP_ND_BAD;
        if (!parse_options(msg->body + 16, msg->body_len - 16, wanted, out))
                return ELKO_DROP_ND_BAD;
        if (!(solicit ? solicit_ok(ip, out) : advert_ok(ip, out)))
                return ELKO_DROP_ND_BAD;
        return ELKO_DROP_NONE;
}

/* Target and option, behind the ICMPv6 header; returns their length. */
static uint32_t put_body(uint8_t *p, const struct ek_nd *nd)
{
        memcpy(p, nd->target.b, 16);
        if (ek_addr_is_v6_link_local(&nd->target))
                ek_put16be(p + 2, 0);
        if (!nd->has_mac)
                return 16;
        p[16] = nd->type == EK_ICMP6_NEIGH_SOLICIT ? OPT_SOURCE_MAC : OPT_TARGET_MAC;
        p[17] = OPT_MAC_UNITS;
        memcpy(p + 18, nd->mac, ELKO_MAC_BYTES);
        return 24;
}

size_t ek_nd_emit(uint8_t *out, const elko_ip *src, const elko_ip *dst, const struct ek_nd *nd)
{
        struct ek_icmp_msg msg = {.type = nd->type, .word = (uint32_t)nd->flags << 24};

        msg.body_len = put_body(out + EK_ICMP_HDR_BYTES, nd);
        return ek_icmp6_emit(out, src, dst, &msg);
}
