/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_TXQ_H
#define EK_TCP_TXQ_H

/*
 * What is outstanding: records over [SND.UNA, SND.NXT). The one retransmission queue and scoreboard.
 * Leaf. Records come from a slab that the caller shares among all connections.
 */

#include "base/port.h"
#include "base/slab.h"
#include "tcp/seq.h"

enum ek_txrec_flag {
        EK_TXREC_SYN = 1u << 0,
        EK_TXREC_FIN = 1u << 1,
        EK_TXREC_LOST = 1u << 2, /* to be sent again */
        EK_TXREC_PUSH = 1u << 3, /* it ended with what the application had given by then */
};

enum { EK_TXREC_TAG_WORDS = 3 };

struct ek_txrec {
        uint64_t sent_at; /* last transmission, ns */
        seq_t seq;
        uint32_t len;  /* sequence space: payload, SYN, FIN */
        uint32_t next; /* index, EK_NIL at the end */
        uint8_t flags; /* enum ek_txrec_flag */
        uint8_t sends; /* transmissions, saturating; >= 1 */
        uint16_t reserved;
        uint32_t tag[EK_TXREC_TAG_WORDS]; /* the sender's, given back with the ACK */
};

struct ek_txq {
        uint32_t head, tail; /* indices, EK_NIL: empty */
        uint32_t cursor;     /* no lost record stands before it; EK_NIL: none is lost */
        uint32_t count;      /* records */
        uint32_t lost_bytes; /* sequence space of the records marked lost */
        uint32_t lost_count;
        uint32_t bytes; /* sequence space of all records: SND.NXT - SND.UNA */
};

/* What one cumulative ACK took away. */
struct ek_txq_acked {
        uint32_t bytes; /* sequence space */
        uint32_t records;
        uint64_t
                rtt_sent_at; /* when the newest record that was sent once left; 0: no sample (Karn) */
        bool syn, fin;       /* they were among it */
        bool retransmitted; /* some of it had been sent more than once */
        bool timed;         /* rtt_sent_at is a sample: a clock may begin at 0 */
        bool tagged;        /* a whole record is among it: the transmission that left last */
        uint64_t sent_at;   /* ... when */
        uint32_t tag[EK_TXREC_TAG_WORDS];
};

void ek_txq_init(struct ek_txq *q);

/* Free all records. */
void ek_txq_clear(struct ek_txq *q, struct ek_slab *slab);

/* One transmission that is leaving now. */
struct ek_txq_sent {
        uint64_t now;
        uint32_t len; /* sequence space */
        uint8_t flags;
        uint32_t tag[EK_TXREC_TAG_WORDS];
};

/* Append what was just sent as a record of its own. False: no memory. */
bool ek_txq_push(struct ek_txq *q, struct ek_slab *slab, seq_t seq, const struct ek_txq_sent *sent);

/* SND.UNA moves to `una`: drop what lies before it, trim the record that it cuts. */
struct ek_txq_acked ek_txq_ack(struct ek_txq *q, struct ek_slab *slab, seq_t una);

/* Mark everything lost (retransmission time-out), or the first record only (fast retransmit). */
void ek_txq_mark_all_lost(struct ek_txq *q, struct ek_slab *slab);
bool ek_txq_mark_head_lost(struct ek_txq *q, struct ek_slab *slab);

/* Undo the marks: everything is taken as under way again. */
void ek_txq_clear_lost(struct ek_txq *q, struct ek_slab *slab);

/* The first lost record, NULL: none. */
struct ek_txrec *ek_txq_next_lost(struct ek_txq *q, struct ek_slab *slab);

/* Let the first lost record take in the lost ones behind it, as long as all of it is at most `max` bytes of
 * payload. The result is to be sent now: that it was sent at different times is forgotten. */
void ek_txq_merge_lost(struct ek_txq *q, struct ek_slab *slab, uint32_t max);

/* The first `sent->len` bytes of the first lost record were sent again: no longer lost. The rest, if any,
 * becomes a record of its own. Without memory for that the whole record stays lost, as one that was sent
 * again (Karn's algorithm must know). */
void ek_txq_on_resent(struct ek_txq *q, struct ek_slab *slab, const struct ek_txq_sent *sent);

static inline struct ek_txrec *ek_txq_head(const struct ek_txq *q, struct ek_slab *slab)
{
        return q->head == EK_NIL ? NULL : ek_slab_at(slab, q->head);
}

static inline bool ek_txq_is_empty(const struct ek_txq *q)
{
        return q->head == EK_NIL;
}

/* Recompute every derived counter; slow. */
bool ek_txq_check(const struct ek_txq *q, const struct ek_slab *slab, seq_t una, seq_t nxt);

#endif
