/* SPDX-License-Identifier: MIT */
/*
 * epoll(7) on the descriptors of bsd.h: level-triggered, edge-triggered and one-shot.
 *
 * An edge is news of the descriptor since it was told last, or a readiness that was not there then.
 */
#include "host/bsd_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct bsd_sock *epoll_of(struct elko_bsd *b, int epfd, int *error)
{
        *error = epfd >= 0 && epfd < b->top && b->sock[epfd].kind != BSD_FREE ? -EINVAL : -EBADF;
        if (*error == -EBADF || b->sock[epfd].kind != BSD_EPOLL)
                return NULL;
        return &b->sock[epfd];
}

int elko_bsd_epoll_create(struct elko_bsd *b)
{
        struct bsd_sock *s;
        int fd = bsd_new_fd(b, &s);

        if (fd >= 0)
                s->kind = BSD_EPOLL;
        return fd;
}

void bsd_epoll_free(struct bsd_sock *s)
{
        free(s->watches);
        s->watches = NULL;
        s->n_watches = 0;
}

static struct bsd_watch *find(struct bsd_sock *s, int fd)
{
        for (size_t i = 0; i < s->n_watches; i++)
                if (s->watches[i].fd == fd)
                        return &s->watches[i];
        return NULL;
}

static void forget(struct bsd_sock *s, struct bsd_watch *w)
{
        size_t i = (size_t)(w - s->watches);

        memmove(w, w + 1, (s->n_watches - i - 1) * sizeof(*w));
        s->n_watches--;
}

void bsd_epoll_forget(struct elko_bsd *b, int fd)
{
        for (int e = 0; e < b->top; e++) {
                struct bsd_watch *w = find(&b->sock[e], fd);

                if (w != NULL)
                        forget(&b->sock[e], w);
        }
}

static int add(struct bsd_sock *s, int fd, const struct epoll_event *ev)
{
        struct bsd_watch *more;

        if (s->n_watches == BSD_WATCHES)
                return -ENOSPC;
        more = realloc(s->watches, (s->n_watches + 1) * sizeof(*more));
        if (more == NULL)
                return -ENOMEM;
        s->watches = more;
        s->watches[s->n_watches++] = (struct bsd_watch){.fd = fd, .ev = *ev};
        return 0;
}

int elko_bsd_epoll_ctl(struct elko_bsd *b, int epfd, int op, int fd, struct epoll_event *ev)
{
        int error;
        struct bsd_sock *s = epoll_of(b, epfd, &error);
        struct bsd_watch *w;

        if (s == NULL)
                return error;
        if (fd < 0 || fd >= b->top || b->sock[fd].kind == BSD_FREE)
                return -EBADF;
        if (fd == epfd)
                return -EINVAL;
        if (op != EPOLL_CTL_DEL && ev == NULL)
                return -EFAULT;
        w = find(s, fd);
        switch (op) {
        case EPOLL_CTL_ADD: return w != NULL ? -EEXIST : add(s, fd, ev);
        case EPOLL_CTL_MOD:
                if (w == NULL)
                        return -ENOENT;
                *w = (struct bsd_watch){.fd = fd, .ev = *ev};
                return 0;
        case EPOLL_CTL_DEL:
                if (w == NULL)
                        return -ENOENT;
                forget(s, w);
                return 0;
        default: return -EINVAL;
        }
}

int elko_bsd_epoll_wait(struct elko_bsd *b, int epfd, struct epoll_event *ev, int max)
{
        int error, n = 0;
        struct bsd_sock *s = epoll_of(b, epfd, &error);

        if (s == NULL)
                return error;
        if (max <= 0)
                return -EINVAL;
        if (ev == NULL)
                return -EFAULT;
        elko_bsd_update(b);
        for (size_t i = 0; i < s->n_watches && n < max; i++) {
                struct bsd_watch *w = &s->watches[i];
                uint32_t want = w->ev.events | EPOLLERR | EPOLLHUP;
                uint32_t now = elko_bsd_poll(b, w->fd) & want;
                uint32_t news = b->sock[w->fd].news;

                if (w->off || now == 0) {
                        w->seen = now;
                        continue;
                }
                if ((w->ev.events & EPOLLET) && news == w->seen_news && (now & ~w->seen) == 0)
                        continue;
                w->seen = now;
                w->seen_news = news;
                w->off = (w->ev.events & EPOLLONESHOT) != 0;
                ev[n++] = (struct epoll_event){.events = now, .data = w->ev.data};
        }
        return n;
}
