/* SPDX-License-Identifier: MIT */
/*
 * lwip_peer: the server of tbclient on lwIP, for comparison; `elko bench tb-server` is the other.
 *
 *      lwip_peer TUN-DEVICE ADDRESS NETMASK GATEWAY [PORT]
 *
 * Theory: lwIP gets its best. Its raw API runs in one thread, without tcpip_thread, mailboxes or
 * core lock (Debian's library is built for threads, but insists on the lock only once tcpip_init()
 * has been called). Packets are read from the device straight into pbufs that come from a free
 * list, 64 between two looks at the timers, and are taken to pieces without another copy; outgoing
 * packets are one pbuf each (Debian builds with LWIP_NETIF_TX_SINGLE_PBUF), written as they are. A
 * sender is kept full: whatever tcp_sndbuf() allows is handed over at once.
 *
 * What cannot be changed from here is how Debian builds it: TCP_WND and TCP_SND_BUF 65535, MSS
 * 1460, an acknowledgement for every second segment, checksums in software.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/pbuf.h"
#include "lwip/tcp.h"
#include "lwip/timeouts.h"

enum { BATCH = 64, MTU = 1500, BUFFER_BYTES = 128 << 10 };

/* ---- the device ---- */

struct packet {
        struct pbuf_custom custom; /* first */
        struct packet *next_free;
        uint8_t bytes[MTU];
};

static struct packet *free_packets;

static void packet_free(struct pbuf *p)
{
        struct packet *k = (struct packet *)p;

        k->next_free = free_packets;
        free_packets = k;
}

static struct packet *packet_get(void)
{
        struct packet *k = free_packets;

        if (k == NULL) {
                k = malloc(sizeof *k);
                if (k == NULL)
                        abort();
                k->custom.custom_free_function = packet_free;
        } else {
                free_packets = k->next_free;
        }
        return k;
}

static int fd_of(const struct netif *netif)
{
        return (int)(intptr_t)netif->state;
}

static err_t output(struct netif *netif, struct pbuf *p, const ip4_addr_t *to)
{
        uint8_t whole[MTU];
        const void *bytes = p->payload;

        (void)to;
        if (p->next != NULL) {
                bytes = whole;
                pbuf_copy_partial(p, whole, sizeof whole, 0);
        }
        return write(fd_of(netif), bytes, p->tot_len) == p->tot_len ? ERR_OK : ERR_IF;
}

static err_t netif_start(struct netif *netif)
{
        netif->name[0] = 't';
        netif->name[1] = 'n';
        netif->mtu = MTU;
        netif->output = output;
        return ERR_OK;
}

/* One batch; false: the device is empty. */
static bool receive(struct netif *netif)
{
        for (int i = 0; i < BATCH; i++) {
                struct packet *k = packet_get();
                ssize_t n = read(fd_of(netif), k->bytes, sizeof k->bytes);
                struct pbuf *p;

                if (n <= 0) {
                        packet_free(&k->custom.pbuf);
                        return false;
                }
                p = pbuf_alloced_custom(PBUF_RAW, (u16_t)n, PBUF_REF, &k->custom, k->bytes,
                                        sizeof k->bytes);
                if (netif->input(p, netif) != ERR_OK)
                        pbuf_free(p);
        }
        return true;
}

static int open_tun(const char *name)
{
        struct ifreq ifr = {.ifr_flags = IFF_TUN | IFF_NO_PI};
        int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK);

        snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", name);
        if (fd < 0 || ioctl(fd, TUNSETIFF, &ifr) != 0) {
                fprintf(stderr, "lwip_peer: %s: %s\n", name, strerror(errno));
                exit(2);
        }
        return fd;
}

/* ---- the protocol ---- */

static uint8_t buffer[BUFFER_BYTES];
static char roles[3] = {'S', 'R', 'E'}; /* what a connection's argument points at */

