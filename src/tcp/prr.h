/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_PRR_H
#define EK_TCP_PRR_H

/* Proportional rate reduction, RFC 6937 and its revision RFC 9937. Leaf. Amounts in bytes. */

#include "base/port.h"

struct ek_prr {
        uint64_t delivered; /* prr_delivered */
        uint64_t out;       /* prr_out */
        uint32_t flight;    /* RecoverFS, > 0 */
        uint32_t cwnd;      /* what may be in the network now */
        bool active;
};

/* Recovery begins with so much outstanding. */
void ek_prr_start(struct ek_prr *p, uint32_t flight);

/* One ACK, or a loss that a timer found. */
struct ek_prr_ack {
        uint32_t delivered; /* DeliveredData: that the receiver is known to have since the last */
        uint32_t pipe;      /* after what it marked lost */
        uint32_t ssthresh, mss;
        bool safe; /* SND.UNA advanced, and nothing more was found lost: SafeACK */
};

void ek_prr_on_ack(struct ek_prr *p, const struct ek_prr_ack *a);

void ek_prr_on_sent(struct ek_prr *p, uint32_t bytes);

#endif
