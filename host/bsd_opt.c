/* SPDX-License-Identifier: MIT */
/*
 * getsockopt() and setsockopt(), and TCP_INFO in Linux's layout.
 *
 * An option is kept here as Linux tells it, and given to elko where elko knows what it asks for. What elko has no
 * counterpart for is kept and told back when it changes nothing that a peer or the application could see
 * (SO_PRIORITY), and refused otherwise.
 */
#include "host/bsd_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <string.h>

/* Numbers that older headers lack. */
enum {
        OPT_TCP_NOTSENT_LOWAT = 25,
        OPT_TCP_CC_INFO = 26,
        OPT_SO_MEMINFO = 55,
        OPT_IPV6_TCLASS = 67,
        OPT_IPV6_MTU = 24,
};

enum {
        LINGER2_DEFAULT = 60,
        LINGER2_MOST = 120,
        CLAMP_LEAST = 1152,
        DEFER_MOST = 6,
        SYN_COUNT_DEFAULT = 6
};

void bsd_default_options(struct bsd_options *o)
{
        *o = (struct bsd_options){.keep_idle = 7200,
                                  .keep_interval = 75,
                                  .keep_count = 9,
                                  .quick_ack = 1,
                                  .rcv_lowat = 1,
                                  .incoming_cpu = -1,
                                  .mtu_discover = IP_PMTUDISC_WANT,
                                  .snd_lowat = 1,
                                  .ttl = -1,
                                  .tos = -1,
                                  .max_pacing_rate = UINT64_MAX};
}

/* ---- to elko ---- */

static void set(struct elko_bsd *b, struct bsd_sock *s, enum elko_option option, uint64_t value)
{
        if (s->handle != ELKO_SOCK_NONE)
                elko_set_option(b->st, s->handle, option, value);
}

static void apply_buffers(struct elko_bsd *b, struct bsd_sock *s)
{
        /* Linux doubles what was asked for, for its overhead (socket(7)); elko counts bytes of the stream. */
        if (s->opt.snd_buf != 0 && b->defaults.wmem_most != 0)
                set(b, s, ELKO_OPTION_SND_BUF_MAX,
                    (uint64_t)s->opt.snd_buf + BSD_SNDBUF_MORE); /* see bsd_sndbuf.c */
        else if (s->opt.snd_buf != 0)
                set(b, s, ELKO_OPTION_SND_BUF_MAX, (uint64_t)s->opt.snd_buf / 2);
        if (s->opt.rcv_buf != 0)
                set(b, s, ELKO_OPTION_RCV_BUF_MAX, (uint64_t)s->opt.rcv_buf / 2);
}

static void apply_keepalive(struct elko_bsd *b, struct bsd_sock *s)
{
        set(b, s, ELKO_OPTION_KEEPALIVE_IDLE, ELKO_SEC(s->opt.keep_idle));
        set(b, s, ELKO_OPTION_KEEPALIVE_INTERVAL, ELKO_SEC(s->opt.keep_interval));
        set(b, s, ELKO_OPTION_KEEPALIVE_COUNT, (uint64_t)s->opt.keep_count);
        set(b, s, ELKO_OPTION_KEEPALIVE, s->opt.keepalive != 0);
}

static void then_syn_count(struct elko_bsd *b, struct bsd_sock *s)
{
        set(b, s, ELKO_OPTION_SYN_RETRIES, (uint64_t)s->opt.syn_count);
}

/* Seconds; below 0: none at all, and what is in that state is reset by close(). */
static void then_linger2(struct elko_bsd *b, struct bsd_sock *s)
{
        if (s->opt.linger2 > LINGER2_MOST)
                s->opt.linger2 = LINGER2_MOST;
        if (s->opt.linger2 < 0)
                s->opt.linger2 = -1;
        set(b, s, ELKO_OPTION_FIN_WAIT_2,
            s->opt.linger2 < 0 ? 1 : ELKO_SEC((uint64_t)s->opt.linger2));
}

static void then_clamp(struct elko_bsd *b, struct bsd_sock *s)
{
        if (s->opt.clamp != 0 && s->opt.clamp < CLAMP_LEAST)
                s->opt.clamp = CLAMP_LEAST;
        set(b, s, ELKO_OPTION_WINDOW_CLAMP, (uint64_t)s->opt.clamp);
}

