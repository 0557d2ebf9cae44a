/* SPDX-License-Identifier: MIT */
/*
 * How much a call may give to send, as Linux counts it (socket(7), tcp(7)).
 *
 * Linux keeps what is queued in packets of many segments, and counts for each of them the bytes and a constant. It asks
 * whether there is room only when it begins a new packet, and fills that whatever it holds; it sends after each one that
 * is full. A packet that is sent in part becomes two. So how much a call takes depends on SO_SNDBUF, the window, the
 * MSS and what has been sent meanwhile, and programs that were written for Linux may depend on it in turn.
 *
 * Room comes back as data is acknowledged, but whoever waits is told only when a third of the buffer is free, or
 * with TCP_NOTSENT_LOWAT when less than half of that waits to be sent.
 */
#include "host/bsd_priv.h"

#include <stdlib.h>
#include <string.h>

enum {
        PACKET_BYTES = 1000,       /* what a packet costs besides its data; measured */
        PACKET_MOST = 65535 - 320, /* the most that one holds, with its headers */
        FIRST_SEGMENTS = 10,       /* the buffer holds twice the window, and that is 10 at least */
        SEGMENT_COST = 256 + 320 + 320,
};

struct bsd_packet {
        uint64_t from, to; /* offsets in the stream */
};

/* ---- the packets ---- */

static void insert(struct bsd_sock *s, size_t at, uint64_t from, uint64_t to)
{
        struct bsd_packet *more;

        if (s->n_packets == s->max_packets) {
                more = realloc(s->packets, (2 * s->max_packets + 16) * sizeof(*more));
                if (more == NULL)
                        return; /* then it counts less than it should */
                s->packets = more;
                s->max_packets = 2 * s->max_packets + 16;
        }
        memmove(s->packets + at + 1, s->packets + at, (s->n_packets - at) * sizeof(*s->packets));
        s->packets[at] = (struct bsd_packet){from, to};
        s->n_packets++;
}

/* What is acknowledged is gone; what is sent in part is cut there. */
static void follow(struct bsd_sock *s, uint64_t acked, uint64_t sent)
{
        size_t gone = 0;

        while (gone < s->n_packets && s->packets[gone].to <= acked)
                gone++;
        if (gone > 0) {
                s->n_packets -= gone;
                memmove(s->packets, s->packets + gone, s->n_packets * sizeof(*s->packets));
        }
        if (s->n_packets > 0 && s->packets[0].from < acked)
                s->packets[0].from = acked;
        for (size_t i = 0; i < s->n_packets; i++) {
                uint64_t to = s->packets[i].to;

                if (s->packets[i].from >= sent || to <= sent)
                        continue;
                s->packets[i].to = sent;
                insert(s, i + 1, sent, to);
                return;
        }
}

static uint64_t queued(const struct bsd_sock *s)
{
        uint64_t sum = 0;

        for (size_t i = 0; i < s->n_packets; i++)
                sum += s->packets[i].to - s->packets[i].from + PACKET_BYTES;
        return sum;
}

/* ---- limits ---- */

static uint64_t power_of_two(uint64_t n)
{
        uint64_t p = 1;

        while (p < n)
                p *= 2;
        return p;
}

/* SO_SNDBUF, or what Linux lets it grow to by itself, with the first ACK after it was full; 0: elko's own limit alone. */
static uint64_t buffer(const struct elko_bsd *b, const struct bsd_sock *s,
                       const struct elko_tcp_info *i)
{
        uint64_t segments = i->snd_mss != 0 ? i->snd_cwnd / i->snd_mss : 0, wants;

        if (b->defaults.wmem_most == 0)
                return 0;
        if (s->opt.snd_buf != 0)
                return (uint64_t)s->opt.snd_buf;
        if (!s->buffer_grown)
                return b->defaults.wmem_first;
        segments = segments < FIRST_SEGMENTS ? FIRST_SEGMENTS : segments;
        wants = 2 * segments * (power_of_two(i->snd_mss + SEGMENT_COST - 256) + 256);
        wants = wants < b->defaults.wmem_most ? wants : b->defaults.wmem_most;
        return wants > b->defaults.wmem_first ? wants : b->defaults.wmem_first;
}

/* TCP_NOTSENT_LOWAT, or what the system has for all; 0: none. */
static uint32_t notsent_limit(const struct elko_bsd *b, const struct bsd_sock *s)
{
        return s->opt.notsent_lowat != 0 ? (uint32_t)s->opt.notsent_lowat
                                         : b->defaults.notsent_lowat;
}

