/* SPDX-License-Identifier: MIT */
#include "base/bits.h"
#include "stack/config.h"
#include "stack/stack.h"

/*
 * Configuration: the defaults with their reasons, what is out of range, and how much memory it takes.
 */

enum { CONFIG_VERSION = 2 };

/* [RFC9293 SHLD-11 MUST-28; RFC6056 3.2b] */
void elko_config_default(struct elko_config *c)
{
        *c = (struct elko_config){
                .version = CONFIG_VERSION,
                /* Limits of tables: generous for a server, memory is taken only as objects exist. */
                .max_connections = 1u << 20,
                .max_half_open = 16384, /* 1 MiB; more becomes cookies */
                .max_time_wait = 1u << 20,
                .max_listeners = 1024,
                .max_neighbours = 512,
                .max_routes = 64,
                .max_addresses = 32,
                .max_links = 8,
                .max_replies = 256,  /* several batches of resets */
                .output_batch = 64,  /* as many as a link takes in one go */
                .block_bytes = 2048, /* holds 64 ranges of early data */
                .slab_chunk_bytes = 65536,
                .window_overcommit_percent = 100,
                .clock_resolution_ns = 1000,
                /* Deviation: RFC 9293, 3.4.2 says MSL 2 minutes; hosts have long used 30 s. */
                .msl_ns = ELKO_SEC(30),
                .rto_initial_ns = ELKO_SEC(1), /* RFC 6298 (2.1) */
                .rto_min_ns = ELKO_MS(200),    /* see rtt.c */
                .rto_max_ns = ELKO_SEC(60),    /* RFC 6298 (2.5): at least 60 s */
                .r2_syn_ns = ELKO_SEC(180),    /* RFC 9293, 3.8.3: at least 3 minutes */
                .r2_ns = ELKO_SEC(900),        /* same: at least 100 s; 15 minutes as Linux */
                .delack_ns = ELKO_MS(40),
                .push_min_segs = 2,
                .quick_acks =
                        10, /* the peer's slow start grows with every ACK: its initial window's worth */
                .option_order = ELKO_ORDER_MSS_SACK_TS_WSCALE,
                .fin_wait_2_ns = ELKO_SEC(60),
                .keepalive_idle_ns = ELKO_SEC(7200), /* RFC 9293, 3.8.4: at least 2 h by default */
                .keepalive_interval_ns = ELKO_SEC(75),
                .keepalive_count = 9,
                .synack_retries = 3,
                .persist_min_ns = ELKO_MS(200),
                .persist_max_ns = ELKO_SEC(60),
                .initial_window_segs = 10, /* RFC 6928 */
                .snd_buf_bytes = 64u << 10,
                .snd_buf_max_bytes = 4u << 20,
                .rcv_buf_bytes = 64u << 10,
                /* Not more than a TUN device's queue of 500 packets holds by default. */
                .rcv_buf_max_bytes = 512u << 10,
                .max_ooo_ranges = 64,
                .min_mss = 48,
                .mtu_probing = ELKO_MTU_PROBING_BLACK_HOLE,
                .mtu_base_mss = 1024, /* RFC 4821, 7.2 */
                .icmp_mtu_waits = true,
                /* Deviation: RFC 6056, 3.2 says 1024; from here on are RFC 6335's dynamic ports. */
                .port_min = 49152,
                .port_max = 65535,
                .timestamps = true,
                .sack = true,
                .window_scale = true,
                .ecn = ELKO_ECN_ON_REQUEST,
                .syn_cookies = true,
                .challenge_acks = true,
                .challenge_ack_interval_ms = 500,
                .fastopen_bar_ns = ELKO_SEC(3600),
                .loss_probes = true,
        };
}

static bool in(uint64_t v, uint64_t lo, uint64_t hi)
{
        return v >= lo && v <= hi;
}

/* [RFC6528 4] */
static bool has_seed(const struct elko_config *c)
{
        for (size_t i = 0; i < ELKO_SEED_BYTES; i++)
                if (c->seed[i] != 0)
                        return true;
        return false;
}

