/* SPDX-License-Identifier: MIT */
#ifndef EK_TCP_RACK_H
#define EK_TCP_RACK_H

/* RACK-TLP, RFC 8985: when is something lost, and when is a probe due? Leaf. Spans in ns. */

#include "base/port.h"
#include "tcp/seq.h"

enum { EK_RACK_DUP_THRESH = 3 };

struct ek_rack {
        uint64_t xmit_at; /* RACK.xmit_ts, of the delivered transmission that left last */
        uint64_t rtt_ns;  /* RACK.rtt */
        seq_t end;        /* RACK.end_seq */
        seq_t dsack_round;
        bool valid; /* something was delivered */
        bool in_dsack_round;
        uint8_t reo_mult;    /* RACK.reo_wnd_mult - 1 */
        uint8_t reo_persist; /* recoveries for which it stays */

        /* TLP, 7 */
        seq_t probe_end;      /* TLP.end_seq */
        bool probe_out;       /* ... is not None */
        bool probe_again;     /* TLP.is_retrans */
        bool probe_unsampled; /* no round trip was measured since the last probe */
};

/* What the reordering window depends on besides. */
struct ek_rack_facts {
        uint64_t srtt_ns, min_rtt_ns;
        uint64_t granularity_ns; /* the clock's */
        uint32_t segs_sacked;
        bool reordering_seen;
        bool recovering; /* fast or RTO recovery */
};

/* A transmission was delivered: of those that one ACK tells of, the one that left last. */
void ek_rack_on_delivered(struct ek_rack *r, uint64_t sent_at, seq_t end, uint64_t now);

/* An ACK came, with or without a D-SACK; a recovery ended. */
void ek_rack_on_ack(struct ek_rack *r, seq_t una, seq_t nxt, bool dsack);
void ek_rack_on_recovered(struct ek_rack *r);

/* RACK.reo_wnd */
uint64_t ek_rack_reo_wnd(const struct ek_rack *r, const struct ek_rack_facts *f);

/* What was sent before RACK.xmit_ts and not after this moment is lost; false: nothing can be. */
bool ek_rack_lost_until(const struct ek_rack *r, uint64_t reo_wnd, uint64_t now, uint64_t *until);

/* When everything that was sent before RACK.xmit_ts will be. */
uint64_t ek_rack_deadline(const struct ek_rack *r, uint64_t reo_wnd);

/* 7.2: the span after which a probe is due. */
uint64_t ek_tlp_pto(const struct ek_rack_facts *f, bool one_segment, uint64_t max_ack_delay_ns);

/* 7.3: may a probe be sent now? */
static inline bool ek_tlp_may_probe(const struct ek_rack *r)
{
        return !r->probe_out && !r->probe_unsampled;
}

void ek_tlp_on_sent(struct ek_rack *r, seq_t nxt, bool again);

/* Fast or RTO recovery begins (7.1). */
void ek_tlp_reset(struct ek_rack *r);

enum ek_tlp_verdict {
        EK_TLP_NOTHING,
        EK_TLP_DONE,     /* the probe was answered, and nothing was lost */
        EK_TLP_REPAIRED, /* it repaired a loss: congestion */
};

struct ek_tlp_ack {
        seq_t ack;
        bool dsack;     /* with a D-SACK that ends where the probe did */
        bool duplicate; /* a duplicate without any SACK block */
};

/* 7.4.2 */
enum ek_tlp_verdict ek_tlp_on_ack(struct ek_rack *r, const struct ek_tlp_ack *a);

#endif
