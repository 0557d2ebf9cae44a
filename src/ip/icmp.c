/*
 * icmp.c - ICMP and ICMPv6.
 *
 * Echo requests to us are answered with the same payload (RFC 1122, 3.2.2.6; RFC 4443, 4.2). Echo
 * replies, and errors about our echo requests, wait in a small ring for the application, if they
 * carry an identifier that it used lately.
 *
 * Errors about TCP segments are handed to the transport with the quoted tuple. Nothing about an error
 * is authentic; what is checked here is only that it can be about a packet of ours: its destination
 * is the quoted source, and the quote is long enough to name a segment. Whether that segment is in
 * flight is for TCP to know (RFC 5927, 4.1).
 *
 * Source quench (RFC 6633) and redirects are ignored; so are router advertisements: routes are
 * configured.
 *
 * Errors that we send quote as much of the packet as RFC 1812, 4.3.2.3 (576 bytes in all) and RFC 4443,
 * 2.4c (the minimum MTU in all) allow.
 *
 * Deviation: no error answers a packet to a group, not even the two that RFC 4443 2.4 (e.3) excepts:
 * they are what amplifiers are made of.
 */
#include "ip/icmp.h"

#include "ip/ip.h"
#include "wire/eth.h"
#include "wire/icmp6.h"
#include "wire/nd.h"
#include "wire/quote.h"
#include "wire/udp.h"

enum { V4_ERROR_BYTES = 576 };

/* ---- composing ---- */

/* Before the transport: the IP header that we emit. */
static uint32_t ip_bytes(const elko_ip *addr)
{
        return ek_addr_is_v4(addr) ? EK_IPV4_HDR_BYTES : EK_IPV6_HDR_BYTES;
}

/* What may leave towards `dst`. Returns 0, or a negative error. */
static int route_packet(const struct ek_ipstack *ip, const elko_ip *dst, uint32_t len,
                        struct ek_route *route)
{
        int error = ek_route_lookup(ip, dst, 0, route);

        if (error != 0)
                return error;
        return len > route->mtu ? ELKO_EMSGSIZE : 0;
}

/*
 * A reply descriptor that holds an IP header from src to dst and room for `len` bytes of ICMP behind
 * it; *error says why there is none.
 */
static struct ek_reply *compose(struct ek_ipstack *ip, const elko_ip *src, const elko_ip *dst,
                                uint32_t len, int *error)
{
        bool v4 = ek_addr_is_v4(dst);
        uint32_t total = ip_bytes(dst) + len;
        struct ek_route route;
        struct ek_reply *r;

        *error = route_packet(ip, dst, total, &route);
        if (*error != 0)
                return NULL;
        r = ek_reply_new(ip, total);
        if (r == NULL) {
                *error = ek_list_is_empty(&ip->ctl.free) ? ELKO_ELIMIT : ELKO_ENOMEM;
                return NULL;
        }
        r->link = route.link;
        r->next_hop = route.next_hop;
        r->ethertype = v4 ? EK_ETH_IPV4 : EK_ETH_IPV6;
        if (v4)
                ek_ipv4_emit(ek_reply_packet(r), src, dst, EK_PROTO_ICMP, EK_ICMP_TTL, 0, len);
        else
                ek_ipv6_emit(ek_reply_packet(r), src, dst, EK_PROTO_ICMP6, EK_ICMP_TTL, 0, len);
        return r;
}

/* The message into a composed reply, and the reply into the queue. */
static void queue_message(struct ek_ipstack *ip, struct ek_reply *r, const elko_ip *src,
                          const elko_ip *dst, const struct ek_icmp_msg *m, const uint8_t *body,
                          uint64_t *counter)
{
        uint8_t *p = ek_reply_packet(r) + ip_bytes(dst);

        if (m->body_len > 0)
                memcpy(p + EK_ICMP_HDR_BYTES, body, m->body_len);
        if (ek_addr_is_v4(dst))
                ek_icmp4_emit(p, m);
        else
                ek_icmp6_emit(p, src, dst, m);
        r->counter = counter;
        ek_reply_queue(ip, r);
}

/* ---- echo ---- */

