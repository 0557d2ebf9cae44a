/* SPDX-License-Identifier: MIT */
#include "base/port.h"

#include <elko/persona.h>

/*
 * See persona.h. The values of Linux and FreeBSD are those of their documentation: tcp(7), ip-sysctl.rst;
 * tcp(4), and the defaults that sysctl shows there. `rfc` has the value that an RFC recommends wherever one
 * does, also where no host of today uses it.
 */

const struct elko_persona elko_personas[] = {
        {.name = "linux",
         .about = "Linux 6: window scale 8, 16 quick ACKs, RTO from 200 ms",
         .option_order = ELKO_ORDER_MSS_SACK_TS_WSCALE,
         .initial_window_segs = 10,
         .quick_acks = 16,
         .rto_min_on_variance = true, /* SRTT + max(200 ms, 4 RTTVAR) */
         .interactive_acks = true,
         .push_bursts = true,
         .more_by_call = true,
         .growth_by_delivery = true,
         .ecn_as_loss = true,
         .slow_start_bursts = true,
         .icmp_ends_open = true, /* RFC 5461, 4.1 */
         .icmp_mtu_at_once = true,
         .mtu_probing = ELKO_MTU_PROBING_OFF, /* tcp_mtu_probing */
         .fastopen_spare = true,
         .mss_by_path = true,
         .idle_decay = true,
         .loss_of_cwnd = true,
         .syn_refused_ns = ELKO_MS(8), /* two ticks at 250 a second */
         .fastopen_bar_ns = 0,         /* tcp_fastopen_blackhole_timeout_sec */
         .syn_linear_timeouts = 4,     /* tcp_syn_linear_timeouts */
         .synack_retries = 5,
         .keepalive_count = 9,
         .delack_ns = ELKO_MS(40),
         .rto_initial_ns = ELKO_SEC(1),
         .rto_min_ns = ELKO_MS(200),
         .rto_max_ns = ELKO_SEC(120),
         .r2_syn_ns = ELKO_SEC(127), /* tcp_syn_retries 6: 1 + 2 + ... + 64 s */
         .r2_ns = ELKO_MS(924600),   /* tcp_retries2 15 */
         .msl_ns = ELKO_SEC(30),
         .fin_wait_2_ns = ELKO_SEC(60),
         .keepalive_idle_ns = ELKO_SEC(7200),
         .keepalive_interval_ns = ELKO_SEC(75),
         .persist_min_ns = ELKO_MS(200),
         .persist_max_ns = ELKO_SEC(120),
         .rcv_buf_bytes = 64u << 10,
         .rcv_buf_max_bytes = 15u << 20, /* tcp_rmem's maximum: makes the scale 8 */
         .snd_buf_bytes = 256u << 10,
         .snd_buf_max_bytes = 4u << 20},
        {.name = "freebsd",
         .about =
                 "FreeBSD 15: its order of options, window scale 6, ACKs delayed from the first on",
         .option_order = ELKO_ORDER_MSS_WSCALE_SACK_TS,
         .initial_window_segs = 10,
         .quick_acks = 0,
         .mtu_probing = ELKO_MTU_PROBING_OFF, /* net.inet.tcp.pmtud_blackhole_detection */
         .fastopen_bar_ns = ELKO_SEC(900),    /* net.inet.tcp.fastopen.path_disable_time */
         .synack_retries = 3,                 /* net.inet.tcp.syncache.rexmtlimit */
         .keepalive_count = 8,
         .delack_ns = ELKO_MS(40),
         .rto_initial_ns = ELKO_SEC(1),
         .rto_min_ns = ELKO_MS(230), /* rexmit_min 30 ms and rexmit_slop 200 ms */
         .rto_max_ns = ELKO_SEC(64),
         .r2_syn_ns = ELKO_SEC(75), /* net.inet.tcp.keepinit: RFC 9293's MUST-23 wants 3 minutes */
         .r2_ns = ELKO_SEC(600),
         .msl_ns = ELKO_SEC(30),
         .fin_wait_2_ns = ELKO_SEC(60),
         .keepalive_idle_ns = ELKO_SEC(7200),
         .keepalive_interval_ns = ELKO_SEC(75),
         .persist_min_ns = ELKO_SEC(5),
         .persist_max_ns = ELKO_SEC(60),
         .rcv_buf_bytes = 64u << 10,
         .rcv_buf_max_bytes = 2u << 20, /* kern.ipc.maxsockbuf: makes the scale 6 */
         .snd_buf_bytes = 32u << 10,
         .snd_buf_max_bytes = 2u << 20},
        {.name = "rfc",
         .about = "the RFCs' own values: MSL 2 min (9293), RTO from 1 s (6298), IW 10 (6928)",
         .option_order = ELKO_ORDER_MSS_SACK_TS_WSCALE,
         .initial_window_segs = 10,
         .quick_acks = 0,
         .mtu_probing = ELKO_MTU_PROBING_BLACK_HOLE,
         .fastopen_bar_ns = ELKO_SEC(3600), /* RFC 7413, 4.1.3.1: "a duration of time" */
         .synack_retries = 6,               /* MUST-23: 3 minutes also for a SYN+ACK */
         .keepalive_count = 9,
         .delack_ns = ELKO_MS(200), /* below 500 ms, RFC 9293, 3.8.6.3 */
         .rto_initial_ns = ELKO_SEC(1),
         .rto_min_ns = ELKO_SEC(1), /* RFC 6298 (2.4) */
         .rto_max_ns = ELKO_SEC(60),
         .r2_syn_ns = ELKO_SEC(180),
         .r2_ns = ELKO_SEC(100),
         .msl_ns = ELKO_SEC(120),
         .fin_wait_2_ns = ELKO_SEC(60),
         .keepalive_idle_ns = ELKO_SEC(7200),
         .keepalive_interval_ns = ELKO_SEC(75),
         .persist_min_ns = ELKO_SEC(1), /* RFC 9293, 3.8.6.1: the first probe after one RTO */
         .persist_max_ns = ELKO_SEC(60),
         .rcv_buf_bytes = 64u << 10,
         .rcv_buf_max_bytes = 512u << 10,
         .snd_buf_bytes = 64u << 10,
         .snd_buf_max_bytes = 4u << 20},
        {.name = NULL},
};

