/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRIVERS_NETNS_H
#define ELKO_DRIVERS_NETNS_H

/*
 * A private network namespace for demonstrations and tests: its devices and addresses are nobody
 * else's business, and vanish with the last process in it.
 */

#include <sys/types.h>

#include "drivers/driver.h"

/*
 * Move this process (which must have one thread) into a fresh network namespace and bring `lo` up;
 * without root into a fresh user namespace as well, where it then is root over the new devices
 * only. Children inherit it. There is no way back. Returns 0, or -errno and *why: what the machine
 * forbids and how it can be allowed.
 */
int elko_drv_netns_enter(struct elko_drv_why *why);

/* Could elko_drv_netns_enter() work? Tries in a child, changes nothing. 0, or -errno and *why. */
int elko_drv_netns_probe(struct elko_drv_why *why);

/* A program that runs beside us. */
struct elko_drv_netns_child {
        pid_t pid;
        int out_fd; /* its standard output and error, non-blocking; end of file when it is done */
};

/* Start argv[0] (found by PATH) with /dev/null as its input; it dies with us (PR_SET_PDEATHSIG).
 * Returns 0, or -errno and *why when it could not be executed. */
int elko_drv_netns_spawn(char *const argv[], struct elko_drv_netns_child *child,
                         struct elko_drv_why *why);

/* Collect a child: closes out_fd and waits. With `kill_it` SIGKILL is sent first. Returns its exit
 * status 0..255, or 128 + the signal that ended it. */
int elko_drv_netns_reap(struct elko_drv_netns_child *child, bool kill_it);

/*
 * Run a program to its end and keep up to `size` - 1 bytes of its output, NUL-terminated, in `out`
 * (the rest is read and thrown away). After `timeout_ms` (-1: none) it is killed and -ETIMEDOUT is
 * returned. Otherwise as elko_drv_netns_reap(), or -errno and *why when it didn't start.
 */
int elko_drv_netns_run(char *const argv[], char *out, size_t size, int timeout_ms,
                       struct elko_drv_why *why);

#endif