static void remember_id(struct ek_icmp_state *s, uint16_t id)
{
        for (uint32_t i = 0; i < ek_min_u32(s->n_ids, EK_ICMP_ECHO_IDS); i++)
                if (s->id[i] == id)
                        return;
        s->id[s->n_ids % EK_ICMP_ECHO_IDS] = id;
        /* Wraps to the same slot while staying above the number of slots. */
        s->n_ids = s->n_ids == 2 * EK_ICMP_ECHO_IDS - 1 ? EK_ICMP_ECHO_IDS : s->n_ids + 1;
}

static bool is_our_id(const struct ek_icmp_state *s, uint16_t id)
{
        for (uint32_t i = 0; i < ek_min_u32(s->n_ids, EK_ICMP_ECHO_IDS); i++)
                if (s->id[i] == id)
                        return true;
        return false;
}

int ek_icmp_echo_request(struct ek_ipstack *ip, const elko_ip *to, uint16_t id, uint16_t seq,
                         const void *payload, size_t len, uint64_t now)
{
        struct ek_icmp_msg m = {.word = (uint32_t)id << 16 | seq};
        struct ek_reply *r;
        struct ek_route route;
        elko_ip src, dst = *to;
        int error;

        if (len > EK_ICMP_ECHO_MAX)
                return ELKO_EMSGSIZE;
        if (!ek_addr_is_unicast(to) || ek_route_lookup(ip, to, 0, &route) != 0)
                return ELKO_ENETUNREACH;
        ek_ip_embed_scope(&dst, route.link);
        error = ek_ip_source_select(ip, &dst, 0, &src);
        if (error != 0)
                return error;
        m.type = ek_addr_is_v4(to) ? EK_ICMP4_ECHO_REQUEST : EK_ICMP6_ECHO_REQUEST;
        m.body_len = (uint32_t)len;
        if (ip_bytes(&dst) + EK_ICMP_HDR_BYTES + m.body_len > ek_pmtu_get(ip, &dst, route.mtu, now))
                return ELKO_EMSGSIZE;
        r = compose(ip, &src, &dst, EK_ICMP_HDR_BYTES + m.body_len, &error);
        if (r == NULL)
                return error;
        remember_id(&ip->icmp, id);
        queue_message(ip, r, &src, &dst, &m, payload, NULL);
        return 0;
}

static enum elko_drop queue_answer(struct ek_icmp_state *s, const struct elko_echo *answer)
{
        if (!is_our_id(s, answer->id))
                return ELKO_DROP_ICMP_TYPE;
        if (s->count == EK_ICMP_ECHO_QUEUE)
                return ELKO_DROP_ICMP_QUEUE;
        s->answer[(s->head + s->count++) % EK_ICMP_ECHO_QUEUE] = *answer;
        return ELKO_DROP_NONE;
}

bool ek_icmp_echo_pending(const struct ek_ipstack *ip)
{
        return ip->icmp.count > 0;
}

bool ek_icmp_echo_next(struct ek_ipstack *ip, struct elko_echo *out)
{
        struct ek_icmp_state *s = &ip->icmp;

        if (s->count == 0)
                return false;
        *out = s->answer[s->head];
        s->head = (s->head + 1) % EK_ICMP_ECHO_QUEUE;
        s->count--;
        return true;
}

static enum elko_drop echo_reply_in(struct ek_ipstack *ip, const struct ek_ip_in *in,
                                    const struct ek_icmp_msg *m, uint64_t now)
{
        struct elko_echo answer = {
                .kind = ELKO_ECHO_REPLY,
                .from = in->hdr.src,
                .id = ek_icmp_id(m),
                .seq = ek_icmp_seq(m),
                .len = (uint16_t)m->body_len, /* an IP packet's length has 16 bits */
                .ttl = in->hdr.ttl,
                .icmp_type = m->type,
                .icmp_code = m->code,
                .at = now,
        };

        memcpy(answer.head, m->body, ek_min_u32(m->body_len, sizeof(answer.head)));
        return queue_answer(&ip->icmp, &answer);
}

