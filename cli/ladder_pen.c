/* SPDX-License-Identifier: MIT */

/*
 * Theory. A line is built piece by piece in a buffer that counts columns of the display, not bytes
 * (ladder_width.h), so that Chinese text and escape sequences keep the lifelines straight. Every
 * glyph that is not ASCII comes from one table with an ASCII twin.
 */

#include "ladder_pen.h"
#include "ladder_width.h"

#include <inttypes.h>
#include <stdarg.h>

static const struct ladder_glyphs ladder_glyphs_utf8 = {
        "─", "▶", "◀", "│", "✕", "…", "⋮", "·", "→",
};

static const struct ladder_glyphs ladder_glyphs_ascii = {
        "-", ">", "<", "|", "X", "...", ":", "-", "->",
};

static const char *const ladder_escape[] = {
        "", "\033[2m", "\033[1m", "\033[32m", "\033[33m", "\033[31m", "\033[1;36m",
};

const struct ladder_glyphs *ladder_glyphs_for(bool ascii)
{
        return ascii ? &ladder_glyphs_ascii : &ladder_glyphs_utf8;
}

void ladder_raw(struct ladder_pen *p, const char *s, size_t n)
{
        if (p->n + n < sizeof p->buf) {
                memcpy(p->buf + p->n, s, n);
                p->n += n;
        }
}

void ladder_put(struct ladder_pen *p, const char *s)
{
        ladder_raw(p, s, strlen(s));
        p->cols += ladder_cols(s);
}

void ladder_put_colour(struct ladder_pen *p, enum ladder_colour c, const char *s)
{
        if (!p->o->colour || c == LADDER_C_NONE) {
                ladder_put(p, s);
                return;
        }
        ladder_raw(p, ladder_escape[c], strlen(ladder_escape[c]));
        ladder_put(p, s);
        ladder_raw(p, "\033[0m", 4);
}

void ladder_repeat(struct ladder_pen *p, const char *s, unsigned n)
{
        while (n-- > 0)
                ladder_put(p, s);
}

void ladder_pad(struct ladder_pen *p, unsigned to)
{
        if (to > p->cols)
                ladder_repeat(p, " ", to - p->cols);
}

void ladder_end_line(struct ladder_pen *p)
{
        while (p->n > 0 && p->buf[p->n - 1] == ' ')
                p->n--;
        fwrite(p->buf, 1, p->n, p->out);
        fputc('\n', p->out);
        p->n = 0;
        p->cols = 0;
}

void ladder_putf(struct ladder_pen *p, const char *f, ...)
{
        char text[512];
        va_list ap;

        va_start(ap, f);
        vsnprintf(text, sizeof text, f, ap);
        va_end(ap);
        ladder_put(p, text);
}

const char *ladder_w(const struct ladder_pen *p, enum ladder_word w)
{
        return ladder_word(p->o->lang, w);
}

/* "segment" or "segments". */
const char *ladder_count_word(const struct ladder_pen *p, uint64_t n, enum ladder_word many,
                              enum ladder_word one)
{
        return ladder_w(p, n == 1 ? one : many);
}

/* Appends to a text of `n` bytes. */
void ladder_add(char *buf, size_t n, const char *f, ...)
{
        size_t at = strlen(buf);
        va_list ap;

        va_start(ap, f);
        vsnprintf(buf + at, n - at, f, ap);
        va_end(ap);
}

/* 104,857,600 */
const char *ladder_commas(uint64_t v, char *buf, size_t n)
{
        char digits[24];
        int len = snprintf(digits, sizeof digits, "%" PRIu64, v);

        buf[0] = '\0';
        for (int i = 0; i < len; i++)
                ladder_add(buf, n, "%s%c", i > 0 && (len - i) % 3 == 0 ? "," : "", digits[i]);
        return buf;
}

/* Milliseconds with three decimals. */
const char *ladder_ms(uint64_t ns, char *buf, size_t n)
{
        snprintf(buf, n, "%" PRIu64 ".%03u", ns / 1000000u, (unsigned)(ns / 1000u % 1000u));
        return buf;
}

/* A span that a reader takes in at once: "41.2 ms", "2.41 s", "60 s". */
const char *ladder_span(uint64_t ns, char *buf, size_t n)
{
        uint64_t s = ns / 1000000000u, ms = ns / 1000000u;
        unsigned tenths = (unsigned)(ns / 100000u % 10u),
                 hundredths = (unsigned)(ns / 10000000u % 100u);

        if (ms == 0)
                snprintf(buf, n, "%u us", (unsigned)(ns / 1000u));
        else if (s == 0)
                snprintf(buf, n, tenths ? "%u.%u ms" : "%u ms", (unsigned)ms, tenths);
        else
                snprintf(buf, n, hundredths && s < 100 ? "%" PRIu64 ".%02u s" : "%" PRIu64 " s", s,
                         hundredths);
        return buf;
}

const char *ladder_end_text(const elko_endpoint *e, char *buf, size_t n)
{
        char ip[ELKO_IP_TEXT];

        elko_ip_format(&e->ip, ip);
        snprintf(buf, n, elko_ip_is_v4(&e->ip) ? "%s:%u" : "[%s]:%u", ip, (unsigned)e->port);
        return buf;
}

const char *ladder_side(const struct ladder_pen *p, int end, enum ladder_word client)
{
        int off = end == (int)p->s->client ? 0 : 1;

        return ladder_w(p, (enum ladder_word)((int)client + off));
}

void ladder_mark_text(const struct ladder_pen *p, const struct ladder_note *note, char *buf,
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
                ladder_add(buf, n, note->letter < 26 ? "(%c)" : "(+)",
                           (char)('a' + (int)note->letter));
        else /* U+24D0, circled small a */
                ladder_add(buf, n, "\xe2\x93%c", (char)(0x90 + (int)note->letter));
}

bool ladder_inferred(const struct ladder_pen *p, int end)
{
        return end == (int)LADDER_FAR && p->s->far_inferred;
}

void ladder_draw_wrapped(struct ladder_pen *p, unsigned indent, const char *text)
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

/* " (RFC 9293, 3.5, figure 8)", in the language of the picture. */
void ladder_add_rfc(const struct ladder_pen *p, const char *rfc, char *buf, size_t n)
{
        const char *figure = strstr(rfc, "figure ");
        int plain = (int)(figure ? figure - rfc : (long)strlen(rfc));

        ladder_add(buf, n, "%s%s %.*s", ladder_w(p, LADDER_W_PAREN_OPEN), ladder_w(p, LADDER_W_SEE),
                   plain, rfc);
        if (figure)
                ladder_add(buf, n, "%s %s", ladder_w(p, LADDER_W_FIGURE),
                           figure + strlen("figure "));
        ladder_add(buf, n, "%s", ladder_w(p, LADDER_W_PAREN_CLOSE));
}
