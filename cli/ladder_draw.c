/* SPDX-License-Identifier: MIT */

/*
 * Theory. A line is built piece by piece in a buffer that counts columns of the display, not bytes
 * (ladder_width.h), so that Chinese text and escape sequences keep the lifelines straight. Every glyph
 * that is not ASCII comes from one table with an ASCII twin.
 *
 * The arrow is a stretch of `arrow` columns between the two lifelines. Its label is the longest of a
 * few candidates that fits: with absolute numbers, without, without the window. What did not fit on an
 * arrow that opens or closes stands on the line below it.
 */

#include "ladder_draw.h"
#include "ladder_story.h"
#include "ladder_width.h"

#include <inttypes.h>
#include <stdarg.h>

enum ladder_draw_limits {
        LADDER_WIDTH_DEFAULT = 110,
        LADDER_WIDTH_MIN = 72,
        LADDER_WIDTH_MAX = 240,
        LADDER_STATE_COLS = 12,    /* "SYN-RECEIVED" */
        LADDER_TITLE_COLS = 22,    /* mark, space, title */
        LADDER_TITLE_FROM = 100,   /* narrower pictures have marks only */
        LADDER_MARK_COLS = 5,
        LADDER_NOTE_INDENT = 5,
        LADDER_LINE_BYTES = 4 * LADDER_WIDTH_MAX + 1024,
        LADDER_TEXT_BYTES = 4096,
};

struct ladder_glyphs {
        const char *line, *right, *left, *bar, *lost, *dots, *fold, *dot, *to;
};

static const struct ladder_glyphs ladder_utf8 = {
        "─", "▶", "◀", "│", "✕", "…", "⋮", "·", "→",
};
static const struct ladder_glyphs ladder_ascii = {"-", ">", "<", "|", "X", "...", ":", "-", "->"};

enum ladder_colour {
        LADDER_C_NONE,
        LADDER_C_DIM,
        LADDER_C_BOLD,
        LADDER_C_OPEN,
        LADDER_C_CLOSE,
        LADDER_C_BAD,
        LADDER_C_TITLE,
};

static const char *const ladder_escape[] = {"", "\033[2m", "\033[1m", "\033[32m",
                                            "\033[33m", "\033[31m", "\033[1;36m"};

struct ladder_pen {
        const struct ladder_options *o;
        const struct ladder_conn *c;
        const struct ladder_story *s;
        const struct ladder_glyphs *g;
        FILE *out;
        unsigned width, time, arrow, title; /* columns */
        bool inline_numbers;                /* absolute numbers fit on the arrows */
        char buf[LADDER_LINE_BYTES];
        size_t n;
        unsigned cols;
};

/* --- one line */

static void ladder_raw(struct ladder_pen *p, const char *s, size_t n)
{
        if (p->n + n < sizeof p->buf) {
                memcpy(p->buf + p->n, s, n);
                p->n += n;
        }
}

static void ladder_put(struct ladder_pen *p, const char *s)
{
        ladder_raw(p, s, strlen(s));
        p->cols += ladder_cols(s);
}

static void ladder_put_colour(struct ladder_pen *p, enum ladder_colour c, const char *s)
{
        if (!p->o->colour || c == LADDER_C_NONE) {
                ladder_put(p, s);
                return;
        }
        ladder_raw(p, ladder_escape[c], strlen(ladder_escape[c]));
        ladder_put(p, s);
        ladder_raw(p, "\033[0m", 4);
}

static void ladder_repeat(struct ladder_pen *p, const char *s, unsigned n)
{
        while (n-- > 0)
                ladder_put(p, s);
}

static void ladder_pad(struct ladder_pen *p, unsigned to)
{
        if (to > p->cols)
                ladder_repeat(p, " ", to - p->cols);
}

static void ladder_end_line(struct ladder_pen *p)
{
        while (p->n > 0 && p->buf[p->n - 1] == ' ')
                p->n--;
        fwrite(p->buf, 1, p->n, p->out);
        fputc('\n', p->out);
        p->n = 0;
        p->cols = 0;
}