/* Linux counts the time-outs of the SYN,ACK that these seconds hold: 1, 3, 7, ... */
static void then_defer(struct elko_bsd *b, struct bsd_sock *s)
{
        uint64_t n = 0;

        while (n < DEFER_MOST && (1 << n) - 1 < s->opt.defer_accept)
                n++;
        s->opt.defer_accept = (1 << n) - 1;
        if (s->kind == BSD_LISTENER)
                set(b, s, ELKO_OPTION_DEFER_ACCEPT, n);
}

void bsd_apply_options(struct elko_bsd *b, struct bsd_sock *s)
{
        const struct bsd_options *o = &s->opt;

        apply_buffers(b, s);
        if (o->keepalive)
                apply_keepalive(b, s);
        if (o->nodelay)
                set(b, s, ELKO_OPTION_NODELAY, 1);
        if (o->cork)
                set(b, s, ELKO_OPTION_CORK, 1);
        if (o->max_seg != 0)
                set(b, s, ELKO_OPTION_MAX_SEG, (uint64_t)o->max_seg);
        if (o->user_timeout_ms != 0)
                set(b, s, ELKO_OPTION_USER_TIMEOUT, ELKO_MS(o->user_timeout_ms));
        if (o->linger.l_onoff && o->linger.l_linger > 0)
                set(b, s, ELKO_OPTION_LINGER, ELKO_SEC(o->linger.l_linger));
        if (o->ttl > 0)
                set(b, s, ELKO_OPTION_TTL, (uint64_t)o->ttl);
        if (o->tos >= 0)
                set(b, s, ELKO_OPTION_TOS, (uint64_t)o->tos & 0xfc);
        if (o->syn_count != 0)
                then_syn_count(b, s);
        if (o->linger2 != 0)
                then_linger2(b, s);
        if (o->clamp != 0)
                then_clamp(b, s);
        if (o->defer_accept != 0)
                then_defer(b, s);
        if (o->max_pacing_rate != UINT64_MAX)
                set(b, s, ELKO_OPTION_MAX_PACING_RATE, o->max_pacing_rate);
        if (o->congestion != NULL)
                elko_set_congestion(b->st, s->handle, o->congestion);
}

/* ---- integers ---- */

/* The place of an option that is one int, and its range. */
struct place {
        int level, name, lo, hi;
        size_t at;
        void (*then)(struct elko_bsd *b, struct bsd_sock *s);
        bool truth; /* only whether it is 0 is kept */
};

static void then_nodelay(struct elko_bsd *b, struct bsd_sock *s)
{
        set(b, s, ELKO_OPTION_NODELAY, s->opt.nodelay != 0);
}

static void then_cork(struct elko_bsd *b, struct bsd_sock *s)
{
        set(b, s, ELKO_OPTION_CORK, s->opt.cork != 0);
}

static void then_quick_ack(struct elko_bsd *b, struct bsd_sock *s)
{
        set(b, s, ELKO_OPTION_QUICKACK, s->opt.quick_ack != 0);
}

static void then_max_seg(struct elko_bsd *b, struct bsd_sock *s)
{
        set(b, s, ELKO_OPTION_MAX_SEG, (uint64_t)s->opt.max_seg);
}

static void then_user_timeout(struct elko_bsd *b, struct bsd_sock *s)
{
        set(b, s, ELKO_OPTION_USER_TIMEOUT, ELKO_MS(s->opt.user_timeout_ms));
}

static void then_ttl(struct elko_bsd *b, struct bsd_sock *s)
{
        set(b, s, ELKO_OPTION_TTL, s->opt.ttl > 0 ? (uint64_t)s->opt.ttl : 64);
}

static void then_tos(struct elko_bsd *b, struct bsd_sock *s)
{
        s->opt.tos &= 0xfc; /* the ECN bits are TCP's (RFC 3168, 6) */
        set(b, s, ELKO_OPTION_TOS, (uint64_t)s->opt.tos);
}

#define AT(field) offsetof(struct bsd_options, field)

