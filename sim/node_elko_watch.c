/* SPDX-License-Identifier: MIT */
#include "node_elko.h"

#include <string.h>

/*
 * What must be true of a connection's history, seen by the trace: the invariants that compare now with
 * before, and so can't be checked by looking at one state. All is judged from the records alone; the legal
 * edges are written down here once more, from RFC 9293, 3.3.2, figure 5, and 3.10.
 */

#define BROKEN(e, ...) sim_fail((e)->world, __VA_ARGS__)

static const uint16_t edges[ELKO_TCP_STATE_COUNT] = {
#define TO(name) (1u << ELKO_TCP_##name)
        [ELKO_TCP_CLOSED] = TO(LISTEN) | TO(SYN_SENT),
        /* 3.6.1: back to TIME-WAIT if the SYN that reopened it was an old duplicate. */
        [ELKO_TCP_LISTEN] = TO(SYN_RECEIVED) | TO(TIME_WAIT) | TO(CLOSED),
        [ELKO_TCP_SYN_SENT] = TO(SYN_RECEIVED) | TO(ESTABLISHED) | TO(CLOSED),
        [ELKO_TCP_SYN_RECEIVED] = TO(ESTABLISHED) | TO(LISTEN) | TO(CLOSED),
        [ELKO_TCP_ESTABLISHED] = TO(FIN_WAIT_1) | TO(CLOSE_WAIT) | TO(CLOSED),
        [ELKO_TCP_FIN_WAIT_1] = TO(FIN_WAIT_2) | TO(CLOSING) | TO(TIME_WAIT) | TO(CLOSED),
        [ELKO_TCP_FIN_WAIT_2] = TO(TIME_WAIT) | TO(CLOSED),
        [ELKO_TCP_CLOSE_WAIT] = TO(LAST_ACK) | TO(CLOSED),
        [ELKO_TCP_CLOSING] = TO(TIME_WAIT) | TO(CLOSED),
        [ELKO_TCP_LAST_ACK] = TO(CLOSED),
        [ELKO_TCP_TIME_WAIT] = TO(CLOSED),
#undef TO
};

static bool before(uint32_t a, uint32_t b)
{
        return (int32_t)(a - b) < 0;
}

void sim_watch_reset(struct sim_elko *e)
{
        memset(e->watch, 0, sizeof(e->watch));
        memset(e->tw, 0, sizeof(e->tw));
}

static bool has_time_faults(const struct sim_elko *e)
{
        return (e->cfg.faults & (1u << SIM_F_CLOCK | 1u << SIM_F_DEVICE)) != 0;
}

/* Numbers go up by one for each connection: what is overwritten is long over. */
static void is_born(struct sim_elko *e, const struct elko_trace_event *ev)
{
        struct sim_end *end = sim_oracle_end(e->oracle, &ev->local, &ev->remote);

        if (ev->kind == ELKO_TRACE_STATE && end != NULL && !end->is_opener)
                end->lives++;
}

static struct sim_watch *watch_of(struct sim_elko *e, const struct elko_trace_event *ev)
{
        struct sim_watch *h = &e->watch[ev->conn & (SIM_WATCHED - 1)];

        if (h->conn != ev->conn) {
                *h = (struct sim_watch){
                        .conn = ev->conn,
                        .iss = ev->iss,
                        .snd_una = ev->snd_una,
                        .rcv_nxt = ev->rcv_nxt,
                        .state = (uint8_t)ev->old_state,
                        /* Who is met in mid-life lost its place to another: then nothing is known. */
                        .progress_at = ev->kind == ELKO_TRACE_STATE ? ev->now : 0,
                        .seen_at = ev->now,
                        .born = sim_now(e->world),
                        .owed = 2,
                };
                is_born(e, ev);
        }
        return h;
}

static bool same(const elko_endpoint *a, const elko_endpoint *b)
{
        return a->port == b->port && memcmp(&a->ip, &b->ip, sizeof(a->ip)) == 0;
}

/* ---- I-46 ---- */

