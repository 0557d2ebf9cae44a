/*
 * route.c - routes and source addresses.
 *
 * RFC 1122, 3.3.1: of the routes that match the destination the one with the longest prefix counts.
 * The table is sorted by prefix length, so that the first match is the longest; a host has a handful
 * of routes, and connections remember the answer until the table's generation changes.
 *
 * Mapped addresses make IPv4 prefixes 96 bits longer. "::/0" must not catch IPv4 for that: an entry
 * matches destinations of its own family only.
 *
 * Link-local IPv6 destinations need no entry: they are on the link that is embedded in them (RFC 4861,
 * 5.1: the link-local prefix is on-link, always).
 */
#include "ip/route.h"

#include "ip/ip.h"

/* ---- lookup ---- */

static void answer(const struct ek_ipstack *ip, elko_link link, const elko_ip *next_hop,
                   struct ek_route *out)
{
        out->link = link;
        out->next_hop = *next_hop;
        out->mtu = ek_ip_link(ip, link)->mtu;
        out->gen = ip->route.gen;
}

/* The link of a destination that only a link gives meaning to: the embedded one, `scope`, or the only
 * one there is. */
static elko_link scope_link(const struct ek_ipstack *ip, uint16_t embedded, uint16_t scope)
{
        if (embedded != 0)
                return embedded;
        if (scope != 0)
                return scope;
        return ip->n_ifaces == 1 ? 1 : ELKO_LINK_NONE;
}

static int lookup_scoped(const struct ek_ipstack *ip, const elko_ip *dst, uint16_t embedded,
                         uint16_t scope, struct ek_route *out)
{
        elko_link link = scope_link(ip, embedded, scope);
        elko_ip next_hop = *dst;

        if (ek_ip_link(ip, link) == NULL)
                return ELKO_ENETUNREACH;
        ek_ip_embed_scope(&next_hop, link);
        answer(ip, link, &next_hop, out);
        return 0;
}

static bool matches(const struct ek_route_entry *e, const elko_ip *dst, bool v4, uint16_t scope)
{
        return e->v4 == v4 && (scope == 0 || e->link == scope) &&
               ek_addr_prefix_match(&e->prefix, dst, e->bits);
}

int ek_route_lookup(const struct ek_ipstack *ip, const elko_ip *dst, uint16_t scope,
                    struct ek_route *out)
{
        bool v4 = ek_addr_is_v4(dst);
        const struct ek_route_entry *e;

        /* RFC 1122, 3.2.1.3 (a), (g); RFC 4291, 2.5.2, 2.5.3: never on a link. */
        if (ek_addr_is_any(dst) || ek_addr_is_loopback(dst))
                return ELKO_ENETUNREACH;
        if (ek_addr_is_v6_link_local(dst))
                return lookup_scoped(ip, dst, ek_get16be(dst->b + 2), scope, out);
        if (!v4 && ek_addr_is_multicast(dst))
                return lookup_scoped(ip, dst, 0, scope, out);
        for (uint32_t i = 0; i < ip->route.n; i++) {
                EK_WORK(1);
                e = &ip->route.entry[i];
                if (matches(e, dst, v4, scope)) {
                        answer(ip, e->link, e->has_gateway ? &e->gateway : dst, out);
                        return 0;
                }
        }
        return ELKO_ENETUNREACH;
}

uint32_t ek_route_gen(const struct ek_ipstack *ip)
{
        return ip->route.gen;
}

/* ---- source selection ---- */

/* RFC 6724, 5, for one candidate: 0: unusable, else the more the better. */
static uint32_t score(const struct ek_ip_addr *a, const elko_ip *dst, elko_link link)
{
        bool v4 = ek_addr_is_v4(dst);
        bool local_dst = ek_addr_is_link_local(dst), local_src = ek_addr_is_link_local(&a->ip);
        uint32_t common;

        if (ek_addr_is_v4(&a->ip) != v4)
                return 0;
        if (!v4 && local_src && (!local_dst || a->link != link))
                return 0; /* rule 2: a smaller scope than the destination's, or another zone */
        common = ek_min_u32(ek_addr_common_bits(&a->ip, dst), a->bits); /* rule 8 */
        return 1 + common + (local_src == local_dst ? 256u : 0) + (a->link == link ? 512u : 0);
}

