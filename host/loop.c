/* SPDX-License-Identifier: MIT */
/*
 * The event loop.
 *
 * One iteration:
 *
 *        sleep     until a descriptor is ready or the earliest deadline is reached; not at all when
 *                  work was left over
 *        now       is read once
 *        readiness of descriptors: signals, links (they are only marked), the application's
 *        receive   from each link that may have something, one batch, into the stack
 *        timers    of the application, then of the stack
 *        settle    events to the application, output to the links, in turns, until there is neither
 *
 * Receiving in batches makes acknowledgements cheap: the stack is asked for output once for all
 * that came. Settling has a budget: a large send must not keep the acknowledgements of its first
 * half waiting in a queue that may overflow; what is left over is sent in the next iteration, which
 * does not sleep.
 *
 * The deadline is the minimum of the stack's, the links' (delayed packets, end of back pressure),
 * the application's timers', and the end of the grace time. Everything is level-triggered and
 * absolute, so waking up too early or too late is harmless.
 *
 *        running --stop--> stopping (on_stop; no connection left, or grace_ns) --> stopped
 *           \------------------ second stop, error ---------------------------------^
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "host/fds.h"
#include "host/loop.h"
#include "host/timers.h"

enum {
        BATCH = ELKO_DRV_BATCH,
        SETTLE_ROUNDS = 4, /* x BATCH frames of about 2 us: half a millisecond */
        EVENTS_MAX = 1024, /* of one round */
        TX_RETRIES = 2,    /* a full device is given 1 ms each time */
        ABORT_PASSES = 3,
        TIMER_SLACK_NS = 1, /* the default of 50 us is longer than many pacing gaps */
};

struct link {
        struct elko_drv *drv;
        elko_link number;
        bool readable; /* its descriptor was reported */
};

struct elko_host {
        struct elko_host_config config;
        elko_stack *stack;
        void *region;
        struct elko_host_fds fds;
        struct elko_host_timers timers;
        struct link link[ELKO_HOST_LINKS];
        unsigned links;
        uint64_t now;
        bool more; /* work was left over: do not sleep */

        unsigned stop_requests;
        bool stopping, stopped;
        uint64_t stop_at; /* end of the grace time */
        int error;        /* -errno that ended the loop */

        int signal_fd;
        sigset_t saved_mask;
        int saved_slack;

        struct elko_host_stats stats;
        struct elko_packet packets[BATCH];
        struct elko_frame frames[BATCH];
};

