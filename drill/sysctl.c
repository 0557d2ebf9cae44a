/* SPDX-License-Identifier: MIT */
/*
 * sysctls as options of the stack: Linux's (ip-sysctl.rst) and FreeBSD's (tcp(4)). See sysctl.h.
 */
#include "drill/sysctl.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind {
        SWITCH,  /* bool; `unit` 1: the opposite */
        NUMBER,  /* uint32_t */
        SPAN,    /* uint64_t ns: value * unit */
        BUFFERS, /* three numbers: least, first, most */
        SYNS,    /* tcp_syn_retries: how long SYNs are sent again */
        AGAIN,   /* tcp_retries2: how long data is sent again */
        LOWAT,   /* tcp_notsent_lowat: of each socket */
        FAST,    /* tcp_fastopen: bits, of each socket */
        KEY,     /* tcp_fastopen_key */
        ONLY,    /* nothing but `unit` is there */
        ECN,     /* tcp_ecn: enum elko_ecn in Linux's and FreeBSD's numbers */
        IDLE,    /* changes nothing that a script could see */
};

struct sysctl {
        const char *name; /* without net.ipv4.tcp_ or net.inet.tcp., or in full */
        enum kind kind;
        size_t at;
        uint64_t unit;
};

#define AT(field) offsetof(struct elko_config, field)

static const struct sysctl linux_list[] = {
        {"timestamps", SWITCH, AT(timestamps), 0},
        {"sack", SWITCH, AT(sack), 0},
        {"window_scaling", SWITCH, AT(window_scale), 0},
        {"syncookies", SWITCH, AT(syn_cookies), 0},
        {"syn_linear_timeouts", NUMBER, AT(syn_linear_timeouts), 0},
        {"synack_retries", NUMBER, AT(synack_retries), 0},
        {"syn_retries", SYNS, AT(r2_syn_ns), 0},
        {"keepalive_time", SPAN, AT(keepalive_idle_ns), ELKO_SEC(1)},
        {"keepalive_intvl", SPAN, AT(keepalive_interval_ns), ELKO_SEC(1)},
        {"keepalive_probes", NUMBER, AT(keepalive_count), 0},
        {"fin_timeout", SPAN, AT(fin_wait_2_ns), ELKO_SEC(1)},
        {"invalid_ratelimit", NUMBER, AT(challenge_ack_interval_ms), 0},
        {"rto_min_us", SPAN, AT(rto_min_ns), ELKO_US(1)},
        {"rto_max_ms", SPAN, AT(rto_max_ns), ELKO_MS(1)},
        {"retries2", AGAIN, AT(r2_ns), 0},
        {"retries1", IDLE, 0, 0},
        {"orphan_retries", IDLE, 0, 0},
        {"tw_reuse", IDLE, 0, 0},
        {"pingpong_thresh", ONLY, 0, 1},
        {"reflect_tos", ONLY, 0, 0},
        {"shrink_window", ONLY, 0, 0},
        {"thin_linear_timeouts", ONLY, 0, 0},
        {"rmem", BUFFERS, AT(rcv_buf_bytes), 0},
        {"wmem", BUFFERS, AT(snd_buf_bytes), 0},
        {"min_snd_mss", NUMBER, AT(min_mss), 0},
        {"ecn", ECN, AT(ecn), 0},
        {"fastopen", FAST, 0, 0},
        {"fastopen_key", KEY, AT(fastopen_key), 0},
        {"fastopen_blackhole_timeout_sec", SPAN, AT(fastopen_bar_ns), ELKO_SEC(1)},
        {"early_retrans", SWITCH, AT(loss_probes), 0}, /* 0: no tail loss probes; 3: with them */
        {"recovery", ONLY, 0, 1},                      /* RACK */
        {"mtu_probing", NUMBER, AT(mtu_probing), 0},
        {"base_mss", NUMBER, AT(mtu_base_mss), 0},
        {"frto", ONLY, 0, 2},
        {"slow_start_after_idle", SWITCH, AT(idle_keep), 1},
        {"dsack", ONLY, 0, 1},
        {"rfc1337", ONLY, 0, 1},
        {"abort_on_overflow", ONLY, 0, 0},
        {"reordering", ONLY, 0, 3},
        {"notsent_lowat", LOWAT, 0, 0},
        {"min_tso_segs", NUMBER, AT(push_min_segs), 0},
        {"tso_win_divisor", IDLE, 0, 0},
        {"tso_rtt_log", IDLE, 0, 0},
        {"limit_output_bytes", IDLE, 0, 0},
        {"no_metrics_save", IDLE, 0, 0},
        {"no_ssthresh_metrics_save", IDLE, 0, 0},
        {"moderate_rcvbuf", IDLE, 0, 0},
        {"autocorking", IDLE, 0, 0},
        {"challenge_ack_limit", IDLE, 0, 0},
        {"max_syn_backlog", NUMBER, AT(max_half_open), 0},
        {"base_mss", IDLE, 0, 0},
        {"max_orphans", IDLE, 0, 0},
        {"max_tw_buckets", IDLE, 0, 0},
        {"workaround_signed_windows", IDLE, 0, 0},
        {"retrans_collapse", IDLE, 0, 0},
        {"stdurg", IDLE, 0, 0},
        {"adv_win_scale", IDLE, 0, 0},
        {"app_win", IDLE, 0, 0},
        {"pacing_ss_ratio", IDLE, 0, 0},
        {"pacing_ca_ratio", IDLE, 0, 0},
        {"backlog_ack_defer", IDLE, 0, 0},
        {"comp_sack_nr", IDLE, 0, 0},
        {"comp_sack_delay_ns", IDLE, 0, 0},
        {"comp_sack_slack_ns", IDLE, 0, 0},
        {"net.core.somaxconn", IDLE, 0, 0},
        {"net.core.default_qdisc", IDLE, 0, 0},
        {"net.core.rmem_max", IDLE, 0, 0},
        {"net.core.wmem_max", IDLE, 0, 0},
        {"net.ipv4.ip_no_pmtu_disc", ONLY, 0, 0},
        {NULL, IDLE, 0, 0},
};

