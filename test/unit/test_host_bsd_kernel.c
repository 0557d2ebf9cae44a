/* SPDX-License-Identifier: MIT */
/*
 * The sockets of host/bsd.h against the kernel's: each test is one sequence of calls, made once with the kernel's
 * sockets over loopback and once with two elko stacks in memory, and what all calls answered is compared line by line:
 * results, errno, and which poll events hold. The oracle is Linux itself, so nothing here says what is right.
 *
 * Sockets do not block on either side. The kernel gets a moment after each call, the stacks exchange packets until
 * both are silent.
 */
#include "ek_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "host/bsd.h"

enum { CLIENT, SERVER, SIDES, SIDE_STEP = 100000 };

struct side {
        void *region;
        elko_stack *st;
        struct elko_bsd *b;
        elko_link link;
};

struct world {
        bool kernel;
        struct side side[SIDES];
        uint64_t now;
        char log[16384];
        size_t used;
        int open[64]; /* kernel descriptors, to close at the end */
        unsigned n_open;
};

/* ---- the elko world ---- */

static void make_side(struct world *w, unsigned i)
{
        static const char *const cidr[SIDES] = {"10.0.0.1/24", "10.0.0.2/24"};
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP, .mtu = 1500, .name = "wire"};
        struct side *s = &w->side[i];
        struct elko_config cfg;

        elko_config_default(&cfg);
        memset(cfg.seed, (int)i + 1, sizeof(cfg.seed));
        s->region = malloc(16 << 20);
        s->st = elko_stack_create(s->region, 16 << 20, &cfg, w->now, NULL);
        CHECK(s->st != NULL);
        s->link = (elko_link)elko_link_attach(s->st, &link);
        CHECK_EQ(elko_addr_add(s->st, s->link, cidr[i]), ELKO_OK);
        s->b = elko_bsd_create(s->st);
        CHECK(s->b != NULL);
}

static size_t carry(struct world *w, struct side *from, struct side *to)
{
        struct elko_frame f;
        uint8_t buf[2048];
        size_t n = 0;

        while (elko_output(from->st, from->link, &f, 1, w->now) == 1) {
                struct elko_packet p = {.data = buf, .len = f.len};
                size_t at = 0;

                for (uint32_t i = 0; i < f.parts; i++) {
                        memcpy(buf + at, f.part[i].data, f.part[i].len);
                        at += f.part[i].len;
                }
                elko_input(to->st, to->link, &p, 1, w->now);
                n++;
        }
        return n;
}

/* After each call: let it have its effect. */
static void settle(struct world *w)
{
        if (w->kernel) {
                usleep(300);
                return;
        }
        w->now += ELKO_US(300);
        while (carry(w, &w->side[0], &w->side[1]) + carry(w, &w->side[1], &w->side[0]) > 0)
                ;
        for (unsigned i = 0; i < SIDES; i++) {
                elko_bsd_update(w->side[i].b);
                if (elko_check(w->side[i].st) != NULL)
                        ek_test_fail(__FILE__, __LINE__, "%s", elko_check(w->side[i].st));
        }
}

static struct elko_bsd *bsd(struct world *w, int fd)
{
        return w->side[fd / SIDE_STEP].b;
}

/* ---- what is compared ---- */

__attribute__((format(printf, 2, 3))) static void say(struct world *w, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        w->used += (size_t)vsnprintf(w->log + w->used, sizeof(w->log) - w->used, format, args);
        va_end(args);
        CHECK(w->used < sizeof(w->log));
}

static const char *result(long r)
{
        static char text[4][32];
        static unsigned at;

        at = (at + 1) % 4;
        if (r < 0)
                snprintf(text[at], sizeof(text[at]), "%s", strerrorname_np((int)-r));
        else
                snprintf(text[at], sizeof(text[at]), "%ld", r);
        return text[at];
}

static long kernel_result(long r)
{
        return r < 0 ? -errno : r;
}

/* ---- the calls ---- */

static int keep_fd(struct world *w, int fd)
{
        if (fd >= 0) {
                CHECK(w->n_open < 64);
                w->open[w->n_open++] = fd;
        }
        return fd;
}

static int w_socket(struct world *w, int side, int domain, int type, int protocol)
{
        int r;

        if (w->kernel)
                r = keep_fd(w, (int)kernel_result(socket(domain, type | SOCK_NONBLOCK, protocol)));
        else
                r = elko_bsd_socket(w->side[side].b, domain, type | SOCK_NONBLOCK, protocol);
        say(w, "socket %s\n", r < 0 ? result(r) : "ok");
        return r < 0 || w->kernel ? r : r + side * SIDE_STEP;
}

static int tcp(struct world *w, int side)
{
        return w_socket(w, side, AF_INET, SOCK_STREAM, 0);
}

