/* SPDX-License-Identifier: MIT */
#ifndef ELKO_HOST_INSPECT_H
#define ELKO_HOST_INSPECT_H

/*
 * Looking into a running stack: what `elko info` asks and what a host answers.
 *
 * A host listens on a Unix socket that only its user can open: $XDG_RUNTIME_DIR/elko-PID.sock, or
 * /tmp/elko-UID/PID.sock without that variable. A client sends one line, `text` or `json`, and
 * reads the answer until the end of file.
 */

#include <stdio.h>
#include <sys/types.h>

#include <elko/elko.h>

#include "drivers/driver.h"
#include "host/loop.h"

/* ---- the answers, for any stack ---- */

/* Connections, listeners, memory and counters that are not zero. The connection lines follow
 * `ss -ti`. Errors are those of the stream. */
void elko_host_inspect_text(elko_stack *st, FILE *out);

/* One connection of it: two lines as `ss -ti` writes them. */
void elko_host_inspect_connection(const struct elko_tcp_info *info, FILE *out);

/* The same as one JSON object (members: version, now_ns, memory, counters, drops, connections).
 * 0; -ENOTSUP: built without cJSON, or -ENOMEM: nothing was written. */
int elko_host_inspect_json(elko_stack *st, FILE *out);

/* "cwnd", "rwnd", "app" ...; static. */
const char *elko_host_inspect_limit(enum elko_limited_by by);

/* ---- the server ---- */

struct elko_host_inspect;

/* Serve inside of the loop; sockets of processes that are gone are removed on the way. `path` NULL:
 * the place above. NULL: errno and *why. Close it before the host is destroyed. */
struct elko_host_inspect *elko_host_inspect_open(struct elko_host *h, const char *path,
                                                 struct elko_drv_why *why);
void elko_host_inspect_close(struct elko_host_inspect *s); /* NULL is allowed */

/* Where it listens. */
const char *elko_host_inspect_path(const struct elko_host_inspect *s);

/* ---- the client ---- */

#define ELKO_HOST_INSPECT_PIDS 64

/* Running instances of this user: how many, the first `max` of them in pids[]. */
size_t elko_host_inspect_list(pid_t *pids, size_t max);

/* Ask `pid` (0: the only instance there is) for `request`, "text" or "json", and copy the answer to
 * `out`. Waits up to 5 s. 0, or -errno and *why: ENOENT none runs, ENOTUNIQ several run. */
int elko_host_inspect_ask(pid_t pid, const char *request, FILE *out, struct elko_drv_why *why);

/* The same by the socket's path. */
int elko_host_inspect_ask_path(const char *path, const char *request, FILE *out,
                               struct elko_drv_why *why);

#endif
