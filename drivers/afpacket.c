/* SPDX-License-Identifier: MIT */
/*
 * AF_PACKET with recvmmsg and sendmmsg: a batch of frames in one system call each.
 *
 * The peer of a veth interface is the kernel of this machine, and it saves itself work that only
 * matters on a wire. So frames may come
 *
 *   - with a transport checksum that is not complete (TP_STATUS_CSUMNOTREADY in the auxiliary
 *     data): the bytes never left memory, ELKO_PACKET_CSUM_OK says so;
 *   - with one that somebody verified (TP_STATUS_CSUM_VALID): the same;
 *   - as a super-packet of up to 64 KiB that a wire would have got in pieces: every receive buffer
 *     has room for it, and it is handed on as one packet;
 *   - longer still (BIG TCP, when gso_max_size was raised above 64 KiB), or with a VLAN tag that
 *     the kernel took off (the frame is for another network): dropped and counted.
 *
 * Buffers are 64 KiB apart plus an odd number of cache lines: exact powers of two would put the
 * first bytes of all of them on the same few sets of the cache.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/afpacket.h"
#include "drivers/iface.h"

enum {
        RCVBUF_BYTES = 32 << 20,
        LINE = 64,
        STRIDE = (65536 / LINE + 25) * LINE, /* 1536 bytes and one line more than 64 KiB */
        CONTROL_BYTES = CMSG_SPACE(sizeof(struct tpacket_auxdata)),
};

_Static_assert(STRIDE >= ELKO_DRV_PACKET_MAX, "a super-packet fits into a buffer");

struct afpacket {
        struct elko_drv drv; /* first */
        int fd;
        uint8_t *buffers; /* ELKO_DRV_BATCH of STRIDE bytes */
        struct mmsghdr rx_msg[ELKO_DRV_BATCH], tx_msg[ELKO_DRV_BATCH];
        struct iovec rx_iov[ELKO_DRV_BATCH], tx_iov[ELKO_DRV_BATCH][ELKO_FRAME_PARTS];
        struct sockaddr_ll from[ELKO_DRV_BATCH];
        _Alignas(struct cmsghdr) uint8_t control[ELKO_DRV_BATCH][CONTROL_BYTES];
};

static struct afpacket *afpacket_of(struct elko_drv *d)
{
        return (struct afpacket *)d;
}

/* ---- receiving ---- */

/* What the kernel changes in a header is put back before each call. */
static void prepare_rx(struct afpacket *a, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                struct msghdr *m = &a->rx_msg[i].msg_hdr;

                a->rx_iov[i].iov_base = a->buffers + i * STRIDE;
                a->rx_iov[i].iov_len = STRIDE;
                m->msg_iov = &a->rx_iov[i];
                m->msg_iovlen = 1;
                m->msg_name = &a->from[i];
                m->msg_namelen = sizeof(a->from[i]);
                m->msg_control = a->control[i];
                m->msg_controllen = CONTROL_BYTES;
                m->msg_flags = 0;
        }
}

/* tp_status of the auxiliary data; 0: there is none. */
static uint32_t status_of(struct msghdr *m)
{
        struct tpacket_auxdata aux;

        for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c)) {
                if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA)
                        continue;
                memcpy(&aux, CMSG_DATA(c), sizeof(aux));
                return aux.tp_status;
        }
        return 0;
}

/* Frame `i` of the batch as a packet; false: it is not for us. */
static bool take_frame(struct afpacket *a, size_t i, struct elko_packet *out)
{
        struct msghdr *m = &a->rx_msg[i].msg_hdr;
        uint32_t status = status_of(m);

        if (a->from[i].sll_pkttype == PACKET_OUTGOING)
                return false; /* what others send here; not a loss */
        if ((m->msg_flags & MSG_TRUNC) != 0 || (status & TP_STATUS_VLAN_VALID) != 0) {
                a->drv.counters.rx_drops++;
                return false;
        }
        out->data = a->buffers + i * STRIDE;
        out->len = a->rx_msg[i].msg_len;
        out->flags = 0;
        if ((status & (TP_STATUS_CSUMNOTREADY | TP_STATUS_CSUM_VALID)) != 0)
                out->flags |= ELKO_PACKET_CSUM_OK;
        a->drv.counters.rx_packets++;
        a->drv.counters.rx_bytes += out->len;
        return true;
}

/* The kernel counts what did not fit into its queue, and forgets the count when it is read. */
static void count_kernel_drops(struct afpacket *a)
{
        struct tpacket_stats stats;
        socklen_t len = sizeof(stats);

        if (getsockopt(a->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &len) == 0)
                a->drv.counters.rx_drops += stats.tp_drops;
}

