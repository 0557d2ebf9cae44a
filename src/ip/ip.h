/*
 * ip.h - the internet layer of one stack: links, addresses, and what the other headers add.
 *
 * Everything that takes or returns an address here has the link number embedded in bytes 2..3 of
 * IPv6 link-local addresses (fe80::/10), as KAME did: one 16-byte key is then enough to tell apart
 * equal addresses on two links (RFC 4007, 6). On the wire those bytes are 0.
 *
 * Link numbers are 1..n. An argument `link` that was not given out by ek_ip_link_attach() is
 * answered with an error or "no", never with a crash.
 */
#ifndef EK_IP_IP_H
#define EK_IP_IP_H

#include "base/list.h"
#include "base/port.h"
#include "base/region.h"

#include "wire/addr.h"

#include "ip/icmp.h"
#include "ip/ip_in.h"
#include "ip/ip_out.h"
#include "ip/limiter.h"
#include "ip/neigh.h"
#include "ip/pmtu.h"
#include "ip/route.h"

#include <elko/info.h>
#include <elko/link.h>
#include <elko/types.h>

/* Sizes of the tables. links 1..64, addresses 1..256, routes 1..1024 (each address needs one for its
 * network), neighbours 4..65535, replies >= 1. */
struct ek_ip_limits {
        uint32_t links, addresses, routes, neighbours, replies;
};

struct ek_ip_iface {
        struct elko_link_config cfg;
        struct ek_list queue;    /* struct ek_reply: control packets to send */
        struct ek_list solicits; /* struct ek_neigh (want): who is to be asked */
};

struct ek_ip_addr {
        elko_ip ip;
        uint8_t bits; /* prefix length of the 16-byte form, 0..128 */
        elko_link link;
};

/* Every address that means something to this host, sorted: ours, and our subnets' broadcasts. */
enum ek_ip_known_kind { EK_IP_UNKNOWN, EK_IP_BROADCAST, EK_IP_OURS };

struct ek_ip_known {
        uint64_t hi, lo; /* the address */
        uint8_t kind;    /* enum ek_ip_known_kind */
        elko_link link;
};

struct ek_ipstack {
        struct ek_region *region;
        struct elko_counters *ctr;

        struct ek_ip_iface *iface; /* link number - 1 */
        uint32_t n_ifaces, max_ifaces;

        struct ek_ip_addr *addr; /* in order of addition */
        uint32_t n_addrs, max_addrs;
        struct ek_ip_known *known;
        uint32_t n_known;

        struct ek_route_table route;
        struct ek_neigh_table neigh;
        struct ek_pmtu_table pmtu;
        struct ek_icmp_state icmp;
        struct ek_ctl ctl;
        struct ek_limiter error_limit; /* ICMP errors that we send */

        /* Waiters of ek_neigh_resolve() whose neighbour answered, or did not. The stack drains
         * them. */
        struct ek_list ready, failed;
};

/*
 * Make the internet layer; all tables are allocated from `r` now, larger control packets later. The
 * seed is copied, `r` and `ctr` are borrowed. `ip` must not move afterwards. Returns false when a
 * limit is out of range or the region is full: nothing is given back then.
 */
bool ek_ipstack_init(struct ek_ipstack *ip, struct ek_region *r, const struct ek_ip_limits *lim,
                     const uint8_t seed[16], struct elko_counters *ctr, uint64_t now);

/* Bytes that ek_ipstack_init() allocates, with `block` the region's smallest block. */
size_t ek_ipstack_bytes(const struct ek_ip_limits *lim, size_t block);

/* Returns the link's number, 1.., or EINVAL (medium, MTU below 576, group MAC, name) or ELIMIT. */
int ek_ip_link_attach(struct ek_ipstack *ip, const struct elko_link_config *cfg);

/* NULL: no such link. Valid as long as the stack. */
const struct elko_link_config *ek_ip_link(const struct ek_ipstack *ip, elko_link link);

/*
 * One of our addresses, and a route to its network over the link. prefix_len counts bits in the
 * address's family. A link-local IPv6 address gets its scope from the link. Errors: EINVAL (not a
 * unicast address, the network's broadcast address, link, length, IPv6 on an MTU below 1280),
 * EEXIST, ELIMIT.
 */
int ek_ip_addr_add(struct ek_ipstack *ip, elko_link link, const elko_ip *addr, unsigned prefix_len,
                   uint64_t now);

/* Is it one of our unicast addresses? (What an any-IP link takes is not.) O(log addresses). */
bool ek_ip_is_local(const struct ek_ipstack *ip, const elko_ip *addr);

/* Is it one of our unicast addresses on that link? */
bool ek_ip_is_local_on(const struct ek_ipstack *ip, elko_link link, const elko_ip *addr);

/* What is it to us? O(log addresses). */
enum ek_ip_known_kind ek_ip_classify(const struct ek_ipstack *ip, const elko_ip *addr);

/* Our address on `link` to ask for, or speak to, `peer` from (same family; IPv6 link-local first);
 * false: there is none. */
bool ek_ip_addr_on(const struct ek_ipstack *ip, elko_link link, const elko_ip *peer, elko_ip *out);

/* Put the link number into an IPv6 link-local address. Others are left alone. */
static inline void ek_ip_embed_scope(elko_ip *addr, uint16_t scope)
{
        if (ek_addr_is_v6_link_local(addr))
                ek_put16be(addr->b + 2, scope);
}

/* Take it out again, and return it; 0 for other addresses. */
static inline uint16_t ek_ip_strip_scope(elko_ip *addr)
{
        uint16_t scope = 0;

        if (ek_addr_is_v6_link_local(addr)) {
                scope = ek_get16be(addr->b + 2);
                ek_put16be(addr->b + 2, 0);
        }
        return scope;
}

/* When ek_ip_advance() is due; EK_NEVER: nothing is pending. O(1). */
uint64_t ek_ip_next_deadline(const struct ek_ipstack *ip);

/* Do what is due by `now`. Waiters may turn up in ip->ready and ip->failed, control packets in
 * ek_ip_ctl_has(). */
void ek_ip_advance(struct ek_ipstack *ip, uint64_t now);

/* NULL, or the text of the broken invariant. Slow. */
const char *ek_ipstack_check(const struct ek_ipstack *ip);
/* Its parts: what changes only with ek_route_gen(), what changes with ctl.changes (ek_ctl_check() in
 * ip_out.h), and the rest. */
const char *ek_ipstack_check_tables(const struct ek_ipstack *ip);
const char *ek_ipstack_check_state(const struct ek_ipstack *ip);

#endif
