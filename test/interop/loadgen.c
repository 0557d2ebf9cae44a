/* SPDX-License-Identifier: MIT */
/*
 * loadgen: many short HTTP connections from the kernel's TCP to one server.
 *
 *      loadgen ADDRESS PORT TARGET BODY-FILE CONNECTIONS AT-ONCE [hold] [SOURCE-ADDRESS...]
 *
 * Each connection is opened, used for one request, and closed by both ends. The answer must be 200
 * with the bytes of BODY-FILE. AT-ONCE of them exist at a time; with `hold` no request is sent
 * before AT-ONCE connections are established, so that so many really live together.
 *
 * Theory of the close: the client does not know who is to send the first FIN (`elko serve
 * --close-first alternate` decides by the order of arrival). It waits a fifth of a second after the
 * answer: when the server's FIN comes in this time, the server was first, else the client sends
 * its own FIN and waits for the server's. Everything but data, then one end of stream, is a
 * failure: resets, silence for PATIENCE, a wrong byte, a byte too many.
 *
 * Connections take the source addresses in turn; the kernel chooses ports, at connect(), for each
 * pair of addresses anew (IP_BIND_ADDRESS_NO_PORT), so that so many more can be had.
 *
 * One JSON object on stdout; exit code 0: no failure. The test compiles it, see many_connections.py.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
        LINGER_MS = 200, /* for the server's FIN */
        PATIENCE_MS = 30000,
        HEAD_MAX = 1024,
        SOURCES_MAX = 16,
        BURST = 64, /* connects between two looks at what has come */
        COMPLAINTS_MAX = 5,
};

enum phase { FREE, CONNECTING, HELD, READING, LINGERING, CLOSING };

struct conn {
        int fd;
        enum phase phase;
        uint64_t until; /* LINGERING: our FIN then; else: too late */
        char head[HEAD_MAX];
        size_t head_len;
        bool in_body;
        size_t body_at;
        struct conn *prev, *next; /* the list of its phase, oldest first */
};

struct list {
        struct conn *first, *last;
};

static struct {
        struct sockaddr_in server, source[SOURCES_MAX];
        unsigned sources;
        char request[512];
        char *body;
        size_t body_len;
        unsigned wanted, at_once;
        bool hold;

        int epoll;
        struct conn *pool;
        struct list free, waiting, lingering; /* waiting: for the peer, whatever the phase */
        unsigned opened, live, held, ok, failed, server_first, client_first, peak;
        bool released; /* the held ones have been let go */
} g;

static uint64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void list_remove(struct list *l, struct conn *c)
{
        *(c->prev != NULL ? &c->prev->next : &l->first) = c->next;
        *(c->next != NULL ? &c->next->prev : &l->last) = c->prev;
}

static void list_append(struct list *l, struct conn *c)
{
        c->prev = l->last;
        c->next = NULL;
        *(l->last != NULL ? &l->last->next : &l->first) = c;
        l->last = c;
}

static struct list *list_of(enum phase phase)
{
        return phase == FREE ? &g.free : phase == LINGERING ? &g.lingering : &g.waiting;
}

static void enter(struct conn *c, enum phase phase)
{
        list_remove(list_of(c->phase), c);
        c->phase = phase;
        c->until = now_ms() + (phase == LINGERING ? LINGER_MS : PATIENCE_MS);
        list_append(list_of(phase), c);
}

static void finish(struct conn *c)
{
        close(c->fd);
        g.live--;
        enter(c, FREE);
}

static void fail(struct conn *c, const char *what, int error)
{
        if (g.failed++ < COMPLAINTS_MAX)
                fprintf(stderr, "loadgen: connection in phase %d: %s%s%s\n", (int)c->phase, what,
                        error != 0 ? ": " : "", error != 0 ? strerror(error) : "");
        if (c->phase == HELD)
                g.held--;
        finish(c);
}

