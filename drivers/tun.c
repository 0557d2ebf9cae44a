/* SPDX-License-Identifier: MIT */
/*
 * TUN and TAP.
 *
 * One read() takes one packet, one writev() gives one: the price of this driver is about 1 us per
 * packet in and 2 us per packet out, whatever its size (the write runs the kernel's whole receive
 * path). So packets are read until EAGAIN, up to a batch, and acknowledgements are made once a
 * batch.
 *
 * Packets are read one behind the other into one arena, each at the next cache line, so that a
 * batch of small packets touches few of them. A batch ends early when less than the longest packet
 * is left.
 *
 * The kernel's queue towards us is txqueuelen packets long and drops what is beyond, without
 * telling anybody: 500 packets, the default, are less than one receive window. So it is raised
 * where that is permitted.
 *
 * With offload a virtio-net header (virtio 1.2, 5.1.6) stands in front of each packet. It says which checksum
 * is still to be made, and of how many segments' payload a packet is: so neither end computes a checksum of what
 * never leaves memory, and one call moves 64 KiB instead of 1460 bytes. Where the kernel passes such a packet on to a
 * device that can't cut, it cuts it itself. TUNSETOFFLOAD says what we can take; what it can take needs no word.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <linux/virtio_net.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/uio.h>
#include <unistd.h>

#include "drivers/iface.h"
#include "drivers/tun.h"

enum {
        TXQUEUELEN = 10000,
        ARENA_BYTES = 512 << 10, /* half of a common L2 cache; at least 7 of the longest packets */
        LINE = 64,
        ETHERNET_BYTES = 14,
};

struct tun {
        struct elko_drv drv; /* first */
        int fd;
        uint32_t head_bytes; /* in front of every packet: the virtio-net header, or nothing */
        uint8_t *arena;
};

static struct tun *tun_of(struct elko_drv *d)
{
        return (struct tun *)d;
}

/* ---- packets ---- */

/* Errors that mean "not now"; others that concern one packet only; the rest ends the driver. */
static bool is_busy(int error)
{
        return error == EAGAIN || error == ENOBUFS || error == ENOMEM;
}

static bool is_gone(int error)
{
        return error == EBADFD || error == EBADF || error == ENODEV;
}

/* What the header says of the packet behind it. False: what we have not asked for. */
static bool describe(const uint8_t *head, struct elko_packet *p)
{
        struct virtio_net_hdr h;

        memcpy(&h, head, sizeof(h));
        if (h.flags & (VIRTIO_NET_HDR_F_NEEDS_CSUM | VIRTIO_NET_HDR_F_DATA_VALID))
                p->flags = ELKO_PACKET_CSUM_OK;
        switch (h.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
        case VIRTIO_NET_HDR_GSO_NONE: return true;
        case VIRTIO_NET_HDR_GSO_TCPV4:
        case VIRTIO_NET_HDR_GSO_TCPV6: p->gso_size = h.gso_size; return true;
        default: return false;
        }
}

static int tun_rx(struct elko_drv *d, struct elko_packet *out, size_t max)
{
        struct tun *t = tun_of(d);
        uint32_t at = 0;
        int n = 0;

        while ((size_t)n < max && ARENA_BYTES - at >= t->head_bytes + ELKO_DRV_PACKET_MAX) {
                ssize_t len = read(t->fd, t->arena + at, t->head_bytes + ELKO_DRV_PACKET_MAX);

                if (len < 0 && errno == EINTR)
                        continue;
                if (len < 0 && is_gone(errno) && n == 0)
                        return -errno;
                if (len <= (ssize_t)t->head_bytes)
                        break;
                out[n] = (struct elko_packet){.data = t->arena + at + t->head_bytes,
                                              .len = (uint32_t)len - t->head_bytes};
                if (t->head_bytes > 0 && !describe(t->arena + at, &out[n])) {
                        d->counters.rx_drops++;
                        continue;
                }
                d->counters.rx_packets++;
                d->counters.rx_bytes += out[n].len;
                at += ((uint32_t)len + LINE - 1) & ~(uint32_t)(LINE - 1);
                n++;
        }
        return n;
}

static bool is_ipv6(const struct tun *t, const struct elko_frame *f)
{
        uint32_t at = t->drv.link.medium == ELKO_MEDIUM_ETHERNET ? ETHERNET_BYTES : 0;

        return f->part[0].data[at] >> 4 == 6;
}

/* Numbers are in the machine's own order (without TUNSETVNETLE). */
static struct virtio_net_hdr head_of(const struct tun *t, const struct elko_frame *f)
{
        struct virtio_net_hdr h = {0};

        if (f->csum_start != 0) {
                h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
                h.csum_start = f->csum_start;
                h.csum_offset = f->csum_offset;
        }
        if (f->gso_size != 0) {
                h.gso_type = is_ipv6(t, f) ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
                h.hdr_len = (uint16_t)f->part[0].len; /* payload is in the other parts */
                h.gso_size = f->gso_size;
        }
        return h;
}