static const struct sysctl freebsd_list[] = {
        {"sack.enable", SWITCH, AT(sack), 0},
        {"syncookies", SWITCH, AT(syn_cookies), 0},
        {"delacktime", SPAN, AT(delack_ns), ELKO_MS(1)},
        {"initcwnd_segments", NUMBER, AT(initial_window_segs), 0},
        {"msl", SPAN, AT(msl_ns), ELKO_MS(1)},
        {"keepidle", SPAN, AT(keepalive_idle_ns), ELKO_MS(1)},
        {"keepintvl", SPAN, AT(keepalive_interval_ns), ELKO_MS(1)},
        {"keepinit", SPAN, AT(r2_syn_ns), ELKO_MS(1)},
        {"keepcnt", NUMBER, AT(keepalive_count), 0},
        {"finwait2_timeout", SPAN, AT(fin_wait_2_ns), ELKO_MS(1)},
        {"rexmit_initial", SPAN, AT(rto_initial_ns), ELKO_MS(1)},
        {"rexmit_min", SPAN, AT(rto_min_ns), ELKO_MS(1)},
        {"persmin", SPAN, AT(persist_min_ns), ELKO_MS(1)},
        {"persmax", SPAN, AT(persist_max_ns), ELKO_MS(1)},
        {"syncache.rexmtlimit", NUMBER, AT(synack_retries), 0},
        {"recvspace", NUMBER, AT(rcv_buf_bytes), 0},
        {"sendspace", NUMBER, AT(snd_buf_bytes), 0},
        {"minmss", NUMBER, AT(min_mss), 0},
        {"delayed_ack", ONLY, 0, 1},
        {"ecn.enable", ECN, AT(ecn), 0},
        {"insecure_rst", ONLY, 0, 0},
        {"insecure_syn", ONLY, 0, 0},
        {"insecure_ack", ONLY, 0, 0},
        {"drop_synfin", ONLY, 0, 1},
        {"blackhole", ONLY, 0, 0},
        {"fastopen.client_enable", ONLY, 0, 0},
        {"fastopen.server_enable", ONLY, 0, 0},
        {"pmtud_blackhole_detection", ONLY, 0, 0},
        {"do_prr", ONLY, 0, 0},
        {"cc.algorithm", IDLE, 0, 0},
        {"functions_default", IDLE, 0, 0},
        {"hostcache.enable", IDLE, 0, 0},
        {"hostcache.purgenow", IDLE, 0, 0},
        {"hostcache.purge", IDLE, 0, 0},
        {"hostcache.expire", IDLE, 0, 0},
        {"ts_offset_per_conn", IDLE, 0, 0},
        {"path_mtu_discovery", IDLE, 0, 0},
        {"recvbuf_auto", IDLE, 0, 0},
        {"sendbuf_auto", IDLE, 0, 0},
        {"log_in_vain", IDLE, 0, 0},
        {"icmp_may_rst", ONLY, 0, 1},
        {"nolocaltimewait", IDLE, 0, 0},
        {"fast_finwait2_recycle", ONLY, 0, 0},
        {"always_keepalive", ONLY, 0, 0},
        {"rfc1323", IDLE, 0, 0}, /* switched by hand below */
        {"rfc3042", ONLY, 0, 1},
        {"rfc3390", IDLE, 0, 0},
        {"abc_l_var", IDLE, 0, 0},
        {"udp_tunneling_port", ONLY, 0, 0},
        {NULL, IDLE, 0, 0},
};

