/*
 * limiter.c - token buckets by destination.
 *
 * A bucket that fills at a constant rate needs no counter: it is enough to remember when the next
 * token would be due if they were handed out at that rate from the last time the bucket was full
 * (the "virtual scheduling" form of the leaky bucket, ITU-T I.371). A burst is how far that instant
 * may lie ahead of the present.
 *
 * RFC 4443 2.4f and RFC 1812 4.3.2.8 demand a limit on ICMP errors. A single counter for the host
 * would tell everyone how many others got (the side channel of CVE-2016-5696); so there is one for
 * each bucket of destinations, and the key keeps anyone from choosing whom to share with.
 */
#include "ip/limiter.h"

void ek_limiter_init(struct ek_limiter *l, const struct ek_siphash_key *key, uint64_t interval_ns,
                     uint32_t burst)
{
        EK_ASSERT(burst >= 1);
        l->key = *key;
        l->interval_ns = interval_ns;
        l->burst_ns = (burst - 1) * interval_ns;
        memset(l->next_at, 0, sizeof(l->next_at));
}

bool ek_limiter_take(struct ek_limiter *l, const elko_ip *dst, uint64_t now)
{
        uint64_t hash = ek_siphash13(&l->key, dst, sizeof(*dst));
        uint64_t *next_at = &l->next_at[hash % EK_LIMITER_BUCKETS];
        uint64_t from = ek_max_u64(*next_at, now);

        if (from - now > l->burst_ns)
                return false;
        *next_at = ek_time_add(from, l->interval_ns);
        return true;
}