static int afpacket_rx(struct elko_drv *d, struct elko_packet *out, size_t max)
{
        struct afpacket *a = afpacket_of(d);
        unsigned want = max < ELKO_DRV_BATCH ? (unsigned)max : ELKO_DRV_BATCH;
        int got, n = 0;

        prepare_rx(a, want);
        got = recvmmsg(a->fd, a->rx_msg, want, MSG_DONTWAIT, NULL);
        if (got < 0)
                return errno == ENODEV || errno == ENXIO || errno == EBADF ? -errno : 0;
        for (int i = 0; i < got; i++)
                n += take_frame(a, (size_t)i, &out[n]);
        if (got == ELKO_DRV_BATCH)
                count_kernel_drops(a);
        return n;
}

/* ---- sending ---- */

static void prepare_tx(struct afpacket *a, const struct elko_frame *f, size_t n)
{
        for (size_t i = 0; i < n; i++) {
                for (uint32_t k = 0; k < f[i].parts; k++) {
                        a->tx_iov[i][k].iov_base = (void *)(uintptr_t)f[i].part[k].data;
                        a->tx_iov[i][k].iov_len = f[i].part[k].len;
                }
                memset(&a->tx_msg[i], 0, sizeof(a->tx_msg[i]));
                a->tx_msg[i].msg_hdr.msg_iov = a->tx_iov[i];
                a->tx_msg[i].msg_hdr.msg_iovlen = f[i].parts;
        }
}

static void count_sent(struct elko_drv *d, const struct elko_frame *f, int n)
{
        for (int i = 0; i < n; i++)
                d->counters.tx_bytes += f[i].len;
        d->counters.tx_packets += (uint64_t)n;
}

