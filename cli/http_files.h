/* SPDX-License-Identifier: MIT */
#ifndef EK_CLI_HTTP_FILES_H
#define EK_CLI_HTTP_FILES_H

/*
 * The served directory: opens files below it and nowhere else, and shares one descriptor among all
 * the connections that are being sent the same file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ek_http_files;

/* A regular file, open and shared; read it with pread(). Immutable but for its reference count. */
struct ek_http_file {
        struct ek_http_file *next;          /* private: hash chain */
        struct ek_http_file *newer, *older; /* private: unused ones, by age */
        uint32_t refs;
        bool stale; /* replaced in the table: closed with its last reference */
        int fd;
        uint64_t size;
        int64_t modified; /* seconds since 1970 */
        uint32_t modified_ns;
        uint64_t device, inode;
        int64_t checked; /* when it was last compared with the directory */
        char path[];
};

enum ek_http_found {
        EK_HTTP_FOUND_FILE,
        EK_HTTP_FOUND_DIRECTORY,
        EK_HTTP_FOUND_NOTHING,   /* 404 */
        EK_HTTP_FOUND_FORBIDDEN, /* 403: not permitted, no regular file, or outside */
        EK_HTTP_FOUND_BUSY,      /* 503: out of descriptors or memory */
};

/* Open the root directory. NULL: *error is an errno value. */
struct ek_http_files *ek_http_files_open(const char *root, int *error);
void ek_http_files_close(struct ek_http_files *files); /* no file may be in use; NULL is allowed */

/* Look at `path` (as ek_http_path_decode() makes it) at the wall-clock second `now`. FILE: *out
 * is to be given back with ek_http_files_put(). */
enum ek_http_found ek_http_files_get(struct ek_http_files *files, const char *path, int64_t now,
                                     struct ek_http_file **out);
void ek_http_files_put(struct ek_http_files *files, struct ek_http_file *file);

/* An HTML page that lists the directory `path`; malloc()ed, *len bytes. NULL: it could not be
 * read. */
char *ek_http_files_list(struct ek_http_files *files, const char *path, size_t *len);

/* Descriptors that are open for files now, in use or kept. */
size_t ek_http_files_open_count(const struct ek_http_files *files);

#endif