static struct sim_watch_tw *tw_of(struct sim_elko *e, const struct elko_trace_event *ev)
{
        struct sim_watch_tw *free = NULL;

        for (unsigned i = 0; i < SIM_WATCHED_TW; i++) {
                struct sim_watch_tw *t = &e->tw[i];

                if (t->used && same(&t->local, &ev->local) && same(&t->remote, &ev->remote))
                        return t;
                if (!t->used || free == NULL)
                        free = t;
        }
        return free;
}

static void time_wait(struct sim_elko *e, const struct elko_trace_event *ev)
{
        struct sim_watch_tw *t = tw_of(e, ev);

        if (t == NULL)
                return; /* more than are watched */
        if (ev->state == ELKO_TCP_TIME_WAIT && ev->old_state == ELKO_TCP_LISTEN)
                return; /* it returns: the wait goes on from where it was */
        if (ev->state == ELKO_TCP_TIME_WAIT) {
                *t = (struct sim_watch_tw){
                        .local = ev->local, .remote = ev->remote, .since = ev->now, .used = true};
                return;
        }
        if (t->used && ev->cause != NULL && strcmp(ev->cause, "2 MSL are over") == 0 &&
            ev->now - t->since < 2 * e->cfg.tcp.msl_ns)
                BROKEN(e, "I-46: TIME-WAIT lasted %.3f s, 2 MSL are %.3f s",
                       (double)(ev->now - t->since) / 1e9, 2 * (double)e->cfg.tcp.msl_ns / 1e9);
        t->used = ev->cause != NULL && strcmp(ev->cause, "reopened by a new SYN") == 0;
}

/* ---- I-19, and what the application may be told ---- */

static void ended(struct sim_elko *e, const struct elko_trace_event *ev, const struct sim_watch *h)
{
        struct sim_end *end = sim_oracle_end(e->oracle, &ev->local, &ev->remote);

        /* Nobody may be there to be told. */
        if (end != NULL && ev->old_state != ELKO_TCP_TIME_WAIT &&
            (ev->old_state != ELKO_TCP_LAST_ACK || strcmp(ev->cause, "ACK of FIN") != 0))
                end->failed = true;
        if (end != NULL) {
                end->silence_ns = ev->now - h->progress_at;
                end->never_open = ev->old_state == ELKO_TCP_SYN_RECEIVED;
        }
        for (unsigned i = 0; i < e->apps; i++) {
                struct sim_app *a = &e->app[i];

                if (a->used && same(&a->conn->end[a->end].at, &ev->local) &&
                    same(&a->conn->end[1 - a->end].at, &ev->remote)) {
                        a->silence_ns = ev->now - h->progress_at;
                        a->never_open = ev->old_state == ELKO_TCP_SYN_RECEIVED;
                        a->conn->end[a->end].unharmed = sim_watch_unharmed(e, h);
                }
        }
}

static void state(struct sim_elko *e, const struct elko_trace_event *ev)
{
        struct sim_watch *h = NULL;

        sim_note(e->world, 0xe0u + (unsigned)ev->old_state, (uint64_t)ev->state);
        if (sim_is_heard(e->world))
                sim_say(e->world, "%s: port %u to %u: %s -> %s (%s)", e->name, ev->local.port,
                        ev->remote.port, elko_tcp_state_name(ev->old_state),
                        elko_tcp_state_name(ev->state), ev->cause != NULL ? ev->cause : "");
        if ((edges[ev->old_state] >> ev->state & 1u) == 0)
                BROKEN(e, "I-19: %s to %s is no edge of the state machine",
                       elko_tcp_state_name(ev->old_state), elko_tcp_state_name(ev->state));
        if (ev->conn != 0) {
                h = watch_of(e, ev);
                if (h->state != ev->old_state)
                        BROKEN(e, "I-19: leaves %s, but was in %s",
                               elko_tcp_state_name(ev->old_state),
                               elko_tcp_state_name((enum elko_tcp_state)h->state));
                h->state = (uint8_t)ev->state;
        }
        if (ev->state == ELKO_TCP_TIME_WAIT || ev->old_state == ELKO_TCP_TIME_WAIT)
                time_wait(e, ev);
        if (ev->state == ELKO_TCP_CLOSED && h != NULL)
                ended(e, ev, h);
}

