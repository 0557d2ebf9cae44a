/* SPDX-License-Identifier: MIT */
/*
 * The packet by itself, and its options.
 *
 * Theory: RFC 9293, 3.1 (header), 3.2 (options), 3.7.1 (MSS); RFC 7323, 2 and 3 (Window Scale, Timestamps);
 * RFC 2018, 2 (SACK-Permitted). TS.Recent follows RFC 7323, 4.3; it is updated in monitor_arrive.c.
 */
#include "monitor_ep.h"

/* Of 255.0.0.0/8 only the limited broadcast is none; the rest is of class E, "reserved for experimental use" (RFC 1122,
 * 3.2.1.3). */
static bool unicast(const elko_ip *ip)
{
        static const elko_ip any;
        static const uint8_t everybody[4] = {255, 255, 255, 255};

        if (elko_ip_is_v4(ip))
                return ip->b[12] != 0 && (ip->b[12] & 0xf0) != 0xe0 &&
                       memcmp(ip->b + 12, everybody, 4) != 0;
        return ip->b[0] != 0xff && memcmp(ip->b, any.b, 16) != 0;
}

static void check_flags(struct sim_monitor *m, const struct mon_ep *ep, const struct mon_seg *s)
{
        if ((s->flags & MON_SYN) && (s->flags & (MON_FIN | MON_RST)))
                mon_blame(m, ep, SIM_RULE_FLAGS, "flags 0x%02x", s->flags);
        else if (!(s->flags & (MON_SYN | MON_ACK | MON_RST)))
                mon_blame(m, ep,
                          (s->flags & MON_FIN) || s->len > 0 ? SIM_RULE_ACK_BIT : SIM_RULE_FLAGS,
                          "flags 0x%02x, %u octets", s->flags, s->len);
}

void mon_form(struct sim_monitor *m, const struct mon_ep *ep, const struct mon_seg *s)
{
        if (!unicast(&s->src) || !unicast(&s->dst) ||
            (memcmp(&s->src, &s->dst, sizeof s->src) == 0 && s->sport == s->dport))
                mon_blame(m, ep, SIM_RULE_ADDRESS, "%s", "the addresses of this connection");
        if (m->c.mtu != 0 && s->ip_len > m->c.mtu && !m->c.offload)
                mon_blame(m, ep, SIM_RULE_MTU, "%u octets, the link carries %u", s->ip_len,
                          m->c.mtu);
        if (!s->sum_ok)
                mon_blame(m, ep, SIM_RULE_TCP_CHECKSUM, "SEQ %u, %u octets of text", s->seq,
                          s->len);
        if (s->reserved != 0)
                mon_blame(m, ep, SIM_RULE_RESERVED, "bits 0x%x", s->reserved);
        if (s->options_wrong != NULL)
                mon_blame(m, ep, SIM_RULE_OPTION_FORM, "%s", s->options_wrong);
        check_flags(m, ep, s);
        if (!(s->flags & MON_SYN) && (s->has_mss || s->has_ws || s->has_sack_ok))
                mon_blame(m, ep, SIM_RULE_SYN_OPTIONS, "%s%s%s", s->has_mss ? "MSS " : "",
                          s->has_ws ? "Window Scale " : "", s->has_sack_ok ? "SACK-Permitted" : "");
        if (s->has_ws && s->ws > 14)
                mon_blame(m, ep, SIM_RULE_WSCALE_MAX, "shift count %u", s->ws);
}

/* The answer to a SYN may have only what the SYN had. In a simultaneous open both SYNs are initial
 * ones, and the SYN+ACK repeats what the own SYN had (RFC 7323, 3.2, last but two paragraphs). */
static void check_syn_ack(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if (mon_may_be_active(m, ep))
                return;
        if (s->has_ws && !ep->in.has_ws)
                mon_blame(m, ep, SIM_RULE_WSCALE_ANSWER, "shift count %u", s->ws);
        if (s->has_ts && !ep->in.has_ts)
                mon_blame(m, ep, SIM_RULE_TS_ANSWER, "TSval %u", s->tsval);
}

