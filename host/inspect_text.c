/* SPDX-License-Identifier: MIT */
/*
 * A stack as text. The first line of a connection and the names in the second are those of `ss
 * -ti`, so that nobody has to learn new ones; as there, cwnd and ssthresh count segments, rtt is
 * mean/deviation in ms. What ss does not show (flight, who limits, sequence numbers) comes last.
 */

#include <inttypes.h>

#include "host/inspect.h"

static double ms(uint64_t ns)
{
        return (double)ns / 1e6;
}

static uint32_t segments(uint32_t bytes, uint32_t mss)
{
        return mss == 0 ? 0 : bytes / mss;
}

static void put_endpoint(FILE *out, const elko_endpoint *e)
{
        char ip[ELKO_IP_TEXT], text[ELKO_IP_TEXT + 16];
        bool v4 = elko_ip_is_v4(&e->ip);

        elko_ip_format(&e->ip, ip);
        snprintf(text, sizeof(text), v4 ? "%s:%u" : "[%s]:%u", ip, e->port);
        fprintf(out, " %-28s", text);
}

/* "name:value" where there is a value. */
static void put_u64(FILE *out, const char *name, uint64_t value)
{
        if (value != 0)
                fprintf(out, " %s:%" PRIu64, name, value);
}

static void put_ms(FILE *out, const char *name, uint64_t ns)
{
        if (ns != 0 && ns != ELKO_NEVER)
                fprintf(out, " %s:%.3g", name, ms(ns));
}

static void put_rate(FILE *out, const char *name, uint64_t bytes_per_s)
{
        if (bytes_per_s != 0)
                fprintf(out, " %s %" PRIu64 "bps", name, bytes_per_s * 8);
}

/* A part of the time in which the sender was busy. */
static void put_share(FILE *out, const char *name, uint64_t ns, uint64_t busy_ns)
{
        if (ns != 0)
                fprintf(out, " %s:%.0fms(%.1f%%)", name, ms(ns), 100.0 * ms(ns) / ms(busy_ns));
}

const char *elko_host_inspect_limit(enum elko_limited_by by)
{
        switch (by) {
        case ELKO_LIMITED_NOTHING: return "nothing";
        case ELKO_LIMITED_APP: return "app";
        case ELKO_LIMITED_RWND: return "rwnd";
        case ELKO_LIMITED_CWND: return "cwnd";
        case ELKO_LIMITED_NAGLE: return "nagle";
        case ELKO_LIMITED_LINK: return "link";
        case ELKO_LIMITED_PACING: return "pacing";
        }
        return "?";
}

static void put_options(FILE *out, const struct elko_tcp_info *i)
{
        if ((i->options & ELKO_TCPI_TIMESTAMPS) != 0)
                fputs(" ts", out);
        if ((i->options & ELKO_TCPI_SACK) != 0)
                fputs(" sack", out);
        if ((i->options & ELKO_TCPI_ECN) != 0)
                fputs(" ecn", out);
        if (i->congestion != NULL)
                fprintf(out, " %s", i->congestion);
        if ((i->options & ELKO_TCPI_WSCALE) != 0)
                fprintf(out, " wscale:%u,%u", i->snd_wscale, i->rcv_wscale);
}

static void put_timing(FILE *out, const struct elko_tcp_info *i)
{
        put_ms(out, "rto", i->rto_ns);
        put_u64(out, "backoff", i->backoff);
        if (i->srtt_ns != 0)
                fprintf(out, " rtt:%.3g/%.3g", ms(i->srtt_ns), ms(i->rttvar_ns));
        put_ms(out, "ato", i->ato_ns);
}

static void put_sizes(FILE *out, const struct elko_tcp_info *i)
{
        put_u64(out, "mss", i->snd_mss);
        put_u64(out, "pmtu", i->pmtu);
        put_u64(out, "rcvmss", i->rcv_mss);
        put_u64(out, "advmss", i->adv_mss);
        put_u64(out, "cwnd", segments(i->snd_cwnd, i->snd_mss));
        if (i->snd_ssthresh != UINT32_MAX)
                put_u64(out, "ssthresh", segments(i->snd_ssthresh, i->snd_mss));
}

static void put_amounts(FILE *out, const struct elko_tcp_info *i)
{
        put_u64(out, "bytes_sent", i->bytes_sent);
        put_u64(out, "bytes_retrans", i->bytes_retrans);
        put_u64(out, "bytes_acked", i->bytes_acked);
        put_u64(out, "bytes_received", i->bytes_received);
        put_u64(out, "segs_out", i->segs_out);
        put_u64(out, "segs_in", i->segs_in);
        put_u64(out, "data_segs_out", i->data_segs_out);
        put_u64(out, "data_segs_in", i->data_segs_in);
}

