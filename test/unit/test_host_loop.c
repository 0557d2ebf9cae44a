/* SPDX-License-Identifier: MIT */
/*
 * The event loop, in real time: two hosts in one thread on a wire in memory, stepped in turns.
 */

#include <signal.h>
#include <time.h>

#include "drivers/mem.h"
#include "ek_test.h"
#include "host/loop.h"

EK_TEST_MAIN();

enum { PORT = 80 };

struct peer {
        struct elko_host *host;
        elko_sock listener, sock;
        unsigned stops, errors, fired, readable;
        uint64_t received;
        bool connected;
        int error; /* of the connection */
};

static uint64_t now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return ELKO_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

static void receive_all(struct peer *p)
{
        char buf[4096];
        int64_t n;

        while ((n = elko_recv(elko_host_stack(p->host), p->sock, buf, sizeof(buf))) > 0)
                p->received += (uint64_t)n;
}

static void on_event(void *ctx, const struct elko_event *ev)
{
        struct peer *p = ctx;
        elko_stack *st = elko_host_stack(p->host);

        if ((ev->bits & ELKO_EV_ACCEPT) != 0)
                CHECK_EQ(elko_accept(st, p->listener, &p->sock, NULL), 0);
        if ((ev->bits & ELKO_EV_CONNECTED) != 0) {
                p->connected = true;
                CHECK_EQ(elko_send(st, p->sock, "hello", 5, 0), 5);
        }
        if ((ev->bits & ELKO_EV_ERROR) != 0)
                p->error = ev->error;
        if (p->sock != ELKO_SOCK_NONE)
                receive_all(p);
}

static void on_stop(void *ctx)
{
        ((struct peer *)ctx)->stops++;
}

static void on_error(void *ctx, const char *text)
{
        (void)text;
        ((struct peer *)ctx)->errors++;
}

static void open_peer(struct peer *p, struct elko_drv *d, const char *address)
{
        struct elko_host_config config;
        struct elko_drv_why why = {{0}};
        int link;

        memset(p, 0, sizeof(*p));
        elko_host_config_default(&config);
        config.region_bytes = 64 << 20;
        config.on_event = on_event;
        config.on_stop = on_stop;
        config.on_error = on_error;
        config.grace_ns = ELKO_MS(30);
        config.ctx = p;
        p->host = elko_host_create(&config, &why);
        CHECK(p->host != NULL);
        if (d == NULL)
                return;
        link = elko_host_attach(p->host, d, &why);
        CHECK(link > 0);
        CHECK_EQ(elko_addr_add(elko_host_stack(p->host), (elko_link)link, address), 0);
        CHECK(elko_host_driver(p->host, (elko_link)link) == d);
}

static void open_two(struct peer *a, struct peer *b)
{
        struct elko_drv_mem_config wire;
        struct elko_drv *da, *db;
        elko_endpoint to = {.ip = elko_ip_v4(10, 0, 0, 2), .port = PORT};

        elko_drv_mem_config_default(&wire);
        CHECK_EQ(elko_drv_mem_open(&wire, &da, &db, NULL), 0);
        open_peer(a, da, "10.0.0.1/24");
        open_peer(b, db, "10.0.0.2/24");
        CHECK_EQ(elko_listen(elko_host_stack(b->host), &to, NULL, &b->listener), 0);
        CHECK_EQ(elko_connect(elko_host_stack(a->host), &to, NULL, &a->sock), 0);
}

static void step_both(struct peer *a, struct peer *b)
{
        CHECK_EQ(elko_host_step(a->host, 0), 1);
        CHECK_EQ(elko_host_step(b->host, 0), 1);
}

EK_TEST(two_hosts_talk)
{
        uint64_t end = now_ns() + ELKO_SEC(5);
        struct peer a, b;

        open_two(&a, &b);
        while (b.received < 5 && now_ns() < end)
                step_both(&a, &b);
        CHECK(a.connected);
        CHECK_EQ(b.received, 5);
        CHECK(elko_host_stats_get(a.host)->frames_out >= 2);
        CHECK(elko_host_stats_get(b.host)->packets_in >= 2);
        elko_host_destroy(a.host); /* says goodbye by a reset */
        while (b.error == 0 && now_ns() < end)
                CHECK_EQ(elko_host_step(b.host, 0), 1);
        CHECK_EQ(b.error, ELKO_ECONNRESET);
        elko_host_destroy(b.host);
}

