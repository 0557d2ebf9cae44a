/* SPDX-License-Identifier: MIT */
/*
 * test_drill_parse.c - the .pkt language, rule by rule: what must be read, and how, and what must be refused, with
 * the place and the reason.
 */
#include "drill/names.h"
#include "drill/script.h"

#include "ek_test.h"

static struct drill_script script;

static struct drill_define defines[] = {
        {"COOKIE", "3021b9d889017eeb", &defines[1]},
        {"N", "5", &defines[2]},
        {"CODE", "host_unreachable", NULL},
};

static struct drill_event *read_it(const char *text)
{
        drill_script_free(&script);
        if (!drill_parse(&script, "t.pkt", text, strlen(text), defines))
                ek_test_fail(__FILE__, __LINE__, "%s\n%s", text,
                             script.error != NULL ? script.error : script.unsupported);
        return script.events;
}

/* The first line of the complaint, without the file's name. */
static void refused(const char *text, const char *why)
{
        const char *got, *end;

        drill_script_free(&script);
        if (drill_parse(&script, "t", text, strlen(text), defines)) {
                ek_test_fail(__FILE__, __LINE__, "%s\n... was taken", text);
                return;
        }
        got = script.error != NULL ? script.error : script.unsupported;
        end = strchr(got, '\n');
        if (strlen(why) != (size_t)(end - got - 2) || strncmp(got + 2, why, strlen(why)) != 0)
                ek_test_fail(__FILE__, __LINE__, "%s\nsaid \"%s\"\nnot  \"%s\"", text, got + 2,
                             why);
}

/* ---- 5.12: nplab's #ifdef ---- */

EK_TEST(conditions)
{
        read_it("0 a() = 0\n#ifdef N\n+0 b() = 0\n#else\n+0 c() = 0\n#endif\n+0 d() = 0");
        CHECK_EQ(script.n_events, 3);
        CHECK_STR_EQ(script.events->next->call->name, "b");
        read_it("0 a() = 0\n#ifndef N\n+0 b() = 0\n#ifdef X\n#endif\n#else\n+0 c() = 0\n#endif\n");
        CHECK_EQ(script.n_events, 2);
        CHECK_STR_EQ(script.events->next->call->name, "c");
        read_it("0 a() = 0\n#ifdef X\n what ever\n#endif\n");
        CHECK_EQ(script.n_events, 1);
        refused("0 a() = 0\n#ifdef X\n", "2:1: there is no #endif for this");
        refused("0 a() = 0\n#ifdef N\n+0 b() = 0\n", "4:1: the script ends before the #endif");
}

/* ---- 5.1, 5.2: the file ---- */

EK_TEST(a_whole_script)
{
        struct drill_event *e = read_it("// a comment\n"
                                        "--tolerance_usecs=100 --ip_version=ipv4\n"
                                        "--define=PORT=80\n"
                                        "`../common/defaults.sh\n sysctl -q a=b`\n"
                                        "/* another\n one */\n"
                                        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
                                        "+0 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7>\n"
                                        "+.1 > S. 0:0(0) ack 1 <...> +0 `true`\n"
                                        "+0 %{ assert tcpi_state == 1 }%\n"
                                        "`/tmp/restore.sh`");

        CHECK_EQ(script.n_events, 5);
        CHECK_STR_EQ(script.init, "../common/defaults.sh\n sysctl -q a=b");
        CHECK_STR_EQ(script.cleanup, "/tmp/restore.sh");
        CHECK_STR_EQ(script.options->name, "tolerance_usecs");
        CHECK_STR_EQ(script.options->value, "100");
        CHECK_STR_EQ(script.options->next->value, "ipv4");
        CHECK_STR_EQ(script.options->next->next->value, "PORT=80");
        CHECK(e->kind == DRILL_SYSCALL && e->where.line == 8 && e->what.column == 3);
        e = e->next;
        CHECK(e->kind == DRILL_PACKET && !e->packet->out);
        CHECK_EQ(e->text_end - e->text, strlen("+0 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7>"));
        e = e->next;
        CHECK(e->packet->out && e->packet->any_opts && e->time.from_us == 100000);
        e = e->next;
        CHECK(e->kind == DRILL_COMMAND);
        CHECK_STR_EQ(e->shell, "true");
        e = e->next;
        CHECK(e->kind == DRILL_CODE);
        CHECK_STR_EQ(e->shell, "assert tcpi_state == 1");
}

