/* SPDX-License-Identifier: MIT */
/*
 * The served directory.
 *
 * Theory of the border: the root is held as a descriptor, and every path is resolved by
 * openat2(RESOLVE_BENEATH): the kernel itself refuses "..", absolute symbolic links and links that
 * lead out, atomically, so that nobody can swap a directory between a check and its use. A kernel
 * before 5.6 has no openat2(); there the path is opened without side effects (O_PATH), the kernel
 * is asked where it ended up (/proc/self/fd), and only what lies below the root is opened for
 * reading.
 *
 * Theory of sharing: ten thousand connections that are sent the same file need one descriptor, not
 * ten thousand, and RLIMIT_NOFILE is small. So an open file is in a hash table by path while
 * somebody uses it, and UNUSED_MAX of them for some time after. A table entry is compared with the
 * directory (device, inode, size, time) at most once a second; when the file was replaced, new
 * requests get the new one, and running answers end with the old one, which is what their headers
 * promised.
 */
#include "http_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "http_path.h"

enum {
        BUCKETS = 1024,   /* power of two; far more files in use at once are unusual */
        UNUSED_MAX = 64,  /* descriptors kept for the next request */
        LIST_MAX = 10000, /* entries of one listing: beyond, a page is of no use to anyone */
};

struct ek_http_files {
        int root;
        bool no_openat2;
        char *root_path; /* where the kernel says that the root is */
        struct ek_http_file *bucket[BUCKETS];
        struct ek_http_file *oldest, *newest; /* unused */
        size_t unused, open;
};

/* ---- the border ---- */

/* Where a descriptor ended up; malloc()ed, NULL: unknown. */
static char *path_of_fd(int fd)
{
        char link[40];
        char buf[4096];
        ssize_t n;

        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        n = readlink(link, buf, sizeof buf - 1);
        if (n < 0)
                return NULL;
        buf[n] = '\0';
        return strdup(buf);
}

