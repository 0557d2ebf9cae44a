/*
 * neigh.c - the neighbour cache.
 *
 * One table serves ARP (RFC 826) and Neighbour Discovery (RFC 4861); the states are RFC 4861's
 * (7.3.2), of which RFC 1122's ARP demands (2.3.2.1: time-outs, 2.3.2.2: keep a packet) are a part.
 *
 *      INCOMPLETE   asked, no answer yet. 3 solicitations, 1 s apart, then UNREACHABLE
 *      REACHABLE    proven within the last 15..45 s
 *      STALE        has an address, was not proven lately; used, and then DELAY
 *      DELAY        used for up to 5 s in the hope that the transport proves it
 *      PROBE        used and asked by unicast; 3 solicitations, then forgotten
 *      UNREACHABLE  a failure, remembered for 1 s so that nobody floods the link with questions
 *      PERMANENT    entered by hand
 *
 * REACHABLE turns STALE by comparison with the clock when the entry is used, without a timer. The
 * other intervals are constants, so a list in order of setting is in order of expiry: three lists
 * are all the timers there are.
 *
 * What strangers can do to the table is bounded. A packet creates an entry only when it asks for one
 * of our addresses from an address on the link's networks, and then replaces nothing but a free,
 * an unresolved or a STALE entry. Questions of ours that nobody answers fill at most half of a full
 * table (RFC 6583, 7.1: known neighbours come first); among them, those that no connection waits for
 * give way first.
 *
 * Deviation: an ARP request for an address that another station uses as well is not defended (RFC
 * 5227, 2.4); isRouter (RFC 4861, 7.2.5) is not kept, for routes are configured.
 */
#include "ip/neigh.h"

#include "base/bits.h"
#include "ip/ip.h"
#include "wire/eth.h"

static struct ek_neigh *of_node(struct ek_list *node)
{
        return ek_container_of(node, struct ek_neigh, node);
}

static struct ek_neigh *of_timer(struct ek_list *timer)
{
        return ek_container_of(timer, struct ek_neigh, timer);
}

static struct ek_reply *of_reply(struct ek_list *node)
{
        return ek_container_of(node, struct ek_reply, node);
}

static bool is_pending(const struct ek_neigh *e)
{
        return e->state == EK_NEIGH_INCOMPLETE || e->state == EK_NEIGH_UNREACHABLE;
}

/* ---- the table ---- */

static void init_entry(struct ek_neigh *e)
{
        memset(e, 0, sizeof(*e));
        ek_list_init(&e->node);
        ek_list_init(&e->timer);
        ek_list_init(&e->want);
        ek_list_init(&e->waiters);
        ek_list_init(&e->held);
        e->next = EK_NIL;
}

static void init_lists(struct ek_neigh_table *t)
{
        ek_list_init(&t->free);
        ek_list_init(&t->known);
        ek_list_init(&t->idle);
        ek_list_init(&t->waited);
        ek_list_init(&t->permanent);
        ek_list_init(&t->retrans);
        ek_list_init(&t->delay);
        ek_list_init(&t->failed);
}

bool ek_neigh_init(struct ek_neigh_table *t, struct ek_region *r, uint32_t n,
                   const struct ek_siphash_key *key, uint64_t random)
{
        uint32_t buckets = ek_ceil_pow2_u32(n);

        t->entry = ek_region_alloc(r, n * sizeof(*t->entry));
        t->bucket = ek_region_alloc(r, buckets * sizeof(*t->bucket));
        if (t->entry == NULL || t->bucket == NULL)
                return false;
        t->n = n;
        t->mask = buckets - 1;
        t->key = *key;
        /* RFC 4861, 6.3.2: between MIN_ and MAX_RANDOM_FACTOR of the base value. */
        t->reachable_ns = EK_NEIGH_REACHABLE_NS / 2 + random % EK_NEIGH_REACHABLE_NS;
        init_lists(t);
        for (uint32_t i = 0; i < buckets; i++)
                t->bucket[i] = EK_NIL;
        for (uint32_t i = 0; i < n; i++) {
                init_entry(&t->entry[i]);
                ek_list_push_back(&t->free, &t->entry[i].node);
        }
        return true;
}