/* What the host echoes is its TS.Recent; what it did not take so far it never will. */
static void it_is(const struct sim_monitor *m, struct mon_ep *ep, uint32_t ts_recent)
{
        if (m->c.slack_ns > 0)
                return;
        if (ep->ts_recent != ts_recent)
                ep->ts_sure.n = 0; /* it says what was not certain before */
        ep->ts_recent = ep->ts_hi = ts_recent;
        ep->ts_maybe_count = ep->ts_from = 0;
}

static void check_tsecr(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint64_t then = m->now > m->c.slack_ns ? m->now - m->c.slack_ns : 0;
        unsigned first = ep->ts_maybe_count > MON_HIST ? ep->ts_maybe_count - MON_HIST : 0;
        uint32_t sure;

        if (!(s->flags & MON_ACK)) {
                /* Tolerance: Linux, with the address and port of a connection in TIME-WAIT, repeats
                 * that one's TS.Recent (a SHOULD). */
                if (s->tsecr != 0 && !m->c.linux_ways)
                        mon_blame(m, ep, SIM_RULE_TSECR, "%u without ACK", s->tsecr);
                return;
        }
        if (!ep->irs_known || !ep->in.has_ts)
                return;
        if (ep->ts_outdated && s->tsecr != ep->ts_old)
                ep->ts_outdated = false; /* another took its place */
        if (s->tsecr == ep->ts_recent) {
                it_is(m, ep, s->tsecr);
                return;
        }
        /* Each copy of the SYN has a clock of its own, and a stateless answer follows the copy. */
        for (unsigned i = 0; (s->flags & MON_SYN) && i < MON_SYNS && i < ep->syn_count; i++)
                if (ep->syns[i].seq + 1 == s->ack && mon_le(ep->syns[i].ts_first, s->tsecr) &&
                    mon_le(s->tsecr, ep->syns[i].tsval)) {
                        it_is(m, ep, s->tsecr);
                        return;
                }
        for (unsigned i = ep->ts_maybe_count; i > first; i--)
                if (ep->ts_maybe[(i - 1) % MON_HIST] == s->tsecr) {
                        /* After a stateless SYN+ACK the segment that answers it is where TS.Recent begins. */
                        if (ep->state == MON_SYN_RECEIVED && !(s->flags & MON_SYN)) {
                                it_is(m, ep, s->tsecr);
                                return;
                        }
                        /* It arrived; but not older than what surely took its place later. */
                        if (i <= ep->ts_from && mon_hist_at(&ep->ts_sure, then, &sure) &&
                            mon_lt(s->tsecr, sure))
                                break;
                        it_is(m, ep, s->tsecr);
                        return;
                }
        if ((s->flags & MON_SYN) && m->counts.forgotten > 0)
                return; /* the SYN that it answers may be forgotten */
        /* Too many came of which that can't be said: between what it was and the newest. */
        if (first > 0 && mon_le(s->tsecr, ep->ts_hi) &&
            (!mon_hist_at(&ep->ts_sure, then, &sure) || mon_le(sure, s->tsecr)))
                return;
        mon_blame(m, ep, SIM_RULE_TSECR, "TSecr %u, TS.Recent %u%s", s->tsecr, ep->ts_recent,
                  ep->state == MON_TIME_WAIT ? ", in TIME-WAIT" : "");
}

/*
 * Tolerance: a stateless SYN+ACK may carry what the SYN offered in the low bits of its TSval (RFC 4987, 3.6: "the
 * bits of the Timestamp option"): the clock rounded down to the next value with these bits: twelve here, for a shift count,
 * SACK-Permitted and a check. Copies of one SYN that offer different things (a middlebox, an error on the way) get different bits, so
 * the later answer may be lower, by less than these bits hold. Same offers, same bits: never lower.
 */