__attribute__((format(printf, 2, 3))) static void ladder_putf(struct ladder_pen *p, const char *f, ...)
{
        char text[512];
        va_list ap;

        va_start(ap, f);
        vsnprintf(text, sizeof text, f, ap);
        va_end(ap);
        ladder_put(p, text);
}

/* --- words and numbers */

static const char *ladder_w(const struct ladder_pen *p, enum ladder_word w)
{
        return ladder_word(p->o->lang, w);
}

/* "segment" or "segments". */
static const char *ladder_count_word(const struct ladder_pen *p, uint64_t n, enum ladder_word many,
                                     enum ladder_word one)
{
        return ladder_w(p, n == 1 ? one : many);
}

/* Appends to a text of `n` bytes. */
__attribute__((format(printf, 3, 4))) static void ladder_add(char *buf, size_t n, const char *f, ...)
{
        size_t at = strlen(buf);
        va_list ap;

        va_start(ap, f);
        vsnprintf(buf + at, n - at, f, ap);
        va_end(ap);
}

/* 104,857,600 */
static const char *ladder_commas(uint64_t v, char *buf, size_t n)
{
        char digits[24];
        int len = snprintf(digits, sizeof digits, "%" PRIu64, v);

        buf[0] = '\0';
        for (int i = 0; i < len; i++)
                ladder_add(buf, n, "%s%c", i > 0 && (len - i) % 3 == 0 ? "," : "", digits[i]);
        return buf;
}

/* Milliseconds with three decimals. */
static const char *ladder_ms(uint64_t ns, char *buf, size_t n)
{
        snprintf(buf, n, "%" PRIu64 ".%03u", ns / 1000000u, (unsigned)(ns / 1000u % 1000u));
        return buf;
}

/* A span that a reader takes in at once: "41.2 ms", "2.41 s". */
static const char *ladder_span(uint64_t ns, char *buf, size_t n)
{
        if (ns < 1000000u)
                snprintf(buf, n, "%u us", (unsigned)(ns / 1000u));
        else if (ns < 1000000000u)
                snprintf(buf, n, "%u.%u ms", (unsigned)(ns / 1000000u), (unsigned)(ns / 100000u % 10u));
        else if (ns < 100000000000u)
                snprintf(buf, n, "%u.%02u s", (unsigned)(ns / 1000000000u),
                         (unsigned)(ns / 10000000u % 100u));
        else
                snprintf(buf, n, "%" PRIu64 " s", ns / 1000000000u);
        return buf;
}

static const char *ladder_end_text(const elko_endpoint *e, char *buf, size_t n)
{
        char ip[ELKO_IP_TEXT];

        elko_ip_format(&e->ip, ip);
        snprintf(buf, n, elko_ip_is_v4(&e->ip) ? "%s:%u" : "[%s]:%u", ip, (unsigned)e->port);
        return buf;
}

static void ladder_flags(uint16_t flags, char *buf, size_t n)
{
        static const struct {
                uint16_t bit;
                const char *name;
        } names[] = {{ELKO_SYN, "SYN"}, {ELKO_FIN, "FIN"}, {ELKO_RST, "RST"}, {ELKO_PSH, "PSH"},
                     {ELKO_ACK, "ACK"}, {ELKO_URG, "URG"}, {ELKO_ECE, "ECE"}, {ELKO_CWR, "CWR"},
                     {ELKO_AE, "AE"}};

        buf[0] = '\0';
        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
                if (flags & names[i].bit)
                        ladder_add(buf, n, "%s%s", buf[0] ? "+" : "", names[i].name);
        if (!buf[0])
                ladder_add(buf, n, "(no flags)");
}

static const char *ladder_side(const struct ladder_pen *p, int end, enum ladder_word client)
{
        int off = end == (int)p->s->client ? 0 : 1;

        return ladder_w(p, (enum ladder_word)((int)client + off));
}

/* --- marks: numbers of steps, letters of remarks */

