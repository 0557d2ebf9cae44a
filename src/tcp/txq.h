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
        EK_TXREC_LOST = 1u << 2,       /* to be sent again */
        EK_TXREC_PUSH = 1u << 3,       /* it ended with what the application had given by then */
        EK_TXREC_SACKED = 1u << 4,     /* the peer has it, and may still give it up (RFC 2018, 8) */
        EK_TXREC_LOST_BELOW = 1u << 5, /* it, or one below it in the tree, is lost */
};

enum { EK_TXREC_TAG_WORDS = 5 };

struct ek_txrec {
        uint64_t sent_at; /* last transmission, ns */
        seq_t seq;
        uint32_t len;                     /* sequence space: payload, SYN, FIN */
        uint32_t next;                    /* index, EK_NIL at the end */
        uint32_t up, left, right;         /* the tree, in the same order */
        uint32_t before, after;           /* in the order of transmission: of `flying` or `lost` */
        uint32_t tag[EK_TXREC_TAG_WORDS]; /* the sender's, given back with the ACK */
        uint8_t flags;                    /* enum ek_txrec_flag */
        uint8_t sends;                    /* transmissions, saturating; >= 1 */
        uint16_t
                seg_len; /* payload of its segments, the last may have less; 0: it is one segment */
};

/* Records by their last transmission, oldest first. */
struct ek_txlist {
        uint32_t head, tail; /* indices, EK_NIL: empty */
};

struct ek_txq {
        uint32_t head, tail, root; /* indices, EK_NIL: empty */
        uint32_t first_lost;       /* the first lost record; EK_NIL: look for it, if there is any */
        struct ek_txlist flying;   /* neither SACKed nor lost */
        struct ek_txlist lost;
        uint32_t count;      /* records */
        uint32_t segs;       /* segments, as they were sent */
        uint32_t lost_bytes; /* sequence space of the records marked lost */
        uint32_t lost_count;
        uint32_t sacked_bytes; /* same, SACKed */
        uint32_t sacked_count;
        uint32_t sacked_segs;  /* segments that were SACKed, as they were sent */
        uint32_t resent_count; /* records flying that were sent more than once */
        uint32_t bytes;        /* sequence space of all records: SND.NXT - SND.UNA */
        seq_t fack; /* the highest number known to have arrived, if anything is outstanding */
        uint64_t too_young;  /* what was sent again later than this can't have been answered yet */
        uint32_t lost_ever;  /* sequence space that was ever marked lost, modulo 2^32 */
        uint32_t marked_len; /* of the record that was marked last; 0: none */
        uint32_t marked_tag[EK_TXREC_TAG_WORDS];
};

/* What one ACK said: that SND.UNA moved (ek_txq_ack), and what else arrived (ek_txq_sack). */
struct ek_txq_acked {
        uint32_t bytes; /* sequence space, cumulatively */
        uint32_t records;
        uint32_t delivered; /* sequence space that was not known to have arrived before */
        uint32_t sacked;    /* ... by SACK */
        uint32_t largest;   /* payload of the largest segment sent once, of the cumulative ones */
        uint32_t late;      /* records sent once that arrived after later ones */
        seq_t late_from;    /* the first of these begins here */
        uint64_t
                rtt_sent_at; /* when the newest record that was sent once left; 0: no sample (Karn) */
        uint64_t sack_sent_at; /* same, of those that were SACKed */
        uint64_t rack_sent_at; /* of all that was delivered, the transmission that left last, */
        seq_t rack_end;        /* and the end of its sequence numbers */
        seq_t orig_end;        /* the lowest end of what was sent once and delivered */
        bool syn, fin;         /* they were among it */
        bool retransmitted;    /* some of it had been sent more than once */
        bool timed;            /* rtt_sent_at is a sample: a clock may begin at 0 */
        bool sack_timed;       /* sack_sent_at is one */
        bool orig;             /* orig_end is known */
        bool rack;             /* rack_sent_at, rack_end are known */
        bool rack_again;       /* ... of a retransmission */
        bool tagged;           /* a whole record is among it: the transmission that left last */
        uint64_t sent_at;      /* ... when */
        uint32_t tag[EK_TXREC_TAG_WORDS];
};

