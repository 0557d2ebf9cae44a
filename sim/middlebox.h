/* SPDX-License-Identifier: MIT */
#ifndef ELKO_SIM_MIDDLEBOX_H
#define ELKO_SIM_MIDDLEBOX_H

/*
 * Middleboxes: boxes on a path that look into TCP and change it (RELIABILITY: fault 16).
 *
 * Whatever one does to a connection it does consistently in both directions and with right checksums, so
 * that the streams come through unchanged; except where it ends a connection on purpose (RST, forgotten
 * state). Which of the behaviours a box has is drawn from its random stream out of those allowed.
 *
 * Boxes that rewrite sequence numbers must see a connection from its SYN on; what they have not seen
 * passes unchanged.
 */

#include "sim.h"

/* X(name, text) */
#define MIDDLEBOX_LIST(X)                                                                          \
        X(STRIP_SACK, "removes SACK-permitted from SYNs, SYN+ACKs or both, and SACK blocks")       \
        X(STRIP_TIMESTAMPS, "removes timestamps from SYNs and SYN+ACKs")                           \
        X(STRIP_WSCALE, "removes the window scale from SYNs and SYN+ACKs")                         \
        X(STRIP_MSS, "removes the MSS option")                                                     \
        X(STRIP_UNKNOWN, "removes options that it does not know")                                  \
        X(REORDER_OPTIONS, "puts options into another order, with other padding")                  \
        X(CLAMP_MSS, "lowers the MSS")                                                             \
        X(REWRITE_SEQ, "shifts the sequence numbers of each direction, SACK blocks included")      \
        X(REWRITE_WSCALE, "lowers the window scale on SYNs and shifts windows to match")           \
        X(SPLIT, "cuts segments into smaller ones")                                                \
        X(MERGE, "joins segments that follow each other")                                          \
        X(RESET, "ends a connection with RSTs to both sides")                                      \
        X(NAT_TIMEOUT, "forgets idle connections, then drops their packets until a SYN comes")     \
        X(CLEAR_ECN_PSH, "clears PSH and the ECN bits")

enum middlebox_bit {
#define ELKO_X(name, text) MIDDLEBOX_BIT_##name,
        MIDDLEBOX_LIST(ELKO_X)
#undef ELKO_X
                MIDDLEBOX_BITS
};

enum middlebox_flag {
#define ELKO_X(name, text) MIDDLEBOX_##name = 1 << MIDDLEBOX_BIT_##name,
        MIDDLEBOX_LIST(ELKO_X)
#undef ELKO_X
                MIDDLEBOX_NONE = 0,
        MIDDLEBOX_ALL = (1 << MIDDLEBOX_BITS) - 1,
        /* Those that may end a connection; the rest must not be noticed. */
        MIDDLEBOX_KILLERS = MIDDLEBOX_RESET | MIDDLEBOX_NAT_TIMEOUT,
};

/* "STRIP_SACK", for a bit number. */
const char *middlebox_name(unsigned bit);

struct middlebox_config {
        uint32_t behaviours;     /* enum middlebox_flag: what it does, all of them */
        uint16_t mtu;            /* MERGE makes no packet above this; 0: 1500 */
        uint32_t reset_ppm;      /* RESET: the chance for each packet; 0: 500 */
        uint64_t nat_timeout_ns; /* 0: 30 s */

        /* May it end a connection now? Asked each time, with a number that counts up; NULL: always. */
        bool (*decide)(void *ctx, uint32_t n);
        void *ctx;
};

struct middlebox;

/* Make one and put it between nodes a and b. The world destroys it. */
struct middlebox *middlebox_add(struct sim_world *w, int a, int b,
                                const struct middlebox_config *c);

/* Whether it may have ended the connection between x and y (either order). */
bool middlebox_killed(const struct middlebox *m, const elko_endpoint *x, const elko_endpoint *y);

struct middlebox_totals {
        uint64_t packets_in, packets_out;
        uint64_t did[MIDDLEBOX_BITS];
};

const struct middlebox_totals *middlebox_totals_get(const struct middlebox *m);

#endif
