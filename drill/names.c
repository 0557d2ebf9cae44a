/* SPDX-License-Identifier: MIT */
/*
 * Sorted by name, so that a name is found by halving.
 */
#include "drill/names.h"

#include <stdlib.h>
#include <string.h>

struct name {
        const char *name;
        int64_t value;
};

/* clang-format off */
static const struct name symbols[] = {
        {"AF_INET", 2}, {"AF_INET6", 10}, {"AF_UNSPEC", 0}, {"EPOLLERR", 8},
        {"EPOLLET", 0x80000000}, {"EPOLLEXCLUSIVE", 0x10000000}, {"EPOLLHUP", 16}, {"EPOLLIN", 1},
        {"EPOLLONESHOT", 0x40000000}, {"EPOLLOUT", 4}, {"EPOLLPRI", 2}, {"EPOLLRDBAND", 128},
        {"EPOLLRDHUP", 0x2000}, {"EPOLLRDNORM", 64}, {"EPOLLWRBAND", 512}, {"EPOLLWRNORM", 256},
        {"EPOLL_CTL_ADD", 1}, {"EPOLL_CTL_DEL", 2}, {"EPOLL_CTL_MOD", 3}, {"FIONBIO", 0x5421},
        {"FIONREAD", 0x541b}, {"F_DUPFD", 0}, {"F_GETFD", 1}, {"F_GETFL", 3}, {"F_SETFD", 2},
        {"F_SETFL", 4}, {"IPPROTO_ICMP", 1}, {"IPPROTO_ICMPV6", 58}, {"IPPROTO_IP", 0},
        {"IPPROTO_IPV6", 41}, {"IPPROTO_MPTCP", 262}, {"IPPROTO_RAW", 255}, {"IPPROTO_TCP", 6},
        {"IPPROTO_UDP", 17}, {"IPV6_FLOWINFO", 11}, {"IPV6_FLOWINFO_SEND", 33},
        {"IPV6_HOPLIMIT", 52}, {"IPV6_MTU", 24}, {"IPV6_MTU_DISCOVER", 23}, {"IPV6_RECVERR", 25},
        {"IPV6_RECVHOPLIMIT", 51}, {"IPV6_RECVTCLASS", 66}, {"IPV6_TCLASS", 67},
        {"IPV6_UNICAST_HOPS", 16}, {"IPV6_V6ONLY", 26}, {"IP_BIND_ADDRESS_NO_PORT", 24},
        {"IP_FREEBIND", 15}, {"IP_MTU", 14}, {"IP_MTU_DISCOVER", 10}, {"IP_OPTIONS", 4},
        {"IP_PKTINFO", 8}, {"IP_PMTUDISC_DO", 2}, {"IP_PMTUDISC_DONT", 0},
        {"IP_PMTUDISC_PROBE", 3}, {"IP_PMTUDISC_WANT", 1}, {"IP_RECVERR", 11}, {"IP_RECVTOS", 13},
        {"IP_RECVTTL", 12}, {"IP_TOS", 1}, {"IP_TRANSPARENT", 19}, {"IP_TTL", 2},
        {"MSG_CMSG_CLOEXEC", 0x40000000}, {"MSG_CONFIRM", 2048}, {"MSG_CTRUNC", 8},
        {"MSG_DONTROUTE", 4}, {"MSG_DONTWAIT", 64}, {"MSG_EOR", 128}, {"MSG_ERRQUEUE", 0x2000},
        {"MSG_FASTOPEN", 0x20000000}, {"MSG_FIN", 512}, {"MSG_MORE", 0x8000},
        {"MSG_NOSIGNAL", 0x4000}, {"MSG_OOB", 1}, {"MSG_PEEK", 2}, {"MSG_RST", 0x1000},
        {"MSG_SYN", 1024}, {"MSG_TRUNC", 32}, {"MSG_WAITALL", 256}, {"MSG_ZEROCOPY", 0x4000000},
        {"O_APPEND", 1024}, {"O_CREAT", 64}, {"O_EXCL", 128}, {"O_NONBLOCK", 2048},
        {"O_RDONLY", 0}, {"O_RDWR", 2}, {"O_TRUNC", 512}, {"O_WRONLY", 1}, {"PF_INET", 2},
        {"PF_INET6", 10}, {"POLLERR", 8}, {"POLLHUP", 16}, {"POLLIN", 1}, {"POLLMSG", 1024},
        {"POLLNVAL", 32}, {"POLLOUT", 4}, {"POLLPRI", 2}, {"POLLRDBAND", 128},
        {"POLLRDHUP", 0x2000}, {"POLLRDNORM", 64}, {"POLLWRBAND", 512}, {"POLLWRNORM", 256},
        {"SCM_TIMESTAMPING", 37}, {"SCM_TSTAMP_ACK", 2}, {"SCM_TSTAMP_SCHED", 1},
        {"SCM_TSTAMP_SND", 0}, {"SHUT_RD", 0}, {"SHUT_RDWR", 2}, {"SHUT_WR", 1},
        {"SIOCATMARK", 0x8905}, {"SIOCINQ", 0x541b}, {"SIOCOUTQ", 0x5411}, {"SIOCOUTQNSD", 0x894b},
        {"SOCK_CLOEXEC", 0x80000}, {"SOCK_DGRAM", 2}, {"SOCK_NONBLOCK", 2048}, {"SOCK_RAW", 3},
        {"SOCK_STREAM", 1}, {"SOF_TIMESTAMPING_OPT_CMSG", 1024}, {"SOF_TIMESTAMPING_OPT_ID", 128},
        {"SOF_TIMESTAMPING_OPT_ID_TCP", 0x10000}, {"SOF_TIMESTAMPING_OPT_STATS", 0x1000}, {"SOF_TIMESTAMPING_OPT_TSONLY", 2048},
        {"SOF_TIMESTAMPING_RX_HARDWARE", 4}, {"SOF_TIMESTAMPING_RX_SOFTWARE", 8},
        {"SOF_TIMESTAMPING_SOFTWARE", 16}, {"SOF_TIMESTAMPING_TX_ACK", 512},
        {"SOF_TIMESTAMPING_TX_HARDWARE", 1}, {"SOF_TIMESTAMPING_TX_SCHED", 256},
        {"SOF_TIMESTAMPING_TX_SOFTWARE", 2}, {"SOL_IP", 0}, {"SOL_IPV6", 41}, {"SOL_SOCKET", 1},
        {"SOL_TCP", 6}, {"SOL_UDP", 17}, {"SOMAXCONN", 0x1000}, {"SO_ACCEPTCONN", 30},
        {"SO_BINDTODEVICE", 25}, {"SO_BROADCAST", 6}, {"SO_BSDCOMPAT", 14}, {"SO_BUSY_POLL", 46},
        {"SO_DEBUG", 1}, {"SO_DOMAIN", 39}, {"SO_DONTROUTE", 5}, {"SO_EE_CODE_ZEROCOPY_COPIED", 1},
        {"SO_EE_ORIGIN_ICMP", 2}, {"SO_EE_ORIGIN_ICMP6", 3}, {"SO_EE_ORIGIN_LOCAL", 1},
        {"SO_EE_ORIGIN_NONE", 0}, {"SO_EE_ORIGIN_TIMESTAMPING", 4}, {"SO_EE_ORIGIN_ZEROCOPY", 5},
        {"SO_ERROR", 4}, {"SO_INCOMING_CPU", 49}, {"SO_KEEPALIVE", 9}, {"SO_LINGER", 13},
        {"SO_MARK", 36}, {"SO_MAX_PACING_RATE", 47}, {"SO_MEMINFO", 55}, {"SO_NO_CHECK", 11},
        {"SO_OOBINLINE", 10}, {"SO_PASSCRED", 16}, {"SO_PEEK_OFF", 42}, {"SO_PEERCRED", 17},
        {"SO_PEERNAME", 28}, {"SO_PRIORITY", 12}, {"SO_PROTOCOL", 38}, {"SO_RCVBUF", 8},
        {"SO_RCVBUFFORCE", 33}, {"SO_RCVLOWAT", 18}, {"SO_RCVTIMEO", 20}, {"SO_REUSEADDR", 2},
        {"SO_REUSEPORT", 15}, {"SO_RXQ_OVFL", 40}, {"SO_SNDBUF", 7}, {"SO_SNDBUFFORCE", 32},
        {"SO_SNDLOWAT", 19}, {"SO_SNDTIMEO", 21}, {"SO_TIMESTAMP", 29}, {"SO_TIMESTAMPING", 37},
        {"SO_TIMESTAMPNS", 35}, {"SO_TXTIME", 61}, {"SO_TYPE", 3}, {"SO_ZEROCOPY", 60},
        {"SPLICE_F_GIFT", 8}, {"SPLICE_F_MORE", 4}, {"SPLICE_F_MOVE", 1}, {"SPLICE_F_NONBLOCK", 2},
        {"TCP_CC_INFO", 26}, {"TCP_CM_INQ", 36}, {"TCP_CONGESTION", 13}, {"TCP_CORK", 3},
        {"TCP_DEFER_ACCEPT", 9}, {"TCP_FASTOPEN", 23}, {"TCP_FASTOPEN_CONNECT", 30},
        {"TCP_FASTOPEN_KEY", 33}, {"TCP_FASTOPEN_NO_COOKIE", 34}, {"TCP_INFO", 11},
        {"TCP_INQ", 36}, {"TCP_KEEPCNT", 6}, {"TCP_KEEPIDLE", 4}, {"TCP_KEEPINTVL", 5},
        {"TCP_LINGER2", 8}, {"TCP_MAXSEG", 2}, {"TCP_MD5SIG", 14}, {"TCP_NODELAY", 1},
        {"TCP_NOTSENT_LOWAT", 25}, {"TCP_QUICKACK", 12}, {"TCP_REPAIR", 19}, {"TCP_SAVED_SYN", 28},
        {"TCP_SAVE_SYN", 27}, {"TCP_SYNCNT", 7}, {"TCP_THIN_DUPACK", 17},
        {"TCP_THIN_LINEAR_TIMEOUTS", 16}, {"TCP_TIMESTAMP", 24}, {"TCP_TX_DELAY", 37},
        {"TCP_ULP", 31}, {"TCP_USER_TIMEOUT", 18}, {"TCP_WINDOW_CLAMP", 10},
        {"TCP_ZEROCOPY_RECEIVE", 35},
};

