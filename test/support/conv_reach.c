/* SPDX-License-Identifier: MIT */
#include "conv_room.h"

/* Whole openings, and ways into each state. */

/* The peer's SYN options: all that both know. */
static const char *syn_options(struct conv *c)
{
        static char buf[120];

        snprintf(buf, sizeof(buf), "<mss M%s%s%s>", c->opt.no_sack ? "" : ",sackOK",
                 c->opt.no_ts ? "" : ",TS val 100 ecr 0", c->opt.no_wscale ? "" : ",nop,wscale 7");
        return buf;
}

static void peer_syn(struct conv *c)
{
        conv_in_(c, "S 0:0(0) win 65535 %s", syn_options(c));
}

void conv_open_passive_(struct conv *c)
{
        if (c->listener == ELKO_SOCK_NONE)
                conv_listen_(c, NULL);
        peer_syn(c);
        conv_out_(c, "S. 0:0(0) ack 1 <mss M,...>");
        conv_in_(c, ". 1:1(0) ack 1 win 65535");
        conv_none_(c);
        conv_accept_(c);
        conv_state_(c, ELKO_TCP_ESTABLISHED);
        c->f->events = 0;
        c->listen_events = 0;
}

void conv_open_active_(struct conv *c)
{
        conv_connect_(c);
        conv_out_(c, "S 0:0(0) <mss M,...>");
        if (c->opt.no_ts)
                conv_in_(c, "S. 0:0(0) ack 1 win 65535 %s", syn_options(c));
        else
                conv_in_(c, "S. 0:0(0) ack 1 win 65535 <mss M%s,TS val 100 ecr 0%s>",
                         c->opt.no_sack ? "" : ",sackOK", c->opt.no_wscale ? "" : ",nop,wscale 7");
        conv_out_(c, ". 1:1(0) ack 1");
        conv_state_(c, ELKO_TCP_ESTABLISHED);
        conv_none_(c);
        c->f->events = 0;
}

static void reach_syn_received(struct conv *c, bool active)
{
        if (!active) {
                conv_listen_(c, NULL);
                peer_syn(c);
                conv_out_(c, "S. 0:0(0) ack 1 <mss M,...>");
                return;
        }
        conv_connect_(c);
        conv_out_(c, "S 0:0(0) <mss M,...>");
        peer_syn(c);
        conv_out_(c, "S. 0:0(0) ack 1 <mss M,...>");
}

static void reach_closing_side(struct conv *c, enum elko_tcp_state state)
{
        conv_shutdown_(c);
        conv_out_(c, "F. 1:1(0) ack 1");
        if (state == ELKO_TCP_CLOSING) {
                conv_in_(c, "F. 1:1(0) ack 1");
                conv_out_(c, ". 2:2(0) ack 2");
        }
        if (state == ELKO_TCP_FIN_WAIT_2 || state == ELKO_TCP_TIME_WAIT)
                conv_in_(c, ". 1:1(0) ack 2");
        if (state == ELKO_TCP_TIME_WAIT) {
                conv_in_(c, "F. 1:1(0) ack 2");
                conv_out_(c, ". 2:2(0) ack 2");
        }
}

void conv_reach_(struct conv *c, enum elko_tcp_state state, bool active)
{
        switch (state) {
        case ELKO_TCP_CLOSED: return;
        case ELKO_TCP_LISTEN: conv_listen_(c, NULL); return;
        case ELKO_TCP_SYN_SENT:
                conv_connect_(c);
                conv_out_(c, "S 0:0(0) <mss M,...>");
                return;
        case ELKO_TCP_SYN_RECEIVED: reach_syn_received(c, active); return;
        default: break;
        }
        if (active)
                conv_open_active_(c);
        else
                conv_open_passive_(c);
        if (state == ELKO_TCP_CLOSE_WAIT || state == ELKO_TCP_LAST_ACK) {
                conv_in_(c, "F. 1:1(0) ack 1");
                conv_out_(c, ". 1:1(0) ack 2");
        }
        if (state == ELKO_TCP_LAST_ACK) {
                conv_shutdown_(c);
                conv_out_(c, "F. 1:1(0) ack 2");
        }
        if (state != ELKO_TCP_ESTABLISHED && state != ELKO_TCP_CLOSE_WAIT &&
            state != ELKO_TCP_LAST_ACK)
                reach_closing_side(c, state);
        conv_none_(c);
        conv_state_(c, state);
        c->f->events = 0;
}

uint32_t conv_peer_nxt(enum elko_tcp_state state)
{
        switch (state) {
        case ELKO_TCP_CLOSED:
        case ELKO_TCP_LISTEN:
        case ELKO_TCP_SYN_SENT: return 0;
        case ELKO_TCP_CLOSE_WAIT:
        case ELKO_TCP_CLOSING:
        case ELKO_TCP_LAST_ACK:
        case ELKO_TCP_TIME_WAIT: return 2;
        default: return 1;
        }
}

uint32_t conv_stack_nxt(enum elko_tcp_state state)
{
        if (state == ELKO_TCP_CLOSED || state == ELKO_TCP_LISTEN)
                return 0;
        return state <= ELKO_TCP_ESTABLISHED || state == ELKO_TCP_CLOSE_WAIT ? 1 : 2;
}

uint32_t conv_stack_una(enum elko_tcp_state state)
{
        if (state <= ELKO_TCP_SYN_RECEIVED)
                return 0;
        return state == ELKO_TCP_FIN_WAIT_2 || state == ELKO_TCP_TIME_WAIT ? 2 : 1;
}