static uint32_t *bucket_of(const struct ek_neigh_table *t, elko_link link, const elko_ip *addr)
{
        uint8_t key[18];

        memcpy(key, addr->b, 16);
        ek_put16be(key + 16, link);
        return &t->bucket[ek_siphash13(&t->key, key, sizeof(key)) & t->mask];
}

static bool is_entry(const struct ek_neigh *e, elko_link link, const elko_ip *addr)
{
        return e->state != EK_NEIGH_FREE && e->link == link && ek_addr_equal(&e->ip, addr);
}

static struct ek_neigh *find(const struct ek_neigh_table *t, elko_link link, const elko_ip *addr)
{
        uint32_t i;

        if (is_entry(&t->entry[t->last], link, addr))
                return &t->entry[t->last];
        for (i = *bucket_of(t, link, addr); i != EK_NIL; i = t->entry[i].next) {
                EK_WORK(1);
                if (is_entry(&t->entry[i], link, addr))
                        return &t->entry[i];
        }
        return NULL;
}

/* ---- timers ---- */

static void stop_timer(struct ek_neigh *e)
{
        ek_list_remove(&e->timer);
}

/* The list's interval is constant, so the newest is due last (a clock that went back is ignored). */
static void start_timer(struct ek_list *list, struct ek_neigh *e, uint64_t now, uint64_t span_ns)
{
        struct ek_list *last;

        stop_timer(e);
        last = ek_list_last(list);
        e->due = ek_time_add(now, span_ns);
        if (last != NULL)
                e->due = ek_max_u64(e->due, of_timer(last)->due);
        ek_list_push_back(list, &e->timer);
}

/* ---- lists and states ---- */

/* Put the entry at the front of the list that its state and waiters call for. */
static void file(struct ek_neigh_table *t, struct ek_neigh *e)
{
        struct ek_list *list = &t->known;

        if (e->state == EK_NEIGH_PERMANENT)
                list = &t->permanent;
        else if (is_pending(e))
                list = ek_list_is_empty(&e->waiters) ? &t->idle : &t->waited;
        if (list->next == &e->node)
                return;
        ek_list_remove(&e->node);
        ek_list_push_front(list, &e->node);
}

static void set_state(struct ek_neigh_table *t, struct ek_neigh *e, enum ek_neigh_state state)
{
        t->n_pending -= is_pending(e);
        e->state = (uint8_t)state;
        t->n_pending += is_pending(e);
        t->used = true;
        file(t, e);
}

/* Replies of ours that waited here: to the link's queue, or to nowhere. */
static void release_held(struct ek_ipstack *ip, struct ek_neigh *e, bool resolved)
{
        struct ek_list *node;

        while ((node = ek_list_pop_front(&e->held)) != NULL) {
                if (resolved) {
                        ek_reply_queue(ip, of_reply(node));
                } else {
                        ip->ctr->drops[ELKO_DROP_ICMP_QUEUE]++;
                        ek_reply_free(ip, of_reply(node));
                }
        }
        e->n_held = 0;
}

/* There is an answer, or there won't be one. */
static void wake(struct ek_ipstack *ip, struct ek_neigh *e, bool resolved)
{
        ek_list_remove(&e->want);
        ek_list_splice(resolved ? &ip->ready : &ip->failed, &e->waiters);
        release_held(ip, e, resolved);
}

static void forget(struct ek_ipstack *ip, struct ek_neigh *e)
{
        struct ek_neigh_table *t = &ip->neigh;
        uint32_t self = (uint32_t)(e - t->entry);
        uint32_t *link = bucket_of(t, e->link, &e->ip);

        wake(ip, e, false);
        stop_timer(e);
        while (*link != self)
                link = &t->entry[*link].next;
        *link = e->next;
        t->n_pending -= is_pending(e);
        ek_list_remove(&e->node);
        init_entry(e);
        ek_list_push_front(&t->free, &e->node);
}

/* An entry has a MAC address from now on. */
static void resolve_entry(struct ek_ipstack *ip, struct ek_neigh *e, const uint8_t *mac,
                          enum ek_neigh_state state, uint64_t now)
{
        memmove(e->mac, mac, ELKO_MAC_BYTES); /* may be its own */
        stop_timer(e);
        e->reachable_until = ek_time_add(now, ip->neigh.reachable_ns);
        set_state(&ip->neigh, e, state);
        wake(ip, e, true);
}

/* Ask for it when the link takes a frame; the timer runs from then on (and from now, lest the link
 * never does). */
