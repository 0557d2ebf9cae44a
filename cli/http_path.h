/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_HTTP_PATH_H
#define EK_CLI_HTTP_PATH_H

/* From a request target to a path below the served directory, and back. Pure functions. */

#include <stdbool.h>
#include <stddef.h>

/* A target longer than this is answered with 414 (RFC 9112, 3: support at least 8000). */
enum { EK_HTTP_TARGET_MAX = 8000 };

/*
 * Decode the target of a request, origin-form ("/a/b?q") or absolute-form ("http://host/a/b?q"),
 * into a path relative to the root: no leading slash, no empty, "." or ".." segments, no NUL; "."
 * is the root itself. *slash: the target ended in '/'. `path` has room for EK_HTTP_TARGET_MAX + 2
 * bytes.
 *
 * Returns 0, or the HTTP status that answers it: 400 (malformed), 403 (climbs out of the root),
 * 414.
 */
int ek_http_path_decode(const char *target, size_t len, char *path, bool *slash);

/* Percent-encode `text` (a path; '/' stays) into `out`; returns the length that it has or would
 * have, like snprintf. */
size_t ek_http_path_encode(const char *text, char *out, size_t size);

/* Media type by the end of the name; never NULL. */
const char *ek_http_path_type(const char *path);

#endif
