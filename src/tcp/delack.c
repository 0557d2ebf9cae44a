/* SPDX-License-Identifier: MIT */
#include "tcp/delack.h"

/*
 * RFC 9293, 3.8.6.3 and RFC 5681, 4.2: an ACK may be held back for less than 0.5 s, but one goes out for
 * at least every second full-sized segment. The output is pulled, so a verdict NOW means "with the next
 * pull": the segments of one input batch share one ACK, which is what RFC 9293, 3.10.7.4 demands of
 * queued segments (MUST-58, MUST-59).
 *
 * A connection starts with some quick ACKs: the peer's slow start grows with every ACK.
 */

void ek_delack_init(struct ek_delack *d, uint8_t quick)
{
        d->bytes = 0;
        d->segments = 0;
        d->quick = quick;
}

/* [RFC9293 SHLD-19; RFC5681 4.2c; RFC2525 2.13] */
enum ek_delack_verdict ek_delack_on_data(struct ek_delack *d, uint32_t len, uint32_t mss)
{
        d->bytes = d->bytes + len < d->bytes ? UINT32_MAX : d->bytes + len;
        if (d->segments < UINT8_MAX)
                d->segments++;
        if (d->quick > 0) {
                d->quick--;
                return EK_DELACK_NOW;
        }
        if (d->bytes / 2 >= mss)
                return EK_DELACK_NOW;
        return EK_DELACK_LATER;
}

void ek_delack_on_ack_sent(struct ek_delack *d)
{
        d->bytes = 0;
        d->segments = 0;
}
