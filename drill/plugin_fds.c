/* SPDX-License-Identifier: MIT */
/*
 * Descriptors of the plug-in. Each socket is known to the program by the number of an eventfd that is opened for it, so
 * that no other descriptor ever has the number. At the end of a script the program gives all of them to libc's close(),
 * for TCP_INFO it asks libc's getsockopt(), and sendfile() has no place in the table. So this object, loaded with LD_PRELOAD
 * as well, answers these for its own descriptors and hands others on; without LD_PRELOAD close() closes the eventfd, which
 * does no harm.
 */
#include "drill/plugin.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

enum { MOST_FDS = 65536 };

/* 1 + elko_bsd's number; 0: not ours. Read without the lock, by threads that ask about descriptors of theirs. */
static _Atomic int handle[MOST_FDS];

int plug_fd_bsd(int fd)
{
        return fd >= 0 && fd < MOST_FDS ? handle[fd] - 1 : -1;
}

int plug_fd_new(int bsd_fd)
{
        int fd = eventfd(0, EFD_CLOEXEC);

        if (fd < 0)
                return -errno;
        if (fd >= MOST_FDS) {
                plug_fd_free(fd);
                return -EMFILE;
        }
        handle[fd] = bsd_fd + 1;
        return fd;
}

/* ---- libc's ---- */

typedef int close_fn(int fd);
typedef ssize_t sendfile_fn(int out, int in, off_t *at, size_t len);
typedef int getsockopt_fn(int fd, int level, int name, void *value, socklen_t *len);

/* A pointer to data is not one to a function, says C11; POSIX says that dlsym()'s is both. */
static void *next_symbol(const char *name)
{
        void *p = dlsym(RTLD_NEXT, name);

        if (p == NULL)
                abort(); /* there is no libc without them */
        return p;
}

static int libc_close(int fd)
{
        static _Atomic(close_fn *) fn;

        if (fn == NULL) {
                close_fn *f;

                *(void **)&f = next_symbol("close");
                fn = f;
        }
        return fn(fd);
}

static int libc_getsockopt(int fd, int level, int name, void *value, socklen_t *len)
{
        static _Atomic(getsockopt_fn *) fn;

        if (fn == NULL) {
                getsockopt_fn *f;

                *(void **)&f = next_symbol("getsockopt");
                fn = f;
        }
        return fn(fd, level, name, value, len);
}

static ssize_t libc_sendfile(int out, int in, off_t *at, size_t len)
{
        static _Atomic(sendfile_fn *) fn;

        if (fn == NULL) {
                sendfile_fn *f;

                *(void **)&f = next_symbol("sendfile64");
                fn = f;
        }
        return fn(out, in, at, len);
}

void plug_fd_free(int fd)
{
        if (fd >= 0 && fd < MOST_FDS)
                handle[fd] = 0;
        libc_close(fd);
}

void plug_fd_free_all(void)
{
        for (int fd = 0; fd < MOST_FDS; fd++)
                if (handle[fd] != 0)
                        plug_fd_free(fd);
}

EXPORT int close(int fd)
{
        return plug_fd_bsd(fd) >= 0 ? plug_close(fd) : libc_close(fd);
}

EXPORT int getsockopt(int fd, int level, int name, void *restrict value, socklen_t *restrict len)
{
        return plug_fd_bsd(fd) >= 0 ? plug_getsockopt(fd, level, name, value, len)
                                    : libc_getsockopt(fd, level, name, value, len);
}

/* Of 64 bits both names are the same function. */
EXPORT ssize_t sendfile(int out, int in, off_t *at, size_t len);
EXPORT ssize_t sendfile64(int out, int in, off_t *at, size_t len);

ssize_t sendfile(int out, int in, off_t *at, size_t len)
{
        return plug_fd_bsd(out) >= 0 ? plug_sendfile(out, in, at, len)
                                     : libc_sendfile(out, in, at, len);
}

ssize_t sendfile64(int out, int in, off_t *at, size_t len)
{
        return plug_fd_bsd(out) >= 0 ? plug_sendfile(out, in, at, len)
                                     : libc_sendfile(out, in, at, len);
}
