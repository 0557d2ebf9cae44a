/*
 * quote.h - the packet that an ICMP error quotes: whose was it?
 */
#ifndef EK_WIRE_QUOTE_H
#define EK_WIRE_QUOTE_H

#include "base/port.h"

#include <elko/info.h>
#include <elko/types.h>

struct ek_quote {
        elko_ip src, dst; /* as on the wire: src is whoever gets the error */
        uint8_t version;
        uint8_t proto;
        uint8_t icmp_type;     /* ICMP only */
        uint16_t sport, dport; /* TCP and UDP; ICMP echo: identifier and sequence number */
        uint32_t seq;          /* TCP */
        uint32_t total_len;    /* of the quoted packet, by its own length field: unverified */
};

/*
 * Reads the beginning of a packet. Only the header and 8 bytes of transport must be present (RFC
 * 792); the quoted length field may say anything. NONE, or ICMP_QUOTE: too little, not a first
 * fragment, or a header that can't be walked.
 */
enum elko_drop ek_quote_parse(const uint8_t *p, uint32_t n, struct ek_quote *out);

#endif
