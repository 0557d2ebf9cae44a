/* SPDX-License-Identifier: MIT */

/*
 * `--trace`: one event as one line of text, for eyes and for grep.
 *
 *      0.041216 #1 < 10.0.0.1:80 > 10.0.0.2:49152 SYN+ACK seq=1 ack=2 win=65160 [mss=1460] SYN-SENT
 *
 * `>` leaves this end, `<` arrives, `=` is a change of this end itself. Numbers are absolute.
 */

#include "ladder.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

struct ladder_text_buf {
        char *buf;
        size_t n, need;
};

__attribute__((format(printf, 2, 3))) static void ladder_say(struct ladder_text_buf *b,
                                                             const char *f, ...)
{
        size_t room = b->need < b->n ? b->n - b->need : 0;
        va_list ap;
        int len;

        va_start(ap, f);
        len = vsnprintf(room ? b->buf + b->need : NULL, room, f, ap);
        va_end(ap);
        if (len > 0)
                b->need += (size_t)len;
}

static void ladder_say_end(struct ladder_text_buf *b, const elko_endpoint *e)
{
        char ip[ELKO_IP_TEXT];

        elko_ip_format(&e->ip, ip);
        ladder_say(b, elko_ip_is_v4(&e->ip) ? "%s:%u" : "[%s]:%u", ip, (unsigned)e->port);
}

static void ladder_say_ends(struct ladder_text_buf *b, const elko_endpoint *from,
                            const elko_endpoint *to)
{
        ladder_say_end(b, from);
        ladder_say(b, " > ");
        ladder_say_end(b, to);
        ladder_say(b, " ");
}

static void ladder_say_flags(struct ladder_text_buf *b, uint16_t flags)
{
        static const char *const names[] = {"FIN", "SYN", "RST", "PSH", "ACK",
                                            "URG", "ECE", "CWR", "AE"};
        const char *plus = "";

        for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
                if (!(flags & (1u << i)))
                        continue;
                ladder_say(b, "%s%s", plus, names[i]);
                plus = "+";
        }
}

static void ladder_say_options(struct ladder_text_buf *b, const struct elko_trace_segment *s)
{
        const char *open = " [", *gap = open;

        if (s->options & ELKO_OPT_MSS) {
                ladder_say(b, "%smss=%u", gap, (unsigned)s->mss);
                gap = " ";
        }
        if (s->options & ELKO_OPT_WSCALE) {
                ladder_say(b, "%swscale=%u", gap, (unsigned)s->wscale);
                gap = " ";
        }
        if (s->options & ELKO_OPT_SACK_PERMITTED) {
                ladder_say(b, "%ssackOK", gap);
                gap = " ";
        }
        if (s->options & ELKO_OPT_TIMESTAMPS) {
                ladder_say(b, "%sts=%" PRIu32 "/%" PRIu32, gap, s->ts_val, s->ts_ecr);
                gap = " ";
        }
        for (unsigned i = 0; i < s->sack_count && i < 4; i++) {
                ladder_say(b, "%ssack=%" PRIu32 "-%" PRIu32, gap, s->sack[i].left,
                           s->sack[i].right);
                gap = " ";
        }
        if (gap != open)
                ladder_say(b, "]");
}

static void ladder_say_segment(struct ladder_text_buf *b, const struct elko_trace_event *ev)
{
        const struct elko_trace_segment *s = &ev->seg;

        ladder_say_flags(b, s->flags);
        ladder_say(b, " seq=%" PRIu32, s->seq);
        if (s->flags & ELKO_ACK)
                ladder_say(b, " ack=%" PRIu32, s->ack);
        if (s->len)
                ladder_say(b, " len=%" PRIu32, s->len);
        ladder_say(b, " win=%" PRIu32, s->wnd_bytes);
        ladder_say_options(b, s);
}

static void ladder_say_body(struct ladder_text_buf *b, const struct elko_trace_event *ev)
{
        switch (ev->kind) {
        case ELKO_TRACE_SEGMENT_OUT:
                ladder_say(b, " > ");
                ladder_say_ends(b, &ev->local, &ev->remote);
                ladder_say_segment(b, ev);
                ladder_say(b, " %s", elko_tcp_state_name(ev->state));
                if (ev->why != ELKO_WHY_NONE)
                        ladder_say(b, "; %s", elko_why_text(ev->why));
                break;
        case ELKO_TRACE_SEGMENT_IN:
                ladder_say(b, " < ");
                ladder_say_ends(b, &ev->remote, &ev->local);
                ladder_say_segment(b, ev);
                ladder_say(b, " %s", elko_tcp_state_name(ev->state));
                break;
        case ELKO_TRACE_DROP:
                ladder_say(b, " < ");
                if (ev->remote.port != 0)
                        ladder_say_ends(b, &ev->remote, &ev->local);
                if (ev->seg.flags != 0) {
                        ladder_say_segment(b, ev);
                        ladder_say(b, " ");
                }
                ladder_say(b, "dropped: %s", elko_drop_text(ev->drop));
                break;
        case ELKO_TRACE_STATE:
                ladder_say(b, " = %s -> %s", elko_tcp_state_name(ev->old_state),
                           elko_tcp_state_name(ev->state));
                if (ev->cause)
                        ladder_say(b, "; %s", ev->cause);
                break;
        case ELKO_TRACE_TIMER: ladder_say(b, " = timer: %s", elko_timer_name(ev->timer)); break;
        case ELKO_TRACE_LOST:
                ladder_say(b, " = lost: seq=%" PRIu32 " len=%" PRIu32, ev->seg.seq, ev->seg.len);
                break;
        case ELKO_TRACE_RECOVERY:
                ladder_say(b, " = recovery: %s", ev->cause ? ev->cause : "");
                break;
        case ELKO_TRACE_METRICS:
                ladder_say(b,
                           " = cwnd=%" PRIu32 " ssthresh=%" PRIu32 " flight=%" PRIu32
                           " srtt=%" PRIu64 "us rto=%" PRIu64 "us",
                           ev->cwnd, ev->ssthresh, ev->flight, ev->srtt_ns / 1000u,
                           ev->rto_ns / 1000u);
                break;
        case ELKO_TRACE_COUNT: break;
        }
}

size_t ladder_trace_line(const struct elko_trace_event *ev, char *buf, size_t n)
{
        struct ladder_text_buf b = {buf, n, 0};

        if (n > 0)
                buf[0] = '\0';
        ladder_say(&b, "%" PRIu64 ".%06u", ev->now / 1000000000u,
                   (unsigned)(ev->now / 1000u % 1000000u));
        if (ev->conn != 0)
                ladder_say(&b, " #%" PRIu64, ev->conn);
        ladder_say_body(&b, ev);
        return b.need;
}