int ek_ip_source_select(const struct ek_ipstack *ip, const elko_ip *dst, uint16_t scope,
                        elko_ip *src)
{
        const struct ek_ip_addr *best = NULL;
        uint32_t best_score = 0, s;
        struct ek_route route;
        elko_ip key = *dst;

        if (ek_route_lookup(ip, dst, scope, &route) != 0)
                return ELKO_ENETUNREACH;
        ek_ip_embed_scope(&key, route.link);
        for (uint32_t i = 0; i < ip->n_addrs; i++) {
                EK_WORK(1);
                s = score(&ip->addr[i], &key, route.link);
                if (s > best_score) {
                        best_score = s;
                        best = &ip->addr[i];
                }
        }
        if (best == NULL)
                return ELKO_EADDRNOTAVAIL;
        *src = best->ip;
        return 0;
}

/* ---- change ---- */

static bool same_route(const struct ek_route_entry *a, const struct ek_route_entry *b)
{
        return a->v4 == b->v4 && a->bits == b->bits && a->link == b->link &&
               ek_addr_equal(&a->prefix, &b->prefix);
}

/* Puts it behind all entries that are as long or longer. */
static int insert(struct ek_route_table *t, const struct ek_route_entry *e)
{
        uint32_t at = t->n;

        for (uint32_t i = 0; i < t->n; i++)
                if (same_route(&t->entry[i], e))
                        return ELKO_EEXIST;
        if (t->n == t->limit)
                return ELKO_ELIMIT;
        for (; at > 0 && t->entry[at - 1].bits < e->bits; at--)
                t->entry[at] = t->entry[at - 1];
        t->entry[at] = *e;
        t->n++;
        t->gen++;
        return 0;
}

/* May it stand for a router on that link? */
static bool gateway_ok(const struct ek_ipstack *ip, const elko_ip *gateway, bool v4)
{
        return ek_addr_is_v4(gateway) == v4 && ek_addr_is_unicast(gateway) &&
               !ek_ip_is_local(ip, gateway);
}

int ek_ip_route_add(struct ek_ipstack *ip, const elko_ip *prefix, unsigned prefix_len,
                    elko_link link, const elko_ip *gateway)
{
        bool v4 = ek_addr_is_v4(prefix);
        struct ek_route_entry e = {.v4 = v4, .link = link, .has_gateway = gateway != NULL};
        unsigned bits = prefix_len + (v4 ? EK_ADDR_V4_BITS : 0);

        if (ek_ip_link(ip, link) == NULL || prefix_len > (v4 ? 32u : 128u))
                return ELKO_EINVAL;
        e.bits = (uint8_t)bits;
        e.prefix = *prefix;
        ek_ip_embed_scope(&e.prefix, link);
        e.prefix = ek_addr_mask(&e.prefix, bits, false);
        if (gateway != NULL) {
                e.gateway = *gateway;
                ek_ip_embed_scope(&e.gateway, link);
                if (!gateway_ok(ip, &e.gateway, v4))
                        return ELKO_EINVAL;
        }
        return insert(&ip->route, &e);
}

const char *ek_route_check(const struct ek_ipstack *ip)
{
        const struct ek_route_table *t = &ip->route;
        elko_ip masked;

        if (t->n > t->limit)
                return "route: more entries than the limit";
        for (uint32_t i = 0; i < t->n; i++) {
                masked = ek_addr_mask(&t->entry[i].prefix, t->entry[i].bits, false);
                if (!ek_addr_equal(&masked, &t->entry[i].prefix))
                        return "route: bits set beyond the prefix";
                if (i > 0 && t->entry[i - 1].bits < t->entry[i].bits)
                        return "route: not sorted by length";
                if (ek_ip_link(ip, t->entry[i].link) == NULL)
                        return "route: no such link";
        }
        return NULL;
}