static uint64_t read_clock(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return ELKO_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

__attribute__((format(printf, 2, 3))) static void report(struct elko_host *h, const char *format,
                                                         ...)
{
        char text[320];
        va_list args;

        va_start(args, format);
        vsnprintf(text, sizeof(text), format, args);
        va_end(args);
        if (h->config.on_error != NULL)
                h->config.on_error(h->config.ctx, text);
        else
                fprintf(stderr, "elko: %s\n", text);
}

/* The loop can't go on. */
static void fail(struct elko_host *h, int error)
{
        h->error = error;
        h->stopped = true;
}

/* ---- links ---- */

static void on_link_readable(void *ctx, int fd, uint32_t events)
{
        struct link *l = ctx;

        (void)fd;
        (void)events;
        l->readable = true;
}

static void link_failed(struct elko_host *h, struct link *l, const char *what, int error)
{
        report(h, "link %s (%s): %s: %s; the link is gone", l->drv->link.name, l->drv->ops->name,
               what, strerror(-error));
        fail(h, error);
}

/* Wait a moment for a full device. */
static bool wait_writable(struct link *l)
{
        struct pollfd p = {.fd = elko_drv_poll_fd(l->drv), .events = POLLOUT};

        if (p.fd < 0)
                return false;
        poll(&p, 1, 1);
        return true;
}

/* Give all frames to the driver; what a full device refuses for too long is lost, as on a wire. */
static void transmit(struct elko_host *h, struct link *l, size_t n)
{
        size_t done = 0;
        int retries = 0;

        for (;;) {
                int taken = elko_drv_tx(l->drv, h->frames + done, n - done);

                if (taken < 0) {
                        link_failed(h, l, "sending", taken);
                        return;
                }
                done += (size_t)taken;
                if (done == n)
                        return;
                if (retries++ == TX_RETRIES || !wait_writable(l))
                        break;
        }
        elko_drv_tx_lost(l->drv, n - done);
        h->stats.frames_refused += n - done;
}

/* One batch from the stack to a link; returns how many frames. */
static size_t pull_output(struct elko_host *h, struct link *l)
{
        size_t room = elko_drv_tx_room(l->drv);
        size_t n;

        if (room == 0)
                return 0; /* the driver's deadline says when to try again */
        n = elko_output(h->stack, l->number, h->frames, room < BATCH ? room : BATCH, h->now);
        if (n > 0)
                transmit(h, l, n);
        h->stats.frames_out += n;
        return n;
}

static bool may_have_packets(const struct elko_host *h, struct link *l)
{
        return l->readable || elko_drv_poll_fd(l->drv) < 0 ||
               elko_drv_next_deadline(l->drv) <= h->now;
}

static void receive(struct elko_host *h, struct link *l)
{
        int n;

        elko_drv_set_now(l->drv, h->now);
        if (!may_have_packets(h, l))
                return;
        l->readable = false;
        n = elko_drv_rx(l->drv, h->packets, BATCH);
        if (n < 0) {
                link_failed(h, l, "receiving", n);
                return;
        }
        if (n > 0)
                elko_input(h->stack, l->number, h->packets, (size_t)n, h->now);
        /* A full batch: there is more, and it should not wait until all output is written. */
        l->readable = n == BATCH;
        h->stats.packets_in += (uint64_t)n;
}

int elko_host_attach(struct elko_host *h, struct elko_drv *d, struct elko_drv_why *why)
{
        struct link *l = &h->link[h->links];
        int number, fd, error;

        if (d == NULL)
                return errno != 0 ? -errno : -EINVAL;
        if (h->links == ELKO_HOST_LINKS) {
                elko_drv_close(d);
                return elko_drv_fail(why, ENOSPC, "host: there are %d links already",
                                     ELKO_HOST_LINKS);
        }
        number = elko_link_attach(h->stack, &d->link);
        if (number < 0) {
                error = elko_drv_fail(why, EINVAL,
                                      "host: the stack refuses the link %s (MTU %u): %s",
                                      d->link.name, d->link.mtu, elko_error_text(number));
                elko_drv_close(d);
                return error;
        }
        l->drv = d;
        l->number = (elko_link)number;
        fd = elko_drv_poll_fd(d);
        error = fd < 0 ? 0 : elko_host_fds_add(&h->fds, fd, EPOLLIN, on_link_readable, l);
        if (error != 0) {
                error = elko_drv_fail(why, -error, "host: watching the link %s: %s", d->link.name,
                                      strerror(-error));
                elko_drv_close(d);
                return error;
        }
        h->links++;
        return number;
}

struct elko_drv *elko_host_driver(struct elko_host *h, elko_link link)
{
        for (unsigned i = 0; i < h->links; i++)
                if (h->link[i].number == link)
                        return h->link[i].drv;
        return NULL;
}

/* ---- events and output ---- */

static size_t drain_events(struct elko_host *h)
{
        struct elko_event ev;
        size_t n = 0;

        while (n < EVENTS_MAX && elko_next_event(h->stack, &ev)) {
                if (h->config.on_event != NULL)
                        h->config.on_event(h->config.ctx, &ev);
                n++;
        }
        h->stats.events += n;
        return n;
}

static size_t pull_all_links(struct elko_host *h)
{
        size_t n = 0;

        for (unsigned i = 0; i < h->links && !h->stopped; i++)
                n += pull_output(h, &h->link[i]);
        return n;
}

static void refresh_now(struct elko_host *h)
{
        h->now = read_clock();
        for (unsigned i = 0; i < h->links; i++)
                elko_drv_set_now(h->link[i].drv, h->now);
}

/* As much is read as is written, or a device's queue towards us overflows while we send. */
static void receive_more(struct elko_host *h)
{
        for (unsigned i = 0; i < h->links && !h->stopped; i++)
                if (h->link[i].readable)
                        receive(h, &h->link[i]);
}

/* Events and output until there is neither; true: the budget is used up and work may be left. */
static bool settle(struct elko_host *h)
{
        for (int round = 0; round < SETTLE_ROUNDS && !h->stopped; round++) {
                size_t done;

                if (round > 0) {
                        refresh_now(h);
                        receive_more(h);
                }
                done = drain_events(h);
                done += pull_all_links(h);
                /* A timer that fires while output is pulled may bring news and no frame. */
                if (done == 0 && drain_events(h) == 0)
                        return false;
        }
        return true;
}

/* ---- stopping ---- */

static void on_signal(void *ctx, int fd, uint32_t events)
{
        struct elko_host *h = ctx;
        struct signalfd_siginfo info;

        (void)events;
        while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info))
                elko_host_stop(h);
}

void elko_host_stop(struct elko_host *h)
{
        h->stop_requests++;
}

bool elko_host_is_stopping(const struct elko_host *h)
{
        return h->stopping || h->stop_requests > 0;
}

