/* SPDX-License-Identifier: MIT */
/*
 * Files of scripts: open(2), sendfile(2), and the commands that make files. All that a script sends is zeros, and so is all
 * that its files hold; a file is a name and a length, and nothing of this machine is read or written.
 */
#include "drill/call.h"
#include "drill/os.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 1 << 30, O_ACCESS = 3 };

struct drill_file *drill_file_find(struct drill_run *r, const char *name)
{
        for (unsigned i = 0; i < r->n_files; i++)
                if (strcmp(r->file[i].name, name) == 0)
                        return &r->file[i];
        return NULL;
}

/* ---- commands ---- */

static bool make(struct drill_run *r, const char *name, uint64_t bytes, struct drill_where where)
{
        struct drill_file *f = drill_file_find(r, name);

        if (f == NULL && r->n_files == DRILL_FILES)
                return drill_refuse(r, where, "unsupported: more than %d files", DRILL_FILES);
        if (bytes > FILE_MAX_BYTES)
                return drill_refuse(r, where, "unsupported: a file of %" PRIu64 " bytes", bytes);
        if (f == NULL)
                f = &r->file[r->n_files++];
        *f = (struct drill_file){drill_format(r->arena, "%s", name), bytes};
        return true;
}

/* 100, 4k, 1M */
static bool number(const char *text, uint64_t *out)
{
        char *end;

        *out = strtoull(text, &end, 10);
        if (end == text || text[0] == '-')
                return false;
        if (*end == 'k' || *end == 'K')
                *out <<= 10;
        else if (*end == 'M')
                *out <<= 20;
        else
                return *end == '\0';
        return end[1] == '\0' && *out <= FILE_MAX_BYTES;
}

/* dd if=/dev/zero of=FILE bs=N count=M [status=...] */
static bool do_dd(struct drill_run *r, char *const *word, unsigned n, struct drill_where where)
{
        const char *to = NULL, *from = NULL;
        uint64_t block = 512, count = 0;

        for (unsigned i = 1; i < n; i++) {
                bool good = true;

                if (strncmp(word[i], "of=", 3) == 0)
                        to = word[i] + 3;
                else if (strncmp(word[i], "if=", 3) == 0)
                        from = word[i] + 3;
                else if (strncmp(word[i], "bs=", 3) == 0)
                        good = number(word[i] + 3, &block);
                else if (strncmp(word[i], "count=", 6) == 0)
                        good = number(word[i] + 6, &count);
                else
                        good = strncmp(word[i], "status=", 7) == 0;
                if (!good)
                        return drill_refuse(r, where, "unsupported: dd with %s", word[i]);
        }
        if (to == NULL || from == NULL || strcmp(from, "/dev/zero") != 0)
                return drill_refuse(r, where, "unsupported: dd other than if=/dev/zero of=FILE");
        if (strncmp(to, "/dev/", 5) == 0)
                return drill_refuse(r, where, "unsupported: dd to a device");
        return make(r, to, block * count, where);
}

static bool do_truncate(struct drill_run *r, char *const *word, unsigned n,
                        struct drill_where where)
{
        uint64_t bytes;

        if (n != 4 || strcmp(word[1], "-s") != 0 || !number(word[2], &bytes))
                return drill_refuse(r, where, "unsupported: truncate other than -s BYTES FILE");
        return make(r, word[3], bytes, where);
}

static bool do_rm(struct drill_run *r, char *const *word, unsigned n, struct drill_where where)
{
        bool force = false;

        for (unsigned i = 1; i < n; i++) {
                struct drill_file *f = drill_file_find(r, word[i]);

                if (word[i][0] == '-') {
                        force = true;
                        continue;
                }
                if (f != NULL)
                        f->name = ""; /* who has it open keeps it */
                else if (!force)
                        return drill_fail(r, where, "rm: there is no %s", word[i]);
        }
        return true;
}

bool drill_file_command(struct drill_run *r, char *const *word, unsigned n,
                        struct drill_where where, bool *done)
{
        const char *slash = strrchr(word[0], '/'), *name = slash != NULL ? slash + 1 : word[0];

        *done = true;
        if (strcmp(name, "dd") == 0)
                return do_dd(r, word, n, where);
        if (strcmp(name, "truncate") == 0)
                return do_truncate(r, word, n, where);
        if (strcmp(name, "rm") == 0)
                return do_rm(r, word, n, where);
        *done = false;
        return true;
}

/* ---- calls ---- */

/* open("path", flags[, mode]) */
enum drill_done drill_do_open(struct drill_call_ctx *c)
{
        const struct drill_expr *e = c->call->arg[0];
        struct drill_file *f;
        struct drill_fd *fd;
        int64_t flags;
        int live, name;

        if (e->kind != DRILL_STRING)
                return drill_wrong_args(c, e, "a path in quotes is expected");
        if (!drill_arg_int(c, 1, &flags))
                return DRILL_GAVE_UP;
        f = drill_file_find(c->r, e->text);
        if (f == NULL) {
                drill_refuse(c->r, e->where,
                             "unsupported: open() of what the script did not make "
                             "(dd if=/dev/zero of=...)");
                return DRILL_GAVE_UP;
        }
        if ((flags & O_ACCESS) != 0) {
                drill_refuse(c->r, e->where, "unsupported: open() to write");
                return DRILL_GAVE_UP;
        }
        live = drill_os_file(&c->r->w, f->bytes);
        if (live < -1) {
                c->doing->result = live;
                return DRILL_DONE;
        }
        if (!drill_name_fd(c, live, 0, &name))
                return DRILL_GAVE_UP;
        fd = drill_fd_of(c->r, name);
        if (fd != NULL)
                fd->file = f;
        return DRILL_DONE;
}

/* sendfile(out, in, [offset] or NULL, length) */
enum drill_done drill_do_sendfile(struct drill_call_ctx *c)
{
        const struct drill_expr *where = c->call->arg[2];
        int64_t in_name, at = 0, len;
        struct drill_fd *in;
        enum drill_done done;
        uint64_t left;
        int out;

        if (!drill_arg_fd(c, 0, &out) || !drill_arg_int(c, 1, &in_name) ||
            (!drill_is_null(where) && !drill_int(c->r, where, &at)) || !drill_arg_int(c, 3, &len))
                return DRILL_GAVE_UP;
        in = drill_fd_of(c->r, (int)in_name);
        if (in == NULL || in->file == NULL || len < 0 || at < 0) {
                c->doing->result = in == NULL ? -EBADF : -EINVAL;
                return DRILL_DONE;
        }
        if (c->r->w.kernel != NULL) {
                off_t offset = (off_t)at;

                c->doing->result =
                        drill_os_sendfile(&c->r->w, out, in->live,
                                          drill_is_null(where) ? NULL : &offset, (size_t)len);
                return DRILL_DONE;
        }
        if (drill_is_null(where))
                at = (int64_t)in->at;
        left = (uint64_t)at < in->file->bytes ? in->file->bytes - (uint64_t)at : 0;
        if ((uint64_t)len > left)
                len = (int64_t)left;
        if (len == 0) {
                c->doing->result = 0;
                return DRILL_DONE;
        }
        done = drill_send_zeros(c, out, (size_t)len, 0);
        if (done == DRILL_DONE && c->doing->result > 0 && drill_is_null(where))
                in->at += (uint64_t)c->doing->result;
        return done;
}
