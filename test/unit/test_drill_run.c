/* SPDX-License-Identifier: MIT */
/*
 * test_drill_run.c - what a script means: for each rule a script that passes, and one that must fail with the right
 * words. Times and tolerances, number spaces, options, pieces of segments, calls that wait, commands, code, and the
 * texts that a user sees.
 */
#include "drill/flow.h"
#include "drill/run.h"
#include "drill/show.h"

#include "ek_test.h"

#include <dirent.h>

static uint8_t region[DRILL_REGION_BYTES];

#define LISTEN                                                                                     \
        "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"                                            \
        "+0 bind(3, ..., ...) = 0\n"                                                               \
        "+0 listen(3, 1) = 0\n"
#define OPEN                                                                                       \
        LISTEN "+0 < S 0:0(0) win 32792 <mss 1000>\n"                                              \
               "+0 > S. 0:0(0) ack 1 <mss 1460>\n"                                                 \
               "+.1 < . 1:1(0) ack 1 win 32792\n"                                                  \
               "+0 accept(3, ..., ...) = 4\n"
#define OPEN_TS                                                                                    \
        LISTEN "+0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 100 ecr 0>\n"                      \
               "+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 700 ecr 100>\n"                       \
               "+.1 < . 1:1(0) ack 1 win 32792 <nop,nop,TS val 200 ecr 700>\n"                     \
               "+0 accept(3, ..., ...) = 4\n"

/* ---- running text ---- */

static struct drill_script script;
static struct drill_result result;

static enum drill_outcome run_with(const char *text, struct drill_settings *set)
{
        drill_script_free(&script);
        set->region = region;
        drill_run_text(&script, "t.pkt", text, strlen(text), drill_common_defines(DRILL_V4), set,
                       &result);
        return result.outcome;
}

static void passes(const char *text)
{
        struct drill_settings set = {0};

        if (run_with(text, &set) != DRILL_PASSED)
                ek_test_fail(__FILE__, __LINE__, "%s\n%s", text, result.text);
}

/* ... with this outcome, and these words in the text. */
static void ends(const char *text, enum drill_outcome outcome, const char *words)
{
        struct drill_settings set = {0};

        if (run_with(text, &set) != outcome)
                ek_test_fail(__FILE__, __LINE__, "%s\ngave outcome %d: %s", text, result.outcome,
                             result.text != NULL ? result.text : "");
        if (result.text == NULL || strstr(result.text, words) == NULL)
                ek_test_fail(__FILE__, __LINE__, "%s\nsaid \"%s\"\nnot  \"%s\"", text,
                             result.text != NULL ? result.text : "", words);
}

static void fails(const char *text, const char *words)
{
        ends(text, DRILL_FAILED, words);
}

static void unsupported(const char *text, const char *words)
{
        ends(text, DRILL_UNSUPPORTED, words);
}

/* ---- 5.3: times ---- */

EK_TEST(exact_times)
{
        passes(OPEN "+0 write(4, ..., 10) = 10\n"
                    "+0 > P. 1:11(10) ack 1\n"
                    "+.3 > P. 1:11(10) ack 1\n");
        passes(OPEN "+0 write(4, ..., 10) = 10\n"
                    "0.1 > P. 1:11(10) ack 1\n"
                    "0.4 > P. 1:11(10) ack 1\n");
        fails(OPEN "+0 write(4, ..., 10) = 10\n"
                   "+.2 > P. 1:11(10) ack 1\n",
              "t.pkt:9:1: it came at 0.100000 s, 200000 us too early: it is expected at 0.300000 s");
        fails(OPEN "+0 write(4, ..., 10) = 10\n"
                   "+0 > P. 1:11(10) ack 1\n"
                   "+.2 > P. 1:11(10) ack 1\n",
              "it came at 0.400000 s, 100000 us too late: it is expected at 0.300000 s");
}

/* max(4 ms, 12.5 % of the time since the event before), or what the options say. */
EK_TEST(tolerances)
{
        const char *const second = OPEN "+0 write(4, ..., 10) = 10\n"
                                        "+0 > P. 1:11(10) ack 1\n";
        char text[2048];

        snprintf(text, sizeof text, "%s+.267 > P. 1:11(10) ack 1\n", second); /* 12.4 % */
        passes(text);
        snprintf(text, sizeof text, "%s+.266 > P. 1:11(10) ack 1\n", second);
        fails(text, "34000 us too late");
        snprintf(text, sizeof text, "--tolerance_percent=0\n%s+.297 > P. 1:11(10) ack 1\n", second);
        passes(text);
        snprintf(text, sizeof text, "--tolerance_percent=0\n%s+.295 > P. 1:11(10) ack 1\n", second);
        fails(text, "5000 us too late");
        snprintf(text, sizeof text,
                 "--tolerance_percent=0 --tolerance_usecs=0\n%s+.3 > P. 1:11(10) ack 1\n", second);
        passes(text);
}

