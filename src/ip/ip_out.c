/*
 * ip_out.c - headers, and the queue of control packets.
 *
 * Control packets are those that no connection owns: ARP and ND, echo, ICMP errors. Two kinds of
 * them are treated differently:
 *
 * - Solicitations are not queued as bytes. The neighbour cache keeps a list of whom to ask, and the
 *   frame is written when the link takes it, into one of a few buffers that serve nothing else: so
 *   replies that wait for a neighbour can't block the question that they wait for.
 * - Replies are composed when their cause arrives, because the packet that caused them is gone
 *   afterwards. Each lives in a descriptor; small ones inside of it, larger ones in memory from the
 *   region, with a limit over all. What doesn't fit is dropped: IP promises no more.
 *
 * A reply is in exactly one list: free, the queue of its link, held by a neighbour, or parked. Parked
 * are those that were handed out and may still be read by the caller.
 */
#include "ip/ip_out.h"

#include "ip/ip.h"
#include "wire/eth.h"
#include "wire/ipv4.h"
#include "wire/ipv6.h"

/* ---- headers ---- */

uint32_t ek_ip_header_emit(struct ek_ipstack *ip, uint8_t *out, elko_link link, const uint8_t *mac,
                           const elko_ip *src, const elko_ip *dst, uint8_t proto, uint8_t ttl,
                           uint8_t tos, uint32_t payload_len)
{
        bool v4 = ek_addr_is_v4(dst);
        size_t n = 0;

        EK_ASSERT(ek_ip_link(ip, link) != NULL);
        if (mac != NULL)
                n = ek_eth_emit(out, mac, ip->iface[link - 1].cfg.mac,
                                v4 ? EK_ETH_IPV4 : EK_ETH_IPV6);
        n += v4 ? ek_ipv4_emit(out + n, src, dst, proto, ttl, tos, payload_len)
                : ek_ipv6_emit(out + n, src, dst, proto, ttl, tos, payload_len);
        return (uint32_t)n;
}

/* ---- descriptors ---- */

static struct ek_reply *of_node(struct ek_list *node)
{
        return ek_container_of(node, struct ek_reply, node);
}

bool ek_ctl_init(struct ek_ipstack *ip, uint32_t n)
{
        struct ek_ctl *ctl = &ip->ctl;

        ctl->reply = ek_region_alloc(ip->region, n * sizeof(*ctl->reply));
        ctl->solicit = ek_region_alloc(ip->region, EK_SOLICIT_FRAMES * sizeof(*ctl->solicit));
        if (ctl->reply == NULL || ctl->solicit == NULL)
                return false;
        ctl->n = n;
        ek_list_init(&ctl->free);
        ek_list_init(&ctl->parked);
        for (uint32_t i = 0; i < n; i++) {
                ek_list_init(&ctl->reply[i].node);
                ctl->reply[i].buf = NULL;
                ek_list_push_back(&ctl->free, &ctl->reply[i].node);
        }
        return true;
}

/* Memory for a packet that is too large for the descriptor. */
static uint8_t *large_buffer(struct ek_ipstack *ip, uint32_t bytes)
{
        uint8_t *buf;

        if (bytes > EK_REPLY_MAX_BYTES - ip->ctl.bytes)
                return NULL;
        buf = ek_region_alloc(ip->region, bytes);
        if (buf == NULL)
                ip->ctr->nomem++;
        else
                ip->ctl.bytes += bytes;
        return buf;
}

struct ek_reply *ek_reply_new(struct ek_ipstack *ip, uint32_t len)
{
        struct ek_list *node = ek_list_first(&ip->ctl.free);
        struct ek_reply *r;

        if (node == NULL)
                return NULL;
        r = of_node(node);
        r->cap = EK_ETH_HDR_BYTES + len;
        r->buf = r->cap <= EK_REPLY_INLINE_BYTES ? r->small : large_buffer(ip, r->cap);
        if (r->buf == NULL)
                return NULL;
        ek_list_remove(node);
        ip->ctl.changes++;
        r->len = len;
        r->counter = NULL;
        r->has_mac = false;
        return r;
}

void ek_reply_free(struct ek_ipstack *ip, struct ek_reply *r)
{
        if (r->buf != r->small) {
                ek_region_free(ip->region, r->buf, r->cap);
                ip->ctl.bytes -= r->cap;
        }
        r->buf = NULL;
        ip->ctl.changes++;
        ek_list_remove(&r->node);
        ek_list_push_front(&ip->ctl.free, &r->node);
}

uint8_t *ek_reply_packet(struct ek_reply *r)
{
        return r->buf + EK_ETH_HDR_BYTES;
}

void ek_reply_queue(struct ek_ipstack *ip, struct ek_reply *r)
{
        EK_ASSERT(ek_ip_link(ip, r->link) != NULL && r->buf != NULL);
        ip->ctl.changes++;
        ek_list_push_back(&ip->iface[r->link - 1].queue, &r->node);
}