static void ladder_mark_text(const struct ladder_pen *p, const struct ladder_note *note, char *buf,
                             size_t n)
{
        buf[0] = '\0';
        for (unsigned k = note->step; note->step && k <= note->step_to; k++) {
                if (p->o->ascii || k > 20)
                        ladder_add(buf, n, "(%u)", k);
                else /* U+2460, circled digit one */
                        ladder_add(buf, n, "\xe2\x91%c", (char)(0xa0 + (int)k - 1));
        }
        if (note->step)
                return;
        if (p->o->ascii || note->letter >= 26)
                ladder_add(buf, n, note->letter < 26 ? "(%c)" : "(+)", (char)('a' + (int)note->letter));
        else /* U+24D0, circled small a */
                ladder_add(buf, n, "\xe2\x93%c", (char)(0x90 + (int)note->letter));
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
        if (p->title == LADDER_TITLE_COLS && title[0] && p->cols < p->width) {
                ladder_put(p, " ");
                ladder_raw(p, title, ladder_fit(title, p->width - p->cols));
        }
}

/* --- arrows */

enum ladder_detail { LADDER_ALL, LADDER_RELATIVE, LADDER_NO_WINDOW, LADDER_NO_ACK, LADDER_BRIEF };

static void ladder_number(char *buf, size_t n, const char *name, bool known, int64_t rel, uint32_t abs,
                          bool both)
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

/* The body of an arrow, `cols` columns: two lines, the label, lines, and a head at one end or none. */
static void ladder_put_body(struct ladder_pen *p, const char *label, unsigned cols, const char *head,
                            bool rightwards, enum ladder_colour colour)
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
        enum ladder_detail d = p->inline_numbers && ladder_wants_numbers(row) ? LADDER_ALL : LADDER_RELATIVE;
        unsigned body = p->arrow - gap, start = p->cols;
        char label[160];

        if (row->part == LADDER_ARRIVE)
                d = LADDER_NO_WINDOW;
        for (;; d++) {
                ladder_label(row->rec, d, label, sizeof label);
                if (ladder_cols(label) + 5 <= body || d == LADDER_BRIEF)
                        break;
        }
        if (gap_left) {
                ladder_put(p, row->part == LADDER_LOST ? "" : " ");
                ladder_put(p, row->part == LADDER_LOST ? "" : p->g->dots);
                ladder_pad(p, start + gap);
        }
        ladder_put_body(p, label, body, head, rightwards, ladder_colour_of(row));
        if (!gap_left && row->part == LADDER_DEPART) {
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
        ladder_put_colour(p, inferred ? LADDER_C_DIM : changed ? LADDER_C_BOLD : LADDER_C_NONE, text);
}

