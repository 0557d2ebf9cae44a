/* SPDX-License-Identifier: MIT */
/*
 * Conditional and partial requests.
 *
 * Theory: a validator (entity tag or modification date) names one state of a file. With
 * If-None-Match and If-Modified-Since a client says which state it has, and is told "not modified";
 * with If-Match and If-Unmodified-Since it says which state it will accept; with If-Range it says
 * to which state the bytes belong that it has already. RFC 9110, 13.2.2 fixes the order, and a
 * field that is not understood is ignored, so that the answer is then the plain one.
 */
#include "http_cond.h"

#include <ctype.h>
#include <string.h>
#include <time.h>

/* ---- dates ---- */

char *ek_http_date_format(int64_t seconds, char buf[EK_HTTP_DATE_TEXT])
{
        time_t t = (time_t)seconds;
        struct tm tm;

        if (gmtime_r(&t, &tm) == NULL ||
            strftime(buf, EK_HTTP_DATE_TEXT, "%a, %d %b %Y %H:%M:%S GMT", &tm) == 0)
                memcpy(buf, "Thu, 01 Jan 1970 00:00:00 GMT", 30);
        return buf;
}

bool ek_http_date_parse(const char *text, int64_t *seconds)
{
        static const char *const forms[] = {
                "%a, %d %b %Y %H:%M:%S GMT", /* IMF-fixdate */
                "%A, %d-%b-%y %H:%M:%S GMT", /* RFC 850 */
                "%a %b %d %H:%M:%S %Y",      /* asctime() */
        };

        for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
                struct tm tm = {0};
                const char *end = strptime(text, forms[i], &tm);

                if (end == NULL || *end != '\0')
                        continue;
                *seconds = (int64_t)timegm(&tm);
                return true;
        }
        return false;
}

/* ---- entity tags ---- */

/* Is `etag` (strong) in the list "a", W/"b", ... or is the list "*"? With `strong` a weak entry
 * matches nothing (RFC 9110, 8.8.3.2). */
static bool etag_in_list(const char *list, const char *etag, bool strong)
{
        size_t len = strlen(etag);

        if (strcmp(list, "*") == 0)
                return true;
        while (*list != '\0') {
                bool weak;
                const char *end;

                list += strspn(list, ", \t");
                weak = strncmp(list, "W/", 2) == 0;
                list += weak ? 2 : 0;
                if (*list != '"' || (end = strchr(list + 1, '"')) == NULL)
                        return false;
                end++;
                if ((size_t)(end - list) == len && memcmp(list, etag, len) == 0 &&
                    !(weak && strong))
                        return true;
                list = end;
        }
        return false;
}

/* ---- preconditions ---- */

int ek_http_cond_status(const struct ek_http_conditions *c, const struct ek_http_validators *v)
{
        int64_t date;

        if (c->if_match != NULL) {
                if (!etag_in_list(c->if_match, v->etag, true))
                        return 412;
        } else if (c->if_unmodified_since != NULL &&
                   ek_http_date_parse(c->if_unmodified_since, &date) && v->modified > date) {
                return 412;
        }
        if (c->if_none_match != NULL)
                return etag_in_list(c->if_none_match, v->etag, false) ? 304 : 0;
        if (c->if_modified_since != NULL && ek_http_date_parse(c->if_modified_since, &date) &&
            v->modified <= date)
                return 304;
        return 0;
}

bool ek_http_cond_range_allowed(const struct ek_http_conditions *c,
                                const struct ek_http_validators *v)
{
        int64_t date;

        if (c->if_range == NULL)
                return true;
        if (c->if_range[0] == '"')
                return strcmp(c->if_range, v->etag) == 0;
        return ek_http_date_parse(c->if_range, &date) && date == v->modified;
}

/* ---- ranges ---- */

/* Digits at *at; a number that doesn't fit counts as the largest one, for a position that far is
 * beyond every file. */
static bool take_number(const char **at, uint64_t *out)
{
        if (!isdigit((unsigned char)**at))
                return false;
        for (*out = 0; isdigit((unsigned char)**at); (*at)++) {
                uint64_t digit = (uint64_t)(**at - '0');

                *out = *out > (UINT64_MAX - digit) / 10 ? UINT64_MAX : *out * 10 + digit;
        }
        return true;
}

static bool at_end(const char *text)
{
        return text[strspn(text, " \t")] == '\0';
}

/* "-500": the last 500 bytes */
static enum ek_http_range suffix_range(const char *text, uint64_t size, uint64_t *first,
                                       uint64_t *last)
{
        uint64_t count;

        text++;
        if (!take_number(&text, &count) || !at_end(text))
                return EK_HTTP_RANGE_WHOLE;
        if (count == 0 || size == 0)
                return EK_HTTP_RANGE_UNSATISFIABLE;
        *first = count < size ? size - count : 0;
        *last = size - 1;
        return EK_HTTP_RANGE_PART;
}

enum ek_http_range ek_http_range_parse(const char *text, uint64_t size, uint64_t *first,
                                       uint64_t *last)
{
        if (text == NULL || strncasecmp(text, "bytes=", 6) != 0)
                return EK_HTTP_RANGE_WHOLE;
        text += 6;
        text += strspn(text, " \t");
        if (*text == '-')
                return suffix_range(text, size, first, last);
        if (!take_number(&text, first) || *text++ != '-')
                return EK_HTTP_RANGE_WHOLE;
        if (at_end(text))
                *last = UINT64_MAX;
        else if (!take_number(&text, last) || !at_end(text) || *last < *first)
                return EK_HTTP_RANGE_WHOLE;
        if (*first >= size)
                return EK_HTTP_RANGE_UNSATISFIABLE;
        if (*last >= size)
                *last = size - 1;
        return EK_HTTP_RANGE_PART;
}