static void solicit(struct ek_ipstack *ip, struct ek_neigh *e, uint64_t now)
{
        if (!ek_list_is_linked(&e->want))
                ek_list_push_back(&ip->iface[e->link - 1].solicits, &e->want);
        start_timer(&ip->neigh.retrans, e, now, EK_NEIGH_RETRANS_NS);
}

/* ---- creation and replacement ---- */

/* The entry that a question of ours may take. NULL: none. */
static struct ek_neigh *victim_for_question(const struct ek_neigh_table *t)
{
        struct ek_list *node = ek_list_last(&t->known);

        if (node == NULL || t->n_pending >= t->n / 2)
                node = ek_list_last(&t->idle);
        return node == NULL ? NULL : of_node(node);
}

/* The entry that a stranger's question may take. NULL: none. */
static struct ek_neigh *victim_for_stranger(const struct ek_neigh_table *t)
{
        struct ek_list *node = ek_list_last(&t->idle);

        if (node != NULL)
                return of_node(node);
        node = ek_list_last(&t->known);
        return node != NULL && of_node(node)->state == EK_NEIGH_STALE ? of_node(node) : NULL;
}

/* A new entry in place of `victim` unless there is a free one; NULL when there is neither. */
static struct ek_neigh *create(struct ek_ipstack *ip, elko_link link, const elko_ip *addr,
                               enum ek_neigh_state state, struct ek_neigh *victim)
{
        struct ek_neigh_table *t = &ip->neigh;
        struct ek_neigh *e;
        uint32_t *bucket;

        if (ek_list_is_empty(&t->free)) {
                if (victim == NULL)
                        return NULL;
                forget(ip, victim);
        }
        e = of_node(ek_list_first(&t->free));
        e->ip = *addr;
        e->link = link;
        bucket = bucket_of(t, link, addr);
        e->next = *bucket;
        *bucket = (uint32_t)(e - t->entry);
        set_state(t, e, state);
        return e;
}

/* A question of ours. NULL: nobody to ask as, or no room. */
static struct ek_neigh *create_question(struct ek_ipstack *ip, elko_link link, const elko_ip *addr,
                                        uint64_t now)
{
        struct ek_neigh *e;
        elko_ip source;

        if (ek_ip_is_local(ip, addr) || !ek_addr_is_unicast(addr) ||
            !ek_ip_addr_on(ip, link, addr, &source))
                return NULL;
        e = create(ip, link, addr, EK_NEIGH_INCOMPLETE, victim_for_question(&ip->neigh));
        if (e != NULL)
                solicit(ip, e, now);
        return e;
}

/* Is it on one of the link's networks? Link-local addresses are, by their scope. */
static bool is_on_link(const struct ek_ipstack *ip, elko_link link, const elko_ip *addr)
{
        struct ek_route route;

        return ek_route_lookup(ip, addr, link, &route) == 0 && route.link == link &&
               ek_addr_equal(&route.next_hop, addr);
}

/* Somebody asked for one of our addresses, and will want an answer (RFC 826; RFC 4861, 7.2.3). */
static void learn_asker(struct ek_ipstack *ip, elko_link link, const elko_ip *addr,
                        const uint8_t *mac, uint64_t now)
{
        struct ek_neigh_table *t = &ip->neigh;
        struct ek_neigh *e = find(t, link, addr);

        if (e == NULL) {
                if (!is_on_link(ip, link, addr) || ek_ip_classify(ip, addr) != EK_IP_UNKNOWN)
                        return;
                e = create(ip, link, addr, EK_NEIGH_STALE, victim_for_stranger(t));
                if (e == NULL)
                        return;
        } else if (e->state == EK_NEIGH_PERMANENT ||
                   (!is_pending(e) && memcmp(e->mac, mac, ELKO_MAC_BYTES) == 0)) {
                return;
        }
        resolve_entry(ip, e, mac, EK_NEIGH_STALE, now);
}