static const struct place places[] = {
        {SOL_SOCKET, SO_REUSEADDR, INT32_MIN, INT32_MAX, AT(reuse_addr), NULL, true},
        {SOL_SOCKET, SO_REUSEPORT, INT32_MIN, INT32_MAX, AT(reuse_port), NULL, true},
        {SOL_SOCKET, SO_KEEPALIVE, INT32_MIN, INT32_MAX, AT(keepalive), apply_keepalive, true},
        {SOL_SOCKET, SO_PRIORITY, 0, INT32_MAX, AT(priority), NULL, false},
        {SOL_SOCKET, SO_MARK, INT32_MIN, INT32_MAX, AT(mark), NULL, false},
        {SOL_SOCKET, SO_OOBINLINE, INT32_MIN, INT32_MAX, AT(oob_inline), NULL, true},
        {SOL_SOCKET, SO_RCVLOWAT, INT32_MIN, INT32_MAX, AT(rcv_lowat), NULL, false},
        {IPPROTO_TCP, TCP_NODELAY, INT32_MIN, INT32_MAX, AT(nodelay), then_nodelay, true},
        {IPPROTO_TCP, TCP_CORK, INT32_MIN, INT32_MAX, AT(cork), then_cork, true},
        {IPPROTO_TCP, TCP_MAXSEG, 88, 32767, AT(max_seg), then_max_seg, false},
        {IPPROTO_TCP, TCP_KEEPIDLE, 1, 32767, AT(keep_idle), apply_keepalive, false},
        {IPPROTO_TCP, TCP_KEEPINTVL, 1, 32767, AT(keep_interval), apply_keepalive, false},
        {IPPROTO_TCP, TCP_KEEPCNT, 1, 127, AT(keep_count), apply_keepalive, false},
        {IPPROTO_TCP, TCP_SYNCNT, 1, 127, AT(syn_count), then_syn_count, false},
        {IPPROTO_TCP, TCP_LINGER2, INT32_MIN, INT32_MAX, AT(linger2), then_linger2, false},
        {IPPROTO_TCP, TCP_DEFER_ACCEPT, INT32_MIN, INT32_MAX, AT(defer_accept), then_defer, false},
        {IPPROTO_TCP, TCP_WINDOW_CLAMP, 0, INT32_MAX, AT(clamp), then_clamp, false},
        {IPPROTO_TCP, TCP_QUICKACK, INT32_MIN, INT32_MAX, AT(quick_ack), then_quick_ack, true},
        {IPPROTO_TCP, TCP_USER_TIMEOUT, 0, INT32_MAX, AT(user_timeout_ms), then_user_timeout,
         false},
        {IPPROTO_TCP, OPT_TCP_NOTSENT_LOWAT, INT32_MIN, INT32_MAX, AT(notsent_lowat), NULL, false},
        {SOL_SOCKET, OPT_SO_ZEROCOPY, 0, 1, AT(zerocopy), NULL, false},
        {SOL_SOCKET, OPT_SO_INCOMING_CPU, INT32_MIN, INT32_MAX, AT(incoming_cpu), NULL, false},
        {IPPROTO_TCP, OPT_TCP_INQ, 0, 1, AT(inq), NULL, false},
        {IPPROTO_IP, IP_RECVERR, INT32_MIN, INT32_MAX, AT(recverr), NULL, true},
        {IPPROTO_IPV6, IPV6_RECVERR, INT32_MIN, INT32_MAX, AT(recverr), NULL, true},
        {IPPROTO_IP, IP_FREEBIND, INT32_MIN, INT32_MAX, AT(freebind), NULL, true},
        {IPPROTO_IP, IP_MTU_DISCOVER, 0, 5, AT(mtu_discover), NULL, false},
        {IPPROTO_IPV6, IPV6_MTU_DISCOVER, 0, 5, AT(mtu_discover), NULL, false},
        {IPPROTO_IP, IP_TTL, -1, 255, AT(ttl), then_ttl, false},
        {IPPROTO_IP, IP_TOS, 0, 255, AT(tos), then_tos, false},
        {IPPROTO_IPV6, IPV6_UNICAST_HOPS, -1, 255, AT(ttl), then_ttl, false},
        {IPPROTO_IPV6, OPT_IPV6_TCLASS, -1, 255, AT(tos), then_tos, false},
        {IPPROTO_IPV6, IPV6_V6ONLY, INT32_MIN, INT32_MAX, AT(v6_only), NULL, true},
};

static const struct place *place_of(int level, int name)
{
        for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
                if (places[i].level == level && places[i].name == name)
                        return &places[i];
        return NULL;
}