static enum elko_drop echo_request_in(struct ek_ipstack *ip, const struct ek_ip_in *in,
                                      const struct ek_icmp_msg *m)
{
        struct ek_icmp_msg reply = {.word = m->word, .body_len = m->body_len};
        struct ek_reply *r;
        int error;

        ip->ctr->icmp_echo_in++;
        reply.type = in->hdr.version == 4 ? EK_ICMP4_ECHO_REPLY : EK_ICMP6_ECHO_REPLY;
        r = compose(ip, &in->hdr.dst, &in->hdr.src, EK_ICMP_HDR_BYTES + m->body_len, &error);
        if (r == NULL)
                return ELKO_DROP_ICMP_QUEUE;
        queue_message(ip, r, &in->hdr.dst, &in->hdr.src, &reply, m->body, &ip->ctr->icmp_echo_out);
        return ELKO_DROP_NONE;
}

/* ---- errors received ---- */

/* RFC 1122, 3.2.2.1; RFC 1812, 5.2.7.1. */
static bool unreach4_kind(uint8_t code, uint8_t *kind)
{
        static const uint8_t kinds[] = {
                EK_ICMP_UNREACH_NET,   EK_ICMP_UNREACH_HOST,  EK_ICMP_UNREACH_PROTO,
                EK_ICMP_UNREACH_PORT,  EK_ICMP_TOO_BIG,       EK_ICMP_UNREACH_NET, /* 5: route */
                EK_ICMP_UNREACH_NET,   EK_ICMP_UNREACH_HOST,  EK_ICMP_UNREACH_HOST,
                EK_ICMP_UNREACH_ADMIN, EK_ICMP_UNREACH_ADMIN, EK_ICMP_UNREACH_NET,
                EK_ICMP_UNREACH_HOST,  EK_ICMP_UNREACH_ADMIN, EK_ICMP_UNREACH_ADMIN,
                EK_ICMP_UNREACH_ADMIN,
        };

        if (code >= sizeof(kinds))
                return false;
        *kind = kinds[code];
        return true;
}

/* RFC 4443, 3.1. */
static bool unreach6_kind(uint8_t code, uint8_t *kind)
{
        static const uint8_t kinds[] = {
                EK_ICMP_UNREACH_NET,   EK_ICMP_UNREACH_ADMIN, EK_ICMP_UNREACH_NET,
                EK_ICMP_UNREACH_HOST,  EK_ICMP_UNREACH_PORT,  EK_ICMP_UNREACH_ADMIN,
                EK_ICMP_UNREACH_ADMIN,
        };

        if (code >= sizeof(kinds))
                return false;
        *kind = kinds[code];
        return true;
}

/* What the error means; false: it is none that we know. [RFC9293 MUST-55] */
static bool error4_kind(const struct ek_icmp_msg *m, uint8_t *kind)
{
        switch (m->type) {
        case EK_ICMP4_UNREACH: return unreach4_kind(m->code, kind);
        case EK_ICMP4_TIME_EXCEEDED: *kind = EK_ICMP_TIME_EXCEEDED; return true;
        case EK_ICMP4_PARAM_PROBLEM: *kind = EK_ICMP_PARAM; return true;
        default: return false;
        }
}

static bool error6_kind(const struct ek_icmp_msg *m, uint8_t *kind)
{
        switch (m->type) {
        case EK_ICMP6_UNREACH: return unreach6_kind(m->code, kind);
        case EK_ICMP6_TOO_BIG: *kind = EK_ICMP_TOO_BIG; return true;
        case EK_ICMP6_TIME_EXCEEDED: *kind = EK_ICMP_TIME_EXCEEDED; return true;
        case EK_ICMP6_PARAM_PROBLEM:
                *kind = m->code == EK_ICMP6_CODE_NEXT_HDR ? EK_ICMP_UNREACH_PROTO : EK_ICMP_PARAM;
                return true;
        default: return false;
        }
}

/* RFC 1191, 5 and 7.1: a router that doesn't state the MTU leaves us the next lower usual one. */
static uint32_t plateau_below(uint32_t total_len)
{
        static const uint16_t plateaus[] = {32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296};

        for (size_t i = 0; i < sizeof(plateaus) / sizeof(plateaus[0]); i++)
                if (plateaus[i] < total_len)
                        return plateaus[i];
        return EK_PMTU_MIN_V4;
}