EK_TEST(ranges_and_any_time)
{
        passes(OPEN "+0 write(4, ..., 10) = 10\n"
                    "+0 > P. 1:11(10) ack 1\n"
                    "+.2~+.4 > P. 1:11(10) ack 1\n"
                    "* > P. 1:11(10) ack 1\n"
                    "* > P. 1:11(10) ack 1\n");
        passes(OPEN "+0 write(4, ..., 10) = 10\n"
                    "0.1~0.2 > P. 1:11(10) ack 1\n"
                    "0.3~0.5 > P. 1:11(10) ack 1\n");
        fails(OPEN "+0 write(4, ..., 10) = 10\n"
                   "+0 > P. 1:11(10) ack 1\n"
                   "+.4~+.5 > P. 1:11(10) ack 1\n",
              "100000 us too early: it is expected from 0.500000 s to 0.600000 s");
}

EK_TEST(a_clock_that_is_late)
{
        /* What was waited for came at 0.4; the next line's time is over. */
        fails(OPEN "0.1 write(4, ..., 10) = 10\n"
                   "0.1 > P. 1:11(10) ack 1\n"
                   "* > P. 1:11(10) ack 1\n"
                   "0.2 < . 1:1(0) ack 11 win 32792\n",
              "this is due at 0.200000 s, and the clock stands at 0.400000 s already");
}

/* Between two inbound packets relative times add up from the scheduled ones. */
EK_TEST(inbound_after_inbound)
{
        passes(OPEN "+.1 < P. 1:11(10) ack 1 win 32792\n"
                    "+.1 < P. 11:21(10) ack 1 win 32792\n"
                    "0.2 > . 1:1(0) ack 11\n"
                    "0.3 > . 1:1(0) ack 21\n");
}

EK_TEST(nothing_comes)
{
        fails(LISTEN "+0 > S. 0:0(0) ack 1 <mss 1460>\n",
              "t.pkt:4:4: nothing came until 2.004000 s\n"
              "    expected: > S. 0:0(0) ack 1 <mss 1460>\n");
        /* What nobody asks for is no error. */
        passes(OPEN "+0 write(4, ..., 10) = 10\n"
                    "+9 close(4) = 0\n");
        /* ... but the next line gets it. */
        fails(OPEN "+0 write(4, ..., 10) = 10\n"
                   "+.1 close(4) = 0\n"
                   "+0 > F. 11:11(0) ack 1\n",
              "the flags differ");
}

/* ---- 5.4, 5.5: what is compared ---- */

EK_TEST(each_field)
{
        static const struct {
                const char *line, *words;
        } bad[] = {
                {"> . 1:11(10) ack 1", "the flags differ"},
                {"> P. 2:12(10) ack 1", "the sequence number differs"},
                {"> P. 1:12(11) ack 1", "the length of the payload differs"},
                {"> P. 1:11(10) ack 2", "the acknowledgment number differs"},
                {"> P. 1:11(10) ack 1 win 7", "the window differs"},
                {"> P. 1:11(10) ack 1 urg 1", "the urgent pointer differs"},
                {"> P. 1:11(10) ack 1 <nop,nop,nop,nop>", "an option differs (order matters)"},
                {"> (tos 0x4) P. 1:11(10) ack 1", "the TOS byte differs"},
                {"> (ttl 63) P. 1:11(10) ack 1", "the time to live differs"},
                {"> [ect0] P. 1:11(10) ack 1", "the ECN bits differ"},
                {"> [ect01] P. 1:11(10) ack 1", "the ECN bits differ"},
                {"> udp (10)", "the protocol differs"},
                {"> icmp echo_reply", "the protocol differs"},
        };
        char text[2048];

        for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
                snprintf(text, sizeof text, OPEN "+0 write(4, ..., 10) = 10\n+0 %s\n", bad[i].line);
                fails(text, bad[i].words);
        }
        passes(OPEN "+0 write(4, ..., 10) = 10\n"
                    "+0 > (noecn, ttl 64) P. 1:11(10) ack 1 <...>\n");
}

