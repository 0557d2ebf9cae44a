/*
 * neigh.h - neighbours on Ethernet: IP address -> MAC address, by ARP (RFC 826) and Neighbour
 * Discovery (RFC 4861).
 */
#ifndef EK_IP_NEIGH_H
#define EK_IP_NEIGH_H

#include "base/list.h"
#include "base/port.h"
#include "base/siphash.h"

#include "wire/arp.h"
#include "wire/nd.h"

#include <elko/link.h>
#include <elko/types.h>

struct ek_ipstack;
struct ek_region;

/* RFC 4861, 10. */
#define EK_NEIGH_RETRANS_NS   ELKO_SEC(1)
#define EK_NEIGH_DELAY_NS     ELKO_SEC(5)
#define EK_NEIGH_REACHABLE_NS ELKO_SEC(30) /* times 0.5 .. 1.5, drawn at the start */
#define EK_NEIGH_FAILED_NS    ELKO_SEC(1)  /* how long a failure is remembered */

enum {
        EK_NEIGH_SOLICITS = 3, /* MAX_MULTICAST_SOLICIT, MAX_UNICAST_SOLICIT */
        EK_NEIGH_HELD = 3,     /* replies of ours kept for one unresolved neighbour */
};

enum ek_neigh_state {
        EK_NEIGH_FREE,
        EK_NEIGH_INCOMPLETE,
        EK_NEIGH_REACHABLE,
        EK_NEIGH_STALE,
        EK_NEIGH_DELAY,
        EK_NEIGH_PROBE,
        EK_NEIGH_UNREACHABLE, /* remembered failure */
        EK_NEIGH_PERMANENT,
};

struct ek_neigh {
        struct ek_list node;    /* in one of the table's lists, from free to permanent */
        struct ek_list timer;   /* in one of its lists retrans, delay, failed; due in order */
        struct ek_list want;    /* in the link's list of solicitations to send */
        struct ek_list waiters; /* the caller's nodes */
        struct ek_list held;    /* struct ek_reply */
        uint64_t due;           /* while in a timer list */
        uint64_t reachable_until;
        elko_ip ip;
        uint32_t next; /* in its hash chain, EK_NIL ends */
        elko_link link;
        uint8_t mac[ELKO_MAC_BYTES];
        uint8_t state; /* enum ek_neigh_state */
        uint8_t solicits, n_held;
};

struct ek_neigh_table {
        struct ek_neigh *entry;
        uint32_t *bucket;
        uint32_t n, mask;
        uint32_t n_pending; /* INCOMPLETE and UNREACHABLE */
        bool used;          /* an entry has had a state: never so where all links are of bare IP */
        uint32_t last; /* index of the entry used last: most packets go where the last one went */
        struct ek_siphash_key key;
        uint64_t reachable_ns;
        struct ek_list free;
        struct ek_list known;  /* with a MAC address, most recently used first; not PERMANENT */
        struct ek_list idle;   /* pending, nobody waits; newest first */
        struct ek_list waited; /* pending with waiters */
        struct ek_list permanent;
        struct ek_list retrans, delay, failed; /* by due time, soonest first */
};

enum ek_neigh_result {
        EK_NEIGH_READY,   /* mac is set */
        EK_NEIGH_PENDING, /* asked; the waiter is linked */
        EK_NEIGH_FAILED,  /* did not answer lately, or can't be asked */
};

/*
 * The MAC address for next_hop (a scope is embedded in link-local addresses). On IP media always
 * READY with mac untouched. Group and broadcast addresses are mapped. PENDING: `waiter` (may be
 * NULL; initialised, in no list or in an earlier wait list) is linked to the entry and will turn up
 * in ip->ready or ip->failed; whoever owns it may unlink it at any time. O(1).
 */
enum ek_neigh_result ek_neigh_resolve(struct ek_ipstack *ip, elko_link link,
                                      const elko_ip *next_hop, uint64_t now,
                                      uint8_t mac[ELKO_MAC_BYTES], struct ek_list *waiter);

/* The transport knows that packets get through (RFC 4861, 7.3.1). Harmless for unknown
 * neighbours. O(1). */
void ek_neigh_confirm(struct ek_ipstack *ip, elko_link link, const elko_ip *next_hop, uint64_t now);

/* The transport doubts it (RFC 9293, 3.8.3 (b)): a neighbour taken for reachable is asked after the next packet,
 * like one whose time is over. O(1). */
void ek_neigh_doubt(struct ek_ipstack *ip, elko_link link, const elko_ip *next_hop);

/* Enter a neighbour by hand; it never expires and no packet changes it. Errors: EINVAL, ELIMIT. */
int ek_ip_neigh_add(struct ek_ipstack *ip, elko_link link, const elko_ip *addr,
                    const uint8_t mac[ELKO_MAC_BYTES]);

/* What the rest of src/ip calls. */
bool ek_neigh_init(struct ek_neigh_table *t, struct ek_region *r, uint32_t n,
                   const struct ek_siphash_key *key, uint64_t random);
enum elko_drop ek_neigh_arp_in(struct ek_ipstack *ip, elko_link link, const struct ek_arp *arp,
                               uint64_t now);
enum elko_drop ek_neigh_nd_in(struct ek_ipstack *ip, elko_link link, const struct ek_ip_hdr *hdr,
                              const struct ek_nd *nd, uint64_t now);
uint64_t ek_neigh_next_deadline(const struct ek_ipstack *ip);
void ek_neigh_advance(struct ek_ipstack *ip, uint64_t now);

/* Link a reply of ours to the unresolved next_hop; false: not pending. */
struct ek_reply;
bool ek_neigh_hold(struct ek_ipstack *ip, elko_link link, const elko_ip *next_hop,
                   struct ek_reply *reply);

/* Write the next solicitation that waits for the link, with its Ethernet header; returns its
 * length, 0: none. `out` has EK_NEIGH_SOLICIT_BYTES. */
enum { EK_NEIGH_SOLICIT_BYTES = 14 + 40 + EK_ND_BYTES };
uint32_t ek_neigh_solicit_emit(struct ek_ipstack *ip, elko_link link, uint8_t *out, uint64_t now);

/* The state of an entry, for tests and tools; FREE when there is none. */
enum ek_neigh_state ek_neigh_state_of(const struct ek_ipstack *ip, elko_link link,
                                      const elko_ip *addr);

/* NULL, or the broken invariant. */
const char *ek_neigh_check(const struct ek_ipstack *ip);

#endif
