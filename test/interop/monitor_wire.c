/* SPDX-License-Identifier: MIT */
/*
 * A wire between two network namespaces that is bad on purpose, and recorded at both ends.
 *
 *      monitor_wire PID CAPTURE MTU HALF-RTT-US JITTER-US DROP-PPM DUPLICATE-PPM REORDER-PPM SEED
 *
 * A TUN device is made in this namespace and one in that of process PID; what one sends is given to the
 * other, late, twice, out of turn, or never. Each end is recorded by a packet socket on its device, where
 * the kernel's own order of what leaves and what arrives is seen, with the kernel's time stamps. A TUN
 * device has no offload: every packet is as it would be on a wire. It prints `ready`, and when its input
 * ends `PACKETS recorded, LOST lost`.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "drivers/fault.h"
#include "drivers/pcapng.h"
#include "drivers/tun.h"

enum { ETHERTYPE_ALL = 0x0003, RCVBUF = 64 << 20 };

static struct elko_drv *end[2];
static int tap[2];
static uint64_t recorded, lost;

static void die(const char *what, const char *why)
{
        fprintf(stderr, "monitor_wire: %s: %s\n", what, why);
        exit(1);
}

static uint64_t now_ns(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return ELKO_SEC(t.tv_sec) + (uint64_t)t.tv_nsec;
}

static void open_end(int i, uint16_t mtu)
{
        struct elko_drv_tun_config c;
        struct elko_drv_why why;
        struct sockaddr_ll to = {.sll_family = AF_PACKET, .sll_protocol = htons(ETHERTYPE_ALL)};
        int on = 1, size = RCVBUF;

        elko_drv_tun_config_default(&c);
        c.name = "wire0";
        c.mtu = mtu;
        c.host_addr[0] = i == 0 ? "10.99.0.1/24" : "10.99.0.2/24";
        c.host_addr[1] = mtu < 1280 ? NULL : i == 0 ? "fd99::1/64" : "fd99::2/64";
        end[i] = elko_drv_tun_open(&c, &why);
        if (end[i] == NULL)
                die("wire0", why.text);
        tap[i] = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETHERTYPE_ALL));
        to.sll_ifindex = (int)if_nametoindex("wire0");
        if (tap[i] < 0 || bind(tap[i], (struct sockaddr *)&to, sizeof to) < 0)
                die("packet socket", strerror(errno));
        setsockopt(tap[i], SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
        if (setsockopt(tap[i], SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof on) < 0)
                die("time stamps", strerror(errno));
}

static void enter(const char *pid)
{
        char path[64];
        int fd;

        snprintf(path, sizeof path, "/proc/%s/ns/net", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
                die(path, strerror(errno));
        close(fd);
}

/* What the packet socket has seen. */
static void record(struct elko_drv_pcapng_writer *w, int i)
{
        static uint8_t data[70000];
        union {
                struct cmsghdr align;
                char bytes[CMSG_SPACE(sizeof(struct timespec))];
        } control;
        struct sockaddr_ll from;

        for (;;) {
                struct iovec v = {.iov_base = data, .iov_len = sizeof data};
                struct msghdr m = {.msg_name = &from,
                                   .msg_namelen = sizeof from,
                                   .msg_iov = &v,
                                   .msg_iovlen = 1,
                                   .msg_control = control.bytes,
                                   .msg_controllen = sizeof control.bytes};
                ssize_t n = recvmsg(tap[i], &m, 0);
                struct elko_packet p = {.data = data, .len = (uint32_t)(n < 0 ? 0 : n)};
                struct timespec t = {0};

                if (n < 0)
                        return;
                for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c != NULL; c = CMSG_NXTHDR(&m, c))
                        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SO_TIMESTAMPNS)
                                memcpy(&t, CMSG_DATA(c), sizeof t);
                elko_drv_pcapng_packet(w, (uint32_t)i, ELKO_SEC(t.tv_sec) + (uint64_t)t.tv_nsec,
                                       from.sll_pkttype == PACKET_OUTGOING ? ELKO_DRV_PCAPNG_OUT
                                                                           : ELKO_DRV_PCAPNG_IN,
                                       &p, NULL);
                recorded++;
        }
}

