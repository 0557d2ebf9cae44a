/* SPDX-License-Identifier: MIT */
/*
 * Interface configuration: ioctl for what has one, rtnetlink for addresses (the only way that
 * serves both families and can switch off duplicate address detection, which would otherwise leave
 * a new IPv6 address unusable for a second or two).
 */

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/ethernet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "drivers/iface.h"

/* ---- ioctl ---- */

static int iface_ioctl(const char *name, unsigned long request, struct ifreq *ifr)
{
        int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int error = 0;

        if (fd < 0)
                return errno;
        snprintf(ifr->ifr_name, sizeof(ifr->ifr_name), "%s", name);
        if (ioctl(fd, request, ifr) != 0)
                error = errno;
        close(fd);
        return error;
}

static const char *hint(int error)
{
        switch (error) {
        case EPERM:
        case EACCES: return "; this needs CAP_NET_ADMIN in this network namespace";
        case ENODEV: return "; there is no such interface in this network namespace";
        default: return "";
        }
}

static int iface_fail(struct elko_drv_why *why, int error, const char *name, const char *what)
{
        return elko_drv_fail(why, error, "%s: can't %s: %s%s", name, what, strerror(error),
                             hint(error));
}

int elko_drv_iface_up(const char *name, struct elko_drv_why *why)
{
        struct ifreq ifr = {0};
        int error = iface_ioctl(name, SIOCGIFFLAGS, &ifr);

        if (error == 0 && (ifr.ifr_flags & IFF_UP) == 0) {
                ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_UP);
                error = iface_ioctl(name, SIOCSIFFLAGS, &ifr);
        }
        return error == 0 ? 0 : iface_fail(why, error, name, "bring the interface up");
}

int elko_drv_iface_mtu_get(const char *name, uint16_t *mtu, struct elko_drv_why *why)
{
        struct ifreq ifr = {0};
        int error = iface_ioctl(name, SIOCGIFMTU, &ifr);

        if (error != 0)
                return iface_fail(why, error, name, "read the MTU");
        *mtu = (uint16_t)(ifr.ifr_mtu > UINT16_MAX ? UINT16_MAX : ifr.ifr_mtu);
        return 0;
}

int elko_drv_iface_mtu_set(const char *name, uint16_t mtu, struct elko_drv_why *why)
{
        struct ifreq ifr = {0};
        char what[40];
        int error;

        ifr.ifr_mtu = mtu;
        error = iface_ioctl(name, SIOCSIFMTU, &ifr);
        snprintf(what, sizeof(what), "set the MTU to %u", mtu);
        return error == 0 ? 0 : iface_fail(why, error, name, what);
}

int elko_drv_iface_mac_get(const char *name, uint8_t mac[ELKO_MAC_BYTES], struct elko_drv_why *why)
{
        struct ifreq ifr = {0};
        int error = iface_ioctl(name, SIOCGIFHWADDR, &ifr);

        if (error != 0)
                return iface_fail(why, error, name, "read the MAC address");
        memcpy(mac, ifr.ifr_hwaddr.sa_data, ELKO_MAC_BYTES);
        return 0;
}

int elko_drv_iface_txqueuelen_raise(const char *name, uint32_t packets, struct elko_drv_why *why)
{
        struct ifreq ifr = {0};
        char what[48];
        int error = iface_ioctl(name, SIOCGIFTXQLEN, &ifr);

        if (error == 0 && (uint32_t)ifr.ifr_qlen < packets) {
                ifr.ifr_qlen = (int)packets;
                error = iface_ioctl(name, SIOCSIFTXQLEN, &ifr);
        }
        snprintf(what, sizeof(what), "raise txqueuelen to %u", packets);
        return error == 0 ? 0 : iface_fail(why, error, name, what);
}

/* ---- addresses ---- */

struct address {
        int family;
        unsigned prefix_len;
        size_t len; /* 4 or 16 */
        uint8_t bytes[16];
};

static bool parse_prefix_len(const char *text, unsigned max, unsigned *out)
{
        char *end;
        unsigned long v = strtoul(text, &end, 10);

        *out = (unsigned)v;
        return text[0] >= '0' && text[0] <= '9' && *end == '\0' && v <= max;
}

