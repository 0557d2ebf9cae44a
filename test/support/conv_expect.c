/* SPDX-License-Identifier: MIT */
#include "conv_room.h"

/* What must leave: the queue of what was sent, compared with the text of what the test expects. */

static void mismatch(struct conv *c, const struct conv_pat *p, const struct conv_seg *s,
                     const char *what, unsigned at)
{
        struct conv_bases b;
        char got[500];

        conv_bases_out(c, c->f, &b);
        conv_seg_print(s, &b, got, sizeof(got));
        conv_fail(c,
                  "%s is not as expected\n        expected  %s\n                  %*s^\n"
                  "        sent      %s",
                  what, p->text, (int)at, "", got);
}

/* TSval is the clock, in ms from the flow's first (RFC 7323, 5.4: between 1 ms and 1 s a tick). */
static void check_auto(struct conv *c, const struct conv_pat *p, const struct conv_seg *s)
{
        bool want = c->f->peer_ts && c->f->stack_ts;
        const struct conv_opt *ts = conv_seg_opt(s, 8);
        uint32_t now;

        if (s->nopts != (want ? 1u : 0u) || (want && ts == NULL)) {
                if (want && (s->flags & ELKO_RST) && s->nopts == 0)
                        return; /* resets may go without (RFC 7323, 5.2) */
                mismatch(c, p, s, want ? "an option besides TS, or no TS: the list" : "the list",
                         (unsigned)strlen(p->text));
        }
        if (!want)
                return;
        now = c->f->stack_ts_base + (uint32_t)(s->at / 1000000 - c->f->stack_ts_at / 1000000);
        if (conv_get32(ts->data) != now)
                conv_fail(c, "TSval is %d ms off the clock", (int)(conv_get32(ts->data) - now));
}

static struct conv_seg *next_sent(struct conv *c, const char *text)
{
        struct conv_seg *s;

        if (c->out_count == 0)
                conv_fail(c, "nothing was sent\n        expected  %s", text);
        s = &c->out[c->out_head];
        c->out_head = (c->out_head + 1) % CONV_FRAMES;
        c->out_count--;
        return s;
}

static void expect(struct conv *c, const char *fmt, va_list ap, const uint64_t *at_time)
{
        struct conv_bases b;
        struct conv_seg *s;
        struct conv_pat p;
        char text[600];
        const char *bad;
        unsigned at;

        vsnprintf(text, sizeof(text), fmt, ap);
        s = next_sent(c, text);
        conv_bases_out(c, c->f, &b);
        conv_parse(c, text, &b, &p);
        bad = conv_seg_compare(&p, s, &at);
        if (bad == NULL && (s->src_port != c->f->port || s->dst_port != c->f->peer_port)) {
                bad = "the flow";
                at = 0;
        }
        if (bad != NULL)
                mismatch(c, &p, s, bad, at);
        if (p.mode == CONV_OPTS_AUTO && !(s->flags & ELKO_SYN))
                check_auto(c, &p, s);
        if (p.mode == CONV_OPTS_AUTO && (s->flags & ELKO_SYN) && s->nopts != 0)
                mismatch(c, &p, s, "a SYN's option list", (unsigned)strlen(text));
        if (at_time != NULL && s->at != *at_time)
                conv_fail(c, "%s\n        was sent %+lld ns off its time", text,
                          (long long)(s->at - *at_time));
        c->last = *s;
}

void conv_out_(struct conv *c, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        expect(c, fmt, ap, &c->now);
        va_end(ap);
}

void conv_out_late_(struct conv *c, const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        expect(c, fmt, ap, NULL);
        va_end(ap);
}

void conv_out_at_(struct conv *c, uint64_t at, const char *fmt, ...)
{
        uint64_t when = c->started + at;
        va_list ap;

        va_start(ap, fmt);
        expect(c, fmt, ap, &when);
        va_end(ap);
}

void conv_out_after_(struct conv *c, uint64_t ns, const char *fmt, ...)
{
        va_list ap;

        conv_advance_(c, ns);
        if (c->out_count > 0 && c->out[c->out_head].at < c->now)
                conv_fail(c, "sent %llu ns too early",
                          (unsigned long long)(c->now - c->out[c->out_head].at));
        va_start(ap, fmt);
        expect(c, fmt, ap, &c->now);
        va_end(ap);
}

void conv_none_(struct conv *c)
{
        if (c->out_count > 0)
                conv_fail(c, "the stack sent what the test did not expect");
}

unsigned conv_ignore(struct conv *c)
{
        unsigned n = c->out_count;

        c->out_count = 0;
        conv_log(c, "(%u segments were not looked at)", n);
        return n;
}

unsigned conv_pending(struct conv *c)
{
        return c->out_count;
}

const struct conv_seg *conv_peek(struct conv *c, unsigned i)
{
        return i < c->out_count ? &c->out[(c->out_head + i) % CONV_FRAMES] : NULL;
}

void conv_pull_(struct conv *c)
{
        conv_pull_frames(c);
        conv_after_call(c);
}

void conv_hold_(struct conv *c, bool on)
{
        c->hold = on;
        conv_log(c, on ? "the link is busy" : "the link is free again");
        if (!on)
                conv_after_call(c);
}
