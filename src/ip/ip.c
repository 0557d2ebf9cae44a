/*
 * ip.c - links and addresses.
 *
 * A host's addresses are looked up twice for every packet: is the destination ours, and is the source
 * one that can't be (ours, or a subnet's broadcast address; RFC 1122, 3.2.1.3)? Both questions are
 * answered by one sorted table of every address that means something to us, with its meaning. It is
 * derived from the list of addresses, which stays in order of addition because source selection
 * prefers the first of equals.
 *
 * We are a weak host (RFC 1122, 3.3.4.2): a packet for one of our addresses is ours on whichever
 * link it comes. IPv6 link-local addresses carry their link in them and so are strong.
 *
 * Deviation: no duplicate address detection (RFC 4862, 5.4; RFC 5227, 2.1). Addresses are configured
 * by whoever runs the stack, and are in use at once.
 */
#include "ip/ip.h"

#include "base/bits.h"
#include "base/rng.h"
#include "wire/eth.h"

enum {
        MAX_LINKS = 64,
        MAX_ADDRS = 256,
        MAX_ROUTES = 1024,
        MIN_NEIGHBOURS = 4,
        MAX_NEIGHBOURS = 65535,
        MIN_MTU = 576, /* RFC 1122, 3.3.2: every host can receive that much */

        KNOWN_PER_ADDR = 3,    /* the address, and the subnet's two broadcast addresses */
        RNG_STREAM = 0x69702e, /* of the seed, ours alone */
        ERROR_BURST = 6,
};

#define ERROR_INTERVAL_NS ELKO_MS(100)

/* ---- init ---- */

static bool limits_ok(const struct ek_ip_limits *lim)
{
        return lim->links >= 1 && lim->links <= MAX_LINKS && lim->addresses >= 1 &&
               lim->addresses <= MAX_ADDRS && lim->routes >= 1 && lim->routes <= MAX_ROUTES &&
               lim->neighbours >= MIN_NEIGHBOURS && lim->neighbours <= MAX_NEIGHBOURS &&
               lim->replies >= 1 && lim->replies <= UINT16_MAX;
}

static bool alloc_tables(struct ek_ipstack *ip, const struct ek_ip_limits *lim)
{
        struct ek_region *r = ip->region;

        ip->max_ifaces = lim->links;
        ip->max_addrs = lim->addresses;
        ip->route.limit = lim->routes;
        ip->iface = ek_region_alloc(r, lim->links * sizeof(*ip->iface));
        ip->addr = ek_region_alloc(r, lim->addresses * sizeof(*ip->addr));
        ip->known = ek_region_alloc(r, lim->addresses * KNOWN_PER_ADDR * sizeof(*ip->known));
        ip->route.entry = ek_region_alloc(r, lim->routes * sizeof(*ip->route.entry));
        ip->icmp.answer = ek_region_alloc(r, EK_ICMP_ECHO_QUEUE * sizeof(*ip->icmp.answer));
        return ip->iface != NULL && ip->addr != NULL && ip->known != NULL &&
               ip->route.entry != NULL && ip->icmp.answer != NULL;
}

static struct ek_siphash_key draw_key(struct ek_rng *rng)
{
        uint8_t bytes[16];

        ek_rng_fill(rng, bytes, sizeof(bytes));
        return ek_siphash_key(bytes);
}

bool ek_ipstack_init(struct ek_ipstack *ip, struct ek_region *r, const struct ek_ip_limits *lim,
                     const uint8_t seed[16], struct elko_counters *ctr, uint64_t now)
{
        struct ek_siphash_key key;
        struct ek_rng rng;

        (void)now;
        memset(ip, 0, sizeof(*ip));
        ip->region = r;
        ip->ctr = ctr;
        ip->route.gen = 1;
        ek_list_init(&ip->ready);
        ek_list_init(&ip->failed);
        ek_rng_init(&rng, seed, RNG_STREAM);
        key = draw_key(&rng);
        ek_pmtu_init(&ip->pmtu, &key);
        key = draw_key(&rng);
        ek_limiter_init(&ip->error_limit, &key, ERROR_INTERVAL_NS, ERROR_BURST);
        key = draw_key(&rng);
        return limits_ok(lim) && alloc_tables(ip, lim) &&
               ek_neigh_init(&ip->neigh, r, lim->neighbours, &key, ek_rng_u64(&rng)) &&
               ek_ctl_init(ip, lim->replies);
}

static size_t block_of(size_t bytes, size_t block)
{
        return (size_t)ek_ceil_pow2_u64(bytes < block ? block : bytes);
}

size_t ek_ipstack_bytes(const struct ek_ip_limits *lim, size_t block)
{
        const struct ek_ipstack *ip = NULL;
        size_t n = lim->neighbours;

        return block_of(lim->links * sizeof(*ip->iface), block) +
               block_of(lim->addresses * sizeof(*ip->addr), block) +
               block_of(lim->addresses * KNOWN_PER_ADDR * sizeof(*ip->known), block) +
               block_of(lim->routes * sizeof(*ip->route.entry), block) +
               block_of(EK_ICMP_ECHO_QUEUE * sizeof(*ip->icmp.answer), block) +
               block_of(n * sizeof(*ip->neigh.entry), block) +
               block_of((size_t)ek_ceil_pow2_u64(n) * sizeof(*ip->neigh.bucket), block) +
               block_of(lim->replies * sizeof(*ip->ctl.reply), block) +
               block_of(EK_SOLICIT_FRAMES * sizeof(*ip->ctl.solicit), block);
}

