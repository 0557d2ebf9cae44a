/* SPDX-License-Identifier: MIT */
#ifndef ELKO_TYPES_H
#define ELKO_TYPES_H

/*
 * Basic types: addresses, handles, time, errors.
 *
 * Addresses have one form, 16 bytes in network order. An IPv4 address a.b.c.d is held as the
 * IPv4-mapped IPv6 address ::ffff:a.b.c.d (RFC 4291, 2.5.5.2), so that one code path, one hash and
 * one comparison serve both families. The mapped form never appears on the wire.
 *
 * Time is an absolute monotonic instant in nanoseconds, given by the caller. The library never
 * reads a clock. ELKO_NEVER is "no instant".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "No instant": later than every instant. */
#define ELKO_NEVER UINT64_MAX

#define ELKO_US(x)  ((uint64_t)(x)*1000u)
#define ELKO_MS(x)  ((uint64_t)(x)*1000000u)
#define ELKO_SEC(x) ((uint64_t)(x)*1000000000u)

/* An IPv6 address, or an IPv4 address in its IPv4-mapped form; network byte order. All zeros is
 * "any". */
typedef struct elko_ip {
        uint8_t b[16];
} elko_ip;

/* An address with a port (host byte order) and, for link-local IPv6 addresses only, the link that
 * they belong to (0 otherwise; RFC 4007). */
typedef struct elko_endpoint {
        elko_ip ip;
        uint16_t port;
        uint16_t scope;
} elko_endpoint;

/* A connection or a listener: index and generation in one number; 0 is "none". A handle whose
 * object is gone is answered with ELKO_EBADF, never with another object's data. */
typedef uint64_t elko_sock;
#define ELKO_SOCK_NONE ((elko_sock)0)

/* A link attached to a stack: 1 and up; 0 is "none". */
typedef uint16_t elko_link;
#define ELKO_LINK_NONE ((elko_link)0)

/*
 * Error codes: calls return 0 or a count on success and one of these, negative, on failure. One list
 * makes the enum, elko_error_name() and elko_error_text().
 *      X(name, value, text)
 */
#define ELKO_ERROR_LIST(X)                                                                         \
        X(EAGAIN, 1, "not now: wait for the readiness event and call again")                       \
        X(EINVAL, 2, "an argument is outside of its range")                                        \
        X(EBADF, 3, "no such connection or listener: the handle is stale or was never valid")      \
        X(ENOMEM, 4, "the stack's memory region is full")                                          \
        X(ELIMIT, 5, "a configured limit is reached")                                              \
        X(EISCONN, 6, "the connection is open already")                                            \
        X(ENOTCONN, 7, "the connection is not open")                                               \
        X(EADDRINUSE, 8, "the address and port are in use")                                        \
        X(EADDRNOTAVAIL, 9, "the address is not one of this stack's")                              \
        X(ENOPORTS, 10, "every ephemeral port towards this destination is in use")                 \
        X(ENETUNREACH, 11, "no route to the destination's network")                                \
        X(EHOSTUNREACH, 12, "the host can't be reached")                                           \
        X(ECONNREFUSED, 13, "the peer refused the connection")                                     \
        X(ECONNRESET, 14, "the peer reset the connection")                                         \
        X(ECONNABORTED, 15, "the connection was aborted on this side")                             \
        X(ETIMEDOUT, 16, "the peer did not answer in time")                                        \
        X(EPIPE, 17, "the sending direction is closed already")                                    \
        X(EMSGSIZE, 18, "the message does not fit")                                                \
        X(ENOTSUP, 19, "not supported")                                                            \
        X(ENOENT, 20, "no such entry")                                                             \
        X(EEXIST, 21, "there is such an entry already")

enum elko_error {
        ELKO_OK = 0,
#define ELKO_X(name, value, text) ELKO_##name = -(value),
        ELKO_ERROR_LIST(ELKO_X)
#undef ELKO_X
};

/* "ECONNRESET" and the sentence above, for an error code; never NULL, static storage. */
const char *elko_error_name(int error);
const char *elko_error_text(int error);

/*
 * Text and addresses. elko_ip_parse() takes "192.0.2.1" or any RFC 4291 2.2 text form of an IPv6
 * address, without brackets, prefix or zone; returns false when the text isn't wholly an address.
 * elko_ip_format() writes RFC 5952's form (dotted form for mapped addresses) and returns its length;
 * `buf` holds at least ELKO_IP_TEXT bytes.
 */
#define ELKO_IP_TEXT 48
bool elko_ip_parse(const char *text, elko_ip *out);
size_t elko_ip_format(const elko_ip *ip, char *buf);

/* "192.0.2.0/24", "2001:db8::/64"; without "/n" the whole address. *prefix_len counts bits in the
 * family of the address (0..32 or 0..128). */
bool elko_ip_parse_prefix(const char *text, elko_ip *out, unsigned *prefix_len);

/* From four bytes (a.b.c.d is elko_ip_v4(a, b, c, d)). */
static inline elko_ip elko_ip_v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d)
{
        elko_ip ip = {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};

        return ip;
}

static inline bool elko_ip_is_v4(const elko_ip *ip)
{
        for (int i = 0; i < 10; i++)
                if (ip->b[i] != 0)
                        return false;
        return ip->b[10] == 0xff && ip->b[11] == 0xff;
}

#ifdef __cplusplus
}
#endif
#endif