/* The caret stands under what differs. */
EK_TEST(the_caret)
{
        fails(OPEN "+0 write(4, ..., 10) = 10\n"
                   "+0 > P. 1:11(10) ack 2\n",
              "    expected: > P. 1:11(10) ack 2\n"
              "    came:     > P. 1:11(10) ack 1\n"
              "                            ^ at 0.100000 s\n"
              "    +0 > P. 1:11(10) ack 2\n"
              "       ^\n"
              "    the clock: 0.100000 s");
        fails(LISTEN "+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop>\n"
                     "+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,nop,nop>\n",
              "    expected: > S. 0:0(0) ack 1 <mss 1460,sackOK,nop,nop>\n"
              "    came:     > S. 0:0(0) ack 1 <mss 1460,nop,nop,sackOK>\n"
              "                                          ^ at");
        fails(LISTEN "+0 < S 0:0(0) win 32792 <mss 1000>\n"
                     "+0 > S. 0:0(0) ack 1 <mss 1460,nop,wscale 8>\n",
              "    came:     > S. 0:0(0) ack 1 <mss 1460>\n"
              "                                         ^ at");
}

EK_TEST(no_options_means_none)
{
        fails(LISTEN "+0 < S 0:0(0) win 32792 <mss 1000>\n"
                     "+0 > S. 0:0(0) ack 1\n",
              "an option differs");
        passes(LISTEN "+0 < S 0:0(0) win 32792 <mss 1000>\n"
                      "+0 > S. 0:0(0) ack 1 <...>\n");
}

/* ---- 5.6: number spaces ---- */

EK_TEST(numbers_of_a_syn_are_absolute)
{
        /* The script calls the stack's ISN 300; the peer's is 5000, as it says. */
        passes(LISTEN "+0 < S 5000:5000(0) win 32792 <mss 1000>\n"
                      "+0 > S. 300:300(0) ack 5001 <mss 1460>\n"
                      "+1 > S. 300:300(0) ack 5001 <mss 1460>\n"
                      "+0 < . 1:1(0) ack 1 win 32792\n"
                      "+0 accept(3, ..., ...) = 4\n"
                      "+0 write(4, ..., 10) = 10\n"
                      "+0 > P. 1:11(10) ack 1\n");
        fails(LISTEN "+0 < S 5000:5000(0) win 32792 <mss 1000>\n"
                     "+0 > S. 300:300(0) ack 1 <mss 1460>\n",
              "came:     > S. 300:300(0) ack 5001");
        /* The name of the stack's ISN is kept. */
        fails(LISTEN "+0 < S 5000:5000(0) win 32792 <mss 1000>\n"
                     "+0 > S. 300:300(0) ack 5001 <mss 1460>\n"
                     "+1 > S. 301:301(0) ack 5001 <mss 1460>\n",
              "came:     > S. 300:300(0)");
}

EK_TEST(a_syn_that_acknowledges)
{
        passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
               "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
               "+0 connect(3, ..., ...) = -1 EINPROGRESS\n"
               "+0 > S 700:700(0) <...>\n"
               "+.1 < S. 20:20(0) ack 701 win 5840 <mss 1000>\n"
               "+0 > . 1:1(0) ack 1\n");
}

EK_TEST(sack_blocks_are_relative)
{
        passes(LISTEN "+0 < S 77:77(0) win 32792 <mss 1000,sackOK,nop,nop>\n"
                      "+0 > S. 99:99(0) ack 78 <mss 1460,nop,nop,sackOK>\n"
                      "+.1 < . 1:1(0) ack 1 win 32792\n"
                      "+0 < . 1001:2001(1000) ack 1 win 32792\n"
                      "+0 > . 1:1(0) ack 1 <nop,nop,sack 1001:2001>\n");
}

EK_TEST(timestamps)
{
        /* Values are compared only when their tick is given; echoes never. */
        passes(OPEN_TS "+0 write(4, ..., 10) = 10\n"
                       "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 5 ecr 77>\n");
        passes("--tcp_ts_tick_usecs=1000\n" OPEN_TS "+0 write(4, ..., 10) = 10\n"
               "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 800 ecr 200>\n");
        fails("--tcp_ts_tick_usecs=1000\n" OPEN_TS "+0 write(4, ..., 10) = 10\n"
              "+0 > P. 1:11(10) ack 1 <nop,nop,TS val 900 ecr 200>\n",
              "came:     > P. 1:11(10) ack 1 <nop,nop,TS val 800 ecr 200>");
        fails(OPEN_TS "+0 < . 1:1(0) ack 1 win 32792 <nop,nop,TS val 300 ecr 12345>\n",
              "the echoed timestamp is none that the stack sent");
        passes("--tcp_ts_ecr_scaled\n" OPEN_TS
               "+0 < . 1:1(0) ack 1 win 32792 <nop,nop,TS val 300 ecr 710>\n");
}