/* ---- numbers that only grow ---- */

static void numbers(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        if (ev->iss != h->iss)
                BROKEN(e, "I-8: ISS changed");
        if (before(ev->snd_una, h->snd_una))
                BROKEN(e, "I-2: SND.UNA went back");
        if (ev->snd_una != h->snd_una) {
                h->snd_una = ev->snd_una;
                /* It moved after the event before this one, the arrival of an ACK. */
                h->progress_at = h->seen_at;
                h->rto_at = 0;
        }
        if (ev->state < ELKO_TCP_ESTABLISHED || ev->state == ELKO_TCP_TIME_WAIT)
                return;
        if (!h->has_irs) {
                h->has_irs = true;
                h->irs = ev->irs;
                h->rcv_nxt = ev->rcv_nxt;
        }
        if (ev->irs != h->irs)
                BROKEN(e, "I-8: IRS changed");
        if (before(ev->rcv_nxt, h->rcv_nxt))
                BROKEN(e, "I-10: RCV.NXT went back");
        if (ev->rcv_nxt != h->rcv_nxt) {
                h->owed++;
                if (h->unacked_since == 0)
                        h->unacked_since = h->came_at;
        }
        h->rcv_nxt = ev->rcv_nxt;
        /* What is taken is what was offered; the SYN,ACK's offer was not seen here, and may be more by a unit. */
        if (h->has_edge && ev->kind != ELKO_TRACE_SEGMENT_OUT &&
            before(h->edge + h->unit, ev->rcv_nxt + ev->rcv_wnd))
                BROKEN(e, "I-13: %u octets would be taken, %u are offered", ev->rcv_wnd,
                       h->edge - ev->rcv_nxt);
        if (ev->cwnd == 0)
                BROKEN(e, "I-26: cwnd is 0");
        /* RFC 9293, 3.10.4; RFC 1122, 4.2.2.13: a FIN is all that is still wanted. */
        if (h->orphan_at != 0 && before(h->orphan_rcv_nxt + 1, ev->rcv_nxt))
                BROKEN(e, "I-22: %u octets were taken, and no application is there for them",
                       ev->rcv_nxt - h->orphan_rcv_nxt);
        if (ev->rto_ns < e->cfg.tcp.rto_min_ns || ev->rto_ns > e->cfg.tcp.rto_max_ns)
                BROKEN(e, "I-24: RTO is %.6f s", (double)ev->rto_ns / 1e9);
}

/* ---- segments ---- */

static void tell(struct sim_elko *e, const struct elko_trace_event *ev, const char *what)
{
        const struct elko_trace_segment *s = &ev->seg;
        uint32_t mine = ev->irs, theirs = ev->iss;
        char flags[16];
        size_t n = 0;

        if (!sim_is_heard(e->world))
                return;
        for (unsigned i = 0; i < 6; i++)
                if (s->flags >> i & 1u)
                        flags[n++] = "FSRPAU"[i];
        flags[n] = '\0';
        if (ev->kind == ELKO_TRACE_SEGMENT_OUT)
                mine = ev->iss, theirs = ev->irs;
        sim_say(e->world,
                "%s: %u %s %u: %s seq %u+%u ack %u wnd %u %s| una %u nxt %u rcv %u cwnd %u %s",
                e->name, ev->local.port, what, ev->remote.port, flags, s->seq - mine, s->len,
                s->ack - theirs, s->wnd_bytes, ev->retransmission ? "again " : "",
                ev->snd_una - ev->iss, ev->snd_nxt - ev->iss, ev->rcv_nxt - ev->irs, ev->cwnd,
                ev->kind == ELKO_TRACE_DROP ? elko_drop_name(ev->drop) : elko_why_text(ev->why));
}

