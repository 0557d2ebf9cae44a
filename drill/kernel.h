/* SPDX-License-Identifier: MIT */
#ifndef DRILL_KERNEL_H
#define DRILL_KERNEL_H

/*
 * kernel.h - this machine's kernel under a script, instead of elko: in real time, over a TUN device in a network
 * namespace of its own. It is how our scripts are compared with Linux (`elko drill --kernel`), and changes nothing of the
 * machine. Scripts' sysctls are set in the namespace; before them, what the linux persona says.
 */

#include <elko/types.h>
#include <stdbool.h>
#include <sys/socket.h>

enum { DRILL_KERNEL_FDS = 1024 };

struct drill_kernel {
        struct elko_drv *tun;
        bool v6;
        uint64_t start_ns; /* of the script, on the monotonic clock */
        /* The script's view of O_NONBLOCK: in truth no call ever waits. */
        bool non_block[DRILL_KERNEL_FDS];
        const char *why; /* there is no kernel to be had */
};

/* NULL: *why is a sentence. */
struct drill_kernel *drill_kernel_open(uint16_t mtu, const char *local, const char *remote,
                                       const char **why);
void drill_kernel_close(struct drill_kernel *k);

/* "net.ipv4.tcp_sack", or a path below /proc/sys; false: the kernel did not take it. */
bool drill_kernel_sysctl(const char *name, const char *value);

/* A new socket of a script's: what the system could not be told. */
void drill_kernel_socket(int fd);

/* ns since the script began */
uint64_t drill_kernel_now(const struct drill_kernel *k);
void drill_kernel_begin(struct drill_kernel *k);

/* Wait until `at`, or until there is a packet. */
void drill_kernel_wait(struct drill_kernel *k, uint64_t at);

void drill_kernel_input(struct drill_kernel *k, const uint8_t *packet, size_t len);

/* The next packet that a script could ask for; 0: none now. Valid until the next call. */
size_t drill_kernel_output(struct drill_kernel *k, const uint8_t **packet);

#endif
