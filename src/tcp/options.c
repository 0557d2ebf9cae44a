/* SPDX-License-Identifier: MIT */
#include "tcp/tcp.h"
#include "wire/addr.h"

/*
 * Options: what we offer on a SYN, and what is in force afterwards. An option is in force only if both
 * SYNs carried it (RFC 7323, 2.2 and 3.2; RFC 2018, 2); the passive side echoes only what was offered.
 */

enum { LOWEST_SCALED = 65535 };

/* The least scale with which the largest buffer of this connection fits the field (RFC 7323, 2.3).
 * [RFC7323 2.3b] */
uint8_t ek_options_rcv_wscale(const struct ek_tcp *t, const struct ek_settings *settings)
{
        uint32_t rcv_buf_max = ek_min_u32(settings->rcv_buf_max, ek_rcv_buf_clamp(settings));
        uint8_t scale = 0;

        if (!t->cfg.window_scale)
                return 0;
        while (scale < EK_TCP_MAX_WSCALE && (rcv_buf_max >> scale) > LOWEST_SCALED)
                scale++;
        return scale;
}

bool ek_options_scale_first(const struct ek_tcp *t)
{
        return t->cfg.option_order == ELKO_ORDER_MSS_WSCALE_SACK_TS;
}

/* The peer's SYN or SYN+ACK. [RFC9293 MUST-14; RFC7323 2.2c 2.3c] */
void ek_options_on_syn(struct ek_tcp *t, struct ek_tcb *tcb, const struct ek_tcp_opts *opt)
{
        bool v4 = ek_addr_is_v4(&tcb->conn.key.remote);
        uint16_t mss = (opt->present & ELKO_OPT_MSS) ? opt->mss : 0;

        tcb->snd_mss = ek_mss_from_peer(mss, v4, t->cfg.min_mss);
        if ((opt->present & ELKO_OPT_WSCALE) && t->cfg.window_scale) {
                tcb->flags |= EK_TCB_WSCALE;
                tcb->snd_wscale = opt->wscale;
        } else {
                tcb->flags &= ~(uint32_t)EK_TCB_WSCALE;
                tcb->snd_wscale = 0;
                tcb->rcv_wscale = 0;
        }
        if ((opt->present & ELKO_OPT_SACK_PERMITTED) && t->cfg.sack)
                tcb->flags |= EK_TCB_SACK;
        if ((opt->present & ELKO_OPT_TIMESTAMPS) && t->cfg.timestamps) {
                tcb->flags |= EK_TCB_TS | EK_TCB_TS_RECENT_OK;
                tcb->ts_recent = opt->ts_val;
                tcb->ts_recent_ms = ek_tcp_ms(t);
        }
        /* What the peer's segments will hold, until they tell: RFC 9293, 3.7.1 and RFC 6691. */
        tcb->delack.rcv_mss = (uint16_t)ek_min_u32(536, tcb->adv_mss - ek_options_data_bytes(tcb));
}

/* Options of our SYN, or of our SYN+ACK in a simultaneous open.
 * [RFC9293 MUST-14 SHLD-5 MAY-3; RFC7323 2.2a 3.2a 3.2g; RFC2018 2] */
void ek_options_for_syn(const struct ek_tcp *t, const struct ek_tcb *tcb, struct ek_tcp_opts *out)
{
        bool answer = tcb->state != ELKO_TCP_SYN_SENT;

        *out = (struct ek_tcp_opts){.present = ELKO_OPT_MSS,
                                    .mss = tcb->adv_mss,
                                    .scale_first = ek_options_scale_first(t)};
        if (answer ? ek_tcb_has(tcb, EK_TCB_WSCALE) : t->cfg.window_scale) {
                out->present |= ELKO_OPT_WSCALE;
                out->wscale = tcb->rcv_wscale;
        }
        if (answer ? ek_tcb_has(tcb, EK_TCB_SACK) : t->cfg.sack)
                out->present |= ELKO_OPT_SACK_PERMITTED;
        if (answer ? ek_tcb_has(tcb, EK_TCB_TS) : t->cfg.timestamps) {
                out->present |= ELKO_OPT_TIMESTAMPS;
                out->ts_val = ek_tcb_ts_clock(t, tcb);
                out->ts_ecr = ek_tcb_has(tcb, EK_TCB_TS_RECENT_OK) ? tcb->ts_recent : 0;
        }
}

uint32_t ek_options_data_bytes(const struct ek_tcb *tcb)
{
        return ek_tcb_has(tcb, EK_TCB_TS) ? EK_TCP_OPT_TS_BYTES : 0;
}
