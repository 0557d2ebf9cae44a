/* SPDX-License-Identifier: MIT */
/*
 * See kernel.h.
 */
#include "drill/kernel.h"
#include "drivers/netns.h"
#include "drivers/tun.h"
#include "sim/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static uint64_t clock_now(void)
{
        struct timespec t;

        clock_gettime(CLOCK_MONOTONIC, &t);
        return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

#define CONGESTION "net.ipv4.tcp_congestion_control"

/* What a namespace of its own may not have as its default, each socket may (a script is one process's only one). */
static char congestion[32];

void drill_kernel_socket(int fd)
{
        setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, congestion, (socklen_t)strlen(congestion));
}

static bool set_congestion(const char *name)
{
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        bool ok = fd >= 0 &&
                  setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION, name, (socklen_t)strlen(name)) == 0;

        if (ok)
                snprintf(congestion, sizeof(congestion), "%s", name);
        if (fd >= 0)
                close(fd);
        return ok;
}

bool drill_kernel_sysctl(const char *name, const char *value)
{
        char path[512];
        int fd;
        bool ok;

        if (strcmp(name, CONGESTION) == 0)
                return set_congestion(value);
        snprintf(path, sizeof(path), "/proc/sys/%s", name);
        for (char *c = path; *c != '\0'; c++)
                if (*c == '.' && strchr(name, '/') == NULL)
                        *c = '/';
        fd = open(path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
                return false;
        ok = write(fd, value, strlen(value)) == (ssize_t)strlen(value);
        close(fd);
        return ok;
}

/* What the linux persona stands for (src/stack/persona.c), and quiet on the device. */
static void set_up_kernel(void)
{
        static const struct {
                const char *name, *value;
        } settings[] = {
                {"net.ipv6.conf.default.accept_ra", "0"},
                {"net.ipv6.conf.default.router_solicitations", "0"},
                {"net.ipv6.conf.default.addr_gen_mode", "1"},
                {"net.ipv4.conf.default.rp_filter", "0"},
                {"net.ipv4.conf.all.rp_filter", "0"},
                {"net.ipv4.icmp_ratelimit", "0"},
                {"net.ipv6.icmp.ratelimit", "0"},
                {CONGESTION, "cubic"},
                {"net.ipv4.tcp_rmem", "4096 540000 15728640"},
                {"net.ipv4.tcp_wmem", "4096 262144 4194304"},
                {"net.ipv4.tcp_ecn", "2"},
                {"net.ipv4.tcp_fastopen", "1"},
                {"net.ipv4.tcp_no_metrics_save", "1"},
                {"net.ipv4.tcp_syn_retries", "5"},
                {"net.ipv4.tcp_synack_retries", "5"},
        };

        for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++)
                drill_kernel_sysctl(settings[i].name, settings[i].value);
}

static bool ip(char *const argv[], const char **why)
{
        static char text[400];
        struct elko_drv_why told;
        int r = elko_drv_netns_run(argv, text, sizeof(text), 5000, &told);

        if (r == 0)
                return true;
        if (r < 0)
                snprintf(text, sizeof(text), "%s", told.text);
        *why = text;
        return false;
}

enum { ECHO_REQUEST = 128, ECHO_REPLY = 129, IP6_BYTES = 40, ECHO_BYTES = 8 };

/* ICMPv6's echo request (RFC 4443, 4.1). */
static void make_echo(uint8_t *p, const struct in6_addr *from, const struct in6_addr *to, uint8_t n)
{
        uint8_t *icmp = p + IP6_BYTES;
        uint16_t sum;

        memset(p, 0, IP6_BYTES + ECHO_BYTES);
        p[0] = 0x60;
        p[5] = ECHO_BYTES;
        p[6] = IPPROTO_ICMPV6;
        p[7] = 64;
        memcpy(p + 8, from, 16);
        memcpy(p + 24, to, 16);
        icmp[0] = ECHO_REQUEST;
        icmp[7] = n;
        /* Over the addresses, the length and the protocol as well. */
        sum = (uint16_t)~sim_sum(p + 8, 32 + ECHO_BYTES, ECHO_BYTES + IPPROTO_ICMPV6);
        icmp[2] = (uint8_t)(sum >> 8);
        icmp[3] = (uint8_t)sum;
}

/* Does the answer to the n-th request come within 2 ms? */
static bool is_answered(struct drill_kernel *k, uint8_t n)
{
        uint64_t until = clock_now() + 2000000;
        struct elko_packet p;

        do {
                while (elko_drv_rx(k->tun, &p, 1) == 1)
                        if (p.len >= IP6_BYTES + ECHO_BYTES && p.data[6] == IPPROTO_ICMPV6 &&
                            p.data[IP6_BYTES] == ECHO_REPLY && p.data[IP6_BYTES + 7] == n)
                                return true;
                nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
        } while (clock_now() < until);
        return false;
}

/* The news that a device is up travel by workers of the kernel's, and until they have been everywhere IPv6 drops what comes
 * and what goes. So it is asked until it answers. */