static int *value_at(struct bsd_sock *s, const struct place *p)
{
        return (int *)(void *)((unsigned char *)&s->opt + p->at);
}

/* ---- TCP_INFO ---- */

/* Linux's struct tcp_info up to and including the AccECN fields, 280 bytes: the layout is part of the kernel's ABI. */
struct linux_tcp_info {
        uint8_t state, ca_state, retransmits, probes, backoff, options, wscales, app_limited;
        uint32_t rto, ato, snd_mss, rcv_mss, unacked, sacked, lost, retrans, fackets;
        uint32_t last_data_sent, last_ack_sent, last_data_recv, last_ack_recv;
        uint32_t pmtu, rcv_ssthresh, rtt, rttvar, snd_ssthresh, snd_cwnd, advmss, reordering;
        uint32_t rcv_rtt, rcv_space, total_retrans;
        uint64_t pacing_rate, max_pacing_rate, bytes_acked, bytes_received;
        uint32_t segs_out, segs_in, notsent_bytes, min_rtt, data_segs_in, data_segs_out;
        uint64_t delivery_rate, busy_time, rwnd_limited, sndbuf_limited;
        uint32_t delivered, delivered_ce;
        uint64_t bytes_sent, bytes_retrans;
        uint32_t dsack_dups, reord_seen, rcv_ooopack, snd_wnd, rcv_wnd, rehash;
        uint16_t total_rto, total_rto_recoveries;
        uint32_t total_rto_time, received_ce, accecn_bytes[6], accecn_bits;
};

_Static_assert(sizeof(struct linux_tcp_info) == 280, "the kernel's ABI");
_Static_assert(offsetof(struct linux_tcp_info, unacked) == 24, "the kernel's ABI");
_Static_assert(offsetof(struct linux_tcp_info, bytes_acked) == 120, "the kernel's ABI");
_Static_assert(offsetof(struct linux_tcp_info, delivered) == 192, "the kernel's ABI");
_Static_assert(offsetof(struct linux_tcp_info, rcv_wnd) == 232, "the kernel's ABI");
_Static_assert(offsetof(struct linux_tcp_info, total_rto) == 240, "the kernel's ABI");
_Static_assert(offsetof(struct linux_tcp_info, accecn_bits) == 276, "the kernel's ABI");

/* TCP_ESTABLISHED 1 ... TCP_CLOSING 11. */
static uint8_t state_number(const struct bsd_sock *s, const struct elko_tcp_info *i)
{
        static const uint8_t number[] = {
                [ELKO_TCP_CLOSED] = 7,       [ELKO_TCP_LISTEN] = 10,     [ELKO_TCP_SYN_SENT] = 2,
                [ELKO_TCP_SYN_RECEIVED] = 3, [ELKO_TCP_ESTABLISHED] = 1, [ELKO_TCP_FIN_WAIT_1] = 4,
                [ELKO_TCP_FIN_WAIT_2] = 5,   [ELKO_TCP_CLOSE_WAIT] = 8,  [ELKO_TCP_CLOSING] = 11,
                [ELKO_TCP_LAST_ACK] = 9,     [ELKO_TCP_TIME_WAIT] = 6,
        };

        if (s->kind == BSD_LISTENER)
                return 10;
        return (size_t)i->state < sizeof(number) ? number[i->state] : 7;
}

static uint32_t us(uint64_t ns)
{
        return ns / 1000 > UINT32_MAX ? UINT32_MAX : (uint32_t)(ns / 1000);
}

static uint32_t ms(uint64_t ns)
{
        return ns == ELKO_NEVER ? 0 : (uint32_t)(ns / 1000000);
}

static uint32_t segments(uint32_t bytes, uint32_t mss)
{
        return mss == 0 ? bytes : bytes / mss;
}

/* Linux counts sequence numbers here: the SYN of who opened, and both FINs. */
static uint64_t acked(const struct bsd_sock *s, const struct elko_tcp_info *i)
{
        uint32_t flags = i->snd_una - i->iss - (uint32_t)i->bytes_acked;

        return i->bytes_acked + flags - (flags > 0 && !s->active);
}

static uint64_t received(const struct elko_tcp_info *i)
{
        uint32_t flags = i->rcv_nxt - i->irs - (uint32_t)i->bytes_received;

        return i->bytes_received + flags - (flags > 0);
}

