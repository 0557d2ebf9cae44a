/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_HTTP_COND_H
#define EK_CLI_HTTP_COND_H

/* Dates, entity tags, preconditions and ranges of RFC 9110. Pure functions. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EK_HTTP_DATE_TEXT 32
#define EK_HTTP_ETAG_TEXT 64

/* "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110, 5.6.7); returns `buf`. */
char *ek_http_date_format(int64_t seconds, char buf[EK_HTTP_DATE_TEXT]);

/* Any of the three forms that a recipient must accept; false when it is none of them. */
bool ek_http_date_parse(const char *text, int64_t *seconds);

/* The validators of what would be sent. */
struct ek_http_validators {
        const char *etag; /* with its quotes; strong */
        int64_t modified; /* seconds since 1970 */
};

/* The conditional fields of a request; NULL: not there. */
struct ek_http_conditions {
        const char *if_match, *if_none_match, *if_modified_since, *if_unmodified_since, *if_range;
};

/* RFC 9110, 13.2.2, for GET and HEAD: 0 (go on), 304 or 412. */
int ek_http_cond_status(const struct ek_http_conditions *c, const struct ek_http_validators *v);

/* Does If-Range allow a partial answer (13.1.5)? True when there is no such field. */
bool ek_http_cond_range_allowed(const struct ek_http_conditions *c,
                                const struct ek_http_validators *v);

enum ek_http_range {
        EK_HTTP_RANGE_WHOLE,         /* none, not understood, or several: send everything */
        EK_HTTP_RANGE_PART,          /* *first .. *last, inclusive */
        EK_HTTP_RANGE_UNSATISFIABLE, /* 416 */
};

/*
 * Range (14.1.2) against a representation of `size` bytes. `text` NULL: none. Several ranges are
 * answered with the whole: a server may always ignore Range (14.2), clients that ask so are rare,
 * and the multipart answer is a known way to make a server send far more than the file (14.2,
 * 17.15).
 */
enum ek_http_range ek_http_range_parse(const char *text, uint64_t size, uint64_t *first,
                                       uint64_t *last);

#endif
