/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_PEER_H
#define EK_CLI_LAB_PEER_H

/*
 * The senders of an experiment: "elko-newreno" is elko with that algorithm, "elko" with its
 * default, "kernel-cubic" this machine's kernel with that one.
 */

#include <stdbool.h>
#include <stddef.h>

#include <elko/cc.h>

enum { EK_LAB_PEERS_MAX = 8, EK_LAB_FLOWS_MAX = 4, EK_LAB_PEER_NAME = 32 };

struct ek_lab_peer {
        char name[EK_LAB_PEER_NAME];
        bool kernel;
        const struct elko_cc_ops *cc; /* elko; NULL: the default */
};

struct ek_lab_peers {
        struct ek_lab_peer peer[EK_LAB_PEERS_MAX];
        unsigned count;
};

/* "elko,kernel-cubic": false and a sentence in `why`. The kernel's algorithms are only looked at for
 * their form: which of them there are is known in the namespace of the experiment. */
bool ek_lab_peers_parse(const char *text, unsigned max, struct ek_lab_peers *out, char *why,
                        size_t why_len);

/* The part of the name behind the dash; "" for "elko". */
const char *ek_lab_peer_algorithm(const struct ek_lab_peer *p);

/* Names of the kernel's algorithms, separated by spaces; "" where there is no such file. */
void ek_lab_peer_kernel_names(char *out, size_t len);

/* The kernel peer that `i` is compared with: the one with the same algorithm, else the first; -1: there is
 * none, or `i` is a kernel peer itself. */
int ek_lab_peer_rival(const struct ek_lab_peers *peers, unsigned i);

#endif
