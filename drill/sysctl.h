/* SPDX-License-Identifier: MIT */
#ifndef DRILL_SYSCTL_H
#define DRILL_SYSCTL_H

/*
 * sysctl.h - a kernel's settings as options of an elko stack.
 *
 * Scripts written for a kernel set it up by sysctls; here each is a field of struct elko_config, or a default of its
 * sockets. One that changes nothing that a peer or a program could see is taken and forgotten; one that asks for what
 * elko has not got is answered with a reason, and whoever asked decides what that means: the runner calls the script
 * unsupported, the plug-in goes on without.
 */

#include <elko/elko.h>

#include "host/bsd.h"

struct drill_tunables {
        struct elko_config *stack;
        struct elko_bsd_defaults *sockets;
};

enum drill_sysctl {
        DRILL_SYSCTL_OK,
        DRILL_SYSCTL_BAD,     /* the value is none: *why is a sentence */
        DRILL_SYSCTL_LACKS,   /* elko has no such thing: *why says which */
        DRILL_SYSCTL_UNKNOWN, /* nobody knows the name */
};

enum { DRILL_SYSCTL_WHY = 256 };

/* "net.ipv4.tcp_sack", "tcp_sack", "net.inet.tcp.sack.enable", ... */
enum drill_sysctl drill_sysctl_set(struct drill_tunables *t, const char *name, const char *value,
                                   char why[DRILL_SYSCTL_WHY]);

/* Can it not change anything, so that the moment does not matter? */
bool drill_sysctl_is_idle(const char *name);

/* What google's scripts set up before all else (defaults.sh) that is not the persona's: name and value; NULL: no more. */
const char *drill_sysctl_suite(size_t i, const char **value);

/* The Linux names that are known, without net.ipv4.tcp_ or in full; NULL: no more. */
const char *drill_sysctl_linux(size_t i);

#endif
