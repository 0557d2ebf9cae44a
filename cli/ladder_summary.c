/* SPDX-License-Identifier: MIT */

/*
 * Theory. The summary answers what one asks after a connection: who opened and closed it, what went
 * each way, how long it took, what was agreed, how it ended, and how long TIME-WAIT lasts.
 */

#include "ladder_pen.h"

/* A line of the summary: name, value. */
static void ladder_draw_fact(struct ladder_pen *p, const char *name, const char *value)
{
        ladder_put(p, "  ");
        ladder_put_colour(p, LADDER_C_DIM, name);
        ladder_draw_wrapped(p, 20, value);
}

static void ladder_fact_opened(struct ladder_pen *p)
{
        char text[200] = "", span[32];

        if (p->s->opener < 0)
                ladder_add(text, sizeof text, "%s", ladder_w(p, LADDER_W_OPENED_BEFORE));
        else if (p->s->opener == 2)
                ladder_add(text, sizeof text, "%s", ladder_w(p, LADDER_W_OPENED_BOTH));
        else
                ladder_add(text, sizeof text, "%s",
                           ladder_side(p, p->s->opener, LADDER_W_THE_CLIENT));
        if (p->c->handshake_ns && p->s->opener >= 0)
                ladder_add(text, sizeof text, "%s%s %s", ladder_w(p, LADDER_W_COMMA),
                           ladder_w(p, LADDER_W_OPENED_IN),
                           ladder_span(p->c->handshake_ns, span, sizeof span));
        ladder_draw_fact(p, ladder_w(p, LADDER_W_OPENED), text);
}

static void ladder_fact_closed(struct ladder_pen *p)
{
        const char *who = p->s->closer == 2   ? ladder_w(p, LADDER_W_CLOSED_BOTH)
                          : p->s->closer >= 0 ? ladder_side(p, p->s->closer, LADDER_W_THE_CLIENT)
                                              : ladder_w(p, LADDER_W_NOBODY);

        if (p->s->closer >= 0 || p->s->resetter < 0)
                ladder_draw_fact(p, ladder_w(p, LADDER_W_CLOSED_FIRST), who);
        if (p->s->resetter >= 0)
                ladder_draw_fact(p, ladder_w(p, LADDER_W_RESET_BY),
                                 ladder_side(p, p->s->resetter, LADDER_W_THE_CLIENT));
}

static void ladder_fact_bytes(struct ladder_pen *p, int end)
{
        const struct ladder_flow *f = &p->c->flow[end];
        char text[200], n1[32], n2[32], n3[32], name[80];

        snprintf(name, sizeof name, "%s %s %s", ladder_side(p, end, LADDER_W_CLIENT), p->g->to,
                 ladder_side(p, !end, LADDER_W_CLIENT));
        snprintf(text, sizeof text, "%s %s%s%s %s", ladder_commas(f->bytes, n1, sizeof n1),
                 ladder_count_word(p, f->bytes, LADDER_W_BYTES, LADDER_W_BYTE),
                 ladder_w(p, LADDER_W_COMMA), ladder_commas(f->segs, n2, sizeof n2),
                 ladder_count_word(p, f->segs, LADDER_W_SEGMENTS, LADDER_W_SEGMENT));
        if (f->retrans)
                ladder_add(text, sizeof text, "%s%s %s", ladder_w(p, LADDER_W_COMMA),
                           ladder_commas(f->retrans, n3, sizeof n3), ladder_w(p, LADDER_W_RETRANS));
        ladder_draw_fact(p, name, text);
}

static void ladder_fact_time(struct ladder_pen *p)
{
        char text[200] = "", span[32];
        uint64_t rtt = p->c->srtt_ns ? p->c->srtt_ns : p->c->handshake_ns;

        ladder_draw_fact(p, ladder_w(p, LADDER_W_DURATION),
                         ladder_span(p->c->ended_at - p->c->first_at, span, sizeof span));
        if (rtt == 0)
                return;
        ladder_add(text, sizeof text, "%s%s%s%s", ladder_span(rtt, span, sizeof span),
                   ladder_w(p, LADDER_W_PAREN_OPEN),
                   ladder_w(p, p->c->srtt_ns ? LADDER_W_RTT_SMOOTHED : LADDER_W_RTT_HANDSHAKE),
                   ladder_w(p, LADDER_W_PAREN_CLOSE));
        ladder_draw_fact(p, ladder_w(p, LADDER_W_RTT), text);
}

static void ladder_fact_options(struct ladder_pen *p)
{
        const struct ladder_flow *cl = &p->c->flow[p->s->client], *sv = &p->c->flow[!p->s->client];
        uint32_t common = cl->syn_options & sv->syn_options;
        const char *comma = ladder_w(p, LADDER_W_COMMA);
        char text[200] = "";

        if (!cl->syn || !sv->syn) {
                if (p->s->opener < 0)
                        ladder_draw_fact(p, ladder_w(p, LADDER_W_OPTIONS),
                                         ladder_w(p, LADDER_W_OPTIONS_UNKNOWN));
                return;
        }
        if (common & ELKO_OPT_MSS)
                ladder_add(text, sizeof text, "MSS %u / %u", (unsigned)cl->mss, (unsigned)sv->mss);
        if (common & ELKO_OPT_WSCALE)
                ladder_add(text, sizeof text, "%s%s %u / %u", text[0] ? comma : "",
                           ladder_w(p, LADDER_W_WSCALE), (unsigned)cl->wscale,
                           (unsigned)sv->wscale);
        if (common & ELKO_OPT_SACK_PERMITTED)
                ladder_add(text, sizeof text, "%s%s", text[0] ? comma : "",
                           ladder_w(p, LADDER_W_SACK));
        if (common & ELKO_OPT_TIMESTAMPS)
                ladder_add(text, sizeof text, "%s%s", text[0] ? comma : "",
                           ladder_w(p, LADDER_W_TS));
        if (!text[0])
                ladder_add(text, sizeof text, "%s", ladder_w(p, LADDER_W_OPTIONS_NONE));
        ladder_draw_fact(p, ladder_w(p, LADDER_W_OPTIONS), text);
}

