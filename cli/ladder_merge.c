/* SPDX-License-Identifier: MIT */

/*
 * Theory. Two recorders with one clock saw the same connection from its two ends. A segment is two
 * records then: it departs in one recording and arrives in the other. The pairs are found by
 * sequence number, acknowledgement, flags and length, in order. What departed and never arrived was
 * lost.
 *
 * All records of both become moments on one time line. A departure and its arrival make one row
 * when nothing that matters to its meaning lies between: a departure of the other end (the two
 * cross), or the arrival of something that departed later (it was overtaken). Otherwise they make
 * two rows.
 *
 * Bulk data was folded by each recorder for itself, so an ordinary segment may have its partner
 * inside of a fold: such a one is not taken to be lost.
 */

#include "ladder_rec.h"

#include <stdlib.h>

struct ladder_moment {
        uint64_t at;
        const struct ladder_rec *rec;
        size_t partner; /* index of the other moment of this segment; NONE */
        uint8_t side;   /* whose recording: LADDER_NEAR is `a` */
        bool used, drawn_whole;
};

#define LADDER_NO_PARTNER ((size_t)-1)

struct ladder_timeline {
        const struct ladder_conn *c[2];
        struct ladder_moment *m;
        size_t n;
};

static const struct ladder_rec *ladder_merge_rec(const struct ladder_conn *c, size_t i)
{
        return i < c->nrec ? &c->rec[i] : &c->tail[i - c->nrec];
}

/* Of a moment: does the segment leave here? */
static bool ladder_departs(const struct ladder_moment *m)
{
        return m->rec->kind == LADDER_SEG && m->rec->from == LADDER_NEAR;
}

static bool ladder_arrives(const struct ladder_moment *m)
{
        return m->rec->kind == LADDER_SEG && m->rec->from == LADDER_FAR;
}

static bool ladder_same_segment(const struct ladder_rec *a, const struct ladder_rec *b)
{
        return a->seq == b->seq && a->ack == b->ack && a->flags == b->flags && a->len == b->len &&
               a->ts_val == b->ts_val;
}

static bool ladder_pairs(const struct ladder_moment *d, const struct ladder_moment *r)
{
        return ladder_departs(d) && ladder_arrives(r) && d->side != r->side && !r->used &&
               r->at >= d->at && ladder_same_segment(d->rec, r->rec);
}

/* The least time that a segment from `side` took, by the first fit of each: an estimate for
 * choosing. */
static uint64_t ladder_least_transit(const struct ladder_moment *m, size_t n, uint8_t side)
{
        uint64_t least = ELKO_NEVER;

        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j < n; j++) {
                        if (m[i].side != side || !ladder_pairs(&m[i], &m[j]))
                                continue;
                        if (m[j].at - m[i].at < least)
                                least = m[j].at - m[i].at;
                        break;
                }
        }
        return least;
}

/*
 * Departure i could be what arrives at j. Equal segments (a pure ACK, repeated) can't be told
 * apart: when there are more of them than arrivals and a later one fits as well, the earlier one is
 * the lost one.
 */
static bool ladder_later_fits(const struct ladder_moment *m, size_t n, size_t i, size_t j,
                              uint64_t least)
{
        size_t departures = 0, arrivals = 0;
        bool fits = false;

        for (size_t k = 0; k < n; k++) {
                if (m[k].side == m[i].side && k >= i && ladder_departs(&m[k]) &&
                    ladder_same_segment(m[i].rec, m[k].rec)) {
                        departures++;
                        fits = fits || (k > i && m[k].at + least <= m[j].at);
                }
                if (ladder_pairs(&m[i], &m[k]))
                        arrivals++;
        }
        return fits && departures > arrivals;
}

static void ladder_find_partners(struct ladder_moment *m, size_t n)
{
        const uint64_t least[2] = {ladder_least_transit(m, n, 0), ladder_least_transit(m, n, 1)};

        for (size_t i = 0; i < n; i++) {
                for (size_t j = 0; j < n; j++) {
                        if (!ladder_pairs(&m[i], &m[j]))
                                continue;
                        if (ladder_later_fits(m, n, i, j, least[m[i].side]))
                                break;
                        m[i].partner = j;
                        m[j].partner = i;
                        m[j].used = true;
                        break;
                }
        }
}

