/* SPDX-License-Identifier: MIT */

/*
 * Theory. The arrow of a row is a stretch of `arrow` columns between the two lifelines. Its label
 * is the longest of a few candidates that fits: with absolute numbers, without, without the window.
 * What did not fit on an arrow that opens or closes stands on the line below it.
 */

#include "ladder_draw.h"
#include "ladder_pen.h"
#include "ladder_width.h"

#include <inttypes.h>

enum ladder_draw_limits {
        LADDER_STATE_COLS = 12,  /* "SYN-RECEIVED" */
        LADDER_TITLE_COLS = 22,  /* mark, space, title */
        LADDER_TITLE_FROM = 100, /* narrower pictures have marks only */
        LADDER_MARK_COLS = 5,
        LADDER_ASCII_MARK_COLS = 4, /* more: (1)(a) instead of two characters */
};

static void ladder_flags(uint16_t flags, char *buf, size_t n)
{
        static const struct {
                uint16_t bit;
                const char *name;
        } names[] = {{ELKO_SYN, "SYN"}, {ELKO_FIN, "FIN"}, {ELKO_RST, "RST"},
                     {ELKO_PSH, "PSH"}, {ELKO_ACK, "ACK"}, {ELKO_URG, "URG"},
                     {ELKO_ECE, "ECE"}, {ELKO_CWR, "CWR"}, {ELKO_AE, "AE"}};

        buf[0] = '\0';
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (flags & names[i].bit)
                        ladder_add(buf, n, "%s%s", buf[0] ? "+" : "", names[i].name);
        if (!buf[0])
                ladder_add(buf, n, "(no flags)");
}

/* The right-hand end of a row: marks, and the title of the first of them that has one. */
static void ladder_put_marks(struct ladder_pen *p, const struct ladder_row *row)
{
        int ids[1 + LADDER_REMARKS], n = 0;
        const char *title = "";
        char mark[32];

        if (row->step >= 0)
                ids[n++] = row->step;
        for (int k = 0; k < LADDER_REMARKS; k++)
                if (row->remark[k] >= 0)
                        ids[n++] = row->remark[k];
        for (int k = 0; k < n; k++) {
                const struct ladder_note *note = &p->s->note[ids[k]];

                ladder_mark_text(p, note, mark, sizeof mark);
                ladder_put(p, mark);
                if (!title[0])
                        title = ladder_sit_title(p->o->lang, note->sit);
        }
        if (row->rec && row->rec->kind == LADDER_STATE)
                return; /* it has its title between the lifelines */
        if (p->titles && title[0] && p->cols < p->width) {
                ladder_put(p, " ");
                ladder_raw(p, title, ladder_fit(title, p->width - p->cols));
        }
}

/* --- arrows */

enum ladder_detail { LADDER_ALL, LADDER_RELATIVE, LADDER_NO_WINDOW, LADDER_NO_ACK, LADDER_BRIEF };

static void ladder_number(char *buf, size_t n, const char *name, bool known, int64_t rel,
                          uint32_t abs, bool both)
{
        if (known && both)
                ladder_add(buf, n, " %s=%" PRId64 " (%" PRIu32 ")", name, rel, abs);
        else if (known)
                ladder_add(buf, n, " %s=%" PRId64, name, rel);
        else
                ladder_add(buf, n, " %s=%" PRIu32, name, abs);
}

static void ladder_label(const struct ladder_rec *r, enum ladder_detail d, char *buf, size_t n)
{
        ladder_flags(r->flags, buf, n);
        if (d == LADDER_BRIEF)
                return;
        ladder_number(buf, n, "seq", r->rel_seq_known, r->rel_seq, r->seq, d == LADDER_ALL);
        if ((r->flags & ELKO_ACK) && d < LADDER_NO_ACK)
                ladder_number(buf, n, "ack", r->rel_ack_known, r->rel_ack, r->ack, d == LADDER_ALL);
        if (r->len > 0)
                ladder_add(buf, n, " len=%" PRIu32, r->len);
        if (!(r->flags & ELKO_RST) && d < LADDER_NO_WINDOW)
                ladder_add(buf, n, " win=%" PRIu32, r->wnd);
}

