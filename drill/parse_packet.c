/* SPDX-License-Identifier: MIT */
/*
 * Packet lines: direction, what is said of the IP header, then TCP, UDP or ICMP.
 */
#include "drill/parse.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32, ECE = 64, CWR = 128, AE = 256 };

/* ---- the IP header ---- */

static bool ip_word(struct drill_lexer *l, struct drill_ip_info *ip)
{
        static const struct {
                const char *word;
                enum drill_ecn ecn;
        } ecn[] = {{"noecn", DRILL_NOECN},
                   {"ect0", DRILL_ECT0},
                   {"ect1", DRILL_ECT1},
                   {"ce", DRILL_CE},
                   {"ect01", DRILL_ECT01}};
        int64_t n;

        for (size_t i = 0; i < sizeof(ecn) / sizeof(ecn[0]); i++) {
                if (drill_is_word(l, ecn[i].word)) {
                        ip->ecn = ecn[i].ecn;
                        drill_lex_next(l);
                        return true;
                }
        }
        if (drill_is_word(l, "tos") || drill_is_word(l, "class")) {
                drill_lex_next(l);
                if (!drill_number(l, 0, 255, "the TOS byte", &n))
                        return false;
                ip->tos = (int)n;
                return true;
        }
        if (drill_is_word(l, "ttl") || drill_is_word(l, "hlim")) {
                drill_lex_next(l);
                if (!drill_number(l, 0, 255, "the time to live", &n))
                        return false;
                ip->ttl = (int)n;
                return true;
        }
        if (drill_is_word(l, "flowlabel")) {
                drill_lex_next(l);
                if (!drill_number(l, 0, 0xfffff, "the flow label", &n))
                        return false;
                ip->flow_label = (int32_t)n;
                return true;
        }
        if (drill_is_word(l, "bad_sum")) {
                ip->bad_sum = true;
                drill_lex_next(l);
                return true;
        }
        if (drill_is_word(l, "dscp") || drill_is_word(l, "ecn"))
                return drill_no_support(l, l->tok.where,
                                        "unsupported: dscp and ecn (write tos, or ect0, ect1, ce)");
        return drill_expected(l,
                              "noecn, ect0, ect1, ect01, ce, tos N, ttl N, flowlabel N or bad_sum");
}

static bool ip_info(struct drill_lexer *l, struct drill_ip_info *ip, bool out)
{
        struct drill_where where = l->tok.where;
        char close = drill_is(l, '(') ? ')' : ']';

        drill_lex_next(l);
        if (!ip_word(l, ip))
                return false;
        while (drill_is(l, ',')) {
                drill_lex_next(l);
                if (!ip_word(l, ip))
                        return false;
        }
        if (out && ip->bad_sum)
                return drill_wrong(l, where, "only inbound packets have a bad_sum");
        return drill_skip(l, close);
}

/* Headers around the packet: no stack of ours sends them. */
static bool no_encapsulation(struct drill_lexer *l)
{
        static const char *const words[] = {"ipv4", "ipv6", "gre", "mpls", "encap"};

        for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
                if (drill_is_word(l, words[i]))
                        return drill_no_support(
                                l, l->tok.where,
                                drill_format(&l->s->arena,
                                             "unsupported: packets inside of others (%s)",
                                             words[i]));
        return true;
}

/* ---- TCP ---- */

static bool flags(struct drill_lexer *l, struct drill_packet *p)
{
        struct drill_where where = l->tok.where;
        unsigned digits = 0;

        if (l->tok.kind == DRILL_T_END)
                return drill_expected(l, "TCP flags");
        drill_lex_raw(l, "");
        for (const char *c = l->tok.text; *c != '\0'; c++) {
                switch (*c) {
                case 'F': p->flags |= FIN; break;
                case 'S': p->flags |= SYN; break;
                case 'R': p->flags |= RST; break;
                case 'P': p->flags |= PSH; break;
                case '.': p->flags |= ACK; break;
                case 'U': p->flags |= URG; break;
                case 'E': p->flags |= ECE; break;
                case 'W': p->flags |= CWR; break;
                case 'A': p->flags |= AE; break;
                case '-':
                        if (l->tok.len == 1)
                                break;
                        /* fallthrough */
                default:
                        if (*c < '0' || *c > '7' || digits++ > 0) {
                                where.column += (int)(c - l->tok.text);
                                return drill_wrong(
                                        l, where,
                                        "TCP flags are letters of FSRP.UEWA, one digit 0-7, or - for none");
                        }
                        p->flags |= DRILL_SHORT_ACE;
                        p->flags |= (uint16_t)((*c & 4 ? AE : 0) | (*c & 2 ? CWR : 0) |
                                               (*c & 1 ? ECE : 0));
                }
        }
        drill_lex_next(l);
        return true;
}

/* START:END(LEN), END being START + LEN. */
static bool range(struct drill_lexer *l, struct drill_packet *p)
{
        struct drill_where where = l->tok.where;
        int64_t start, end, len;

        if (!drill_number(l, 0, UINT32_MAX, "a sequence number", &start))
                return false;
        if (drill_is(l, '!')) {
                p->seq_is_live = true;
                drill_lex_next(l);
        }
        if (!drill_skip(l, ':') ||
            !drill_number(l, 0, UINT32_MAX, "the last sequence number", &end))
                return false;
        if (drill_is(l, '!'))
                drill_lex_next(l);
        if (!drill_skip(l, '(') || !drill_number(l, 0, 65535, "the length of the payload", &len) ||
            !drill_skip(l, ')'))
                return false;
        if ((uint32_t)(start + len) != (uint32_t)end)
                return drill_wrong(
                        l, where,
                        drill_format(&l->s->arena,
                                     "%u plus %u is %u, not %u (SYN and FIN are not counted)",
                                     (unsigned)start, (unsigned)len,
                                     (unsigned)(uint32_t)(start + len), (unsigned)end));
        p->seq = (uint32_t)start;
        p->len = (uint32_t)len;
        return true;
}