/* AE, CWR and ECE as a number: the ACE field (RFC 9768, 3.2.2). */
static unsigned ace_of(const struct elko_trace_segment *s)
{
        return (s->flags & ELKO_AE ? 4u : 0) + (s->flags & ELKO_CWR ? 2u : 0) +
               (s->flags & ELKO_ECE ? 1u : 0);
}

/* I-58: does the feedback say, in each round trip, that everything was marked? Of a client alone, whose SYN,ACK is seen here.
 * Stretched ACKs, which three bits don't count, end it as an unmarked packet does. */
static void feedback(const struct elko_trace_event *ev, struct sim_watch *h)
{
        const struct elko_trace_segment *s = &ev->seg;
        unsigned ace = ace_of(s), more;

        if (ev->state == ELKO_TCP_SYN_SENT && (s->flags & ELKO_SYN)) {
                h->accurate = ace > 1 && ace < 7 && (s->flags & ELKO_ACK);
                h->ace = 5;
                return;
        }
        if (!h->accurate || (s->flags & (ELKO_SYN | ELKO_RST)) || !(s->flags & ELKO_ACK) ||
            !before(ev->snd_una, s->ack) || before(ev->snd_nxt, s->ack))
                return;
        more = (ace - h->ace) & 7u;
        h->ace = (uint8_t)ace;
        h->ce_count += more;
        h->some_unmarked = h->some_unmarked || more * h->seg_most < s->ack - ev->snd_una;
        if (h->ce_rounds > 0 && before(s->ack, h->ce_end))
                return;
        h->ce_end = ev->snd_nxt;
        if (h->ce_rounds < UINT8_MAX)
                h->ce_rounds++;
}

/* RFC 9768, 3.2.2.3: "If continuous CE-marking is detected, for the remainder of the half-connection, the Data Sender ought to
 * send non-ECN-capable packets". Later than after three or four rounds. */
static void check_ect(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        enum { ROUNDS = 10, MARKS = 40 };

        h->some_unmarked = h->some_unmarked || ev->retransmission;
        if (h->seg_most < ev->seg.len)
                h->seg_most = ev->seg.len;
        if (ev->seg.ecn != 0 && h->accurate && !h->some_unmarked && h->ce_rounds > ROUNDS &&
            h->ce_count > MARKS)
                BROKEN(e, "I-58: ECT, and all of %u segments in %u round trips were marked",
                       h->ce_count, h->ce_rounds);
}

static void segment_in(const struct sim_elko *e, const struct elko_trace_event *ev,
                       struct sim_watch *h)
{
        const struct elko_trace_segment *s = &ev->seg;
        bool plain = (s->flags & (ELKO_SYN | ELKO_FIN | ELKO_RST)) == 0 && s->len == 0;

        feedback(ev, h);
        /* With AccECN the third that is marked is answered, also when it is a pure ACK (RFC 9768, 3.2.2.5.1). */
        if (s->ecn == 3 && e->cfg.tcp.ecn == ELKO_ECN_ACCURATE && ++h->marks >= 3)
                h->owed++;
        /* I-30: an empty segment in order that acknowledges what was sent deserves no answer. */
        if (!plain || s->seq != ev->rcv_nxt || !(s->flags & ELKO_ACK) ||
            before(ev->snd_nxt, s->ack) || before(s->ack, ev->snd_una) ||
            ev->state < ELKO_TCP_ESTABLISHED)
                h->owed++;
        h->came_at = ev->now;
        if (s->sack_count > 0)
                h->sacked_at = ev->now;
        h->heard_before = h->heard_at;
        h->dropped_before = h->dropped_at;
        h->heard_at = ev->now;
        h->dropped_at = 0;
}

static void check_ack_out(struct sim_elko *e, const struct elko_trace_event *ev,
                          struct sim_watch *h)
{
        const struct elko_trace_segment *s = &ev->seg;
        uint32_t edge = s->ack + s->wnd_bytes;
        /* RFC 7323, 2.4: the field counts units, so an edge may be off by less than one. */
        uint32_t unit = s->wnd != 0 ? s->wnd_bytes / s->wnd : 1u << 14;

