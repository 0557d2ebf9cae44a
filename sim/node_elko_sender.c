/* SPDX-License-Identifier: MIT */
#include "node_elko.h"

#include <string.h>

/*
 * What must be true of a sender's history, seen by the trace (see node_elko_watch.c): its timers, its
 * congestion window, and whether it gives up in time.
 *
 *      RFC 6298, 4        no round trip is longer than the connection is old
 *      RFC 6298, 5        the retransmission timer begins anew with each progress and doubles without
 *      RFC 5681, 3.1      the congestion window grows by what is acknowledged, and only while it is used
 *      RFC 5681, 3.2      duplicates let out no more than has left the network
 *      RFC 6582, 3.2      after recovery the window is ssthresh at most
 *      RFC 9293, 3.8.3    R2: who hears nothing gives up; an orphan does so even if it hears something
 *      RFC 9293, 3.8.4    keep-alives only while idle, and not too often
 *      RFC 9293, 3.8.6    a timer that expires into an open window sends, however little it is
 */

#define BROKEN(e, ...) sim_fail((e)->world, __VA_ARGS__)

/* The longest between two expiries of one timer (RTO or persist, 60 s each), twice, and a little. */
#define TIMERS_NS ELKO_SEC(130)

static uint64_t later(uint64_t a, uint64_t b)
{
        return a > b ? a : b;
}

static bool has(const struct sim_elko *e, enum sim_fault class)
{
        return (e->cfg.faults >> class & 1u) != 0;
}

static uint32_t space_of(const struct elko_trace_segment *s)
{
        return s->len + ((s->flags & (ELKO_SYN | ELKO_FIN)) != 0);
}

/* ---- the congestion window: I-26 ---- */

/* An algorithm that owns recovery sets no ssthresh, and its window follows its model (BBR). */
static bool owns_recovery(const struct sim_elko *e)
{
        return e->cfg.tcp.congestion != NULL && e->cfg.tcp.congestion->owns_recovery;
}

/*
 * PRR's window is what is in the network, pipe, and what may be added, sndcnt, which is no growth (RFC 6937, 3).
 * While pipe > ssthresh both together are RecoverFS - prr_delivered + prr_delivered * ssthresh / RecoverFS at most;
 * from there on sndcnt fills it up to ssthresh. The fast retransmit, and what is sent when nothing is in the
 * network, is a segment more.
 */
static void proportional(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        if (ev->ssthresh > h->prr_most)
                h->prr_most = ev->ssthresh;
        if (!owns_recovery(e) && ev->cwnd > (uint64_t)h->prr_most + e->cfg.mtu)
                BROKEN(e, "I-26: in recovery the window is %u, it was never more than %u", ev->cwnd,
                       h->prr_most);
        h->cwnd = 0; /* another beginning, when it is over */
}

/* What has left the network, by three duplicates and more, may be replaced, up to the new window. A partial
 * acknowledgement takes from the window what it acknowledges, and gives a segment back (RFC 6582, 3.2, step 3): what a busy
 * device did not let go before may go then. */
static void bound(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        uint32_t acked = ev->snd_una - h->snd_una;
        uint32_t kept = h->fast_most > acked ? h->fast_most - acked + e->cfg.mtu : 0;
        uint64_t most = (uint64_t)ev->flight + ev->ssthresh + 3u * e->cfg.mtu;

        h->fast_most = most > UINT32_MAX ? UINT32_MAX : (uint32_t)most;
        if (h->fast_most < kept)
                h->fast_most = kept;
}

