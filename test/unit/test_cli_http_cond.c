/* SPDX-License-Identifier: MIT */
/*
 * Dates, entity tags, preconditions, ranges: tables.
 */
#include "test/support/ek_test.h"

#include "cli/http_cond.h"

EK_TEST_MAIN();

EK_TEST(dates)
{
        char buf[EK_HTTP_DATE_TEXT];
        int64_t t = 0;

        CHECK_STR_EQ(ek_http_date_format(784111777, buf), "Sun, 06 Nov 1994 08:49:37 GMT");
        CHECK(ek_http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT", &t));
        CHECK_EQ(t, 784111777);
        CHECK(ek_http_date_parse("Sunday, 06-Nov-94 08:49:37 GMT", &t));
        CHECK_EQ(t, 784111777);
        CHECK(ek_http_date_parse("Sun Nov  6 08:49:37 1994", &t));
        CHECK_EQ(t, 784111777);
        CHECK(!ek_http_date_parse("yesterday", &t));
        CHECK(!ek_http_date_parse("Sun, 06 Nov 1994 08:49:37 GMT; length=5", &t));
        CHECK(!ek_http_date_parse("", &t));
}

EK_TEST(ranges)
{
        static const struct {
                const char *text;
                uint64_t size;
                enum ek_http_range want;
                uint64_t first, last;
        } cases[] = {
                {NULL, 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"bytes=0-0", 100, EK_HTTP_RANGE_PART, 0, 0},
                {"bytes=0-99", 100, EK_HTTP_RANGE_PART, 0, 99},
                {"bytes=10-", 100, EK_HTTP_RANGE_PART, 10, 99},
                {"bytes=10-1000", 100, EK_HTTP_RANGE_PART, 10, 99},
                {"bytes=-1", 100, EK_HTTP_RANGE_PART, 99, 99},
                {"bytes=-100", 100, EK_HTTP_RANGE_PART, 0, 99},
                {"bytes=-1000", 100, EK_HTTP_RANGE_PART, 0, 99},
                {"Bytes=5-6", 100, EK_HTTP_RANGE_PART, 5, 6},
                {"bytes=5-6 ", 100, EK_HTTP_RANGE_PART, 5, 6},
                {"bytes=100-", 100, EK_HTTP_RANGE_UNSATISFIABLE, 0, 0},
                {"bytes=100-200", 100, EK_HTTP_RANGE_UNSATISFIABLE, 0, 0},
                {"bytes=99999999999999999999999-", 100, EK_HTTP_RANGE_UNSATISFIABLE, 0, 0},
                {"bytes=-0", 100, EK_HTTP_RANGE_UNSATISFIABLE, 0, 0},
                {"bytes=0-", 0, EK_HTTP_RANGE_UNSATISFIABLE, 0, 0},
                {"bytes=-5", 0, EK_HTTP_RANGE_UNSATISFIABLE, 0, 0},
                {"bytes=6-5", 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"bytes=0-1,5-6", 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"bytes=", 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"bytes=-", 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"bytes=a-b", 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"bytes=1-2x", 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"items=0-1", 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"bytes 0-1", 100, EK_HTTP_RANGE_WHOLE, 0, 0},
                {"bytes=0-18446744073709551615", 100, EK_HTTP_RANGE_PART, 0, 99},
        };

        for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
                uint64_t first = 0;
                uint64_t last = 0;

                CHECK_EQ(ek_http_range_parse(cases[i].text, cases[i].size, &first, &last),
                         cases[i].want);
                if (cases[i].want != EK_HTTP_RANGE_PART)
                        continue;
                CHECK_EQ(first, cases[i].first);
                CHECK_EQ(last, cases[i].last);
        }
}

static const struct ek_http_validators now = {"\"abc\"", 784111777};

static int status(const char *if_match, const char *if_none_match, const char *if_modified_since,
                  const char *if_unmodified_since)
{
        struct ek_http_conditions c = {if_match, if_none_match, if_modified_since,
                                       if_unmodified_since, NULL};

        return ek_http_cond_status(&c, &now);
}

/* RFC 9110, 13.2.2 */
EK_TEST(preconditions)
{
        static const char same[] = "Sun, 06 Nov 1994 08:49:37 GMT";
        static const char before[] = "Sun, 06 Nov 1994 08:49:36 GMT";

        CHECK_EQ(status(NULL, NULL, NULL, NULL), 0);
        CHECK_EQ(status(NULL, "\"abc\"", NULL, NULL), 304);
        CHECK_EQ(status(NULL, "W/\"abc\"", NULL, NULL), 304);
        CHECK_EQ(status(NULL, "\"x\", \"abc\"", NULL, NULL), 304);
        CHECK_EQ(status(NULL, "*", NULL, NULL), 304);
        CHECK_EQ(status(NULL, "\"x\"", NULL, NULL), 0);
        CHECK_EQ(status(NULL, "abc", NULL, NULL), 0);
        CHECK_EQ(status(NULL, "\"abc", NULL, NULL), 0);
        CHECK_EQ(status(NULL, NULL, same, NULL), 304);
        CHECK_EQ(status(NULL, NULL, before, NULL), 0);
        CHECK_EQ(status(NULL, NULL, "nonsense", NULL), 0);
        CHECK_EQ(status(NULL, "\"x\"", same, NULL), 0); /* the tag counts, not the date */
        CHECK_EQ(status("\"abc\"", NULL, NULL, NULL), 0);
        CHECK_EQ(status("*", NULL, NULL, NULL), 0);
        CHECK_EQ(status("\"x\"", NULL, NULL, NULL), 412);
        CHECK_EQ(status("W/\"abc\"", NULL, NULL, NULL), 412); /* strong comparison */
        CHECK_EQ(status(NULL, NULL, NULL, same), 0);
        CHECK_EQ(status(NULL, NULL, NULL, before), 412);
        CHECK_EQ(status("\"abc\"", NULL, NULL, before), 0);
}

static bool if_range(const char *text)
{
        struct ek_http_conditions c = {.if_range = text};

        return ek_http_cond_range_allowed(&c, &now);
}

EK_TEST(if_range_field)
{
        CHECK(if_range(NULL));
        CHECK(if_range("\"abc\""));
        CHECK(!if_range("\"abd\""));
        CHECK(!if_range("W/\"abc\""));
        CHECK(if_range("Sun, 06 Nov 1994 08:49:37 GMT"));
        CHECK(!if_range("Sun, 06 Nov 1994 08:49:38 GMT")); /* exact, not "not later" */
        CHECK(!if_range("nonsense"));
}