static uint32_t next_hop_mtu(const struct ek_icmp_msg *m, const struct ek_quote *q)
{
        uint32_t mtu = m->word & 0xffff; /* RFC 1191, 4 */

        if (q->version == 6)
                return m->word; /* RFC 4443, 3.2 */
        return mtu != 0 ? mtu : plateau_below(q->total_len);
}

/* [RFC9293 MUST-54] */
static enum elko_drop tcp_error(struct ek_ip_in *in, const struct ek_icmp_msg *m,
                                const struct ek_quote *q, uint8_t kind, bool *error)
{
        in->icmp = (struct ek_icmp_error){
                .local = q->src,
                .remote = q->dst,
                .lport = q->sport,
                .rport = q->dport,
                .seq = q->seq,
                .kind = kind,
                .type = m->type,
                .code = m->code,
                .mtu = kind == EK_ICMP_TOO_BIG ? next_hop_mtu(m, q) : 0,
        };
        *error = true;
        return ELKO_DROP_NONE;
}

static enum elko_drop echo_error(struct ek_ipstack *ip, const struct ek_ip_in *in,
                                 const struct ek_icmp_msg *m, const struct ek_quote *q,
                                 uint8_t kind, uint64_t now)
{
        struct elko_echo answer = {
                .kind = kind == EK_ICMP_TIME_EXCEEDED ? ELKO_ECHO_TIME_EXCEEDED
                                                      : ELKO_ECHO_UNREACHABLE,
                .from = in->hdr.src,
                .id = q->sport,
                .seq = q->dport,
                .ttl = in->hdr.ttl,
                .icmp_type = m->type,
                .icmp_code = m->code,
                .at = now,
        };

        return queue_answer(&ip->icmp, &answer);
}

/* The quoted packet as we would have sent it; false: we didn't. */
static bool quote_ours(const struct ek_ip_in *in, const struct ek_icmp_msg *m, struct ek_quote *q)
{
        if (ek_quote_parse(m->body, m->body_len, q) != ELKO_DROP_NONE)
                return false;
        ek_ip_embed_scope(&q->src, in->link);
        ek_ip_embed_scope(&q->dst, in->link);
        return q->version == in->hdr.version && ek_addr_equal(&q->src, &in->hdr.dst);
}

static enum elko_drop error_in(struct ek_ipstack *ip, struct ek_ip_in *in,
                               const struct ek_icmp_msg *m, uint8_t kind, bool *error, uint64_t now)
{
        bool v4 = in->hdr.version == 4;
        struct ek_quote q;

        if (!quote_ours(in, m, &q))
                return ELKO_DROP_ICMP_QUOTE;
        if (q.proto == EK_PROTO_TCP)
                return tcp_error(in, m, &q, kind, error);
        if (q.proto == (v4 ? EK_PROTO_ICMP : EK_PROTO_ICMP6) &&
            q.icmp_type == (v4 ? EK_ICMP4_ECHO_REQUEST : EK_ICMP6_ECHO_REQUEST))
                return echo_error(ip, in, m, &q, kind, now);
        return ELKO_DROP_ICMP_QUOTE;
}

/* ---- messages arrive ---- */

static enum elko_drop icmp4_in(struct ek_ipstack *ip, struct ek_ip_in *in, bool *error,
                               uint64_t now)
{
        struct ek_icmp_msg m;
        enum elko_drop drop = ek_icmp4_parse(in->hdr.payload, in->hdr.payload_len, in->csum_ok, &m);
        uint8_t kind;

        if (drop != ELKO_DROP_NONE)
                return drop;
        if (m.type == EK_ICMP4_ECHO_REQUEST)
                return echo_request_in(ip, in, &m);
        if (m.type == EK_ICMP4_ECHO_REPLY)
                return echo_reply_in(ip, in, &m, now);
        if (error4_kind(&m, &kind))
                return error_in(ip, in, &m, kind, error, now);
        return ELKO_DROP_ICMP_TYPE;
}

static enum elko_drop nd_in(struct ek_ipstack *ip, const struct ek_ip_in *in,
                            const struct ek_icmp_msg *m, uint64_t now)
{
        struct ek_nd nd;
        enum elko_drop drop = ek_nd_parse(&in->hdr, m, &nd);

        if (drop != ELKO_DROP_NONE)
                return drop;
        if (ek_addr_is_v6_link_local(&nd.target) && ek_get16be(nd.target.b + 2) != 0)
                return ELKO_DROP_ND_BAD; /* RFC 4291, 2.5.6; and it would name another link */
        ek_ip_embed_scope(&nd.target, in->link);
        return ek_neigh_nd_in(ip, in->link, &in->hdr, &nd, now);
}