/* ---- links ---- */

static bool link_ok(const struct elko_link_config *cfg)
{
        if (cfg->mtu < MIN_MTU || cfg->name[sizeof(cfg->name) - 1] != '\0')
                return false;
        switch (cfg->medium) {
        case ELKO_MEDIUM_IP: return true;
        case ELKO_MEDIUM_ETHERNET: return !ek_eth_is_group(cfg->mac);
        }
        return false;
}

int ek_ip_link_attach(struct ek_ipstack *ip, const struct elko_link_config *cfg)
{
        struct ek_ip_iface *iface;

        if (!link_ok(cfg))
                return ELKO_EINVAL;
        if (ip->n_ifaces == ip->max_ifaces)
                return ELKO_ELIMIT;
        iface = &ip->iface[ip->n_ifaces++];
        iface->cfg = *cfg;
        ek_list_init(&iface->queue);
        ek_list_init(&iface->solicits);
        ip->route.gen++; /* "the only link there is" may have changed */
        return (int)ip->n_ifaces;
}

const struct elko_link_config *ek_ip_link(const struct ek_ipstack *ip, elko_link link)
{
        return link >= 1 && link <= ip->n_ifaces ? &ip->iface[link - 1].cfg : NULL;
}

/* ---- the table of known addresses ---- */

/* Where (hi, lo) is or would be. */
static uint32_t known_at(const struct ek_ipstack *ip, uint64_t hi, uint64_t lo)
{
        uint32_t from = 0, to = ip->n_known, mid;
        const struct ek_ip_known *k;

        while (from < to) {
                EK_WORK(1);
                mid = (from + to) / 2;
                k = &ip->known[mid];
                if (k->hi < hi || (k->hi == hi && k->lo < lo))
                        from = mid + 1;
                else
                        to = mid;
        }
        return from;
}

static const struct ek_ip_known *known_find(const struct ek_ipstack *ip, const elko_ip *addr)
{
        uint64_t hi = ek_addr_hi(addr), lo = ek_addr_lo(addr);
        uint32_t at = known_at(ip, hi, lo);

        if (at == ip->n_known || ip->known[at].hi != hi || ip->known[at].lo != lo)
                return NULL;
        return &ip->known[at];
}

/* Enter a meaning; of two the stronger stays: OURS before BROADCAST. */
static void known_put(struct ek_ipstack *ip, const elko_ip *addr, enum ek_ip_known_kind kind,
                      elko_link link)
{
        uint64_t hi = ek_addr_hi(addr), lo = ek_addr_lo(addr);
        uint32_t at = known_at(ip, hi, lo);
        struct ek_ip_known *k = &ip->known[at];

        if (at < ip->n_known && k->hi == hi && k->lo == lo) {
                if (kind <= k->kind)
                        return;
        } else {
                EK_ASSERT(ip->n_known < ip->max_addrs * KNOWN_PER_ADDR);
                memmove(k + 1, k, (ip->n_known - at) * sizeof(*k));
                ip->n_known++;
        }
        *k = (struct ek_ip_known){.hi = hi, .lo = lo, .kind = (uint8_t)kind, .link = link};
}

/* Has the network broadcast addresses? Not IPv6, not with one bit or none (RFC 3021). */
static bool has_broadcast(const elko_ip *addr, unsigned bits)
{
        return ek_addr_is_v4(addr) && bits <= 126;
}

static void known_add(struct ek_ipstack *ip, const struct ek_ip_addr *a)
{
        elko_ip ones = ek_addr_mask(&a->ip, a->bits, true);
        elko_ip zeros = ek_addr_mask(&a->ip, a->bits, false);

        known_put(ip, &a->ip, EK_IP_OURS, a->link);
        if (!has_broadcast(&a->ip, a->bits))
                return;
        known_put(ip, &ones, EK_IP_BROADCAST, a->link);
        known_put(ip, &zeros, EK_IP_BROADCAST, a->link); /* RFC 1122, 3.3.6: the obsolete form */
}

enum ek_ip_known_kind ek_ip_classify(const struct ek_ipstack *ip, const elko_ip *addr)
{
        const struct ek_ip_known *k = known_find(ip, addr);

        return k == NULL ? EK_IP_UNKNOWN : (enum ek_ip_known_kind)k->kind;
}

bool ek_ip_is_local(const struct ek_ipstack *ip, const elko_ip *addr)
{
        return ek_ip_classify(ip, addr) == EK_IP_OURS;
}

bool ek_ip_is_local_on(const struct ek_ipstack *ip, elko_link link, const elko_ip *addr)
{
        const struct ek_ip_known *k = known_find(ip, addr);

        return k != NULL && k->kind == EK_IP_OURS && k->link == link;
}

