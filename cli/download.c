/* SPDX-License-Identifier: MIT */
/*
 * Downloads that never harm a file.
 *
 * Theory: the only operation on NAME is rename(2), which replaces it atomically, and it comes after
 * the last byte was written and the file was closed without an error. Everything before that
 * happens in NAME.part. A part file without a validator is of no use for going on: nothing says
 * that the server still has the same file, and gluing two versions together is worse than starting
 * again.
 */
#include "download.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

enum { TAG_MAX = 1024 };

__attribute__((format(printf, 2, 3))) static bool fail(struct ek_download *d, const char *format,
                                                       ...)
{
        va_list args;

        va_start(args, format);
        vsnprintf(d->error, sizeof d->error, format, args);
        va_end(args);
        return false;
}

static char *joined(const char *name, const char *ending)
{
        char *text;

        return asprintf(&text, "%s%s", name, ending) < 0 ? NULL : text;
}

static char *read_tag(const char *path)
{
        char line[TAG_MAX];
        FILE *file = fopen(path, "re");
        bool good;

        if (file == NULL)
                return NULL;
        good = fgets(line, sizeof line, file) != NULL;
        fclose(file);
        if (!good)
                return NULL;
        line[strcspn(line, "\r\n")] = '\0';
        return line[0] != '\0' ? strdup(line) : NULL;
}

static void find_part(struct ek_download *d)
{
        struct stat st;

        if (stat(d->part, &st) != 0 || !S_ISREG(st.st_mode))
                return;
        d->found = true;
        d->size = (uint64_t)st.st_size;
        d->tag = read_tag(d->tag_name);
}

bool ek_download_init(struct ek_download *d, const char *name, bool resume)
{
        struct stat st;

        *d = (struct ek_download){.fd = -1};
        if (strcmp(name, "-") == 0) {
                if (resume)
                        return fail(d, "--continue needs a file, not standard output");
                return true;
        }
        if (stat(name, &st) == 0 && S_ISDIR(st.st_mode))
                return fail(d, "'%.200s' is a directory: name a file with -o", name);
        d->name = strdup(name);
        d->part = joined(name, ".part");
        d->tag_name = joined(name, ".part.tag");
        if (d->name == NULL || d->part == NULL || d->tag_name == NULL)
                return fail(d, "out of memory");
        if (resume)
                find_part(d);
        return true;
}

void ek_download_free(struct ek_download *d)
{
        if (d->fd >= 0 && d->part != NULL)
                close(d->fd);
        free(d->name);
        free(d->part);
        free(d->tag_name);
        free(d->tag);
        *d = (struct ek_download){.fd = -1};
}

uint64_t ek_download_offset(const struct ek_download *d)
{
        return d->found && d->tag != NULL ? d->size : 0;
}

/* Without a validator there must be no old one either. Not being able to write it costs a later
 * --continue only. */
static void write_tag(const struct ek_download *d, const char *tag)
{
        FILE *file;

        if (tag == NULL || strlen(tag) + 2 > TAG_MAX) {
                unlink(d->tag_name);
                return;
        }
        file = fopen(d->tag_name, "we");
        if (file == NULL || fprintf(file, "%s\n", tag) < 0) {
                if (file != NULL)
                        fclose(file);
                unlink(d->tag_name);
                return;
        }
        if (fclose(file) != 0)
                unlink(d->tag_name);
}

bool ek_download_begin(struct ek_download *d, uint64_t offset, const char *tag)
{
        if (d->part == NULL) {
                d->fd = STDOUT_FILENO;
                return true;
        }
        d->fd = open(d->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
        if (d->fd < 0)
                return fail(d, "cannot write '%.200s': %s; choose another place with -o", d->part,
                            ek_util_errno_text(errno));
        if (ftruncate(d->fd, (off_t)offset) != 0 || lseek(d->fd, (off_t)offset, SEEK_SET) < 0)
                return fail(d, "cannot write '%.200s' at byte %llu: %s", d->part,
                            (unsigned long long)offset, ek_util_errno_text(errno));
        d->size = offset;
        if (offset == 0)
                write_tag(d, tag);
        return true;
}

static const char *place(const struct ek_download *d)
{
        return d->part != NULL ? d->part : "standard output";
}

bool ek_download_write(struct ek_download *d, const uint8_t *data, size_t len)
{
        while (len > 0) {
                ssize_t n = write(d->fd, data, len);

                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0 && errno == EAGAIN) { /* somebody else's O_NONBLOCK on our stdout */
                        struct pollfd p = {.fd = d->fd, .events = POLLOUT};

                        poll(&p, 1, -1);
                        continue;
                }
                if (n < 0)
                        return fail(d, "cannot write '%.200s': %s", place(d),
                                    ek_util_errno_text(errno));
                data += n;
                len -= (size_t)n;
                d->size += (uint64_t)n;
        }
        return true;
}

bool ek_download_ready(const struct ek_download *d)
{
        struct pollfd p = {.fd = STDOUT_FILENO, .events = POLLOUT};

        return d->part != NULL || poll(&p, 1, 0) != 0;
}

bool ek_download_finish(struct ek_download *d)
{
        int fd = d->fd;

        if (d->part == NULL)
                return true;
        d->fd = -1;
        if (fd >= 0 && close(fd) != 0)
                return fail(d, "'%.200s' could not be written completely: %s", d->part,
                            ek_util_errno_text(errno));
        if (rename(d->part, d->name) != 0)
                return fail(d, "'%.200s' is complete but cannot be renamed to '%.150s': %s",
                            d->part, d->name, ek_util_errno_text(errno));
        unlink(d->tag_name);
        return true;
}
