/* SPDX-License-Identifier: MIT */
#ifndef ELKO_PERSONA_H
#define ELKO_PERSONA_H

/*
 * Personas: the choices of well-known TCPs where the RFCs leave one, as values of struct elko_config.
 *
 * A persona is a table of options and nothing else: the engine does not know that there are any, and
 * everything in one can be set by hand. It does not make elko that other TCP: what differs beyond
 * these options stays elko's.
 *
 *      elko_config_default(&config);
 *      elko_persona_apply(elko_persona_find("freebsd"), &config);
 */

#include <elko/stack.h>

#ifdef __cplusplus
extern "C" {
#endif

struct elko_persona {
        const char *name, *about;
        uint64_t delack_ns;
        uint64_t rto_initial_ns, rto_min_ns, rto_max_ns;
        uint64_t r2_syn_ns, r2_ns;
        uint64_t msl_ns, fin_wait_2_ns;
        uint64_t keepalive_idle_ns, keepalive_interval_ns;
        uint64_t persist_min_ns, persist_max_ns;
        uint64_t fastopen_bar_ns, syn_refused_ns;
        enum elko_option_order option_order;
        enum elko_mtu_probing mtu_probing;
        uint32_t initial_window_segs;
        uint32_t quick_acks;
        uint32_t syn_linear_timeouts, synack_retries;
        uint32_t keepalive_count;
        uint32_t rcv_buf_bytes, rcv_buf_max_bytes; /* the maximum decides the window scale */
        uint32_t snd_buf_bytes, snd_buf_max_bytes;
        bool rto_min_on_variance, interactive_acks, push_bursts, more_by_call, icmp_ends_open,
                slow_start_bursts, growth_by_delivery, ecn_as_loss;
        bool fastopen_spare, mss_by_path, idle_decay, loss_of_cwnd;
        bool icmp_mtu_at_once; /* elko_config.icmp_mtu_waits is false */
};

/* "linux", "freebsd", "rfc"; the end has a NULL name. */
extern const struct elko_persona elko_personas[];

/* By name; NULL: there is none. */
const struct elko_persona *elko_persona_find(const char *name);

/* Write the persona's values over those of `config`; nothing else is touched. */
void elko_persona_apply(const struct elko_persona *persona, struct elko_config *config);

#ifdef __cplusplus
}
#endif
#endif