/* 0, or a positive errno. */
static int write_frame(const struct tun *t, const struct elko_frame *f)
{
        struct virtio_net_hdr head;
        struct iovec iov[1 + ELKO_FRAME_PARTS];
        ssize_t len;
        int n = 0;

        if (t->head_bytes > 0) {
                head = head_of(t, f);
                iov[n++] = (struct iovec){.iov_base = &head, .iov_len = sizeof(head)};
        }
        for (uint32_t i = 0; i < f->parts; i++)
                iov[n++] = (struct iovec){.iov_base = (void *)(uintptr_t)f->part[i].data,
                                          .iov_len = f->part[i].len};
        do
                len = writev(t->fd, iov, n);
        while (len < 0 && errno == EINTR);
        return len < 0 ? errno : 0;
}

static int tun_tx(struct elko_drv *d, const struct elko_frame *f, size_t n)
{
        struct tun *t = tun_of(d);

        for (size_t i = 0; i < n; i++) {
                int error = write_frame(t, &f[i]);

                if (is_busy(error))
                        return (int)i;
                if (is_gone(error))
                        return i > 0 ? (int)i : -error;
                if (error != 0) {
                        d->counters.tx_drops++;
                        continue;
                }
                d->counters.tx_packets++;
                d->counters.tx_bytes += f[i].len;
        }
        return (int)n;
}

static int tun_poll_fd(struct elko_drv *d)
{
        return tun_of(d)->fd;
}

static void tun_close(struct elko_drv *d)
{
        struct tun *t = tun_of(d);

        if (t->fd >= 0)
                close(t->fd);
        if (t->arena != NULL)
                munmap(t->arena, ARENA_BYTES);
        free(t);
}

static const struct elko_drv_ops tun_ops = {
        .name = "tun",
        .rx = tun_rx,
        .tx = tun_tx,
        .poll_fd = tun_poll_fd,
        .close = tun_close,
};

/* ---- opening ---- */

static const char *open_hint(int error)
{
        switch (error) {
        case ENOENT: return "load the tun module, or give this container the device";
        case EACCES:
        case EPERM: return "run as root, or let this user open it (chmod 666 /dev/net/tun)";
        default: return "is TUN/TAP supported by this kernel?";
        }
}

static const char *make_hint(int error)
{
        switch (error) {
        case EPERM:
                return "this needs CAP_NET_ADMIN (root, or a private network namespace), or a "
                       "device made for this user by `ip tuntap add mode tun user NAME`";
        case EBUSY: return "another program has it open, or it is an interface of another kind";
        case EINVAL: return "the name is taken by an interface of another kind, or can't be a name";
        default: return "see `ip tuntap` for what exists";
        }
}

/* Open /dev/net/tun and attach to the device of this name, made if missing. */
static int open_by_name(struct tun *t, const struct elko_drv_tun_config *c,
                        struct elko_drv_why *why)
{
        const char *name = c->name != NULL && c->name[0] != '\0' ? c->name : "elko%d";
        bool tap = c->medium == ELKO_MEDIUM_ETHERNET;
        struct ifreq ifr = {0};

        if (strlen(name) >= sizeof(ifr.ifr_name))
                return elko_drv_fail(why, ENAMETOOLONG, "tun: the name %s is longer than %zu bytes",
                                     name, sizeof(ifr.ifr_name) - 1);
        t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
        if (t->fd < 0)
                return elko_drv_fail(why, errno, "tun: opening /dev/net/tun: %s; %s",
                                     strerror(errno), open_hint(errno));
        snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
        ifr.ifr_flags =
                (short)((tap ? IFF_TAP : IFF_TUN) | IFF_NO_PI | (c->offload ? IFF_VNET_HDR : 0));
        if (ioctl(t->fd, TUNSETIFF, &ifr) != 0)
                return elko_drv_fail(why, errno, "tun: making the %s device %s: %s; %s",
                                     tap ? "TAP" : "TUN", name, strerror(errno), make_hint(errno));
        return 0;
}

/* A descriptor from somebody else must be of the kind that we speak. */
static int adopt(struct tun *t, int fd, struct elko_drv_why *why)
{
        int flags = fcntl(fd, F_GETFL);
        struct ifreq ifr = {0};

        t->fd = fd;
        if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
                return elko_drv_fail(why, errno, "tun: descriptor %d: %s", fd, strerror(errno));
        if (ioctl(fd, TUNGETIFF, &ifr) != 0)
                return elko_drv_fail(why, errno,
                                     "tun: descriptor %d is not an attached TUN or TAP "
                                     "device (%s)",
                                     fd, strerror(errno));
        if ((ifr.ifr_flags & IFF_NO_PI) == 0)
                return elko_drv_fail(why, ENOTSUP,
                                     "tun: descriptor %d puts packet information in front of "
                                     "packets; open it with IFF_NO_PI",
                                     fd);
        return 0;
}

/* The header has its first form, without the number of buffers; and we take what the kernel has not cut, nor made
 * checksums for. What it has for us when it does not know TSO with ECN it cuts. */