EK_TEST(sigterm_stops_in_order)
{
        struct peer p;

        open_peer(&p, NULL, NULL);
        kill(getpid(), SIGTERM);
        CHECK_EQ(elko_host_run(p.host), 0);
        CHECK_EQ(p.stops, 1);
        CHECK(elko_host_is_stopping(p.host));
        CHECK_EQ(elko_host_step(p.host, ELKO_NEVER), 0);
        elko_host_destroy(p.host);
}

EK_TEST(an_open_connection_is_given_the_grace_time_and_no_more)
{
        uint64_t end = now_ns() + ELKO_SEC(5), start;
        struct peer a, b;

        open_two(&a, &b);
        while (b.received < 5 && now_ns() < end)
                step_both(&a, &b);
        start = now_ns();
        elko_host_stop(b.host);
        CHECK_EQ(elko_host_run(b.host), 0);
        CHECK(now_ns() - start >= ELKO_MS(30));
        CHECK(now_ns() - start < ELKO_MS(1000));
        CHECK_EQ(b.stops, 1);

        start = now_ns();
        elko_host_stop(a.host);
        elko_host_stop(a.host);
        CHECK_EQ(elko_host_run(a.host), 0);
        CHECK(now_ns() - start < ELKO_MS(25));
        elko_host_destroy(a.host);
        elko_host_destroy(b.host);
}

static void on_timer(void *ctx, struct elko_host_timer *timer)
{
        struct peer *p = ctx;

        CHECK(now_ns() >= timer->at);
        if (++p->fired == 3)
                elko_host_stop(p->host);
        else
                elko_host_timer_set(p->host, timer, timer->at + ELKO_MS(2));
}

static void on_pipe(void *ctx, int fd, uint32_t events)
{
        struct peer *p = ctx;
        char byte;

        (void)events;
        CHECK_EQ(read(fd, &byte, 1), 1);
        p->readable++;
}

EK_TEST(timers_and_descriptors_of_the_application)
{
        struct elko_host_timer timer = {.fn = on_timer};
        uint64_t start = now_ns();
        struct peer p;
        int fd[2];

        open_peer(&p, NULL, NULL);
        CHECK_EQ(pipe(fd), 0);
        CHECK_EQ(write(fd[1], "xy", 2), 2);
        timer.ctx = &p;
        CHECK_EQ(elko_host_fd_add(p.host, fd[0], 1 /* EPOLLIN */, on_pipe, &p), 0);
        CHECK_EQ(elko_host_timer_set(p.host, &timer, elko_host_now(p.host) + ELKO_MS(2)), 0);
        CHECK_EQ(elko_host_run(p.host), 0);
        CHECK_EQ(p.fired, 3);
        CHECK_EQ(p.readable, 2);
        CHECK(now_ns() - start >= ELKO_MS(6));
        CHECK(elko_host_stats_get(p.host)->iterations < 100); /* it slept */
        elko_host_destroy(p.host);
        close(fd[0]);
        close(fd[1]);
}

static int broken_rx(struct elko_drv *d, struct elko_packet *out, size_t max)
{
        (void)d;
        (void)out;
        (void)max;
        return -19; /* ENODEV */
}

static int broken_tx(struct elko_drv *d, const struct elko_frame *f, size_t n)
{
        (void)d;
        (void)f;
        return (int)n;
}

static uint64_t broken_deadline(struct elko_drv *d)
{
        (void)d;
        return 0;
}

static void broken_close(struct elko_drv *d)
{
        d->link.mtu = 0;
}

EK_TEST(a_link_that_is_gone_ends_the_loop_with_a_reason)
{
        static const struct elko_drv_ops ops = {
                .name = "broken",
                .rx = broken_rx,
                .tx = broken_tx,
                .next_deadline = broken_deadline,
                .close = broken_close,
        };
        struct elko_drv d = {.ops = &ops, .link = {.mtu = 1500, .name = "b0"}};
        struct peer p;

        open_peer(&p, &d, "10.0.0.1/24");
        CHECK_EQ(elko_host_run(p.host), -19);
        CHECK_EQ(p.errors, 1);
        elko_host_destroy(p.host);
        CHECK_EQ(d.link.mtu, 0);
}
