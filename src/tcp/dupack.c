/* SPDX-License-Identifier: MIT */
#include "tcp/dupack.h"

/*
 * RFC 5681, 3.2 with RFC 6582 (NewReno) and RFC 3042 (limited transmit), for connections that did not
 * negotiate SACK (recover_sack.c is for the others).
 *
 * `recover` guards against a second fast retransmit for the same window: the duplicate ACKs that a
 * go-back-N after a time-out provokes must not start one (RFC 6582, 3.2 step 1).
 */

/* [RFC5681 2] */
bool ek_dupack_is_duplicate(const struct ek_dupack_facts *f)
{
        return f->outstanding && f->no_data && f->no_syn_fin && f->ack_is_una && f->window_same;
}

/* [RFC5681 3.2c; RFC6582 3.2-1 3.2-2] */
enum ek_dupack_verdict ek_dupack_on_duplicate(struct ek_dupack *d, seq_t una, seq_t nxt)
{
        if (d->count == 0)
                d->before = nxt;
        if (d->count < UINT16_MAX)
                d->count++;
        if (d->recovering)
                return EK_DUPACK_INFLATE;
        if (d->count < EK_DUPACK_THRESHOLD)
                return EK_DUPACK_LIMITED;
        if (d->count > EK_DUPACK_THRESHOLD)
                return EK_DUPACK_NOTHING;
        /* RFC 6582, 3.2 (1): the ACK must cover more than `recover`. */
        if (d->recover_valid && !seq_gt(una, d->recover))
                return EK_DUPACK_NOTHING;
        d->recover = nxt;
        d->recover_valid = true;
        d->recovering = true;
        return EK_DUPACK_ENTER;
}

/* [RFC6582 6b 6c] */
enum ek_dupack_ack ek_dupack_on_progress(struct ek_dupack *d, seq_t una)
{
        d->count = 0;
        if (!d->recovering) {
                /* Forget an old mark before the circle turns over it. */
                if (d->recover_valid && seq_gt(una, d->recover))
                        d->recover_valid = false;
                return EK_DUPACK_NORMAL;
        }
        if (seq_lt(una, d->recover))
                return EK_DUPACK_PARTIAL;
        d->recovering = false;
        return EK_DUPACK_FULL;
}

/* [RFC6582 3.2-4] */
void ek_dupack_on_timeout(struct ek_dupack *d, seq_t nxt)
{
        d->recover = nxt;
        d->recover_valid = true;
        d->recovering = false;
        d->count = 0;
}
