/* SPDX-License-Identifier: MIT */
#ifndef ELKO_DRILL_PLUGIN_H
#define ELKO_DRILL_PLUGIN_H

/*
 * plugin.h - elko under the packetdrill program, as a shared object: what the files of libelko-packetdrill.so share.
 *
 * The program (https://github.com/google/packetdrill) is started with --so_filename and calls a table of functions
 * instead of the kernel: sockets as the system has them, packets in and out, and a clock. The clock is ours, and
 * virtual. It moves by three rules:
 *
 *  1. By a microsecond with each question for the time, because the program also waits by asking in a loop.
 *  2. By usleep(), and by asking for a packet when there is none: then timers fire in their order, and what they send
 *     bears the instant of the timer.
 *  3. Not while a thread that was woken has not asked for the time yet: the program asks right after the call, and
 *     compares.
 *
 * Two threads come here: the main one, and one for the calls that a script marks as blocking. One lock guards all.
 */

#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>

#include <elko/elko.h>

#include "drill/sysctl.h"
#include "host/bsd.h"

/* A packet that the stack sent. */
struct plug_packet {
        struct plug_packet *next;
        uint64_t at; /* ns */
        uint32_t len;
        uint8_t data[];
};

/* A thread that sleeps in a blocking call: at most one. */
struct plug_waiter {
        pthread_t thread;
        struct pollfd *fds; /* elko_bsd descriptors; any of them will do */
        nfds_t n;
        uint64_t until; /* ns, ELKO_NEVER: for ever */
        size_t bytes;   /* a receiver: not woken by fewer; 0: as poll() says */
        bool woken;
};

/* What --so_flags says. */
enum { PLUG_SETTINGS = 32 };

struct plug_config {
        struct elko_config stack;
        struct elko_bsd_defaults sockets;
        const char *sysctls; /* the directory of the system's settings; NULL: they are not read */
        bool sysctls_given, verbose, linux_buffers;
        /* name=value of sysctls: they come last, over those of the system */
        char *setting[PLUG_SETTINGS];
        unsigned n_settings;
        char text[1024];             /* what the pointers point into */
        char local4[64], local6[64]; /* with prefix */
        uint16_t mtu4, mtu6;
};

struct plug {
        pthread_mutex_t lock;
        pthread_cond_t changed;
        pthread_t main;
        struct plug_config config;
        struct elko_config used; /* what the stack has */
        /* NULL until the first socket: by then the script's first command has set the system up. */
        elko_stack *st;
        struct elko_bsd *b;
        void *region;
        elko_link link4,
                link6; /* one for each family: packetdrill's scripts want an MTU of its own for IPv6 */
        uint64_t now; /* ns */
        struct plug_packet *first, **last;
        struct plug_waiter *waiter;
        bool owes; /* `debtor` was woken and has not asked for the time */
        pthread_t debtor;
};

extern struct plug plug;

/* ---- plugin_sysctl.c ---- */

/* Remember the memory settings that the system has before the script's first command. */
void plug_note_sysctls(const struct plug_config *c);

/* Take over what the system has now, and then what so_flags say. */
void plug_take_sysctls(struct plug_config *c);

/* Read so_flags; false: told on stderr. */
bool plug_read_flags(struct plug_config *c, const char *flags);

/* ---- plugin_time.c; with the lock held ---- */

enum { PLUG_START_S = 1000, PLUG_EPOCH_S = 1700000000 };

uint64_t plug_usecs(uint64_t ns); /* since the epoch of the program */

/* After anything that may have changed something: take packets and events, wake who waits for them. */
void plug_settle(void);

/* Wait until nobody owes a look at the clock. */
void plug_wait_paid(void);

/* To `until`, firing timers on the way. With `stop_at_packet` it ends when there is one. */
void plug_move(uint64_t until, bool stop_at_packet);

/* Wait until one of the descriptors is ready or `until` has come. Returns how many are ready (0: time is over), with
 * revents set; -EDEADLK: on the main thread nothing could ever make it ready. */
int plug_wait(struct pollfd *fds, nfds_t n, uint64_t until);
/* The same for one who receives, with the least that he wants, which SO_RCVLOWAT and the size of his buffer say. */
int plug_wait_bytes(struct pollfd *one, size_t bytes);

/* Set revents of all; how many are ready? */
int plug_ready(struct pollfd *fds, nfds_t n);

/* ---- plugin_fds.c ---- */

/* A number of the system's (an eventfd) for one of elko_bsd's, because the program and libc know no others. */
int plug_fd_new(int bsd_fd);
int plug_fd_bsd(int fd); /* -1: not ours */
void plug_fd_free(int fd);
void plug_fd_free_all(void);

/* What the program asks libc for although the descriptor is ours (plugin.c answers). */
int plug_close(int fd);
ssize_t plug_sendfile(int out, int in, off_t *at, size_t len);
int plug_getsockopt(int fd, int level, int name, void *value, socklen_t *len);

#endif