static bool ports(struct drill_lexer *l, struct drill_packet *p)
{
        const char *q = l->p;
        int64_t n;

        /* A number, and then >: else these are flags. */
        while (q < l->s->source_end && isspace((unsigned char)*q))
                q++;
        if (l->tok.kind != DRILL_T_INT || q == l->s->source_end || *q != '>')
                return true;
        if (!drill_number(l, 0, 65535, "a port", &n))
                return false;
        p->sport = (int)n;
        drill_lex_next(l);
        if (!drill_number(l, 0, 65535, "a port", &n))
                return false;
        p->dport = (int)n;
        return true;
}

static bool tcp(struct drill_lexer *l, struct drill_packet *p, struct drill_where where)
{
        int64_t n;

        if (!flags(l, p) || !range(l, p))
                return false;
        if (drill_is_word(l, "ack")) {
                drill_lex_next(l);
                if (!drill_number(l, 0, UINT32_MAX, "an acknowledgment number", &n))
                        return false;
                p->has_ack = true;
                p->ack = (uint32_t)n;
        }
        if (drill_is_word(l, "win")) {
                drill_lex_next(l);
                if (!drill_number(l, 0, 65535, "a window", &n))
                        return false;
                p->has_win = true;
                p->win = (uint16_t)n;
        } else if (!p->out) {
                return drill_wrong(l, where, "an inbound segment needs win N");
        }
        if (drill_is_word(l, "urg")) {
                drill_lex_next(l);
                if (!drill_number(l, 0, 65535, "an urgent pointer", &n))
                        return false;
                p->has_urg = true;
                p->urg = (uint16_t)n;
        }
        if (drill_is(l, '/'))
                return drill_no_support(l, l->tok.where, "unsupported: TCP in UDP");
        /* `<' may also begin the next event's packet; but that has a time in front. */
        return !drill_is(l, '<') || drill_parse_options(l, p);
}

/* ---- UDP and ICMP ---- */

static bool length(struct drill_lexer *l, struct drill_packet *p)
{
        int64_t n;

        if (!drill_skip(l, '(') || !drill_number(l, 0, 65535, "a length", &n) ||
            !drill_skip(l, ')'))
                return false;
        p->len = (uint32_t)n;
        return true;
}

static bool udp(struct drill_lexer *l, struct drill_packet *p)
{
        p->proto = DRILL_UDP;
        drill_lex_next(l);
        return ports(l, p) && length(l, p);
}

static bool icmp(struct drill_lexer *l, struct drill_packet *p)
{
        p->proto = DRILL_ICMP;
        drill_lex_next(l);
        if (l->tok.kind != DRILL_T_WORD)
                return drill_expected(l, "the type of an ICMP message, like unreachable");
        p->icmp_type = l->tok.text;
        drill_lex_next(l);
        if (l->tok.kind == DRILL_T_WORD && !drill_is_word(l, "mtu") && !drill_is_word(l, "id") &&
            !drill_is_word(l, "udp") && !drill_is_word(l, "raw")) {
                p->icmp_code = l->tok.text;
                drill_lex_next(l);
        }
        if (drill_is_word(l, "mtu")) {
                drill_lex_next(l);
                if (!drill_number(l, 0, 65535, "an MTU", &p->icmp_mtu))
                        return false;
        }
        if (drill_is_word(l, "id")) {
                drill_lex_next(l);
                if (!drill_number(l, 0, 65535, "an identifier", &p->icmp_id))
                        return false;
        }
        if (!drill_is(l, '['))
                return true;
        drill_lex_next(l);
        if (drill_is_word(l, "udp") || drill_is_word(l, "raw")) {
                p->quote = drill_is_word(l, "udp") ? DRILL_QUOTE_UDP : DRILL_QUOTE_RAW;
                drill_lex_next(l);
                if (!length(l, p))
                        return false;
        } else {
                p->quote = DRILL_QUOTE_TCP;
                if (!range(l, p))
                        return false;
        }
        return drill_skip(l, ']');
}

bool drill_parse_packet(struct drill_lexer *l, struct drill_packet *p)
{
        struct drill_where where = l->tok.where;

        *p = (struct drill_packet){.out = drill_is(l, '>'),
                                   .ip = {.tos = -1, .ttl = -1, .flow_label = -1},
                                   .sport = -1,
                                   .dport = -1,
                                   .icmp_mtu = -1,
                                   .icmp_id = -1};
        drill_lex_next(l);
        if (!no_encapsulation(l))
                return false;
        if ((drill_is(l, '(') || drill_is(l, '[')) && !ip_info(l, &p->ip, p->out))
                return false;
        if (drill_is_word(l, "udp"))
                return udp(l, p);
        if (drill_is_word(l, "icmp"))
                return icmp(l, p);
        if (drill_is_word(l, "sctp") || drill_is_word(l, "udplite"))
                return drill_no_support(l, l->tok.where,
                                        drill_format(&l->s->arena, "unsupported: %s", l->tok.text));
        return ports(l, p) && tcp(l, p, where);
}
