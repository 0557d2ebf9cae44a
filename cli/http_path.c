/* SPDX-License-Identifier: MIT */
/*
 * Request targets and paths.
 *
 * Theory: safety against traversal has two layers that don't trust each other. This one is lexical:
 * the target is percent-decoded once, then cut into segments, and ".." is resolved here, so that
 * what goes on is a plain relative path. The other one is the kernel's (http_files.c): the path is
 * opened with RESOLVE_BENEATH, which no spelling and no symbolic link gets out of. Decoding comes
 * before cutting, so "%2e%2e" and "%2f" are no way around the segments.
 */
#include "http_path.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static int hex_value(char c)
{
        if (c >= '0' && c <= '9')
                return c - '0';
        c = (char)(c | 0x20);
        return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Skip "http://authority" of an absolute-form target (RFC 9112, 3.2.2); false: not such a
 * target. */
static bool skip_authority(const char **target, size_t *len)
{
        const char *slash;

        if (*len < 7 || strncasecmp(*target, "http://", 7) != 0)
                return false;
        slash = memchr(*target + 7, '/', *len - 7);
        if (slash == NULL) {
                *target = "/";
                *len = 1;
                return true;
        }
        *len -= (size_t)(slash - *target);
        *target = slash;
        return true;
}

/* RFC 3986, 2.1. Writes at most `len` bytes; false: a bad triplet or a NUL. */
static bool percent_decode(const char *in, size_t len, char *out, size_t *out_len)
{
        size_t n = 0;

        for (size_t i = 0; i < len; i++) {
                int c = (unsigned char)in[i];

                if (c == '%') {
                        int high = i + 2 < len ? hex_value(in[i + 1]) : -1;
                        int low = i + 2 < len ? hex_value(in[i + 2]) : -1;

                        if (high < 0 || low < 0)
                                return false;
                        c = high << 4 | low;
                        i += 2;
                }
                if (c == '\0')
                        return false;
                out[n++] = (char)c;
        }
        *out_len = n;
        return true;
}

/* Remove the last segment of path[0..n); false: there is none. */
static bool pop_segment(const char *path, size_t *n)
{
        if (*n == 0)
                return false;
        while (*n > 0 && path[*n - 1] != '/')
                (*n)--;
        if (*n > 0)
                (*n)--; /* the slash in front of it */
        return true;
}

/* Copy the segments of text[0..len) to `path`, resolving "." and ".."; 0 or 403. `path` may be
 * `text`: what is written never overtakes what is read. */
static int join_segments(const char *text, size_t len, char *path)
{
        size_t n = 0;
        size_t at = 0;

        while (at < len) {
                size_t start = at;
                size_t size;

                while (at < len && text[at] != '/')
                        at++;
                size = at - start;
                at++;
                if (size == 0 || (size == 1 && text[start] == '.'))
                        continue;
                if (size == 2 && text[start] == '.' && text[start + 1] == '.') {
                        if (!pop_segment(path, &n))
                                return 403;
                        continue;
                }
                if (n > 0)
                        path[n++] = '/';
                memmove(path + n, text + start, size);
                n += size;
        }
        if (n == 0)
                path[n++] = '.';
        path[n] = '\0';
        return 0;
}

int ek_http_path_decode(const char *target, size_t len, char *path, bool *slash)
{
        const char *end;
        size_t decoded;

        if (len > EK_HTTP_TARGET_MAX)
                return 414;
        if ((len == 0 || target[0] != '/') && !skip_authority(&target, &len))
                return 400;
        end = memchr(target, '?', len);
        if (end != NULL)
                len = (size_t)(end - target);
        end = memchr(target, '#', len); /* no client may send one; nothing behind it is ours */
        if (end != NULL)
                len = (size_t)(end - target);
        if (!percent_decode(target, len, path, &decoded))
                return 400;
        *slash = decoded > 0 && path[decoded - 1] == '/';
        return join_segments(path, decoded, path);
}

static bool is_plain(unsigned char c)
{
        return isalnum(c) || strchr("-._~/!$&'()*+,;=@", c) != NULL;
}

size_t ek_http_path_encode(const char *text, char *out, size_t size)
{
        static const char digits[] = "0123456789ABCDEF";
        size_t n = 0;

        for (; *text != '\0'; text++) {
                unsigned char c = (unsigned char)*text;
                char code[3] = {'%', digits[c >> 4], digits[c & 15]};
                size_t len = is_plain(c) ? 1 : 3;

                if (n + len < size)
                        memcpy(out + n, len == 1 ? text : code, len);
                n += len;
        }
        if (size > 0)
                out[n < size ? n : 0] = '\0';
        return n;
}

const char *ek_http_path_type(const char *path)
{
        static const struct {
                const char *ending, *type;
        } types[] = {
                {"html", "text/html; charset=utf-8"},
                {"htm", "text/html; charset=utf-8"},
                {"txt", "text/plain; charset=utf-8"},
                {"md", "text/plain; charset=utf-8"},
                {"c", "text/plain; charset=utf-8"},
                {"h", "text/plain; charset=utf-8"},
                {"css", "text/css; charset=utf-8"},
                {"csv", "text/csv; charset=utf-8"},
                {"js", "text/javascript; charset=utf-8"},
                {"mjs", "text/javascript; charset=utf-8"},
                {"json", "application/json"},
                {"xml", "application/xml"},
                {"wasm", "application/wasm"},
                {"pdf", "application/pdf"},
                {"zip", "application/zip"},
                {"gz", "application/gzip"},
                {"png", "image/png"},
                {"jpg", "image/jpeg"},
                {"jpeg", "image/jpeg"},
                {"gif", "image/gif"},
                {"svg", "image/svg+xml"},
                {"webp", "image/webp"},
                {"ico", "image/vnd.microsoft.icon"},
                {"mp3", "audio/mpeg"},
                {"mp4", "video/mp4"},
                {"webm", "video/webm"},
                {"woff2", "font/woff2"},
        };
        const char *name = strrchr(path, '/');
        const char *dot = strrchr(name != NULL ? name : path, '.');

        for (size_t i = 0; dot != NULL && i < sizeof types / sizeof types[0]; i++)
                if (strcasecmp(dot + 1, types[i].ending) == 0)
                        return types[i].type;
        return "application/octet-stream";
}