static const struct sysctl *find(const struct sysctl *list, const char *name, const char *prefix)
{
        size_t n = strlen(prefix);

        for (; list->name != NULL; list++)
                if (strcmp(list->name, name) == 0 ||
                    (strncmp(name, prefix, n) == 0 && strcmp(list->name, name + n) == 0))
                        return list;
        return NULL;
}

/* 1 + 2 + 4 ... seconds: n + 1 SYNs, and the wait after the last. */
static uint64_t syn_time(const struct elko_config *c, uint64_t retries)
{
        uint64_t sum = 0, rto = c->rto_initial_ns;

        for (uint64_t i = 0; i <= retries && i < 40; i++) {
                sum += rto;
                rto = rto * 2 < c->rto_max_ns ? rto * 2 : c->rto_max_ns;
        }
        return sum;
}

/* The time in which data is sent again `n` times, if the first time-out is the least there is (Linux; tcp(7)). */
static uint64_t again_time(const struct elko_config *c, uint64_t n)
{
        uint64_t sum = 0, rto = c->rto_min_ns;

        for (uint64_t i = 0; i <= n && i < 256; i++) {
                sum += rto;
                rto = rto * 2 < c->rto_max_ns ? rto * 2 : c->rto_max_ns;
        }
        return sum < ELKO_SEC(1) ? ELKO_SEC(1) : sum;
}

static void put32(struct elko_config *c, size_t at, uint64_t v)
{
        uint32_t n = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;

        memcpy((uint8_t *)c + at, &n, sizeof(n));
}

static void put64(struct elko_config *c, size_t at, uint64_t v)
{
        memcpy((uint8_t *)c + at, &v, sizeof(v));
}

/* Least, first, most: the buffer's first size and, in the field behind, its limit. */
static bool buffers(struct elko_config *c, size_t at, const char *value)
{
        uint64_t n[3];
        char *end;

        for (int i = 0; i < 3; i++) {
                n[i] = strtoull(value, &end, 10);
                if (end == value)
                        return false;
                value = end;
        }
        n[2] = n[2] < 2048 ? 2048 : n[2];
        n[1] = n[1] < 2048 ? 2048 : n[1] > n[2] ? n[2] : n[1];
        put32(c, at, n[1]);
        put32(c, at + sizeof(uint32_t), n[2]);
        return true;
}

static enum drill_sysctl said(enum drill_sysctl r, char *why, const char *name, const char *text,
                              const char *value)
{
        snprintf(why, DRILL_SYSCTL_WHY, "%s%s%s", name, text, value);
        return r;
}

static enum drill_sysctl bad(char *why, const char *name, const char *wants, const char *value)
{
        snprintf(why, DRILL_SYSCTL_WHY, "%s needs %s, not \"%s\"", name, wants, value);
        return DRILL_SYSCTL_BAD;
}

/* aaaaaaaa-bbbbbbbb-cccccccc-dddddddd[,...]: words, each with its lowest byte first. */
static bool one_key(const char **text, uint8_t key[16])
{
        for (unsigned i = 0; i < 4; i++) {
                char *end;
                unsigned long v = strtoul(*text, &end, 16);

                if (end == *text || v > UINT32_MAX || (i < 3 && *end != '-'))
                        return false;
                for (unsigned k = 0; k < 4; k++)
                        key[4 * i + k] = (uint8_t)(v >> 8 * k);
                *text = end + (i < 3);
        }
        return true;
}

static bool keys(struct elko_config *c, const char *text)
{
        uint8_t key[2][16] = {{0}};

        if (!one_key(&text, key[0]))
                return false;
        if (*text == ',') {
                text++;
                if (!one_key(&text, key[1]))
                        return false;
        }
        if (*text != '\0')
                return false;
        memcpy(c->fastopen_key, key, sizeof(key));
        return true;
}

static enum drill_sysctl only(const struct sysctl *s, const char *name, uint64_t v, char *why)
{
        if (v == s->unit)
                return DRILL_SYSCTL_OK;
        snprintf(why, DRILL_SYSCTL_WHY, "%s=%" PRIu64 "; elko has only %" PRIu64, name, v, s->unit);
        return DRILL_SYSCTL_LACKS;
}

static enum drill_sysctl ecn(struct elko_config *c, const char *name, uint64_t v, char *why)
{
        static const enum elko_ecn of[] = {ELKO_ECN_OFF, ELKO_ECN_CLASSIC, ELKO_ECN_ON_REQUEST,
                                           ELKO_ECN_ACCURATE};

        if (v >= sizeof(of) / sizeof(of[0])) {
                snprintf(why, DRILL_SYSCTL_WHY, "%s=%" PRIu64 "; elko has 0 to 3", name, v);
                return DRILL_SYSCTL_LACKS;
        }
        c->ecn = of[v];
        return DRILL_SYSCTL_OK;
}