/* By number. */
static const struct name errors[] = {
        {"EPERM", 1}, {"ENOENT", 2}, {"ESRCH", 3}, {"EINTR", 4}, {"EIO", 5}, {"ENXIO", 6},
        {"E2BIG", 7}, {"ENOEXEC", 8}, {"EBADF", 9}, {"ECHILD", 10}, {"EAGAIN", 11}, {"ENOMEM", 12},
        {"EACCES", 13}, {"EFAULT", 14}, {"ENOTBLK", 15}, {"EBUSY", 16}, {"EEXIST", 17},
        {"EXDEV", 18}, {"ENODEV", 19}, {"ENOTDIR", 20}, {"EISDIR", 21}, {"EINVAL", 22},
        {"ENFILE", 23}, {"EMFILE", 24}, {"ENOTTY", 25}, {"ETXTBSY", 26}, {"EFBIG", 27},
        {"ENOSPC", 28}, {"ESPIPE", 29}, {"EROFS", 30}, {"EMLINK", 31}, {"EPIPE", 32}, {"EDOM", 33},
        {"ERANGE", 34}, {"EDEADLOCK", 35}, {"ENAMETOOLONG", 36}, {"ENOLCK", 37}, {"ENOSYS", 38},
        {"ENOTEMPTY", 39}, {"ELOOP", 40}, {"ENOMSG", 42}, {"EIDRM", 43}, {"ECHRNG", 44},
        {"EL2NSYNC", 45}, {"EL3HLT", 46}, {"EL3RST", 47}, {"ELNRNG", 48}, {"EUNATCH", 49},
        {"ENOCSI", 50}, {"EL2HLT", 51}, {"EBADE", 52}, {"EBADR", 53}, {"EXFULL", 54},
        {"ENOANO", 55}, {"EBADRQC", 56}, {"EBADSLT", 57}, {"EBFONT", 59}, {"ENOSTR", 60},
        {"ENODATA", 61}, {"ETIME", 62}, {"ENOSR", 63}, {"ENONET", 64}, {"ENOPKG", 65},
        {"EREMOTE", 66}, {"ENOLINK", 67}, {"EADV", 68}, {"ESRMNT", 69}, {"ECOMM", 70},
        {"EPROTO", 71}, {"EMULTIHOP", 72}, {"EDOTDOT", 73}, {"EBADMSG", 74}, {"EOVERFLOW", 75},
        {"ENOTUNIQ", 76}, {"EBADFD", 77}, {"EREMCHG", 78}, {"ELIBACC", 79}, {"ELIBBAD", 80},
        {"ELIBSCN", 81}, {"ELIBMAX", 82}, {"ELIBEXEC", 83}, {"EILSEQ", 84}, {"ERESTART", 85},
        {"ESTRPIPE", 86}, {"EUSERS", 87}, {"ENOTSOCK", 88}, {"EDESTADDRREQ", 89}, {"EMSGSIZE", 90},
        {"EPROTOTYPE", 91}, {"ENOPROTOOPT", 92}, {"EPROTONOSUPPORT", 93}, {"ESOCKTNOSUPPORT", 94},
        {"ENOTSUP", 95}, {"EPFNOSUPPORT", 96}, {"EAFNOSUPPORT", 97}, {"EADDRINUSE", 98},
        {"EADDRNOTAVAIL", 99}, {"ENETDOWN", 100}, {"ENETUNREACH", 101}, {"ENETRESET", 102},
        {"ECONNABORTED", 103}, {"ECONNRESET", 104}, {"ENOBUFS", 105}, {"EISCONN", 106},
        {"ENOTCONN", 107}, {"ESHUTDOWN", 108}, {"ETOOMANYREFS", 109}, {"ETIMEDOUT", 110},
        {"ECONNREFUSED", 111}, {"EHOSTDOWN", 112}, {"EHOSTUNREACH", 113}, {"EALREADY", 114},
        {"EINPROGRESS", 115}, {"ESTALE", 116}, {"EUCLEAN", 117}, {"ENOTNAM", 118},
        {"ENAVAIL", 119}, {"EISNAM", 120}, {"EREMOTEIO", 121}, {"EDQUOT", 122}, {"ENOMEDIUM", 123},
        {"EMEDIUMTYPE", 124}, {"ECANCELED", 125}, {"ENOKEY", 126}, {"EKEYEXPIRED", 127},
        {"EKEYREVOKED", 128}, {"EKEYREJECTED", 129}, {"EOWNERDEAD", 130}, {"ENOTRECOVERABLE", 131},
        {"ERFKILL", 132},
};
/* clang-format on */