static bool ladder_is_control(const struct ladder_rec *r)
{
        return r->kind == LADDER_SEG && (r->flags & (ELKO_SYN | ELKO_FIN | ELKO_RST)) != 0;
}

static bool ladder_wants_numbers(const struct ladder_row *row)
{
        const struct ladder_rec *r = row->rec;

        if (r->kind == LADDER_SEG && ((r->flags & ELKO_ACK) && r->rel_ack_known && r->rel_ack < 0))
                return true; /* numbers of another connection */
        return ladder_is_control(r) || (r->kind == LADDER_SEG && row->step >= 0);
}

static enum ladder_colour ladder_colour_of(const struct ladder_row *row)
{
        if ((row->rec->flags & ELKO_RST) || row->part == LADDER_LOST)
                return LADDER_C_BAD;
        if (row->rec->flags & ELKO_FIN)
                return LADDER_C_CLOSE;
        return (row->rec->flags & ELKO_SYN) || (row->rec->marks & LADDER_M_ACK_SYN) ? LADDER_C_OPEN
                                                                                    : LADDER_C_NONE;
}

/* The body of an arrow, `cols` columns: two lines, the label, lines, and a head at one end or none.
 * */
static void ladder_put_body(struct ladder_pen *p, const char *label, unsigned cols,
                            const char *head, bool rightwards, enum ladder_colour colour)
{
        unsigned want = ladder_cols(label) + 2, rest;
        char text[LADDER_LINE_BYTES];

        rest = cols > want + 3 ? cols - want - 3 : 0;
        text[0] = '\0';
        ladder_add(text, sizeof text, "%s%s%s %s ", rightwards ? p->g->line : head, p->g->line,
                   rightwards ? "" : p->g->line, label);
        for (unsigned i = 0; i < rest; i++)
                ladder_add(text, sizeof text, "%s", p->g->line);
        ladder_add(text, sizeof text, "%s", rightwards ? head : "");
        ladder_put_colour(p, colour, text);
}

static void ladder_put_arrow(struct ladder_pen *p, const struct ladder_row *row)
{
        bool rightwards = row->rec->from == (uint8_t)p->s->client;
        unsigned gap = row->part == LADDER_WHOLE  ? 0
                       : row->part == LADDER_LOST ? p->arrow / 6
                                                  : ladder_cols(p->g->dots) + 2;
        bool gap_left = gap > 0 && rightwards == (row->part == LADDER_ARRIVE);
        const char *head = row->part == LADDER_LOST     ? p->g->lost
                           : row->part == LADDER_DEPART ? p->g->line
                           : rightwards                 ? p->g->right
                                                        : p->g->left;
        enum ladder_detail d =
                p->inline_numbers && ladder_wants_numbers(row) ? LADDER_ALL : LADDER_RELATIVE;
        unsigned body = p->arrow - gap, start = p->cols;
        char label[160];

        if (row->part == LADDER_ARRIVE)
                d = LADDER_NO_WINDOW;
        for (;; d++) {
                ladder_label(row->rec, d, label, sizeof label);
                if (ladder_cols(label) + (d < LADDER_NO_WINDOW ? 6 : 5) <= body ||
                    d == LADDER_BRIEF)
                        break;
        }
        if (gap_left) {
                ladder_put(p, row->part == LADDER_LOST ? "" : " ");
                ladder_put(p, row->part == LADDER_LOST ? "" : p->g->dots);
                ladder_pad(p, start + gap);
        }
        ladder_put_body(p, label, body, head, rightwards, ladder_colour_of(row));
        if (!gap_left && (row->part == LADDER_DEPART || row->part == LADDER_ARRIVE)) {
                ladder_put(p, " ");
                ladder_put(p, p->g->dots);
        }
        ladder_pad(p, start + p->arrow);
}