static void end(struct tcp_pcb *pcb)
{
        tcp_arg(pcb, NULL);
        tcp_recv(pcb, NULL);
        tcp_sent(pcb, NULL);
        tcp_err(pcb, NULL);
        if (tcp_close(pcb) != ERR_OK)
                tcp_abort(pcb);
}

/* Fill the send buffer. lwIP itself calls tcp_output() after its callbacks. */
static err_t source(void *arg, struct tcp_pcb *pcb, u16_t acknowledged)
{
        u16_t room;

        (void)arg;
        (void)acknowledged;
        while ((room = tcp_sndbuf(pcb)) > 0)
                if (tcp_write(pcb, buffer, room, TCP_WRITE_FLAG_COPY) != ERR_OK)
                        break;
        return ERR_OK;
}

static void echo(struct tcp_pcb *pcb, const struct pbuf *p)
{
        for (const struct pbuf *q = p; q != NULL; q = q->next)
                tcp_write(pcb, q->payload, q->len, TCP_WRITE_FLAG_COPY);
}

/* The first byte chooses; it is not counted in. */
static char *choose(struct tcp_pcb *pcb, const struct pbuf *p)
{
        char first = *(const char *)p->payload;
        char *role = first == 'S' ? &roles[0] : first == 'R' ? &roles[1] : &roles[2];

        tcp_arg(pcb, role);
        if (first == 'R') {
                tcp_sent(pcb, source);
                source(NULL, pcb, 0);
        }
        return role;
}

static err_t received(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
        char *role = arg;

        if (p == NULL || error != ERR_OK) {
                if (p != NULL)
                        pbuf_free(p);
                end(pcb);
                return ERR_OK;
        }
        if (role == NULL)
                role = choose(pcb, p);
        if (*role == 'E')
                echo(pcb, p);
        tcp_recved(pcb, p->tot_len);
        pbuf_free(p);
        return ERR_OK;
}

static err_t accepted(void *arg, struct tcp_pcb *pcb, err_t error)
{
        (void)arg;
        if (error != ERR_OK || pcb == NULL)
                return ERR_VAL;
        tcp_nagle_disable(pcb);
        tcp_arg(pcb, NULL);
        tcp_recv(pcb, received);
        return ERR_OK;
}

static void listen_on(uint16_t port)
{
        struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);

        if (pcb == NULL || tcp_bind(pcb, IP4_ADDR_ANY, port) != ERR_OK) {
                fprintf(stderr, "lwip_peer: can't listen on port %u\n", port);
                exit(2);
        }
        pcb = tcp_listen_with_backlog(pcb, 255);
        tcp_accept(pcb, accepted);
}

static bool parse(const char *text, ip4_addr_t *out)
{
        if (ip4addr_aton(text, out))
                return true;
        fprintf(stderr, "lwip_peer: %s is no IPv4 address\n", text);
        return false;
}

int main(int argc, char **argv)
{
        ip4_addr_t address, netmask, gateway;
        struct netif netif;
        struct pollfd wait;

        if (argc < 5 || !parse(argv[2], &address) || !parse(argv[3], &netmask) ||
            !parse(argv[4], &gateway)) {
                fprintf(stderr, "usage: lwip_peer TUN-DEVICE ADDRESS NETMASK GATEWAY [PORT]\n");
                return 1;
        }
        memset(buffer, 'x', sizeof buffer);
        lwip_init();
        wait = (struct pollfd){.fd = open_tun(argv[1]), .events = POLLIN};
        netif_add(&netif, &address, &netmask, &gateway, (void *)(intptr_t)wait.fd, netif_start,
                  ip_input);
        netif_set_default(&netif);
        netif_set_up(&netif);
        netif_set_link_up(&netif);
        listen_on((uint16_t)(argc > 5 ? atoi(argv[5]) : 5201));
        fprintf(stderr, "lwip_peer: ready\n");
        for (;;) {
                if (!receive(&netif)) {
                        u32_t ms = sys_timeouts_sleeptime();

                        poll(&wait, 1, ms > 1000 ? 1000 : (int)ms);
                }
                sys_check_timeouts();
        }
}