static int by_name(const void *key, const void *row)
{
        return strcmp(key, ((const struct name *)row)->name);
}

bool drill_symbol(const char *name, int64_t *value)
{
        const struct name *n = bsearch(name, symbols, sizeof(symbols) / sizeof(symbols[0]),
                                       sizeof(symbols[0]), by_name);

        *value = n != NULL ? n->value : drill_errno(name);
        return n != NULL || *value != 0;
}

int drill_errno(const char *name)
{
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
                if (strcmp(errors[i].name, name) == 0)
                        return (int)errors[i].value;
        return strcmp(name, "EWOULDBLOCK") == 0 ? drill_errno("EAGAIN") : 0;
}

const char *drill_errno_name(int number)
{
        for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
                if (errors[i].value == number)
                        return errors[i].name;
        return "?";
}

/* ---- ICMP: RFC 792, RFC 1122 3.2.2.1, RFC 1812 5.2.7.1; RFC 4443 ---- */

struct icmp_name {
        const char *type; /* of a code; NULL: this is a type */
        const char *name;
        uint8_t value;
};

static const struct icmp_name v4_names[] = {
        {NULL, "echo_reply", 0},
        {NULL, "unreachable", 3},
        {NULL, "source_quench", 4},
        {NULL, "redirect", 5},
        {NULL, "echo_request", 8},
        {NULL, "time_exceeded", 11},
        {NULL, "parameter_problem", 12},
        {NULL, "timestamp_request", 13},
        {NULL, "timestamp_reply", 14},
        {NULL, "information_request", 15},
        {NULL, "information_reply", 16},
        {NULL, "address_mask_request", 17},
        {NULL, "address_mask_reply", 18},
        {"unreachable", "net_unreachable", 0},
        {"unreachable", "host_unreachable", 1},
        {"unreachable", "protocol_unreachable", 2},
        {"unreachable", "port_unreachable", 3},
        {"unreachable", "frag_needed", 4},
        {"unreachable", "source_route_failed", 5},
        {"unreachable", "net_unknown", 6},
        {"unreachable", "host_unknown", 7},
        {"unreachable", "source_host_isolated", 8},
        {"unreachable", "net_prohibited", 9},
        {"unreachable", "host_prohibited", 10},
        {"unreachable", "net_unreachable_for_tos", 11},
        {"unreachable", "host_unreachable_for_tos", 12},
        {"unreachable", "packet_filtered", 13},
        {"unreachable", "precedence_violation", 14},
        {"unreachable", "precedence_cutoff", 15},
        {"redirect", "net", 0},
        {"redirect", "host", 1},
        {"redirect", "tos_net", 2},
        {"redirect", "tos_host", 3},
        {"time_exceeded", "exceeded_ttl", 0},
        {"time_exceeded", "exceeded_frag_time", 1},
        {NULL, NULL, 0},
};