/* --- rows */

static void ladder_put_state(struct ladder_pen *p, int state, bool inferred, bool changed)
{
        char text[32];

        if (state == LADDER_UNKNOWN)
                snprintf(text, sizeof text, "?");
        else
                snprintf(text, sizeof text, "%s%s", elko_tcp_state_name((enum elko_tcp_state)state),
                         inferred ? "*" : "");
        ladder_put_colour(p,
                          inferred  ? LADDER_C_DIM
                          : changed ? LADDER_C_BOLD
                                    : LADDER_C_NONE,
                          text);
}

static unsigned ladder_col_left(const struct ladder_pen *p)
{
        return p->time + LADDER_STATE_COLS + 2; /* state, `*`, space */
}

/* Everything up to and with the left lifeline; `row` NULL: no time, no state. */
static void ladder_begin_row(struct ladder_pen *p, const struct ladder_row *row)
{
        int left = (int)p->s->client;
        char t[32];

        if (row) {
                ladder_ms(row->at - p->c->first_at, t, sizeof t);
                ladder_pad(p, p->time - 1 > strlen(t) ? p->time - 1 - (unsigned)strlen(t) : 0);
                ladder_put_colour(p, LADDER_C_DIM, t);
                ladder_pad(p, p->time);
                if (row->show[left])
                        ladder_put_state(p, row->state[left], ladder_inferred(p, left),
                                         row->state[left] != row->before[left]);
        }
        ladder_pad(p, ladder_col_left(p));
        ladder_put_colour(p, LADDER_C_DIM, p->g->bar);
}

/* The right lifeline and what is behind it. */
static void ladder_finish_row(struct ladder_pen *p, const struct ladder_row *row)
{
        int right = !p->s->client;
        unsigned col = ladder_col_left(p) + 1 + p->arrow;

        ladder_pad(p, col);
        ladder_put_colour(p, LADDER_C_DIM, p->g->bar);
        if (row) {
                ladder_put(p, " ");
                if (row->show[right])
                        ladder_put_state(p, row->state[right], ladder_inferred(p, right),
                                         row->state[right] != row->before[right]);
                ladder_pad(p, col + 2 + LADDER_STATE_COLS + 2);
                ladder_put_marks(p, row);
        }
        ladder_end_line(p);
}

/* One line between the lifelines, the first `n` bytes of a text. */
static void ladder_draw_between(struct ladder_pen *p, const struct ladder_row *row, unsigned indent,
                                const char *text, size_t n)
{
        char line[LADDER_LINE_BYTES];

        snprintf(line, sizeof line, "%.*s", (int)n, text);
        ladder_begin_row(p, row);
        ladder_repeat(p, " ", indent);
        ladder_put(p, line);
        ladder_finish_row(p, row);
}

/* A text between the lifelines, wrapped; `first` begins its first line. */
static void ladder_draw_below_text(struct ladder_pen *p, const char *first, const char *text)
{
        unsigned indent = ladder_cols(first) + 1;
        size_t skip;

        for (bool begun = false; *text; begun = true) {
                size_t n = ladder_wrap(text, p->arrow - indent - 1, &skip);
                char line[LADDER_LINE_BYTES];

                snprintf(line, sizeof line, "%s%.*s", begun ? "" : first, (int)n, text);
                ladder_draw_between(p, NULL, begun ? indent : 1, line, strlen(line));
                text += n + skip;
        }
}