EK_TEST(what_is_no_script)
{
        refused("",
                "1:1: expected an event: a time, then a packet, a call or a command, not the end of the script");
        refused("/* no end", "1:1: this comment does not end: */ is missing");
        refused("`no end", "1:1: this command does not end: ` is missing");
        refused("0 %{ no end", "1:3: this code does not end: }% is missing");
        refused("0 open(\"no end) = 3", "1:8: this string does not end: \" is missing");
        refused("0 `true`\n`x` +1 `y`", "2:5: expected the end of the script, not `+'");
        refused("--define=X\n0 `true`", "1:1: --define needs NAME=VALUE");
        refused("0 99999999999999999999", "1:3: this number does not fit 64 bits");
        refused("0 <", "1:4: expected TCP flags, not the end of the script");
        refused("0 # a",
                "1:3: expected a packet (< or >), a system call, `a command` or %{ code }%, not `#'");
}

/* ---- 5.3: times ---- */

EK_TEST(times)
{
        struct drill_event *e = read_it("0.0 `a` 3 `b` +0.5 `c` +.000001 `d` * > . 1:1(0) ack 1 "
                                        "4.1~4.25 > . 1:1(0) ack 1 +.1~+.2 > . 1:1(0) ack 1 "
                                        "5...5.5 read(3, ..., 1) = 1 +0...0.4 read(3, ..., 1) = 1");
        static const struct {
                enum drill_time_kind kind;
                int64_t from, to;
                bool blocks;
        } want[] = {
                {DRILL_AT, 0, 0, false},
                {DRILL_AT, 3000000, 0, false},
                {DRILL_AFTER, 500000, 0, false},
                {DRILL_AFTER, 1, 0, false},
                {DRILL_ANY, 0, 0, false},
                {DRILL_AT_RANGE, 4100000, 4250000, false},
                {DRILL_AFTER_RANGE, 100000, 200000, false},
                {DRILL_AT, 5000000, 5500000, true},
                {DRILL_AFTER, 0, 400000, true},
        };

        for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++, e = e->next) {
                CHECK(e->time.kind == want[i].kind && e->time.blocks == want[i].blocks);
                CHECK_EQ(e->time.from_us, want[i].from);
                CHECK_EQ(e->time.to_us, want[i].to);
        }
        CHECK(e == NULL);
}

EK_TEST(times_that_are_none)
{
        refused("1 `a`", "1:1: the first event must be at time 0");
        refused("* > . 1:1(0) ack 1", "1:1: the first event must be at time 0");
        refused("0 `a` 2 `b` 1 `c`", "1:13: time goes back: the event before is later");
        refused("0 `a` * `b`", "1:7: only outbound packets come at any time, *");
        refused("0 `a` 1~2 `b`", "1:7: only outbound packets have a range of time, a~b");
        refused("0 `a` 1...2 `b`", "1:7: only system calls have a time to end, T...E");
        refused("0 `a` 2~1 > . 1:1(0) ack 1", "1:11: this range of time ends before it begins");
        refused("0 `a` 2...1 close(3) = 0", "1:13: this call ends before it begins");
        refused("0 `a` -1 `b`", "1:7: expected a time in seconds, not `-1'");
        refused("0 `a` 0x1 `b`", "1:7: expected a time in seconds, decimal, not `0x1'");
}

/* ---- 5.4: packets ---- */

static struct drill_packet *packet(const char *text)
{
        char all[400];

        snprintf(all, sizeof(all), "0 %s", text);
        return read_it(all)->packet;
}

EK_TEST(tcp_packets)
{
        struct drill_packet *p = packet("< 1000 > 80 S 4294967295:99(100) ack 7 win 65535 urg 9");

        CHECK(!p->out && p->sport == 1000 && p->dport == 80);
        CHECK(p->flags == 2 && p->seq == UINT32_MAX && p->len == 100);
        CHECK(p->has_ack && p->ack == 7 && p->win == 65535 && p->urg == 9 && p->n_opts == 0);
        p = packet("> (ect0, flowlabel 0x12345) FSRP.UEWA 1:1(0) <nop,nop,TS val 1 ecr 2>");
        CHECK(p->out && p->ip.ecn == DRILL_ECT0 && p->ip.flow_label == 0x12345);
        CHECK(p->flags == 0x1ff && !p->has_win && p->n_opts == 3);
        p = packet("> [tos 0x20] - 1:1(0)");
        CHECK(p->ip.tos == 0x20 && p->flags == 0 && p->sport == -1);
        p = packet("< (ttl 3) 5. 1:1(0) ack 1 win 1"); /* a digit: AE, CWR, ECE */
        CHECK(p->ip.ttl == 3);
        CHECK_EQ(p->flags, 16 | 256 | 64 | DRILL_SHORT_ACE);
        CHECK(packet("> P. 1:1001(1000) ack 1")->len == 1000);
        CHECK(packet("> S 5!:5!(0)")->seq_is_live);
}