static struct sockaddr_in address(struct world *w, int side, uint16_t port)
{
        struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};

        inet_pton(AF_INET,
                  w->kernel        ? "127.0.0.1"
                  : side == CLIENT ? "10.0.0.1"
                                   : "10.0.0.2",
                  &a.sin_addr);
        return a;
}

static uint16_t port_of(struct world *w, int fd)
{
        struct sockaddr_in a = {0};
        socklen_t len = sizeof(a);

        if (w->kernel)
                getsockname(fd, (struct sockaddr *)&a, &len);
        else
                elko_bsd_getname(bsd(w, fd), fd % SIDE_STEP, false, (struct sockaddr *)&a, &len);
        return ntohs(a.sin_port);
}

static long w_bind_to(struct world *w, int fd, struct sockaddr_in a, socklen_t len)
{
        long r = w->kernel ? kernel_result(bind(fd, (struct sockaddr *)&a, len))
                           : elko_bsd_bind(bsd(w, fd), fd % SIDE_STEP, (struct sockaddr *)&a, len);

        say(w, "bind %s\n", result(r));
        return r;
}

static long w_bind(struct world *w, int fd, int side, uint16_t port)
{
        return w_bind_to(w, fd, address(w, side, port), sizeof(struct sockaddr_in));
}

static long w_listen(struct world *w, int fd, int backlog)
{
        long r = w->kernel ? kernel_result(listen(fd, backlog))
                           : elko_bsd_listen(bsd(w, fd), fd % SIDE_STEP, backlog);

        say(w, "listen %s\n", result(r));
        return r;
}

static int w_accept(struct world *w, int fd)
{
        struct sockaddr_in a = {0};
        socklen_t len = sizeof(a);
        int r = w->kernel ? keep_fd(w, (int)kernel_result(accept4(fd, (struct sockaddr *)&a, &len,
                                                                  SOCK_NONBLOCK)))
                          : elko_bsd_accept(bsd(w, fd), fd % SIDE_STEP, (struct sockaddr *)&a, &len,
                                            SOCK_NONBLOCK);

        settle(w);
        say(w, "accept %s\n", r < 0 ? result(r) : "ok");
        if (r >= 0)
                say(w, "  from family %d, length %u, port %s\n", a.sin_family, (unsigned)len,
                    a.sin_port != 0 ? "some" : "none");
        return r < 0 || w->kernel ? r : r + fd / SIDE_STEP * SIDE_STEP;
}

static long w_connect_to(struct world *w, int fd, const void *a, socklen_t len)
{
        long r = w->kernel ? kernel_result(connect(fd, a, len))
                           : elko_bsd_connect(bsd(w, fd), fd % SIDE_STEP, a, len);

        settle(w);
        say(w, "connect %s\n", result(r));
        return r;
}

static long w_connect(struct world *w, int fd, uint16_t port)
{
        struct sockaddr_in a = address(w, SERVER, port);

        return w_connect_to(w, fd, &a, sizeof(a));
}

static long w_send(struct world *w, int fd, size_t len, int flags)
{
        static const char data[100000];
        long r;

        flags |= MSG_NOSIGNAL;
        r = w->kernel ? kernel_result(send(fd, data, len, flags))
                      : elko_bsd_send(bsd(w, fd), fd % SIDE_STEP, data, len, flags);
        settle(w);
        say(w, "send %zu: %s\n", len, result(r));
        return r;
}

static long w_recv(struct world *w, int fd, size_t len, int flags)
{
        static char data[100000];
        long r = w->kernel ? kernel_result(recv(fd, data, len, flags))
                           : elko_bsd_recv(bsd(w, fd), fd % SIDE_STEP, data, len, flags);

        settle(w);
        say(w, "recv %zu flags %x: %s\n", len, flags, result(r));
        return r;
}

static long w_shutdown(struct world *w, int fd, int how)
{
        long r = w->kernel ? kernel_result(shutdown(fd, how))
                           : elko_bsd_shutdown(bsd(w, fd), fd % SIDE_STEP, how);

        settle(w);
        say(w, "shutdown %d: %s\n", how, result(r));
        return r;
}

static long w_close(struct world *w, int fd)
{
        long r = w->kernel ? kernel_result(close(fd)) : elko_bsd_close(bsd(w, fd), fd % SIDE_STEP);

        for (unsigned i = 0; w->kernel && i < w->n_open; i++)
                if (w->open[i] == fd)
                        w->open[i] = -1;
        settle(w);
        say(w, "close %s\n", result(r));
        return r;
}

