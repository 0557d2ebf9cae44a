/* SPDX-License-Identifier: MIT */
/*
 * Asking a running instance. An answer that starts with "error: " is one.
 */

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "host/inspect.h"
#include "host/inspect_path.h"

enum { TIMEOUT_S = 5 };

static const char error_prefix[] = "error: ";

struct found {
        pid_t *pids;
        size_t max, n;
};

static void on_instance(void *ctx, pid_t pid)
{
        struct found *f = ctx;

        if (f->n < f->max)
                f->pids[f->n] = pid;
        f->n++;
}

size_t elko_host_inspect_list(pid_t *pids, size_t max)
{
        struct found f = {.pids = pids, .max = max};

        elko_host_inspect_scan(on_instance, &f);
        return f.n;
}

/* Copy until end of file: 0 or -errno and *why. */
static int copy_answer(int fd, FILE *out, struct elko_drv_why *why)
{
        char buf[16384];
        bool first = true;
        ssize_t n;

        while ((n = read(fd, buf, sizeof(buf) - 1)) > 0) {
                buf[n] = '\0';
                if (first && strncmp(buf, error_prefix, sizeof(error_prefix) - 1) == 0) {
                        buf[strcspn(buf, "\n")] = '\0';
                        return elko_drv_fail(why, EPROTO, "inspect: the instance answers: %.250s",
                                             buf + sizeof(error_prefix) - 1);
                }
                first = false;
                if (fwrite(buf, 1, (size_t)n, out) != (size_t)n)
                        return elko_drv_fail(why, errno, "inspect: writing the answer: %s",
                                             strerror(errno));
        }
        if (n < 0)
                return elko_drv_fail(why, errno,
                                     "inspect: the instance gave no answer within %d s: %s",
                                     TIMEOUT_S, strerror(errno));
        if (first)
                return elko_drv_fail(why, EBUSY,
                                     "inspect: the instance hung up without an answer; it "
                                     "has as many clients as it serves at once");
        return 0;
}

int elko_host_inspect_ask_path(const char *path, const char *request, FILE *out,
                               struct elko_drv_why *why)
{
        struct timeval limit = {.tv_sec = TIMEOUT_S};
        char line[64];
        int fd = elko_host_inspect_connect(path);
        int n = snprintf(line, sizeof(line), "%s\n", request);
        int error;

        if (fd == -ENOENT || fd == -ECONNREFUSED)
                return elko_drv_fail(why, ENOENT, "inspect: no elko listens on %s", path);
        if (fd < 0)
                return elko_drv_fail(why, -fd, "inspect: connecting to %s: %s", path,
                                     strerror(-fd));
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
        if (n < 0 || (size_t)n >= sizeof(line))
                error = elko_drv_fail(why, EINVAL, "inspect: the request is too long");
        else if (send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
                error = elko_drv_fail(why, errno, "inspect: asking %s: %s", path, strerror(errno));
        else
                error = copy_answer(fd, out, why);
        close(fd);
        return error;
}

static int only_instance(pid_t *pid, struct elko_drv_why *why)
{
        pid_t pids[ELKO_HOST_INSPECT_PIDS];
        size_t n = elko_host_inspect_list(pids, ELKO_HOST_INSPECT_PIDS);

        if (n == 0)
                return elko_drv_fail(why, ENOENT, "inspect: no elko of this user is running");
        if (n > 1)
                return elko_drv_fail(why, ENOTUNIQ,
                                     "inspect: %zu instances are running (%d, %d%s); "
                                     "say which one by its process number",
                                     n, (int)pids[0], (int)pids[1], n > 2 ? ", ..." : "");
        *pid = pids[0];
        return 0;
}

int elko_host_inspect_ask(pid_t pid, const char *request, FILE *out, struct elko_drv_why *why)
{
        char path[ELKO_HOST_INSPECT_PATH];
        int error = pid == 0 ? only_instance(&pid, why) : 0;

        if (error == 0)
                error = elko_host_inspect_path_of(pid, path, why);
        return error == 0 ? elko_host_inspect_ask_path(path, request, out, why) : error;
}