        if (h->has_acked && before(s->ack, h->acked))
                BROKEN(e, "I-14: the acknowledgement went back");
        if (ev->state >= ELKO_TCP_ESTABLISHED && s->ack != ev->rcv_nxt)
                BROKEN(e, "I-14: acknowledges %u, RCV.NXT is %u", s->ack, ev->rcv_nxt);
        h->has_acked = true;
        h->acked = s->ack;
        if (h->has_edge && before(edge + unit - 1, h->edge))
                BROKEN(e, "I-11: the right edge of the window went back by %u", h->edge - edge);
        if (!h->has_edge || before(h->edge, edge))
                h->edge = edge;
        h->has_edge = true;
        h->unit = unit;
        if (h->unacked_since != 0 && ev->now - h->unacked_since > ELKO_MS(500) &&
            !has_time_faults(e))
                BROKEN(e, "I-25: data was acknowledged after %.3f s",
                       (double)(ev->now - h->unacked_since) / 1e9);
        h->unacked_since = 0;
}

/* One persist interval, by a clock that may have jumped meanwhile, in a host that may have been late, behind
 * a device that may have been busy. */
static uint64_t may_have_waited(const struct sim_elko *e, const struct elko_trace_event *ev)
{
        uint64_t waited = ev->rto_ns;

        if (e->cfg.faults >> SIM_F_CLOCK & 1u)
                waited = e->cfg.jump_ppm != 0 ? UINT64_MAX : waited + e->cfg.late_ns;
        if ((e->cfg.faults >> SIM_F_DEVICE & 1u) && waited != UINT64_MAX)
                waited += e->cfg.busy_ns + e->cfg.batch_ns;
        return waited;
}

static void segment_out(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        const struct elko_trace_segment *s = &ev->seg;
        bool ts = (s->options & ELKO_OPT_TIMESTAMPS) != 0;
        uint32_t space = s->len + ((s->flags & (ELKO_SYN | ELKO_FIN)) != 0);

        if (s->flags & ELKO_RST)
                return;
        if ((s->flags & ELKO_SYN) && s->seq != ev->iss)
                BROKEN(e, "I-8: a SYN with another ISS");
        if (ts) {
                /* After 2^31 ms earlier and later can't be told apart (RFC 7323, 5.4). */
                if (h->has_ts_val && ev->now - h->ts_at < ELKO_MS(1ull << 31) &&
                    before(s->ts_val, h->ts_val))
                        BROKEN(e, "I-36: TSval went back");
                h->has_ts_val = true;
                h->ts_val = s->ts_val;
                h->ts_at = ev->now;
        }
        if (!(s->flags & ELKO_SYN)) {
                if (h->has_ts && h->ts != ts)
                        BROKEN(e, "I-38: some segments have timestamps, some don't");
                h->has_ts = true;
                h->ts = ts;
        }
        if (s->flags & ELKO_ACK)
                check_ack_out(e, ev, h);
        check_ect(e, ev, h);
        if (space == 0 && h->owed == 0 && h->calls == e->calls)
                BROKEN(e, "I-30: an empty ACK that nothing asked for (%s)", elko_why_text(ev->why));
        if (h->owed > 0)
                h->owed--;
        /* A probe is out of the window: what it says of marks is not read (RFC 9293, 3.8.4, 3.10.7.4). */
        if (space > 0 || s->seq == ev->snd_nxt)
                h->marks = 0;
        h->calls = e->calls;
        /* What left now may have waited for a better segment, for one persist interval, and was due since. */
        if (space > 0 && ev->flight <= space && !ev->retransmission &&
            ev->state >= ELKO_TCP_ESTABLISHED && may_have_waited(e, ev) < ev->now - h->progress_at)
                h->progress_at = ev->now - may_have_waited(e, ev);
}

/* ---- timers ---- */

