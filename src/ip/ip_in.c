/*
 * ip_in.c - a packet comes in.
 *
 * The steps of RFC 1122, 3.2.1.3 and 3.3, each of which may end the packet's way with a reason:
 *
 *      link header     is the frame for this station?
 *      IP header       does it add up? (wire/ipv4.c, wire/ipv6.c)
 *      addresses       can a packet have this source; is the destination us?
 *      protocol        TCP goes up, ICMP is handled, the rest is refused
 *
 * Martians (RFC 1812, 5.3.7) are refused before anything is answered or remembered: sources that
 * are no host or are ourselves, destinations that never appear on a link. IPv6 packets that carry
 * IPv4-mapped addresses would be mistaken for IPv4 inside, and may not be on the wire (RFC 4291,
 * 2.5.5.2 leaves them to APIs).
 *
 * Groups: an IPv6 host listens to all-nodes and the solicited-node groups of its addresses (RFC 4291,
 * 2.8), for ICMPv6 only; an IPv4 group or broadcast address concerns nothing that we speak.
 */
#include "ip/ip_in.h"

#include "ip/ip.h"
#include "wire/eth.h"
#include "wire/icmp6.h"
#include "wire/udp.h"

/* Where an IP packet goes. */
enum target { NOT_OURS, UNICAST, GROUP };

static enum ek_ip_verdict dropped(struct ek_ipstack *ip, struct ek_ip_in *in, enum elko_drop why)
{
        EK_ASSERT(why != ELKO_DROP_NONE);
        in->drop = why;
        ip->ctr->drops[why]++;
        return EK_IP_DROPPED;
}

/* ---- addresses ---- */

/* An IPv6 source of :: is right in duplicate address detection only (RFC 4862, 5.4.2). */
static bool is_dad(const struct ek_ip_hdr *h)
{
        return h->version == 6 && ek_addr_is_any(&h->src) && h->proto == EK_PROTO_ICMP6 &&
               h->payload_len > 0 && h->payload[0] == EK_ICMP6_NEIGH_SOLICIT;
}

/* Does the address fit its packet's version, and a link-local one leave its middle bits 0? */
static bool form_ok(const elko_ip *addr, uint8_t version)
{
        if (ek_addr_is_v4(addr) != (version == 4))
                return false;
        return !ek_addr_is_v6_link_local(addr) || ek_get16be(addr->b + 2) == 0;
}

/* RFC 1122, 3.2.1.3; RFC 1812, 5.3.7; RFC 4291, 2.5.2, 2.5.3, 2.7. Scopes are embedded. [RFC9293 MUST-63] */
static bool source_ok(const struct ek_ipstack *ip, const struct ek_ip_hdr *h)
{
        if (!ek_addr_is_unicast(&h->src))
                return is_dad(h);
        return ek_ip_classify(ip, &h->src) == EK_IP_UNKNOWN;
}

static bool is_zero_net(const elko_ip *addr)
{
        return ek_addr_is_v4(addr) ? addr->b[12] == 0 : ek_addr_is_any(addr);
}