static bool wait_for_ipv6(struct drill_kernel *k, const char *local, const char *remote,
                          const char **why)
{
        enum { PATIENCE_MS = 5000 };
        uint64_t until = clock_now() + (uint64_t)PATIENCE_MS * 1000000;
        uint8_t echo[IP6_BYTES + ECHO_BYTES], n = 0;
        struct in6_addr us, peer;
        static char text[200];
        char ip[64];

        snprintf(ip, sizeof(ip), "%.*s", (int)strcspn(local, "/"), local);
        if (inet_pton(AF_INET6, ip, &us) != 1 || inet_pton(AF_INET6, remote, &peer) != 1) {
                *why = "these are no IPv6 addresses";
                return false;
        }
        do {
                make_echo(echo, &peer, &us, ++n);
                drill_kernel_input(k, echo, sizeof(echo));
                if (is_answered(k, n))
                        return true;
        } while (clock_now() < until);
        snprintf(text, sizeof(text), "%s does not answer %s within %d s", ip, remote,
                 PATIENCE_MS / 1000);
        *why = text;
        return false;
}

struct drill_kernel *drill_kernel_open(uint16_t mtu, const char *local, const char *remote,
                                       const char **why)
{
        static struct elko_drv_why told;
        struct drill_kernel *k = calloc(1, sizeof(*k));
        struct elko_drv_tun_config config;
        char text[64];
        char *route[] = {"ip", "route", "add", text, "dev", "tun0", NULL};

        *why = "out of memory";
        if (k == NULL)
                return NULL;
        *why = told.text;
        if (elko_drv_netns_enter(&told) != 0) {
                free(k);
                return NULL;
        }
        set_up_kernel();
        elko_drv_tun_config_default(&config);
        config.name = "tun0";
        config.mtu = mtu;
        config.host_addr[0] = local;
        k->v6 = strchr(local, ':') != NULL;
        k->tun = elko_drv_tun_open(&config, &told);
        snprintf(text, sizeof(text), "%s/%d", remote, k->v6 ? 64 : 24);
        if (!k->v6)
                snprintf(strrchr(text, '.'), 6, ".0/24");
        if (k->v6)
                snprintf(text, sizeof(text), "%s/128", remote);
        if (k->tun == NULL || !ip(route, why)) {
                elko_drv_close(k->tun);
                free(k);
                return NULL;
        }
        if (k->v6 && !wait_for_ipv6(k, local, remote, why)) {
                elko_drv_close(k->tun);
                free(k);
                return NULL;
        }
        drill_kernel_begin(k);
        return k;
}

void drill_kernel_close(struct drill_kernel *k)
{
        if (k == NULL)
                return;
        for (int fd = 0; fd < DRILL_KERNEL_FDS; fd++) {
                struct sockaddr_storage a;
                socklen_t len = sizeof(a);

                /* What the script left open: TCP sockets are nobody else's here. */
                if (getsockname(fd, (struct sockaddr *)&a, &len) == 0 &&
                    (a.ss_family == AF_INET || a.ss_family == AF_INET6))
                        close(fd);
        }
        elko_drv_close(k->tun);
        free(k);
}

void drill_kernel_begin(struct drill_kernel *k)
{
        k->start_ns = clock_now();
}

uint64_t drill_kernel_now(const struct drill_kernel *k)
{
        return clock_now() - k->start_ns;
}

void drill_kernel_wait(struct drill_kernel *k, uint64_t at)
{
        struct pollfd p = {.fd = elko_drv_poll_fd(k->tun), .events = POLLIN};
        uint64_t now = drill_kernel_now(k);
        struct timespec t;

        if (now >= at)
                return;
        t.tv_sec = (time_t)((at - now) / 1000000000);
        t.tv_nsec = (long)((at - now) % 1000000000);
        ppoll(&p, 1, &t, NULL);
}

void drill_kernel_input(struct drill_kernel *k, const uint8_t *packet, size_t len)
{
        struct elko_frame f = {.len = (uint32_t)len, .parts = 1};

        f.part[0].data = packet;
        f.part[0].len = (uint32_t)len;
        elko_drv_tx(k->tun, &f, 1);
}

/* TCP, and ICMP but for what IPv6 says to its neighbours. */
static bool is_interesting(const uint8_t *p, size_t len)
{
        if (len >= 20 && p[0] >> 4 == 4)
                return p[9] == IPPROTO_TCP || p[9] == IPPROTO_ICMP;
        if (len < 48 || p[0] >> 4 != 6)
                return false;
        return p[6] == IPPROTO_TCP || (p[6] == IPPROTO_ICMPV6 && p[40] < 130);
}

size_t drill_kernel_output(struct drill_kernel *k, const uint8_t **packet)
{
        struct elko_packet p;

        while (elko_drv_rx(k->tun, &p, 1) == 1)
                if (is_interesting(p.data, p.len)) {
                        *packet = p.data;
                        return p.len;
                }
        return 0;
}