static enum drill_sysctl apply(struct drill_tunables *t, const struct sysctl *s, const char *name,
                               const char *value, char *why)
{
        struct elko_config *c = t->stack;
        char *end;
        uint64_t v = strtoull(value, &end, 0); /* as the kernel reads it: 0x602 as well */

        if (s->kind == IDLE)
                return DRILL_SYSCTL_OK;
        if (s->kind == BUFFERS)
                return buffers(c, s->at, value) ? DRILL_SYSCTL_OK
                                                : bad(why, name, "three numbers", value);
        if (s->kind == KEY)
                return keys(c, value) ? DRILL_SYSCTL_OK
                                      : bad(why, name, "keys of four words in hexadecimal", value);
        if (end == value || *end != '\0')
                return bad(why, name, "a number", value);
        switch (s->kind) {
        case ONLY: return only(s, name, v, why);
        case ECN: return ecn(c, name, v, why);
        case SWITCH: *((uint8_t *)c + s->at) = (v != 0) != (s->unit != 0); break;
        case NUMBER:
                if (s->at == AT(min_mss))
                        c->min_mss = (uint16_t)(v < 48 ? 48 : v);
                else if (s->at == AT(mtu_base_mss))
                        c->mtu_base_mss = (uint16_t)(v > UINT16_MAX ? UINT16_MAX : v);
                else if (s->at == AT(mtu_probing))
                        c->mtu_probing = v > 1 ? ELKO_MTU_PROBING_ALWAYS : (enum elko_mtu_probing)v;
                else
                        put32(c, s->at, v);
                break;
        case SPAN: put64(c, s->at, v * s->unit); break;
        case SYNS: put64(c, s->at, syn_time(c, v)); break;
        case AGAIN: put64(c, s->at, again_time(c, v)); break;
        case FAST: t->sockets->fastopen = (uint32_t)v; break;
        case LOWAT: t->sockets->notsent_lowat = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v; break;
        default: break;
        }
        return DRILL_SYSCTL_OK;
}

static enum drill_sysctl ports(struct elko_config *c, const char *name, const char *value,
                               char *why)
{
        unsigned lo, hi;

        if (sscanf(value, "%u %u", &lo, &hi) != 2 || lo == 0 || hi > 65535 || lo > hi)
                return bad(why, name, "two ports", value);
        c->port_min = (uint16_t)lo;
        c->port_max = (uint16_t)hi;
        return DRILL_SYSCTL_OK;
}

static enum drill_sysctl congestion_control(struct drill_tunables *t, const char *value, char *why)
{
        const struct elko_cc_ops *ops = elko_cc_find(value);

        if (ops == NULL)
                return said(DRILL_SYSCTL_LACKS, why, "", "congestion control ", value);
        t->stack->congestion = ops;
        return DRILL_SYSCTL_OK;
}

static const struct sysctl *find_any(const char *name)
{
        const struct sysctl *s = find(linux_list, name, "net.ipv4.tcp_");

        if (s == NULL && strncmp(name, "tcp_", 4) == 0)
                s = find(linux_list, name, "tcp_");
        return s != NULL ? s : find(freebsd_list, name, "net.inet.tcp.");
}

bool drill_sysctl_is_idle(const char *name)
{
        const struct sysctl *s = find_any(name);

        return s != NULL && (s->kind == IDLE || s->kind == ONLY);
}

const char *drill_sysctl_suite(size_t i, const char **value)
{
        static const char *const list[][2] = {
                {"net.ipv4.tcp_fastopen", "0x70403"},
                {"net.ipv4.tcp_fastopen_key", "a1a1a1a1-b2b2b2b2-c3c3c3c3-d4d4d4d4"},
        };

        if (i >= sizeof(list) / sizeof(list[0]))
                return NULL;
        *value = list[i][1];
        return list[i][0];
}

const char *drill_sysctl_linux(size_t i)
{
        size_t n = sizeof(linux_list) / sizeof(linux_list[0]) - 1;

        return i < n ? linux_list[i].name : NULL;
}

enum drill_sysctl drill_sysctl_set(struct drill_tunables *t, const char *name, const char *value,
                                   char why[DRILL_SYSCTL_WHY])
{
        const struct sysctl *s = find_any(name);

        why[0] = '\0';
        if (s == NULL && strcmp(name, "net.ipv4.tcp_congestion_control") == 0)
                return congestion_control(t, value, why);
        if (s == NULL && strcmp(name, "net.ipv4.ip_local_port_range") == 0)
                return ports(t->stack, name, value, why);
        if (s == NULL)
                return said(DRILL_SYSCTL_UNKNOWN, why, "sysctl ", name, "");
        if (strcmp(s->name, "rfc1323") == 0)
                t->stack->timestamps = t->stack->window_scale = value[0] != '0';
        return apply(t, s, name, value, why);
}