static void timer(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        sim_note(e->world, 0xf0u + (unsigned)ev->timer, ev->now);
        h->owed++;
        if (ev->timer != ELKO_TIMER_RTO)
                return;
        /* RFC 6298, (5.5): the next expiry comes after twice the time, up to the limit. */
        if (h->rto_at != 0 && ev->now - h->rto_at < h->rto_span)
                BROKEN(e, "I-24: the retransmission timer expired after %.6f s, due were %.6f s",
                       (double)(ev->now - h->rto_at) / 1e9, (double)h->rto_span / 1e9);
        h->rto_at = ev->now;
        h->rto_span = ev->rto_ns;
}

/* Whose SYN, or last segment of a handshake, must not be answered by a reset? Of one that was opened lately, where a
 * listener was all the time and nothing was short: a full queue is no reason (RFC 1122, 4.2.3.4, and what is a SYN
 * cookie for?). Not of one that has reset what it opened, and whose ACK was overtaken (RFC 9293, 3.10.7.4 second, then
 * 3.10.7.2). */
static const struct sim_conn *is_welcome(const struct sim_elko *e,
                                         const struct elko_trace_event *ev)
{
        const struct sim_conn *c = sim_oracle_find(e->oracle, &ev->local, &ev->remote);
        const uint32_t bad = 1u << SIM_F_NOMEM | 1u << SIM_F_CLOCK | 1u << SIM_F_MIDDLEBOX |
                             1u << SIM_F_REBOOT | 1u << SIM_F_ATTACKER;

        if (c == NULL || c->unsure || c->end[1].is_opener || c->end[1].open || c->end[1].failed ||
            c->end[0].aborted || c->end[0].failed || (e->cfg.faults & bad) != 0 ||
            e->deaf_until >= c->opened_at || ev->local.port != SIM_PORT ||
            sim_oracle_excuse(e->oracle, c) != SIM_EXCUSE_NONE)
                return NULL;
        return c;
}

/* A reset without a connection: does it refuse who is welcome? The segment that it answers came just before. */
static void refusal(struct sim_elko *e, const struct elko_trace_event *ev)
{
        const struct elko_trace_segment *in = &e->stray.seg;
        const struct sim_conn *c = is_welcome(e, ev);
        bool syn = (in->flags & (ELKO_SYN | ELKO_ACK)) == ELKO_SYN;

        if (c == NULL || e->stray.at != ev->now || !same(&e->stray.remote, &ev->remote))
                return;
        if (c->end[1].overtaken && c->end[1].overtaken_at == ev->now)
                return;
        if (syn && ev->seg.ack == in->seq + in->len + 1)
                BROKEN(e, "L3: a SYN is reset, and there is a listener");
        if (!syn && c->has_iss && in->seq == c->iss + 1 && (in->flags & ELKO_ACK) &&
            ev->seg.seq == in->ack && e->cfg.tcp.syn_cookies && !e->cfg.ask_verdict &&
            sim_now(e->world) - c->opened_at < ELKO_SEC(1))
                BROKEN(e, "L3: the last segment of a handshake is reset after %.3f s",
                       (double)(sim_now(e->world) - c->opened_at) / 1e9);
}

/* Data from behind the handshake's last segment: no cookie can be seen in it, so it is answered by a reset (RFC 9293,
 * 3.10.7.2), which may leave after that segment came, when a device brings both at once. */
static void overtakes(struct sim_elko *e, const struct elko_trace_event *ev)
{
        struct sim_conn *c = sim_oracle_find(e->oracle, &ev->local, &ev->remote);

        if (c == NULL || !c->has_iss || ev->seg.seq == c->iss + 1)
                return;
        c->end[1].overtaken = true;
        c->end[1].overtaken_at = ev->now;
}

/* Nobody's segment: when it comes before what opens the connection (a cookie's ACK that was overtaken by
 * data), it is answered by a reset, perhaps later, and that ends what the other end took for open. */
