/*
 * ip_in.h - a packet comes in: link header, IP header, whose it is, what becomes of it.
 */
#ifndef EK_IP_IN_H
#define EK_IP_IN_H

#include "ip/icmp.h"

#include <elko/link.h>

enum ek_ip_verdict {
        EK_IP_DROPPED,    /* out->drop says why; counted */
        EK_IP_CONSUMED,   /* ARP, ND, ICMP: taken care of inside */
        EK_IP_TCP,        /* out->hdr is a TCP segment for us */
        EK_IP_ICMP_ERROR, /* out->icmp concerns a TCP connection */
};

struct ek_ip_in {
        struct ek_ip_hdr hdr; /* link-local addresses with the scope embedded */
        elko_link link;
        enum elko_drop drop;
        bool csum_ok;              /* the link has verified the transport checksum */
        uint16_t gso_size;         /* elko_packet.gso_size */
        struct ek_icmp_error icmp; /* set for EK_IP_ICMP_ERROR only */
};

/*
 * Take one packet that arrived on `link`. *out is valid as far as the verdict says; after DROPPED
 * only out->drop and out->link. The packet is read during the call only, and out->hdr points into
 * it. packets_in, bytes_in and, once the connection is found, icmp_errors_in are the caller's to
 * count.
 */
enum ek_ip_verdict ek_ip_input(struct ek_ipstack *ip, elko_link link, const struct elko_packet *pkt,
                               uint64_t now, struct ek_ip_in *out);

#endif
