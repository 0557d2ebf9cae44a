/*
 * eth.c - Ethernet II frames.
 *
 * Destination, source, a 16-bit type above 1535, payload (RFC 894, RFC 2464). Frames are padded to 60
 * bytes, so that the payload may be longer than the packet in it; who is longer is for the IP layer
 * to know. IEEE 802.3 length fields and VLAN tags show up as types that nobody handles.
 */
#include "wire/eth.h"

enum elko_drop ek_eth_parse(const uint8_t *p, size_t n, struct ek_eth_hdr *out)
{
        if (n < EK_ETH_HDR_BYTES)
                return ELKO_DROP_ETH_SHORT;
        out->dst = p;
        out->src = p + 6;
        out->type = ek_get16be(p + 12);
        out->payload = p + EK_ETH_HDR_BYTES;
        out->payload_len = (uint32_t)(n - EK_ETH_HDR_BYTES);
        return ELKO_DROP_NONE;
}

size_t ek_eth_emit(uint8_t *out, const uint8_t dst[ELKO_MAC_BYTES],
                   const uint8_t src[ELKO_MAC_BYTES], uint16_t type)
{
        memcpy(out, dst, ELKO_MAC_BYTES);
        memcpy(out + 6, src, ELKO_MAC_BYTES);
        ek_put16be(out + 12, type);
        return EK_ETH_HDR_BYTES;
}