static bool is_open(const struct elko_tcp_info *i)
{
        return i->state != ELKO_TCP_CLOSED && i->state != ELKO_TCP_LISTEN &&
               i->state != ELKO_TCP_SYN_SENT && i->state != ELKO_TCP_SYN_RECEIVED;
}

/* TCPI_OPT_...: the first five are the same. Linux calls the SYN's data taken when all of it was. */
static uint8_t option_bits(const struct bsd_sock *s, const struct elko_tcp_info *i)
{
        enum { OPT_SYN_DATA = 32, OPT_TFO_CHILD = 128, SAME = 31 };
        bool taken = (i->options & ELKO_TCPI_SYN_DATA) && s->fast_fail < BSD_FAST_NOT_ACKED;

        return (uint8_t)((i->options & SAME) | (taken ? OPT_SYN_DATA : 0) |
                         (s->fast_child ? OPT_TFO_CHILD : 0));
}

/* For Linux a segment that is lost is so until it is acknowledged, sent again or not. Outside of a recovery what was sent
 * again is a probe, which is not. */
static uint32_t lost(const struct bsd_sock *s, const struct elko_tcp_info *i)
{
        bool repairs = i->ca_state >= ELKO_CA_RECOVERY || s->fast_fail >= BSD_FAST_NOT_ACKED;

        return i->lost + (repairs ? i->retrans : 0);
}

/* Linux keeps the SYN,ACK elsewhere. */
static uint32_t unacked(const struct bsd_sock *s, const struct elko_tcp_info *i)
{
        bool syn_ack = i->state == ELKO_TCP_SYN_RECEIVED && !s->active;

        return i->unacked - (syn_ack && i->unacked > 0);
}

static void fill_info(const struct bsd_sock *s, const struct elko_tcp_info *i,
                      struct linux_tcp_info *o)
{
        bool asked = i->state == ELKO_TCP_SYN_SENT; /* nothing is known of the peer */
        uint32_t mss = asked ? 536 : i->snd_mss;

        *o = (struct linux_tcp_info){
                .state = state_number(s, i),
                .ca_state = (uint8_t)i->ca_state,
                .retransmits = i->retransmits,
                .probes = i->probes,
                .backoff = i->backoff,
                .options = option_bits(s, i),
                .wscales = (uint8_t)((i->snd_wscale & 15) | i->rcv_wscale << 4),
                .app_limited = (uint8_t)((i->limited_by == ELKO_LIMITED_APP) | s->fast_fail << 1),
                .rto = us(i->rto_ns),
                .ato = us(i->ato_ns),
                .snd_mss = mss,
                .rcv_mss = i->rcv_mss,
                .unacked = unacked(s, i),
                .sacked = i->sacked,
                .lost = lost(s, i),
                .retrans = i->retrans,
                .last_data_sent = ms(i->last_data_sent_ns),
                .last_ack_sent = ms(i->last_ack_sent_ns),
                .last_data_recv = ms(i->last_data_recv_ns),
                .last_ack_recv = ms(i->last_ack_recv_ns),
                .pmtu = i->pmtu,
                .rcv_ssthresh = i->rcv_wnd,
                .rtt = us(i->srtt_ns),
                .rttvar = us(i->rttvar_ns),
                .snd_ssthresh =
                        i->snd_ssthresh >= 0x7fffffff ? 0x7fffffff : segments(i->snd_ssthresh, mss),
                .snd_cwnd = asked && i->snd_cwnd == 0 ? 10 : segments(i->snd_cwnd, mss),
                .advmss = i->adv_mss,
                .reordering = i->reordering,
                .rcv_rtt = us(i->rcv_rtt_ns),
                .rcv_space = i->rcv_buf,
                .total_retrans = i->total_retrans,
                .pacing_rate = i->pacing_rate != 0 ? i->pacing_rate : UINT64_MAX,
                .max_pacing_rate = i->max_pacing_rate != 0 ? i->max_pacing_rate : UINT64_MAX,
                .bytes_acked = acked(s, i),
                .bytes_received = received(i),
                .segs_out = i->segs_out,
                .segs_in = i->segs_in,
                .notsent_bytes = i->notsent,
                .min_rtt = i->min_rtt_ns == 0 ? UINT32_MAX : us(i->min_rtt_ns),
                .data_segs_in = i->data_segs_in,
                .data_segs_out = i->data_segs_out,
                .delivery_rate = i->delivery_rate,
                .busy_time = i->busy_ns / 1000,
                .rwnd_limited = i->rwnd_limited_ns / 1000,
                .sndbuf_limited = i->sndbuf_limited_ns / 1000,
                .delivered = i->delivered + is_open(i), /* Linux counts the SYN */
                .delivered_ce = i->delivered_ce,
                .received_ce = i->received_ce,
                .bytes_sent = i->bytes_sent,
                .bytes_retrans = i->bytes_retrans,
                .dsack_dups = i->dsack_dups,
                .reord_seen = i->reord_seen,
                .rcv_ooopack = i->rcv_ooopack,
                .snd_wnd = i->snd_wnd,
                .rcv_wnd = i->rcv_wnd,
                .total_rto = i->total_rto > UINT16_MAX ? UINT16_MAX : (uint16_t)i->total_rto,
        };
}