/* All is said: only TIME-WAIT is left, and that is for the peers' sake. */
static bool is_idle(struct elko_host *h)
{
        struct elko_memory_info m;

        elko_memory_get(h->stack, &m);
        return m.connections == 0;
}

static void begin_stop(struct elko_host *h)
{
        h->stopping = true;
        h->stop_at = h->now + h->config.grace_ns;
        if (h->config.on_stop != NULL)
                h->config.on_stop(h->config.ctx);
}

static void check_stop(struct elko_host *h)
{
        /* A request that came during this iteration begins with the next one. */
        if (!h->stopping || h->stopped)
                return;
        if (h->stop_requests > 1 || h->now >= h->stop_at || (!h->more && is_idle(h)))
                h->stopped = true;
}

/* ---- one iteration ---- */

static uint64_t next_deadline(struct elko_host *h)
{
        uint64_t at = elko_next_deadline(h->stack);

        for (unsigned i = 0; i < h->links; i++)
                at = earlier(at, elko_drv_next_deadline(h->link[i].drv));
        at = earlier(at, elko_host_timers_next(&h->timers));
        if (h->stopping)
                at = earlier(at, h->stop_at);
        return at;
}

/* How long to sleep now. */
static uint64_t wait_span(struct elko_host *h, uint64_t max_wait_ns)
{
        uint64_t at, now;

        if (h->more || (h->stop_requests > 0 && !h->stopping))
                return 0;
        at = next_deadline(h);
        if (at == ELKO_NEVER)
                return max_wait_ns;
        now = read_clock();
        return at <= now ? 0 : earlier(at - now, max_wait_ns);
}

static int sleep_until_ready(struct elko_host *h, uint64_t max_wait_ns)
{
        uint64_t span = wait_span(h, max_wait_ns);
        int error = elko_host_fds_wait(&h->fds, span);

        h->stats.iterations++;
        h->stats.waits += span > 0;
        if (error != 0) {
                report(h, "waiting for descriptors: %s", strerror(-error));
                fail(h, error);
        }
        return error;
}

static int iterate(struct elko_host *h, uint64_t max_wait_ns)
{
        if (h->stopped || sleep_until_ready(h, max_wait_ns) != 0)
                return h->error;
        h->now = read_clock();
        h->stats.fd_calls += elko_host_fds_run(&h->fds);
        for (unsigned i = 0; i < h->links && !h->stopped; i++)
                receive(h, &h->link[i]);
        h->stats.timer_calls += elko_host_timers_run(&h->timers, h->now);
        elko_advance(h->stack, h->now);
        if (h->stop_requests > 0 && !h->stopping)
                begin_stop(h);
        h->more = settle(h);
        check_stop(h);
        return h->stopped ? h->error : 1;
}

/* What the caller asked of the stack since the last iteration is sent before we sleep. */
static void settle_caller(struct elko_host *h)
{
        if (h->stopped)
                return;
        refresh_now(h);
        h->more = settle(h) || h->more;
}

int elko_host_step(struct elko_host *h, uint64_t max_wait_ns)
{
        settle_caller(h);
        return iterate(h, max_wait_ns);
}

int elko_host_run(struct elko_host *h)
{
        int again;

        settle_caller(h);
        do
                again = iterate(h, ELKO_NEVER);
        while (again > 0);
        return again;
}

/* ---- the application's descriptors and timers ---- */

int elko_host_fd_add(struct elko_host *h, int fd, uint32_t events, elko_host_fd_fn *fn, void *ctx)
{
        return elko_host_fds_add(&h->fds, fd, events, fn, ctx);
}

int elko_host_fd_set(struct elko_host *h, int fd, uint32_t events)
{
        return elko_host_fds_set(&h->fds, fd, events);
}

int elko_host_fd_del(struct elko_host *h, int fd)
{
        return elko_host_fds_del(&h->fds, fd);
}

int elko_host_timer_set(struct elko_host *h, struct elko_host_timer *timer, uint64_t at)
{
        return elko_host_timers_set(&h->timers, timer, at);
}

void elko_host_timer_clear(struct elko_host *h, struct elko_host_timer *timer)
{
        elko_host_timers_clear(&h->timers, timer);
}

/* ---- what a host is ---- */

elko_stack *elko_host_stack(struct elko_host *h)
{
        return h->stack;
}

uint64_t elko_host_now(const struct elko_host *h)
{
        return h->now;
}

const struct elko_host_stats *elko_host_stats_get(const struct elko_host *h)
{
        return &h->stats;
}

void elko_host_config_default(struct elko_host_config *config)
{
        memset(config, 0, sizeof(*config));
        config->region_bytes = (size_t)1 << 30;
        elko_config_default(&config->stack);
        memset(config->stack.seed, 0, sizeof(config->stack.seed));
        config->signals = true;
        config->grace_ns = ELKO_SEC(3);
}