/* RFC 4291, 2.8: the groups that every host is in. */
static bool listens_to(const struct ek_ipstack *ip, elko_link link, const elko_ip *group)
{
        static const elko_ip node_local = {{0xff, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
        static const elko_ip link_local = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
        elko_ip solicited;

        if (ek_addr_equal(group, &node_local) || ek_addr_equal(group, &link_local))
                return true;
        for (uint32_t i = 0; i < ip->n_addrs; i++) {
                EK_WORK(1);
                solicited = ek_addr_solicited_node(&ip->addr[i].ip);
                if (ip->addr[i].link == link && !ek_addr_is_v4(&ip->addr[i].ip) &&
                    ek_addr_equal(group, &solicited))
                        return true;
        }
        return false;
}

static enum elko_drop group_target(const struct ek_ipstack *ip, const struct ek_ip_in *in,
                                   enum target *target)
{
        const struct ek_ip_hdr *h = &in->hdr;

        *target = GROUP;
        if (h->version == 6 && h->proto == EK_PROTO_ICMP6 && listens_to(ip, in->link, &h->dst))
                return ELKO_DROP_NONE;
        return ELKO_DROP_IP_MULTICAST;
}

/* A destination that is no address of ours. [RFC9293 MUST-57] */
static enum elko_drop foreign_target(const struct ek_ipstack *ip, const struct ek_ip_in *in,
                                     enum target *target)
{
        const elko_ip *dst = &in->hdr.dst;

        if (is_zero_net(dst) || ek_addr_is_loopback(dst))
                return ELKO_DROP_IP_MARTIAN;
        if (ek_addr_is_multicast(dst))
                return group_target(ip, in, target);
        if (ek_addr_is_broadcast(dst))
                return ELKO_DROP_IP_MULTICAST;
        if ((ip->iface[in->link - 1].cfg.flags & ELKO_LINK_ANY_IP) == 0)
                return ELKO_DROP_IP_NOT_MINE;
        *target = UNICAST;
        return ELKO_DROP_NONE;
}

/* What the destination is to us; `link_group`: the frame came to a group. [RFC9293 MUST-57] */
static enum elko_drop classify_target(const struct ek_ipstack *ip, const struct ek_ip_in *in,
                                      bool link_group, enum target *target)
{
        enum elko_drop drop = ELKO_DROP_NONE;

        *target = UNICAST;
        switch (ek_ip_classify(ip, &in->hdr.dst)) {
        case EK_IP_OURS: break;
        case EK_IP_BROADCAST: return ELKO_DROP_IP_MULTICAST;
        case EK_IP_UNKNOWN: drop = foreign_target(ip, in, target); break;
        }
        if (drop == ELKO_DROP_NONE && *target == UNICAST && link_group)
                return ELKO_DROP_IP_MULTICAST; /* RFC 1122, 3.3.6: silently */
        return drop;
}

static enum elko_drop check_addresses(const struct ek_ipstack *ip, struct ek_ip_in *in,
                                      bool link_group, enum target *target)
{
        struct ek_ip_hdr *h = &in->hdr;

        *target = NOT_OURS;
        if (!form_ok(&h->src, h->version) || !form_ok(&h->dst, h->version))
                return ELKO_DROP_IP_MARTIAN;
        ek_ip_embed_scope(&h->src, in->link);
        ek_ip_embed_scope(&h->dst, in->link);
        if (!source_ok(ip, h))
                return ELKO_DROP_IP_MARTIAN;
        return classify_target(ip, in, link_group, target);
}

/* ---- protocols ---- */

static enum ek_ip_verdict icmp_in(struct ek_ipstack *ip, struct ek_ip_in *in, bool group,
                                  uint64_t now)
{
        bool error;
        enum elko_drop drop = ek_icmp_in(ip, in, group, &error, now);

        if (drop != ELKO_DROP_NONE)
                return dropped(ip, in, drop);
        return error ? EK_IP_ICMP_ERROR : EK_IP_CONSUMED;
}

/* RFC 1122, 4.1.3.1; RFC 4443, 3.1: nobody listens on any port. */
static enum ek_ip_verdict udp_in(struct ek_ipstack *ip, struct ek_ip_in *in, uint64_t now)
{
        struct ek_udp_hdr udp;
        enum elko_drop drop = ek_udp_parse(&in->hdr, in->csum_ok, &udp);

        if (drop != ELKO_DROP_NONE)
                return dropped(ip, in, drop);
        ek_icmp_send_port_unreachable(ip, in, now);
        return dropped(ip, in, ELKO_DROP_UDP_NO_PORT);
}

/* RFC 1122, 3.2.2.1; RFC 4443, 3.4. The other family's ICMP may be an error: it gets no answer. */
static enum ek_ip_verdict unknown_in(struct ek_ipstack *ip, struct ek_ip_in *in, uint64_t now)
{
        if (in->hdr.proto != EK_PROTO_NONE && in->hdr.proto != EK_PROTO_ICMP &&
            in->hdr.proto != EK_PROTO_ICMP6)
                ek_icmp_send_proto_unreachable(ip, in, now);
        return dropped(ip, in, ELKO_DROP_IP_PROTOCOL);
}

static enum ek_ip_verdict protocol_in(struct ek_ipstack *ip, struct ek_ip_in *in,
                                      enum target target, uint64_t now)
{
        uint8_t icmp = in->hdr.version == 4 ? EK_PROTO_ICMP : EK_PROTO_ICMP6;

        EK_ASSERT(target != NOT_OURS);
        if (in->hdr.proto == EK_PROTO_TCP)
                return EK_IP_TCP;
        if (in->hdr.proto == icmp)
                return icmp_in(ip, in, target == GROUP, now);
        if (in->hdr.proto == EK_PROTO_UDP)
                return udp_in(ip, in, now);
        return unknown_in(ip, in, now);
}

/* ---- packets and frames ---- */

/* The IP packet in the n bytes at p, of either version. */
static enum ek_ip_verdict packet_in(struct ek_ipstack *ip, struct ek_ip_in *in, const uint8_t *p,
                                    uint32_t n, bool link_group, uint64_t now)
{
        enum elko_drop broken = ek_ip_parse(p, n, &in->hdr), drop;
        enum target target;

        if (broken != ELKO_DROP_NONE && in->hdr.problem == EK_PROBLEM_NONE)
                return dropped(ip, in, broken);
        drop = check_addresses(ip, in, link_group, &target);
        if (broken != ELKO_DROP_NONE) {
                if (drop == ELKO_DROP_NONE && target == UNICAST)
                        ek_icmp_send_param_problem(ip, in, now);
                return dropped(ip, in, broken);
        }
        if (drop != ELKO_DROP_NONE)
                return dropped(ip, in, drop);
        return protocol_in(ip, in, target, now);
}

static enum ek_ip_verdict arp_in(struct ek_ipstack *ip, struct ek_ip_in *in,
                                 const struct ek_eth_hdr *eth, uint64_t now)
{
        struct ek_arp arp;
        enum elko_drop drop = ek_arp_parse(eth->payload, eth->payload_len, &arp);

        if (drop == ELKO_DROP_NONE)
                drop = ek_neigh_arp_in(ip, in->link, &arp, now);
        return drop == ELKO_DROP_NONE ? EK_IP_CONSUMED : dropped(ip, in, drop);
}

/* The EtherType has to agree with the version in the packet. */
static bool version_ok(const struct ek_eth_hdr *eth)
{
        uint8_t version = eth->type == EK_ETH_IPV4 ? 4 : 6;

        return eth->payload_len == 0 || eth->payload[0] >> 4 == version;
}

static enum ek_ip_verdict frame_in(struct ek_ipstack *ip, struct ek_ip_in *in,
                                   const struct elko_packet *pkt, uint64_t now)
{
        const uint8_t *ours = ip->iface[in->link - 1].cfg.mac;
        struct ek_eth_hdr eth;
        enum elko_drop drop = ek_eth_parse(pkt->data, pkt->len, &eth);
        bool group;

        if (drop != ELKO_DROP_NONE)
                return dropped(ip, in, drop);
        group = ek_eth_is_group(eth.dst);
        if (!group && memcmp(eth.dst, ours, ELKO_MAC_BYTES) != 0)
                return dropped(ip, in, ELKO_DROP_ETH_NOT_MINE);
        switch (eth.type) {
        case EK_ETH_ARP: return arp_in(ip, in, &eth, now);
        case EK_ETH_IPV4:
        case EK_ETH_IPV6:
                if (!version_ok(&eth))
                        return dropped(ip, in, ELKO_DROP_IP_VERSION);
                return packet_in(ip, in, eth.payload, eth.payload_len, group, now);
        default: return dropped(ip, in, ELKO_DROP_ETH_TYPE);
        }
}

enum ek_ip_verdict ek_ip_input(struct ek_ipstack *ip, elko_link link, const struct elko_packet *pkt,
                               uint64_t now, struct ek_ip_in *out)
{
        const struct elko_link_config *cfg = ek_ip_link(ip, link);

        out->link = link;
        out->drop = ELKO_DROP_NONE;
        out->csum_ok = (pkt->flags & ELKO_PACKET_CSUM_OK) != 0;
        out->gso_size = pkt->gso_size;
        out->hdr.problem = EK_PROBLEM_NONE;
        if (cfg == NULL)
                return dropped(ip, out, ELKO_DROP_IP_NOT_MINE);
        switch (cfg->medium) {
        case ELKO_MEDIUM_IP: return packet_in(ip, out, pkt->data, pkt->len, false, now);
        case ELKO_MEDIUM_ETHERNET: return frame_in(ip, out, pkt, now);
        }
        return dropped(ip, out, ELKO_DROP_IP_NOT_MINE);
}
