/* SPDX-License-Identifier: MIT */
/*
 * What must happen within a time.
 *
 * Theory: RFC 9293, 3.8.6.3 and RFC 5681, 4.2 (acknowledgments), 3.8.1 and RFC 6298, 5 (retransmission),
 * 3.8.6.1 (probes). A duty has an instant until when it must be done; it is looked at when the next packet
 * of the endpoint passes, or at the end. Retransmission is due within 64 s (RFC 6298, 2.5 lets a limit of
 * the time-out be no less than 60 s) in the first 100 s, when nobody may give up yet (RFC 9293, 3.8.3).
 */
#include "monitor_ep.h"

enum { RTX_WITHIN_S = 64, GIVE_UP_S = 100 };

void mon_duty_set(struct sim_monitor *m, struct mon_ep *ep, struct mon_duty *d, uint64_t after,
                  uint32_t ack)
{
        uint64_t due = mon_later(m->now, after + m->c.react_ns);

        if (m->c.no_time || ep->may_be_dead || ep->reset_in || d->due <= due)
                return;
        d->due = due;
        d->ack = ack;
        if (due < ep->duty_min)
                ep->duty_min = due;
}

void mon_duties_clear(struct mon_ep *ep)
{
        ep->delayed.due = ep->second.due = ep->ooo_duty.due = ep->fill.due = ELKO_NEVER;
        ep->unacceptable.due = ep->rtx_due = ep->probe_due = ep->duty_min = ELKO_NEVER;
        ep->lapsed.due = ELKO_NEVER;
        ep->unacked_text = 0;
}

void mon_rtx_watch(struct sim_monitor *m, struct mon_ep *ep)
{
        ep->rtx_due = ELKO_NEVER;
        if (m->c.no_time || !mon_synchronized(ep) || ep->una_hi == ep->snd_max ||
            mon_le(ep->edge_cur, ep->una_sure) || ep->may_be_dead)
                return;
        ep->rtx_due = mon_later(m->now, ELKO_SEC(RTX_WITHIN_S) + m->c.react_ns);
        if (ep->rtx_due < ep->duty_min)
                ep->duty_min = ep->rtx_due;
}

uint64_t mon_patience(const struct sim_monitor *m, const struct mon_ep *ep)
{
        uint64_t most = ELKO_SEC(GIVE_UP_S), p = most;

        if (m->facts.patience != NULL)
                p = m->facts.patience(m->facts_ctx, ep->host, &ep->local, &ep->remote);
        return (p < most ? p : most) + m->c.react_ns;
}

/* When the next probe may have been planned, at the latest. The first comes a time-out after the last progress, the second
 * as long after it or longer (3.8.6.1, SHLD-29, SHLD-30). */
static uint64_t probe_gap_most(const struct mon_ep *ep)
{
        uint64_t gap = ep->probe_gap != 0 ? ep->probe_gap : ep->probe_at - ep->probe_since;

        return 3 * (gap > ELKO_SEC(1) ? gap : ELKO_SEC(1));
}

/* Both FINs are there: an ABORT in CLOSING, LAST-ACK or TIME-WAIT deletes the connection without a word (3.10.5). Who
 * goes on to speak was not aborted. */
static bool may_be_deleted(const struct mon_ep *ep)
{
        return ep->fin_sent && ep->peer_fin_known && mon_le(ep->peer_fin, ep->rcv_hi);
}

static void blame(struct sim_monitor *m, struct mon_ep *ep, const struct mon_duty *d,
                  enum sim_monitor_rule rule)
{
        if (rule == SIM_RULE_RTX_MISSING)
                mon_blame(m, ep, rule, "%u to %u for %u s", d->ack, ep->snd_max, RTX_WITHIN_S);
        else if (rule == SIM_RULE_PROBE_MISSING)
                mon_blame(m, ep, rule, "the window is closed at %u", d->ack);
        else
                mon_blame(m, ep, rule,
                          "ACK %u was due %u us ago; %u octets wait, the MSS offered was %u",
                          d->ack, (unsigned)((m->now - d->due) / 1000), ep->rcv_hi - ep->ack_max,
                          ep->out.mss);
}

static void lapse(struct sim_monitor *m, struct mon_ep *ep, const struct mon_duty *d,
                  enum sim_monitor_rule rule)
{
        if (!may_be_deleted(ep)) {
                blame(m, ep, d, rule);
        } else if (ep->lapsed.due == ELKO_NEVER) {
                ep->lapsed = *d;
                ep->lapsed_rule = (uint8_t)rule;
        }
}

