/* SPDX-License-Identifier: MIT */
/*
 * A stack as JSON, by cJSON. cJSON keeps numbers as doubles, which end at 2^53; counters are 64
 * bits long, so they are written as they are ("raw"). "Never" and "none yet" become null. Names are
 * those of struct elko_tcp_info and of the X-macro lists.
 */

#include <errno.h>
#include <inttypes.h>

#include "host/inspect.h"

#ifndef ELKO_HAVE_LIBCJSON

int elko_host_inspect_json(elko_stack *st, FILE *out)
{
        (void)st;
        (void)out;
        return -ENOTSUP;
}

#else

#include <cjson/cJSON.h>

static void add_u64(cJSON *to, const char *name, uint64_t value)
{
        char text[24];

        snprintf(text, sizeof(text), "%" PRIu64, value);
        cJSON_AddRawToObject(to, name, value == ELKO_NEVER ? "null" : text);
}

static void add_endpoint(cJSON *to, const char *name, const elko_endpoint *e)
{
        cJSON *o = cJSON_AddObjectToObject(to, name);
        char ip[ELKO_IP_TEXT];

        elko_ip_format(&e->ip, ip);
        cJSON_AddStringToObject(o, "ip", ip);
        add_u64(o, "port", e->port);
}

/* clang-format off */
#define INFO_NUMBERS(X)                                                                            \
        X(options) X(snd_wscale) X(rcv_wscale) X(retransmits) X(probes) X(backoff) X(rto_ns)       \
        X(ato_ns) X(srtt_ns) X(rttvar_ns) X(min_rtt_ns) X(rcv_rtt_ns) X(pacing_rate)               \
        X(max_pacing_rate) X(delivery_rate) X(last_data_sent_ns) X(last_ack_sent_ns)               \
        X(last_data_recv_ns) X(last_ack_recv_ns) X(busy_ns) X(rwnd_limited_ns)                     \
        X(sndbuf_limited_ns) X(snd_mss) X(rcv_mss) X(adv_mss) X(pmtu) X(snd_cwnd) X(snd_wnd)       \
        X(rcv_wnd) X(unacked) X(sacked) X(lost) X(retrans) X(flight) X(notsent) X(reordering)      \
        X(snd_buf) X(snd_buf_used) X(rcv_buf) X(rcv_buf_used) X(rcv_ooo) X(bytes_acked)            \
        X(bytes_received) X(bytes_sent) X(bytes_retrans) X(segs_out) X(segs_in) X(data_segs_out)   \
        X(data_segs_in) X(total_retrans) X(total_rto) X(delivered) X(delivered_ce) X(dsack_dups)   \
        X(rcv_ooopack) X(reord_seen) X(iss) X(irs) X(snd_una) X(snd_nxt) X(rcv_nxt)

#define MEMORY_NUMBERS(X)                                                                          \
        X(capacity) X(used) X(high_water) X(promised) X(connections) X(half_open) X(time_wait)     \
        X(listeners) X(connection_bytes) X(half_open_bytes) X(time_wait_bytes)
/* clang-format on */

static const char *ca_state(enum elko_ca_state state)
{
        switch (state) {
        case ELKO_CA_OPEN: return "open";
        case ELKO_CA_DISORDER: return "disorder";
        case ELKO_CA_CWR: return "cwr";
        case ELKO_CA_RECOVERY: return "recovery";
        case ELKO_CA_LOSS: return "loss";
        }
        return "?";
}

static cJSON *connection(const struct elko_tcp_info *info)
{
        cJSON *o = cJSON_CreateObject();

        cJSON_AddStringToObject(o, "state", elko_tcp_state_name(info->state));
        add_endpoint(o, "local", &info->local);
        add_endpoint(o, "remote", &info->remote);
        cJSON_AddStringToObject(o, "congestion", info->congestion != NULL ? info->congestion : "");
        cJSON_AddStringToObject(o, "ca_state", ca_state(info->ca_state));
        cJSON_AddStringToObject(o, "limited_by", elko_host_inspect_limit(info->limited_by));
        add_u64(o, "snd_ssthresh",
                info->snd_ssthresh == UINT32_MAX ? ELKO_NEVER : info->snd_ssthresh);
#define NUMBER(name) add_u64(o, #name, info->name);
        INFO_NUMBERS(NUMBER)
#undef NUMBER
        return o;
}

static void add_connections(cJSON *root, elko_stack *st)
{
        cJSON *list = cJSON_AddArrayToObject(root, "connections");
        struct elko_tcp_info info;
        uint64_t cursor = 0;

        while (elko_each(st, &cursor, NULL, &info))
                cJSON_AddItemToArray(list, connection(&info));
}

static void add_memory(cJSON *root, elko_stack *st)
{
        cJSON *o = cJSON_AddObjectToObject(root, "memory");
        struct elko_memory_info m;

        elko_memory_get(st, &m);
#define NUMBER(name) add_u64(o, #name, m.name);
        MEMORY_NUMBERS(NUMBER)
#undef NUMBER
}

static void add_counters(cJSON *root, elko_stack *st)
{
        const struct elko_counters *c = elko_counters_get(st);
        cJSON *o = cJSON_AddObjectToObject(root, "counters");
        cJSON *drops = cJSON_AddObjectToObject(root, "drops");

#define ELKO_X(name, text) add_u64(o, #name, c->name);
        ELKO_COUNTER_LIST(ELKO_X)
#undef ELKO_X
        for (int i = ELKO_DROP_NONE + 1; i < ELKO_DROP_COUNT; i++)
                if (c->drops[i] != 0)
                        add_u64(drops, elko_drop_name((enum elko_drop)i), c->drops[i]);
}

int elko_host_inspect_json(elko_stack *st, FILE *out)
{
        cJSON *root = cJSON_CreateObject();
        char *text;

        cJSON_AddStringToObject(root, "version", elko_version());
        add_u64(root, "now_ns", elko_now(st));
        add_memory(root, st);
        add_counters(root, st);
        add_connections(root, st);
        text = cJSON_Print(root);
        cJSON_Delete(root);
        if (text == NULL)
                return -ENOMEM;
        fprintf(out, "%s\n", text);
        cJSON_free(text);
        return 0;
}

#endif