static void ladder_options_text(const struct ladder_rec *r, char *buf, size_t n)
{
        buf[0] = '\0';
        if (r->options & ELKO_OPT_MSS)
                ladder_add(buf, n, "mss=%u ", (unsigned)r->mss);
        if (r->options & ELKO_OPT_SACK_PERMITTED)
                ladder_add(buf, n, "sackOK ");
        if (r->options & ELKO_OPT_TIMESTAMPS)
                ladder_add(buf, n, "ts ");
        if (r->options & ELKO_OPT_WSCALE)
                ladder_add(buf, n, "wscale=%u ", (unsigned)r->wscale);
        if (r->options & ELKO_OPT_FASTOPEN)
                ladder_add(buf, n, "fastopen ");
        if (r->options & ELKO_OPT_MPTCP)
                ladder_add(buf, n, "mptcp ");
}

/* Below an arrow: what is worth knowing and did not fit on it. */
static void ladder_draw_below(struct ladder_pen *p, const struct ladder_row *row)
{
        const struct ladder_rec *r = row->rec;
        char text[160] = "";

        if (row->part == LADDER_ARRIVE || !ladder_wants_numbers(row))
                return;
        if (!p->inline_numbers && r->rel_seq_known) {
                ladder_add(text, sizeof text, "seq %" PRIu32, r->seq);
                if (r->flags & ELKO_ACK)
                        ladder_add(text, sizeof text, ", ack %" PRIu32, r->ack);
                ladder_draw_below_text(p, "   ", text);
        }
        ladder_options_text(r, text, sizeof text);
        if ((r->flags & ELKO_SYN) && text[0])
                ladder_draw_below_text(p, "   ", text);
}

static void ladder_draw_fold_side(struct ladder_pen *p, const struct ladder_row *row, int end)
{
        const struct ladder_rec *r = row->rec;
        char text[160], n1[32], n2[32], first[16];

        if (r->segs[end] == 0)
                return;
        snprintf(first, sizeof first, "%s %s ", p->g->fold,
                 end == (int)p->s->client ? p->g->right : p->g->left);
        ladder_commas(r->segs[end], n1, sizeof n1);
        if (r->bytes[end] > 0)
                snprintf(text, sizeof text, "%s %s%s%s %s", n1,
                         ladder_count_word(p, r->segs[end], LADDER_W_SEGMENTS, LADDER_W_SEGMENT),
                         ladder_w(p, LADDER_W_COMMA), ladder_commas(r->bytes[end], n2, sizeof n2),
                         ladder_count_word(p, r->bytes[end], LADDER_W_BYTES, LADDER_W_BYTE));
        else
                snprintf(text, sizeof text, "%s %s", n1,
                         ladder_count_word(p, r->segs[end], LADDER_W_ACKS, LADDER_W_ACK1));
        ladder_draw_below_text(p, first, text);
}

static void ladder_draw_fold(struct ladder_pen *p, const struct ladder_row *row)
{
        const struct ladder_rec *r = row->rec;
        char text[160] = "", first[16], span[32], n[32];

        ladder_draw_fold_side(p, row, (int)p->s->client);
        ladder_draw_fold_side(p, row, !p->s->client);
        snprintf(first, sizeof first, "%s ", p->g->fold);
        ladder_add(text, sizeof text, "%s", ladder_span(r->until - r->at, span, sizeof span));
        if (r->retrans)
                ladder_add(text, sizeof text, "%s%s %s", ladder_w(p, LADDER_W_COMMA),
                           ladder_commas(r->retrans, n, sizeof n), ladder_w(p, LADDER_W_RETRANS));
        if (r->dropped)
                ladder_add(text, sizeof text, "%s%s %s", ladder_w(p, LADDER_W_COMMA),
                           ladder_commas(r->dropped, n, sizeof n), ladder_w(p, LADDER_W_DROPPED));
        if (r->until > r->at || r->retrans || r->dropped)
                ladder_draw_below_text(p, first, text);
}