EK_TEST(flow_labels)
{
        struct drill_flow f = {0};

        CHECK(drill_flow_label(&f, 1, 0xabcde));
        CHECK(drill_flow_label(&f, 1, 0xabcde));
        CHECK(!drill_flow_label(&f, 1, 0xabcdf));
        CHECK(!drill_flow_label(&f, 2, 0xabcde));
        CHECK(drill_flow_label(&f, 2, 0x11111));
        CHECK(!drill_flow_label(&f, 0, 0x22222));
        CHECK(drill_flow_label(&f, 0, 0));
}

/* ---- 2.4: pieces ---- */

EK_TEST(pieces_make_a_segment)
{
        passes(OPEN "+0 write(4, ..., 2500) = 2500\n"
                    "+0 > P. 1:2501(2500) ack 1\n");
        passes(OPEN "+0 write(4, ..., 2500) = 2500\n"
                    "+0 > P. 1:2001(2000) ack 1\n"
                    "+0 > P. 2001:2501(500) ack 1\n");
        fails("--strict_segments\n" OPEN "+0 write(4, ..., 2500) = 2500\n"
              "+0 > P. 1:2501(2500) ack 1\n",
              "came:     > . 1:1001(1000) ack 1");
        /* Flags come from the last, and the lengths must fit. */
        fails(OPEN "+0 write(4, ..., 2500) = 2500\n"
                   "+0 > . 1:2501(2500) ack 1\n",
              "came:     > P. 1:2501(2500) ack 1");
        fails(OPEN "+0 write(4, ..., 2500) = 2500\n"
                   "+0 > P. 1:1501(1500) ack 1\n",
              "came:     > P. 1:2001(2000) ack 1");
        fails(OPEN "+0 setsockopt(4, SOL_TCP, TCP_NODELAY, [1], 4) = 0\n"
                   "+0 write(4, ..., 100) = 100\n"
                   "+0 write(4, ..., 100) = 100\n"
                   "+0 write(4, ..., 50) = 50\n"
                   "+0 write(4, ..., 70) = 70\n"
                   "+0 > P. 1:321(320) ack 1\n",
              "320 bytes are expected; 200 came, and the packet behind them, 50 bytes at 0.100000 s, is "
              "shorter than the one before, and not the last");
        fails(OPEN "+0 write(4, ..., 1000) = 1000\n"
                   "+0 > P. 1:2001(2000) ack 1\n",
              "the packet behind them, 1000 bytes at 0.400000 s, does not follow in sequence");
}

/* ---- 5.8: calls ---- */

EK_TEST(results)
{
        fails("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 listen(3, 1) = -1 EINVAL\n",
              "listen() returned 0, expected -1 EINVAL");
        fails("0 listen(9, 1) = 0\n", "listen() returned -1 EBADF, expected 0");
        passes("0 listen(9, 1) = -1 EBADF (Bad file descriptor)\n");
        passes("0 listen(9, 1) = -1\n");
        fails("0 listen(9, 1) = -1 EINVAL\n", "returned -1 EBADF, expected -1 EINVAL");
        passes("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 17\n+0 listen(17, 1) = 0\n");
        fails("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
              "+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n",
              "descriptor 3 is open already");
        fails("0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 shutdown(3) = 0\n",
              "shutdown() has 2 arguments, not 1");
        fails("0 socket(..., SOCK_STREAM, NO_SUCH) = 3\n", "nobody knows the name `NO_SUCH'");
}

