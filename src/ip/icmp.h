/*
 * icmp.h - ICMP and ICMPv6: echo, errors received, errors sent.
 */
#ifndef EK_IP_ICMP_H
#define EK_IP_ICMP_H

#include "base/port.h"

#include "wire/ipv6.h"

#include <elko/info.h>
#include <elko/stack.h>
#include <elko/types.h>

struct ek_ipstack;
struct ek_ip_in;

/* What an ICMP error means, whichever version it came in. */
enum ek_icmp_kind {
        EK_ICMP_UNREACH_NET,
        EK_ICMP_UNREACH_HOST,
        EK_ICMP_UNREACH_PORT,
        EK_ICMP_UNREACH_PROTO,
        EK_ICMP_UNREACH_ADMIN,
        EK_ICMP_TOO_BIG,
        EK_ICMP_TIME_EXCEEDED,
        EK_ICMP_PARAM,
};

/* An error about a TCP segment that claims to be ours; nothing of it is proven. */
struct ek_icmp_error {
        elko_ip local, remote; /* the quoted source and destination, scope embedded */
        uint16_t lport, rport;
        uint32_t seq;
        uint8_t kind; /* enum ek_icmp_kind */
        uint8_t type, code;
        uint32_t mtu; /* TOO_BIG: next-hop MTU; from RFC 1191's table where the router didn't say */
};

enum {
        EK_ICMP_ECHO_QUEUE = 64, /* answers that wait for the application (elko/stack.h) */
        EK_ICMP_ECHO_IDS = 16,   /* identifiers that we used: other replies are nobody's */
        EK_ICMP_ECHO_MAX = 1400, /* payload of a request (elko/stack.h) */
        EK_ICMP_TTL = 64,
};

struct ek_icmp_state {
        struct elko_echo *answer; /* ring of EK_ICMP_ECHO_QUEUE */
        uint32_t head, count;
        uint16_t id[EK_ICMP_ECHO_IDS];
        uint32_t n_ids;
};

/*
 * Queue an echo request. `to` has a scope embedded if it is link-local. Errors: ENETUNREACH,
 * EADDRNOTAVAIL, EMSGSIZE, ELIMIT, ENOMEM.
 */
int ek_icmp_echo_request(struct ek_ipstack *ip, const elko_ip *to, uint16_t id, uint16_t seq,
                         const void *payload, size_t len, uint64_t now);

/* Take the oldest answer; false: none. */
bool ek_icmp_echo_next(struct ek_ipstack *ip, struct elko_echo *out);
bool ek_icmp_echo_pending(const struct ek_ipstack *ip);

/*
 * What ip_in calls: one ICMP message for us; `group`: by multicast. NONE: taken care of or, with
 * *error set, a claim about a TCP connection in in->icmp.
 */
enum elko_drop ek_icmp_in(struct ek_ipstack *ip, struct ek_ip_in *in, bool group, bool *error,
                          uint64_t now);

/*
 * Queue an error about the packet of `in`, if the rate limit and the route allow. The caller has
 * checked that it may be answered at all: not martian, to a unicast address, no ICMP error, no
 * fragment (RFC 1122, 3.2.2; RFC 4443, 2.4e).
 */
void ek_icmp_send_port_unreachable(struct ek_ipstack *ip, const struct ek_ip_in *in, uint64_t now);
void ek_icmp_send_proto_unreachable(struct ek_ipstack *ip, const struct ek_ip_in *in, uint64_t now);
void ek_icmp_send_param_problem(struct ek_ipstack *ip, const struct ek_ip_in *in, uint64_t now);

#endif