EK_TEST(tcp_packets_that_are_none)
{
        refused("0 > Q 1:1(0)",
                "1:5: TCP flags are letters of FSRP.UEWA, one digit 0-7, or - for none");
        refused("0 > S12 1:1(0)",
                "1:7: TCP flags are letters of FSRP.UEWA, one digit 0-7, or - for none");
        refused("0 > . 1:3(1) ack 1", "1:7: 1 plus 1 is 2, not 3 (SYN and FIN are not counted)");
        refused("0 > . 1:65537(65536)", "1:15: the length of the payload: from 0 to 65535");
        refused("0 < . 1:1(0) ack 1", "1:3: an inbound segment needs win N");
        refused("0 < . 1:1(0) ack 1 win 65536", "1:24: a window: from 0 to 65535");
        refused("0 < . 1:1(0) ack 4294967296 win 1",
                "1:18: an acknowledgment number: from 0 to 4294967295");
        refused("0 < (blue) . 1:1(0)",
                "1:6: expected noecn, ect0, ect1, ect01, ce, tos N, ttl N, flowlabel N or bad_sum, not `blue'");
        refused("0 < ipv4 1.2.3.4 > 5.6.7.8: . 1:1(0) win 1",
                "1:5: unsupported: packets inside of others (ipv4)");
        refused("0 < S 0:0(0) win 1/udp(1 > 2)", "1:19: unsupported: TCP in UDP");
        refused("0 < sctp: x", "1:5: unsupported: sctp");
}

EK_TEST(other_packets)
{
        struct drill_packet *p = packet("< icmp unreachable frag_needed mtu 1400 [1:1461(1460)]");

        CHECK(p->proto == DRILL_ICMP && p->icmp_mtu == 1400 && p->quote == DRILL_QUOTE_TCP);
        CHECK(p->seq == 1 && p->len == 1460);
        CHECK_STR_EQ(p->icmp_type, "unreachable");
        CHECK_STR_EQ(p->icmp_code, "frag_needed");
        p = packet("< icmp unreachable CODE [0:0(0)]");
        CHECK_STR_EQ(p->icmp_code, "host_unreachable");
        p = packet("> icmp type_8 id 3 [raw (12)]");
        CHECK(p->out && p->icmp_id == 3 && p->quote == DRILL_QUOTE_RAW && p->len == 12);
        p = packet("< udp 53 > 80 (100)");
        CHECK(p->proto == DRILL_UDP && p->sport == 53 && p->dport == 80 && p->len == 100);
        refused("0 < icmp 3",
                "1:10: expected the type of an ICMP message, like unreachable, not `3'");
}

/* ---- 5.5: options ---- */

EK_TEST(options)
{
        struct drill_packet *p =
                packet("< S 0:0(0) win 1 <mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 14>");

        CHECK(p->n_opts == 5 && p->opt[0].a == 1460 && p->opt[2].a == 100 && p->opt[4].a == 14);
        p = packet("> . 1:1(0) ack 1 <nop,nop,sack 1:2 4294967290:5 7:8>");
        CHECK(p->opt[2].n == 3 && p->opt[2].left[1] == 4294967290u && p->opt[2].right[1] == 5);
        p = packet("> S 0:0(0) <FO COOKIE,nop,nop>");
        CHECK(p->opt[0].kind == DRILL_OPT_FO && p->opt[0].n == 8 && p->opt[0].bytes[7] == 0xeb);
        p = packet("> S 0:0(0) <FO 12345678,nop,nop>");
        CHECK(p->opt[0].n == 4 && p->opt[0].bytes[0] == 0x12);
        p = packet("> S 0:0(0) <FO,nop,nop>");
        CHECK(p->opt[0].n == 0);
        p = packet("> S 0:0(0) <FOEXP,FOEXP abcd,nop,nop>");
        CHECK(p->opt[0].kind == DRILL_OPT_FOEXP && p->opt[0].n == 0 && p->opt[1].n == 2);
        p = packet("> S 0:0(0) <md5 000102030405060708090a0b0c0d0e0f,nop,nop>");
        CHECK(p->opt[0].n == 16 && p->opt[0].bytes[15] == 15);
        p = packet("> . 1:1(0) ack 1 <ECN e0b 1 ceb 2 e1b 16777215,nop>");
        CHECK(p->opt[0].kind == DRILL_OPT_ACCECN0 && p->opt[0].n == 3 &&
              p->opt[0].left[2] == 0xffffff);
        p = packet("> . 1:1(0) ack 1 <ECN e1b 7,nop,nop,nop>");
        CHECK(p->opt[0].kind == DRILL_OPT_ACCECN1 && p->opt[0].n == 1);
        p = packet("> . 1:1(0) ack 1 <nop,nop,TS val N ecr 9!>");
        CHECK(p->opt[2].a == 5 && p->opt[2].ecr_is_live);
}

