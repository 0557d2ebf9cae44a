/*
 * pmtu.h - what is known of path MTUs: by ICMP (RFC 1191, RFC 8201), and by what arrived (RFC 4821).
 */
#ifndef EK_IP_PMTU_H
#define EK_IP_PMTU_H

#include "base/port.h"
#include "base/siphash.h"

#include <elko/types.h>

struct ek_ipstack;

enum {
        EK_PMTU_SETS = 16,
        EK_PMTU_WAYS = 4,
        EK_PMTU_FLOOR_V4 = 552, /* Linux's min_pmtu: below, the attacker gains more than the path */
        EK_PMTU_FLOOR_V6 = 1280, /* RFC 8201, 4: MUST NOT go below */
        EK_PMTU_MIN_V4 = 68,     /* RFC 791, 3.2: every link carries this */
};

/* RFC 1191 6.3 and RFC 8201 4: an increase is tried after 10 minutes. */
#define EK_PMTU_LIFETIME_NS ELKO_SEC(600)

struct ek_pmtu_entry {
        elko_ip dst;
        uint64_t expires; /* 0: free */
        uint16_t mtu;     /* packets of this size arrive, or a router says so */
        uint16_t high;    /* the largest that may arrive, too, >= mtu */
        bool silent;      /* no router tells: the value never grows but by probes */
        bool halve;       /* `high` itself did not arrive */
};

struct ek_pmtu_table {
        struct ek_siphash_key key;
        struct ek_pmtu_entry entry[EK_PMTU_SETS][EK_PMTU_WAYS];
        uint32_t used; /* entries that were ever written; most hosts never have one */
};

void ek_pmtu_init(struct ek_pmtu_table *t, const struct ek_siphash_key *key);

/* The largest packet towards dst over a link with link_mtu: what is known, else link_mtu. O(1). */
uint16_t ek_pmtu_get(const struct ek_ipstack *ip, const elko_ip *dst, uint16_t link_mtu,
                     uint64_t now);

/*
 * A router says that only `mtu` bytes fit; the caller has verified that the message is about a
 * packet in flight (RFC 5927). Only ever lowers the estimate. Returns whether it did: false for an
 * `mtu` not below what is in force, and for one that can't be true (below 68, or below 1280 in
 * IPv6). IPv4 values below 552 count as 552.
 */
bool ek_pmtu_update(struct ek_ipstack *ip, const elko_ip *dst, uint32_t mtu, uint64_t now);

/* What a search may still find (RFC 4821, 7.3). */
struct ek_pmtu_search {
        uint16_t low, high; /* arrives; may arrive */
        uint16_t size;      /* to be probed next: `high` first, then half-way */
};

/* What there is to find out about dst; false: nothing is known, the link's MTU is in force. */
bool ek_pmtu_search(struct ek_ipstack *ip, const elko_ip *dst, uint16_t link_mtu, uint64_t now,
                    struct ek_pmtu_search *out);

/* From now on `mtu` is in force, and probes look for more, up to `high`: a path that swallows larger packets without
 * a word, or one that is not trusted before it was tried (`halve`: in the middle first). */
void ek_pmtu_begin_search(struct ek_ipstack *ip, const elko_ip *dst, uint16_t mtu, uint16_t high,
                          bool halve, uint64_t now);

/* A probe of `size` arrived, or was lost by itself. */
void ek_pmtu_probed(struct ek_ipstack *ip, const elko_ip *dst, uint16_t size, bool arrived,
                    uint64_t now);

/* A router says that a probe was too large, and what is not. */
void ek_pmtu_limit_search(struct ek_ipstack *ip, const elko_ip *dst, uint32_t mtu, uint64_t now);

/* NULL, or the broken invariant. */
const char *ek_pmtu_check(const struct ek_pmtu_table *t);

#endif