static void recovery(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        /* RFC 6582, 3.2, step 3 is for algorithms that lower cwnd to ssthresh; BBR keeps to its model (and only
         * congestion window validation, RFC 7661, ever sets its ssthresh). */
        bool owns = e->cfg.tcp.congestion != NULL && e->cfg.tcp.congestion->owns_recovery;

        if (strcmp(ev->cause, "recovered") == 0 && h->fast && !owns && ev->cwnd > ev->ssthresh &&
            ev->cwnd - ev->ssthresh > e->cfg.mtu)
                BROKEN(e, "I-26: after recovery cwnd is %u, ssthresh %u", ev->cwnd, ev->ssthresh);
        h->cwnd = 0; /* another beginning */
        /* After an undone time-out the same segment may be found lost by other means. */
        if (strcmp(ev->cause, "retransmission time-out") != 0)
                h->rtos = 0;
        h->prr = strcmp(ev->cause, "segments found lost: fast retransmit") == 0;
        if (h->prr) /* RecoverFS is what was outstanding before this ACK, at most (RFC 9937, 6) */
                h->prr_most = ev->snd_nxt - h->snd_una;
        h->fast = strcmp(ev->cause, "three duplicate ACKs: fast retransmit") == 0;
        if (h->fast) {
                h->fast_most = 0;
                bound(e, ev, h);
                h->fast_end = ev->snd_nxt;
        }
}

static void growth(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        uint32_t acked = ev->snd_una - h->snd_una;

        /* BBR goes back to what the window was after PROBE_RTT and recovery, used or not. */
        if (owns_recovery(e)) {
                h->cwnd = ev->cwnd;
                return;
        }
        if (h->cwnd != 0 && ev->cwnd > h->cwnd) {
                if (ev->cwnd - h->cwnd > acked + e->cfg.mtu)
                        BROKEN(e, "I-26: %u octets were acknowledged, cwnd goes from %u to %u",
                               acked, h->cwnd, ev->cwnd);
                if (h->cwnd / 2 > h->flight_most + e->cfg.mtu)
                        BROKEN(e, "I-26: at most %u octets were in flight, cwnd goes from %u to %u",
                               h->flight_most, h->cwnd, ev->cwnd);
        }
        h->cwnd = ev->cwnd;
}

static void window(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        /* A server sends before the handshake is over, when it has taken the SYN's text (RFC 7413, 4.2.2). */
        if (ev->kind == ELKO_TRACE_SEGMENT_OUT && ev->flight > h->flight_most)
                h->flight_most = ev->flight;
        if (ev->state < ELKO_TCP_ESTABLISHED || ev->state == ELKO_TCP_TIME_WAIT)
                return;
        if (ev->snd_una != h->snd_una && !h->fast && !h->prr && ev->kind != ELKO_TRACE_RECOVERY)
                growth(e, ev, h);
        else if (h->prr && ev->kind != ELKO_TRACE_RECOVERY)
                proportional(e, ev, h);
        else if (ev->snd_una != h->snd_una)
                bound(e, ev, h); /* a partial acknowledgement */
        if (ev->kind == ELKO_TRACE_RECOVERY)
                recovery(e, ev, h);
        if (ev->cwnd < h->cwnd)
                h->cwnd = ev->cwnd; /* after a silence (RFC 5681, 4.1) */
        if (ev->kind != ELKO_TRACE_SEGMENT_OUT)
                return;
        if (h->fast && ev->flight > h->fast_most && ev->snd_una - h->fast_end > UINT32_MAX / 2)
                BROKEN(e, "I-26: in recovery %u octets are in flight, %u can have left the network",
                       ev->flight, h->fast_most);
}

/* ---- the retransmission timer: I-24 ---- */

