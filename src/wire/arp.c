/*
 * arp.c - ARP packets.
 *
 * RFC 826: hardware type, protocol type, the two address lengths, operation, then sender and target
 * as (hardware, protocol) pairs. We speak Ethernet and IPv4 only. The hardware type may also be
 * IEEE 802's 6, which some stations use for the same frames (RFC 1122, 2.3.2.1 asks for nothing
 * else).
 */
#include "wire/arp.h"

#include "wire/addr.h"
#include "wire/eth.h"

enum { HW_ETHERNET = 1, HW_IEEE802 = 6 };

/* Can this be the address of one station? */
static bool is_station(const uint8_t *mac)
{
        static const uint8_t zero[ELKO_MAC_BYTES];

        return !ek_eth_is_group(mac) && memcmp(mac, zero, sizeof(zero)) != 0;
}

/* A host's address, or 0.0.0.0 of a probe (RFC 5227, 1.1). */
static bool is_sender(const elko_ip *ip)
{
        return ek_addr_is_unicast(ip) || ek_addr_is_any(ip);
}

enum elko_drop ek_arp_parse(const uint8_t *p, size_t n, struct ek_arp *out)
{
        uint16_t hw;

        if (n < EK_ARP_BYTES)
                return ELKO_DROP_ARP_BAD;
        hw = ek_get16be(p);
        if ((hw != HW_ETHERNET && hw != HW_IEEE802) || ek_get16be(p + 2) != EK_ETH_IPV4 ||
            p[4] != ELKO_MAC_BYTES || p[5] != 4)
                return ELKO_DROP_ARP_BAD;
        out->op = ek_get16be(p + 6);
        if (out->op != EK_ARP_REQUEST && out->op != EK_ARP_REPLY)
                return ELKO_DROP_ARP_BAD;
        memcpy(out->sha, p + 8, ELKO_MAC_BYTES);
        ek_addr_from_v4(&out->spa, p + 14);
        memcpy(out->tha, p + 18, ELKO_MAC_BYTES);
        ek_addr_from_v4(&out->tpa, p + 24);
        return is_station(out->sha) && is_sender(&out->spa) ? ELKO_DROP_NONE : ELKO_DROP_ARP_BAD;
}

size_t ek_arp_emit(uint8_t *out, const struct ek_arp *arp)
{
        ek_put16be(out, HW_ETHERNET);
        ek_put16be(out + 2, EK_ETH_IPV4);
        out[4] = ELKO_MAC_BYTES;
        out[5] = 4;
        ek_put16be(out + 6, arp->op);
        memcpy(out + 8, arp->sha, ELKO_MAC_BYTES);
        memcpy(out + 14, arp->spa.b + 12, 4);
        memcpy(out + 18, arp->tha, ELKO_MAC_BYTES);
        memcpy(out + 24, arp->tpa.b + 12, 4);
        return EK_ARP_BYTES;
}