static void stateless(struct sim_elko *e, const struct elko_trace_event *ev)
{
        bool in = ev->kind == ELKO_TRACE_SEGMENT_IN && !(ev->seg.flags & (ELKO_SYN | ELKO_RST));
        bool reset = ev->kind == ELKO_TRACE_SEGMENT_OUT && (ev->seg.flags & ELKO_RST);
        struct sim_end *end;

        if (ev->kind == ELKO_TRACE_SEGMENT_IN) {
                e->stray.seg = ev->seg;
                e->stray.remote = ev->remote;
                e->stray.at = ev->now;
        }
        if (in)
                overtakes(e, ev);
        if (reset)
                refusal(e, ev);
        if (!in && !reset)
                return;
        end = sim_oracle_end(e->oracle, &ev->local, &ev->remote);
        if (end == NULL)
                return;
        if (in && (!end->open || end->opened_at == sim_now(e->world)))
                end->strayed = true;
        if (reset && (!end->open || end->strayed))
                end->refused = true;
}

/* The application has given it up, at some event before this one. */
static void orphan(struct sim_elko *e, const struct elko_trace_event *ev, struct sim_watch *h)
{
        const struct sim_conn *c;

        if (h->orphan_at != 0 || ev->state < ELKO_TCP_ESTABLISHED)
                return;
        if (h->end == NULL)
                h->end = sim_oracle_end(e->oracle, &ev->local, &ev->remote);
        if (h->end == NULL || !h->end->closed || h->end->node != e->node ||
            ev->kind == ELKO_TRACE_STATE || sim_watch_app(e, ev) != NULL)
                return;
        /* An old SYN or a cookie made it once more, and one of them was not accepted yet: which one, and whose the
         * application was that closed, can't be said. */
        if (!h->end->is_opener && (h->end->opened_at < h->born || h->end->accepted < h->end->lives))
                return;
        c = h->end->is_opener ? sim_oracle_find(e->oracle, &ev->remote, &ev->local)
                              : sim_oracle_find(e->oracle, &ev->local, &ev->remote);
        if (c == NULL || c->unsure) /* nor with two that have the same ports */
                return;
        h->orphan_at = ev->now;
        h->orphan_rcv_nxt = ev->rcv_nxt;
}

void sim_watch_event(void *ctx, const struct elko_trace_event *ev)
{
        struct sim_elko *e = ctx;
        struct sim_watch *h;

        if (ev->kind == ELKO_TRACE_STATE) {
                state(e, ev);
                return;
        }
        if (ev->kind == ELKO_TRACE_SEGMENT_IN || ev->kind == ELKO_TRACE_SEGMENT_OUT ||
            ev->kind == ELKO_TRACE_DROP)
                tell(e, ev,
                     ev->kind == ELKO_TRACE_SEGMENT_IN    ? "<"
                     : ev->kind == ELKO_TRACE_SEGMENT_OUT ? ">"
                                                          : "dropped");
        else if (ev->kind == ELKO_TRACE_TIMER && sim_is_heard(e->world))
                sim_say(e->world, "%s: %u timer %s", e->name, ev->local.port,
                        elko_timer_name(ev->timer));
        if (ev->conn == 0) {
                stateless(e, ev);
                return;
        }
        h = watch_of(e, ev);
        orphan(e, ev, h);
        sim_watch_sender(e, ev, h);
        numbers(e, ev, h);
        switch (ev->kind) {
        case ELKO_TRACE_SEGMENT_IN: segment_in(e, ev, h); break;
        case ELKO_TRACE_SEGMENT_OUT: segment_out(e, ev, h); break;
        case ELKO_TRACE_TIMER: timer(e, ev, h); break;
        case ELKO_TRACE_DROP:
                h->owed++;
                /* Its ACK was not looked at; what is dropped later counts as heard. */
                if (ev->drop <= ELKO_DROP_TCP_ACK_RANGE) {
                        h->dropped_at = h->dropped_before != 0 ? h->dropped_before : h->came_at;
                        h->heard_at = h->heard_before;
                }
                break;
        default: break;
        }
        h->seen_at = ev->now;
}
