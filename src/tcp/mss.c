/* SPDX-License-Identifier: MIT */
#include "tcp/mss.h"

/*
 * The MSS option counts payload without IP and TCP options (RFC 6691); who adds options shortens the
 * payload. A peer that announces next to nothing must not make us send only headers, so there is a
 * floor, and the payload is never below 8 bytes whatever the options take.
 */

enum {
        IP4_TCP = 20 + 20,
        IP6_TCP = 40 + 20,
        DEFAULT_MSS4 = 536, /* MUST-15 */
        DEFAULT_MSS6 = 1220,
        LEAST_PAYLOAD = 8,
};

static uint32_t headers(bool v4)
{
        return v4 ? IP4_TCP : IP6_TCP;
}

/* [RFC9293 MUST-67] */
uint16_t ek_mss_to_announce(uint16_t mtu, bool v4, uint16_t limit)
{
        uint32_t mss = mtu > headers(v4) + LEAST_PAYLOAD ? mtu - headers(v4) : LEAST_PAYLOAD;

        if (limit != 0)
                mss = ek_min_u32(mss, limit);
        return (uint16_t)mss;
}

/* [RFC9293 MUST-15] */
uint16_t ek_mss_from_peer(uint16_t option, bool v4, uint16_t floor)
{
        if (option == 0)
                return v4 ? DEFAULT_MSS4 : DEFAULT_MSS6;
        return option < floor ? floor : option;
}

/* [RFC9293 MUST-16; RFC2525 2.18] */
uint32_t ek_mss_effective(uint16_t send_mss, uint16_t path_mtu, bool v4, uint16_t limit,
                          uint32_t opts)
{
        uint32_t mss = ek_min_u32(send_mss, ek_mss_to_announce(path_mtu, v4, limit));

        return mss > opts + LEAST_PAYLOAD ? mss - opts : LEAST_PAYLOAD;
}