/* Whole segments, as many as half of the largest window holds. */
static uint64_t packet_size(struct bsd_sock *s, const struct elko_tcp_info *i)
{
        uint64_t most;

        if (i->snd_wnd > s->max_window)
                s->max_window = i->snd_wnd;
        most = s->max_window / 2 < PACKET_MOST ? s->max_window / 2 : PACKET_MOST;
        return most < i->snd_mss ? i->snd_mss : most / i->snd_mss * i->snd_mss;
}

void elko_bsd_linux_buffers(struct elko_config *config, struct elko_bsd_defaults *d)
{
        d->wmem_first = config->snd_buf_bytes;
        d->wmem_most = config->snd_buf_max_bytes;
        if (config->snd_buf_max_bytes < 1u << 29)
                config->snd_buf_max_bytes += BSD_SNDBUF_MORE;
}

int bsd_send_buffer(struct elko_bsd *b, struct bsd_sock *s)
{
        struct elko_tcp_info i;

        if (s->kind == BSD_OPEN && elko_tcp_info_get(b->st, s->handle, &i) == ELKO_OK)
                return (int)buffer(b, s, &i);
        return (int)b->defaults.wmem_first;
}

/* ---- for the sockets ---- */

/* false: there is no connection to count for. */
static bool look(struct elko_bsd *b, struct bsd_sock *s, struct elko_tcp_info *i)
{
        if (s->kind != BSD_OPEN || elko_tcp_info_get(b->st, s->handle, i) != ELKO_OK ||
            i->snd_mss == 0)
                return false;
        follow(s, i->bytes_acked, i->bytes_sent - i->bytes_retrans);
        if (s->was_full && i->bytes_acked > s->acked_when_full)
                s->buffer_grown = true;
        i->notsent += (uint32_t)s->kept;
        return true;
}

size_t bsd_send_share(struct elko_bsd *b, struct bsd_sock *s, size_t len)
{
        struct elko_tcp_info i;
        uint64_t most, has, limit;
        const struct bsd_packet *last;

        if ((b->defaults.wmem_most == 0 && notsent_limit(b, s) == 0) || !look(b, s, &i))
                return len;
        most = packet_size(s, &i);
        last = s->n_packets > 0 ? &s->packets[s->n_packets - 1] : NULL;
        if (last != NULL && last->from >= i.bytes_sent - i.bytes_retrans &&
            last->to != s->last_record) {
                has = last->to - last->from;
                if (has < most)
                        return len < most - has ? len : (size_t)(most - has);
        }
        limit = buffer(b, s, &i);
        if ((limit != 0 && queued(s) >= limit) ||
            (notsent_limit(b, s) != 0 && i.notsent >= notsent_limit(b, s))) {
                s->met_limit = true;
                if (!s->was_full)
                        s->acked_when_full = i.bytes_acked;
                s->was_full = true;
                return 0;
        }
        return len < most ? len : (size_t)most;
}

void bsd_send_count(struct elko_bsd *b, struct bsd_sock *s, size_t len)
{
        struct elko_tcp_info i;
        struct bsd_packet *last;

        if ((b->defaults.wmem_most == 0 && notsent_limit(b, s) == 0) || !look(b, s, &i))
                return;
        last = s->n_packets > 0 ? &s->packets[s->n_packets - 1] : NULL;
        if (last != NULL && last->to == s->written - len && last->to != s->last_record &&
            last->from >= i.bytes_sent - i.bytes_retrans &&
            last->to - last->from + len <= packet_size(s, &i))
                last->to = s->written;
        else
                insert(s, s->n_packets, s->written - len, s->written);
}

bool bsd_send_has_room(struct elko_bsd *b, struct bsd_sock *s)
{
        struct elko_tcp_info i;
        uint64_t limit, used;

        if (elko_send_room(b->st, s->handle) <= 0)
                return false;
        if ((b->defaults.wmem_most == 0 && notsent_limit(b, s) == 0) || !look(b, s, &i))
                return true;
        limit = buffer(b, s, &i);
        used = queued(s);
        return (limit == 0 || used + used / 2 <= limit) &&
               (notsent_limit(b, s) == 0 || 2 * (uint64_t)i.notsent < notsent_limit(b, s));
}

void bsd_send_forget(struct bsd_sock *s)
{
        free(s->packets);
        s->packets = NULL;
        s->n_packets = s->max_packets = 0;
}