static const char *check_limits(const struct elko_config *c)
{
        if (c->version != CONFIG_VERSION)
                return "config.version: start from elko_config_default()";
        if (!in(c->max_connections, 1, 1u << 24) || !in(c->max_time_wait, 1, 1u << 24))
                return "max_connections and max_time_wait must be 1..16777216";
        if (!in(c->max_half_open, 1, EK_HALF_OPEN_MAX))
                return "max_half_open must be 1..65534";
        if (!in(c->max_listeners, 1, 65535))
                return "max_listeners must be 1..65535";
        if (!in(c->max_neighbours, 4, 65535) || !in(c->max_routes, 4, 1024) ||
            !in(c->max_addresses, 1, 256) || !in(c->max_links, 1, EK_MAX_LINKS))
                return "max_neighbours 4..65535, max_routes 4..1024, max_addresses 1..256, max_links "
                       "1..64";
        if (!in(c->max_replies, 4, 65536) || !in(c->output_batch, 1, 256))
                return "max_replies must be 4..65536, output_batch 1..256";
        if (!ek_is_pow2(c->block_bytes) || !in(c->block_bytes, 256, 65536))
                return "block_bytes must be a power of two, 256..65536";
        if (!ek_is_pow2(c->slab_chunk_bytes) || !in(c->slab_chunk_bytes, 1024, 1u << 20) ||
            c->slab_chunk_bytes < c->block_bytes)
                return "slab_chunk_bytes must be a power of two, 1024..1048576, >= block_bytes";
        if (c->window_overcommit_percent < 100 || c->window_overcommit_percent > 100000)
                return "window_overcommit_percent must be 100..100000";
        return NULL;
}

/* [RFC9293 MUST-40; RFC5681 4.2b] */
static const char *check_times(const struct elko_config *c)
{
        if (!in(c->clock_resolution_ns, 1, ELKO_MS(100)))
                return "clock_resolution_ns must be 1 ns..100 ms";
        if (!in(c->msl_ns, ELKO_MS(1), ELKO_SEC(86400)))
                return "msl_ns must be 1 ms..1 day";
        if (!in(c->rto_min_ns, ELKO_MS(1), ELKO_SEC(60)) ||
            !in(c->rto_initial_ns, c->rto_min_ns, ELKO_SEC(60)) ||
            !in(c->rto_max_ns, c->rto_initial_ns, ELKO_SEC(3600)))
                return "1 ms <= rto_min_ns <= rto_initial_ns <= 60 s, rto_max_ns up to 1 h";
        if (c->delack_ns >= ELKO_MS(500))
                return "delack_ns must be below 500 ms (RFC 9293, 3.8.6.3)";
        if (c->push_min_segs == 0 || c->push_min_segs > UINT16_MAX)
                return "push_min_segs must be 1..65535";
        if (c->quick_acks > UINT8_MAX)
                return "quick_acks must be 0..255";
        if (c->r2_ns < ELKO_SEC(1) || c->r2_syn_ns < ELKO_SEC(1))
                return "r2_ns and r2_syn_ns must be at least 1 s";
        if (!in(c->persist_min_ns, ELKO_MS(1), c->persist_max_ns))
                return "persist_min_ns must be 1 ms..persist_max_ns";
        if (!in(c->keepalive_count, 1, 255) || c->keepalive_idle_ns < ELKO_SEC(1) ||
            c->keepalive_interval_ns < ELKO_SEC(1))
                return "keepalive_count must be 1..255, keepalive times at least 1 s";
        if (c->synack_retries > EK_HALF_OPEN_MAX_RETRIES)
                return "synack_retries must be 0..6";
        if (c->fastopen_bar_ns > ELKO_SEC(86400) || c->syn_refused_ns > ELKO_SEC(1))
                return "fastopen_bar_ns must be 0..1 day, syn_refused_ns 0..1 s";
        return NULL;
}