/* ---- getsockopt ---- */

static int give(void *value, socklen_t *len, const void *data, size_t size)
{
        if (value == NULL || len == NULL)
                return -EFAULT;
        if ((int32_t)*len < 0)
                return -EINVAL;
        if (*len > size)
                *len = (socklen_t)size;
        memcpy(value, data, *len);
        return 0;
}

static int give_int(void *value, socklen_t *len, int v)
{
        return give(value, len, &v, sizeof(v));
}

/* What ICMP told, once, as long as no ACK shows that it is over. */
static int soft_error(const struct elko_bsd *b, struct bsd_sock *s)
{
        struct elko_tcp_info info;
        int error = s->soft_error;

        s->soft_error = 0;
        if (error == 0 || elko_tcp_info_get(b->st, s->handle, &info) != ELKO_OK ||
            info.last_ack_recv_ns < elko_now(b->st) - s->soft_at)
                return 0;
        return error;
}

static int get_socket(struct elko_bsd *b, struct bsd_sock *s, int name, void *value, socklen_t *len)
{
        uint32_t mem[9] = {0};
        uint64_t v;
        int error;

        switch (name) {
        case SO_ERROR:
                elko_bsd_update(b);
                error = s->error;
                s->error = 0;
                s->error_told = s->error_told || error != 0;
                return give_int(value, len, error != 0 ? error : soft_error(b, s));
        case SO_TIMESTAMPING: return give_int(value, len, s->opt.timestamping);
        case SO_TYPE: return give_int(value, len, SOCK_STREAM);
        case SO_DOMAIN: return give_int(value, len, s->domain);
        case SO_PROTOCOL: return give_int(value, len, IPPROTO_TCP);
        case SO_ACCEPTCONN: return give_int(value, len, s->kind == BSD_LISTENER);
        case SO_MAX_PACING_RATE:
                if (len != NULL && *len >= sizeof(s->opt.max_pacing_rate))
                        return give(value, len, &s->opt.max_pacing_rate,
                                    sizeof(s->opt.max_pacing_rate));
                return give_int(value, len,
                                s->opt.max_pacing_rate > INT32_MAX ? -1
                                                                   : (int)s->opt.max_pacing_rate);
        case SO_LINGER: return give(value, len, &s->opt.linger, sizeof(s->opt.linger));
        case SO_SNDBUF:
        case SO_RCVBUF:
                error = name == SO_SNDBUF ? s->opt.snd_buf : s->opt.rcv_buf;
                if (name == SO_SNDBUF && error == 0 && b->defaults.wmem_most != 0)
                        error = bsd_send_buffer(b, s);
                if (error == 0 && s->handle != ELKO_SOCK_NONE &&
                    elko_get_option(b->st, s->handle,
                                    name == SO_SNDBUF ? ELKO_OPTION_SND_BUF_MAX
                                                      : ELKO_OPTION_RCV_BUF_MAX,
                                    &v) == ELKO_OK)
                        error = v > INT32_MAX ? INT32_MAX : (int)v;
                return give_int(value, len, error);
        case OPT_SO_MEMINFO: return give(value, len, mem, sizeof(mem));
        default: return -ENOPROTOOPT;
        }
}