EK_TEST(calls_that_wait)
{
        passes(LISTEN "+0...0.2 accept(3, ..., ...) = 4\n"
                      "+.1 < S 0:0(0) win 32792 <mss 1000>\n"
                      "+0 > S. 0:0(0) ack 1 <mss 1460>\n"
                      "+.1 < . 1:1(0) ack 1 win 32792\n"
                      "+0...0.3 read(4, ..., 100) = 10\n"
                      "+.3 < P. 1:11(10) ack 1 win 32792\n"
                      "+0 > . 1:1(0) ack 11\n");
        fails(LISTEN "+0...0.1 accept(3, ..., ...) = 4\n"
                     "+.1 < S 0:0(0) win 32792 <mss 1000>\n"
                     "+0 > S. 0:0(0) ack 1 <mss 1460>\n"
                     "+.1 < . 1:1(0) ack 1 win 32792\n",
              "t.pkt:4:1: accept() returned 4 at 0.200000 s, expected at 0.100000 s");
        fails(LISTEN "+0 accept(3, ..., ...) = 4\n", "accept() waits here");
        fails(LISTEN "+0...0.1 accept(3, ..., ...) = 4\n"
                     "+.1 socket(..., SOCK_STREAM, IPPROTO_TCP) = 5\n",
              "this call has not returned a second after the call in line 5");
        fails(LISTEN "+0...0.1 accept(3, ..., ...) = 4\n",
              "this call has not returned a second after the end of the script");
        passes(OPEN "+0...5 poll([{fd=4, events=POLLIN, revents=0}], 1, 5000) = 0\n"
                    "+6 close(4) = 0\n");
        passes(OPEN "+0...1 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 5000) = 1\n"
                    "+1 < P. 1:11(10) ack 1 win 32792\n");
        fails(OPEN "+0 poll([{fd=4, events=POLLIN, revents=POLLIN}], 1, 0) = 1\n",
              "poll() gave back revents=0x0");
}

EK_TEST(structures)
{
        passes(OPEN
               "+0 writev(4, [{..., 10}, {..., 20}], 2) = 30\n"
               "+0 > P. 1:31(30) ack 1\n"
               "+0 sendmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 5}], msg_flags=0}, 0) = 5\n"
               "+0 < P. 1:101(100) ack 31 win 32792\n"
               "+0 > P. 31:36(5) ack 101\n"
               "+0 readv(4, [{..., 10}, {..., 20}], 2) = 30\n"
               "+0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 5}], msg_flags=0}, 0) = 5\n");
        fails(OPEN "+0 getsockopt(4, SOL_SOCKET, SO_LINGER, {onoff=1, linger=7}, [8]) = 0\n",
              "the call gave back {onoff=0, linger=0}");
        fails(OPEN "+0 getsockopt(4, SOL_TCP, TCP_NODELAY, [7], [4]) = 0\n",
              "the call gave back [0]");
        fails(OPEN "+0 ioctl(4, SIOCINQ, [3]) = 0\n", "the call gave back [0]");
}

EK_TEST(not_fatal)
{
        struct drill_settings set = {0};

        CHECK_EQ(run_with("--non_fatal=syscall\n"
                          "0 listen(9, 1) = 0\n"
                          "+0 listen(9, 1) = -1 EBADF\n",
                          &set),
                 DRILL_PASSED);
        CHECK(result.text != NULL && strstr(result.text, "listen() returned") != NULL);
        fails("--non_fatal=packet\n0 listen(9, 1) = 0\n", "listen() returned");
}

/* ---- commands, options, code ---- */

EK_TEST(commands)
{
        passes("`../common/defaults.sh\n"
               " ../common/set_sysctls.py /proc/sys/net/ipv4/tcp_timestamps=0`\n"
               "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
               "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
               "+0 connect(3, ..., ...) = -1 EINPROGRESS\n"
               "+0 > S 0:0(0) <mss 1460,nop,nop,sackOK,nop,wscale 8>\n"
               "`/tmp/sysctl_restore_${PPID}.sh`");
        passes("`sysctl -q net.ipv4.tcp_sack=0 net.ipv4.tcp_timestamps=0 && "
               "sysctl -q net.ipv4.tcp_rmem=\"4096 65536 65536\"`\n"
               "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n"
               "+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n"
               "+0 connect(3, ..., ...) = -1 EINPROGRESS\n"
               "+0 > S 0:0(0) <mss 1460,nop,wscale 1>\n");
        passes("`sysctl -q net.ipv4.tcp_sack=1 > /dev/null 2>&1; true`\n0 listen(9, 1) = -1\n");
        unsupported("`true > x`\n0 listen(9, 1) = -1\n", "input and output of commands");
        unsupported("`tc qdisc add dev tun0 root pfifo`\n0 listen(9, 1) = -1\n",
                    "unsupported: the command `tc'");
        unsupported("`sysctl -q net.ipv4.tcp_ecn=4`\n0 listen(9, 1) = -1\n",
                    "unsupported: net.ipv4.tcp_ecn=4; elko has 0 to 3");
        unsupported("`sysctl -q a.b.c=1`\n0 listen(9, 1) = -1\n", "unsupported: sysctl a.b.c");
        passes("0 listen(9, 1) = -1\n+0 `sysctl -q net.ipv4.tcp_sack=0`\n");
        unsupported("`cat x | grep y`\n0 listen(9, 1) = -1\n", "unsupported: a pipe");
        fails("0 listen(9, 1) = -1\n+0 `false`\n", "the command failed");
        passes("0 listen(9, 1) = -1\n+0 `sleep 1.5`\n1.5 listen(9, 1) = -1\n");
        fails("0 listen(9, 1) = -1\n+0 `sleep 1.5`\n1 listen(9, 1) = -1\n", "the clock stands at");
}