void ek_txq_init(struct ek_txq *q);

/* Free all records. */
void ek_txq_clear(struct ek_txq *q, struct ek_slab *slab);

/* One transmission that is leaving now. */
struct ek_txq_sent {
        uint64_t now;
        uint32_t len;     /* sequence space */
        uint16_t seg_len; /* it leaves as segments of so much payload, 0: as one */
        uint8_t flags;
        uint32_t tag[EK_TXREC_TAG_WORDS];
};

/* Append what was just sent as a record of its own. False: no memory. */
bool ek_txq_push(struct ek_txq *q, struct ek_slab *slab, seq_t seq, const struct ek_txq_sent *sent);

/* SND.UNA moves to `una`: drop what lies before it, trim the record that it cuts. */
struct ek_txq_acked ek_txq_ack(struct ek_txq *q, struct ek_slab *slab, seq_t una);

/* A SACK block inside of what is outstanding, and behind its first number. Of a record that it covers in part,
 * whole segments count (of `grain` bytes, where it left as one). Blocks of one ACK in ascending order. */
void ek_txq_sack(struct ek_txq *q, struct ek_slab *slab, seq_t left, seq_t right, uint32_t grain,
                 struct ek_txq_acked *out);

/* The peer gave up what it had SACKed (RFC 2018, 8): that is lost. */
void ek_txq_renege(struct ek_txq *q, struct ek_slab *slab);

/* Mark lost what is not SACKed: everything, or the first segment (fast retransmit), or the last `max` bytes
 * of payload (loss probe). */
void ek_txq_mark_all_lost(struct ek_txq *q, struct ek_slab *slab);
bool ek_txq_mark_head_lost(struct ek_txq *q, struct ek_slab *slab);
bool ek_txq_mark_last_lost(struct ek_txq *q, struct ek_slab *slab, uint32_t max);

/* What RACK takes for lost: sent before the transmission (sent_at, end), and not later than `until`. */
struct ek_txq_limit {
        uint64_t sent_at, until;
        seq_t end;
};

/* Mark it; how many bytes that is. */
uint32_t ek_txq_mark_old_lost(struct ek_txq *q, struct ek_slab *slab,
                              const struct ek_txq_limit *limit);

/* The oldest transmission under way, NULL: none. */
const struct ek_txrec *ek_txq_oldest(const struct ek_txq *q, const struct ek_slab *slab);

/* Undo the marks: everything is taken as under way again. */
void ek_txq_clear_lost(struct ek_txq *q, struct ek_slab *slab);

/* The first lost record, NULL: none. */
struct ek_txrec *ek_txq_next_lost(struct ek_txq *q, struct ek_slab *slab);

/* Let the first lost record take in the lost ones behind it, and with `flying` all that are not SACKed, as long as
 * all of it is at most `max` bytes of payload. The result is to be sent now: that it was sent at different times is
 * forgotten. */
void ek_txq_merge_lost(struct ek_txq *q, struct ek_slab *slab, uint32_t max, bool flying);

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

/* Bytes taken to be in the network: RFC 6675's pipe. What was sent again is not lost any more, so it counts.
 * [RFC6675 4-setpipe] */
static inline uint32_t ek_txq_pipe(const struct ek_txq *q)
{
        return q->bytes - q->lost_bytes - q->sacked_bytes;
}

/* Was the first of these transmissions sent before the second (RFC 8985, 6.2: RACK_sent_after)? */
static inline bool ek_txq_sent_before(uint64_t at, seq_t end, uint64_t than_at, seq_t than_end)
{
        return at < than_at || (at == than_at && seq_lt(end, than_end));
}

/* Recompute every derived counter; slow. */
bool ek_txq_check(const struct ek_txq *q, const struct ek_slab *slab, seq_t una, seq_t nxt);

#endif
