/*
 * dump.c - a packet as one line of text.
 *
 * The layers are peeled as the stack itself peels them, with the same parsers; where one of them
 * refuses, the line ends with the drop reason's name. The forms are tcpdump's, so that eyes trained
 * on it can read on. Addresses and ports are joined by a dot, as there.
 */
#include "wire/dump.h"

#include "wire/arp.h"
#include "wire/eth.h"
#include "wire/ipv6.h"
#include "wire/nd.h"
#include "wire/tcp_hdr.h"
#include "wire/udp.h"

/* ---- a bounded text ---- */

struct text {
        char *buf;
        size_t cap, len;
};

static void put_char(struct text *t, char c)
{
        if (t->len + 1 < t->cap)
                t->buf[t->len++] = c;
}

static void put(struct text *t, const char *s)
{
        while (*s != '\0')
                put_char(t, *s++);
}

static void put_u32(struct text *t, uint32_t v)
{
        char digits[10];
        int n = 0;

        do {
                digits[n++] = (char)('0' + v % 10);
                v /= 10;
        } while (v > 0);
        while (n > 0)
                put_char(t, digits[--n]);
}

/* " label value": the usual shape. */
static void put_field(struct text *t, const char *label, uint32_t v)
{
        put(t, label);
        put_u32(t, v);
}

static void put_hex8(struct text *t, uint8_t v)
{
        put_char(t, "0123456789abcdef"[v >> 4]);
        put_char(t, "0123456789abcdef"[v & 15]);
}

static void put_mac(struct text *t, const uint8_t *mac)
{
        for (int i = 0; i < ELKO_MAC_BYTES; i++) {
                if (i > 0)
                        put_char(t, ':');
                put_hex8(t, mac[i]);
        }
}

static void put_ip(struct text *t, const elko_ip *ip)
{
        char buf[ELKO_IP_TEXT];

        elko_ip_format(ip, buf);
        put(t, buf);
}

static void put_drop(struct text *t, enum elko_drop drop)
{
        put(t, "[bad: ");
        put(t, elko_drop_name(drop));
        put_char(t, ']');
}

/* ---- transports ---- */

static void put_ports(struct text *t, const struct ek_ip_hdr *ip, uint16_t sport, uint16_t dport)
{
        put_ip(t, &ip->src);
        put_field(t, ".", sport);
        put(t, " > ");
        put_ip(t, &ip->dst);
        put_field(t, ".", dport);
        put(t, ": ");
}

static void put_flags(struct text *t, uint16_t flags)
{
        static const char letter[] = "FSRP.UEWe"; /* FIN is bit 0 */

        put(t, "Flags [");
        for (int i = 0; i < 9; i++)
                if ((flags >> i & 1) != 0)
                        put_char(t, letter[i]);
        put(t, flags == 0 ? "none]" : "]");
}

static void put_sack(struct text *t, const struct ek_tcp_opts *o)
{
        for (int i = 0; i < o->sack_count; i++) {
                put_field(t, " {", o->sack[i].left);
                put_field(t, ":", o->sack[i].right);
                put_char(t, '}');
        }
}

/* Opens the list of options, or separates its members. */
static void put_option(struct text *t, bool *open, const char *name)
{
        put(t, *open ? "," : ", options [");
        put(t, name);
        *open = true;
}

/* Options that are only noted, and what else there is to say. */
static void put_noted_options(struct text *t, bool *open, const struct ek_tcp_opts *o)
{
        static const struct {
                uint32_t bit;
                const char *name;
        } noted[] = {
                {ELKO_OPT_FASTOPEN, "tfo"}, {ELKO_OPT_MD5, "md5"},         {ELKO_OPT_AO, "ao"},
                {ELKO_OPT_MPTCP, "mptcp"},  {ELKO_OPT_UNKNOWN, "unknown"},
        };

        for (size_t i = 0; i < sizeof(noted) / sizeof(noted[0]); i++)
                if (o->present & noted[i].bit)
                        put_option(t, open, noted[i].name);
        if (o->malformed)
                put_option(t, open, "malformed");
}