static void expiry(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        uint64_t twice = 2 * h->rto_span;

        if (twice > e->cfg.tcp.rto_max_ns)
                twice = e->cfg.tcp.rto_max_ns;
        if (ev->flight == 0)
                return; /* there was no memory to note down what was sent */
        /* What was SACKed since gives samples, too, and lets the timer run (RFC 6298, 5.3 is about new data). */
        if (h->rto_at == 0 && h->una_at != 0 && ev->now - h->una_at < h->rto_least)
                BROKEN(e,
                       "I-24: the retransmission timer expired %.6f s after progress, RTO is %.6f s",
                       (double)(ev->now - h->una_at) / 1e9, (double)h->rto_least / 1e9);
        /* A sample in between makes a new RTO (5.7), and without progress only what is SACKed gives one. It may be
         * SRTT to the nanosecond, so who had one is not judged. */
        if (h->rto_at != 0 && ev->srtt_ns == h->rto_srtt && h->sacked_at < h->rto_at &&
            ev->rto_ns < twice)
                BROKEN(e, "I-24: RTO is %.6f s, it was %.6f s and expired",
                       (double)ev->rto_ns / 1e9, (double)h->rto_span / 1e9);
        /* RFC 5681, 3.1: ssthresh is set by the first time-out of a segment, and then held. */
        if (h->rtos >= 2 && ev->ssthresh < h->rto_ssthresh)
                BROKEN(e, "I-26: ssthresh goes from %u to %u by the same segment's time-out",
                       h->rto_ssthresh, ev->ssthresh);
        h->rto_ssthresh = ev->ssthresh;
        h->rto_srtt = ev->srtt_ns;
        if (h->rtos < UINT8_MAX)
                h->rtos++;
}

/* I-27: nothing takes longer than the connection is old, or than R2, beyond which no echo is believed. */
static void round_trip(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        if (h->first_at == 0)
                h->first_at = ev->now;
        if (!has(e, SIM_F_CLOCK) &&
            ev->srtt_ns > later(e->cfg.tcp.r2_ns, ev->now - h->first_at + ELKO_SEC(1)))
                BROKEN(e, "I-27: SRTT is %.3f s after %.3f s", (double)ev->srtt_ns / 1e9,
                       (double)(ev->now - h->first_at) / 1e9);
}

/* ---- giving up: I-22, I-24 ---- */

const struct sim_app *sim_watch_app(const struct sim_elko *e, const struct elko_trace_event *ev)
{
        for (unsigned i = 0; i < e->apps; i++) {
                const struct sim_app *a = &e->app[i];
                const elko_endpoint *l = &a->conn->end[a->end].at,
                                    *r = &a->conn->end[1 - a->end].at;

                if (a->used && l->port == ev->local.port && r->port == ev->remote.port &&
                    memcmp(&l->ip, &ev->local.ip, sizeof(l->ip)) == 0 &&
                    memcmp(&r->ip, &ev->remote.ip, sizeof(r->ip)) == 0)
                        return a;
        }
        return NULL;
}

static void gives_up(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        const struct sim_app *a = sim_watch_app(e, ev);
        uint64_t most = e->cfg.tcp.r2_ns, since = later(h->una_at, h->busy_at);

        if (h->orphan_at != 0)
                since = later(since, h->orphan_at);
        else
                since = later(since, h->came_at);
        if (a != NULL && a->plan.user_timeout_ns != 0)
                most = a->plan.user_timeout_ns;
        if (ev->now > since && ev->now - since > most + TIMERS_NS)
                BROKEN(e, "%s: %.3f s without %s, and it goes on; R2 is %.3f s",
                       h->orphan_at != 0 ? "I-22" : "I-24", (double)(ev->now - since) / 1e9,
                       h->orphan_at != 0 ? "progress nor application" : "an answer",
                       (double)most / 1e9);
}

/* ---- persist, RFC 9293, 3.8.6 ---- */

static void persist(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        uint64_t heard = h->orphan_at != 0 ? h->una_at : later(h->came_at, h->una_at);

        if (h->persist_at == 0 || heard >= h->persist_at)
                h->busy_at = ev->now;
        h->persist_at = ev->now;
        if (ev->snd_wnd == 0 || ev->flight != 0) {
                h->push_owed = false;
                return;
        }
        /* Who has measured a slow path paces by it (BBR's draft, "Pacing Rate"): a segment may be seconds off. */
        if (h->push_owed && !has(e, SIM_F_DEVICE) && !has(e, SIM_F_NOMEM) && !owns_recovery(e) &&
            !e->cfg.tcp.pacing)
                BROKEN(e,
                       "I-22: the window is %u, the persist timer expires again, and nothing was sent",
                       ev->snd_wnd);
        h->push_owed = true;
}