static void w_poll(struct world *w, int fd)
{
        static const struct {
                unsigned bit;
                const char *name;
        } names[] = {{POLLIN, "IN"},         {POLLOUT, "OUT"},       {POLLERR, "ERR"},
                     {POLLHUP, "HUP"},       {POLLPRI, "PRI"},       {POLLRDHUP, "RDHUP"},
                     {POLLRDNORM, "RDNORM"}, {POLLWRNORM, "WRNORM"}, {POLLNVAL, "NVAL"}};
        const short all = POLLIN | POLLOUT | POLLPRI | POLLRDHUP | POLLRDNORM | POLLWRNORM;
        struct pollfd p = {.fd = fd, .events = all};
        unsigned r;

        if (w->kernel) {
                poll(&p, 1, 0);
                r = (unsigned short)p.revents;
        } else {
                r = elko_bsd_poll(bsd(w, fd), fd % SIDE_STEP);
        }
        say(w, "poll");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (r & names[i].bit)
                        say(w, " %s", names[i].name);
        say(w, "\n");
}

static long w_set_bytes(struct world *w, int fd, int level, int name, const void *v, socklen_t len)
{
        long r = w->kernel ? kernel_result(setsockopt(fd, level, name, v, len))
                           : elko_bsd_setsockopt(bsd(w, fd), fd % SIDE_STEP, level, name, v, len);

        settle(w);
        say(w, "setsockopt %d %d: %s\n", level, name, result(r));
        return r;
}

static long w_set(struct world *w, int fd, int level, int name, int v)
{
        say(w, "%d to ", v);
        return w_set_bytes(w, fd, level, name, &v, sizeof(v));
}

static long w_get(struct world *w, int fd, int level, int name, socklen_t len)
{
        uint8_t v[512] = {0};
        socklen_t got = len;
        long r = w->kernel ? kernel_result(getsockopt(fd, level, name, v, &got))
                           : elko_bsd_getsockopt(bsd(w, fd), fd % SIDE_STEP, level, name, v, &got);
        int n;

        memcpy(&n, v, sizeof(n));
        say(w, "getsockopt %d %d: %s", level, name, result(r));
        if (r == 0)
                say(w, ", length %u", (unsigned)got);
        if (r == 0 && got <= 4)
                say(w, ", value %d", n);
        say(w, "\n");
        return r;
}

static void w_error(struct world *w, int fd)
{
        w_get(w, fd, SOL_SOCKET, SO_ERROR, sizeof(int));
}

static void w_ioctl(struct world *w, int fd, unsigned long request)
{
        int n = -1;
        long r = w->kernel ? kernel_result(ioctl(fd, request, &n))
                           : elko_bsd_ioctl(bsd(w, fd), fd % SIDE_STEP, request, &n);

        say(w, "ioctl %lx: %s, %d\n", request, result(r), n);
}

static void w_name(struct world *w, int fd, bool peer)
{
        struct sockaddr_in a = {0};
        socklen_t len = sizeof(a);
        long r;

        if (w->kernel)
                r = kernel_result(
                        (peer ? getpeername : getsockname)(fd, (struct sockaddr *)&a, &len));
        else
                r = elko_bsd_getname(bsd(w, fd), fd % SIDE_STEP, peer, (struct sockaddr *)&a, &len);
        say(w, "get%sname %s", peer ? "peer" : "sock", result(r));
        if (r == 0)
                say(w, ", family %d, length %u, address %s, port %s", a.sin_family, (unsigned)len,
                    a.sin_addr.s_addr != 0 ? "some" : "any", a.sin_port != 0 ? "some" : "none");
        say(w, "\n");
}

/* Long enough for a delayed acknowledgement. */
static void w_pause(struct world *w)
{
        if (w->kernel)
                usleep(60000);
        w->now += ELKO_MS(60);
        settle(w);
}

/* Of TCP_INFO what does not depend on time, MTU and implementation. */
static void w_info(struct world *w, int fd)
{
        uint8_t v[280] = {0};
        socklen_t len = sizeof(v);
        uint64_t acked, received;

        w_pause(w);
        if (w->kernel)
                getsockopt(fd, SOL_TCP, TCP_INFO, v, &len);
        else
                elko_bsd_getsockopt(bsd(w, fd), fd % SIDE_STEP, SOL_TCP, TCP_INFO, v, &len);
        memcpy(&acked, v + 120, 8);
        memcpy(&received, v + 128, 8);
        say(w,
            "info state %u ca %u retransmits %u probes %u backoff %u options %x acked %llu received %llu\n",
            v[0], v[1], v[2], v[3], v[4], v[5] & 7u, (unsigned long long)acked,
            (unsigned long long)received);
}

/* ---- running ---- */

static void run(struct world *w, bool kernel, void (*sequence)(struct world *w))
{
        memset(w, 0, sizeof(*w));
        w->kernel = kernel;
        w->now = ELKO_SEC(1000);
        for (unsigned i = 0; i < SIDES && !kernel; i++)
                make_side(w, i);
        sequence(w);
        for (unsigned i = 0; i < w->n_open; i++)
                if (w->open[i] >= 0)
                        close(w->open[i]);
        for (unsigned i = 0; i < SIDES && !kernel; i++) {
                elko_bsd_destroy(w->side[i].b);
                elko_stack_destroy(w->side[i].st);
                free(w->side[i].region);
        }
}

