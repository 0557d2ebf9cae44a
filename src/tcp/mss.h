/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_MSS_H
#define EK_TCP_MSS_H

/* Segment sizes, RFC 9293, 3.7.1. Leaf. Bytes. */

#include "base/port.h"

/* Which MSS to announce on a path of this MTU: without IP and TCP options (3.7.1, RFC 6691). */
uint16_t ek_mss_to_announce(uint16_t mtu, bool v4, uint16_t limit);

/* SendMSS from the peer's option (0: none came, MUST-15), never below `floor`. */
uint16_t ek_mss_from_peer(uint16_t option, bool v4, uint16_t floor);

/* Eff.snd.MSS = min(SendMSS + 20, MMS_S) - TCPhdrsize - IPoptionsize (3.7.1), with `opts` bytes of TCP
 * options in every segment; at least 8. */
uint32_t ek_mss_effective(uint16_t send_mss, uint16_t path_mtu, bool v4, uint16_t limit,
                          uint32_t opts);

#endif