static bool same(const char *a, const char *b)
{
        while (*a != '\0' && *a == *b) {
                a++;
                b++;
        }
        return *a == *b;
}

const struct elko_persona *elko_persona_find(const char *name)
{
        const struct elko_persona *p = elko_personas;

        while (p->name != NULL && !same(p->name, name))
                p++;
        return p->name != NULL ? p : NULL;
}

void elko_persona_apply(const struct elko_persona *p, struct elko_config *c)
{
        c->option_order = p->option_order;
        c->initial_window_segs = p->initial_window_segs;
        c->quick_acks = p->quick_acks;
        c->rto_min_on_variance = p->rto_min_on_variance;
        c->interactive_acks = p->interactive_acks;
        c->push_bursts = p->push_bursts;
        c->more_by_call = p->more_by_call;
        c->growth_by_delivery = p->growth_by_delivery;
        c->ecn_as_loss = p->ecn_as_loss;
        c->slow_start_bursts = p->slow_start_bursts;
        c->icmp_ends_open = p->icmp_ends_open;
        c->icmp_mtu_waits = !p->icmp_mtu_at_once;
        c->mtu_probing = p->mtu_probing;
        c->fastopen_spare = p->fastopen_spare;
        c->mss_by_path = p->mss_by_path;
        c->idle_decay = p->idle_decay;
        c->loss_of_cwnd = p->loss_of_cwnd;
        c->fastopen_bar_ns = p->fastopen_bar_ns;
        c->syn_refused_ns = p->syn_refused_ns;
        c->syn_linear_timeouts = p->syn_linear_timeouts;
        c->synack_retries = p->synack_retries;
        c->keepalive_count = p->keepalive_count;
        c->delack_ns = p->delack_ns;
        c->rto_initial_ns = p->rto_initial_ns;
        c->rto_min_ns = p->rto_min_ns;
        c->rto_max_ns = p->rto_max_ns;
        c->r2_syn_ns = p->r2_syn_ns;
        c->r2_ns = p->r2_ns;
        c->msl_ns = p->msl_ns;
        c->fin_wait_2_ns = p->fin_wait_2_ns;
        c->keepalive_idle_ns = p->keepalive_idle_ns;
        c->keepalive_interval_ns = p->keepalive_interval_ns;
        c->persist_min_ns = p->persist_min_ns;
        c->persist_max_ns = p->persist_max_ns;
        c->rcv_buf_bytes = p->rcv_buf_bytes;
        c->rcv_buf_max_bytes = p->rcv_buf_max_bytes;
        c->snd_buf_bytes = p->snd_buf_bytes;
        c->snd_buf_max_bytes = p->snd_buf_max_bytes;
}