EK_TEST(options_that_are_none)
{
        refused("0 < S 0:0(0) win 1 <mss 1460,nop>",
                "1:20: these options have 5 bytes: it must be a multiple of 4 (write nop or eol), 40 at most");
        refused("0 < S 0:0(0) win 1 <sack 1:2 1:2 1:2 1:2 1:2>",
                "1:42: an option holds four SACK blocks at most");
        refused("0 < S 0:0(0) win 1 <sack 1:2 1:2 1:2 1:2,nop,nop,mss 1,mss 1>",
                "1:20: these options have 44 bytes: it must be a multiple of 4 (write nop or eol), 40 at most");
        refused("0 < S 0:0(0) win 1 <...>", "1:21: only outbound segments may have any options");
        refused("0 > S 0:0(0) <bang>",
                "1:15: expected an option: nop, eol, mss, wscale, sackOK, sack, TS, FO, FOEXP, md5, ECN or raw, not `bang'");
        refused("0 > S 0:0(0) <TS val 1>", "1:23: expected ecr N, not `>'");
        refused("0 > S 0:0(0) <FO 123,nop>",
                "1:18: expected pairs of hexadecimal digits, 32 at most, not `123'");
        refused("0 > S 0:0(0) <FO xyzw,nop>", "1:18: expected hexadecimal digits, not `xyzw'");
        refused("0 > S 0:0(0) <wscale 256,nop>", "1:22: a window scale: from 0 to 255");
}

/* ---- 5.8: system calls ---- */

static struct drill_call *call(const char *text)
{
        char all[400];

        snprintf(all, sizeof(all), "0 %s", text);
        return read_it(all)->call;
}

EK_TEST(calls)
{
        struct drill_call *c = call("socket(..., SOCK_STREAM|SOCK_NONBLOCK, 6) = 3");
        int64_t v = 0;

        CHECK_STR_EQ(c->name, "socket");
        CHECK(c->n == 3 && c->arg[0]->kind == DRILL_ELLIPSIS && c->arg[1]->kind == DRILL_OR);
        CHECK(c->arg[1]->n == 2 && drill_symbol(c->arg[1]->item[1]->text, &v) && v == 2048);
        CHECK(c->result->value == 3 && c->error == NULL);
        c = call("read(3, ..., 0x10) = -1 EAGAIN (Resource (temporarily) unavailable)");
        CHECK(c->arg[2]->value == 16 && c->result->value == -1);
        CHECK_STR_EQ(c->error, "EAGAIN");
        CHECK_EQ(drill_errno(c->error), 11);
        c = call("fcntl(3, F_GETFL) = 0x2 (flags O_RDWR)");
        CHECK(c->result->value == 2 && c->error == NULL);
        c = call(
                "sendmsg(3, {msg_name(...)=..., msg_iov(2)=[{..., 10}, {..., 20}], msg_flags=0}, 0) = 30");
        CHECK(c->arg[1]->kind == DRILL_BRACE && c->arg[1]->n == 3);
        CHECK(c->arg[1]->item[1]->kind == DRILL_FIELD && c->arg[1]->item[1]->n == 2);
        CHECK_STR_EQ(c->arg[1]->item[1]->text, "msg_iov");
        CHECK(c->arg[1]->item[1]->item[1]->value == 2);
        CHECK(c->arg[1]->item[1]->item[0]->item[1]->item[1]->value == 20);
        c = call("setsockopt(3, SOL_TCP, TCP_CONGESTION, \"re\" \"no\\x00\", 6) = 0");
        CHECK(c->arg[3]->len == 5 && memcmp(c->arg[3]->text, "reno", 5) == 0);
        c = call("poll([{fd=3, events=POLLIN|POLLOUT, revents=POLLOUT}], 1, 0) = 1");
        CHECK_STR_EQ(c->arg[0]->item[0]->item[2]->text, "revents");
        c = call(
                "bind(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr(\"1.2.3.4\")}, ...) = 0");
        CHECK(c->arg[1]->item[1]->item[0]->kind == DRILL_CALL);
}