static bool is_below(const char *root, const char *path)
{
        size_t len = strlen(root);

        if (strcmp(root, "/") == 0)
                return true;
        return strncmp(root, path, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* Without openat2(): look first, then open what was looked at, by its descriptor. */
static int open_checked(const struct ek_http_files *files, const char *path, int flags)
{
        int look = openat(files->root, path, O_PATH | O_CLOEXEC);
        char link[40];
        char *where;
        int fd = -1;

        if (look < 0)
                return -1;
        where = path_of_fd(look);
        if (where == NULL || files->root_path == NULL || !is_below(files->root_path, where)) {
                errno = EXDEV;
        } else {
                snprintf(link, sizeof link, "/proc/self/fd/%d", look);
                fd = open(link, flags);
        }
        free(where);
        close(look);
        return fd;
}

static int open_beneath(struct ek_http_files *files, const char *path, int flags)
{
        struct open_how how = {
                .flags = (uint64_t)(unsigned)flags,
                .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS,
        };

        if (!files->no_openat2) {
                long fd = syscall(SYS_openat2, files->root, path, &how, sizeof how);

                if (fd >= 0 || errno != ENOSYS)
                        return (int)fd;
                files->no_openat2 = true;
        }
        return open_checked(files, path, flags);
}

struct ek_http_files *ek_http_files_open(const char *root, int *error)
{
        struct ek_http_files *files = calloc(1, sizeof *files);

        if (files == NULL) {
                *error = ENOMEM;
                return NULL;
        }
        files->root = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (files->root < 0) {
                *error = errno;
                free(files);
                return NULL;
        }
        files->root_path = path_of_fd(files->root);
        return files;
}

/* ---- the table ---- */

static size_t bucket_of(const char *path)
{
        uint32_t hash =
                2166136261u; /* FNV-1a; the keys are names that exist in our own directory */

        for (; *path != '\0'; path++)
                hash = (hash ^ (unsigned char)*path) * 16777619u;
        return hash & (BUCKETS - 1);
}

static struct ek_http_file *table_find(struct ek_http_files *files, const char *path)
{
        struct ek_http_file *f = files->bucket[bucket_of(path)];

        while (f != NULL && strcmp(f->path, path) != 0)
                f = f->next;
        return f;
}

static void table_remove(struct ek_http_files *files, struct ek_http_file *file)
{
        struct ek_http_file **at = &files->bucket[bucket_of(file->path)];

        while (*at != file)
                at = &(*at)->next;
        *at = file->next;
}

static void unused_remove(struct ek_http_files *files, struct ek_http_file *file)
{
        *(file->older != NULL ? &file->older->newer : &files->oldest) = file->newer;
        *(file->newer != NULL ? &file->newer->older : &files->newest) = file->older;
        file->newer = file->older = NULL;
        files->unused--;
}

static void unused_add(struct ek_http_files *files, struct ek_http_file *file)
{
        file->older = files->newest;
        *(files->newest != NULL ? &files->newest->newer : &files->oldest) = file;
        files->newest = file;
        files->unused++;
}

static void file_free(struct ek_http_files *files, struct ek_http_file *file)
{
        close(file->fd);
        free(file);
        files->open--;
}

static bool drop_oldest_unused(struct ek_http_files *files)
{
        struct ek_http_file *file = files->oldest;

        if (file == NULL)
                return false;
        unused_remove(files, file);
        table_remove(files, file);
        file_free(files, file);
        return true;
}

void ek_http_files_put(struct ek_http_files *files, struct ek_http_file *file)
{
        if (--file->refs > 0)
                return;
        if (file->stale) {
                file_free(files, file);
                return;
        }
        unused_add(files, file);
        if (files->unused > UNUSED_MAX)
                drop_oldest_unused(files);
}

static struct ek_http_file *take(struct ek_http_files *files, struct ek_http_file *file)
{
        if (file->refs++ == 0)
                unused_remove(files, file);
        return file;
}

/* The file has another content now: forget it, now or with its last user. */
static void retire(struct ek_http_files *files, struct ek_http_file *file)
{
        table_remove(files, file);
        if (file->refs > 0) {
                file->stale = true;
                return;
        }
        unused_remove(files, file);
        file_free(files, file);
}

void ek_http_files_close(struct ek_http_files *files)
{
        if (files == NULL)
                return;
        while (drop_oldest_unused(files))
                ;
        close(files->root);
        free(files->root_path);
        free(files);
}

size_t ek_http_files_open_count(const struct ek_http_files *files)
{
        return files->open;
}

/* ---- opening ---- */

static enum ek_http_found found_of_errno(int error)
{
        switch (error) {
        case EACCES:
        case EPERM:
        case EXDEV: /* RESOLVE_BENEATH: leads out of the root */
        case ELOOP: return EK_HTTP_FOUND_FORBIDDEN;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case EAGAIN: /* RESOLVE_BENEATH: a rename was going on */ return EK_HTTP_FOUND_BUSY;
        default: return EK_HTTP_FOUND_NOTHING;
        }
}

/* Open for reading; descriptors that nobody uses make room when there are none left. O_NONBLOCK:
 * a FIFO must not stop us. */
static int open_with_room(struct ek_http_files *files, const char *path)
{
        for (;;) {
                int fd = open_beneath(files, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);

                if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
                        return fd;
                if (!drop_oldest_unused(files)) {
                        errno = EMFILE;
                        return -1;
                }
        }
}

static bool is_same(const struct ek_http_file *file, const struct stat *st)
{
        return file->device == (uint64_t)st->st_dev && file->inode == (uint64_t)st->st_ino &&
               file->size == (uint64_t)st->st_size &&
               file->modified == (int64_t)st->st_mtim.tv_sec &&
               file->modified_ns == (uint32_t)st->st_mtim.tv_nsec;
}

/* Enter an open file into the table, unused; NULL: no memory, `fd` is closed. */
static struct ek_http_file *table_add(struct ek_http_files *files, const char *path, int fd,
                                      const struct stat *st)
{
        size_t len = strlen(path) + 1;
        struct ek_http_file *file = calloc(1, sizeof *file + len);
        size_t bucket = bucket_of(path);

        if (file == NULL) {
                close(fd);
                return NULL;
        }
        file->fd = fd;
        file->size = (uint64_t)st->st_size;
        file->modified = (int64_t)st->st_mtim.tv_sec;
        file->modified_ns = (uint32_t)st->st_mtim.tv_nsec;
        file->device = (uint64_t)st->st_dev;
        file->inode = (uint64_t)st->st_ino;
        memcpy(file->path, path, len);
        file->next = files->bucket[bucket];
        files->bucket[bucket] = file;
        files->open++;
        unused_add(files, file);
        return file;
}

/* `fd` is open at `path`, and `known` (may be NULL) is the table's entry: share or replace it. */
static struct ek_http_file *settle(struct ek_http_files *files, const char *path, int fd,
                                   const struct stat *st, struct ek_http_file *known)
{
        if (known != NULL && is_same(known, st)) {
                close(fd);
                return known;
        }
        if (known != NULL)
                retire(files, known);
        posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return table_add(files, path, fd, st);
}

enum ek_http_found ek_http_files_get(struct ek_http_files *files, const char *path, int64_t now,
                                     struct ek_http_file **out)
{
        struct ek_http_file *file = table_find(files, path);
        struct stat st;
        int fd;

        if (file != NULL && file->checked == now) {
                *out = take(files, file);
                return EK_HTTP_FOUND_FILE;
        }
        fd = open_with_room(files, path);
        if (fd < 0)
                return found_of_errno(errno);
        if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
                bool directory = S_ISDIR(st.st_mode);

                close(fd);
                return directory ? EK_HTTP_FOUND_DIRECTORY : EK_HTTP_FOUND_FORBIDDEN;
        }
        /* open_with_room() may have dropped the entry that was found above */
        file = settle(files, path, fd, &st, table_find(files, path));
        if (file == NULL)
                return EK_HTTP_FOUND_BUSY;
        file->checked = now;
        *out = take(files, file);
        return EK_HTTP_FOUND_FILE;
}

/* ---- listings ---- */

static void put_escaped(FILE *out, const char *text)
{
        for (; *text != '\0'; text++) {
                switch (*text) {
                case '&': fputs("&amp;", out); break;
                case '<': fputs("&lt;", out); break;
                case '>': fputs("&gt;", out); break;
                case '"': fputs("&quot;", out); break;
                case '\'': fputs("&#39;", out); break;
                default: fputc(*text, out);
                }
        }
}

static void put_entry(FILE *out, int dir, const char *name)
{
        char href[3 * 256 + 1];
        char date[32] = "";
        struct stat st;
        struct tm tm;
        bool known = fstatat(dir, name, &st, 0) == 0;
        const char *slash = known && S_ISDIR(st.st_mode) ? "/" : "";

        ek_http_path_encode(name, href, sizeof href);
        fputs("<tr><td><a href=\"./", out); /* "./": a name with a colon is no scheme */
        put_escaped(out, href);
        fprintf(out, "%s\">", slash);
        put_escaped(out, name);
        if (known && gmtime_r(&st.st_mtime, &tm) != NULL)
                strftime(date, sizeof date, "%Y-%m-%d %H:%M", &tm);
        if (known && S_ISREG(st.st_mode))
                fprintf(out, "%s</a><td>%lld<td>%s\n", slash, (long long)st.st_size, date);
        else
                fprintf(out, "%s</a><td>-<td>%s\n", slash, date);
}

static void put_page(FILE *out, int dir, const char *path, struct dirent **entry, int n)
{
        bool root = strcmp(path, ".") == 0;

        fputs("<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>Index of /", out);
        put_escaped(out, root ? "" : path);
        fputs("</title></head>\n<body><h1>Index of /", out);
        put_escaped(out, root ? "" : path);
        fputs("</h1>\n<table>\n<tr><th>Name<th>Bytes<th>Changed (UTC)\n", out);
        if (!root)
                fputs("<tr><td><a href=\"../\">../</a><td>-<td>\n", out);
        for (int i = 0; i < n && i < LIST_MAX; i++)
                if (strcmp(entry[i]->d_name, ".") != 0 && strcmp(entry[i]->d_name, "..") != 0)
                        put_entry(out, dir, entry[i]->d_name);
        fputs("</table>\n", out);
        if (n > LIST_MAX)
                fprintf(out, "<p>... and %d more</p>\n", n - LIST_MAX);
        fputs("</body></html>\n", out);
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
        return strcmp((*a)->d_name, (*b)->d_name);
}

char *ek_http_files_list(struct ek_http_files *files, const char *path, size_t *len)
{
        int dir = open_beneath(files, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        struct dirent **entry = NULL;
        char *page = NULL;
        FILE *out;
        int n;

        if (dir < 0)
                return NULL;
        n = scandirat(dir, ".", &entry, NULL, by_bytes);
        out = n >= 0 ? open_memstream(&page, len) : NULL;
        if (out != NULL) {
                bool failed;

                put_page(out, dir, path, entry, n);
                failed = ferror(out) != 0;
                if (fclose(out) != 0 || failed) {
                        free(page);
                        page = NULL;
                }
        }
        for (int i = 0; i < n; i++)
                free(entry[i]);
        free(entry);
        close(dir);
        return page;
}