static const struct icmp_name v6_names[] = {
        {NULL, "unreachable", 1},
        {NULL, "packet_too_big", 2},
        {NULL, "time_exceeded", 3},
        {NULL, "parameter_problem", 4},
        {NULL, "echo_request", 128},
        {NULL, "echo_reply", 129},
        {"unreachable", "no_route", 0},
        {"unreachable", "admin_prohibited", 1},
        {"unreachable", "not_neighbour", 2},
        {"unreachable", "address_unreachable", 3},
        {"unreachable", "port_unreachable", 4},
        {"time_exceeded", "exceeded_hop_limit", 0},
        {"time_exceeded", "exceeded_frag_time", 1},
        {"parameter_problem", "bad_header", 0},
        {"parameter_problem", "unknown_next_header", 1},
        {"parameter_problem", "unknown_option", 2},
        {NULL, NULL, 0},
};

static bool same(const char *a, const char *b)
{
        return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* By name, as PREFIX_N, or as a number. */
static bool icmp_value(const struct icmp_name *names, const char *type, const char *name,
                       const char *prefix, uint8_t *out)
{
        size_t n = strlen(prefix);
        char *end;
        long v;

        for (; names->name != NULL; names++) {
                if (same(names->type, type) && strcmp(names->name, name) == 0) {
                        *out = names->value;
                        return true;
                }
        }
        v = strtol(strncmp(name, prefix, n) == 0 ? name + n : name, &end, 10);
        *out = (uint8_t)v;
        return *end == '\0' && end != name && v >= 0 && v <= 255;
}

bool drill_icmp(bool v6, const char *type, const char *code, uint8_t *type_out, uint8_t *code_out,
                const char **why)
{
        const struct icmp_name *names = v6 ? v6_names : v4_names;

        *code_out = 0;
        *why = v6 ? "no ICMPv6 type has this name" : "no ICMP type has this name";
        if (!icmp_value(names, NULL, type, "type_", type_out))
                return false;
        *why = v6 ? "this ICMPv6 type has no such code" : "this ICMP type has no such code";
        return code == NULL || icmp_value(names, type, code, "code_", code_out);
}
