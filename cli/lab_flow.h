/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_FLOW_H
#define EK_CLI_LAB_FLOW_H

/*
 * What is known of a flow while it runs. It lies in memory that the processes of a run share: the
 * sender's side is written by the sender, `delivered` by the receiver, and anybody reads. Every field
 * is one word; a reader may see one of them newer than the next, which a series of samples every
 * 10 ms can bear.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum { EK_LAB_PORT = 5001, EK_LAB_SAMPLE_MS = 10 };

/* Last bytes of the addresses 10.99.0.x: the kernel's sender, the receiver, elko's senders. */
enum { EK_LAB_HOST_KERNEL = 1, EK_LAB_HOST_RECEIVER = 2, EK_LAB_HOST_ELKO = 10 };

struct ek_lab_flow {
        _Atomic uint64_t delivered; /* bytes that the receiving application read */

        _Atomic uint64_t cwnd, ssthresh; /* bytes; ssthresh UINT64_MAX: none yet */
        _Atomic uint64_t srtt_ns, min_rtt_ns;
        _Atomic uint64_t acked;                       /* bytes */
        _Atomic uint64_t retrans_segs, retrans_bytes; /* sent again */
        _Atomic uint64_t timeouts;                    /* expiries of the timer; elko only */
        _Atomic uint64_t reord_seen, dsack_dups;
        _Atomic uint64_t rwnd_limited_ns; /* the receiver's window was the limit */
        _Atomic uint64_t error;           /* the connection broke: errno or elko's */
        _Atomic uint64_t connected;       /* 1: the handshake is over */
};

static inline void ek_lab_put(_Atomic uint64_t *field, uint64_t value)
{
        atomic_store_explicit(field, value, memory_order_relaxed);
}

static inline uint64_t ek_lab_get(_Atomic uint64_t *field)
{
        return atomic_load_explicit(field, memory_order_relaxed);
}

static inline void ek_lab_add(_Atomic uint64_t *field, uint64_t value)
{
        ek_lab_put(field, ek_lab_get(field) + value); /* there is one writer */
}

#endif
