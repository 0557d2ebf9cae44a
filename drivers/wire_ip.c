/* SPDX-License-Identifier: MIT */
/*
 * The two looks that the wire takes into a packet. It trusts nothing: lengths are checked against
 * the bytes that are there. Extension headers of IPv6 are not followed; a packet with some is no
 * acknowledgement to us.
 */

#include <string.h>

#include "drivers/wire_ip.h"

enum {
        IPV4_HEADER = 20,
        IPV6_HEADER = 40,
        TCP = 6,
        TCP_HEADER = 20,
        TCP_FLAGS = 13,
        FIN_SYN_RST = 0x07,
        ECN_CE = 3,
};

static bool is_pure_ack(const uint8_t *tcp, uint32_t len)
{
        uint32_t header;

        if (len < TCP_HEADER)
                return false;
        header = (uint32_t)(tcp[12] >> 4) * 4;
        return header == len && (tcp[TCP_FLAGS] & FIN_SYN_RST) == 0;
}

bool elko_wire_ip_parse(const uint8_t *data, uint32_t len, struct elko_wire_ip *out)
{
        uint32_t header, total;

        memset(out, 0, sizeof(*out));
        if (len < IPV4_HEADER)
                return false;
        out->version = data[0] >> 4;
        if (out->version == 4) {
                header = (uint32_t)(data[0] & 15) * 4;
                total = (uint32_t)data[2] << 8 | data[3];
                if (header < IPV4_HEADER || total < header || total > len)
                        return false;
                memcpy(out->destination, data + 16, 4);
                out->pure_ack = data[9] == TCP && is_pure_ack(data + header, total - header);
                return true;
        }
        if (out->version != 6 || len < IPV6_HEADER)
                return false;
        total = ((uint32_t)data[4] << 8 | data[5]) + IPV6_HEADER;
        if (total > len)
                return false;
        memcpy(out->destination, data + 24, 16);
        out->pure_ack = data[6] == TCP && is_pure_ack(data + IPV6_HEADER, total - IPV6_HEADER);
        return true;
}

/* RFC 1624, equation 3: HC' = ~(~HC + ~m + m') for the 16-bit word that holds the TOS byte. */
static void mark_v4(uint8_t *data)
{
        uint32_t old = (uint32_t)data[0] << 8 | data[1];
        uint32_t sum = (uint32_t)data[10] << 8 | data[11];

        data[1] |= ECN_CE;
        sum = (~sum & 0xffff) + (~old & 0xffff) + (old | ECN_CE);
        sum = (sum & 0xffff) + (sum >> 16);
        sum = (sum & 0xffff) + (sum >> 16);
        data[10] = (uint8_t)(~sum >> 8 & 0xff);
        data[11] = (uint8_t)(~sum & 0xff);
}

bool elko_wire_ip_mark(uint8_t *data, uint32_t len)
{
        if (len >= IPV4_HEADER && data[0] >> 4 == 4) {
                if ((data[1] & ECN_CE) == 0)
                        return false;
                mark_v4(data);
                return true;
        }
        if (len < IPV6_HEADER || data[0] >> 4 != 6 || (data[1] >> 4 & ECN_CE) == 0)
                return false;
        data[1] |= ECN_CE << 4;
        return true;
}
