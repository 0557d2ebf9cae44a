/* SPDX-License-Identifier: MIT */
#ifndef EK_STACK_STACK_H
#define EK_STACK_STACK_H

/* The composition root: one region, one internet layer, one TCP. */

#include "ip/ip.h"
#include "sock/sock.h"
#include "tcp/tcp.h"

#include <elko/stack.h>

struct elko_stack {
        struct ek_region *region;
        uint64_t now;
        struct elko_counters ctr;
        struct ek_ipstack ip;
        struct ek_tcp tcp;
        bool checked; /* the addresses and routes of that ek_route_gen(): */
        uint32_t checked_routes;
        uint32_t checked_ctl;    /* the control packets' lists, ctl.changes */
        uint64_t checked_region; /* ek_region_changes() when it was found sound */
        bool echo_told;          /* the application knows that echo answers wait */
};

/* Every public call that passes time begins with this: time never goes back. */
void ek_stack_set_now(elko_stack *st, uint64_t now);

/* ... and every public call that may end connections ends with this. */
void ek_stack_end_call(elko_stack *st);

#endif
