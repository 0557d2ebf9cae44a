/* SPDX-License-Identifier: MIT */
/*
 * The virtual clock of the plug-in, and who waits for it: the rules in plugin.h.
 */
#include "drill/plugin.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH = 16 };

uint64_t plug_usecs(uint64_t ns)
{
        return (PLUG_EPOCH_S - PLUG_START_S) * UINT64_C(1000000) + ns / 1000;
}

/* ---- packets ---- */

static void keep(const struct elko_frame *f)
{
        struct plug_packet *p = malloc(sizeof(*p) + f->len);
        uint32_t at = 0;

        if (p == NULL)
                return; /* lost, as packets are */
        *p = (struct plug_packet){.at = plug.now, .len = f->len};
        for (uint32_t i = 0; i < f->parts; i++) {
                memcpy(p->data + at, f->part[i].data, f->part[i].len);
                at += f->part[i].len;
        }
        *plug.last = p;
        plug.last = &p->next;
}

static size_t take_output(elko_link link)
{
        struct elko_frame frames[BATCH];
        size_t n, sum = 0;

        while ((n = elko_output(plug.st, link, frames, BATCH, plug.now)) > 0) {
                for (size_t i = 0; i < n; i++) {
                        keep(&frames[i]);
                        elko_bsd_sent(plug.b, &frames[i]);
                }
                sum += n;
        }
        return sum;
}

/* ---- waiting ---- */

int plug_ready(struct pollfd *fds, nfds_t n)
{
        int ready = 0;

        for (nfds_t i = 0; i < n; i++) {
                unsigned r;

                fds[i].revents = 0;
                if (fds[i].fd < 0)
                        continue;
                r = elko_bsd_poll(plug.b, fds[i].fd);
                r &= (unsigned)(unsigned short)fds[i].events | POLLERR | POLLHUP | POLLNVAL;
                fds[i].revents = (short)r;
                ready += r != 0;
        }
        return ready;
}

/* How many of the descriptors are what the waiter waits for? */
static int is_due(const struct plug_waiter *w)
{
        int64_t n;
        unsigned r;

        if (w->bytes == 0)
                return plug_ready(w->fds, w->n);
        r = elko_bsd_poll(plug.b, w->fds->fd) & (POLLERR | POLLHUP | POLLRDHUP | POLLNVAL);
        n = elko_recv_ready(plug.st, elko_bsd_handle(plug.b, w->fds->fd));
        return r != 0 || (n > 0 && (uint64_t)n >= w->bytes);
}

void plug_settle(void)
{
        struct plug_waiter *w = plug.waiter;
        size_t n;

        if (plug.st == NULL)
                return;
        do { /* the sockets may have more when all was sent */
                n = take_output(plug.link4) + take_output(plug.link6);
                elko_bsd_update(plug.b);
        } while (n > 0);
        if (w == NULL || w->woken || (plug.now < w->until && is_due(w) == 0))
                return;
        w->woken = true;
        plug.owes = true;
        plug.debtor = w->thread;
        pthread_cond_broadcast(&plug.changed);
}

void plug_wait_paid(void)
{
        while (plug.owes && !pthread_equal(plug.debtor, pthread_self()))
                pthread_cond_wait(&plug.changed, &plug.lock);
}

/* The next instant at which anything happens by itself. */
static uint64_t next_instant(void)
{
        uint64_t at = elko_next_deadline(plug.st);

        if (plug.waiter != NULL && !plug.waiter->woken && plug.waiter->until < at)
                at = plug.waiter->until;
        return at;
}

/* One step of the clock, to at most `until`; false: nothing happens before it. */
static bool step(uint64_t until)
{
        uint64_t at;

        plug_wait_paid();
        at = next_instant();
        if (at > until || at == ELKO_NEVER)
                return false;
        if (at > plug.now)
                plug.now = at;
        elko_advance(plug.st, plug.now);
        plug_settle();
        return true;
}

void plug_move(uint64_t until, bool stop_at_packet)
{
        if (plug.st == NULL) {
                if (until != ELKO_NEVER && until > plug.now)
                        plug.now = until;
                return;
        }
        while (!(stop_at_packet && plug.first != NULL))
                if (!step(until))
                        break;
        plug_wait_paid();
        if (!stop_at_packet && until > plug.now)
                plug.now = until;
}

/* Nobody else moves the clock of the main thread. */
static int wait_alone(const struct plug_waiter *w)
{
        int ready;

        while ((ready = is_due(w)) == 0 && plug.now < w->until)
                if (!step(w->until)) {
                        if (w->until == ELKO_NEVER)
                                return -EDEADLK;
                        plug.now = w->until;
                }
        return ready;
}

static int wait_for(struct plug_waiter *w)
{
        int ready = is_due(w);

        if (ready > 0 || plug.now >= w->until)
                return ready;
        if (pthread_equal(plug.main, pthread_self()))
                return wait_alone(w);
        if (plug.owes && pthread_equal(plug.debtor, pthread_self())) {
                plug.owes = false; /* woken for nothing: it sleeps again */
                pthread_cond_broadcast(&plug.changed);
        }
        plug.waiter = w;
        while (!w->woken)
                pthread_cond_wait(&plug.changed, &plug.lock);
        plug.waiter = NULL;
        return is_due(w);
}

int plug_wait(struct pollfd *fds, nfds_t n, uint64_t until)
{
        return wait_for(&(struct plug_waiter){
                .thread = pthread_self(), .fds = fds, .n = n, .until = until});
}

int plug_wait_bytes(struct pollfd *one, size_t bytes)
{
        return wait_for(&(struct plug_waiter){
                .thread = pthread_self(), .fds = one, .n = 1, .until = ELKO_NEVER, .bytes = bytes});
}