/* ---- keep-alive, RFC 9293, 3.8.4 ---- */

/* How much too early, when `heard` is the last sign of life; 0: it is not. */
static uint64_t too_early(const struct sim_watch *h, const struct sim_app *a, uint64_t now,
                          uint64_t heard)
{
        uint64_t gap = h->kept_at > heard ? a->keep_interval : a->keep_idle;
        uint64_t since = later(h->kept_at, heard);

        return since != 0 && now - since < gap ? gap - (now - since) : 0;
}

static void keepalive(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        const struct sim_app *a = sim_watch_app(e, ev);
        uint64_t early;

        if (ev->snd_una != ev->snd_nxt)
                BROKEN(e, "MUST-26: a keep-alive, and %u octets are not acknowledged", ev->flight);
        if (a != NULL && a->keep_idle != 0 && a->keep_interval != 0) {
                /* The acknowledgement of a segment that is dropped may count, or not: and of several any one. A probe
                 * of a closed window shows how (RFC 9293, 3.10.7.4 first: "special allowance should be made to accept
                 * valid ACKs"); an RST behind it does not count. */
                early = too_early(h, a, ev->now, h->heard_at);
                if (early != 0 &&
                    (h->dropped_at == 0 || too_early(h, a, ev->now, h->dropped_at) != 0))
                        BROKEN(e, "MUST-26: a keep-alive comes %.3f s too early",
                               (double)early / 1e9);
        }
        h->kept_at = ev->now;
        h->dropped_at = 0;
}

/* ---- what may be the network's fault ---- */

static uint64_t harms_of(const struct sim_elko *e)
{
        const struct sim_stats *s = sim_world_stats(e->world);
        uint64_t n = s->dropped_queue + s->dropped_long + s->dropped_unknown;

        for (unsigned class = SIM_F_LOSS; class <= SIM_F_FLAP; class ++)
                n += s->harms[class];
        return n;
}

bool sim_watch_unharmed(const struct sim_elko *e, const struct sim_watch *h)
{
        const uint32_t others = 1u << SIM_F_REBOOT | 1u << SIM_F_CLOCK | 1u << SIM_F_NOMEM |
                                1u << SIM_F_DEVICE | 1u << SIM_F_WINDOW | 1u << SIM_F_APP |
                                1u << SIM_F_ATTACKER | 1u << SIM_F_MIDDLEBOX;

        return (e->cfg.faults & others) == 0 && h->harms == harms_of(e);
}

/* ---- all of it ---- */

static void sent(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        uint32_t space = space_of(&ev->seg);

        if (ev->why == ELKO_WHY_KEEPALIVE && !has(e, SIM_F_DEVICE))
                keepalive(e, ev, h);
        if (space == 0)
                return;
        h->push_owed = false;
        if (ev->retransmission || ev->flight > space)
                return;
        h->busy_at = ev->now;
        h->harms = harms_of(e);
}

void sim_watch_sender(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        window(e, ev, h);
        round_trip(e, ev, h);
        if (ev->snd_una != h->snd_una) {
                h->una_at = h->seen_at;
                h->harms = harms_of(e);
                h->rto_at = 0;
                h->rtos = 0;
                h->persist_at = 0;
                h->rto_least = ev->rto_ns;
        }
        if (ev->rto_ns < h->rto_least)
                h->rto_least = ev->rto_ns;
        if (ev->kind == ELKO_TRACE_SEGMENT_OUT)
                sent(e, ev, h);
        if (ev->kind != ELKO_TRACE_TIMER || ev->state < ELKO_TCP_ESTABLISHED)
                return;
        if (ev->timer == ELKO_TIMER_RTO)
                expiry(e, ev, h);
        else if (ev->timer == ELKO_TIMER_PERSIST)
                persist(e, ev, h);
        else
                return;
        /* When the clock jumps all timers expire at once. */
        if (!has(e, SIM_F_CLOCK))
                gives_up(e, ev, h);
}