/* Is this moment the next? An arrival waits for its departure. */
static bool ladder_ready(const struct ladder_moment *raw, size_t i, const size_t *place)
{
        return !ladder_arrives(&raw[i]) || raw[i].partner == LADDER_NO_PARTNER ||
               place[raw[i].partner] != LADDER_NO_PARTNER;
}

/* Which of two heads comes first? At one instant what is ready goes first, and arrivals before
 * departures, so that an instant's segments don't seem to cross. */
static bool ladder_second_first(const struct ladder_moment *raw, size_t a, size_t b,
                                const size_t *place)
{
        if (raw[a].at != raw[b].at)
                return raw[b].at < raw[a].at;
        if (!ladder_ready(raw, a, place) || !ladder_ready(raw, b, place))
                return !ladder_ready(raw, a, place);
        return ladder_arrives(&raw[b]) && !ladder_arrives(&raw[a]);
}

/* Merges the two lists raw[0..split) and raw[split..n) into t->m; each keeps its own order. */
static void ladder_order(struct ladder_timeline *t, const struct ladder_moment *raw, size_t split,
                         size_t n, size_t *place)
{
        size_t a = 0, b = split;

        for (size_t i = 0; i < n; i++)
                place[i] = LADDER_NO_PARTNER;
        while (a < split || b < n) {
                bool second = a == split || (b < n && ladder_second_first(raw, a, b, place));
                size_t from = second ? b++ : a++;

                place[from] = t->n;
                t->m[t->n++] = raw[from];
        }
        for (size_t i = 0; i < t->n; i++)
                if (t->m[i].partner != LADDER_NO_PARTNER)
                        t->m[i].partner = place[t->m[i].partner];
}

/* Both recordings on one time line; each keeps its own order. */
static bool ladder_timeline_make(struct ladder_timeline *t, const struct ladder_conn *a,
                                 const struct ladder_conn *b)
{
        size_t na = a->nrec + a->ntail, n = na + b->nrec + b->ntail;
        struct ladder_moment *raw = calloc(n + 1, sizeof *raw);
        size_t *place = calloc(n + 1, sizeof *place);

        *t = (struct ladder_timeline){.c = {a, b}};
        t->m = calloc(n + 1, sizeof *t->m);
        if (raw && place && t->m) {
                for (size_t i = 0; i < n; i++) {
                        const struct ladder_rec *r =
                                i < na ? ladder_merge_rec(a, i) : ladder_merge_rec(b, i - na);

                        raw[i] = (struct ladder_moment){.at = r->at,
                                                        .rec = r,
                                                        .side = i < na ? LADDER_NEAR : LADDER_FAR,
                                                        .partner = LADDER_NO_PARTNER};
                }
                ladder_find_partners(raw, n);
                ladder_order(t, raw, na, n, place);
        }
        n = raw && place && t->m ? 1 : 0;
        free(raw);
        free(place);
        return n == 1;
}

/* Could the partner of an ordinary segment be inside of a fold of the other recording? */
static bool ladder_maybe_folded(const struct ladder_timeline *t, const struct ladder_moment *m)
{
        const struct ladder_conn *other = t->c[!m->side];

        if (m->rec->marks & LADDER_M_KEY)
                return false;
        for (size_t i = 0; i < other->nrec; i++)
                if (other->rec[i].kind == LADDER_FOLD && other->rec[i].until >= m->at)
                        return true;
        return false;
}

/* Does anything between departure i and its arrival make one row for both a lie? */
static bool ladder_split(const struct ladder_timeline *t, size_t i)
{
        size_t j = t->m[i].partner;

        for (size_t k = i + 1; k < j; k++) {
                const struct ladder_moment *m = &t->m[k];

                if (m->side == t->m[i].side)
                        continue;
                if (ladder_departs(m) &&
                    (m->partner != LADDER_NO_PARTNER || (m->rec->marks & LADDER_M_KEY)))
                        return true;
                if (ladder_arrives(m) && m->partner != LADDER_NO_PARTNER && m->partner > i)
                        return true;
        }
        return false;
}

/* --- rows */

struct ladder_merger {
        struct ladder_timeline t;
        struct ladder_conn *out;
        int state[2];
};