/* union tcp_cc_info: BBR's and the ECN family's are shown, CUBIC and Reno have none. */
static int give_cc_info(const struct elko_tcp_info *i, void *value, socklen_t *len)
{
        /* struct tcp_bbr_info, struct tcp_dctcp_info (linux/inet_diag.h) */
        struct {
                uint32_t bw_lo, bw_hi, min_rtt, pacing_gain, cwnd_gain;
        } bbr = {.bw_lo = (uint32_t)i->cc.bw,
                 .bw_hi = (uint32_t)(i->cc.bw >> 32),
                 .min_rtt = us(i->cc.min_rtt_ns),
                 .pacing_gain = i->cc.pacing_gain_256,
                 .cwnd_gain = i->cc.cwnd_gain_256};
        struct {
                uint16_t enabled, ce_state;
                uint32_t alpha, ab_ecn, ab_tot;
        } dctcp = {.enabled = 1, .alpha = i->cc.alpha_1024};

        switch (i->cc.kind) {
        case ELKO_CC_INFO_BBR: return give(value, len, &bbr, sizeof(bbr));
        case ELKO_CC_INFO_DCTCP: return give(value, len, &dctcp, sizeof(dctcp));
        case ELKO_CC_INFO_NONE: break;
        }
        if (len != NULL)
                *len = 0;
        return 0;
}

/* Linux says "reno" where elko says "newreno". */
static const char *linux_name(const struct elko_cc_ops *ops)
{
        return ops == &elko_cc_newreno ? "reno" : ops->name;
}

static int get_tcp(struct elko_bsd *b, struct bsd_sock *s, int name, void *value, socklen_t *len)
{
        struct elko_tcp_info info = {.state = ELKO_TCP_CLOSED};
        struct linux_tcp_info out;
        const struct elko_cc_ops *ops = s->opt.congestion;
        char cc[16] = {0};
        int r;

        if (s->handle != ELKO_SOCK_NONE)
                elko_tcp_info_get(b->st, s->handle, &info);
        switch (name) {
        case TCP_INFO: fill_info(s, &info, &out); return give(value, len, &out, sizeof(out));
        case OPT_TCP_CC_INFO: return give_cc_info(&info, value, len);
        case TCP_CONGESTION:
                if (info.congestion != NULL && elko_cc_find(info.congestion) != NULL)
                        ops = elko_cc_find(info.congestion);
                if (ops == NULL)
                        ops = &elko_cc_cubic; /* the stack's default is not known here */
                strncpy(cc,
                        info.congestion != NULL && elko_cc_find(info.congestion) == NULL
                                ? info.congestion
                                : linux_name(ops),
                        sizeof(cc) - 1);
                return give(value, len, cc, sizeof(cc));
        default: return bsd_fast_get(s, name, value, len, &r) ? r : -ENOPROTOOPT;
        }
}

int elko_bsd_getsockopt(struct elko_bsd *b, int fd, int level, int name, void *value,
                        socklen_t *len)
{
        const struct place *p = place_of(level, name);
        struct elko_tcp_info info;
        int error;
        struct bsd_sock *s = bsd_get(b, fd, &error);

        if (s == NULL)
                return error;
        if (level == IPPROTO_TCP && name == TCP_MAXSEG && s->handle != ELKO_SOCK_NONE &&
            s->kind != BSD_LISTENER && elko_tcp_info_get(b->st, s->handle, &info) == ELKO_OK &&
            info.snd_mss != 0)
                return give_int(value, len, (int)info.snd_mss);
        if ((level == IPPROTO_IP && name == IP_MTU) ||
            (level == IPPROTO_IPV6 && name == OPT_IPV6_MTU)) {
                if (s->kind != BSD_OPEN || elko_tcp_info_get(b->st, s->handle, &info) != ELKO_OK)
                        return -ENOTCONN;
                return give_int(value, len, (int)info.pmtu);
        }
        if (p != NULL) {
                int v = *value_at(s, p);

                if (p->at == AT(ttl) && v < 0)
                        v = 64;
                else if (p->at == AT(tos) && v < 0)
                        v = 0;
                else if (p->at == AT(max_seg) && v == 0)
                        v = 536;
                else if (p->at == AT(syn_count) && v == 0)
                        v = SYN_COUNT_DEFAULT;
                else if (p->at == AT(linger2) && v == 0)
                        v = LINGER2_DEFAULT;
                return give_int(value, len, v);
        }
        if (level == SOL_SOCKET)
                return get_socket(b, s, name, value, len);
        return level == IPPROTO_TCP ? get_tcp(b, s, name, value, len) : -ENOPROTOOPT;
}

