/* SPDX-License-Identifier: MIT */
#include "conv.h"

/*
 * CLOSED: RFC 9293, 3.10.7.1, and what stands before it, the validity of a segment at all (3.1,
 * 3.2).
 *
 *      "An incoming segment containing a RST is discarded. An incoming segment not containing a RST
 *      causes a RST to be sent in response."
 */

/* ---- ACK off: <SEQ=0><ACK=SEG.SEQ+SEG.LEN><CTL=RST,ACK> ---- */

CONV_TEST(syn)
{
        conv_start(c, NULL);
        conv_in(c, "S 0:0(0) win 65535 <mss M,sackOK,TS val 100 ecr 0,nop,wscale 7>");
        conv_out(c, "R. =0:=0(0) ack 1 win 0 <>");
        conv_dropped(c, ELKO_DROP_TCP_NO_CONN);
        conv_counted(c, tcp_resets_sent, 1);
}

CONV_TEST(syn_with_data)
{
        conv_start(c, NULL);
        conv_in(c, "S 0:100(100)");
        conv_out(c, "R. =0:=0(0) ack 101 <>"); /* SYN and text count */
}

CONV_TEST(fin_without_ack)
{
        conv_start(c, NULL);
        conv_in(c, "F 5:5(0)");
        conv_out(c, "R. =0:=0(0) ack 6 <>");
}

CONV_TEST(syn_and_fin)
{
        conv_start(c, NULL);
        conv_in(c, "SF 5:15(10)");
        conv_out(c, "R. =0:=0(0) ack 17 <>");
}

CONV_TEST(data_without_ack)
{
        conv_start(c, NULL);
        conv_in(c, "P 5:15(10)");
        conv_out(c, "R. =0:=0(0) ack 15 <>");
}

CONV_TEST(null_segment)
{
        conv_start(c, NULL);
        conv_in(c, "- 5:5(0)");
        conv_out(c, "R. =0:=0(0) ack 5 <>");
}

/* ---- ACK on: <SEQ=SEG.ACK><CTL=RST> ---- */

CONV_TEST(ack)
{
        conv_start(c, NULL);
        conv_in(c, ". 5:5(0) ack =99");
        conv_out(c, "R =99:=99(0) win 0 <>");
        conv_dropped(c, ELKO_DROP_TCP_NO_CONN);
}

CONV_TEST(syn_ack)
{
        conv_start(c, NULL);
        conv_in(c, "S. 5:5(0) ack =0");
        conv_out(c, "R =0:=0(0) <>");
}

CONV_TEST(fin_ack_with_data)
{
        conv_start(c, NULL);
        conv_in(c, "FP. 5:15(10) ack =4294967295");
        conv_out(c, "R =4294967295:=4294967295(0) <>");
}

CONV_TEST(xmas)
{
        conv_start(c, NULL);
        conv_in(c, "FSPU. 5:15(10) ack =7 urg 3");
        conv_out(c, "R =7:=7(0) <>");
}

/* ---- RST: discarded, whatever else it carries ---- */

CONV_TEST(resets)
{
        static const char *const kinds[] = {"R 0:0(0)",  "R. 0:0(0) ack =5",     "RS 0:0(0)",
                                            "RF 0:0(0)", "RFSPU. 0:9(9) ack =5", "RP 0:9(9)"};

        conv_start(c, NULL);
        for (unsigned i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
                conv_in(c, "%s", kinds[i]);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_NO_CONN_RST);
        }
}

/* A11-6: all combinations of flags; the reset has exactly one of two forms. [RFC9293 3.10.7.1] */
CONV_TEST(every_combination_of_flags)
{
        static const char letters[] = "FSRP.UEC";

        conv_start(c, NULL);
        for (unsigned bits = 0; bits < 256; bits++) {
                char flags[10], *p = flags;
                unsigned len = 10 + (bits & 1) + (bits >> 1 & 1);

                for (unsigned i = 0; i < 8; i++)
                        if (bits & 1u << i)
                                *p++ = letters[i];
                if (p == flags)
                        *p++ = '-';
                *p = '\0';
                conv_advance(c, ELKO_SEC(1)); /* the rate of resets is limited */
                conv_in(c, "%s 0:10(10)%s", flags, bits & 16 ? " ack =777" : "");
                if (bits & 4)
                        conv_none(c);
                else if (bits & 16)
                        conv_out(c, "R =777:=777(0) <>");
                else
                        conv_out(c, "R. =0:=0(0) ack %u <>", len);
        }
}