static void put_options(struct text *t, const struct ek_tcp_opts *o)
{
        bool open = false;

        if (o->present & ELKO_OPT_MSS) {
                put_option(t, &open, "mss ");
                put_u32(t, o->mss);
        }
        if (o->present & ELKO_OPT_SACK_PERMITTED)
                put_option(t, &open, "sackOK");
        if (o->present & ELKO_OPT_TIMESTAMPS) {
                put_option(t, &open, "TS val ");
                put_u32(t, o->ts_val);
                put_field(t, " ecr ", o->ts_ecr);
        }
        if (o->present & ELKO_OPT_WSCALE) {
                put_option(t, &open, "wscale ");
                put_u32(t, o->wscale);
        }
        if (o->present & ELKO_OPT_USER_TIMEOUT) {
                put_option(t, &open, "uto ");
                put_u32(t, o->user_timeout);
        }
        if (o->present & ELKO_OPT_SACK) {
                put_option(t, &open, "sack");
                put_sack(t, o);
        }
        put_noted_options(t, &open, o);
        put(t, open ? "]" : "");
}

static void put_tcp(struct text *t, const struct ek_ip_hdr *ip)
{
        struct ek_tcp_hdr h;
        enum elko_drop drop = ek_tcp_parse(ip->payload, ip->payload_len, &h);

        if (drop != ELKO_DROP_NONE) {
                put_drop(t, drop);
                return;
        }
        put_ports(t, ip, h.src_port, h.dst_port);
        put_flags(t, h.flags);
        if (!ek_tcp_csum_ok(&ip->src, &ip->dst, ip->payload, ip->payload_len))
                put(t, ", bad cksum");
        put_field(t, ", seq ", h.seq);
        if (h.data_len > 0)
                put_field(t, ":", h.seq + h.data_len);
        if (h.flags & ELKO_ACK)
                put_field(t, ", ack ", h.ack);
        put_field(t, ", win ", h.wnd);
        if (h.flags & ELKO_URG)
                put_field(t, ", urg ", h.urg);
        put_options(t, &h.opt);
        put_field(t, ", length ", h.data_len);
}

static void put_udp(struct text *t, const struct ek_ip_hdr *ip)
{
        struct ek_udp_hdr h;
        enum elko_drop drop = ek_udp_parse(ip, false, &h);

        if (drop != ELKO_DROP_NONE) {
                put_drop(t, drop);
                return;
        }
        put_ports(t, ip, h.src_port, h.dst_port);
        put_field(t, "UDP, length ", h.data_len);
}

static bool is_echo(const struct ek_ip_hdr *ip, uint8_t type)
{
        if (ip->version == 6)
                return type == EK_ICMP6_ECHO_REQUEST || type == EK_ICMP6_ECHO_REPLY;
        return type == EK_ICMP4_ECHO_REQUEST || type == EK_ICMP4_ECHO_REPLY;
}

static void put_icmp_body(struct text *t, const struct ek_ip_hdr *ip, const struct ek_icmp_msg *m)
{
        struct ek_nd nd;

        put_field(t, " type ", m->type);
        put_field(t, " code ", m->code);
        if (is_echo(ip, m->type)) {
                put_field(t, ", echo id ", ek_icmp_id(m));
                put_field(t, " seq ", ek_icmp_seq(m));
        }
        if (ip->version == 6 &&
            (m->type == EK_ICMP6_NEIGH_SOLICIT || m->type == EK_ICMP6_NEIGH_ADVERT) &&
            ek_nd_parse(ip, m, &nd) == ELKO_DROP_NONE) {
                put(t, nd.type == EK_ICMP6_NEIGH_SOLICIT ? ", who has " : ", target ");
                put_ip(t, &nd.target);
                if (nd.has_mac) {
                        put(t, " mac ");
                        put_mac(t, nd.mac);
                }
        }
        put_field(t, ", length ", m->body_len + EK_ICMP_HDR_BYTES);
}