static void open_one(void)
{
        struct conn *c = g.free.first;
        struct epoll_event ev = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
        int one = 1;

        enter(c, CONNECTING);
        c->head_len = c->body_at = 0;
        c->in_body = false;
        c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        if (c->fd < 0) {
                fprintf(stderr, "loadgen: socket: %s\n", strerror(errno));
                exit(2);
        }
        if (++g.live > g.peak)
                g.peak = g.live;
        if (g.sources > 0) {
                setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
                if (bind(c->fd, (struct sockaddr *)&g.source[g.opened % g.sources],
                         sizeof g.source[0]) != 0) {
                        fail(c, "bind", errno);
                        return;
                }
        }
        g.opened++;
        epoll_ctl(g.epoll, EPOLL_CTL_ADD, c->fd, &ev);
        if (connect(c->fd, (struct sockaddr *)&g.server, sizeof g.server) != 0 &&
            errno != EINPROGRESS)
                fail(c, "connect", errno);
}

static void ask(struct conn *c)
{
        size_t len = strlen(g.request);

        enter(c, READING);
        if (send(c->fd, g.request, len, MSG_NOSIGNAL) != (ssize_t)len)
                fail(c, "send", errno);
}

static void release_held(void)
{
        struct conn *next;

        g.released = true;
        for (struct conn *c = g.waiting.first; c != NULL; c = next) {
                next = c->next;
                if (c->phase == HELD) {
                        g.held--;
                        ask(c);
                }
        }
}

static void established(struct conn *c)
{
        int error = 0;
        socklen_t len = sizeof error;

        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &len);
        if (error != 0) {
                fail(c, "connect", error);
        } else if (!g.hold || g.released) {
                ask(c);
        } else {
                enter(c, HELD);
                if (++g.held == g.at_once)
                        release_held();
        }
}

/* Bytes of the body; false: the connection has failed. */
static bool take_body(struct conn *c, const char *bytes, size_t len)
{
        if (len > g.body_len - c->body_at || memcmp(bytes, g.body + c->body_at, len) != 0) {
                fail(c, "a wrong byte in the body, or too many", 0);
                return false;
        }
        c->body_at += len;
        if (c->body_at == g.body_len && c->phase == READING)
                enter(c, LINGERING);
        return true;
}

static bool take(struct conn *c, const char *bytes, size_t len)
{
        size_t n = len < HEAD_MAX - 1 - c->head_len ? len : HEAD_MAX - 1 - c->head_len;
        char *end;
        size_t used;

        if (c->in_body)
                return take_body(c, bytes, len);
        memcpy(c->head + c->head_len, bytes, n);
        c->head[c->head_len + n] = '\0';
        end = strstr(c->head, "\r\n\r\n");
        if (end == NULL) {
                c->head_len += n;
                if (n == len)
                        return true;
                fail(c, "the head has no end", 0);
                return false;
        }
        if (strncmp(c->head, "HTTP/1.1 200 ", 13) != 0) {
                fail(c, "the status is not 200", 0);
                return false;
        }
        c->in_body = true;
        used = (size_t)(end + 4 - c->head) - c->head_len;
        return take_body(c, bytes + used, len - used);
}

static void ended(struct conn *c)
{
        if (c->phase == READING) {
                fail(c, "the answer is cut short", 0);
                return;
        }
        g.server_first += c->phase == LINGERING;
        g.client_first += c->phase == CLOSING;
        g.ok++;
        finish(c);
}

static void readable(struct conn *c)
{
        static char buffer[256 << 10];
        ssize_t n;

        while ((n = recv(c->fd, buffer, sizeof buffer, 0)) > 0)
                if (!take(c, buffer, (size_t)n))
                        return;
        if (n == 0)
                ended(c);
        else if (errno != EAGAIN)
                fail(c, "recv", errno);
}

