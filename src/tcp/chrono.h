/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_CHRONO_H
#define EK_TCP_CHRONO_H

/* Where the sending direction's time goes. Leaf. */

#include "base/port.h"

enum ek_chrono_kind {
        EK_CHRONO_IDLE,   /* nothing is queued, nothing unacknowledged */
        EK_CHRONO_BUSY,   /* something is queued or unacknowledged, and nothing below limits it */
        EK_CHRONO_RWND,   /* ... but the peer's window does not let it go */
        EK_CHRONO_SNDBUF, /* ... but it is all sent, and the send buffer has no room for more */
        EK_CHRONO_KINDS,
        EK_CHRONO_HANDS = EK_CHRONO_KINDS - 1, /* IDLE is not measured */
};

/* Exactly one kind at a time. */
struct ek_chrono {
        uint64_t since;                   /* of the present kind */
        uint64_t sum_ns[EK_CHRONO_HANDS]; /* [kind - 1] */
        uint8_t kind;                     /* enum ek_chrono_kind */
};

/* Sums of what went before, small: 40 bits each, in units of 4096 ns (52 days). */
struct ek_chrono_sums {
        uint32_t high[EK_CHRONO_HANDS];
        uint8_t low[EK_CHRONO_HANDS];
        uint8_t spare; /* the owner's: a byte that alignment leaves in each connection */
};

/* From now on it is this kind. */
void ek_chrono_set(struct ek_chrono *c, enum ek_chrono_kind kind, uint64_t now);

/* End with IDLE and add what was measured to `sums`. */
void ek_chrono_fold(struct ek_chrono *c, struct ek_chrono_sums *sums, uint64_t now);

/* The whole time of one kind that is measured, up to now. */
uint64_t ek_chrono_total(const struct ek_chrono *c, const struct ek_chrono_sums *sums,
                         enum ek_chrono_kind kind, uint64_t now);

#endif
