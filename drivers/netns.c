/* SPDX-License-Identifier: MIT */
/*
 * Private network namespaces, and programs that run in them.
 *
 * With CAP_SYS_ADMIN a network namespace can be had at once. Without it a user namespace comes
 * first: there the process is root, over what belongs to that namespace and nothing else. The map
 * of user and group numbers has one line, ours to 0; the kernel wants setgroups() denied before it
 * takes the group map from an unprivileged process (user_namespaces(7)).
 *
 * Some machines forbid user namespaces, each in its own way; the sentence says which switch it is.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "drivers/iface.h"
#include "drivers/netns.h"

enum { EXEC_FAILED = 127, SIGNAL_BASE = 128 };

/* ---- entering ---- */

/* First number in a file of /proc; -1: no such file. */
static long read_number(const char *path)
{
        char text[32];
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        if (fd >= 0)
                close(fd);
        if (n <= 0)
                return -1;
        text[n] = '\0';
        return strtol(text, NULL, 10);
}

static const char *unshare_hint(int error)
{
        if (error == EINVAL)
                return "the process must have one thread only, and the kernel CONFIG_USER_NS";
        if (read_number("/proc/sys/kernel/unprivileged_userns_clone") == 0)
                return "run as root, or allow it: sysctl kernel.unprivileged_userns_clone=1";
        if (read_number("/proc/sys/user/max_user_namespaces") == 0)
                return "run as root, or allow it: sysctl user.max_user_namespaces=1000";
        if (read_number("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == 1)
                return "run as root, or allow it: "
                       "sysctl kernel.apparmor_restrict_unprivileged_userns=0";
        return "run as root; a container must be started with CAP_SYS_ADMIN, or with a seccomp "
               "profile that allows unshare()";
}

static int write_file(const char *path, const char *text)
{
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
        int error = n < 0 ? errno : 0;

        if (fd >= 0)
                close(fd);
        return error;
}

static int map_to_root(uid_t uid, gid_t gid, struct elko_drv_why *why)
{
        char line[32];
        int error = write_file("/proc/self/setgroups", "deny");

        snprintf(line, sizeof(line), "0 %u 1\n", uid);
        if (error == 0)
                error = write_file("/proc/self/uid_map", line);
        snprintf(line, sizeof(line), "0 %u 1\n", gid);
        if (error == 0)
                error = write_file("/proc/self/gid_map", line);
        if (error != 0)
                return elko_drv_fail(why, error,
                                     "netns: becoming root of the new user namespace: %s; %s",
                                     strerror(error), unshare_hint(error));
        return 0;
}

int elko_drv_netns_enter(struct elko_drv_why *why)
{
        uid_t uid = geteuid();
        gid_t gid = getegid();
        int error = 0;

        if (unshare(CLONE_NEWNET) != 0) {
                if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
                        return elko_drv_fail(why, errno,
                                             "netns: no private network namespace: %s; %s",
                                             strerror(errno), unshare_hint(errno));
                error = map_to_root(uid, gid, why);
        }
        return error == 0 ? elko_drv_iface_up("lo", why) : error;
}

int elko_drv_netns_probe(struct elko_drv_why *why)
{
        struct elko_drv_why text = {{0}};
        int fd[2], status = 0, error = 0;
        pid_t pid;

        if (pipe2(fd, O_CLOEXEC) != 0)
                return elko_drv_fail(why, errno, "netns: pipe: %s", strerror(errno));
        pid = fork();
        if (pid == 0) {
                error = -elko_drv_netns_enter(&text);
                if (error != 0 && write(fd[1], &text, sizeof(text)) < 0)
                        error = EIO;
                _exit(error);
        }
        close(fd[1]);
        if (pid < 0)
                error = errno;
        else if (read(fd[0], &text, sizeof(text)) < 0 || waitpid(pid, &status, 0) < 0)
                error = errno;
        else
                error = WIFEXITED(status) ? WEXITSTATUS(status) : EIO;
        close(fd[0]);
        if (error == 0)
                return 0;
        text.text[sizeof(text.text) - 1] = '\0';
        return elko_drv_fail(why, error, "%s", text.text[0] != '\0' ? text.text : strerror(error));
}

/* ---- programs ---- */

/* In the child: never returns. A failed exec is told through `report`, which exec would close. */
static void child_exec(char *const argv[], int out, int report, pid_t parent)
{
        int null = open("/dev/null", O_RDONLY);
        sigset_t none;
        int error;

        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
                _exit(EXEC_FAILED);
        dup2(null, STDIN_FILENO);
        dup2(out, STDOUT_FILENO);
        dup2(out, STDERR_FILENO);
        execvp(argv[0], argv);
        error = errno;
        if (write(report, &error, sizeof(error)) < 0)
                _exit(EXEC_FAILED);
        _exit(EXEC_FAILED);
}

static void close_pair(const int fd[2])
{
        close(fd[0]);
        close(fd[1]);
}

/* Fork and wait until exec is done or has failed: 0, or the errno of what failed. */
static int fork_exec(char *const argv[], const int out[2], const int report[2], pid_t *pid)
{
        pid_t parent = getpid();
        int error = 0;

        *pid = fork();
        if (*pid < 0)
                return errno;
        if (*pid == 0)
                child_exec(argv, out[1], report[1], parent);
        close(report[1]);
        while (read(report[0], &error, sizeof(error)) < 0 && errno == EINTR)
                ;
        if (error != 0)
                waitpid(*pid, NULL, 0);
        return error;
}

int elko_drv_netns_spawn(char *const argv[], struct elko_drv_netns_child *child,
                         struct elko_drv_why *why)
{
        int out[2], report[2], error;

        if (pipe2(out, O_CLOEXEC) != 0)
                return elko_drv_fail(why, errno, "starting %s: pipe: %s", argv[0], strerror(errno));
        if (pipe2(report, O_CLOEXEC) != 0) {
                error = errno;
                close_pair(out);
                return elko_drv_fail(why, error, "starting %s: pipe: %s", argv[0], strerror(error));
        }
        error = fork_exec(argv, out, report, &child->pid);
        if (child->pid < 0)
                close(report[1]);
        close(report[0]);
        close(out[1]);
        if (error != 0) {
                close(out[0]);
                return elko_drv_fail(why, error, "starting %s: %s%s", argv[0], strerror(error),
                                     error == ENOENT ? "; is it installed?" : "");
        }
        fcntl(out[0], F_SETFL, O_NONBLOCK);
        child->out_fd = out[0];
        return 0;
}

int elko_drv_netns_reap(struct elko_drv_netns_child *child, bool kill_it)
{
        int status = 0;

        if (kill_it)
                kill(child->pid, SIGKILL);
        close(child->out_fd);
        while (waitpid(child->pid, &status, 0) < 0 && errno == EINTR)
                ;
        if (WIFSIGNALED(status))
                return SIGNAL_BASE + WTERMSIG(status);
        return WEXITSTATUS(status);
}

static int64_t now_ms(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Read until end of file; false: `until` (ms, -1: never) came first. */
static bool collect(int fd, char *out, size_t size, int64_t until)
{
        char rest[4096];
        size_t used = 0;

        for (;;) {
                bool keep = used + 1 < size;
                ssize_t n =
                        read(fd, keep ? out + used : rest, keep ? size - 1 - used : sizeof(rest));

                if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
                        break;
                if (n > 0 && keep)
                        used += (size_t)n;
                if (n < 0 && errno == EAGAIN) {
                        struct pollfd p = {.fd = fd, .events = POLLIN};
                        int64_t left = until < 0 ? -1 : until - now_ms();

                        if (until >= 0 && left <= 0)
                                return false;
                        poll(&p, 1, (int)left);
                }
                if (size > 0)
                        out[used] = '\0';
        }
        return true;
}

int elko_drv_netns_run(char *const argv[], char *out, size_t size, int timeout_ms,
                       struct elko_drv_why *why)
{
        struct elko_drv_netns_child child;
        int error = elko_drv_netns_spawn(argv, &child, why);
        bool done;

        if (size > 0)
                out[0] = '\0';
        if (error != 0)
                return error;
        done = collect(child.out_fd, out, size, timeout_ms < 0 ? -1 : now_ms() + timeout_ms);
        error = elko_drv_netns_reap(&child, !done);
        if (!done)
                return elko_drv_fail(why, ETIMEDOUT, "%s did not end within %d ms; it was killed",
                                     argv[0], timeout_ms);
        return error;
}