static void carry(struct elko_drv *from, struct elko_drv *to)
{
        struct elko_packet p[ELKO_DRV_BATCH];
        int n;

        while ((n = elko_drv_rx(from, p, ELKO_DRV_BATCH)) > 0)
                for (int i = 0; i < n; i++) {
                        struct elko_frame f = {
                                .part = {{p[i].data, p[i].len}}, .parts = 1, .len = p[i].len};

                        if (elko_drv_tx(to, &f, 1) != 1)
                                lost++;
                }
        if (n < 0)
                die("wire0", strerror(-n));
}

static int wait_ms(uint64_t now)
{
        uint64_t due = elko_drv_next_deadline(end[0]);

        if (due <= now)
                return 0;
        return due == ELKO_NEVER ? 1000
                                 : (int)((due - now) / 1000000) + (due - now < ELKO_MS(1000));
}

static struct elko_drv *bad(struct elko_drv *inner, char **arg)
{
        struct elko_drv_fault_config c = {.seed = strtoull(arg[5], NULL, 0), .hold_packets = 20000};
        struct elko_drv_why why;
        struct elko_drv *d;

        for (int i = 0; i < ELKO_DRV_FAULT_DIRS; i++)
                c.dir[i] = (struct elko_drv_fault_config_dir){
                        .delay_ns = ELKO_US(strtoull(arg[0], NULL, 10)),
                        .jitter_ns = ELKO_US(strtoull(arg[1], NULL, 10)),
                        .drop_ppm = (uint32_t)strtoul(arg[2], NULL, 10),
                        .duplicate_ppm = (uint32_t)strtoul(arg[3], NULL, 10),
                        .reorder_ppm = (uint32_t)strtoul(arg[4], NULL, 10),
                        .reorder_distance = 5};
        d = elko_drv_fault_open(inner, &c, &why);
        if (d == NULL)
                die("faults", why.text);
        return d;
}

int main(int argc, char **argv)
{
        struct elko_drv_pcapng_config c = {.name = "capture"};
        struct elko_drv_pcapng_writer *w;
        struct tpacket_stats stats;
        socklen_t len;
        FILE *f;
        bool go = true;

        if (argc != 10)
                die("usage", "PID CAPTURE MTU HALF-RTT-US JITTER-US DROP DUPLICATE REORDER SEED");
        f = fopen(argv[2], "wbe");
        w = f == NULL ? NULL : elko_drv_pcapng_create(f, &c);
        if (w == NULL)
                die(argv[2], strerror(errno));
        open_end(0, (uint16_t)atoi(argv[3]));
        enter(argv[1]);
        open_end(1, (uint16_t)atoi(argv[3]));
        for (int i = 0; i < 2; i++)
                elko_drv_pcapng_interface(w, &end[i]->link);
        end[0] = bad(end[0], argv + 4);
        printf("ready\n");
        fflush(stdout);
        while (go) {
                struct pollfd p[5] = {{.fd = 0, .events = POLLIN},
                                      {.fd = elko_drv_poll_fd(end[0]), .events = POLLIN},
                                      {.fd = elko_drv_poll_fd(end[1]), .events = POLLIN},
                                      {.fd = tap[0], .events = POLLIN},
                                      {.fd = tap[1], .events = POLLIN}};

                poll(p, 5, wait_ms(now_ns()));
                go = p[0].revents == 0;
                elko_drv_set_now(end[0], now_ns());
                carry(end[0], end[1]);
                carry(end[1], end[0]);
                elko_drv_tx(end[0], NULL, 0);
                record(w, 0);
                record(w, 1);
        }
        for (int i = 0; i < 2; i++) {
                len = sizeof stats;
                if (getsockopt(tap[i], SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
                        lost += stats.tp_drops;
        }
        if (elko_drv_pcapng_destroy(w) != 0)
                die(argv[2], "not written completely");
        printf("%llu recorded, %llu lost\n", (unsigned long long)recorded,
               (unsigned long long)lost);
        return 0;
}
