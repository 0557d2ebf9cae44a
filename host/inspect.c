/* SPDX-License-Identifier: MIT */
/*
 * The server of the inspection socket.
 *
 * A client is a slot: it reads one line, then the whole answer is made at once (a picture of one
 * instant) and written as the client takes it. The loop never waits for a client; one that says
 * nothing or takes nothing is cut off after some seconds. Requests beyond the slots are refused, so
 * that curiosity can't exhaust a host.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/inspect.h"
#include "host/inspect_path.h"

enum { CLIENTS = 8, REQUEST_MAX = 32 };

#define CLIENT_NS ELKO_SEC(5)

struct client {
        struct elko_host_inspect *server;
        struct elko_host_timer timer; /* cuts it off */
        int fd;                       /* -1: free slot */
        char request[REQUEST_MAX];
        size_t request_len;
        char *answer; /* malloc'ed; NULL: not asked yet */
        size_t answer_len, written;
};

struct elko_host_inspect {
        struct elko_host *host;
        int fd;
        char path[ELKO_HOST_INSPECT_PATH];
        struct client client[CLIENTS];
};

/* ---- one client ---- */

static void client_close(struct client *c)
{
        struct elko_host *h = c->server->host;

        elko_host_fd_del(h, c->fd);
        elko_host_timer_clear(h, &c->timer);
        close(c->fd);
        free(c->answer);
        c->answer = NULL;
        c->fd = -1;
}

static void on_client_timer(void *ctx, struct elko_host_timer *timer)
{
        (void)timer;
        client_close(ctx);
}

static void write_answer(elko_stack *st, const char *request, FILE *out)
{
        int error = 0;

        if (strcmp(request, "text") == 0)
                elko_host_inspect_text(st, out);
        else if (strcmp(request, "json") == 0)
                error = elko_host_inspect_json(st, out);
        else
                fprintf(out, "error: unknown request \"%s\"; say text or json\n", request);
        if (error == -ENOTSUP)
                fputs("error: this elko was built without cJSON; ask for text\n", out);
        else if (error != 0)
                fprintf(out, "error: %s\n", strerror(-error));
}

static void make_answer(struct client *c)
{
        FILE *out = open_memstream(&c->answer, &c->answer_len);

        if (out == NULL)
                return;
        write_answer(elko_host_stack(c->server->host), c->request, out);
        if (fclose(out) != 0) {
                free(c->answer);
                c->answer = NULL;
        }
}

/* Read up to the end of the line; true: the request is complete. Closes the client on errors. */
static bool read_request(struct client *c)
{
        size_t room = REQUEST_MAX - 1 - c->request_len;
        ssize_t n = read(c->fd, c->request + c->request_len, room);
        char *end;

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return false;
        if (n <= 0) {
                client_close(c);
                return false;
        }
        c->request_len += (size_t)n;
        c->request[c->request_len] = '\0';
        end = strpbrk(c->request, "\r\n");
        if (end != NULL)
                *end = '\0';
        return end != NULL || c->request_len == REQUEST_MAX - 1;
}

static void write_some(struct client *c)
{
        ssize_t n = send(c->fd, c->answer + c->written, c->answer_len - c->written, MSG_NOSIGNAL);

        if (n > 0)
                c->written += (size_t)n;
        if (c->written == c->answer_len || (n < 0 && errno != EAGAIN && errno != EINTR))
                client_close(c);
        else
                elko_host_fd_set(c->server->host, c->fd, EPOLLOUT);
}

static void on_client(void *ctx, int fd, uint32_t events)
{
        struct client *c = ctx;

        (void)fd;
        (void)events;
        if (c->answer == NULL) {
                if (!read_request(c))
                        return;
                make_answer(c);
        }
        if (c->answer != NULL)
                write_some(c);
        else
                client_close(c);
}

/* ---- the listener ---- */

static struct client *free_client(struct elko_host_inspect *s)
{
        for (int i = 0; i < CLIENTS; i++)
                if (s->client[i].fd < 0)
                        return &s->client[i];
        return NULL;
}

static void start_client(struct elko_host_inspect *s, struct client *c, int fd)
{
        memset(c, 0, sizeof(*c));
        c->server = s;
        c->fd = fd;
        c->timer.fn = on_client_timer;
        c->timer.ctx = c;
        if (elko_host_fd_add(s->host, fd, EPOLLIN, on_client, c) != 0 ||
            elko_host_timer_set(s->host, &c->timer, elko_host_now(s->host) + CLIENT_NS) != 0)
                client_close(c);
}

static void on_listener(void *ctx, int fd, uint32_t events)
{
        struct elko_host_inspect *s = ctx;
        int got = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        struct client *c = free_client(s);

        (void)events;
        if (got < 0)
                return;
        if (c == NULL)
                close(got);
        else
                start_client(s, c, got);
}

/* Nobody but this user may connect: the file is made with mode 0700. */
static int listen_at(struct elko_host_inspect *s, struct elko_drv_why *why)
{
        struct sockaddr_un at = {.sun_family = AF_UNIX};
        mode_t mask;
        int error = 0;

        memcpy(at.sun_path, s->path, sizeof(at.sun_path));
        s->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (s->fd < 0)
                return elko_drv_fail(why, errno, "inspect: socket: %s", strerror(errno));
        mask = umask(077);
        unlink(s->path);
        if (bind(s->fd, (struct sockaddr *)&at, sizeof(at)) != 0 || listen(s->fd, CLIENTS) != 0)
                error = errno;
        umask(mask);
        if (error == 0)
                error = -elko_host_fd_add(s->host, s->fd, EPOLLIN, on_listener, s);
        if (error != 0)
                return elko_drv_fail(why, error, "inspect: listening on %s: %s", s->path,
                                     strerror(error));
        return 0;
}

static int choose_path(struct elko_host_inspect *s, const char *path, struct elko_drv_why *why)
{
        if (path == NULL) {
                elko_host_inspect_scan(NULL, NULL);
                return elko_host_inspect_path_of(getpid(), s->path, why);
        }
        if (strlen(path) >= sizeof(s->path))
                return elko_drv_fail(why, ENAMETOOLONG,
                                     "inspect: the path %s is too long for a socket", path);
        memcpy(s->path, path, strlen(path) + 1);
        return 0;
}

struct elko_host_inspect *elko_host_inspect_open(struct elko_host *h, const char *path,
                                                 struct elko_drv_why *why)
{
        struct elko_host_inspect *s = calloc(1, sizeof(*s));
        int error;

        if (s == NULL) {
                elko_drv_fail(why, ENOMEM, "inspect: no memory");
                return NULL;
        }
        s->host = h;
        s->fd = -1;
        for (int i = 0; i < CLIENTS; i++)
                s->client[i].fd = -1;
        error = choose_path(s, path, why);
        if (error == 0)
                error = listen_at(s, why);
        if (error != 0) {
                if (s->fd >= 0)
                        close(s->fd);
                free(s);
                errno = -error;
                return NULL;
        }
        return s;
}

void elko_host_inspect_close(struct elko_host_inspect *s)
{
        if (s == NULL)
                return;
        for (int i = 0; i < CLIENTS; i++)
                if (s->client[i].fd >= 0)
                        client_close(&s->client[i]);
        elko_host_fd_del(s->host, s->fd);
        close(s->fd);
        unlink(s->path);
        free(s);
}

const char *elko_host_inspect_path(const struct elko_host_inspect *s)
{
        return s->path;
}
