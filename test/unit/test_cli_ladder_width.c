/* SPDX-License-Identifier: MIT */
/* test_cli_ladder_width.c - columns of UTF-8 text, and where lines may break. */
#include "cli/ladder_width.c"

#include "ek_test.h"

EK_TEST_MAIN();

EK_TEST(columns)
{
        CHECK_EQ(ladder_cols(""), 0);
        CHECK_EQ(ladder_cols("abc"), 3);
        CHECK_EQ(ladder_cols("三次握手"), 8);
        CHECK_EQ(ladder_cols("①ⓐ─▶◀│✕…⋮·→"), 11);
        CHECK_EQ(ladder_cols("“你”"), 4);
        CHECK_EQ(ladder_cols("（RFC，。）"), 11);
        CHECK_EQ(ladder_cols("e\xcc\x81"), 1); /* combining acute */
}

EK_TEST(bytes_that_are_not_utf8)
{
        uint32_t cp;

        CHECK_EQ(ladder_utf8_next("\xff", &cp), 1);
        CHECK_EQ(cp, 0xfffd);
        CHECK_EQ(ladder_utf8_next("\x80x", &cp), 1);
        CHECK_EQ(cp, 0xfffd);
        CHECK_EQ(ladder_utf8_next("\xe4\xb8", &cp), 1); /* cut */
        CHECK_EQ(cp, 0xfffd);
        CHECK_EQ(ladder_utf8_next("\xe0\x80\x80", &cp), 1); /* overlong */
        CHECK_EQ(cp, 0xfffd);
        CHECK_EQ(ladder_utf8_next("\xf4\x90\x80\x80", &cp), 1); /* beyond Unicode */
        CHECK_EQ(cp, 0xfffd);
        CHECK_EQ(ladder_utf8_next("\xf0\x9f\x98\x80", &cp), 4);
        CHECK_EQ(cp, 0x1f600);
        CHECK_EQ(ladder_utf8_next("", &cp), 0);
}

EK_TEST(fit)
{
        CHECK_EQ(ladder_fit("abc", 2), 2);
        CHECK_EQ(ladder_fit("abc", 9), 3);
        CHECK_EQ(ladder_fit("三次", 3), 3);
        CHECK_EQ(ladder_fit("三次", 4), 6);
        CHECK_EQ(ladder_fit("三次", 1), 0);
}

static void check_lines(const char *text, unsigned cols, const char *want)
{
        char got[512] = "";
        size_t skip;

        while (*text) {
                size_t n = ladder_wrap(text, cols, &skip);

                CHECK(n + skip > 0);
                strncat(got, text, n);
                strcat(got, "|");
                text += n + skip;
        }
        CHECK_STR_EQ(got, want);
}

EK_TEST(wrap)
{
        check_lines("one two three", 7, "one two|three|");
        check_lines("one two three", 8, "one two|three|");
        check_lines("one two three", 13, "one two three|");
        check_lines("one\ntwo", 13, "one|two|");
        check_lines("abcdefghij", 4, "abcd|efgh|ij|");
        check_lines("三次握手", 4, "三次|握手|");
        check_lines("三次握手", 5, "三次|握手|");
        check_lines("进入CLOSED状态", 8, "进入|CLOSED状|态|");
        check_lines("进入 CLOSED 状态", 8, "进入|CLOSED|状态|");
}

/* A closing mark does not begin a line, an opening one does not end it. */
EK_TEST(wrap_punctuation)
{
        check_lines("握手，挥手", 4, "握|手，|挥手|");
        check_lines("握手（挥手）", 6, "握手|（挥|手）|");
        check_lines("说“你好”", 4, "说|“你|好”|");
}

EK_TEST(wrap_never_stands_still)
{
        char text[64];

        for (uint32_t round = 0; round < ek_test_rounds(20000); round++) {
                size_t n = ek_test_below(sizeof text), skip;
                const char *p = text;

                for (size_t i = 0; i < n; i++)
                        text[i] = (char)(ek_test_below(3) ? 1 + ek_test_below(255) : ' ');
                text[n] = '\0';
                while (*p) {
                        size_t m = ladder_wrap(p, 1 + ek_test_below(20), &skip);

                        CHECK(m + skip > 0);
                        p += m + skip;
                }
                CHECK(p == text + n);
        }
}
