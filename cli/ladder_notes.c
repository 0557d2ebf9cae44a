/* SPDX-License-Identifier: MIT */

/*
 * Theory. The explanations below a section. Each is a sentence of ladder_text.c with the numbers of
 * the row that it was first needed for; the steps come first, as a text that reads through, then
 * the remarks.
 */

#include "ladder_pen.h"

#include <inttypes.h>

static void ladder_join(const struct ladder_pen *p, char *buf, size_t n, const char *text)
{
        ladder_add(buf, n, "%s%s", buf[0] ? ladder_w(p, LADDER_W_SEMICOLON) : "", text);
}

static void ladder_option_pair(const struct ladder_pen *p, char *buf, size_t n, enum ladder_word w,
                               unsigned client, unsigned server)
{
        char c[16], s[16], text[256];
        const struct ladder_var var[] = {{"c", c}, {"s", s}};

        snprintf(c, sizeof c, "%u", client);
        snprintf(s, sizeof s, "%u", server);
        ladder_expand(ladder_w(p, w), var, 2, text, sizeof text);
        ladder_join(p, buf, n, text);
}

/* What the two SYNs agreed on. */
static void ladder_agreed(const struct ladder_pen *p, char *buf, size_t n)
{
        const struct ladder_flow *cl = &p->c->flow[p->s->client], *sv = &p->c->flow[!p->s->client];
        uint32_t common = cl->syn_options & sv->syn_options;

        buf[0] = '\0';
        if (common & ELKO_OPT_MSS)
                ladder_option_pair(p, buf, n, LADDER_W_OPT_MSS, cl->mss, sv->mss);
        if (common & ELKO_OPT_WSCALE)
                ladder_option_pair(p, buf, n, LADDER_W_OPT_WSCALE, 1u << (cl->wscale & 15),
                                   1u << (sv->wscale & 15));
        if (common & ELKO_OPT_SACK_PERMITTED)
                ladder_join(p, buf, n, ladder_w(p, LADDER_W_OPT_SACK));
        if (common & ELKO_OPT_TIMESTAMPS)
                ladder_join(p, buf, n, ladder_w(p, LADDER_W_OPT_TS));
        if (!buf[0])
                ladder_join(p, buf, n, ladder_w(p, LADDER_W_OPT_NONE));
}

/* A sequence number as the arrow shows it: relative where that is known. */
static void ladder_shown(const struct ladder_rec *r, uint32_t plus, char *buf, size_t n)
{
        if (r->rel_seq_known)
                snprintf(buf, n, "%" PRId64, r->rel_seq + (int64_t)plus);
        else
                snprintf(buf, n, "%" PRIu32, r->seq + plus);
}

static void ladder_note_text(const struct ladder_pen *p, const struct ladder_note *note, char *buf,
                             size_t n)
{
        const struct ladder_row *row = &p->s->row[note->row];
        const struct ladder_rec *r = row->rec;
        char seq[24], ack[24], next[24], fin[24], iseq[16], iack[16], inext[16], len[16], win[16];
        char after[32], ended[32], options[640];
        uint64_t tw = p->c->time_wait_at[r->from];
        bool near_reset = (r->flags & ELKO_RST) && r->from == LADDER_NEAR;
        const char *cause = (r->marks & LADDER_M_DROPPED) ? elko_drop_text((enum elko_drop)r->drop)
                            : near_reset                  ? p->c->cause
                                                          : r->cause;
        const struct ladder_var var[] = {
                {"from", ladder_side(p, r->from, LADDER_W_THE_CLIENT)},
                {"to", ladder_side(p, !r->from, LADDER_W_THE_CLIENT)},
                {"From", ladder_side(p, r->from, LADDER_W_THE_CLIENT_CAP)},
                {"To", ladder_side(p, !r->from, LADDER_W_THE_CLIENT_CAP)},
                {"seq", seq},
                {"ack", ack},
                {"next", next},
                {"fin", fin},
                {"iseq", iseq},
                {"iack", iack},
                {"inext", inext},
                {"len", len},
                {"win", win},
                {"after", after},
                {"cause", cause},
                {"ended", ended},
                {"options", options},
        };

        ladder_shown(r, 0, seq, sizeof seq);
        ladder_shown(r, r->len, fin, sizeof fin);
        ladder_shown(r, ladder_seg_end(r) - r->seq, next, sizeof next);
        if (r->rel_ack_known)
                snprintf(ack, sizeof ack, "%" PRId64, r->rel_ack);
        else
                snprintf(ack, sizeof ack, "%" PRIu32, r->ack);
        snprintf(iseq, sizeof iseq, "%" PRIu32, r->seq);
        snprintf(iack, sizeof iack, "%" PRIu32, r->ack);
        snprintf(inext, sizeof inext, "%" PRIu32, ladder_seg_end(r));
        snprintf(len, sizeof len, "%" PRIu32, r->len);
        snprintf(win, sizeof win, "%" PRIu32, r->wnd);
        after[0] = ended[0] = '\0';
        if (r->after_ns)
                ladder_span(r->after_ns, after, sizeof after);
        if (tw != ELKO_NEVER && p->o->time_wait_ns)
                ladder_ms(tw + p->o->time_wait_ns - p->c->first_at, ended, sizeof ended);
        ladder_agreed(p, options, sizeof options);
        ladder_expand(ladder_sit_text(p->o->lang, note->sit), var, sizeof var / sizeof var[0], buf,
                      n);
        if (strcmp(ladder_sit_rfc(note->sit), ladder_sit_rfc(p->s->title[note->section])) != 0)
                ladder_add_rfc(p, ladder_sit_rfc(note->sit), buf, n);
}

static void ladder_draw_note(struct ladder_pen *p, const struct ladder_note *note)
{
        char mark[32], text[LADDER_TEXT_BYTES];

        ladder_note_text(p, note, text, sizeof text);
        ladder_mark_text(p, note, mark, sizeof mark);
        ladder_put(p, "  ");
        ladder_put_colour(p, LADDER_C_BOLD, mark);
        ladder_draw_wrapped(p, p->o->ascii ? LADDER_NOTE_INDENT + 2 : LADDER_NOTE_INDENT, text);
}

/* The steps first, as a text that reads through; then the remarks. */
void ladder_draw_notes(struct ladder_pen *p, enum ladder_section section)
{
        bool any = false;

        for (int remarks = 0; remarks < 2 && !p->o->brief; remarks++) {
                for (size_t i = 0; i < p->s->nnote; i++) {
                        const struct ladder_note *note = &p->s->note[i];

                        if (note->section != section || (note->step == 0) != (remarks == 1))
                                continue;
                        if (!any)
                                ladder_end_line(p);
                        any = true;
                        ladder_draw_note(p, note);
                }
        }
}
