/*
 * pmtu.c - path MTUs, learnt from ICMP and from what arrives.
 *
 * RFC 1191 and RFC 8201: a router that can't forward a packet says how large it might be; the host
 * remembers the value for that destination, and after a while tries the link's MTU again. Values
 * only ever go down before they expire, so that a forged message can't raise one.
 *
 * The table is a small set-associative cache under a keyed hash: the worst that a flood of values for
 * many destinations can do is to make us forget some, which costs one lost packet each. A value
 * gets in only after TCP has matched the message with a segment in flight.
 *
 * RFC 4821 and RFC 8899: a router need not say anything, and anybody may say something. What a connection found out
 * by itself is kept here for the others (RFC 4821, 5.2): the size that arrives, and the largest that may. TCP
 * probes in between (tcp/mtu_search.c). What a router said is tried once, too: a forged value does not last.
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
                if ((e[i].expires > now || (e[i].silent && e[i].expires != 0)) &&
                    ek_addr_equal(&e[i].dst, dst))
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
                .high = (uint16_t)current,
        };
        return true;
}

/* ---- search ---- */

static struct ek_pmtu_entry *entry_of(struct ek_ipstack *ip, const elko_ip *dst, uint64_t now)
{
        struct ek_pmtu_table *t = &ip->pmtu;
        uint32_t set = set_of(t, dst), way = find(t, set, dst, now);

        return way < EK_PMTU_WAYS ? &t->entry[set][way] : NULL;
}

/* [RFC4821 7.3b; RFC8899 5.1.1 5.1.2] */
bool ek_pmtu_search(struct ek_ipstack *ip, const elko_ip *dst, uint16_t link_mtu, uint64_t now,
                    struct ek_pmtu_search *out)
{
        struct ek_pmtu_entry *e = entry_of(ip, dst, now);

        if (e == NULL)
                return false;
        if (e->expires <= now) { /* RFC 8899, 5.1.1: PMTU_RAISE_TIMER */
                e->expires = ek_time_add(now, EK_PMTU_LIFETIME_NS);
                e->high = (uint16_t)ek_max_u32(e->mtu, link_mtu);
                e->halve = false;
        }
        out->low = (uint16_t)ek_min_u32(e->mtu, link_mtu);
        out->high = (uint16_t)ek_min_u32(e->high, link_mtu);
        out->size = e->halve ? (uint16_t)(out->low + (out->high - out->low + 1) / 2) : out->high;
        return true;
}

void ek_pmtu_begin_search(struct ek_ipstack *ip, const elko_ip *dst, uint16_t mtu, uint16_t high,
                          bool halve, uint64_t now)
{
        struct ek_pmtu_table *t = &ip->pmtu;
        uint32_t set = set_of(t, dst), way = find(t, set, dst, now);

        mtu = (uint16_t)plausible(dst, mtu);
        if (mtu == 0)
                return;
        if (way == EK_PMTU_WAYS)
                way = victim(t, set);
        t->used += t->entry[set][way].expires == 0;
        t->entry[set][way] = (struct ek_pmtu_entry){
                .dst = *dst,
                .expires = ek_time_add(now, EK_PMTU_LIFETIME_NS),
                .mtu = mtu,
                .high = (uint16_t)ek_max_u32(mtu, high),
                .silent = true,
                .halve = halve,
        };
}

/* Deviation: RFC 8899, 5.1.2 would try each size three times. TCP knows better than most what else was lost (RFC
 * 4821, 7.6.2), and a size that was given up for nothing costs little: the search goes on right below it. */
void ek_pmtu_probed(struct ek_ipstack *ip, const elko_ip *dst, uint16_t size, bool arrived,
                    uint64_t now)
{
        struct ek_pmtu_entry *e = entry_of(ip, dst, now);

        if (e == NULL || size <= e->mtu)
                return; /* forgotten meanwhile, or another connection found more */
        if (arrived) {
                e->mtu = size;
                e->high = (uint16_t)ek_max_u32(size, e->high);
        } else {
                e->high = (uint16_t)ek_min_u32(e->high, size - 1u);
                e->halve = true;
        }
}

void ek_pmtu_limit_search(struct ek_ipstack *ip, const elko_ip *dst, uint32_t mtu, uint64_t now)
{
        struct ek_pmtu_entry *e = entry_of(ip, dst, now);

        mtu = plausible(dst, mtu);
        if (e == NULL || mtu < e->mtu || mtu >= e->high)
                return;
        e->high = (uint16_t)mtu;
        e->halve = false; /* that is what the router says will pass */
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
                        if (e->high < e->mtu)
                                return "pmtu: a search without a range";
                }
        }
        return used == t->used ? NULL : "pmtu: count of entries";
}