/* ---- out ---- */

bool ek_ip_ctl_has(const struct ek_ipstack *ip, elko_link link)
{
        const struct ek_ip_iface *iface;

        if (ek_ip_link(ip, link) == NULL)
                return false;
        iface = &ip->iface[link - 1];
        return !ek_list_is_empty(&iface->queue) || !ek_list_is_empty(&iface->solicits);
}

static void fill_frame(struct elko_frame *f, const uint8_t *data, uint32_t len)
{
        memset(f, 0, sizeof(*f));
        f->part[0].data = data;
        f->part[0].len = len;
        f->parts = 1;
        f->len = len;
}

static bool pop_solicit(struct ek_ipstack *ip, elko_link link, struct elko_frame *f, uint64_t now)
{
        struct ek_ctl *ctl = &ip->ctl;
        uint32_t len;

        if (ctl->n_solicits == EK_SOLICIT_FRAMES)
                return false;
        len = ek_neigh_solicit_emit(ip, link, ctl->solicit[ctl->n_solicits], now);
        if (len == 0)
                return false;
        fill_frame(f, ctl->solicit[ctl->n_solicits], len);
        ctl->n_solicits++;
        return true;
}

/* Where the frame begins: at the Ethernet header, which is written now, or at the packet. */
static void hand_out(struct ek_ipstack *ip, struct ek_reply *r, struct elko_frame *f)
{
        const struct elko_link_config *cfg = &ip->iface[r->link - 1].cfg;

        ip->ctl.changes++;
        ek_list_remove(&r->node);
        ek_list_push_back(&ip->ctl.parked, &r->node);
        if (r->counter != NULL)
                ++*r->counter;
        if (cfg->medium == ELKO_MEDIUM_IP) {
                fill_frame(f, r->buf + EK_ETH_HDR_BYTES, r->len);
        } else {
                ek_eth_emit(r->buf, r->mac, cfg->mac, r->ethertype);
                fill_frame(f, r->buf, EK_ETH_HDR_BYTES + r->len);
        }
}

/* A reply without a MAC address to send to: kept for when there is one, or dropped. */
static void put_aside(struct ek_ipstack *ip, struct ek_reply *r)
{
        ip->ctl.changes++;
        ek_list_remove(&r->node);
        if (ek_neigh_hold(ip, r->link, &r->next_hop, r))
                return;
        ip->ctr->drops[ELKO_DROP_ICMP_QUEUE]++;
        ek_reply_free(ip, r);
}

static bool has_mac(struct ek_ipstack *ip, struct ek_reply *r, uint64_t now)
{
        if (!r->has_mac)
                r->has_mac = ek_neigh_resolve(ip, r->link, &r->next_hop, now, r->mac, NULL) ==
                             EK_NEIGH_READY;
        return r->has_mac;
}

bool ek_ip_ctl_pop(struct ek_ipstack *ip, elko_link link, struct elko_frame *f, uint64_t now)
{
        struct ek_list *node;

        if (!ek_ip_ctl_has(ip, link))
                return false;
        if (pop_solicit(ip, link, f, now))
                return true;
        while ((node = ek_list_first(&ip->iface[link - 1].queue)) != NULL) {
                EK_WORK(1);
                if (has_mac(ip, of_node(node), now)) {
                        hand_out(ip, of_node(node), f);
                        return true;
                }
                put_aside(ip, of_node(node));
        }
        return pop_solicit(ip, link, f, now); /* what was put aside may have raised a question */
}

void ek_ip_ctl_release(struct ek_ipstack *ip)
{
        struct ek_list *node;

        while ((node = ek_list_first(&ip->ctl.parked)) != NULL)
                ek_reply_free(ip, of_node(node));
        ip->ctl.n_solicits = 0;
}

/* ---- invariants ---- */

static uint32_t list_len(const struct ek_list *list)
{
        uint32_t n = 0;

        for (struct ek_list *node = list->next; node != list; node = node->next)
                n++;
        return n;
}

const char *ek_ctl_check(const struct ek_ipstack *ip)
{
        const struct ek_ctl *ctl = &ip->ctl;
        uint32_t n = list_len(&ctl->free) + list_len(&ctl->parked), bytes = 0;

        for (uint32_t i = 0; i < ip->n_ifaces; i++)
                n += list_len(&ip->iface[i].queue);
        for (uint32_t i = 0; i < ip->neigh.n; i++)
                n += list_len(&ip->neigh.entry[i].held);
        if (n != ctl->n)
                return "ctl: a reply is in no list, or in two";
        for (uint32_t i = 0; i < ctl->n; i++)
                if (ctl->reply[i].buf != NULL && ctl->reply[i].buf != ctl->reply[i].small)
                        bytes += ctl->reply[i].cap;
        if (bytes != ctl->bytes || bytes > EK_REPLY_MAX_BYTES)
                return "ctl: bytes from the region";
        return NULL;
}