static int offload(struct tun *t, struct elko_drv_why *why)
{
        unsigned int can = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6;
        int bytes = sizeof(struct virtio_net_hdr);

        if (ioctl(t->fd, TUNSETVNETHDRSZ, &bytes) != 0)
                return elko_drv_fail(why, errno,
                                     "tun: TUNSETVNETHDRSZ: %s; open it without offload",
                                     strerror(errno));
        if (ioctl(t->fd, TUNSETOFFLOAD, can | TUN_F_TSO_ECN) != 0 &&
            ioctl(t->fd, TUNSETOFFLOAD, can) != 0)
                return elko_drv_fail(why, errno, "tun: TUNSETOFFLOAD: %s; open it without offload",
                                     strerror(errno));
        t->head_bytes = sizeof(struct virtio_net_hdr);
        t->drv.link.flags |= ELKO_LINK_RX_CSUM | ELKO_LINK_TX_CSUM | ELKO_LINK_TSO;
        return 0;
}

/* Medium and name as the kernel knows them. */
static int learn(struct tun *t, struct elko_drv_why *why)
{
        struct elko_link_config *link = &t->drv.link;
        struct ifreq ifr = {0};

        if (ioctl(t->fd, TUNGETIFF, &ifr) != 0)
                return elko_drv_fail(why, errno, "tun: TUNGETIFF: %s", strerror(errno));
        link->medium = (ifr.ifr_flags & IFF_TAP) != 0 ? ELKO_MEDIUM_ETHERNET : ELKO_MEDIUM_IP;
        memcpy(link->name, ifr.ifr_name, sizeof(link->name) - 1);
        return (ifr.ifr_flags & IFF_VNET_HDR) != 0 ? offload(t, why) : 0;
}

static int choose_mac(struct tun *t, const uint8_t wanted[ELKO_MAC_BYTES], struct elko_drv_why *why)
{
        static const uint8_t none[ELKO_MAC_BYTES];
        uint8_t *mac = t->drv.link.mac;

        if (t->drv.link.medium != ELKO_MEDIUM_ETHERNET)
                return 0;
        memcpy(mac, wanted, ELKO_MAC_BYTES);
        if (memcmp(mac, none, ELKO_MAC_BYTES) != 0)
                return 0;
        if (getrandom(mac, ELKO_MAC_BYTES, 0) != ELKO_MAC_BYTES)
                return elko_drv_fail(why, errno, "tun: getrandom: %s", strerror(errno));
        mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02); /* unicast, locally administered */
        return 0;
}

/* What the kernel shall know of its own side. */
static int configure(struct tun *t, const struct elko_drv_tun_config *c, struct elko_drv_why *why)
{
        const char *name = t->drv.link.name;
        int error = 0;

        if (c->mtu != 0)
                error = elko_drv_iface_mtu_set(name, c->mtu, why);
        for (int i = 0; error == 0 && i < ELKO_DRV_TUN_ADDRS; i++)
                if (c->host_addr[i] != NULL)
                        error = elko_drv_iface_addr_add(name, c->host_addr[i], why);
        if (error == 0 && c->up)
                error = elko_drv_iface_up(name, why);
        if (error == 0)
                error = elko_drv_iface_mtu_get(name, &t->drv.link.mtu, why);
        if (error == 0 && c->txqueuelen != 0)
                elko_drv_iface_txqueuelen_raise(name, c->txqueuelen, why); /* else: a warning */
        return error;
}

static int map_arena(struct tun *t, struct elko_drv_why *why)
{
        void *p =
                mmap(NULL, ARENA_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (p == MAP_FAILED)
                return elko_drv_fail(why, ENOMEM, "tun: no memory for packets (%d KiB)",
                                     ARENA_BYTES >> 10);
        t->arena = p;
        return 0;
}

void elko_drv_tun_config_default(struct elko_drv_tun_config *config)
{
        memset(config, 0, sizeof(*config));
        config->fd = -1;
        config->medium = ELKO_MEDIUM_IP;
        config->up = true;
        config->txqueuelen = TXQUEUELEN;
}

struct elko_drv *elko_drv_tun_open(const struct elko_drv_tun_config *config,
                                   struct elko_drv_why *why)
{
        struct tun *t = calloc(1, sizeof(*t));
        int error;

        if (t == NULL) {
                elko_drv_fail(why, ENOMEM, "tun: no memory");
                return NULL;
        }
        if (why != NULL)
                why->text[0] = '\0';
        t->fd = -1;
        t->drv.ops = &tun_ops;
        error = config->fd >= 0 ? adopt(t, config->fd, why) : open_by_name(t, config, why);
        if (error == 0)
                error = map_arena(t, why);
        if (error == 0)
                error = learn(t, why);
        if (error == 0)
                error = choose_mac(t, config->mac, why);
        if (error == 0)
                error = configure(t, config, why);
        if (error != 0) {
                tun_close(&t->drv);
                errno = -error;
                return NULL;
        }
        return &t->drv;
}