EK_TEST(what_is_not_there)
{
        unsupported("0 cap_set(CAP_NET_RAW, 1, 2) = 0\n", "unsupported: the system call cap_set()");
        unsupported("0 open(\"/etc/passwd\", O_RDONLY) = 3\n",
                    "unsupported: open() of what the script did not make");
        unsupported("`dd if=/dev/zero of=f bs=1 count=1`\n0 open(\"f\", O_RDWR) = 3\n",
                    "unsupported: open() to write");
        unsupported("`dd if=/etc/passwd of=f`\n0 listen(9, 1) = -1\n",
                    "unsupported: dd other than");
        unsupported("`dd if=/dev/zero of=/dev/sda bs=1 count=1`\n0 listen(9, 1) = -1\n",
                    "unsupported: dd to a device");
        unsupported("`dd if=/dev/zero of=f bs=1x`\n0 listen(9, 1) = -1\n",
                    "unsupported: dd with bs=1x");
        unsupported("`truncate -s 9999G f`\n0 listen(9, 1) = -1\n",
                    "unsupported: truncate other than");
        unsupported("0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n", "sockets other than TCP's");
        unsupported(OPEN "+0 setsockopt(4, SOL_TCP, TCP_MD5SIG, [1], 4) = 0\n",
                    "unsupported: this option of setsockopt()");
        passes(OPEN "+0 setsockopt(4, SOL_TCP, TCP_MD5SIG, [1], 4) = -1 ENOPROTOOPT\n");
        unsupported("--wire_client\n0 listen(9, 1) = -1\n", "unsupported: --wire_client");
        unsupported("0 < gre : S 0:0(0) win 1\n", "packets inside of others (gre)");
}

EK_TEST(options_of_the_command_line_override)
{
        struct drill_option percent = {.name = "tolerance_percent", .value = "0"};
        struct drill_option usecs = {.name = "tolerance_usecs", .value = "100", .next = &percent};
        struct drill_settings set = {.options = &usecs};
        const char *const text = "--tolerance_usecs=500000\n" OPEN "+0 write(4, ..., 10) = 10\n"
                                 "+.2 > P. 1:11(10) ack 1\n";

        passes(text);
        CHECK_EQ(run_with(text, &set), DRILL_FAILED);
}

EK_TEST(families)
{
        struct drill_settings set = {.family_given = true};
        enum drill_family f;

        for (set.family = DRILL_V4; set.family <= DRILL_MAPPED; set.family++) {
                CHECK_EQ(run_with(OPEN "+0 write(4, ..., 10) = 10\n"
                                       "+0 > (ttl 64) P. 1:11(10) ack 1\n",
                                  &set),
                         DRILL_PASSED);
                CHECK_EQ(run_with("--ip_version=ipv6\n" OPEN, &set), DRILL_PASSED);
        }
        passes("--ip_version=ipv6 --local_ip=2001:db8::7\n" OPEN);
        fails("--ip_version=ipv6 --local_ip=10.0.0.1\n" OPEN, "an address of the script's family");
        CHECK(drill_family_parse("mapped", &f) && f == DRILL_MAPPED);
        CHECK(!drill_family_parse("v5", &f));
}