static void put_progress(FILE *out, const struct elko_tcp_info *i)
{
        if (i->srtt_ns != 0)
                put_rate(out, "send", (uint64_t)i->snd_cwnd * 1000000000u / i->srtt_ns);
        put_ms(out, "lastsnd", i->last_data_sent_ns);
        put_ms(out, "lastrcv", i->last_data_recv_ns);
        put_ms(out, "lastack", i->last_ack_recv_ns);
        put_rate(out, "pacing_rate", i->pacing_rate);
        put_rate(out, "delivery_rate", i->delivery_rate);
        put_u64(out, "delivered", i->delivered);
        if (i->busy_ns != 0)
                fprintf(out, " busy:%.0fms", ms(i->busy_ns));
        put_share(out, "rwnd_limited", i->rwnd_limited_ns, i->busy_ns);
        put_share(out, "sndbuf_limited", i->sndbuf_limited_ns, i->busy_ns);
}

static void put_scoreboard(FILE *out, const struct elko_tcp_info *i)
{
        put_u64(out, "unacked", i->unacked);
        if (i->retrans != 0 || i->total_retrans != 0)
                fprintf(out, " retrans:%u/%u", i->retrans, i->total_retrans);
        put_u64(out, "lost", i->lost);
        put_u64(out, "sacked", i->sacked);
        put_u64(out, "dsack_dups", i->dsack_dups);
        put_u64(out, "reordering", i->reordering);
        put_u64(out, "reord_seen", i->reord_seen);
        put_u64(out, "rcv_ooopack", i->rcv_ooopack);
        put_u64(out, "notsent", i->notsent);
        put_ms(out, "rcv_rtt", i->rcv_rtt_ns);
        put_ms(out, "minrtt", i->min_rtt_ns);
        fprintf(out, " snd_wnd:%u rcv_wnd:%u", i->snd_wnd, i->rcv_wnd);
}

void elko_host_inspect_connection(const struct elko_tcp_info *i, FILE *out)
{
        bool send_queue = i->state != ELKO_TCP_LISTEN;

        fprintf(out, "%-12s %-7u %-7u", elko_tcp_state_name(i->state), i->rcv_buf_used,
                send_queue ? i->snd_buf_used : 0);
        put_endpoint(out, &i->local);
        put_endpoint(out, &i->remote);
        if (i->state == ELKO_TCP_LISTEN || i->state == ELKO_TCP_TIME_WAIT) {
                fputc('\n', out);
                return;
        }
        fputs("\n\t", out);
        put_options(out, i);
        put_timing(out, i);
        put_sizes(out, i);
        put_amounts(out, i);
        put_progress(out, i);
        put_scoreboard(out, i);
        fprintf(out, " flight:%u limited:%s snd_una:%u snd_nxt:%u rcv_nxt:%u\n", i->flight,
                elko_host_inspect_limit(i->limited_by), i->snd_una, i->snd_nxt, i->rcv_nxt);
}

static void put_connections(elko_stack *st, FILE *out)
{
        struct elko_tcp_info info;
        uint64_t cursor = 0;

        fprintf(out, "%-12s %-7s %-7s %-28s %s\n", "State", "Recv-Q", "Send-Q",
                "Local Address:Port", "Peer Address:Port");
        while (elko_each(st, &cursor, NULL, &info))
                elko_host_inspect_connection(&info, out);
}

static void put_memory(elko_stack *st, FILE *out)
{
        struct elko_memory_info m;

        elko_memory_get(st, &m);
        fprintf(out,
                "memory: %" PRIu64 " of %" PRIu64 " bytes used, at most %" PRIu64 ", %" PRIu64
                " promised\n",
                m.used, m.capacity, m.high_water, m.promised);
        fprintf(out,
                "objects: %u connections (%u bytes each), %u half-open, %u in TIME-WAIT, "
                "%u listeners\n",
                m.connections, m.connection_bytes, m.half_open, m.time_wait, m.listeners);
}

static void put_counters(elko_stack *st, FILE *out)
{
        const struct elko_counters *c = elko_counters_get(st);

        fputs("counters:\n", out);
#define ELKO_X(name, text)                                                                         \
        if (c->name != 0)                                                                          \
                fprintf(out, "%16" PRIu64 "  %s\n", c->name, text);
        ELKO_COUNTER_LIST(ELKO_X)
#undef ELKO_X
        fputs("drops:\n", out);
        for (int i = ELKO_DROP_NONE + 1; i < ELKO_DROP_COUNT; i++)
                if (c->drops[i] != 0)
                        fprintf(out, "%16" PRIu64 "  %s: %s\n", c->drops[i],
                                elko_drop_name((enum elko_drop)i),
                                elko_drop_text((enum elko_drop)i));
}

void elko_host_inspect_text(elko_stack *st, FILE *out)
{
        fprintf(out, "elko %s\n", elko_version());
        put_connections(st, out);
        put_memory(st, out);
        put_counters(st, out);
}