int ek_ip_neigh_add(struct ek_ipstack *ip, elko_link link, const elko_ip *addr,
                    const uint8_t mac[ELKO_MAC_BYTES])
{
        struct ek_neigh_table *t = &ip->neigh;
        const struct elko_link_config *cfg = ek_ip_link(ip, link);
        elko_ip key = *addr;
        struct ek_neigh *e;

        if (cfg == NULL || cfg->medium != ELKO_MEDIUM_ETHERNET || ek_eth_is_group(mac) ||
            !ek_addr_is_unicast(addr))
                return ELKO_EINVAL;
        ek_ip_embed_scope(&key, link);
        e = find(t, link, &key);
        if (e == NULL)
                e = create(ip, link, &key, EK_NEIGH_STALE, victim_for_question(t));
        if (e == NULL)
                return ELKO_ELIMIT;
        resolve_entry(ip, e, mac, EK_NEIGH_PERMANENT, 0);
        return 0;
}

/* ---- use ---- */

/* A STALE entry, or a REACHABLE one whose time is over, is used: RFC 4861, 7.3.3. */
static void use_stale(struct ek_ipstack *ip, struct ek_neigh *e, uint64_t now)
{
        set_state(&ip->neigh, e, EK_NEIGH_DELAY);
        start_timer(&ip->neigh.delay, e, now, EK_NEIGH_DELAY_NS);
}

static enum ek_neigh_result use_known(struct ek_ipstack *ip, struct ek_neigh *e, uint64_t now,
                                      uint8_t *mac)
{
        memcpy(mac, e->mac, ELKO_MAC_BYTES);
        if (e->state == EK_NEIGH_STALE ||
            (e->state == EK_NEIGH_REACHABLE && now >= e->reachable_until))
                use_stale(ip, e, now);
        else
                file(&ip->neigh, e); /* most recently used */
        return EK_NEIGH_READY;
}

static enum ek_neigh_result use_entry(struct ek_ipstack *ip, struct ek_neigh *e, uint64_t now,
                                      uint8_t *mac, struct ek_list *waiter)
{
        if (e->state == EK_NEIGH_UNREACHABLE)
                return EK_NEIGH_FAILED;
        if (e->state != EK_NEIGH_INCOMPLETE)
                return use_known(ip, e, now, mac);
        if (waiter != NULL) {
                ek_list_remove(waiter);
                ek_list_push_back(&e->waiters, waiter);
        }
        file(&ip->neigh, e);
        return EK_NEIGH_PENDING;
}

/* Group and broadcast addresses have MAC addresses by rule. */
static bool map_group(const struct ek_ipstack *ip, const elko_ip *addr, uint8_t *mac)
{
        if (ek_addr_is_multicast(addr)) {
                ek_addr_multicast_mac(addr, mac);
                return true;
        }
        if (ek_addr_is_broadcast(addr) || ek_ip_classify(ip, addr) == EK_IP_BROADCAST) {
                memset(mac, 0xff, ELKO_MAC_BYTES);
                return true;
        }
        return false;
}

enum ek_neigh_result ek_neigh_resolve(struct ek_ipstack *ip, elko_link link,
                                      const elko_ip *next_hop, uint64_t now,
                                      uint8_t mac[ELKO_MAC_BYTES], struct ek_list *waiter)
{
        const struct elko_link_config *cfg = ek_ip_link(ip, link);
        struct ek_neigh *e;

        if (cfg == NULL)
                return EK_NEIGH_FAILED;
        if (cfg->medium == ELKO_MEDIUM_IP)
                return EK_NEIGH_READY;
        e = find(&ip->neigh, link, next_hop);
        if (e == NULL) {
                if (map_group(ip, next_hop, mac))
                        return EK_NEIGH_READY;
                e = create_question(ip, link, next_hop, now);
                if (e == NULL)
                        return EK_NEIGH_FAILED;
        }
        ip->neigh.last = (uint32_t)(e - ip->neigh.entry);
        return use_entry(ip, e, now, mac, waiter);
}

void ek_neigh_confirm(struct ek_ipstack *ip, elko_link link, const elko_ip *next_hop, uint64_t now)
{
        struct ek_neigh *e = find(&ip->neigh, link, next_hop);

        if (e == NULL || is_pending(e) || e->state == EK_NEIGH_PERMANENT)
                return;
        e->reachable_until = ek_time_add(now, ip->neigh.reachable_ns);
        if (e->state == EK_NEIGH_REACHABLE)
                return;
        stop_timer(e);
        ek_list_remove(&e->want);
        set_state(&ip->neigh, e, EK_NEIGH_REACHABLE);
}

