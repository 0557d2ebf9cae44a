/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_DUPACK_H
#define EK_TCP_DUPACK_H

/* Duplicate acknowledgements: fast retransmit without SACK. Leaf. */

#include "base/port.h"
#include "tcp/seq.h"

struct ek_dupack {
        seq_t recover; /* highest sequence number sent when the last loss was found, RFC 6582 */
        seq_t before;  /* SND.NXT at the first duplicate: before limited transmit (RFC 5681, 3.2) */
        uint16_t count;  /* duplicate ACKs in a row, saturating */
        bool recovering; /* between the fast retransmit and the full ACK */
        bool recover_valid;
};

/* The facts that RFC 5681, 2 asks for. */
struct ek_dupack_facts {
        bool outstanding; /* (a) */
        bool no_data;     /* (b) */
        bool no_syn_fin;  /* (c) */
        bool ack_is_una;  /* (d) */
        bool window_same; /* (e) */
};

bool ek_dupack_is_duplicate(const struct ek_dupack_facts *f);

enum ek_dupack_verdict {
        EK_DUPACK_NOTHING,
        EK_DUPACK_LIMITED, /* first or second: one new segment may be sent (RFC 3042) */
        EK_DUPACK_ENTER,   /* the third: fast retransmit, enter recovery */
        EK_DUPACK_INFLATE, /* in recovery: a segment has left the network */
};

enum { EK_DUPACK_THRESHOLD = 3 };

/* A duplicate ACK for `una` came while `nxt` is SND.NXT. */
enum ek_dupack_verdict ek_dupack_on_duplicate(struct ek_dupack *d, seq_t una, seq_t nxt);

enum ek_dupack_ack {
        EK_DUPACK_NORMAL,  /* not in recovery */
        EK_DUPACK_PARTIAL, /* in recovery, more is missing: retransmit the next */
        EK_DUPACK_FULL,    /* recovery is over */
};

/* SND.UNA advanced to `una`. */
enum ek_dupack_ack ek_dupack_on_progress(struct ek_dupack *d, seq_t una);

/* The retransmission timer expired (RFC 6582, 4). */
void ek_dupack_on_timeout(struct ek_dupack *d, seq_t nxt);

#endif
