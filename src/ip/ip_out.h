/*
 * ip_out.h - headers for whoever sends, and the queue of control packets.
 *
 * Control packets (ARP, ND, ICMP) are whole frames in buffers of their own. A popped frame is parked:
 * its bytes stay valid until ek_ip_ctl_release().
 */
#ifndef EK_IP_OUT_H
#define EK_IP_OUT_H

#include "base/list.h"
#include "base/port.h"

#include "ip/neigh.h"

#include <elko/link.h>
#include <elko/types.h>

struct ek_ipstack;

enum {
        EK_IP_MAX_HDR_BYTES = 54,        /* Ethernet and IPv6 */
        EK_REPLY_INLINE_BYTES = 128,     /* small packets need no memory from the region */
        EK_REPLY_MAX_BYTES = 256u << 10, /* all larger ones together */
        EK_SOLICIT_FRAMES = 16,          /* solicitations in one batch of frames */
};

/* A control packet. */
struct ek_reply {
        struct ek_list node; /* in the queue of its link, a neighbour's held list, free or parked */
        uint64_t *counter;   /* counts it when it goes out; may be NULL */
        uint8_t *buf;        /* small, or from the region */
        uint32_t cap;        /* bytes of buf */
        uint32_t len;        /* of the packet, which begins at buf + EK_ETH_HDR_BYTES */
        elko_ip next_hop;
        uint16_t ethertype;
        elko_link link;
        bool has_mac;
        uint8_t mac[ELKO_MAC_BYTES];
        uint8_t small[EK_REPLY_INLINE_BYTES];
};

struct ek_ctl {
        struct ek_reply *reply;
        uint32_t n;
        uint32_t bytes;   /* from the region */
        uint32_t changes; /* of what ek_ctl_check() looks at */
        struct ek_list free, parked;
        uint8_t (*solicit)[EK_NEIGH_SOLICIT_BYTES];
        uint32_t n_solicits; /* popped since the last release */
};

/* ---- for the transport ---- */

/*
 * Write [Ethernet +] IP header of a packet with payload_len bytes of transport, header + payload
 * <= the link's MTU. `mac` is the next hop's, NULL on IP media. Embedded scopes are cleared. Returns
 * the bytes written, at most EK_IP_MAX_HDR_BYTES.
 */
uint32_t ek_ip_header_emit(struct ek_ipstack *ip, uint8_t *out, elko_link link, const uint8_t *mac,
                           const elko_ip *src, const elko_ip *dst, uint8_t proto, uint8_t ttl,
                           uint8_t tos, uint32_t payload_len);

/* ---- for the stack ---- */

/* Is there a control packet that may go out on `link`? */
bool ek_ip_ctl_has(const struct ek_ipstack *ip, elko_link link);

/* Take one as a whole frame in one part. false: none now, even if ek_ip_ctl_has() hoped so (its
 * neighbour is unresolved, or too many are parked). */
bool ek_ip_ctl_pop(struct ek_ipstack *ip, elko_link link, struct elko_frame *f, uint64_t now);

/* The frames popped so far are no longer needed. */
void ek_ip_ctl_release(struct ek_ipstack *ip);

/* ---- inside of src/ip ---- */

/*
 * A free reply with room for a packet of `len` bytes, not yet queued; NULL: limit reached or no
 * memory. Compose the packet at ek_reply_packet(), then ek_reply_queue() or ek_reply_free().
 */
struct ek_reply *ek_reply_new(struct ek_ipstack *ip, uint32_t len);
void ek_reply_free(struct ek_ipstack *ip, struct ek_reply *r);
uint8_t *ek_reply_packet(struct ek_reply *r);

/* Queue on r->link; next_hop (and mac, if has_mac), ethertype and counter are set. */
void ek_reply_queue(struct ek_ipstack *ip, struct ek_reply *r);

bool ek_ctl_init(struct ek_ipstack *ip, uint32_t n);
const char *ek_ctl_check(const struct ek_ipstack *ip);

#endif
