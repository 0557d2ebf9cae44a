/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_NETCTX_H
#define EK_CLI_NETCTX_H

/*
 * The network of a command: stack, link, loop and everything that watches them, built from the
 * common options in one call and torn down in one call.
 */

#include <stdio.h>

#include <elko/elko.h>

#include "host/inspect.h"
#include "host/loop.h"
#include "ladder.h"
#include "options.h"

struct ek_netctx_config {
        void (*on_event)(void *ctx, const struct elko_event *ev);
        void (*on_stop)(void *ctx); /* may be NULL */
        void *ctx;
        FILE *report; /* where the ladder goes; NULL: stdout. Not where the command's data goes. */
};

struct ek_netctx {
        struct elko_host *host;
        elko_stack *st;
        elko_link link;
        const struct ek_options *options;
        struct elko_host_inspect *inspect;
        struct elko_drv *recorder; /* the pcapng wrapper; NULL: none. The host owns it. */
        struct ladder *ladder;
        struct elko_host_timer ladder_timer;
        FILE *trace;
        FILE *report;
};

/* Build it. False: an error was printed, and nothing is left behind. `options` must outlive it. */
bool ek_netctx_open(struct ek_netctx *n, const struct ek_options *options,
                    const struct ek_netctx_config *config);

/* Run the loop until it is stopped; returns an exit code: 0 or EK_EXIT_NETWORK. */
int ek_netctx_run(struct ek_netctx *n);

/* Abort what is open, print the ladder, finish the files. */
void ek_netctx_close(struct ek_netctx *n);

/* The per-connection options (--nodelay, --mss ...) for a connection, or for a listener whose
 * connections inherit them. False: an error was printed. */
bool ek_netctx_set_options(struct ek_netctx *n, elko_sock s);

/* Listen on `port` of `ip` (NULL: every address) with the options. False: an error was printed. */
bool ek_netctx_listen(struct ek_netctx *n, const elko_ip *ip, uint16_t port, elko_sock *out);

/* Resolve, connect, set the options. False: an error was printed. `family` as in
 * ek_util_resolve(). */
bool ek_netctx_connect(struct ek_netctx *n, const char *host, uint16_t port, int family,
                       elko_sock *out);

/* An endpoint on this link: link-local addresses get their scope. */
elko_endpoint ek_netctx_endpoint(const struct ek_netctx *n, const elko_ip *ip, uint16_t port);

/* The first address of the stack in a family (4 or 6), as text without prefix; NULL: none.
 * Copied to `buf`. */
const char *ek_netctx_own_address(const struct ek_netctx *n, int family, char buf[ELKO_IP_TEXT]);

/* A line for people, on stderr; not with --quiet. */
__attribute__((format(printf, 2, 3))) void ek_netctx_say(const struct ek_netctx *n,
                                                         const char *format, ...);

#endif
