/* SPDX-License-Identifier: MIT */
#ifndef ELKO_LINK_H
#define ELKO_LINK_H

/*
 * What the stack must know of a link, and the two shapes in which packets cross the border.
 *
 * A packet (in) is one contiguous run of bytes that belongs to the caller; it is read during
 * elko_input() only and never modified. A frame (out) is a list of up to ELKO_FRAME_PARTS slices that
 * belong to the stack: a header, then slices of the connection's send ring. It stays valid until the
 * next call into the same stack, whichever call that is.
 */

#include <elko/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum elko_medium {
        ELKO_MEDIUM_IP,       /* bare IPv4 and IPv6 packets: TUN, VPN tunnels */
        ELKO_MEDIUM_ETHERNET, /* Ethernet II frames without FCS: TAP, veth, virtio */
};

/* Capabilities of a link. */
enum elko_link_flag {
        ELKO_LINK_RX_CSUM = 1u << 0, /* the link verifies checksums: it marks packets that it did */
        ELKO_LINK_TX_CSUM = 1u << 1, /* the link completes TCP checksums from csum_start/_offset */
        ELKO_LINK_TSO =
                1u << 2, /* the link cuts frames with gso_size set; needs ELKO_LINK_TX_CSUM */
        ELKO_LINK_ANY_IP = 1u << 3, /* take packets for every unicast destination as our own */
};

#define ELKO_MAC_BYTES 6

struct elko_link_config {
        enum elko_medium medium;
        uint32_t flags;              /* enum elko_link_flag */
        uint16_t mtu;                /* largest IP packet in bytes, 576..65535 (1280.. for IPv6) */
        uint8_t mac[ELKO_MAC_BYTES]; /* Ethernet only: our unicast address */
        char name[16];               /* for traces and errors; NUL-terminated */
};

/* Marks on an incoming packet. */
enum elko_packet_flag {
        ELKO_PACKET_CSUM_OK = 1u << 0, /* the transport checksum was verified, or needs no check */
};

struct elko_packet {
        const uint8_t *data; /* first byte of the IP header, or of the Ethernet header */
        uint32_t len;        /* bytes at data; trailing padding is allowed */
        uint16_t flags;      /* enum elko_packet_flag */
        /* The link joined TCP segments of so many bytes of payload, the last one may have fewer (LRO, GRO, a virtual
         * link whose sender has not cut them); 0: it is one segment. It changes what is counted, not what is done. */
        uint16_t gso_size;
};

#define ELKO_FRAME_PARTS 3

struct elko_slice {
        const uint8_t *data;
        uint32_t len;
};

struct elko_frame {
        struct elko_slice part[ELKO_FRAME_PARTS]; /* unused parts have len 0 and stand at the end */
        uint32_t parts;                           /* 1..ELKO_FRAME_PARTS */
        uint32_t len;                             /* sum of all parts, bytes */
        /* With ELKO_LINK_TSO: TCP payload bytes per segment, of which there are more than one. The link cuts, repeats
         * the headers, numbers the segments, and leaves FIN and PSH to the last. 0: a single packet. */
        uint16_t gso_size;
        uint16_t csum_start;  /* with ELKO_LINK_TX_CSUM: offset of the transport header, 0: done */
        uint16_t csum_offset; /* offset of the checksum field from csum_start */
        uint16_t reserved;
};

#ifdef __cplusplus
}
#endif
#endif