static bool carries_another_offer(const struct mon_ep *ep, const struct mon_seg *s)
{
        const uint32_t bits = 1u << 12;
        unsigned n = ep->syn_count < MON_SYNS ? ep->syn_count : MON_SYNS;

        if ((s->flags & (MON_SYN | MON_ACK)) != (MON_SYN | MON_ACK) || ep->active ||
            ep->last_tsval - s->tsval >= bits)
                return false;
        for (unsigned i = 0; i < n; i++) {
                const struct mon_syn *x = &ep->syns[i];

                if (x->seq == ep->in.seq &&
                    (x->has_sack_ok != ep->in.has_sack_ok || x->has_ws != ep->in.has_ws ||
                     (x->has_ws && x->ws != ep->in.ws)))
                        return true;
        }
        return false;
}

/* RFC 7323, 5.4: after 2^31 ticks, of 1 ms at the least, earlier and later can't be told apart. */
static void check_tsval(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if (ep->has_tsval && mon_lt(s->tsval, ep->last_tsval) &&
            m->now - ep->tsval_at < ELKO_MS(1ull << 31)) {
                if (carries_another_offer(ep, s))
                        return;
                /* By a clock that jumps it may be 25 days later, and more (RFC 7323, 5.5). */
                if (m->c.no_time && ep->last_tsval - s->tsval >= 1u << 30) {
                        ep->last_tsval = s->tsval;
                        return;
                }
                mon_blame(m, ep, SIM_RULE_TSVAL, "%u after %u", s->tsval, ep->last_tsval);
        }
        ep->last_tsval = s->tsval;
        ep->tsval_at = m->now;
        ep->has_tsval = true;
}

static void check_ts(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        bool syn = (s->flags & MON_SYN) != 0;

        /* What a stateless SYN+ACK negotiated is known from the segment that answers it only (RFC 4987, 3.6): when
         * that has Timestamps against the rule, or not, so may the connection. */
        if (!syn && ep->ts_open) {
                /* What else the SYN offered may have been in the Timestamps only, and is lost with them. */
                if (ep->out.has_ts && !s->has_ts)
                        ep->ws_ok = ep->sack_ok_in = false;
                ep->ts_ok = ep->in.has_ts = ep->out.has_ts = s->has_ts;
                ep->ts_open = false;
        }
        if (!syn && ep->irs_known && ep->iss_known) {
                if (ep->ts_ok && !s->has_ts)
                        mon_blame(m, ep, SIM_RULE_TS_ALWAYS, "SEQ %u", s->seq);
                if (!ep->ts_ok && s->has_ts)
                        mon_blame(m, ep, SIM_RULE_TS_NEVER, "TSval %u", s->tsval);
        }
        if (!s->has_ts)
                return;
        check_tsval(m, ep, s);
        check_tsecr(m, ep, s);
}

/*
 * Tolerance: an MSS below 48 leaves no room for text beside options; an endpoint may treat it as 48
 * (and then has 8 octets left).
 */
static void check_mss(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        uint32_t mss = mon_mss(ep) < 48 ? 48 : mon_mss(ep);
        uint32_t most = mss > s->options_len + 8u ? mss - s->options_len : 8;

        if (s->len > most && ep->irs_known && !(s->flags & MON_SYN) && !m->c.offload)
                mon_blame(m, ep, SIM_RULE_MSS, "%u octets of text and %u of options, the MSS is %u",
                          s->len, s->options_len, mon_mss(ep));
}

void mon_options(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if ((s->flags & MON_SYN) && (s->flags & MON_ACK))
                check_syn_ack(m, ep, s);
        if (s->sacks > 0 && ep->irs_known && !ep->sack_ok_in)
                mon_blame(m, ep, SIM_RULE_SACK_ALLOWED, "%u blocks", s->sacks);
        check_ts(m, ep, s);
        check_mss(m, ep, s);
}