static void on_event(struct conn *c, uint32_t events)
{
        if (c->phase == CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
                established(c);
        if (c->phase == HELD && (events & (EPOLLERR | EPOLLHUP | EPOLLRDHUP)) != 0)
                fail(c, "ended while it was held", 0);
        if (c->phase >= READING && (events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0)
                readable(c);
}

static void late_ones(void)
{
        uint64_t now = now_ms();

        while (g.lingering.first != NULL && g.lingering.first->until <= now) {
                struct conn *c = g.lingering.first;

                shutdown(c->fd, SHUT_WR);
                enter(c, CLOSING);
        }
        while (g.waiting.first != NULL && g.waiting.first->until <= now)
                fail(g.waiting.first, "silence", 0);
}

static void run(void)
{
        struct epoll_event ev[512];

        while (g.ok + g.failed < g.wanted) {
                int n;

                for (int i = 0; i < BURST && g.opened < g.wanted && g.live < g.at_once; i++)
                        open_one();
                n = epoll_wait(g.epoll, ev, 512,
                               g.opened < g.wanted && g.live < g.at_once ? 0 : 10);
                for (int i = 0; i < n; i++)
                        on_event(ev[i].data.ptr, ev[i].events);
                late_ones();
        }
}

static void read_body(const char *path)
{
        FILE *f = fopen(path, "rb");
        long size = 0;

        if (f != NULL && fseek(f, 0, SEEK_END) == 0)
                size = ftell(f);
        g.body = malloc((size_t)size + 1);
        if (f == NULL || g.body == NULL || fseek(f, 0, SEEK_SET) != 0 ||
            fread(g.body, 1, (size_t)size, f) != (size_t)size) {
                fprintf(stderr, "loadgen: %s can't be read\n", path);
                exit(2);
        }
        g.body_len = (size_t)size;
        fclose(f);
}

static void set_up(int argc, char **argv)
{
        struct rlimit files;

        g.server = (struct sockaddr_in){.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)atoi(argv[2]))};
        inet_pton(AF_INET, argv[1], &g.server.sin_addr);
        snprintf(g.request, sizeof g.request,
                 "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[3], argv[1]);
        read_body(argv[4]);
        g.wanted = (unsigned)atoi(argv[5]);
        g.at_once = (unsigned)atoi(argv[6]);
        for (int i = 7; i < argc && g.sources < SOURCES_MAX; i++) {
                if (strcmp(argv[i], "hold") == 0) {
                        g.hold = true;
                        continue;
                }
                g.source[g.sources].sin_family = AF_INET;
                inet_pton(AF_INET, argv[i], &g.source[g.sources++].sin_addr);
        }
        getrlimit(RLIMIT_NOFILE, &files);
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
        if (files.rlim_max < g.at_once + 16) {
                fprintf(stderr, "loadgen: only %llu descriptors\n",
                        (unsigned long long)files.rlim_max);
                exit(77);
        }
        g.epoll = epoll_create1(0);
        g.pool = calloc(g.at_once, sizeof *g.pool);
        if (g.epoll < 0 || g.pool == NULL)
                exit(2);
        for (unsigned i = 0; i < g.at_once; i++)
                list_append(&g.free, &g.pool[i]);
}

int main(int argc, char **argv)
{
        uint64_t start;

        if (argc < 7) {
                fprintf(stderr, "usage: loadgen ADDRESS PORT TARGET BODY-FILE CONNECTIONS AT-ONCE "
                                "[hold] [SOURCE-ADDRESS...]\n");
                return 1;
        }
        set_up(argc, argv);
        start = now_ms();
        run();
        printf("{\"ok\":%u,\"failed\":%u,\"server_first\":%u,\"client_first\":%u,\"peak\":%u,"
               "\"seconds\":%.3f}\n",
               g.ok, g.failed, g.server_first, g.client_first, g.peak,
               (double)(now_ms() - start) / 1000);
        return g.failed == 0 ? 0 : 1;
}
