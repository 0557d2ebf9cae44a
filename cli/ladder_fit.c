/* SPDX-License-Identifier: MIT */

/*
 * Where does the picture go? The one file of the ladder that asks its environment, and only when it
 * is told to: the locale's variables in POSIX's order (LC_ALL, LC_CTYPE, LANG), the terminal,
 * NO_COLOR.
 */

#include "ladder.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char *ladder_locale(void)
{
        static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                const char *v = getenv(names[i]);

                if (v && v[0])
                        return v;
        }
        return "C";
}

void ladder_options_fit(struct ladder_options *o, FILE *out)
{
        const char *locale = ladder_locale(), *no_colour = getenv("NO_COLOR"),
                   *term = getenv("TERM");
        bool utf8 = strcasestr(locale, "utf-8") || strcasestr(locale, "utf8");
        bool tty = isatty(fileno(out)) == 1;
        struct winsize ws = {0};

        o->ascii = !utf8;
        o->lang = utf8 && strncmp(locale, "zh", 2) == 0 ? LADDER_ZH : LADDER_EN;
        o->colour = tty && !(no_colour && no_colour[0]) && term && strcmp(term, "dumb") != 0;
        if (tty && ioctl(fileno(out), TIOCGWINSZ, &ws) == 0 && ws.ws_col > 0)
                o->width = ws.ws_col;
}