EK_TEST(personas)
{
        struct drill_settings set = {.persona = elko_persona_find("freebsd")};
        const char *const text = LISTEN
                "+0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>\n"
                "+0 > S. 0:0(0) ack 1 win 65535 <mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 100>\n";

        CHECK_EQ(run_with(text, &set), DRILL_PASSED);
        set.persona = elko_persona_find("linux");
        CHECK_EQ(run_with(text, &set), DRILL_FAILED);
        passes("`sysctl -w net.inet.tcp.ecn.enable=0`\n" LISTEN
               "+0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 100 ecr 0,nop,wscale 7>\n"
               "+0 > S. 0:0(0) ack 1 <mss 1460,nop,wscale 6,sackOK,TS val 1 ecr 100>\n");
}

EK_TEST(code)
{
        passes(OPEN "+0 %{ assert tcpi_state == TCP_ESTABLISHED\n"
                    "x = tcpi_snd_cwnd }%\n"
                    "+1 %{ assert x == 10 and TCP_CA_Open == 0 and TCPI_OPT_WSCALE == 4 }%\n");
        fails(OPEN "+0 %{ assert tcpi_snd_cwnd == 11, \"cwnd is %d\" % tcpi_snd_cwnd }%\n",
              "t.pkt:8:1: the code failed: line 8: AssertionError: cwnd is 10");
        fails(OPEN "+0 %{\n\n1 +\n}%\n", "SyntaxError");
        fails(OPEN "+0 %{ import sys\nsys.exit(3) }%\n", "the code failed");
        fails("0 listen(9, 1) = -1\n+0 %{ pass }%\n", "there is no socket under test");
        unsupported("--code_command=perl\n" OPEN "+0 %{ 1 }%\n", "unsupported: code for perl");
        drill_run_end();
}

/* ---- record mode ---- */

EK_TEST(recording)
{
        struct drill_settings set = {0};
        char *text = NULL;
        size_t len = 0;

        set.record = open_memstream(&text, &len);
        /* What is expected is wrong in every line. */
        CHECK_EQ(run_with("// a comment\n" OPEN "+0...0.9 read(4, ..., 100) = 1\n"
                          "+.5 < P. 1:11(10) ack 1 win 32792\n"
                          "+.5 > R 1:1(0)\n"
                          "+0 write(4, ..., 10) = 77\n"
                          "+.9 > S 1:1(0)\n",
                          &set),
                 DRILL_PASSED);
        fclose(set.record);
        CHECK(strstr(text, "// a comment\n") == text);
        CHECK(strstr(text, "+0.000000...0.500000 read(4, ..., 100) = 10\n") != NULL);
        CHECK(strstr(text, "+0.500000 < P. 1:11(10) ack 1 win 32792\n") != NULL);
        CHECK(strstr(text, " > . 1:1(0) ack 11 win 65525\n") != NULL ||
              strstr(text, " > . 1:1(0) ack 11 win 65535\n") != NULL);
        CHECK(strstr(text, "+0.000000 write(4, ..., 10) = 10\n") != NULL);
        CHECK(strstr(text, " > P. 1:11(10) ack 11") != NULL);
        /* And what was written passes. */
        passes(text);
        free(text);
}

/* A script may call the stack's timestamps what it likes; the new one has other names, in the peer's echoes, too. */
EK_TEST(recorded_echoes)
{
        static const char own[] =
                "0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n"
                "+0 < S 0:0(0) win 32792 <mss 1000,sackOK,TS val 5 ecr 0>\n"
                "+0 > S. 0:0(0) ack 1 <mss 1460,sackOK,TS val 7000 ecr 5>\n"
                "+.1 < . 1:1(0) ack 1 win 32792 <nop,nop,TS val 6 ecr 7000>\n+0 accept(3, ..., ...) = 4\n"
                "+.3 write(4, ..., 100) = 100\n+0 > P. 1:101(100) ack 1 <nop,nop,TS val 9000 ecr 6>\n"
                "+.05 < . 1:1(0) ack 101 win 32792 <nop,nop,TS val 7 ecr 9000>\n"
                "+0 %{ assert 80000 < tcpi_rtt < 100000, tcpi_rtt }%\n";
        struct drill_settings set = {0}, record = {0};
        char *text = NULL;
        size_t len = 0;

        passes(own);
        record.record = open_memstream(&text, &len);
        CHECK_EQ(run_with(own, &record), DRILL_PASSED);
        fclose(record.record);
        CHECK(strstr(text, "TS val 7400 ecr 6") != NULL);
        CHECK(strstr(text, "TS val 7 ecr 7400") != NULL);
        if (run_with(text, &set) != DRILL_PASSED)
                ek_test_fail(__FILE__, __LINE__, "%s\n%s", text, result.text);
        free(text);
}

