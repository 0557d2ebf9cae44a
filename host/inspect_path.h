/* SPDX-License-Identifier: MIT */
#ifndef ELKO_HOST_INSPECT_PATH_H
#define ELKO_HOST_INSPECT_PATH_H

/*
 * Where the sockets for looking into running instances are. Used by server and client alike.
 */

#include <sys/types.h>
#include <sys/un.h>

#include "drivers/driver.h"

#define ELKO_HOST_INSPECT_PATH (sizeof(((struct sockaddr_un *)0)->sun_path))

/* The directory, made if it is ours to make and checked to be ours alone; `prefix` is what the
 * names in it start with. 0, or -errno and *why. */
int elko_host_inspect_dir(char dir[ELKO_HOST_INSPECT_PATH], const char **prefix,
                          struct elko_drv_why *why);

/* The socket of a process. 0, or -errno and *why. */
int elko_host_inspect_path_of(pid_t pid, char path[ELKO_HOST_INSPECT_PATH],
                              struct elko_drv_why *why);

/* Connect to a socket; a descriptor, or -errno. */
int elko_host_inspect_connect(const char *path);

/* Call `fn` for each living instance; remove the sockets of dead ones. `fn` may be NULL. */
void elko_host_inspect_scan(void (*fn)(void *ctx, pid_t pid), void *ctx);

#endif
