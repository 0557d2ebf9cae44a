/* SPDX-License-Identifier: MIT */
/*
 * Urgent data as Linux's programs meet it (tcp(7), recv(2), sockatmark(3)): one byte, out of the stream.
 *
 * RFC 9293 (3.8.5) has a pointer behind urgent data of any length, in the stream, and so has elko. The sockets of 4.2BSD,
 * and Linux's, take the one byte before that pointer for "out of band": it is received with MSG_OOB, the stream is read
 * without it, and reading stops in front of it once, so that a program sees where it was (SIOCATMARK). With SO_OOBINLINE it
 * stays, as RFC 6093 (3.4) would have it always.
 *
 * A later pointer takes the place of an earlier one, whose byte is then one of the stream, unless the program stands right
 * before it.
 */
#include "host/bsd_priv.h"

#include <errno.h>
#include <string.h>

/* How far the program has read. */
static uint64_t read_so_far(struct elko_bsd *b, const struct bsd_sock *s)
{
        struct elko_tcp_info i;
        int64_t n = bsd_ready(b, s);

        if (elko_tcp_info_get(b->st, s->handle, &i) != ELKO_OK)
                return 0;
        return i.bytes_received - (n > 0 ? (uint64_t)n : 0);
}

/* Bytes before the urgent one; false: none is known that is not read yet. */
static bool ahead(struct elko_bsd *b, const struct bsd_sock *s, uint64_t *out)
{
        uint64_t from;

        if (s->urgent_end == 0 || s->handle == ELKO_SOCK_NONE)
                return false;
        from = read_so_far(b, s);
        *out = s->urgent_end - 1 - from;
        return s->urgent_end > from;
}

void bsd_urgent_news(struct elko_bsd *b, struct bsd_sock *s)
{
        int64_t left = elko_recv_urgent(b->st, s->handle);
        uint64_t end, before;

        if (left <= 0)
                return;
        end = read_so_far(b, s) + (uint64_t)left;
        if (end <= s->urgent_end)
                return;
        if (!s->opt.oob_inline && ahead(b, s, &before) && before == 0 && bsd_ready(b, s) > 0)
                elko_recv_consume(b->st, s->handle, 1);
        s->urgent_end = end;
        s->urgent_taken = false;
}

bool bsd_at_mark(struct elko_bsd *b, struct bsd_sock *s)
{
        uint64_t before;

        return ahead(b, s, &before) && before == 0;
}

bool bsd_urgent_waits(struct elko_bsd *b, struct bsd_sock *s)
{
        uint64_t before;

        return ahead(b, s, &before) && !s->urgent_taken && bsd_ready(b, s) > (int64_t)before;
}

/* Before the mark reading ends there, at the mark it goes on behind the byte. */
size_t bsd_urgent_limit(struct elko_bsd *b, struct bsd_sock *s, size_t len, size_t *skip)
{
        uint64_t before;

        *skip = 0;
        if (!ahead(b, s, &before))
                return len;
        if (before > 0)
                return len < before ? len : (size_t)before;
        *skip = !s->opt.oob_inline && bsd_ready(b, s) > 0;
        return len;
}

/* What FIONREAD tells: up to the mark. */
int64_t bsd_urgent_ready(struct elko_bsd *b, struct bsd_sock *s)
{
        int64_t n = bsd_ready(b, s);
        uint64_t before;

        if (!s->opt.oob_inline && ahead(b, s, &before) && (int64_t)before < n)
                return (int64_t)before;
        return n;
}

ssize_t bsd_urgent_recv(struct elko_bsd *b, struct bsd_sock *s, void *buf, size_t len, int flags)
{
        struct elko_slice part[2];
        uint64_t before;

        if (s->opt.oob_inline || !ahead(b, s, &before) || s->urgent_taken)
                return -EINVAL;
        if (elko_recv_peek(b->st, s->handle, part) <= (int64_t)before)
                return s->kind == BSD_DEAD || s->read_shut || s->eof ? 0 : -EAGAIN;
        if (len > 0 && buf == NULL)
                return -EFAULT;
        if (len > 0 && before < part[0].len)
                memcpy(buf, (const uint8_t *)part[0].data + before, 1);
        else if (len > 0)
                memcpy(buf, (const uint8_t *)part[1].data + (before - part[0].len), 1);
        if (!(flags & MSG_PEEK))
                s->urgent_taken = true;
        return len > 0;
}