/* Whatever the scripts of test/drill expect: what is recorded from them passes. */
EK_TEST(what_is_recorded_passes)
{
        static char source[1 << 16];
        char path[512], *text;
        struct dirent **list;
        int n = scandir("test/drill", &list, NULL, alphasort);
        size_t len, text_len;
        FILE *f;

        CHECK(n > 50); /* tests run in the root of the source */
        for (int i = 0; i < n; i++) {
                struct drill_settings set = {0};
                const char *dot;

                snprintf(path, sizeof path, "test/drill/%s", list[i]->d_name);
                free(list[i]);
                dot = strrchr(path, '.');
                if (dot == NULL || strcmp(dot, ".pkt") != 0 || strstr(path, "v6.pkt") != NULL)
                        continue;
                f = fopen(path, "r");
                CHECK(f != NULL);
                len = fread(source, 1, sizeof source - 1, f);
                fclose(f);
                source[len] = '\0';
                set.record = open_memstream(&text, &text_len);
                run_with(source, &set);
                fclose(set.record);
                set.record = NULL;
                if (result.outcome != DRILL_PASSED || run_with(text, &set) != DRILL_PASSED)
                        ek_test_fail(__FILE__, __LINE__, "%s\n%s\n%s", path, text, result.text);
                free(text);
        }
        free(list);
        drill_run_end();
}

/* ---- the pieces alone ---- */

EK_TEST(shown_as_written)
{
        static const char *const lines[] = {
                "> S 0:0(0) win 5 <mss 1460,sackOK,TS val 1 ecr 2,nop,wscale 7>",
                "> FP. 1:101(100) ack 7 win 3 urg 9",
                "> - 5:5(0) win 0",
                "> R 1:1(0) win 0",
                "> . 1:1(0) ack 1 win 1 <nop,nop,sack 1:2 3:4>",
                "> SEW 0:0(0) win 1 <FO 0011aabb,nop,nop>",
                "> . 1:1(0) ack 1 win 1 <FOEXP 00112233,eol,eol,eol,eol>",
                "> . 1:1(0) ack 1 win 1 <md5 00112233445566778899aabbccddeeff,nop,nop>",
                "> . 1:1(0) ack 1 win 1 <ECN e1b 1 ceb 2 e0b 3,nop>",
                "> icmp unreachable host_unreachable [1:101(100)]",
                "> udp (7)",
        };
        char text[512];

        for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
                drill_script_free(&script);
                snprintf(text, sizeof text, "0 %s", lines[i]);
                if (!drill_parse(&script, "t", text, strlen(text), NULL))
                        ek_test_fail(__FILE__, __LINE__, "%s", script.error);
                CHECK_STR_EQ(drill_show(&script.arena, script.events->packet, NULL, DRILL_F_NONE, 0,
                                        NULL),
                             lines[i]);
        }
}

/* Options to bytes and back. */
EK_TEST(options_as_bytes)
{
        struct drill_opt o[] = {{.kind = DRILL_OPT_MSS, .a = 1460},
                                {.kind = DRILL_OPT_SACK_OK},
                                {.kind = DRILL_OPT_TS, .a = 0x01020304, .b = 5},
                                {.kind = DRILL_OPT_NOP},
                                {.kind = DRILL_OPT_WSCALE, .a = 7}};
        static const uint8_t want[] = {2, 4, 5, 0xb4, 4, 2, 8, 10, 1, 2,
                                       3, 4, 0, 0,    0, 5, 1, 3,  3, 7};
        const uint8_t *p;
        struct drill_opt back;
        uint8_t bytes[40];
        size_t n = drill_live_put_options(o, 5, bytes);

        CHECK_EQ(n, sizeof want);
        CHECK_MEM_EQ(bytes, want, sizeof want);
        p = bytes;
        for (unsigned i = 0; i < 5; i++) {
                CHECK(drill_live_option(&p, bytes + n, &back));
                CHECK_EQ(back.kind, o[i].kind);
                CHECK_EQ(back.b, o[i].b);
        }
        CHECK(!drill_live_option(&p, bytes + n, &back));
        /* An illegal length ends the list with what is left. */
        bytes[1] = 0;
        p = bytes;
        CHECK(drill_live_option(&p, bytes + n, &back));
        CHECK_EQ(back.kind, DRILL_OPT_OTHER);
        CHECK(!drill_live_option(&p, bytes + n, &back));
}

EK_TEST_MAIN();
