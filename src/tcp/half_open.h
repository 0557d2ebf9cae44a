/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_HALF_OPEN_H
#define EK_TCP_HALF_OPEN_H

/*
 * Half-open connections: SYN-RECEIVED of a passive open (the SYN queue, RFC 4987, 3.1).
 *
 * An entry is 60 bytes, so that a flood of SYNs costs little: no buffers, no timer node, no pointer to
 * its listener (which is looked up when the handshake ends; it may be gone by then). The ISS isn't kept
 * either: RFC 6528's ISS is a function of the tuple and of the instant of birth, which is kept.
 *
 * Entries wait in doubly linked lists by stage, with 17-bit links. In each stage all are due at the same age and
 * wait in the order of their birth, so the first is the first due.
 */

#include "tcp/tcb.h"
#include "wire/tcp_opt.h"

enum {
        EK_HALF_OPEN_MAX = 65534,
        EK_HALF_OPEN_NIL = 0x1ffff,
        EK_HALF_OPEN_MAX_RETRIES = 6,
        EK_HALF_OPEN_MAX_TRIES = 7,
        EK_HALF_OPEN_NO_WSCALE = 15,
};

enum ek_half_open_stage {
        EK_HO_SEND,      /* a SYN+ACK is to be sent */
        EK_HO_UNDECIDED, /* the application has not given its verdict */
        EK_HO_WAIT,      /* EK_HO_WAIT + k: the timer ran out k times; waiting for the ACK */
        EK_HO_STAGES = EK_HO_WAIT + EK_HALF_OPEN_MAX_RETRIES + 1
};

/* What our SYN+ACK says of ECN. */
enum ek_ecn_offer {
        EK_ECN_OFFER_NONE,
        EK_ECN_OFFER_CLASSIC, /* RFC 3168 */
        /* RFC 9768; the SYN came with the IP-ECN field 0 to 3, ... */
        EK_ECN_OFFER_ACCURATE,
        /* ... or one without ECN came, or was sent, as well: no ECT from us (3.1.5) */
        EK_ECN_OFFER_ACCURATE_NO_ECT = EK_ECN_OFFER_ACCURATE + 4,
};

struct ek_half_open {
        struct ek_conn conn;
        uint32_t born; /* ticks of 4 us; ISS = born + F(tuple) */
        uint32_t irs;
        union {
                uint32_t ts_recent; /* with timestamps */
                uint32_t sent;      /* without: when the first SYN+ACK left, ticks of 4 us */
        };
        uint32_t next : 17; /* slab index in the list of its stage */
        uint32_t stage : 4; /* enum ek_half_open_stage */
        uint32_t
                tries : 3; /* SYN+ACKs sent, saturating: the timer's, and those to a SYN that came again */
        uint32_t wscale : 4; /* the peer's; EK_HALF_OPEN_NO_WSCALE: not offered */
        uint32_t ts : 1;     /* the peer offered timestamps, and so do we */
        uint32_t sack : 1;
        uint32_t
                mark : 1; /* undecided: the application has seen it; afterwards: the SYN+ACK announces
                            * the small window, memory is short */
        uint32_t
                fastopen : 1; /* the first SYN+ACK carries a Fast Open cookie; when that is sent: an ACK
                                * has come, and data is waited for (ELKO_OPTION_DEFER_ACCEPT) */
        uint32_t prev : 17;
        uint32_t mss_code : 11;    /* the peer's MSS option: ek_half_open_mss(); 0: none */
        uint32_t fastopen_exp : 1; /* ... in the experimental option */
        uint32_t ecn : 3;          /* enum ek_ecn_offer */
};

EK_STATIC_ASSERT(sizeof(struct ek_half_open) == 60, "half-open entry");

/* Did the SYN+ACK announce the small window? */
static inline bool ek_half_open_is_small(const struct ek_half_open *ho)
{
        return ho->tries > 0 && ho->mark;
}

/* Did its ACK come, and bring nothing that the listener would be woken for? */
static inline bool ek_half_open_is_deferred(const struct ek_half_open *ho)
{
        return ho->tries > 0 && ho->fastopen;
}

/*
 * 16 bits in 11. What is below the peer's MSS is as good (RFC 9293, 3.7.1), so what is common is exact and the rest
 * has steps: of 64 from 1536, of 4 from 8000 (Ethernet's jumbo frames) and of 528 from 9216 on.
 */
uint32_t ek_half_open_mss_code(uint16_t mss);
uint16_t ek_half_open_mss(const struct ek_half_open *ho);

struct ek_half_open_lists {
        uint32_t head[EK_HO_STAGES], tail[EK_HO_STAGES];
        uint32_t count[EK_HO_STAGES];
        uint32_t total;
};

struct ek_tcp;
struct ek_listener;

void ek_half_open_init(struct ek_tcp *t);

/* A new entry at the end of `stage`, in the connection table; NULL: limit or memory. */
struct ek_half_open *ek_half_open_new(struct ek_tcp *t, const struct ek_key *key,
                                      enum ek_half_open_stage stage, uint32_t *index);
void ek_half_open_move(struct ek_tcp *t, uint32_t index, enum ek_half_open_stage stage);

/* In ticks of 4 us. */
uint32_t ek_half_open_age(const struct ek_tcp *t, const struct ek_half_open *ho);

/* The round trip of a SYN+ACK that left once, of which `opt` is the answer's; at least 1. */
uint64_t ek_half_open_rtt(const struct ek_tcp *t, const struct ek_half_open *ho,
                          const struct ek_tcp_opts *opt);

/* A SYN+ACK left, or could not: wait for the answer. */
void ek_half_open_sent(struct ek_tcp *t, uint32_t index);

/* How many time-outs of its SYN+ACK have passed. */
uint32_t ek_half_open_timeouts(const struct ek_tcp *t, const struct ek_half_open *ho);

/* The peer has our SYN+ACK, so it is not sent again before the time to wait for data is over. */
bool ek_half_open_is_silent(struct ek_tcp *t, const struct ek_half_open *ho);
/* It was silent. */
void ek_half_open_passed(struct ek_tcp *t, uint32_t index);

/* Out of its list and of the table, and freed. */
void ek_half_open_free(struct ek_tcp *t, uint32_t index);

struct ek_half_open *ek_half_open_at(struct ek_tcp *t, uint32_t index);

/* Of its listener; the stack's if that is gone. */
const struct ek_settings *ek_half_open_settings(struct ek_tcp *t, const struct ek_half_open *ho);

/* The SYN+ACK's sequence number. */
seq_t ek_half_open_iss(struct ek_tcp *t, const struct ek_half_open *ho);

/* Retransmit or give up what is due; the earliest deadline. */
void ek_half_open_advance(struct ek_tcp *t);
uint64_t ek_half_open_next_deadline(struct ek_tcp *t);

#endif