static int make_seed(struct elko_config *c, struct elko_drv_why *why)
{
        static const uint8_t none[ELKO_SEED_BYTES];

        if (memcmp(c->seed, none, sizeof(none)) != 0)
                return 0;
        if (getrandom(c->seed, sizeof(c->seed), 0) != (ssize_t)sizeof(c->seed))
                return elko_drv_fail(why, errno, "host: getrandom: %s", strerror(errno));
        return 0;
}

static int make_stack(struct elko_host *h, struct elko_drv_why *why)
{
        const char *text = "";
        void *p = mmap(NULL, h->config.region_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED)
                return elko_drv_fail(why, errno,
                                     "host: %zu bytes of address space for the stack: %s",
                                     h->config.region_bytes, strerror(errno));
        h->region = p;
        h->stack = elko_stack_create(p, h->config.region_bytes, &h->config.stack, h->now, &text);
        if (h->stack == NULL)
                return elko_drv_fail(why, EINVAL, "host: no stack in a region of %zu bytes: %s",
                                     h->config.region_bytes, text);
        return 0;
}

static int catch_signals(struct elko_host *h, struct elko_drv_why *why)
{
        sigset_t mask;
        int error;

        if (!h->config.signals)
                return 0;
        sigemptyset(&mask);
        sigaddset(&mask, SIGINT);
        sigaddset(&mask, SIGTERM);
        h->signal_fd = signalfd(-1, &mask, SFD_NONBLOCK | SFD_CLOEXEC);
        if (h->signal_fd < 0)
                return elko_drv_fail(why, errno, "host: signalfd: %s", strerror(errno));
        sigprocmask(SIG_BLOCK, &mask, &h->saved_mask);
        error = elko_host_fds_add(&h->fds, h->signal_fd, EPOLLIN, on_signal, h);
        if (error != 0)
                return elko_drv_fail(why, -error, "host: watching signals: %s", strerror(-error));
        return 0;
}

static void release_signals(struct elko_host *h)
{
        if (h->signal_fd < 0)
                return;
        sigprocmask(SIG_SETMASK, &h->saved_mask, NULL);
        close(h->signal_fd);
}

struct elko_host *elko_host_create(const struct elko_host_config *config, struct elko_drv_why *why)
{
        struct elko_host *h = calloc(1, sizeof(*h));
        int error;

        if (h == NULL) {
                elko_drv_fail(why, ENOMEM, "host: no memory");
                return NULL;
        }
        h->config = *config;
        h->signal_fd = -1;
        h->now = read_clock();
        h->saved_slack = prctl(PR_GET_TIMERSLACK);
        prctl(PR_SET_TIMERSLACK, TIMER_SLACK_NS);
        error = elko_host_fds_init(&h->fds);
        if (error != 0)
                elko_drv_fail(why, -error, "host: epoll: %s", strerror(-error));
        if (error == 0)
                error = make_seed(&h->config.stack, why);
        if (error == 0)
                error = make_stack(h, why);
        if (error == 0)
                error = catch_signals(h, why);
        if (error != 0) {
                elko_host_destroy(h);
                errno = -error;
                return NULL;
        }
        return h;
}

/* End every connection that still has an owner; returns how many. */
static unsigned abort_connections(elko_stack *st)
{
        struct elko_tcp_info info;
        uint64_t cursor = 0;
        unsigned n = 0;
        elko_sock s;

        while (elko_each(st, &cursor, &s, &info))
                if (s != ELKO_SOCK_NONE)
                        n += (info.state == ELKO_TCP_LISTEN ? elko_close(st, s)
                                                            : elko_abort(st, s)) == 0;
        return n;
}

/* The last words to the peers. */
static void abort_all(struct elko_host *h)
{
        for (int pass = 0; pass < ABORT_PASSES && abort_connections(h->stack) > 0; pass++)
                ;
        h->stopped = false;
        while (pull_all_links(h) > 0 && !h->stopped)
                ;
}

void elko_host_destroy(struct elko_host *h)
{
        if (h == NULL)
                return;
        if (h->stack != NULL) {
                if (h->error == 0)
                        abort_all(h);
                elko_stack_destroy(h->stack);
        }
        for (unsigned i = 0; i < h->links; i++)
                elko_drv_close(h->link[i].drv);
        if (h->region != NULL)
                munmap(h->region, h->config.region_bytes);
        release_signals(h);
        elko_host_timers_free(&h->timers);
        elko_host_fds_free(&h->fds);
        if (h->saved_slack >= 0)
                prctl(PR_SET_TIMERSLACK, h->saved_slack);
        free(h);
}