EK_TEST(calls_that_are_none)
{
        refused("0 close",
                "1:8: expected `(' and the arguments of the call, not the end of the script");
        refused("0 close(3)", "1:11: expected `=', not the end of the script");
        refused("0 close(3) =",
                "1:13: expected the result of the call, a number, not the end of the script");
        refused("0 close(3, ) = 0",
                "1:12: expected an argument: a number, a name, \"text\", ..., [...] or {...}, not `)'");
        refused("0 close(3) = 0 (never",
                "1:22: expected `)' at the end of a remark, not the end of the script");
        refused("0 f({3=4}) = 0", "1:6: only a name can stand before =");
        refused("0 f([[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]) = 0",
                "1:21: brackets nested more than 16 deep");
}

/* ---- names ---- */

EK_TEST(names)
{
        uint8_t type, code;
        const char *why;
        int64_t v;

        CHECK(drill_symbol("TCP_INFO", &v) && v == 11);
        CHECK(drill_symbol("AF_INET", &v) && v == 2);
        CHECK(drill_symbol("EPOLLET", &v) && v == INT64_C(1) << 31);
        CHECK(!drill_symbol("TCP_BANANA", &v) && !drill_symbol("", &v) && !drill_symbol("zzz", &v));
        CHECK_EQ(drill_errno("EINPROGRESS"), 115);
        CHECK_EQ(drill_errno("EWOULDBLOCK"), 11);
        CHECK_EQ(drill_errno("EBANANA"), 0);
        CHECK_STR_EQ(drill_errno_name(104), "ECONNRESET");
        CHECK_STR_EQ(drill_errno_name(100000), "?");
        CHECK(drill_icmp(false, "unreachable", "frag_needed", &type, &code, &why));
        CHECK(type == 3 && code == 4);
        CHECK(drill_icmp(true, "packet_too_big", NULL, &type, &code, &why) && type == 2 &&
              code == 0);
        CHECK(drill_icmp(false, "type_77", "code_9", &type, &code, &why) && type == 77 &&
              code == 9);
        CHECK(!drill_icmp(true, "unreachable", "frag_needed", &type, &code, &why));
        CHECK_STR_EQ(why, "this ICMPv6 type has no such code");
        CHECK(!drill_icmp(false, "packet_too_big", NULL, &type, &code, &why));
}

/* Whatever the text: an answer, a reason when it is no script, and nothing read beyond its end. */
EK_TEST(any_text)
{
        static const char *const pieces[] = {
                "0",
                "+0",
                ".1",
                "<",
                ">",
                "S",
                "1:1(0)",
                "win 5",
                "ack",
                "1",
                "<nop,nop",
                ">",
                "`x`",
                "%{ y }%",
                "read(3, ..., 1)",
                "= 1",
                "=",
                "(",
                ")",
                "[",
                "]",
                "{",
                "}",
                ",",
                "|",
                "\"s\"",
                "...",
                "~",
                "*",
                "--a=b",
                "//",
                "\n",
                "/*",
                "*/",
                "icmp",
                "udp",
                "sack 1:2",
                "TS val 1 ecr 1",
                "FO",
                "N",
                "CODE",
                "::1",
                "1.2.3.4",
        };

        for (uint32_t round = 0; round < ek_test_rounds(100000); round++) {
                char *text = malloc(2000);
                size_t n = 0, len;

                for (uint32_t i = ek_test_below(12); i > 0; i--)
                        n += (size_t)snprintf(
                                text + n, 2000 - n, "%s%s",
                                pieces[ek_test_below(sizeof(pieces) / sizeof(pieces[0]))],
                                ek_test_below(3) ? " " : "");
                len = ek_test_below(4) ? n : ek_test_below((uint32_t)n + 1);
                text = realloc(text, len + (len == 0)); /* a sanitizer sees a step too far */
                drill_script_free(&script);
                if (!drill_parse(&script, "t", text, len, defines))
                        CHECK((script.error != NULL) != (script.unsupported != NULL));
                free(text);
        }
        drill_script_free(&script);
}

EK_TEST_MAIN();