/* ---- setsockopt ---- */

static int set_congestion(struct elko_bsd *b, struct bsd_sock *s, const void *value, socklen_t len)
{
        const struct elko_cc_ops *was = s->opt.congestion;
        char name[16] = {0};

        memcpy(name, value, len < sizeof(name) - 1 ? len : sizeof(name) - 1);
        s->opt.congestion = elko_cc_find(name);
        if (s->opt.congestion == NULL) {
                s->opt.congestion = was;
                return -ENOENT;
        }
        if (s->handle != ELKO_SOCK_NONE)
                elko_set_congestion(b->st, s->handle, s->opt.congestion);
        return 0;
}

/* 32 bits, all of them set: no limit; or 64. */
static int set_max_pacing_rate(struct elko_bsd *b, struct bsd_sock *s, const void *value,
                               socklen_t len)
{
        uint64_t rate = 0;
        uint32_t small;

        if (len >= sizeof(rate)) {
                memcpy(&rate, value, sizeof(rate));
        } else {
                memcpy(&small, value, sizeof(small));
                rate = small == UINT32_MAX ? UINT64_MAX : small;
        }
        s->opt.max_pacing_rate = rate;
        set(b, s, ELKO_OPTION_MAX_PACING_RATE, rate == UINT64_MAX ? 0 : rate);
        return 0;
}

static int set_buffer(struct elko_bsd *b, struct bsd_sock *s, int name, int v)
{
        int most = INT32_MAX / 2, least = name == SO_SNDBUF ? 2304 : 1152;

        v = v < 0 || v > most ? most : v;
        v = v < least ? least : v;
        *(name == SO_SNDBUF ? &s->opt.snd_buf : &s->opt.rcv_buf) = 2 * v;
        apply_buffers(b, s);
        return 0;
}

int elko_bsd_setsockopt(struct elko_bsd *b, int fd, int level, int name, const void *value,
                        socklen_t len)
{
        const struct place *p = place_of(level, name);
        int error, v;
        struct bsd_sock *s = bsd_get(b, fd, &error);

        if (s == NULL)
                return error;
        if (value == NULL)
                return -EFAULT;
        if (level == IPPROTO_TCP && name == TCP_CONGESTION)
                return set_congestion(b, s, value, len);
        if (level == SOL_SOCKET && name == SO_LINGER) {
                if (len < sizeof(s->opt.linger))
                        return -EINVAL;
                memcpy(&s->opt.linger, value, sizeof(s->opt.linger));
                set(b, s, ELKO_OPTION_LINGER,
                    s->opt.linger.l_onoff ? ELKO_SEC(s->opt.linger.l_linger) : ELKO_NEVER);
                return 0;
        }
        if (level == IPPROTO_TCP && bsd_fast_set(b, s, name, value, len, &error))
                return error;
        if (len < sizeof(int))
                return -EINVAL;
        if (level == SOL_SOCKET && name == SO_MAX_PACING_RATE)
                return set_max_pacing_rate(b, s, value, len);
        memcpy(&v, value, sizeof(v));
        if (level == SOL_SOCKET && name == SO_TIMESTAMPING)
                return bsd_set_timestamping(b, s, v);
        if (level == SOL_SOCKET && (name == SO_SNDBUF || name == SO_RCVBUF))
                return set_buffer(b, s, name, v);
        if (p == NULL)
                return -ENOPROTOOPT;
        if (level == IPPROTO_IPV6 && s->domain != AF_INET6)
                return -ENOPROTOOPT;
        if ((v < p->lo || v > p->hi) && !(p->at == AT(max_seg) && v == 0))
                return -EINVAL;
        if (p->at == AT(ttl) && v == 0)
                return -EINVAL;
        if (p->at == AT(clamp) && v == 0 && s->handle != ELKO_SOCK_NONE)
                return -EINVAL; /* only for a socket that is new */
        if (p->at == AT(rcv_lowat))
                v = v < 0 ? INT32_MAX : v == 0 ? 1 : v;
        *value_at(s, p) = p->truth ? v != 0 : v;
        if (p->then != NULL)
                p->then(b, s);
        return 0;
}
