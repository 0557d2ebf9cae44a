/*
 * pmtu.c - path MTUs learnt from ICMP.
 *
 * RFC 1191 and RFC 8201: a router that can't forward a packet says how large it might be; the host
 * remembers the value for that destination, and after a while tries the link's MTU again. Values
 * only ever go down before they expire, so that a forged message can't raise one.
 *
 * The table is a small set-associative cache under a keyed hash: the worst that a flood of values for
 * many destinations can do is to make us forget some, which costs one lost packet each. A value
 * gets in only after TCP has matched the message with a segment in flight.
 */
#include "ip/pmtu.h"

#include "ip/ip.h"

void ek_pmtu_init(struct ek_pmtu_table *t, const struct ek_siphash_key *key)
{
        memset(t, 0, sizeof(*t));
        t->key = *key;
}

static uint32_t set_of(const struct ek_pmtu_table *t, const elko_ip *dst)
{
        return (uint32_t)(ek_siphash13(&t->key, dst, sizeof(*dst)) % EK_PMTU_SETS);
}

/* The way of the set that holds a value in force for dst, or EK_PMTU_WAYS. */
static uint32_t find(const struct ek_pmtu_table *t, uint32_t set, const elko_ip *dst, uint64_t now)
{
        const struct ek_pmtu_entry *e = t->entry[set];
        uint32_t i;

        for (i = 0; i < EK_PMTU_WAYS; i++)
                if (e[i].expires > now && ek_addr_equal(&e[i].dst, dst))
                        break;
        return i;
}

/* The entry to overwrite: the one that expires first; free ones are at 0. */
static uint32_t victim(const struct ek_pmtu_table *t, uint32_t set)
{
        uint32_t best = 0;

        for (uint32_t i = 1; i < EK_PMTU_WAYS; i++)
                if (t->entry[set][i].expires < t->entry[set][best].expires)
                        best = i;
        return best;
}

uint16_t ek_pmtu_get(const struct ek_ipstack *ip, const elko_ip *dst, uint16_t link_mtu,
                     uint64_t now)
{
        const struct ek_pmtu_table *t = &ip->pmtu;
        uint32_t set = set_of(t, dst), way = find(t, set, dst, now);

        if (way == EK_PMTU_WAYS)
                return link_mtu;
        return (uint16_t)ek_min_u32(t->entry[set][way].mtu, link_mtu);
}

/* The value to believe, 0: can't be true. */
static uint32_t plausible(const elko_ip *dst, uint32_t mtu)
{
        if (!ek_addr_is_v4(dst)) /* RFC 8201, 4: MUST discard */
                return mtu < EK_PMTU_FLOOR_V6 ? 0 : mtu;
        return mtu < EK_PMTU_MIN_V4 ? 0 : ek_max_u32(mtu, EK_PMTU_FLOOR_V4);
}

bool ek_pmtu_update(struct ek_ipstack *ip, const elko_ip *dst, uint32_t mtu, uint64_t now)
{
        struct ek_pmtu_table *t = &ip->pmtu;
        uint32_t set = set_of(t, dst), way = find(t, set, dst, now);
        uint32_t current = UINT16_MAX;
        struct ek_route route;

        mtu = plausible(dst, mtu);
        if (ek_route_lookup(ip, dst, 0, &route) == 0)
                current = route.mtu;
        if (way < EK_PMTU_WAYS)
                current = ek_min_u32(current, t->entry[set][way].mtu);
        if (mtu == 0 || mtu >= current)
                return false;
        if (way == EK_PMTU_WAYS)
                way = victim(t, set);
        t->used += t->entry[set][way].expires == 0;
        t->entry[set][way] = (struct ek_pmtu_entry){
                .dst = *dst,
                .expires = ek_time_add(now, EK_PMTU_LIFETIME_NS),
                .mtu = (uint16_t)mtu,
        };
        return true;
}

const char *ek_pmtu_check(const struct ek_pmtu_table *t)
{
        const struct ek_pmtu_entry *e;
        uint32_t used = 0;

        for (uint32_t set = 0; set < EK_PMTU_SETS && used < t->used; set++) {
                for (uint32_t way = 0; way < EK_PMTU_WAYS; way++) {
                        e = &t->entry[set][way];
                        if (e->expires == 0)
                                continue;
                        used++;
                        if (set_of(t, &e->dst) != set)
                                return "pmtu: entry in the wrong set";
                        if (e->mtu < (ek_addr_is_v4(&e->dst) ? EK_PMTU_FLOOR_V4 : EK_PMTU_FLOOR_V6))
                                return "pmtu: value below the floor";
                }
        }
        return used == t->used ? NULL : "pmtu: count of entries";
}