/* Appends a record, seen from `a`: what `b` sent comes from the far end. */
static void ladder_merge_push(struct ladder_merger *g, const struct ladder_moment *m,
                              enum ladder_part part)
{
        struct ladder_conn *c = g->out;
        struct ladder_rec *r = &c->rec[c->nrec];

        if (c->nrec == c->cap)
                return; /* can't happen: a row for each moment at most */
        *r = *m->rec;
        r->at = m->at;
        r->part = (uint8_t)part;
        if (m->side == LADDER_FAR)
                r->from = r->from == LADDER_NEAR ? LADDER_FAR : LADDER_NEAR;
        r->state = (uint8_t)g->state[LADDER_NEAR];
        r->far_state = (uint8_t)g->state[LADDER_FAR];
        c->nrec++;
}

static void ladder_merge_departure(struct ladder_merger *g, size_t i)
{
        struct ladder_moment *m = &g->t.m[i];
        struct ladder_rec marked;

        g->state[m->side] = m->rec->state;
        if (m->partner == LADDER_NO_PARTNER) {
                bool folded = ladder_maybe_folded(&g->t, m);

                if (folded && m->side == LADDER_FAR)
                        return; /* counted in a fold of `a` */
                ladder_merge_push(g, m, folded ? LADDER_WHOLE : LADDER_LOST);
                return;
        }
        marked = *m->rec;
        /* What one end alone can see: holes, repetitions, drops are the receiver's knowledge. */
        marked.marks |= g->t.m[m->partner].rec->marks &
                        (LADDER_M_GAP | LADDER_M_FILL | LADDER_M_DROPPED | LADDER_M_KEY);
        if (g->t.m[m->partner].rec->drop)
                marked.drop = g->t.m[m->partner].rec->drop;
        if (ladder_split(&g->t, i)) {
                ladder_merge_push(g, m, LADDER_DEPART);
        } else {
                g->t.m[m->partner].drawn_whole = true;
                g->state[!m->side] = g->t.m[m->partner].rec->state;
                ladder_merge_push(g, m, LADDER_WHOLE);
        }
        g->out->rec[g->out->nrec - 1].marks = marked.marks;
        g->out->rec[g->out->nrec - 1].drop = marked.drop;
}

static void ladder_merge_arrival(struct ladder_merger *g, const struct ladder_moment *m)
{
        if (m->drawn_whole)
                return;
        g->state[m->side] = m->rec->state;
        if (m->partner != LADDER_NO_PARTNER) {
                ladder_merge_push(g, m, LADDER_ARRIVE);
        } else if (m->side == LADDER_NEAR) {
                /* Its departure is inside of a fold of `b`, or the network made a second one. */
                ladder_merge_push(g, m, LADDER_WHOLE);
                g->out->rec[g->out->nrec - 1].marks |= LADDER_M_UNSENT;
        }
}

/* A change of state without a segment: worth a row unless the end's next segment shows it. */
static bool ladder_merge_state_shows(const struct ladder_timeline *t, size_t i)
{
        const struct ladder_rec *r = t->m[i].rec;

        for (size_t k = i + 1; k < t->n; k++) {
                if (t->m[k].side != t->m[i].side)
                        continue;
                if (t->m[k].rec->kind == LADDER_FOLD)
                        return true;
                return t->m[k].rec->state != r->state;
        }
        return true;
}

static void ladder_merge_moment(struct ladder_merger *g, size_t i)
{
        const struct ladder_moment *m = &g->t.m[i];

        if (m->rec->kind == LADDER_STATE) {
                if (!ladder_merge_state_shows(&g->t, i))
                        return;
                g->state[m->side] = m->rec->state;
                ladder_merge_push(g, m, LADDER_WHOLE);
        } else if (m->rec->kind == LADDER_FOLD) {
                g->state[m->side] = m->rec->state;
                if (m->side == LADDER_NEAR)
                        ladder_merge_push(g, m, LADDER_WHOLE);
        } else if (ladder_departs(m)) {
                ladder_merge_departure(g, i);
        } else {
                ladder_merge_arrival(g, m);
        }
}