static void put_icmp(struct text *t, const struct ek_ip_hdr *ip)
{
        struct ek_icmp_msg m;
        enum elko_drop drop;

        put_ip(t, &ip->src);
        put(t, " > ");
        put_ip(t, &ip->dst);
        put(t, ip->version == 6 ? ": ICMP6" : ": ICMP");
        if (ip->version == 6)
                drop = ek_icmp6_parse(&ip->src, &ip->dst, ip->payload, ip->payload_len, false, &m);
        else
                drop = ek_icmp4_parse(ip->payload, ip->payload_len, false, &m);
        if (drop == ELKO_DROP_NONE) {
                put_icmp_body(t, ip, &m);
        } else {
                put_char(t, ' ');
                put_drop(t, drop);
        }
}

/* ---- network ---- */

static void put_network(struct text *t, const uint8_t *p, size_t n)
{
        struct ek_ip_hdr ip;
        enum elko_drop drop = ek_ip_parse(p, n, &ip);

        put(t, n > 0 && p[0] >> 4 == 6 ? "IP6 " : "IP ");
        if (drop != ELKO_DROP_NONE) {
                put_drop(t, drop);
                return;
        }
        if (ip.proto == EK_PROTO_TCP) {
                put_tcp(t, &ip);
        } else if (ip.proto == EK_PROTO_UDP) {
                put_udp(t, &ip);
        } else if (ip.proto == (ip.version == 6 ? EK_PROTO_ICMP6 : EK_PROTO_ICMP)) {
                put_icmp(t, &ip);
        } else {
                put_ip(t, &ip.src);
                put(t, " > ");
                put_ip(t, &ip.dst);
                put_field(t, ": proto ", ip.proto);
                put_field(t, ", length ", ip.payload_len);
        }
}

static void put_arp(struct text *t, const uint8_t *p, size_t n)
{
        struct ek_arp arp;
        enum elko_drop drop = ek_arp_parse(p, n, &arp);

        put(t, "ARP ");
        if (drop != ELKO_DROP_NONE) {
                put_drop(t, drop);
        } else if (arp.op == EK_ARP_REQUEST) {
                put(t, "who-has ");
                put_ip(t, &arp.tpa);
                put(t, " tell ");
                put_ip(t, &arp.spa);
        } else {
                put_ip(t, &arp.spa);
                put(t, " is-at ");
                put_mac(t, arp.sha);
        }
}

static void put_ethernet(struct text *t, const uint8_t *p, size_t n)
{
        struct ek_eth_hdr eth;
        enum elko_drop drop = ek_eth_parse(p, n, &eth);

        if (drop != ELKO_DROP_NONE) {
                put_drop(t, drop);
                return;
        }
        put_mac(t, eth.src);
        put(t, " > ");
        put_mac(t, eth.dst);
        put_char(t, ' ');
        if (eth.type == EK_ETH_ARP) {
                put_arp(t, eth.payload, eth.payload_len);
        } else if (eth.type == EK_ETH_IPV4 || eth.type == EK_ETH_IPV6) {
                put_network(t, eth.payload, eth.payload_len);
        } else {
                put(t, "ethertype 0x");
                put_hex8(t, (uint8_t)(eth.type >> 8));
                put_hex8(t, (uint8_t)eth.type);
                put_field(t, ", length ", eth.payload_len);
        }
}

size_t ek_dump_packet(char *buf, size_t cap, enum elko_medium medium, const uint8_t *p, size_t n)
{
        struct text t = {.buf = buf, .cap = cap, .len = 0};

        if (cap == 0)
                return 0;
        switch (medium) {
        case ELKO_MEDIUM_ETHERNET: put_ethernet(&t, p, n); break;
        case ELKO_MEDIUM_IP: put_network(&t, p, n); break;
        }
        buf[t.len] = '\0';
        return t.len;
}
