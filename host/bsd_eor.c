/* SPDX-License-Identifier: MIT */
/*
 * MSG_EOR (sendmsg(2)): a record ends with this call, and no segment holds bytes from before and behind that point.
 *
 * elko's stream has no records. So what comes behind the end of one waits here until all before it was sent, and is given
 * to the stack then: at that moment it can only begin a segment of its own. What waits behind a record also means that
 * the record's last segment is not the last of the stream, so Nagle's algorithm (RFC 9293, 3.7.4) has no say.
 */
#include "host/bsd_priv.h"

#include <stdlib.h>
#include <string.h>

struct bsd_piece {
        struct bsd_piece *next;
        size_t len;
        bool ends_record;
        uint8_t data[];
};

static bool is_sent(struct elko_bsd *b, const struct bsd_sock *s)
{
        struct elko_tcp_info i;

        return s->kind != BSD_OPEN || elko_tcp_info_get(b->st, s->handle, &i) != ELKO_OK ||
               i.bytes_sent - i.bytes_retrans >= s->record_end;
}

bool bsd_eor_waits(struct elko_bsd *b, const struct bsd_sock *s)
{
        return s->pieces != NULL || (s->record_end != 0 && !is_sent(b, s));
}

static void nagle(struct elko_bsd *b, const struct bsd_sock *s, bool off)
{
        elko_set_option(b->st, s->handle, ELKO_OPTION_NODELAY, off || s->opt.nodelay);
}

ssize_t bsd_eor_keep(struct elko_bsd *b, struct bsd_sock *s, const void *buf, size_t len)
{
        struct bsd_piece *p = malloc(sizeof(*p) + len), **at = &s->pieces;

        if (p == NULL)
                return -1;
        *p = (struct bsd_piece){.len = len};
        memcpy(p->data, buf, len);
        while (*at != NULL)
                at = &(*at)->next;
        *at = p;
        s->kept += len;
        nagle(b, s, true);
        return (ssize_t)len;
}

void bsd_eor_mark(struct bsd_sock *s)
{
        struct bsd_piece *p = s->pieces;

        s->last_record = s->written;
        if (p == NULL) {
                s->record_end = s->written;
                return;
        }
        while (p->next != NULL)
                p = p->next;
        p->ends_record = true;
}

void bsd_eor_release(struct elko_bsd *b, struct bsd_sock *s, bool all)
{
        while (s->pieces != NULL && (all || is_sent(b, s))) {
                struct bsd_piece *p = s->pieces;
                int64_t r = elko_send(b->st, s->handle, p->data, p->len, 0);

                if (r <= 0 && r != ELKO_EAGAIN && r != ELKO_ENOMEM)
                        r = (int64_t)p->len; /* the connection is over */
                if (r <= 0)
                        return;
                s->kept -= (size_t)r;
                if ((size_t)r < p->len) {
                        p->len -= (size_t)r;
                        memmove(p->data, p->data + r, p->len);
                        return;
                }
                if (p->ends_record)
                        s->record_end = s->written - s->kept;
                s->pieces = p->next;
                free(p);
        }
        if (s->pieces == NULL && s->kind == BSD_OPEN)
                nagle(b, s, false);
}

void bsd_eor_free(struct bsd_sock *s)
{
        while (s->pieces != NULL) {
                struct bsd_piece *p = s->pieces;

                s->pieces = p->next;
                free(p);
        }
        s->kept = 0;
        s->record_end = s->last_record = 0;
}