static void compare(void (*sequence)(struct world *w))
{
        static struct world kernel, elko;
        char *a = kernel.log, *b = elko.log;

        run(&kernel, true, sequence);
        run(&elko, false, sequence);
        if (strcmp(a, b) == 0)
                return;
        for (unsigned line = 1; *a != 0 || *b != 0; line++) {
                int la = (int)strcspn(a, "\n"), lb = (int)strcspn(b, "\n");

                printf("%3u %-60.*s", line, la, a);
                if (la != lb || memcmp(a, b, (size_t)la) != 0)
                        printf(" elko: %.*s", lb, b);
                printf("\n");
                a += la + (a[la] != 0);
                b += lb + (b[lb] != 0);
        }
        ek_test_fail(__FILE__, __LINE__, "elko's sockets answered otherwise than the kernel's");
}

/* A listener and a connection to it. */
struct pair {
        int ls, client, server;
};

static struct pair open_pair(struct world *w)
{
        struct pair p;

        p.ls = tcp(w, SERVER);
        w_bind(w, p.ls, SERVER, 0);
        w_listen(w, p.ls, 5);
        p.client = tcp(w, CLIENT);
        w_connect(w, p.client, port_of(w, p.ls));
        p.server = w_accept(w, p.ls);
        return p;
}