static enum ladder_word ladder_ending(const struct ladder_pen *p)
{
        const struct ladder_flow *a = &p->c->flow[0], *b = &p->c->flow[1];

        if (p->s->resetter < 0 && a->fin && b->fin && a->fin_acked && b->fin_acked)
                return LADDER_W_END_NORMAL;
        if (p->s->refused)
                return LADDER_W_END_REFUSED;
        if (p->s->title[LADDER_OPENING] == LADDER_SIT_SEC_NONE && p->s->nrow > 0 &&
            p->s->row[0].section == LADDER_OPENING)
                return LADDER_W_END_NO_CONN;
        if (p->s->resetter >= 0)
                return p->c->synchronized || p->s->closer >= 0 ? LADDER_W_END_RESET
                       : p->c->closed_at != ELKO_NEVER         ? LADDER_W_END_RESET
                                                               : LADDER_W_END_OPENING;
        if (p->c->over)
                return LADDER_W_END_GIVEN_UP;
        if (!p->c->synchronized)
                return LADDER_W_END_OPENING;
        return a->fin || b->fin ? LADDER_W_END_HALF : LADDER_W_END_OPEN;
}

/* When the far end's TIME-WAIT began, as inferred; ELKO_NEVER when it did not. */
static uint64_t ladder_far_time_wait(const struct ladder_pen *p)
{
        if (p->c->both)
                return p->c->time_wait_at[LADDER_FAR];
        for (size_t i = 0; i < p->s->nrow; i++)
                if (p->s->row[i].state[LADDER_FAR] == (int)ELKO_TCP_TIME_WAIT)
                        return p->s->row[i].at;
        return ELKO_NEVER;
}

static void ladder_fact_time_wait(struct ladder_pen *p, int end, uint64_t from)
{
        char text[240] = "", t[32], u[32], span[32];
        bool near = end == (int)LADDER_NEAR;
        bool over = near && p->c->closed_at != ELKO_NEVER && p->c->closed_at > from;
        uint64_t until = over                                         ? p->c->closed_at
                         : (near || p->c->both) && p->o->time_wait_ns ? from + p->o->time_wait_ns
                                                                      : ELKO_NEVER;

        if (from == ELKO_NEVER)
                return;
        ladder_add(text, sizeof text, "%s%s%s %s ms%s", ladder_side(p, end, LADDER_W_THE_CLIENT),
                   ladder_w(p, LADDER_W_COMMA), ladder_w(p, LADDER_W_TW_FROM),
                   ladder_ms(from - p->c->first_at, t, sizeof t),
                   ladder_inferred(p, end) ? " *" : "");
        if (until != ELKO_NEVER)
                ladder_add(text, sizeof text, "%s%s %s ms%s%s%s%s", ladder_w(p, LADDER_W_COMMA),
                           ladder_w(p, over ? LADDER_W_TW_OVER : LADDER_W_TW_UNTIL),
                           ladder_ms(until - p->c->first_at, u, sizeof u),
                           ladder_w(p, LADDER_W_PAREN_OPEN),
                           over ? "" : "2 MSL = ", ladder_span(until - from, span, sizeof span),
                           ladder_w(p, LADDER_W_PAREN_CLOSE));
        ladder_draw_fact(p, "TIME-WAIT", text);
}

void ladder_draw_summary(struct ladder_pen *p)
{
        enum ladder_word end = ladder_ending(p);
        char text[240] = "", n[32];

        ladder_end_line(p);
        ladder_put_colour(p, LADDER_C_TITLE, ladder_w(p, LADDER_W_SUMMARY));
        ladder_end_line(p);
        ladder_end_line(p);
        if (end != LADDER_W_END_NO_CONN) {
                ladder_fact_opened(p);
                ladder_fact_closed(p);
        }
        ladder_fact_bytes(p, (int)p->s->client);
        ladder_fact_bytes(p, !p->s->client);
        ladder_fact_time(p);
        if (end != LADDER_W_END_NO_CONN)
                ladder_fact_options(p);
        ladder_add(text, sizeof text, "%s", ladder_w(p, end));
        if (p->c->cause && (end == LADDER_W_END_GIVEN_UP || end == LADDER_W_END_RESET))
                ladder_add(text, sizeof text, "%s%s%s", ladder_w(p, LADDER_W_PAREN_OPEN),
                           p->c->cause, ladder_w(p, LADDER_W_PAREN_CLOSE));
        ladder_draw_fact(p, ladder_w(p, LADDER_W_END), text);
        ladder_fact_time_wait(p, LADDER_NEAR, p->c->time_wait_at[LADDER_NEAR]);
        ladder_fact_time_wait(p, LADDER_FAR, ladder_far_time_wait(p));
        if (p->c->forgotten) {
                snprintf(text, sizeof text, "%s %s", ladder_commas(p->c->forgotten, n, sizeof n),
                         ladder_w(p, LADDER_W_FORGOTTEN));
                ladder_draw_fact(p, "", text);
        }
}