static enum elko_drop icmp6_in(struct ek_ipstack *ip, struct ek_ip_in *in, bool group, bool *error,
                               uint64_t now)
{
        struct ek_icmp_msg m;
        enum elko_drop drop = ek_icmp6_parse(&in->hdr.src, &in->hdr.dst, in->hdr.payload,
                                             in->hdr.payload_len, in->csum_ok, &m);
        uint8_t kind;

        if (drop != ELKO_DROP_NONE)
                return drop;
        if (m.type == EK_ICMP6_NEIGH_SOLICIT || m.type == EK_ICMP6_NEIGH_ADVERT)
                return nd_in(ip, in, &m, now);
        if (error6_kind(&m, &kind))
                return group ? ELKO_DROP_IP_MULTICAST : error_in(ip, in, &m, kind, error, now);
        if (m.type != EK_ICMP6_ECHO_REQUEST && m.type != EK_ICMP6_ECHO_REPLY)
                return ELKO_DROP_ICMP_TYPE;
        if (group)
                return ELKO_DROP_IP_MULTICAST;
        return m.type == EK_ICMP6_ECHO_REQUEST ? echo_request_in(ip, in, &m)
                                               : echo_reply_in(ip, in, &m, now);
}

enum elko_drop ek_icmp_in(struct ek_ipstack *ip, struct ek_ip_in *in, bool group, bool *error,
                          uint64_t now)
{
        *error = false;
        if (in->hdr.version == 6)
                return icmp6_in(ip, in, group, error, now);
        return icmp4_in(ip, in, error, now);
}

/* ---- errors sent ---- */

/* An error of ours about the packet of `in`. */
static void send_error(struct ek_ipstack *ip, const struct ek_ip_in *in, uint8_t type, uint8_t code,
                       uint32_t word, uint64_t now)
{
        const struct ek_ip_hdr *h = &in->hdr;
        uint32_t limit = h->version == 4 ? V4_ERROR_BYTES : EK_IPV6_MIN_MTU;
        uint32_t room = limit - ip_bytes(&h->src) - EK_ICMP_HDR_BYTES;
        struct ek_icmp_msg m = {.type = type, .code = code, .word = word};
        struct ek_reply *r;
        int error;

        if (!ek_limiter_take(&ip->error_limit, &h->src, now)) {
                ip->ctr->icmp_limited++;
                return;
        }
        m.body_len = ek_min_u32(room, h->hdr_len + h->payload_len);
        r = compose(ip, &h->dst, &h->src, EK_ICMP_HDR_BYTES + m.body_len, &error);
        if (r == NULL)
                return;
        queue_message(ip, r, &h->dst, &h->src, &m, h->packet, &ip->ctr->icmp_errors_out);
}

void ek_icmp_send_port_unreachable(struct ek_ipstack *ip, const struct ek_ip_in *in, uint64_t now)
{
        if (in->hdr.version == 4)
                send_error(ip, in, EK_ICMP4_UNREACH, EK_ICMP4_CODE_PORT, 0, now);
        else
                send_error(ip, in, EK_ICMP6_UNREACH, EK_ICMP6_CODE_PORT, 0, now);
}

void ek_icmp_send_proto_unreachable(struct ek_ipstack *ip, const struct ek_ip_in *in, uint64_t now)
{
        if (in->hdr.version == 4)
                send_error(ip, in, EK_ICMP4_UNREACH, EK_ICMP4_CODE_PROTO, 0, now);
        else
                send_error(ip, in, EK_ICMP6_PARAM_PROBLEM, EK_ICMP6_CODE_NEXT_HDR,
                           in->hdr.problem_at, now);
}

void ek_icmp_send_param_problem(struct ek_ipstack *ip, const struct ek_ip_in *in, uint64_t now)
{
        send_error(ip, in, EK_ICMP6_PARAM_PROBLEM, in->hdr.problem_code, in->hdr.problem_at, now);
}