static void ladder_draw_state_row(struct ladder_pen *p, const struct ladder_row *row)
{
        char text[160] = "";
        const char *title = row->remark[0] >= 0
                                    ? ladder_sit_title(p->o->lang, p->s->note[row->remark[0]].sit)
                                    : row->rec->cause;
        unsigned cols;
        size_t n;

        if (title && title[0])
                ladder_add(text, sizeof text, "%s %s %s", p->g->dot, title, p->g->dot);
        n = ladder_fit(text, p->arrow);
        cols = ladder_cols(text);
        ladder_draw_between(p, row, cols < p->arrow ? (p->arrow - cols) / 2 : 0, text, n);
}

static void ladder_draw_row(struct ladder_pen *p, const struct ladder_row *row)
{
        if (row->rec->kind == LADDER_FOLD) {
                ladder_draw_fold(p, row);
        } else if (row->rec->kind == LADDER_STATE) {
                ladder_draw_state_row(p, row);
        } else {
                ladder_begin_row(p, row);
                ladder_put_arrow(p, row);
                ladder_finish_row(p, row);
                ladder_draw_below(p, row);
        }
}

/* --- heading, sections, summary */

static const char *ladder_name(const struct ladder_pen *p, int end)
{
        const char *name = end == (int)LADDER_NEAR ? p->o->name : p->o->peer_name;

        if (name)
                return name;
        return end == (int)LADDER_NEAR || p->c->both ? "elko" : "peer";
}

static void ladder_who(const struct ladder_pen *p, int end, char *buf, size_t n)
{
        const char *name = ladder_name(p, end), *side = ladder_side(p, end, LADDER_W_CLIENT);
        char e[80];

        snprintf(buf, n, "%s %s", name, ladder_end_text(&p->c->end[end], e, sizeof e));
        if (strcmp(name, side) != 0)
                ladder_add(buf, n, "%s%s%s", ladder_w(p, LADDER_W_PAREN_OPEN), side,
                           ladder_w(p, LADDER_W_PAREN_CLOSE));
        if (ladder_inferred(p, end))
                ladder_add(buf, n, " *");
}

static void ladder_draw_heading(struct ladder_pen *p, unsigned number)
{
        char left[160], right[160];
        unsigned at, cols;

        ladder_who(p, (int)p->s->client, left, sizeof left);
        ladder_who(p, !p->s->client, right, sizeof right);
        ladder_putf(p, "%s %u", ladder_w(p, LADDER_W_CONNECTION), number);
        ladder_end_line(p);
        ladder_end_line(p);
        ladder_pad(p, p->time);
        ladder_put_colour(p, LADDER_C_BOLD, left);
        at = ladder_col_left(p) + p->arrow + 3;
        cols = ladder_cols(right);
        if (at + cols > p->width)
                at = p->width > cols ? p->width - cols : 0;
        if (at < p->cols + 2)
                ladder_end_line(p);
        ladder_pad(p, at);
        ladder_put_colour(p, LADDER_C_BOLD, right);
        ladder_end_line(p);
}

static void ladder_draw_first(struct ladder_pen *p)
{
        struct ladder_row row = {.state = {p->s->first[0], p->s->first[1]},
                                 .before = {p->s->first[0], p->s->first[1]},
                                 .show = {true, true},
                                 .at = p->c->first_at,
                                 .step = -1,
                                 .remark = {-1, -1, -1}};

        ladder_begin_row(p, &row);
        ladder_finish_row(p, &row);
}

static void ladder_draw_section(struct ladder_pen *p, enum ladder_section section)
{
        const char *rfc = ladder_sit_rfc(p->s->title[section]);
        char place[80] = "";
        bool any = false;

        for (size_t i = 0; i < p->s->nrow; i++) {
                if (p->s->row[i].section != section)
                        continue;
                if (!any) {
                        ladder_end_line(p);
                        ladder_put_colour(p, LADDER_C_TITLE,
                                          ladder_sit_title(p->o->lang, p->s->title[section]));
                        ladder_add_rfc(p, rfc, place, sizeof place);
                        ladder_put(p, place);
                        ladder_end_line(p);
                        ladder_end_line(p);
                        if (i == 0)
                                ladder_draw_first(p);
                }
                any = true;
                ladder_draw_row(p, &p->s->row[i]);
        }
        if (any)
                ladder_draw_notes(p, section);
}