void ek_neigh_doubt(struct ek_ipstack *ip, elko_link link, const elko_ip *next_hop)
{
        struct ek_neigh *e = find(&ip->neigh, link, next_hop);

        if (e != NULL && e->state == EK_NEIGH_REACHABLE)
                set_state(&ip->neigh, e, EK_NEIGH_STALE);
}

bool ek_neigh_hold(struct ek_ipstack *ip, elko_link link, const elko_ip *next_hop,
                   struct ek_reply *reply)
{
        struct ek_neigh *e = find(&ip->neigh, link, next_hop);

        if (e == NULL || e->state != EK_NEIGH_INCOMPLETE)
                return false;
        if (e->n_held == EK_NEIGH_HELD) { /* RFC 4861, 7.2.2: the oldest gives way */
                ip->ctr->drops[ELKO_DROP_ICMP_QUEUE]++;
                ek_reply_free(ip, of_reply(ek_list_pop_front(&e->held)));
                e->n_held--;
        }
        ek_list_push_back(&e->held, &reply->node);
        e->n_held++;
        return true;
}

enum ek_neigh_state ek_neigh_state_of(const struct ek_ipstack *ip, elko_link link,
                                      const elko_ip *addr)
{
        const struct ek_neigh *e = find(&ip->neigh, link, addr);

        return e == NULL ? EK_NEIGH_FREE : (enum ek_neigh_state)e->state;
}

/* ---- ARP and ND arrive ---- */

static void queue_arp_reply(struct ek_ipstack *ip, elko_link link, const struct ek_arp *request)
{
        struct ek_reply *r = ek_reply_new(ip, EK_ARP_BYTES);
        struct ek_arp arp = {.op = EK_ARP_REPLY, .spa = request->tpa, .tpa = request->spa};

        if (r == NULL) {
                ip->ctr->drops[ELKO_DROP_ICMP_QUEUE]++;
                return;
        }
        memcpy(arp.sha, ip->iface[link - 1].cfg.mac, ELKO_MAC_BYTES);
        memcpy(arp.tha, request->sha, ELKO_MAC_BYTES);
        ek_arp_emit(ek_reply_packet(r), &arp);
        r->link = link;
        r->next_hop = request->spa;
        r->ethertype = EK_ETH_ARP;
        r->has_mac = true;
        memcpy(r->mac, request->sha, ELKO_MAC_BYTES);
        ek_reply_queue(ip, r);
}

/* RFC 826's merge: a sender whom we know has said where it is now. A reply to our own question is
 * proof; anything else is a hint that needs one. */
static void merge_arp(struct ek_ipstack *ip, struct ek_neigh *e, const struct ek_arp *arp,
                      bool answer, uint64_t now)
{
        bool same = !is_pending(e) && memcmp(e->mac, arp->sha, ELKO_MAC_BYTES) == 0;
        bool asked = e->state == EK_NEIGH_INCOMPLETE || e->state == EK_NEIGH_PROBE;

        if (e->state == EK_NEIGH_PERMANENT)
                return;
        if (answer && asked)
                resolve_entry(ip, e, arp->sha, EK_NEIGH_REACHABLE, now);
        else if (!same)
                resolve_entry(ip, e, arp->sha, EK_NEIGH_STALE, now);
}

enum elko_drop ek_neigh_arp_in(struct ek_ipstack *ip, elko_link link, const struct ek_arp *arp,
                               uint64_t now)
{
        bool for_us = ek_ip_is_local_on(ip, link, &arp->tpa);
        bool request = arp->op == EK_ARP_REQUEST;
        bool probe = ek_addr_is_any(&arp->spa); /* RFC 5227, 1.1: says nothing about the sender */
        struct ek_neigh *e = probe ? NULL : find(&ip->neigh, link, &arp->spa);

        if (ek_ip_classify(ip, &arp->spa) != EK_IP_UNKNOWN ||
            memcmp(arp->sha, ip->iface[link - 1].cfg.mac, ELKO_MAC_BYTES) == 0)
                return ELKO_DROP_ARP_NOT_MINE; /* somebody has our address, or hears us */
        if (e != NULL)
                merge_arp(ip, e, arp, for_us && !request, now);
        if (!for_us)
                return e != NULL ? ELKO_DROP_NONE : ELKO_DROP_ARP_NOT_MINE;
        if (!request) /* an answer that we didn't ask for creates nothing */
                return e != NULL ? ELKO_DROP_NONE : ELKO_DROP_ARP_NOT_MINE;
        if (!probe)
                learn_asker(ip, link, &arp->spa, arp->sha, now);
        queue_arp_reply(ip, link, arp);
        return ELKO_DROP_NONE;
}