static int ladder_merge_first(const struct ladder_conn *c)
{
        const struct ladder_rec *r = c->nrec ? &c->rec[0] : NULL;

        if (c->first_state == (int)ELKO_TCP_CLOSED && r && r->kind == LADDER_SEG &&
            r->from == LADDER_FAR && (r->flags & (ELKO_SYN | ELKO_ACK)) == ELKO_SYN &&
            r->state == (uint8_t)ELKO_TCP_SYN_RECEIVED)
                return ELKO_TCP_LISTEN;
        if (ladder_is_synchronized(c->first_state) || c->first_state == (int)ELKO_TCP_LISTEN || !r)
                return c->first_state;
        if (r->kind == LADDER_STATE && r->old_state == (uint8_t)ELKO_TCP_LISTEN)
                return ELKO_TCP_LISTEN;
        return r->kind == LADDER_SEG && r->from == LADDER_FAR && (r->flags & ELKO_SYN) &&
                               c->first_state != (int)ELKO_TCP_CLOSED
                       ? ELKO_TCP_LISTEN
                       : ELKO_TCP_CLOSED;
}

static bool ladder_merge_conn(struct ladder_conn *out, const struct ladder_conn *a,
                              const struct ladder_conn *b)
{
        struct ladder_merger g = {.out = out};

        *out = *a;
        out->ntail = out->nrec = 0;
        out->rec = NULL;
        if (!ladder_timeline_make(&g.t, a, b)) {
                free(g.t.m);
                return false;
        }
        out->cap = g.t.n + 1;
        out->rec = calloc(out->cap, sizeof *out->rec);
        if (!out->rec) {
                free(g.t.m);
                return false;
        }
        out->both = true;
        out->first_state = g.state[LADDER_NEAR] = ladder_merge_first(a);
        out->first_far = g.state[LADDER_FAR] = ladder_merge_first(b);
        out->time_wait_at[LADDER_FAR] = b->time_wait_at[LADDER_NEAR];
        out->flow[LADDER_FAR] = b->flow[LADDER_NEAR]; /* what was sent, not what arrived */
        out->flow[LADDER_FAR].syn_acked = a->flow[LADDER_FAR].syn_acked;
        out->flow[LADDER_FAR].fin_acked =
                a->flow[LADDER_FAR].fin_acked || b->flow[LADDER_NEAR].fin_acked;
        out->flow[LADDER_NEAR].fin_acked |= b->flow[LADDER_FAR].fin_acked;
        out->first_at = a->first_at < b->first_at ? a->first_at : b->first_at;
        out->last_at = a->last_at > b->last_at ? a->last_at : b->last_at;
        out->ended_at = a->ended_at > b->ended_at ? a->ended_at : b->ended_at;
        out->over = a->over && b->over;
        out->synchronized = a->synchronized || b->synchronized;
        out->forgotten += b->forgotten;
        for (size_t i = 0; i < g.t.n; i++)
                ladder_merge_moment(&g, i);
        free(g.t.m);
        return true;
}

/* --- the table */

static bool ladder_mirror(const struct ladder_conn *a, const struct ladder_conn *b)
{
        const struct ladder_flow *fa = a->flow, *fb = b->flow;

        for (int e = LADDER_NEAR; e <= LADDER_FAR; e++) {
                if (a->end[e].port != b->end[!e].port ||
                    memcmp(&a->end[e].ip, &b->end[!e].ip, sizeof a->end[e].ip) != 0)
                        return false;
                /* The same endpoints may have had several connections. */
                if (fa[e].iss_known && fb[!e].iss_known && fa[e].iss != fb[!e].iss)
                        return false;
        }
        return true;
}

struct ladder *ladder_merge(const struct ladder *a, const struct ladder *b)
{
        struct ladder *l = ladder_new(&a->opt);

        if (!l)
                return NULL;
        l->conn = calloc(a->nconn + 1, sizeof *l->conn);
        if (!l->conn) {
                ladder_free(l);
                return NULL;
        }
        l->max = a->nconn;
        l->more = a->more;
        for (size_t i = 0; i < a->nconn; i++) {
                for (size_t j = 0; j < b->nconn; j++) {
                        if (a->conn[i].printed || b->conn[j].printed ||
                            !ladder_mirror(&a->conn[i], &b->conn[j]))
                                continue;
                        if (!ladder_merge_conn(&l->conn[l->nconn], &a->conn[i], &b->conn[j])) {
                                ladder_free(l);
                                return NULL;
                        }
                        l->nconn++;
                        break;
                }
        }
        return l;
}