static bool ladder_inferred(const struct ladder_pen *p, int end)
{
        return end == (int)LADDER_FAR && p->s->far_inferred;
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

/* A text between the lifelines, cut to fit. */
static void ladder_draw_between(struct ladder_pen *p, const struct ladder_row *row, const char *text,
                                bool centred)
{
        unsigned cols = ladder_cols(text), room = p->arrow;

        ladder_begin_row(p, row);
        if (centred && cols < room)
                ladder_repeat(p, " ", (room - cols) / 2);
        ladder_put(p, " ");
        if (cols + 1 > room) {
                char cut[LADDER_LINE_BYTES];

                snprintf(cut, sizeof cut, "%.*s", (int)ladder_fit(text, room - 1), text);
                ladder_put(p, cut);
        } else {
                ladder_put(p, text);
        }
        ladder_finish_row(p, row);
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
        char text[160] = "   ", options[96];

        if (row->part == LADDER_ARRIVE || !ladder_wants_numbers(row))
                return;
        if (!p->inline_numbers && r->rel_seq_known) {
                ladder_add(text, sizeof text, "seq %" PRIu32, r->seq);
                if (r->flags & ELKO_ACK)
                        ladder_add(text, sizeof text, ", ack %" PRIu32, r->ack);
                ladder_draw_between(p, NULL, text, false);
        }
        ladder_options_text(r, options, sizeof options);
        if ((r->flags & ELKO_SYN) && options[0]) {
                snprintf(text, sizeof text, "   %s", options);
                ladder_draw_between(p, NULL, text, false);
        }
}

static void ladder_draw_fold_side(struct ladder_pen *p, const struct ladder_row *row, int end)
{
        const struct ladder_rec *r = row->rec;
        char text[160], n1[32], n2[32];
        const char *way = end == (int)p->s->client ? p->g->right : p->g->left;

        if (r->segs[end] == 0)
                return;
        ladder_commas(r->segs[end], n1, sizeof n1);
        if (r->bytes[end] > 0)
                snprintf(text, sizeof text, "%s %s %s %s%s%s %s", p->g->fold, way, n1,
                         ladder_count_word(p, r->segs[end], LADDER_W_SEGMENTS, LADDER_W_SEGMENT),
                         ladder_w(p, LADDER_W_COMMA), ladder_commas(r->bytes[end], n2, sizeof n2),
                         ladder_count_word(p, r->bytes[end], LADDER_W_BYTES, LADDER_W_BYTE));
        else
                snprintf(text, sizeof text, "%s %s %s %s", p->g->fold, way, n1,
                         ladder_count_word(p, r->segs[end], LADDER_W_ACKS, LADDER_W_ACK1));
        ladder_draw_between(p, NULL, text, false);
}

static void ladder_draw_fold(struct ladder_pen *p, const struct ladder_row *row)
{
        const struct ladder_rec *r = row->rec;
        char text[160] = "", span[32], n[32];

        ladder_draw_fold_side(p, row, (int)p->s->client);
        ladder_draw_fold_side(p, row, !p->s->client);
        ladder_add(text, sizeof text, "%s %s", p->g->fold, ladder_span(r->until - r->at, span, sizeof span));
        if (r->retrans)
                ladder_add(text, sizeof text, "%s%s %s", ladder_w(p, LADDER_W_COMMA),
                           ladder_commas(r->retrans, n, sizeof n), ladder_w(p, LADDER_W_RETRANS));
        if (r->dropped)
                ladder_add(text, sizeof text, "%s%s %s", ladder_w(p, LADDER_W_COMMA),
                           ladder_commas(r->dropped, n, sizeof n), ladder_w(p, LADDER_W_DROPPED));
        ladder_draw_between(p, NULL, text, false);
}

static void ladder_draw_state_row(struct ladder_pen *p, const struct ladder_row *row)
{
        char text[160] = "";
        const char *title = row->remark[0] >= 0
                                    ? ladder_sit_title(p->o->lang, p->s->note[row->remark[0]].sit)
                                    : row->rec->cause;

        if (title && title[0])
                ladder_add(text, sizeof text, "%s %s %s", p->g->dot, title, p->g->dot);
        ladder_draw_between(p, row, text, true);
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

/* --- explanations */

static void ladder_draw_wrapped(struct ladder_pen *p, unsigned indent, const char *text)
{
        size_t skip;

        while (*text) {
                size_t n = ladder_wrap(text, p->width - indent, &skip);

                ladder_pad(p, indent);
                for (size_t i = 0, m; i < n; i += m) { /* byte by byte would miscount columns */
                        uint32_t cp;

                        m = ladder_utf8_next(text + i, &cp);
                        ladder_raw(p, text + i, m);
                        p->cols += ladder_cp_cols(cp);
                }
                ladder_end_line(p);
                text += n + skip;
        }
}

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
        const char *cause = (r->marks & LADDER_M_DROPPED) ? elko_drop_text((enum elko_drop)r->drop)
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
        ladder_expand(ladder_sit_text(p->o->lang, note->sit), var, sizeof var / sizeof var[0], buf, n);
        if (strcmp(ladder_sit_rfc(note->sit), ladder_sit_rfc(p->s->title[note->section])) != 0)
                ladder_add(buf, n, "%sRFC %s%s", ladder_w(p, LADDER_W_PAREN_OPEN),
                           ladder_sit_rfc(note->sit), ladder_w(p, LADDER_W_PAREN_CLOSE));
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
static void ladder_draw_notes(struct ladder_pen *p, enum ladder_section section)
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
        char e[80];

        snprintf(buf, n, "%s%s%s%s%s", ladder_name(p, end), " ",
                 ladder_end_text(&p->c->end[end], e, sizeof e), ladder_w(p, LADDER_W_PAREN_OPEN),
                 ladder_side(p, end, LADDER_W_CLIENT));
        ladder_add(buf, n, "%s%s", ladder_w(p, LADDER_W_PAREN_CLOSE), ladder_inferred(p, end) ? " *" : "");
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
        bool any = false;

        for (size_t i = 0; i < p->s->nrow; i++) {
                if (p->s->row[i].section != section)
                        continue;
                if (!any) {
                        ladder_end_line(p);
                        ladder_put_colour(p, LADDER_C_TITLE,
                                          ladder_sit_title(p->o->lang, p->s->title[section]));
                        ladder_putf(p, "%sRFC %s%s", ladder_w(p, LADDER_W_PAREN_OPEN), rfc,
                                    ladder_w(p, LADDER_W_PAREN_CLOSE));
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
                ladder_draw_wrapped(p, LADDER_NOTE_INDENT,
                                    ladder_w(p, p->c->both ? LADDER_W_LEGEND_LOST_SURE
                                                           : LADDER_W_LEGEND_LOST));
        }
        if (p->s->crossed) {
                ladder_putf(p, "  %s", p->g->dots);
                ladder_draw_wrapped(p, p->o->ascii ? LADDER_NOTE_INDENT + 2 : LADDER_NOTE_INDENT,
                                    ladder_w(p, LADDER_W_LEGEND_CROSS));
        }
}

/* A line of the summary: name, value. */
static void ladder_draw_fact(struct ladder_pen *p, const char *name, const char *value)
{
        ladder_put(p, "  ");
        ladder_put_colour(p, LADDER_C_DIM, name);
        ladder_draw_wrapped(p, 18, value);
}

static void ladder_fact_opened(struct ladder_pen *p)
{
        char text[200] = "", span[32];

        if (p->s->opener < 0)
                ladder_add(text, sizeof text, "%s", ladder_w(p, LADDER_W_OPENED_BEFORE));
        else if (p->s->opener == 2)
                ladder_add(text, sizeof text, "%s", ladder_w(p, LADDER_W_OPENED_BOTH));
        else
                ladder_add(text, sizeof text, "%s", ladder_side(p, p->s->opener, LADDER_W_THE_CLIENT));
        if (p->c->handshake_ns && p->s->opener >= 0)
                ladder_add(text, sizeof text, "%s%s %s", ladder_w(p, LADDER_W_COMMA),
                           ladder_w(p, LADDER_W_OPENED_IN),
                           ladder_span(p->c->handshake_ns, span, sizeof span));
        ladder_draw_fact(p, ladder_w(p, LADDER_W_OPENED), text);
}

static void ladder_fact_closed(struct ladder_pen *p)
{
        const char *who = p->s->closer == 2 ? ladder_w(p, LADDER_W_CLOSED_BOTH)
                          : p->s->closer >= 0
                                  ? ladder_side(p, p->s->closer, LADDER_W_THE_CLIENT)
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
                         ladder_span(p->c->last_at - p->c->first_at, span, sizeof span));
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
                           ladder_w(p, LADDER_W_WSCALE), (unsigned)cl->wscale, (unsigned)sv->wscale);
        if (common & ELKO_OPT_SACK_PERMITTED)
                ladder_add(text, sizeof text, "%s%s", text[0] ? comma : "", ladder_w(p, LADDER_W_SACK));
        if (common & ELKO_OPT_TIMESTAMPS)
                ladder_add(text, sizeof text, "%s%s", text[0] ? comma : "", ladder_w(p, LADDER_W_TS));
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
        if (p->s->title[LADDER_OPENING] == LADDER_SIT_SEC_NONE && p->s->nrow > 0
            && p->s->row[0].section == LADDER_OPENING)
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
        uint64_t until = near && p->c->closed_at != ELKO_NEVER && p->c->closed_at > from
                                 ? p->c->closed_at
                         : (near || p->c->both) && p->o->time_wait_ns ? from + p->o->time_wait_ns
                                                                      : ELKO_NEVER;

        if (from == ELKO_NEVER)
                return;
        ladder_add(text, sizeof text, "%s%s%s %s ms%s", ladder_side(p, end, LADDER_W_THE_CLIENT),
                   ladder_w(p, LADDER_W_COMMA), ladder_w(p, LADDER_W_TW_FROM),
                   ladder_ms(from - p->c->first_at, t, sizeof t), ladder_inferred(p, end) ? " *" : "");
        if (until != ELKO_NEVER)
                ladder_add(text, sizeof text, "%s%s %s ms%s2 MSL = %s%s", ladder_w(p, LADDER_W_COMMA),
                           ladder_w(p, near && p->c->closed_at != ELKO_NEVER ? LADDER_W_TW_OVER
                                                                             : LADDER_W_TW_UNTIL),
                           ladder_ms(until - p->c->first_at, u, sizeof u),
                           ladder_w(p, LADDER_W_PAREN_OPEN),
                           ladder_span(until - from, span, sizeof span),
                           ladder_w(p, LADDER_W_PAREN_CLOSE));
        ladder_draw_fact(p, "TIME-WAIT", text);
}

