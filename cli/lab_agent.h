/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_LAB_AGENT_H
#define EK_CLI_LAB_AGENT_H

/*
 * A process in a network namespace of its own, with the kernel's TCP and a TUN device there: one end
 * of an experiment. The descriptor of the device comes to us, so that the wire here is all that it
 * is connected to; sending or receiving is done there, and counted in shared memory.
 *
 * Each run has agents of its own: a fresh namespace remembers nothing of earlier connections
 * (Linux keeps thresholds and round trips of destinations for an hour).
 */

#include <sys/types.h>

#include "cli/lab_cell.h"
#include "cli/lab_flow.h"

struct ek_lab_agent {
        pid_t pid; /* 0: there is none */
        int control;
        int tun; /* non-blocking; one read or write is one packet */
};

struct ek_lab_agent_config {
        const struct ek_lab_cell *cell;
        bool receiver;
        unsigned flows;                     /* receiver: how many it waits for */
        const struct ek_lab_peers *senders; /* sender: those of the kernel among them are its own */
        struct ek_lab_flow *flow;           /* shared memory */
        bool realtime;                      /* try to get a real-time priority, as the caller has */
};

/* Returns 0 when it is ready, or -errno and *why. */
int ek_lab_agent_start(struct ek_lab_agent *a, const struct ek_lab_agent_config *config,
                       struct elko_drv_why *why);

/* Flow `flow` begins: the sender opens its connection. */
void ek_lab_agent_go(struct ek_lab_agent *a, unsigned flow);

/* End it, and its namespace. Does nothing when there is none. */
void ek_lab_agent_stop(struct ek_lab_agent *a);

/* SCHED_FIFO for this process, where that is permitted: false when not. */
bool ek_lab_agent_realtime(void);

#endif
