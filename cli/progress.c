/* SPDX-License-Identifier: MIT */
/*
 * Progress lines.
 *
 * Theory: the present rate is an exponential average over windows of RATE_WINDOW_MS, the time left
 * is what is missing divided by it. Both are drawn at most five times a second, so that a fast
 * transfer is not slowed down by its own description.
 */
#include "progress.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <elko/types.h>

#include "util.h"

enum {
        TERMINAL_MS = 200,
        PLAIN_MS = 5000,
        RATE_WINDOW_MS = 500,
        BAR_MIN = 10,
        BAR_MAX = 50,
        TEXT_COLUMNS = 62
};

void ek_progress_start(struct ek_progress *p, bool quiet, uint64_t bytes, uint64_t now)
{
        *p = (struct ek_progress){
                .quiet = quiet,
                .terminal = ek_util_is_terminal(STDERR_FILENO),
                .start_bytes = bytes,
                .start_at = now,
                .bytes = bytes,
                .shown_at = now,
                .window_at = now,
                .window_bytes = bytes,
        };
}

void ek_progress_total(struct ek_progress *p, uint64_t total)
{
        p->has_total = true;
        p->total = total;
}

static void update_rate(struct ek_progress *p, uint64_t now)
{
        uint64_t span = now - p->window_at;
        double rate;

        if (span < ELKO_MS(RATE_WINDOW_MS))
                return;
        rate = (double)(p->bytes - p->window_bytes) / ((double)span / 1e9);
        p->rate = p->rate > 0 ? 0.7 * p->rate + 0.3 * rate : rate;
        p->window_at = now;
        p->window_bytes = p->bytes;
}

/* "12.3 MiB of 45.6 MiB  27%  3.4 MiB/s  00:09 left" */
static void describe(const struct ek_progress *p, char *text, size_t size)
{
        char done[EK_UTIL_TEXT];
        char total[EK_UTIL_TEXT];
        char rate[EK_UTIL_TEXT];
        char left[EK_UTIL_TEXT] = "--:--";

        ek_util_format_bytes(p->bytes, done);
        ek_util_format_bytes((uint64_t)p->rate, rate);
        if (!p->has_total) {
                snprintf(text, size, "%s  %s/s", done, rate);
                return;
        }
        if (p->rate >= 1 && p->total >= p->bytes)
                ek_util_format_clock((uint64_t)((double)(p->total - p->bytes) / p->rate + 0.5),
                                     left);
        snprintf(text, size, "%s of %s  %3.0f%%  %s/s  %s left", done,
                 ek_util_format_bytes(p->total, total),
                 p->total > 0 ? 100.0 * (double)p->bytes / (double)p->total : 100.0, rate, left);
}

static int bar_width(void)
{
        struct winsize w = {0};
        int width;

        if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) != 0 || w.ws_col == 0)
                w.ws_col = 80;
        width = (int)w.ws_col - TEXT_COLUMNS;
        if (width < BAR_MIN)
                return 0;
        return width < BAR_MAX ? width : BAR_MAX;
}

static void draw(struct ek_progress *p)
{
        char text[4 * EK_UTIL_TEXT];
        char bar[BAR_MAX + 3] = "";
        int width = p->has_total ? bar_width() : 0;

        describe(p, text, sizeof text);
        if (width > 0) {
                double part = p->total > 0 ? (double)p->bytes / (double)p->total : 1.0;
                int full = (int)((part < 1.0 ? part : 1.0) * width);

                bar[0] = '[';
                memset(bar + 1, '#', (size_t)full);
                memset(bar + 1 + full, '.', (size_t)(width - full));
                memcpy(bar + 1 + width, "]", 2);
        }
        if (p->terminal)
                fprintf(stderr, "\r%s %s\033[K", bar, text);
        else
                fprintf(stderr, "elko: %s\n", text);
        p->line_open = p->terminal;
}

void ek_progress_add(struct ek_progress *p, uint64_t bytes, uint64_t now)
{
        p->bytes += bytes;
        if (p->quiet)
                return;
        update_rate(p, now);
        if (now - p->shown_at < (p->terminal ? ELKO_MS(TERMINAL_MS) : ELKO_MS(PLAIN_MS)))
                return;
        p->shown_at = now;
        draw(p);
}

void ek_progress_end(struct ek_progress *p, uint64_t now, bool summary)
{
        uint64_t bytes = p->bytes - p->start_bytes;
        double seconds = (double)(now - p->start_at) / 1e9;
        char size[EK_UTIL_TEXT];
        char rate[EK_UTIL_TEXT];

        if (p->line_open) {
                draw(p);
                fputc('\n', stderr);
                p->line_open = false;
        }
        if (p->quiet || !summary)
                return;
        ek_util_format_bytes((uint64_t)((double)bytes / (seconds > 1e-6 ? seconds : 1e-6)), rate);
        fprintf(stderr, "elko: %llu bytes (%s) in %.3f s, %s/s\n", (unsigned long long)bytes,
                ek_util_format_bytes(bytes, size), seconds, rate);
}
