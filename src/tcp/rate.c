/* SPDX-License-Identifier: MIT */
#include "tcp/rate.h"

/*
 * How fast does the network deliver? Each transmission P notes how much had been delivered when it left,
 * and when that was known. Its ACK gives a sample: what was delivered meanwhile, over the time between
 * the two ACKs. ACKs may come in clumps, faster than anything was delivered; so the sample is capped by
 * the rate at which the same flight was sent:
 *
 *      interval = max(P.send_time - P.first_send_time,  C.delivered_time - P.delivered_time)
 *      rate     = (C.delivered - P.delivered) / interval
 *
 * The first span is known when P leaves, and the second is P's round trip plus a span that is known
 * then; these two and P.delivered (modulo 2^32; more can't be in flight) are the tag.
 *
 * Two more words tell BBR what was in the network when P had left, and how much had been declared lost
 * until then: the loss rate of P's flight is a sample like its delivery rate.
 *
 * Spans are kept in units of 64 ns: 274 s at most, and a transmission that saw a longer one gives no
 * sample.
 */

enum {
        DELIVERED = 0,
        SEND_SPAN = 1,
        ACK_SPAN = 2, /* the top bit: application-limited */
        TX_IN_FLIGHT = 3,
        LOST = 4,
        UNIT_SHIFT = 6,
};

#define SPAN_MAX    0x7fffffffu
#define APP_LIMITED 0x80000000u

static uint32_t span(uint64_t from, uint64_t to)
{
        return (uint32_t)ek_min_u64((to - from) >> UNIT_SHIFT, SPAN_MAX);
}

static uint64_t span_ns(uint32_t units)
{
        return (uint64_t)units << UNIT_SHIFT;
}

void ek_rate_on_send(struct ek_rate *r, uint32_t pipe, uint32_t len, uint64_t now,
                     uint32_t tag[EK_RATE_TAG_WORDS])
{
        if (pipe == 0) {
                r->first_sent_at = now;
                r->delivered_at = now;
        }
        EK_ASSERT(r->first_sent_at <= now && r->delivered_at <= now);
        tag[DELIVERED] = (uint32_t)r->delivered;
        tag[SEND_SPAN] = span(r->first_sent_at, now);
        tag[ACK_SPAN] = span(r->delivered_at, now) | (r->app_limited != 0 ? APP_LIMITED : 0);
        tag[TX_IN_FLIGHT] = pipe + len;
        tag[LOST] = r->lost;
}

struct ek_rate_sample ek_rate_on_ack(struct ek_rate *r, const struct ek_rate_acked *acked,
                                     uint64_t min_rtt_ns, uint64_t now)
{
        struct ek_rate_sample s = {0};
        const uint32_t *tag = acked->tag;
        uint32_t ack_span;

        r->delivered += acked->bytes;
        r->delivered_at = now;
        if (r->app_limited != 0 && r->delivered > r->app_limited)
                r->app_limited = 0;
        if (tag == NULL)
                return s;
        r->first_sent_at = acked->sent_at;
        ack_span = tag[ACK_SPAN] & ~APP_LIMITED;
        s = ek_rate_on_lost(r, tag);
        s.interval_ns =
                ek_max_u64(span_ns(tag[SEND_SPAN]), now - acked->sent_at + span_ns(ack_span));
        /* Shorter than any round trip: the ACK was for an earlier copy of what was sent again. */
        if (tag[SEND_SPAN] == SPAN_MAX || ack_span == SPAN_MAX || s.interval_ns == 0 ||
            s.interval_ns < min_rtt_ns)
                return s;
        s.bytes_per_s = (uint64_t)s.delivered * 1000000000u / s.interval_ns;
        return s;
}

struct ek_rate_sample ek_rate_on_lost(const struct ek_rate *r,
                                      const uint32_t tag[EK_RATE_TAG_WORDS])
{
        struct ek_rate_sample s = {
                .delivered = (uint32_t)r->delivered - tag[DELIVERED],
                .tx_in_flight = tag[TX_IN_FLIGHT],
                .lost = r->lost - tag[LOST],
                .valid = true,
                .app_limited = (tag[ACK_SPAN] & APP_LIMITED) != 0,
        };

        s.prior_delivered = r->delivered - s.delivered;
        return s;
}

void ek_rate_on_app_limited(struct ek_rate *r, uint32_t pipe)
{
        r->app_limited = ek_max_u64(r->delivered + pipe, 1);
}