/* ---- addresses ---- */

static bool addr_ok(const struct elko_link_config *cfg, const elko_ip *addr, unsigned prefix_len)
{
        bool v4 = ek_addr_is_v4(addr);
        unsigned bits = prefix_len + (v4 ? EK_ADDR_V4_BITS : 0);
        elko_ip ones, zeros;

        if (cfg == NULL || !ek_addr_is_unicast(addr) || prefix_len > (v4 ? 32u : 128u))
                return false;
        if (!v4)
                return cfg->mtu >= EK_IPV6_MIN_MTU; /* RFC 8200, 5 */
        ones = ek_addr_mask(addr, bits, true);
        zeros = ek_addr_mask(addr, bits, false);
        return !has_broadcast(addr, bits) ||
               !(ek_addr_equal(addr, &ones) || ek_addr_equal(addr, &zeros));
}

int ek_ip_addr_add(struct ek_ipstack *ip, elko_link link, const elko_ip *addr, unsigned prefix_len,
                   uint64_t now)
{
        struct ek_ip_addr a = {.ip = *addr, .link = link};
        int error;

        (void)now;
        if (!addr_ok(ek_ip_link(ip, link), addr, prefix_len))
                return ELKO_EINVAL;
        a.bits = (uint8_t)(prefix_len + (ek_addr_is_v4(addr) ? EK_ADDR_V4_BITS : 0));
        ek_ip_embed_scope(&a.ip, link);
        if (ek_ip_is_local(ip, &a.ip))
                return ELKO_EEXIST;
        if (ip->n_addrs == ip->max_addrs)
                return ELKO_ELIMIT;
        error = ek_ip_route_add(ip, &a.ip, prefix_len, link, NULL);
        if (error != 0 && error != ELKO_EEXIST) /* two addresses of one network share its route */
                return error;
        ip->addr[ip->n_addrs++] = a;
        known_add(ip, &a);
        ip->route.gen++;
        return 0;
}

/* The more the better: 0: unusable. */
static uint32_t rank_on(const struct ek_ip_addr *a, elko_link link, const elko_ip *peer)
{
        if (a->link != link || ek_addr_is_v4(&a->ip) != ek_addr_is_v4(peer))
                return 0;
        if (ek_addr_is_v6_link_local(&a->ip))
                return 3;
        return ek_addr_prefix_match(&a->ip, peer, a->bits) ? 2 : 1;
}

bool ek_ip_addr_on(const struct ek_ipstack *ip, elko_link link, const elko_ip *peer, elko_ip *out)
{
        uint32_t best = 0, rank;

        for (uint32_t i = 0; i < ip->n_addrs; i++) {
                EK_WORK(1);
                rank = rank_on(&ip->addr[i], link, peer);
                if (rank > best) {
                        best = rank;
                        *out = ip->addr[i].ip;
                }
        }
        return best > 0;
}

/* ---- time ---- */

uint64_t ek_ip_next_deadline(const struct ek_ipstack *ip)
{
        return ek_neigh_next_deadline(ip);
}

void ek_ip_advance(struct ek_ipstack *ip, uint64_t now)
{
        ek_neigh_advance(ip, now);
}

/* ---- invariants ---- */

static const char *check_addrs(const struct ek_ipstack *ip)
{
        for (uint32_t i = 0; i < ip->n_addrs; i++) {
                if (!ek_ip_is_local_on(ip, ip->addr[i].link, &ip->addr[i].ip))
                        return "ip: address is not in the table of known addresses";
                if (ek_ip_link(ip, ip->addr[i].link) == NULL)
                        return "ip: address on no link";
        }
        for (uint32_t i = 1; i < ip->n_known; i++) {
                const struct ek_ip_known *a = &ip->known[i - 1], *b = &ip->known[i];

                if (a->hi > b->hi || (a->hi == b->hi && a->lo >= b->lo))
                        return "ip: known addresses are not sorted";
        }
        return NULL;
}

const char *ek_ipstack_check_tables(const struct ek_ipstack *ip)
{
        const char *why = check_addrs(ip);

        return why != NULL ? why : ek_route_check(ip);
}

const char *ek_ipstack_check_state(const struct ek_ipstack *ip)
{
        const char *why;

        if (ip->n_ifaces > ip->max_ifaces || ip->n_addrs > ip->max_addrs)
                return "ip: more entries than the limit";
        if (!ek_list_check(&ip->ready) || !ek_list_check(&ip->failed))
                return "ip: broken list of waiters";
        why = ek_neigh_check(ip);
        if (why == NULL)
                why = ek_pmtu_check(&ip->pmtu);
        if (why == NULL && ip->ctl.n_solicits > EK_SOLICIT_FRAMES)
                why = "ctl: too many solicitations";
        return why;
}

const char *ek_ipstack_check(const struct ek_ipstack *ip)
{
        const char *why = ek_ipstack_check_tables(ip);

        if (why == NULL)
                why = ek_ctl_check(ip);
        return why != NULL ? why : ek_ipstack_check_state(ip);
}
