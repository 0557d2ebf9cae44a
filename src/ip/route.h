/*
 * route.h - over which link and neighbour, and with which source address.
 */
#ifndef EK_IP_ROUTE_H
#define EK_IP_ROUTE_H

#include "base/port.h"

#include <elko/link.h>
#include <elko/types.h>

struct ek_ipstack;

/* Result of a lookup; stays right while ek_route_gen() == gen. */
struct ek_route {
        elko_link link;
        elko_ip next_hop; /* the destination itself, or a gateway */
        uint16_t mtu;     /* of the link; ek_pmtu_get() knows about the path */
        uint32_t gen;
};

/* One line of the table. */
struct ek_route_entry {
        elko_ip prefix;
        elko_ip gateway; /* any: on-link */
        uint8_t bits;    /* 0..128, of the 16-byte form */
        bool v4, has_gateway;
        elko_link link;
};

/* Sorted by bits, longest first; equal lengths in order of entry. */
struct ek_route_table {
        struct ek_route_entry *entry;
        uint32_t n, limit;
        uint32_t gen;
};

/*
 * Longest-prefix match. A link-local IPv6 dst goes out on the link embedded in it, or on `scope`, or
 * on the only link there is; for other destinations a nonzero `scope` restricts the choice to
 * that link. O(routes). Returns 0 or ELKO_ENETUNREACH, for loopback and unspecified addresses, too.
 */
int ek_route_lookup(const struct ek_ipstack *ip, const elko_ip *dst, uint16_t scope,
                    struct ek_route *out);

/*
 * One of our addresses to speak to dst from: of its family, on the link that the route leads to
 * (else on any), of its scope, sharing the longest prefix (RFC 6724, 5: rules 2, 5 and 8). Returns 0
 * or ELKO_EADDRNOTAVAIL, ELKO_ENETUNREACH.
 */
int ek_ip_source_select(const struct ek_ipstack *ip, const elko_ip *dst, uint16_t scope,
                        elko_ip *src);

/*
 * Enter a route; prefix_len counts bits in the family of the prefix, bits beyond it are ignored.
 * gateway NULL: on-link. Errors: EINVAL (link, length, family or kind of the gateway), EEXIST,
 * ELIMIT.
 */
int ek_ip_route_add(struct ek_ipstack *ip, const elko_ip *prefix, unsigned prefix_len,
                    elko_link link, const elko_ip *gateway);

/* Changes whenever a cached ek_route may have become wrong. */
uint32_t ek_route_gen(const struct ek_ipstack *ip);

/* NULL, or the broken invariant. */
const char *ek_route_check(const struct ek_ipstack *ip);

#endif