static const char *check_tcp(const struct elko_config *c)
{
        if (!in(c->initial_window_segs, 1, 100))
                return "initial_window_segs must be 1..100";
        if (!in(c->snd_buf_max_bytes, 2048, 1u << 30) ||
            !in(c->rcv_buf_max_bytes, 2048, 1u << 30) ||
            !in(c->rcv_buf_bytes, 2048, c->rcv_buf_max_bytes) ||
            !in(c->snd_buf_bytes, 2048, c->snd_buf_max_bytes))
                return "buffers must be 2048..1073741824, and not above their maximum";
        if (c->option_order != ELKO_ORDER_MSS_SACK_TS_WSCALE &&
            c->option_order != ELKO_ORDER_MSS_WSCALE_SACK_TS)
                return "option_order is none of enum elko_option_order";
        if ((unsigned)c->ecn >= ELKO_ECN_COUNT)
                return "ecn is none of enum elko_ecn";
        if (!in(c->max_ooo_ranges, 1, 4096))
                return "max_ooo_ranges must be 1..4096";
        if (!in(c->min_mss, 48, 1460))
                return "min_mss must be 48..1460";
        if ((unsigned)c->mtu_probing > ELKO_MTU_PROBING_ALWAYS)
                return "mtu_probing is none of enum elko_mtu_probing";
        if (c->mtu_base_mss < 48)
                return "mtu_base_mss must be 48..65535";
        if (c->port_min == 0 || c->port_min > c->port_max)
                return "port_min must be 1..port_max";
        if (c->congestion != NULL && c->congestion->private_bytes > ELKO_CC_PRIVATE_BYTES)
                return "congestion: private_bytes is larger than ELKO_CC_PRIVATE_BYTES";
        if (!has_seed(c))
                return "seed is all zeros: fill it with unpredictable bytes";
        return NULL;
}

const char *ek_config_check(const struct elko_config *c)
{
        const char *bad = check_limits(c);

        if (bad == NULL)
                bad = check_times(c);
        if (bad == NULL)
                bad = check_tcp(c);
        return bad;
}

/* What memory was laid out for, and what tables are keyed with, can't change. */
void ek_config_keep(struct elko_config *c, const struct elko_config *was)
{
        memcpy(c->seed, was->seed, sizeof(c->seed));
        c->max_connections = was->max_connections;
        c->max_half_open = was->max_half_open;
        c->max_time_wait = was->max_time_wait;
        c->max_listeners = was->max_listeners;
        c->max_neighbours = was->max_neighbours;
        c->max_routes = was->max_routes;
        c->max_addresses = was->max_addresses;
        c->max_links = was->max_links;
        c->max_replies = was->max_replies;
        c->output_batch = was->output_batch;
        c->block_bytes = was->block_bytes;
        c->slab_chunk_bytes = was->slab_chunk_bytes;
        c->window_overcommit_percent = was->window_overcommit_percent;
        c->max_ooo_ranges = was->max_ooo_ranges;
        c->fastopen_cookies = was->fastopen_cookies;
}

static uint64_t blocks(uint64_t bytes, uint64_t block)
{
        uint64_t b = block;

        while (b < bytes)
                b *= 2;
        return b;
}

size_t elko_stack_size(const struct elko_config *config, uint32_t connections, uint32_t buf_bytes)
{
        struct elko_config c = *config;
        struct ek_ip_limits lim = {c.max_links, c.max_addresses, c.max_routes, c.max_neighbours,
                                   c.max_replies};
        uint64_t per_conn, fixed;

        c.seed[0] = 1;
        if (ek_config_check(&c) != NULL || connections > c.max_connections)
                return 0;
        per_conn = sizeof(struct ek_tcb) + sizeof(struct ek_active) + 8 +
                   2 * blocks(buf_bytes, c.block_bytes) +
                   blocks(EK_RANGES_BYTES(c.max_ooo_ranges), c.block_bytes) +
                   sizeof(struct ek_txrec) * (buf_bytes / 536 + 2);
        fixed = blocks(sizeof(struct elko_stack), c.block_bytes) +
                ek_ipstack_bytes(&lim, c.block_bytes) +
                blocks((uint64_t)c.max_replies * sizeof(struct ek_stateless), c.block_bytes) +
                blocks((uint64_t)c.output_batch * EK_HDR_BYTES, c.block_bytes) +
                blocks(ek_tfo_cache_bytes(c.fastopen_cookies), c.block_bytes) +
                (uint64_t)c.max_half_open * 68 + (uint64_t)c.max_time_wait * 68 +
                8ull * c.slab_chunk_bytes;
        /* Directories, the order map, and what rounding to powers of two may cost. */
        fixed += fixed / 4 + per_conn * connections / 4 + (64u << 10);
        return (size_t)ek_min_u64(SIZE_MAX, fixed + per_conn * connections);
}