static void overdue(struct sim_monitor *m, struct mon_ep *ep, enum sim_monitor_rule rule)
{
        const struct mon_duty d = {m->now, ep->una_sure};

        lapse(m, ep, &d, rule);
}

static void check_rtx(struct sim_monitor *m, struct mon_ep *ep)
{
        uint64_t due = ep->rtx_due;

        ep->rtx_due = ELKO_NEVER;
        /* Who sent it again may have given up early: a user time-out (3.8.3). */
        if (mon_synchronized(ep) && !ep->may_be_dead && !ep->recovering &&
            due <= mon_later(ep->first_unacked_at, mon_patience(m, ep)))
                overdue(m, ep, SIM_RULE_RTX_MISSING);
}

static void check_duty(struct sim_monitor *m, struct mon_ep *ep, struct mon_duty *d, uint64_t now,
                       enum sim_monitor_rule rule)
{
        const struct mon_duty was = *d;

        if (was.due >= now)
                return;
        d->due = ELKO_NEVER;
        lapse(m, ep, &was, rule);
}

void mon_duties_lapsed(struct sim_monitor *m, struct mon_ep *ep)
{
        if (ep->lapsed.due != ELKO_NEVER)
                blame(m, ep, &ep->lapsed, (enum sim_monitor_rule)ep->lapsed_rule);
        ep->lapsed.due = ELKO_NEVER;
}

void mon_duties_check(struct sim_monitor *m, struct mon_ep *ep, uint64_t now)
{
        uint64_t min;

        if (ep->duty_min >= now)
                return;
        check_duty(m, ep, &ep->delayed, now, SIM_RULE_ACK_DELAY);
        check_duty(m, ep, &ep->second, now, SIM_RULE_ACK_SECOND);
        check_duty(m, ep, &ep->ooo_duty, now, SIM_RULE_ACK_OOO);
        check_duty(m, ep, &ep->fill, now, SIM_RULE_ACK_FILL);
        check_duty(m, ep, &ep->unacceptable, now, SIM_RULE_ACK_UNACCEPTABLE);
        if (ep->rtx_due < now)
                check_rtx(m, ep);
        if (ep->probe_due < now) {
                /* Who probed for long enough may have given up: its user's time-out (3.8.3, 3.9.1), or a
                 * connection that its user closed (RFC 6429, 4). */
                if (mon_synchronized(ep) && !ep->may_be_dead &&
                    mon_later(ep->probe_at, probe_gap_most(ep)) <=
                            mon_later(ep->probe_since, mon_patience(m, ep)))
                        overdue(m, ep, SIM_RULE_PROBE_MISSING);
                ep->probe_due = ELKO_NEVER;
        }
        min = ep->delayed.due < ep->second.due ? ep->delayed.due : ep->second.due;
        min = ep->ooo_duty.due < min ? ep->ooo_duty.due : min;
        min = ep->fill.due < min ? ep->fill.due : min;
        min = ep->unacceptable.due < min ? ep->unacceptable.due : min;
        min = ep->rtx_due < min ? ep->rtx_due : min;
        ep->duty_min = ep->probe_due < min ? ep->probe_due : min;
}

static void done(struct mon_duty *d, const struct mon_seg *s)
{
        if (mon_le(d->ack, s->ack))
                d->due = ELKO_NEVER;
}

void mon_duties_done(struct sim_monitor *m, struct mon_ep *ep, const struct mon_seg *s)
{
        if (!(s->flags & MON_ACK))
                return;
        /* Tolerance: Linux drops segments when their overhead fills its buffer, and says so by an
         * ACK for less. What it holds is then not known. */
        if (m->c.linux_ways && ep->delayed.due != ELKO_NEVER && mon_lt(s->ack, ep->delayed.ack)) {
                ep->delayed.due = ep->second.due = ep->fill.due = ELKO_NEVER;
                ep->murky = true;
        }
        /* What it says is exactly what it has: something that came above a gap was dropped. */
        if (m->c.slack_ns == 0 && mon_lt(s->ack, ep->rcv_hi))
                ep->murky = true;
        /* With the peer's FIN everything is acknowledged; what came from above it was not taken. */
        if (ep->peer_fin_known && s->ack == ep->peer_fin)
                ep->delayed.due = ep->second.due = ep->fill.due = ELKO_NEVER;
        done(&ep->delayed, s);
        done(&ep->second, s);
        done(&ep->fill, s);
        ep->ooo_duty.due = ep->unacceptable.due = ELKO_NEVER;
        ep->unacked_text = ep->rcv_hi - s->ack;
}