static bool is_busy(int error)
{
        return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

static bool is_gone(int error)
{
        return error == ENODEV || error == ENXIO || error == EBADF;
}

/* One sendmmsg() call; returns how many frames are done with, or -errno when there is no device. */
static int send_some(struct afpacket *a, const struct elko_frame *f, size_t n)
{
        int sent;

        prepare_tx(a, f, n);
        do
                sent = sendmmsg(a->fd, a->tx_msg, (unsigned)n, MSG_DONTWAIT);
        while (sent < 0 && errno == EINTR);
        if (sent > 0)
                count_sent(&a->drv, f, sent);
        if (sent >= 0)
                return sent;
        if (is_busy(errno))
                return 0;
        if (is_gone(errno))
                return -errno;
        a->drv.counters.tx_drops++; /* this frame alone is refused: too long, or interface down */
        return 1;
}

static int afpacket_tx(struct elko_drv *d, const struct elko_frame *f, size_t n)
{
        size_t done = 0;

        while (done < n) {
                size_t left = n - done;
                int k = send_some(afpacket_of(d), f + done,
                                  left < ELKO_DRV_BATCH ? left : ELKO_DRV_BATCH);

                if (k < 0 && done == 0)
                        return k;
                if (k <= 0)
                        break;
                done += (size_t)k;
        }
        return (int)done;
}

/* ---- the driver ---- */

static int afpacket_poll_fd(struct elko_drv *d)
{
        return afpacket_of(d)->fd;
}

static void afpacket_close(struct elko_drv *d)
{
        struct afpacket *a = afpacket_of(d);

        if (a->fd >= 0)
                close(a->fd);
        if (a->buffers != NULL)
                munmap(a->buffers, (size_t)ELKO_DRV_BATCH * STRIDE);
        free(a);
}

static const struct elko_drv_ops afpacket_ops = {
        .name = "afpacket",
        .rx = afpacket_rx,
        .tx = afpacket_tx,
        .poll_fd = afpacket_poll_fd,
        .close = afpacket_close,
};

/* ---- opening ---- */

/* Without a protocol the socket receives nothing until it is bound to its interface. */
static int open_socket(struct afpacket *a, struct elko_drv_why *why)
{
        a->fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        if (a->fd < 0)
                return elko_drv_fail(why, errno, "afpacket: opening a packet socket: %s%s",
                                     strerror(errno),
                                     errno == EPERM ? "; this needs CAP_NET_RAW" : "");
        return 0;
}

static int set_option(struct afpacket *a, int level, int option, int value)
{
        return setsockopt(a->fd, level, option, &value, sizeof(value));
}

static int set_options(struct afpacket *a, const struct elko_drv_afpacket_config *c,
                       struct elko_drv_why *why)
{
        int bytes = c->rcvbuf_bytes != 0 ? (int)c->rcvbuf_bytes : RCVBUF_BYTES;

        if (set_option(a, SOL_PACKET, PACKET_AUXDATA, 1) != 0)
                return elko_drv_fail(why, errno, "afpacket: %s: PACKET_AUXDATA: %s", c->name,
                                     strerror(errno));
        /* Older than Linux 4.20: take_frame() sorts them out. */
        (void)set_option(a, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
        if (set_option(a, SOL_SOCKET, SO_RCVBUFFORCE, bytes) != 0)
                (void)set_option(a, SOL_SOCKET, SO_RCVBUF, bytes);
        return 0;
}

static int bind_socket(struct afpacket *a, const char *name, struct elko_drv_why *why)
{
        struct sockaddr_ll to = {
                .sll_family = AF_PACKET,
                .sll_protocol = htons(ETH_P_ALL),
                .sll_ifindex = (int)if_nametoindex(name),
        };

        if (to.sll_ifindex == 0)
                return elko_drv_fail(why, ENODEV,
                                     "afpacket: there is no interface %s in this network "
                                     "namespace; see `ip link`",
                                     name);
        if (bind(a->fd, (struct sockaddr *)&to, sizeof(to)) != 0)
                return elko_drv_fail(why, errno, "afpacket: binding to %s: %s", name,
                                     strerror(errno));
        return 0;
}

/* Frames for a MAC address that is not the interface's own come in promiscuous mode only. */
static int choose_mac(struct afpacket *a, const struct elko_drv_afpacket_config *c,
                      struct elko_drv_why *why)
{
        static const uint8_t none[ELKO_MAC_BYTES];
        struct packet_mreq all = {
                .mr_ifindex = (int)if_nametoindex(c->name),
                .mr_type = PACKET_MR_PROMISC,
        };
        uint8_t own[ELKO_MAC_BYTES];
        int error = elko_drv_iface_mac_get(c->name, own, why);

        if (error != 0)
                return error;
        memcpy(a->drv.link.mac, c->mac, ELKO_MAC_BYTES);
        if (memcmp(c->mac, none, ELKO_MAC_BYTES) == 0)
                memcpy(a->drv.link.mac, own, ELKO_MAC_BYTES);
        if (memcmp(a->drv.link.mac, own, ELKO_MAC_BYTES) == 0)
                return 0;
        if (setsockopt(a->fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &all, sizeof(all)) != 0)
                return elko_drv_fail(why, errno, "afpacket: %s: promiscuous mode: %s", c->name,
                                     strerror(errno));
        return 0;
}

static int map_buffers(struct afpacket *a, struct elko_drv_why *why)
{
        void *p = mmap(NULL, (size_t)ELKO_DRV_BATCH * STRIDE, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (p == MAP_FAILED)
                return elko_drv_fail(why, ENOMEM, "afpacket: no memory for packets (%d KiB)",
                                     ELKO_DRV_BATCH * STRIDE >> 10);
        a->buffers = p;
        return 0;
}

static int configure(struct afpacket *a, const struct elko_drv_afpacket_config *c,
                     struct elko_drv_why *why)
{
        struct elko_link_config *link = &a->drv.link;
        int error = 0;

        link->medium = ELKO_MEDIUM_ETHERNET;
        snprintf(link->name, sizeof(link->name), "%s", c->name);
        if (c->up)
                error = elko_drv_iface_up(c->name, why);
        if (error == 0)
                error = elko_drv_iface_mtu_get(c->name, &link->mtu, why);
        return error;
}

struct elko_drv *elko_drv_afpacket_open(const struct elko_drv_afpacket_config *config,
                                        struct elko_drv_why *why)
{
        struct afpacket *a = calloc(1, sizeof(*a));
        int error;

        if (a == NULL) {
                elko_drv_fail(why, ENOMEM, "afpacket: no memory");
                return NULL;
        }
        if (why != NULL)
                why->text[0] = '\0';
        a->fd = -1;
        a->drv.ops = &afpacket_ops;
        error = open_socket(a, why);
        if (error == 0)
                error = set_options(a, config, why);
        if (error == 0)
                error = bind_socket(a, config->name, why);
        if (error == 0)
                error = choose_mac(a, config, why);
        if (error == 0)
                error = configure(a, config, why);
        if (error == 0)
                error = map_buffers(a, why);
        if (error != 0) {
                afpacket_close(&a->drv);
                errno = -error;
                return NULL;
        }
        return &a->drv;
}
