/*
 * tcp_hdr.h - TCP segments (RFC 9293, 3.1).
 */
#ifndef EK_WIRE_TCP_HDR_H
#define EK_WIRE_TCP_HDR_H

#include "wire/tcp_opt.h"

#include <elko/info.h>
#include <elko/types.h>

enum {
        EK_TCP_HDR_BYTES = 20,
        EK_TCP_MAX_HDR_BYTES = 60,
        EK_TCP_CSUM_OFFSET = 16,
};

struct ek_tcp_hdr {
        uint16_t src_port, dst_port;
        uint32_t seq, ack;
        uint16_t flags; /* enum elko_tcp_flag: 9 bits, AE included */
        uint16_t wnd, urg;
        uint8_t hdr_len; /* options included */
        const uint8_t *data;
        uint32_t data_len;
        struct ek_tcp_opts opt;
};

/* Reads the segment of `len` bytes (an IP payload) at seg. NONE, TCP_SHORT or TCP_DATA_OFFSET. The
 * checksum is not looked at, nor the ports. */
enum elko_drop ek_tcp_parse(const uint8_t *seg, uint32_t len, struct ek_tcp_hdr *out);

/* Whether the checksum of the segment is right. `len` may be anything. */
bool ek_tcp_csum_ok(const elko_ip *src, const elko_ip *dst, const uint8_t *seg, uint32_t len);

/*
 * Writes header and options of h, up to 60 bytes; the checksum field is 0 and h->hdr_len, data,
 * data_len are not used. Returns the header length.
 */
uint32_t ek_tcp_emit(uint8_t *out, const struct ek_tcp_hdr *h);

#endif