static void ladder_draw_legend(struct ladder_pen *p)
{
        if (p->s->far_inferred || p->s->lost || p->s->crossed)
                ladder_end_line(p);
        if (p->s->far_inferred) {
                ladder_put(p, "  *");
                ladder_draw_wrapped(p, LADDER_NOTE_INDENT, ladder_w(p, LADDER_W_INFERRED));
        }
        if (p->s->lost) {
                ladder_putf(p, "  %s", p->g->lost);
                ladder_draw_wrapped(
                        p, LADDER_NOTE_INDENT,
                        ladder_w(p, p->c->both ? LADDER_W_LEGEND_LOST_SURE : LADDER_W_LEGEND_LOST));
        }
        if (p->s->crossed) {
                ladder_putf(p, "  %s", p->g->dots);
                ladder_draw_wrapped(p, p->o->ascii ? LADDER_NOTE_INDENT + 2 : LADDER_NOTE_INDENT,
                                    ladder_w(p, LADDER_W_LEGEND_CROSS));
        }
}

/* --- layout */

static unsigned ladder_clamp_width(unsigned w)
{
        if (w == 0)
                return LADDER_WIDTH_DEFAULT;
        return w < LADDER_WIDTH_MIN   ? LADDER_WIDTH_MIN
               : w > LADDER_WIDTH_MAX ? LADDER_WIDTH_MAX
                                      : w;
}

static void ladder_lay_out(struct ladder_pen *p)
{
        char t[32];
        size_t longest = strlen(ladder_ms(p->c->last_at - p->c->first_at, t, sizeof t));
        unsigned fixed;

        p->width = ladder_clamp_width(p->o->width);
        p->time = (unsigned)(longest > 8 ? longest : 8) + 2;
        p->titles = p->width >= LADDER_TITLE_FROM;
        p->title = (unsigned)(p->titles ? LADDER_TITLE_COLS : LADDER_MARK_COLS) +
                   (p->o->ascii ? LADDER_ASCII_MARK_COLS : 0u);
        fixed = ladder_col_left(p) + 1 + 1 + 1 + LADDER_STATE_COLS + 2 + p->title;
        p->arrow = p->width > fixed + 24 ? p->width - fixed : 24;
        p->inline_numbers = true;
        for (size_t i = 0; i < p->s->nrow; i++) {
                char label[160];

                if (!ladder_wants_numbers(&p->s->row[i]))
                        continue;
                ladder_label(p->s->row[i].rec, LADDER_ALL, label, sizeof label);
                if (ladder_cols(label) + 6 > p->arrow)
                        p->inline_numbers = false;
        }
}

void ladder_draw(const struct ladder_options *o, const struct ladder_conn *c, unsigned number,
                 FILE *out)
{
        struct ladder_story s;
        struct ladder_pen p = {
                .o = o, .c = c, .s = &s, .g = ladder_glyphs_for(o->ascii), .out = out};

        if (!ladder_story_make(&s, c))
                return;
        ladder_lay_out(&p);
        ladder_draw_heading(&p, number);
        for (enum ladder_section i = 0; i < LADDER_SECTIONS; i++)
                ladder_draw_section(&p, i);
        ladder_draw_legend(&p);
        ladder_draw_summary(&p);
        ladder_end_line(&p);
        ladder_story_free(&s);
}

void ladder_draw_rest(const struct ladder_options *o, size_t drawn, uint64_t more, FILE *out)
{
        char n[32];

        if (drawn == 0)
                fprintf(out, "%s\n", ladder_word(o->lang, LADDER_W_NOTHING));
        if (more > 0)
                fprintf(out, "+ %s %s\n", ladder_commas(more, n, sizeof n),
                        ladder_word(o->lang, LADDER_W_MORE));
}