/* ---- RFC 9293, 3.1: what is no segment at all gets no answer ---- */

/* [RFC9293 MUST-3] */
CONV_TEST(bad_checksum)
{
        conv_start(c, NULL);
        conv_in(c, "S 0:0(0) badcsum");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_CSUM);
}

/* [RFC9293 MUST-3] */
CONV_TEST(bad_checksum_with_data)
{
        conv_start(c, NULL);
        conv_in(c, "P. 0:11(11) ack =1 badcsum");
        conv_none(c);
        conv_dropped(c, ELKO_DROP_TCP_CSUM);
}

CONV_TEST(short_segments)
{
        uint8_t seg[20] = {0};

        conv_start(c, NULL);
        seg[12] = 5 << 4;
        seg[13] = 0x02;
        for (uint32_t len = 0; len < 20; len++) {
                conv_in_tcp(c, seg, len, true);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_SHORT);
        }
}

CONV_TEST(bad_data_offsets)
{
        uint8_t seg[32] = {0};

        conv_start(c, NULL);
        seg[13] = 0x02;
        for (unsigned words = 0; words < 16; words++) {
                seg[12] = (uint8_t)(words << 4);
                conv_in_tcp(c, seg, sizeof(seg), true);
                if (words >= 5 && words <= 8) {
                        CONV_EQ(c, conv_ignore(c), 1); /* a SYN, with options that end at once */
                        continue;
                }
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_DATA_OFFSET);
        }
}

CONV_TEST(port_zero)
{
        uint8_t buf[200];
        uint32_t ip, len;

        conv_start(c, NULL);
        ip = c->variant->v6 ? 40 : 20;
        for (unsigned which = 0; which < 2; which++) {
                /* From or to port 0: the checksum is mended by hand. */
                unsigned sum, at = which * 2;

                len = conv_make(c, buf, "S 0:0(0) <>");
                sum = (unsigned)(buf[ip + 16] << 8 | buf[ip + 17]) +
                      (unsigned)(buf[ip + at] << 8 | buf[ip + at + 1]);
                sum = (sum & 0xffff) + (sum >> 16);
                buf[ip + at] = buf[ip + at + 1] = 0;
                buf[ip + 16] = (uint8_t)(sum >> 8);
                buf[ip + 17] = (uint8_t)sum;
                conv_in_packet(c, buf, len);
                conv_none(c);
                conv_dropped(c, ELKO_DROP_TCP_PORT_ZERO);
        }
}

/* 3.1: reserved bits "MUST be ignored in received segments". */
CONV_TEST(reserved_bits)
{
        uint8_t seg[20] = {0};

        conv_start(c, NULL);
        for (unsigned bits = 0; bits < 8; bits++) {
                seg[12] = (uint8_t)(5 << 4 | bits << 1);
                seg[13] = 0x02;
                seg[4] = 1;
                conv_in_tcp(c, seg, sizeof(seg), true);
                conv_out(c, "R. =0:=0(0) ack =16777217 <>");
        }
}

/* The rate of resets towards one source is bounded, and the memory, too (A3-6). */
CONV_TEST(reset_rate)
{
        unsigned n = 0;
        uint64_t used;

        conv_start(c, NULL);
        used = conv_memory(c).used;
        for (unsigned i = 0; i < 600; i++) {
                conv_in(c, "S 0:0(0)");
                n += conv_ignore(c);
        }
        CONV_CHECK(c, n >= 1 && n < 600);
        CONV_EQ(c, conv_memory(c).used, used);
        CONV_EQ(c, elko_counters_get(c->st)->drops[ELKO_DROP_TCP_REPLY_LIMIT], 600 - n);
        conv_advance(c, ELKO_SEC(1));
        conv_in(c, "S 0:0(0)");
        conv_out(c, "R. =0:=0(0) ack 1 <>");
}

/* A listener on another port changes nothing. */
CONV_TEST(other_port)
{
        conv_start(c, NULL);
        conv_listen(c);
        c->f->port = 81;
        conv_in(c, "S 0:0(0)");
        conv_out(c, "R. =0:=0(0) ack 1 <>");
        c->f->port = CONV_PORT;
}

EK_TEST_MAIN();