#define SEQUENCE(name)                                                                             \
        static void sequence_##name(struct world *w);                                              \
        EK_TEST(name)                                                                              \
        {                                                                                          \
                compare(sequence_##name);                                                          \
        }                                                                                          \
        static void sequence_##name(struct world *w)

/* ---- sequences ---- */

SEQUENCE(kinds_of_sockets)
{
        w_socket(w, CLIENT, AF_INET, SOCK_STREAM, IPPROTO_TCP);
        w_socket(w, CLIENT, AF_INET6, SOCK_STREAM, IPPROTO_TCP);
        w_socket(w, CLIENT, AF_INET, SOCK_STREAM, IPPROTO_UDP);
        w_socket(w, CLIENT, AF_INET, SOCK_SEQPACKET, 0);
        w_socket(w, CLIENT, 12345, SOCK_STREAM, 0);
}

SEQUENCE(a_new_socket)
{
        int s = tcp(w, CLIENT);

        w_poll(w, s);
        w_recv(w, s, 10, 0);
        w_send(w, s, 10, 0);
        w_shutdown(w, s, SHUT_RDWR);
        w_shutdown(w, s, 7);
        w_accept(w, s);
        w_name(w, s, true);
        w_name(w, s, false);
        w_error(w, s);
        w_info(w, s);
        w_ioctl(w, s, FIONREAD);
        w_close(w, s);
}

SEQUENCE(binding)
{
        int a = tcp(w, SERVER), b = tcp(w, SERVER), c = tcp(w, SERVER);
        struct sockaddr_in foreign = address(w, SERVER, 0);

        w_bind(w, a, SERVER, 0);
        w_name(w, a, false);
        w_bind(w, a, SERVER, 0);
        w_bind(w, b, SERVER, port_of(w, a));
        w_bind_to(w, b, foreign, 4);
        foreign.sin_family = AF_INET6;
        w_bind_to(w, b, foreign, sizeof(foreign));
        foreign.sin_family = AF_INET;
        inet_pton(AF_INET, "192.0.2.77", &foreign.sin_addr);
        w_bind_to(w, b, foreign, sizeof(foreign));
        w_listen(w, a, 1);
        w_bind(w, b, SERVER, port_of(w, a));
        w_set(w, c, SOL_SOCKET, SO_REUSEADDR, 1);
        w_bind(w, c, SERVER, port_of(w, a));
}

SEQUENCE(reuse_of_addresses)
{
        int a = tcp(w, SERVER), b = tcp(w, SERVER), c = tcp(w, SERVER);
        uint16_t port;

        w_set(w, a, SOL_SOCKET, SO_REUSEADDR, 1);
        w_set(w, b, SOL_SOCKET, SO_REUSEADDR, 1);
        w_bind(w, a, SERVER, 0);
        port = port_of(w, a);
        w_bind(w, b, SERVER, port);
        w_listen(w, a, 1);
        w_listen(w, b, 1);
        w_close(w, a);
        w_listen(w, b, 1);
        w_bind(w, c, SERVER, port);
}

SEQUENCE(a_listener)
{
        int ls = tcp(w, SERVER), c;

        w_listen(w, ls, 5);
        w_name(w, ls, false);
        w_poll(w, ls);
        w_accept(w, ls);
        w_recv(w, ls, 10, 0);
        w_send(w, ls, 10, 0);
        w_listen(w, ls, 7);
        w_get(w, ls, SOL_SOCKET, SO_ACCEPTCONN, 4);
        w_ioctl(w, ls, FIONREAD);
        w_info(w, ls);
        c = tcp(w, CLIENT);
        w_connect(w, c, port_of(w, ls));
        w_poll(w, ls);
        w_connect(w, ls, port_of(w, ls));
        w_accept(w, ls);
        w_poll(w, ls);
        w_shutdown(w, ls, SHUT_RD);
        w_poll(w, ls);
        w_accept(w, ls);
        w_get(w, ls, SOL_SOCKET, SO_ACCEPTCONN, 4);
}

SEQUENCE(connecting)
{
        struct pair p = open_pair(w);

        w_poll(w, p.client);
        w_poll(w, p.server);
        w_error(w, p.client);
        w_connect(w, p.client, port_of(w, p.ls));
        w_connect(w, p.client, port_of(w, p.ls));
        w_poll(w, p.client);
        w_info(w, p.client);
        w_info(w, p.server);
        w_name(w, p.client, true);
        w_name(w, p.server, true);
        w_name(w, p.client, false);
}

SEQUENCE(refused)
{
        int probe = tcp(w, SERVER), c = tcp(w, CLIENT);
        uint16_t port;

        w_bind(w, probe, SERVER, 0); /* bound, not listening */
        port = port_of(w, probe);
        w_connect(w, c, port);
        w_poll(w, c);
        w_error(w, c);
        w_error(w, c);
        w_poll(w, c);
        w_recv(w, c, 10, 0);
        w_send(w, c, 10, 0);
        w_connect(w, c, port);
        w_connect(w, c, port);
        w_poll(w, c);
        w_listen(w, probe, 1);
        w_connect(w, c, port);
        w_poll(w, c);
        w_info(w, c);
}

SEQUENCE(addresses_to_connect_to)
{
        int c = tcp(w, CLIENT);
        struct sockaddr_in a = address(w, SERVER, 9);

        w_connect_to(w, c, &a, 3);
        a.sin_family = AF_INET6;
        w_connect_to(w, c, &a, sizeof(a));
        w_poll(w, c);
}

SEQUENCE(data)
{
        struct pair p = open_pair(w);

        w_send(w, p.client, 0, 0);
        w_send(w, p.client, 1000, 0);
        w_poll(w, p.server);
        w_ioctl(w, p.server, FIONREAD);
        w_recv(w, p.server, 0, 0);
        w_recv(w, p.server, 100, MSG_PEEK);
        w_recv(w, p.server, 2000, MSG_PEEK);
        w_recv(w, p.server, 300, MSG_TRUNC);
        w_ioctl(w, p.server, FIONREAD);
        w_recv(w, p.server, 500, 0);
        w_recv(w, p.server, 500, MSG_DONTWAIT);
        w_recv(w, p.server, 500, 0);
        w_recv(w, p.server, 500, MSG_PEEK);
        w_poll(w, p.server);
        w_recv(w, p.server, 1, MSG_OOB);
        w_recv(w, p.server, 1, MSG_ERRQUEUE);
        w_send(w, p.server, 20000, 0);
        w_recv(w, p.client, 50000, 0);
        w_info(w, p.server);
        w_info(w, p.client);
}

SEQUENCE(half_close)
{
        struct pair p = open_pair(w);

        w_send(w, p.client, 10, 0);
        w_shutdown(w, p.client, SHUT_WR);
        w_poll(w, p.client);
        w_poll(w, p.server);
        w_info(w, p.client);
        w_info(w, p.server);
        w_send(w, p.client, 10, 0);
        w_shutdown(w, p.client, SHUT_WR);
        w_recv(w, p.server, 100, 0);
        w_poll(w, p.server);
        w_recv(w, p.server, 100, 0);
        w_recv(w, p.server, 100, 0);
        w_poll(w, p.server);
        w_send(w, p.server, 500, 0);
        w_recv(w, p.client, 1000, 0);
        w_recv(w, p.client, 1000, 0);
        w_shutdown(w, p.server, SHUT_WR);
        w_poll(w, p.client);
        w_poll(w, p.server);
        w_recv(w, p.client, 1000, 0);
        w_info(w, p.server);
        w_shutdown(w, p.client, SHUT_RDWR);
        w_shutdown(w, p.server, SHUT_RDWR);
        w_error(w, p.client);
        w_error(w, p.server);
        w_close(w, p.client);
        w_close(w, p.server);
}

SEQUENCE(shut_for_reading)
{
        struct pair p = open_pair(w);

        w_shutdown(w, p.server, SHUT_RD);
        w_poll(w, p.server);
        w_recv(w, p.server, 100, 0);
        w_send(w, p.client, 10, 0);
        w_poll(w, p.server);
        w_recv(w, p.server, 100, 0);
        w_recv(w, p.server, 100, 0);
        w_send(w, p.server, 10, 0);
        w_recv(w, p.client, 100, 0);
        w_shutdown(w, p.server, SHUT_RD);
        w_shutdown(w, p.server, SHUT_WR);
        w_poll(w, p.server);
        w_send(w, p.server, 10, 0);
}

/* RFC 9293, 3.6: who closes with data unread, or gets data after it closed, resets. */
SEQUENCE(closed_with_data_unread)
{
        struct pair p = open_pair(w);

        w_send(w, p.client, 10, 0);
        w_close(w, p.server);
        w_poll(w, p.client);
        w_info(w, p.client);
        w_recv(w, p.client, 10, 0);
        w_recv(w, p.client, 10, 0);
        w_send(w, p.client, 10, 0);
        w_error(w, p.client);
        w_poll(w, p.client);
        w_shutdown(w, p.client, SHUT_WR);
        w_name(w, p.client, true);
}

SEQUENCE(data_to_a_closed_socket)
{
        struct pair p = open_pair(w);

        w_close(w, p.server);
        w_poll(w, p.client);
        w_recv(w, p.client, 10, 0);
        w_send(w, p.client, 10, 0);
        w_poll(w, p.client);
        w_send(w, p.client, 10, 0);
        w_error(w, p.client);
        w_recv(w, p.client, 10, 0);
        w_send(w, p.client, 10, 0);
}

SEQUENCE(reset_by_linger)
{
        struct linger now = {.l_onoff = 1};
        struct pair p = open_pair(w);

        w_send(w, p.client, 10, 0);
        w_set_bytes(w, p.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        w_get(w, p.client, SOL_SOCKET, SO_LINGER, sizeof(now));
        w_close(w, p.client);
        w_poll(w, p.server);
        w_error(w, p.server);
        w_poll(w, p.server);
        w_recv(w, p.server, 100, 0);
        w_recv(w, p.server, 100, 0);
        w_send(w, p.server, 100, 0);
}

SEQUENCE(reset_and_send_first)
{
        struct linger now = {.l_onoff = 1};
        struct pair p = open_pair(w);

        w_set_bytes(w, p.client, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        w_close(w, p.client);
        w_send(w, p.server, 100, 0);
        w_send(w, p.server, 100, 0);
        w_recv(w, p.server, 100, 0);
}

SEQUENCE(disconnected_by_af_unspec)
{
        struct sockaddr none = {.sa_family = AF_UNSPEC};
        struct pair p = open_pair(w);

        w_connect_to(w, p.client, &none, sizeof(none));
        w_poll(w, p.client);
        w_poll(w, p.server);
        w_recv(w, p.server, 10, 0);
        w_recv(w, p.client, 10, 0);
        w_connect(w, p.client, port_of(w, p.ls));
        w_poll(w, p.client);
        w_accept(w, p.ls);
}

SEQUENCE(closing_twice_and_more)
{
        struct pair p = open_pair(w);

        w_close(w, p.client);
        w_close(w, p.client);
        w_recv(w, p.client, 10, 0);
        w_send(w, p.client, 10, 0);
        w_listen(w, p.client, 10);
        w_poll(w, p.client);
        w_info(w, p.server);
        w_close(w, p.server);
}

SEQUENCE(listening_on_a_connection)
{
        struct pair p = open_pair(w);

        w_listen(w, p.client, 5);
        w_accept(w, p.client);
        w_bind(w, p.client, CLIENT, 0);
}

SEQUENCE(options)
{
        static const struct {
                int level, name, values[5];
        } o[] = {
                {SOL_SOCKET, SO_KEEPALIVE, {0, 1, 5, -1, 0}},
                {SOL_SOCKET, SO_REUSEADDR, {1, 3, 0, -1, 1}},
                {SOL_SOCKET, SO_REUSEPORT, {1, 0, 2, -7, 0}},
                {SOL_SOCKET, SO_OOBINLINE, {1, 0, 2, 1, 0}},
                {SOL_SOCKET, SO_RCVLOWAT, {1, 100, 0, 5, 1}},
                {SOL_SOCKET, SO_SNDBUF, {1, 10000, 50000, 4608, 100}},
                {SOL_SOCKET, SO_RCVBUF, {1, 10000, 50000, 2304, 100}},
                {SOL_SOCKET, SO_PRIORITY, {0, 6, 1, 3, 0}},
                {SOL_TCP, TCP_NODELAY, {1, 0, 17, -1, 0}},
                {SOL_TCP, TCP_CORK, {1, 0, 17, -1, 0}},
                {SOL_TCP, TCP_KEEPIDLE, {1, 0, 32767, 32768, 100}},
                {SOL_TCP, TCP_KEEPINTVL, {1, 0, 32767, 32768, 100}},
                {SOL_TCP, TCP_KEEPCNT, {1, 0, 127, 128, 3}},
                {SOL_TCP, TCP_SYNCNT, {1, 0, 127, 128, 3}},
                {SOL_TCP, TCP_USER_TIMEOUT, {0, 1000, -1, 5, 0}},
                {SOL_TCP, TCP_QUICKACK, {1, 0, 1, 1, 1}},
                {SOL_TCP, TCP_MAXSEG, {1000, 40, 40000, 88, 0}},
                {SOL_IP, IP_TTL, {1, 255, 0, 256, -1}},
                {SOL_IP, IP_TOS, {0, 0x28, 0xb9, 0xfc, 0}},
        };
        int s = tcp(w, CLIENT);

        for (size_t i = 0; i < sizeof(o) / sizeof(o[0]); i++)
                for (unsigned k = 0; k < 5; k++) {
                        w_set(w, s, o[i].level, o[i].name, o[i].values[k]);
                        w_get(w, s, o[i].level, o[i].name, 4);
                }
}

SEQUENCE(options_in_odd_sizes)
{
        int s = tcp(w, CLIENT), one = 1;
        char cc[16] = "reno", bad[16] = "nosuchthing";
        struct linger l = {.l_onoff = 1, .l_linger = 3};

        w_set_bytes(w, s, SOL_TCP, TCP_NODELAY, &one, 2);
        w_set_bytes(w, s, SOL_TCP, TCP_NODELAY, &one, 0);
        w_set_bytes(w, s, SOL_TCP, TCP_NODELAY, NULL, 4);
        w_get(w, s, SOL_TCP, TCP_NODELAY, 2);
        w_get(w, s, SOL_TCP, TCP_NODELAY, 8);
        w_set_bytes(w, s, SOL_SOCKET, SO_LINGER, &l, 4);
        w_set_bytes(w, s, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        w_get(w, s, SOL_SOCKET, SO_LINGER, sizeof(l));
        w_set(w, s, SOL_TCP, 9999, 1);
        w_set(w, s, SOL_SOCKET, 9999, 1);
        w_set(w, s, 9999, 1, 1);
        w_get(w, s, SOL_TCP, 9999, 4);
        w_get(w, s, SOL_SOCKET, 9999, 4);
        w_get(w, s, SOL_SOCKET, SO_TYPE, 4);
        w_get(w, s, SOL_SOCKET, SO_DOMAIN, 4);
        w_get(w, s, SOL_SOCKET, SO_PROTOCOL, 4);
        w_get(w, s, SOL_SOCKET, SO_ACCEPTCONN, 4);
        w_set_bytes(w, s, SOL_TCP, TCP_CONGESTION, cc, 4);
        w_set_bytes(w, s, SOL_TCP, TCP_CONGESTION, bad, 11);
        w_get(w, s, SOL_TCP, TCP_CONGESTION, 16);
}

SEQUENCE(options_are_inherited)
{
        int ls = tcp(w, SERVER), c = tcp(w, CLIENT), s;
        struct linger l = {.l_onoff = 1, .l_linger = 3};

        w_set(w, ls, SOL_TCP, TCP_NODELAY, 1);
        w_set(w, ls, SOL_SOCKET, SO_KEEPALIVE, 1);
        w_set(w, ls, SOL_TCP, TCP_KEEPIDLE, 77);
        w_set(w, ls, SOL_IP, IP_TTL, 33);
        w_set_bytes(w, ls, SOL_SOCKET, SO_LINGER, &l, sizeof(l));
        w_listen(w, ls, 5);
        w_connect(w, c, port_of(w, ls));
        s = w_accept(w, ls);
        w_get(w, s, SOL_TCP, TCP_NODELAY, 4);
        w_get(w, s, SOL_SOCKET, SO_KEEPALIVE, 4);
        w_get(w, s, SOL_TCP, TCP_KEEPIDLE, 4);
        w_get(w, s, SOL_IP, IP_TTL, 4);
        w_get(w, s, SOL_SOCKET, SO_LINGER, sizeof(l));
        w_get(w, s, SOL_SOCKET, SO_ACCEPTCONN, 4);
}

/* ---- epoll ---- */

static int w_epoll(struct world *w, int side)
{
        int r = w->kernel ? keep_fd(w, epoll_create1(0)) : elko_bsd_epoll_create(w->side[side].b);

        return w->kernel ? r : r + side * SIDE_STEP;
}

static void w_ctl(struct world *w, int ep, int op, int fd, uint32_t events)
{
        struct epoll_event ev = {.events = events, .data.u32 = 7};
        long r = w->kernel
                         ? kernel_result(epoll_ctl(ep, op, fd, &ev))
                         : elko_bsd_epoll_ctl(bsd(w, ep), ep % SIDE_STEP, op, fd % SIDE_STEP, &ev);

        say(w, "epoll_ctl %d: %s\n", op, result(r));
}

static void w_wait(struct world *w, int ep)
{
        struct epoll_event ev[8];
        long r = w->kernel ? kernel_result(epoll_wait(ep, ev, 8, 0))
                           : elko_bsd_epoll_wait(bsd(w, ep), ep % SIDE_STEP, ev, 8);

        say(w, "epoll_wait %s", result(r));
        for (long i = 0; i < r; i++)
                say(w, " %x/%u", ev[i].events, ev[i].data.u32);
        say(w, "\n");
}

SEQUENCE(epoll_control)
{
        struct pair p = open_pair(w);
        int ep = w_epoll(w, SERVER);

        w_ctl(w, ep, EPOLL_CTL_MOD, p.server, EPOLLIN);
        w_ctl(w, ep, EPOLL_CTL_ADD, p.server, EPOLLIN);
        w_ctl(w, ep, EPOLL_CTL_ADD, p.server, EPOLLIN);
        w_ctl(w, ep, EPOLL_CTL_ADD, ep, EPOLLIN);
        w_ctl(w, ep, EPOLL_CTL_DEL, p.server, 0);
        w_ctl(w, ep, EPOLL_CTL_DEL, p.server, 0);
        w_ctl(w, ep, 9, p.server, 0);
        w_wait(w, ep);
}

SEQUENCE(epoll_by_level)
{
        struct pair p = open_pair(w);
        int ep = w_epoll(w, SERVER);

        w_ctl(w, ep, EPOLL_CTL_ADD, p.server, EPOLLIN | EPOLLRDHUP);
        w_wait(w, ep);
        w_send(w, p.client, 10, 0);
        w_wait(w, ep);
        w_wait(w, ep);
        w_recv(w, p.server, 4, 0);
        w_wait(w, ep);
        w_recv(w, p.server, 10, 0);
        w_wait(w, ep);
        w_ctl(w, ep, EPOLL_CTL_MOD, p.server, EPOLLOUT);
        w_wait(w, ep);
        w_ctl(w, ep, EPOLL_CTL_MOD, p.server, EPOLLIN | EPOLLRDHUP);
        w_shutdown(w, p.client, SHUT_WR);
        w_wait(w, ep);
        w_shutdown(w, p.server, SHUT_WR);
        w_wait(w, ep);
        w_close(w, p.server);
        w_wait(w, ep);
}

SEQUENCE(epoll_by_edge)
{
        struct pair p = open_pair(w);
        int ep = w_epoll(w, SERVER);

        w_ctl(w, ep, EPOLL_CTL_ADD, p.server, EPOLLIN | EPOLLET);
        w_wait(w, ep);
        w_send(w, p.client, 10, 0);
        w_wait(w, ep);
        w_wait(w, ep);
        w_recv(w, p.server, 4, 0);
        w_wait(w, ep);
        w_send(w, p.client, 10, 0);
        w_wait(w, ep);
        w_wait(w, ep);
        w_ctl(w, ep, EPOLL_CTL_MOD, p.server, EPOLLIN | EPOLLET);
        w_wait(w, ep);
        w_shutdown(w, p.client, SHUT_WR);
        w_wait(w, ep);
        w_wait(w, ep);
}

SEQUENCE(epoll_once)
{
        struct pair p = open_pair(w);
        int ep = w_epoll(w, SERVER);

        w_ctl(w, ep, EPOLL_CTL_ADD, p.server, EPOLLIN | EPOLLONESHOT);
        w_send(w, p.client, 10, 0);
        w_wait(w, ep);
        w_send(w, p.client, 10, 0);
        w_wait(w, ep);
        w_ctl(w, ep, EPOLL_CTL_MOD, p.server, EPOLLIN | EPOLLONESHOT);
        w_wait(w, ep);
        w_wait(w, ep);
}

SEQUENCE(epoll_of_a_listener_and_a_reset)
{
        struct linger now = {.l_onoff = 1};
        int ls = tcp(w, SERVER), c, s, ep = w_epoll(w, SERVER);

        w_listen(w, ls, 5);
        w_ctl(w, ep, EPOLL_CTL_ADD, ls, EPOLLIN);
        w_wait(w, ep);
        c = tcp(w, CLIENT);
        w_connect(w, c, port_of(w, ls));
        w_wait(w, ep);
        s = w_accept(w, ls);
        w_wait(w, ep);
        w_ctl(w, ep, EPOLL_CTL_ADD, s, EPOLLIN | EPOLLOUT | EPOLLRDHUP);
        w_wait(w, ep);
        w_set_bytes(w, c, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        w_close(w, c);
        w_wait(w, ep);
}

EK_TEST_MAIN();