static const elko_ip all_nodes = {{0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};

enum { ND_HOP_LIMIT = 255 };

/* RFC 4861, 7.2.4. */
static void queue_advert(struct ek_ipstack *ip, elko_link link, const struct ek_ip_hdr *hdr,
                         const struct ek_nd *solicit_in)
{
        struct ek_reply *r = ek_reply_new(ip, EK_IPV6_HDR_BYTES + EK_ND_BYTES);
        bool dad = ek_addr_is_any(&hdr->src);
        const elko_ip *dst = dad ? &all_nodes : &hdr->src;
        struct ek_nd nd = {.type = EK_ICMP6_NEIGH_ADVERT,
                           .flags = EK_ND_OVERRIDE | (dad ? 0 : EK_ND_SOLICITED),
                           .has_mac = true,
                           .target = solicit_in->target};
        uint8_t *p;

        if (r == NULL) {
                ip->ctr->drops[ELKO_DROP_ICMP_QUEUE]++;
                return;
        }
        memcpy(nd.mac, ip->iface[link - 1].cfg.mac, ELKO_MAC_BYTES);
        p = ek_reply_packet(r);
        ek_ipv6_emit(p, &nd.target, dst, EK_PROTO_ICMP6, ND_HOP_LIMIT, 0, EK_ND_BYTES);
        ek_nd_emit(p + EK_IPV6_HDR_BYTES, &nd.target, dst, &nd);
        r->link = link;
        r->next_hop = *dst;
        r->ethertype = EK_ETH_IPV6;
        r->has_mac = solicit_in->has_mac;
        memcpy(r->mac, solicit_in->mac, ELKO_MAC_BYTES);
        ek_reply_queue(ip, r);
}

/* RFC 4861, 7.2.3. */
static enum elko_drop solicit_in(struct ek_ipstack *ip, elko_link link, const struct ek_ip_hdr *hdr,
                                 const struct ek_nd *nd, uint64_t now)
{
        if (!ek_ip_is_local_on(ip, link, &nd->target))
                return ELKO_DROP_ND_NOT_MINE;
        if (nd->has_mac)
                learn_asker(ip, link, &hdr->src, nd->mac, now);
        queue_advert(ip, link, hdr, nd);
        return ELKO_DROP_NONE;
}

/* RFC 4861, 7.2.5, for an entry that has a MAC address already. */
static void advert_for_known(struct ek_ipstack *ip, struct ek_neigh *e, const struct ek_nd *nd,
                             uint64_t now)
{
        bool differs = nd->has_mac && memcmp(e->mac, nd->mac, ELKO_MAC_BYTES) != 0;
        bool solicited = (nd->flags & EK_ND_SOLICITED) != 0;

        if (differs && (nd->flags & EK_ND_OVERRIDE) == 0) {
                if (e->state == EK_NEIGH_REACHABLE)
                        set_state(&ip->neigh, e, EK_NEIGH_STALE);
                return;
        }
        if (solicited)
                resolve_entry(ip, e, differs ? nd->mac : e->mac, EK_NEIGH_REACHABLE, now);
        else if (differs)
                resolve_entry(ip, e, nd->mac, EK_NEIGH_STALE, now);
}

static enum elko_drop advert_in(struct ek_ipstack *ip, elko_link link, const struct ek_nd *nd,
                                uint64_t now)
{
        bool solicited = (nd->flags & EK_ND_SOLICITED) != 0;
        struct ek_neigh *e = find(&ip->neigh, link, &nd->target);

        if (e == NULL || e->state == EK_NEIGH_PERMANENT || e->state == EK_NEIGH_UNREACHABLE)
                return ELKO_DROP_ND_NOT_MINE;
        if (e->state != EK_NEIGH_INCOMPLETE)
                advert_for_known(ip, e, nd, now);
        else if (nd->has_mac)
                resolve_entry(ip, e, nd->mac, solicited ? EK_NEIGH_REACHABLE : EK_NEIGH_STALE, now);
        return ELKO_DROP_NONE;
}

enum elko_drop ek_neigh_nd_in(struct ek_ipstack *ip, elko_link link, const struct ek_ip_hdr *hdr,
                              const struct ek_nd *nd, uint64_t now)
{
        if (ip->iface[link - 1].cfg.medium != ELKO_MEDIUM_ETHERNET)
                return ELKO_DROP_ND_NOT_MINE;
        if (nd->type == EK_ICMP6_NEIGH_SOLICIT)
                return solicit_in(ip, link, hdr, nd, now);
        return advert_in(ip, link, nd, now);
}

/* ---- solicitations leave ---- */

static uint32_t emit_arp_request(struct ek_ipstack *ip, const struct ek_neigh *e,
                                 const elko_ip *source, uint8_t *out)
{
        const uint8_t *ours = ip->iface[e->link - 1].cfg.mac;
        bool probe = e->state == EK_NEIGH_PROBE; /* RFC 1122, 2.3.2.1 (2): unicast poll */
        struct ek_arp arp = {.op = EK_ARP_REQUEST, .spa = *source, .tpa = e->ip};
        uint8_t dst[ELKO_MAC_BYTES];

        memset(dst, 0xff, sizeof(dst));
        if (probe)
                memcpy(dst, e->mac, sizeof(dst));
        memcpy(arp.sha, ours, ELKO_MAC_BYTES);
        ip->ctr->arp_requests_out++;
        ek_eth_emit(out, dst, ours, EK_ETH_ARP);
        return EK_ETH_HDR_BYTES + (uint32_t)ek_arp_emit(out + EK_ETH_HDR_BYTES, &arp);
}

/* RFC 4861, 7.2.2 and 7.3.3: to the solicited-node group or, in PROBE, to the neighbour. */
static uint32_t emit_nd_solicit(struct ek_ipstack *ip, const struct ek_neigh *e,
                                const elko_ip *source, uint8_t *out)
{
        const uint8_t *ours = ip->iface[e->link - 1].cfg.mac;
        bool probe = e->state == EK_NEIGH_PROBE;
        elko_ip dst = probe ? e->ip : ek_addr_solicited_node(&e->ip);
        struct ek_nd nd = {.type = EK_ICMP6_NEIGH_SOLICIT, .has_mac = true, .target = e->ip};
        uint8_t dst_mac[ELKO_MAC_BYTES];
        uint8_t *p = out + EK_ETH_HDR_BYTES;

        ek_addr_multicast_mac(&dst, dst_mac);
        if (probe)
                memcpy(dst_mac, e->mac, sizeof(dst_mac));
        memcpy(nd.mac, ours, ELKO_MAC_BYTES);
        ip->ctr->nd_solicits_out++;
        ek_eth_emit(out, dst_mac, ours, EK_ETH_IPV6);
        ek_ipv6_emit(p, source, &dst, EK_PROTO_ICMP6, ND_HOP_LIMIT, 0, EK_ND_BYTES);
        ek_nd_emit(p + EK_IPV6_HDR_BYTES, source, &dst, &nd);
        return EK_NEIGH_SOLICIT_BYTES;
}

uint32_t ek_neigh_solicit_emit(struct ek_ipstack *ip, elko_link link, uint8_t *out, uint64_t now)
{
        struct ek_list *want = ek_list_pop_front(&ip->iface[link - 1].solicits);
        struct ek_neigh *e;
        elko_ip source = {{0}};
        bool found;

        if (want == NULL)
                return 0;
        e = ek_container_of(want, struct ek_neigh, want);
        EK_ASSERT(e->state == EK_NEIGH_INCOMPLETE || e->state == EK_NEIGH_PROBE);
        e->solicits++;
        start_timer(&ip->neigh.retrans, e, now, EK_NEIGH_RETRANS_NS);
        found = ek_ip_addr_on(ip, link, &e->ip, &source);
        EK_ASSERT(found); /* there was one when the entry was created, and none ever goes */
        return ek_addr_is_v4(&e->ip) ? emit_arp_request(ip, e, &source, out)
                                     : emit_nd_solicit(ip, e, &source, out);
}

/* ---- time ---- */

static uint64_t head_due(const struct ek_list *list)
{
        struct ek_list *node = ek_list_first(list);

        return node == NULL ? EK_NEVER : of_timer(node)->due;
}

uint64_t ek_neigh_next_deadline(const struct ek_ipstack *ip)
{
        const struct ek_neigh_table *t = &ip->neigh;
        uint64_t due = ek_min_u64(head_due(&t->retrans), head_due(&t->delay));

        return ek_min_u64(due, head_due(&t->failed));
}

/* A solicitation had its second. One that still waits for the link was not sent and doesn't count. */
static void on_retrans(struct ek_ipstack *ip, struct ek_neigh *e, uint64_t now)
{
        if (e->solicits < EK_NEIGH_SOLICITS) {
                solicit(ip, e, now);
                return;
        }
        ip->ctr->neigh_failed++;
        if (e->state == EK_NEIGH_PROBE) { /* RFC 4861, 7.3.3: next time from the beginning */
                forget(ip, e);
                return;
        }
        stop_timer(e);
        wake(ip, e, false);
        set_state(&ip->neigh, e, EK_NEIGH_UNREACHABLE);
        start_timer(&ip->neigh.failed, e, now, EK_NEIGH_FAILED_NS);
}

/* The transport did not prove it: ask. */
static void on_delay(struct ek_ipstack *ip, struct ek_neigh *e, uint64_t now)
{
        e->solicits = 0;
        set_state(&ip->neigh, e, EK_NEIGH_PROBE);
        solicit(ip, e, now);
}

/* The first of the list if it is due. */
static struct ek_neigh *due_entry(const struct ek_list *list, uint64_t now)
{
        struct ek_list *node = ek_list_first(list);

        EK_WORK(1);
        return node != NULL && of_timer(node)->due <= now ? of_timer(node) : NULL;
}

void ek_neigh_advance(struct ek_ipstack *ip, uint64_t now)
{
        struct ek_neigh_table *t = &ip->neigh;
        struct ek_neigh *e;

        while ((e = due_entry(&t->failed, now)) != NULL)
                forget(ip, e);
        while ((e = due_entry(&t->delay, now)) != NULL)
                on_delay(ip, e, now);
        while ((e = due_entry(&t->retrans, now)) != NULL)
                on_retrans(ip, e, now);
}

/* ---- invariants ---- */

static const char *check_entry(const struct ek_neigh_table *t, const struct ek_neigh *e)
{
        bool timed = e->state == EK_NEIGH_INCOMPLETE || e->state == EK_NEIGH_DELAY ||
                     e->state == EK_NEIGH_PROBE || e->state == EK_NEIGH_UNREACHABLE;

        if (!ek_list_is_linked(&e->node))
                return "neigh: entry in no list";
        if (ek_list_is_linked(&e->timer) != timed)
                return "neigh: timer doesn't fit the state";
        if (ek_list_is_linked(&e->want) && e->state != EK_NEIGH_INCOMPLETE &&
            e->state != EK_NEIGH_PROBE)
                return "neigh: asks without need";
        if (e->state != EK_NEIGH_INCOMPLETE &&
            !(ek_list_is_empty(&e->waiters) && ek_list_is_empty(&e->held) && e->n_held == 0))
                return "neigh: waiters on an entry that doesn't wait";
        if (e->state != EK_NEIGH_FREE && find(t, e->link, &e->ip) != e)
                return "neigh: entry is not found by its key";
        return NULL;
}

static const char *check_timers(const struct ek_list *list)
{
        uint64_t due = 0;

        if (!ek_list_check(list))
                return "neigh: broken timer list";
        for (struct ek_list *n = list->next; n != list; n = n->next) {
                if (of_timer(n)->due < due)
                        return "neigh: timers out of order";
                due = of_timer(n)->due;
        }
        return NULL;
}

const char *ek_neigh_check(const struct ek_ipstack *ip)
{
        const struct ek_neigh_table *t = &ip->neigh;
        const char *why = NULL;
        uint32_t pending = 0;

        if (!t->used)
                return NULL; /* as ek_neigh_init() left it */
        for (uint32_t i = 0; i < t->n && why == NULL; i++) {
                why = check_entry(t, &t->entry[i]);
                pending += is_pending(&t->entry[i]);
        }
        if (why == NULL && pending != t->n_pending)
                why = "neigh: count of pending entries";
        if (why == NULL)
                why = check_timers(&t->retrans);
        if (why == NULL)
                why = check_timers(&t->delay);
        if (why == NULL)
                why = check_timers(&t->failed);
        return why;
}