/* An address with "/n". */
static bool parse_cidr(const char *cidr, struct address *a)
{
        const char *slash = strchr(cidr, '/');
        char text[INET6_ADDRSTRLEN];

        if (slash == NULL || (size_t)(slash - cidr) >= sizeof(text))
                return false;
        memcpy(text, cidr, (size_t)(slash - cidr));
        text[slash - cidr] = '\0';
        a->family = strchr(text, ':') != NULL ? AF_INET6 : AF_INET;
        a->len = a->family == AF_INET6 ? 16 : 4;
        return inet_pton(a->family, text, a->bytes) == 1 &&
               parse_prefix_len(slash + 1, (unsigned)a->len * 8, &a->prefix_len);
}

/* RTM_NEWADDR with two attributes, laid out as netlink wants it: everything aligned to 4. */
struct addr_request {
        struct nlmsghdr head;
        struct ifaddrmsg msg;
        uint8_t attributes[2 * (sizeof(struct rtattr) + 16)];
};

static void add_attribute(struct addr_request *r, unsigned short type, const struct address *a)
{
        struct rtattr rta = {.rta_type = type, .rta_len = (unsigned short)RTA_LENGTH(a->len)};
        uint8_t *at = (uint8_t *)r + NLMSG_ALIGN(r->head.nlmsg_len);

        memcpy(at, &rta, sizeof(rta));
        memcpy(at + RTA_LENGTH(0), a->bytes, a->len);
        r->head.nlmsg_len = (uint32_t)(NLMSG_ALIGN(r->head.nlmsg_len) + RTA_ALIGN(rta.rta_len));
}

static void make_addr_request(struct addr_request *r, unsigned index, const struct address *a)
{
        memset(r, 0, sizeof(*r));
        r->head.nlmsg_len = NLMSG_LENGTH(sizeof(r->msg));
        r->head.nlmsg_type = RTM_NEWADDR;
        r->head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
        r->msg.ifa_family = (unsigned char)a->family;
        r->msg.ifa_prefixlen = (unsigned char)a->prefix_len;
        r->msg.ifa_flags = a->family == AF_INET6 ? IFA_F_NODAD : 0;
        r->msg.ifa_index = index;
        add_attribute(r, IFA_LOCAL, a);
        add_attribute(r, IFA_ADDRESS, a);
}

/* Send a request and read its acknowledgement: 0 or a positive errno. */
static int netlink_do(const struct nlmsghdr *request)
{
        struct {
                struct nlmsghdr head;
                struct nlmsgerr error;
                uint8_t rest[256];
        } answer;
        int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
        int error = 0;

        if (fd < 0)
                return errno;
        if (send(fd, request, request->nlmsg_len, 0) < 0 ||
            recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(int)))
                error = errno != 0 ? errno : EIO;
        else if (answer.head.nlmsg_type == NLMSG_ERROR)
                error = -answer.error.error;
        close(fd);
        return error;
}

static int iface_index(const char *name, unsigned *index)
{
        struct ifreq ifr = {0};
        int error = iface_ioctl(name, SIOCGIFINDEX, &ifr);

        *index = (unsigned)ifr.ifr_ifindex;
        return error;
}

int elko_drv_iface_addr_add(const char *name, const char *cidr, struct elko_drv_why *why)
{
        struct addr_request request;
        struct address a;
        unsigned index;
        char what[80];
        int error;

        if (!parse_cidr(cidr, &a))
                return elko_drv_fail(why, EINVAL,
                                     "%s: \"%s\" is not an address with a prefix length; "
                                     "write it like 10.0.0.1/24 or fd00::1/64",
                                     name, cidr);
        error = iface_index(name, &index);
        if (error == 0) {
                make_addr_request(&request, index, &a);
                error = netlink_do(&request.head);
        }
        snprintf(what, sizeof(what), "add the address %s", cidr);
        return error == 0 || error == EEXIST ? 0 : iface_fail(why, error, name, what);
}