static void ladder_draw_summary(struct ladder_pen *p)
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
                ladder_add(text, sizeof text, "%s%s%s", ladder_w(p, LADDER_W_PAREN_OPEN), p->c->cause,
                           ladder_w(p, LADDER_W_PAREN_CLOSE));
        ladder_draw_fact(p, ladder_w(p, LADDER_W_END), text);
        ladder_fact_time_wait(p, LADDER_NEAR, p->c->time_wait_at[LADDER_NEAR]);
        ladder_fact_time_wait(p, LADDER_FAR, ladder_far_time_wait(p));
        if (p->c->forgotten) {
                snprintf(text, sizeof text, "%s %s", ladder_commas(p->c->forgotten, n, sizeof n),
                         ladder_w(p, LADDER_W_FORGOTTEN));
                ladder_draw_fact(p, "", text);
        }
}

/* --- layout */

static unsigned ladder_clamp_width(unsigned w)
{
        if (w == 0)
                return LADDER_WIDTH_DEFAULT;
        return w < LADDER_WIDTH_MIN ? LADDER_WIDTH_MIN : w > LADDER_WIDTH_MAX ? LADDER_WIDTH_MAX : w;
}

static void ladder_lay_out(struct ladder_pen *p)
{
        char t[32];
        size_t longest = strlen(ladder_ms(p->c->last_at - p->c->first_at, t, sizeof t));
        unsigned fixed;

        p->width = ladder_clamp_width(p->o->width);
        p->time = (unsigned)(longest > 8 ? longest : 8) + 2;
        p->title = p->width >= LADDER_TITLE_FROM ? LADDER_TITLE_COLS : LADDER_MARK_COLS;
        fixed = ladder_col_left(p) + 1 + 1 + 1 + LADDER_STATE_COLS + 2 + p->title;
        p->arrow = p->width > fixed + 24 ? p->width - fixed : 24;
        p->inline_numbers = true;
        for (size_t i = 0; i < p->s->nrow; i++) {
                char label[160];

                if (!ladder_wants_numbers(&p->s->row[i]))
                        continue;
                ladder_label(p->s->row[i].rec, LADDER_ALL, label, sizeof label);
                if (ladder_cols(label) + 5 > p->arrow)
                        p->inline_numbers = false;
        }
}

void ladder_draw(const struct ladder_options *o, const struct ladder_conn *c, unsigned number, FILE *out)
{
        struct ladder_story s;
        struct ladder_pen p = {
                .o = o, .c = c, .s = &s, .g = o->ascii ? &ladder_ascii : &ladder_utf8, .out = out};

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
