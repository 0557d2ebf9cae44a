/* SPDX-License-Identifier: MIT */
/*
 * System calls, made on host/bsd.h. None of them ever waits there; one that would wait in a program is tried again
 * here after everything that happens, until it returns, and the script says when that must be.
 */
#include "drill/call.h"
#include "drill/os.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

/* ---- arguments ---- */

bool drill_int(struct drill_run *r, const struct drill_expr *e, int64_t *out)
{
        int64_t v, all = 0;

        switch (e->kind) {
        case DRILL_INT: *out = e->value; return true;
        case DRILL_SYMBOL:
                if (drill_symbol(e->text, out))
                        return true;
                if (strcmp(e->text, "NULL") == 0) {
                        *out = 0;
                        return true;
                }
                return drill_fail(r, e->where, "nobody knows the name `%s'", e->text);
        case DRILL_OR:
                for (size_t i = 0; i < e->n; i++) {
                        if (!drill_int(r, e->item[i], &v))
                                return false;
                        all |= v;
                }
                *out = all;
                return true;
        case DRILL_CALL:
                if (e->n == 1 && strcmp(e->text, "htons") == 0)
                        return drill_int(r, e->item[0], out);
                break;
        case DRILL_LIST:
                if (e->n == 1)
                        return drill_int(r, e->item[0], out);
                break;
        default: break;
        }
        return drill_fail(r, e->where, "a number is expected here");
}

bool drill_arg_int(struct drill_call_ctx *c, unsigned i, int64_t *out)
{
        return drill_int(c->r, c->call->arg[i], out);
}

struct drill_fd *drill_fd_of(struct drill_run *r, int script)
{
        for (unsigned i = r->n_fds; i-- > 0;)
                if (r->fd[i].script == script)
                        return &r->fd[i];
        return NULL;
}

int drill_live_fd(const struct drill_run *r, int script)
{
        for (unsigned i = r->n_fds; i-- > 0;)
                if (r->fd[i].script == script)
                        return r->fd[i].live;
        return -1;
}

bool drill_arg_fd(struct drill_call_ctx *c, unsigned i, int *out)
{
        int64_t v;

        if (!drill_arg_int(c, i, &v))
                return false;
        *out = drill_live_fd(c->r, (int)v);
        return true;
}

bool drill_is_null(const struct drill_expr *e)
{
        return (e->kind == DRILL_SYMBOL && strcmp(e->text, "NULL") == 0) ||
               (e->kind == DRILL_INT && e->value == 0);
}

const struct drill_expr *drill_field_of(const struct drill_expr *e, const char *name)
{
        for (size_t i = 0; i < e->n; i++)
                if (e->item[i]->kind == DRILL_FIELD && strcmp(e->item[i]->text, name) == 0)
                        return e->item[i]->item[0];
        return NULL;
}

uint8_t *drill_room(struct drill_run *r, size_t len)
{
        if (len > r->buffer_bytes) {
                free(r->buffer);
                r->buffer = calloc(1, len);
                if (r->buffer == NULL)
                        abort();
                r->buffer_bytes = len;
        }
        return r->buffer;
}

enum drill_done drill_wrong_args(struct drill_call_ctx *c, const struct drill_expr *at,
                                 const char *what)
{
        drill_fail(c->r, at != NULL ? at->where : c->doing->event->what, "%s", what);
        return DRILL_GAVE_UP;
}

enum drill_done drill_result(struct drill_call_ctx *c, int64_t result, bool waits)
{
        if (result == -EAGAIN && waits)
                return DRILL_WAITS;
        c->doing->result = result;
        return DRILL_DONE;
}

/* ---- descriptors ---- */

static uint16_t *port_of(struct drill_run *r, int script)
{
        for (unsigned i = r->n_fds; i-- > 0;)
                if (r->fd[i].script == script)
                        return &r->fd[i].local_port;
        return NULL;
}

/* The result is the script's name of a new descriptor. */
bool drill_name_fd(struct drill_call_ctx *c, int live, uint16_t port, int *script)
{
        struct drill_run *r = c->r;
        int64_t v;

        if (c->call->result->kind == DRILL_ELLIPSIS) {
                v = 1000 + live;
        } else if (!drill_int(r, c->call->result, &v)) {
                return false;
        }
        *script = (int)v;
        if (v < 0)
                return true; /* the comparison of results will say so */
        if (drill_live_fd(r, (int)v) >= 0)
                return drill_fail(r, c->call->result->where,
                                  "descriptor %" PRId64 " is open already", v);
        if (r->n_fds == DRILL_FDS)
                return drill_fail(r, c->call->result->where, "more than %d descriptors", DRILL_FDS);
        r->fd[r->n_fds++] = (struct drill_fd){.script = (int)v, .live = live, .local_port = port};
        c->doing->result = v;
        return true;
}

static void forget_fd(struct drill_run *r, int script)
{
        for (unsigned i = 0; i < r->n_fds; i++) {
                if (r->fd[i].script == script) {
                        memmove(&r->fd[i], &r->fd[i + 1], (r->n_fds - i - 1) * sizeof(r->fd[0]));
                        r->n_fds--;
                        return;
                }
        }
}

/* ---- addresses ---- */

static void fill_address(const struct drill_run *r, const elko_ip *ip, uint16_t port,
                         struct drill_address *a)
{
        struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_port = htons(port)};
        struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port)};

        memset(a, 0, sizeof(*a));
        memcpy(&v4.sin_addr, ip->b + 12, 4);
        memcpy(&v6.sin6_addr, ip->b, 16);
        a->len = r->c.family == DRILL_V4 ? sizeof(v4) : sizeof(v6);
        memcpy(&a->raw, r->c.family == DRILL_V4 ? (void *)&v4 : (void *)&v6, a->len);
        a->port = port;
}

/* {sa_family=..., sin_port=htons(N), sin_addr=inet_addr("x")} */
static bool written_address(struct drill_run *r, const struct drill_expr *e,
                            struct drill_address *a)
{
        const struct drill_expr *port = drill_field_of(e, "sin_port"),
                                *addr = drill_field_of(e, "sin_addr");
        int64_t n = 0;
        elko_ip ip;

        if (port == NULL || addr == NULL || addr->kind != DRILL_CALL || addr->n != 1 ||
            addr->item[0]->kind != DRILL_STRING || !elko_ip_parse(addr->item[0]->text, &ip))
                return drill_fail(r, e->where,
                                  "an address is {sa_family=AF_INET, sin_port=htons(N), "
                                  "sin_addr=inet_addr(\"a.b.c.d\")}");
        if (!drill_int(r, port, &n))
                return false;
        fill_address(r, &ip, (uint16_t)n, a);
        return true;
}

bool drill_address_of(struct drill_run *r, const struct drill_expr *e, const elko_ip *ip,
                      uint16_t port, struct drill_address *a)
{
        int64_t family;
        uint16_t number;

        if (e->kind == DRILL_ELLIPSIS) {
                fill_address(r, ip, port, a);
                return true;
        }
        if (e->kind == DRILL_BRACE)
                return written_address(r, e, a);
        if (!drill_int(r, e, &family))
                return false;
        memset(a, 0, sizeof(*a));
        number = (uint16_t)family;
        memcpy(&a->raw, &number, sizeof(number));
        a->len = sizeof(struct sockaddr_in6);
        return true;
}

/* ---- socket, bind, listen, accept, connect, close ---- */

static enum drill_done do_socket(struct drill_call_ctx *c)
{
        struct drill_run *r = c->r;
        int64_t domain = r->c.family == DRILL_V4 ? AF_INET : AF_INET6, type, protocol;
        int fd, script;

        if ((c->call->arg[0]->kind != DRILL_ELLIPSIS && !drill_arg_int(c, 0, &domain)) ||
            !drill_arg_int(c, 1, &type) || !drill_arg_int(c, 2, &protocol))
                return DRILL_GAVE_UP;
        fd = drill_os_socket(&r->w, (int)domain, (int)type, (int)protocol);
        c->doing->result = fd;
        if (fd == -ESOCKTNOSUPPORT || fd == -EPROTONOSUPPORT) {
                drill_refuse(r, c->doing->event->what, "unsupported: sockets other than TCP's");
                return DRILL_GAVE_UP;
        }
        if (fd < 0)
                return DRILL_DONE;
        if (!drill_name_fd(c, fd, r->c.bind_port, &script))
                return DRILL_GAVE_UP;
        r->cur = drill_flow_new(r);
        r->cur->fd = script;
        return DRILL_DONE;
}

static enum drill_done do_bind(struct drill_call_ctx *c)
{
        struct drill_address a;
        int64_t script;
        uint16_t *port;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 0, &script) ||
            !drill_address_of(c->r, c->call->arg[1], &c->r->c.local, c->r->c.bind_port, &a))
                return DRILL_GAVE_UP;
        c->doing->result = drill_os_bind(&c->r->w, fd, (struct sockaddr *)&a.raw, a.len);
        port = port_of(c->r, (int)script);
        if (c->doing->result == 0 && port != NULL && a.port != 0)
                *port = a.port;
        return DRILL_DONE;
}

static enum drill_done do_listen(struct drill_call_ctx *c)
{
        int64_t script, backlog;
        struct drill_flow *f;
        uint16_t *port;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 0, &script) ||
            !drill_arg_int(c, 1, &backlog))
                return DRILL_GAVE_UP;
        c->doing->result = drill_os_listen(&c->r->w, fd, (int)backlog);
        f = drill_flow_of_fd(c->r, (int)script);
        port = port_of(c->r, (int)script);
        if (c->doing->result == 0 && f != NULL && port != NULL) {
                f->state = DRILL_FLOW_LISTENS;
                f->local_port = *port;
        }
        return DRILL_DONE;
}

static uint16_t port_in(const struct sockaddr_storage *a)
{
        uint16_t port;

        memcpy(&port, (const uint8_t *)a + 2, sizeof(port)); /* the same place in both families */
        return ntohs(port);
}

static enum drill_done do_accept(struct drill_call_ctx *c)
{
        struct drill_run *r = c->r;
        struct sockaddr_storage from;
        socklen_t len = sizeof(from);
        int64_t script, type = 0;
        struct drill_flow *f;
        uint16_t *port;
        int fd, r2, name;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 0, &script) ||
            (c->call->n > 3 && !drill_arg_int(c, 3, &type)))
                return DRILL_GAVE_UP;
        r2 = drill_os_accept(&r->w, fd, (struct sockaddr *)&from, &len, (int)type);
        if (r2 < 0)
                return drill_result(c, r2, drill_os_blocks(&r->w, fd));
        port = port_of(r, (int)script);
        if (!drill_name_fd(c, r2, port != NULL ? *port : r->c.bind_port, &name))
                return DRILL_GAVE_UP;
        f = drill_flow_of_ports(r, -1, port_in(&from));
        if (f != NULL)
                f->fd = name;
        return DRILL_DONE;
}

/* A blocking connect() waits until it is known what became of it. */
static enum drill_done connected(struct drill_call_ctx *c, int fd)
{
        int r = drill_os_connect_end(&c->r->w, fd);

        if (r == -EALREADY)
                return DRILL_WAITS;
        c->doing->result = r;
        return DRILL_DONE;
}

void drill_begins(struct drill_run *r, int script_fd, uint16_t port)
{
        struct drill_flow *f = drill_flow_of_fd(r, script_fd);

        if (f == NULL)
                return;
        *f = (struct drill_flow){
                .state = DRILL_FLOW_CONNECTS, .fd = script_fd, .remote_port = port};
        r->cur = f;
}

static enum drill_done do_connect(struct drill_call_ctx *c)
{
        struct drill_address a;
        int64_t script;
        int fd, r;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 0, &script) ||
            !drill_address_of(c->r, c->call->arg[1], &c->r->c.remote, c->r->c.connect_port, &a))
                return DRILL_GAVE_UP;
        if (c->doing->started)
                return connected(c, fd);
        r = drill_os_connect(&c->r->w, fd, (struct sockaddr *)&a.raw, a.len);
        if (r == -EINPROGRESS || (r == 0 && drill_os_opens(&c->r->w, fd)))
                drill_begins(c->r, (int)script, a.port);
        c->doing->started = true;
        if (r == -EINPROGRESS && drill_os_blocks(&c->r->w, fd))
                return DRILL_WAITS;
        c->doing->result = r;
        return DRILL_DONE;
}

/* Has this connection still to get something across? Then a close() that lingers waits. */
static bool is_busy(struct drill_run *r, const elko_endpoint *local, const elko_endpoint *remote)
{
        struct elko_tcp_info i;
        uint64_t cursor = 0;

        while (elko_each(r->w.st, &cursor, NULL, &i))
                if (memcmp(&i.local, local, sizeof(*local)) == 0 &&
                    memcmp(&i.remote, remote, sizeof(*remote)) == 0)
                        return i.state == ELKO_TCP_FIN_WAIT_1 || i.state == ELKO_TCP_CLOSING ||
                               i.state == ELKO_TCP_LAST_ACK;
        return false;
}

/* A file that is not the kernel's is nobody's. */
static bool is_file(struct drill_run *r, int script)
{
        const struct drill_fd *fd = drill_fd_of(r, script);

        return fd != NULL && fd->file != NULL && fd->live < 0;
}

static enum drill_done do_close(struct drill_call_ctx *c)
{
        struct drill_world *w = &c->r->w;
        struct linger linger = {0};
        socklen_t len = sizeof(linger);
        struct elko_tcp_info info;
        int64_t script;
        bool waits;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 0, &script))
                return DRILL_GAVE_UP;
        if (c->doing->started) {
                c->doing->result = 0;
                return c->r->w.now < c->doing->give_up_ns &&
                                       is_busy(c->r, &c->doing->local, &c->doing->remote)
                               ? DRILL_WAITS
                               : DRILL_DONE;
        }
        drill_os_getsockopt(w, fd, SOL_SOCKET, SO_LINGER, &linger, &len);
        waits = linger.l_onoff && linger.l_linger > 0 && drill_os_blocks(w, fd);
        if (waits && w->kernel != NULL) {
                drill_refuse(c->r, c->doing->event->what,
                             "unsupported: close() that lingers, with the kernel");
                return DRILL_GAVE_UP;
        }
        waits = waits && elko_tcp_info_get(w->st, elko_bsd_handle(w->bsd, fd), &info) == ELKO_OK;
        c->doing->result = is_file(c->r, (int)script) ? 0 : drill_os_close(w, fd);
        if (c->doing->result == 0)
                forget_fd(c->r, (int)script);
        if (!waits)
                return DRILL_DONE;
        c->doing->local = info.local;
        c->doing->remote = info.remote;
        drill_world_settle(&c->r->w);
        c->doing->started = true;
        c->doing->give_up_ns = c->r->w.now + ELKO_SEC(linger.l_linger);
        return do_close(c);
}

static enum drill_done do_shutdown(struct drill_call_ctx *c)
{
        int64_t how;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 1, &how))
                return DRILL_GAVE_UP;
        c->doing->result = drill_os_shutdown(&c->r->w, fd, (int)how);
        return DRILL_DONE;
}

/* ---- fcntl, ioctl ---- */

static enum drill_done do_fcntl(struct drill_call_ctx *c)
{
        int64_t cmd, arg = 0;
        int fd;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 1, &cmd) ||
            (c->call->n > 2 && !drill_arg_int(c, 2, &arg)))
                return DRILL_GAVE_UP;
        c->doing->result = drill_os_fcntl(&c->r->w, fd, (int)cmd, (int)arg);
        return DRILL_DONE;
}

static enum drill_done do_ioctl(struct drill_call_ctx *c)
{
        int64_t request, want = 0;
        int fd, value;

        if (!drill_arg_fd(c, 0, &fd) || !drill_arg_int(c, 1, &request) ||
            (c->call->n > 2 && !drill_arg_int(c, 2, &want)))
                return DRILL_GAVE_UP;
        value = (int)want;
        c->doing->result = drill_os_ioctl(&c->r->w, fd, (unsigned long)request, &value);
        if (c->doing->result == 0 && c->call->n > 2 && value != want)
                return drill_wrong_args(
                        c, c->call->arg[2],
                        drill_format(c->r->arena, "the call gave back [%d]", value));
        return DRILL_DONE;
}

/* ---- the table ---- */

static const struct {
        const char *name;
        unsigned least, most;
        enum drill_done (*run)(struct drill_call_ctx *c);
} calls[] = {
        {"socket", 3, 3, do_socket},
        {"bind", 3, 3, do_bind},
        {"listen", 2, 2, do_listen},
        {"accept", 3, 3, do_accept},
        {"accept4", 4, 4, do_accept},
        {"connect", 3, 3, do_connect},
        {"close", 1, 1, do_close},
        {"shutdown", 2, 2, do_shutdown},
        {"read", 3, 3, drill_do_receive},
        {"recv", 4, 4, drill_do_receive},
        {"recvfrom", 6, 6, drill_do_receive},
        {"write", 3, 3, drill_do_send},
        {"send", 4, 4, drill_do_send},
        {"sendto", 6, 6, drill_do_send},
        {"readv", 3, 3, drill_do_readv},
        {"writev", 3, 3, drill_do_writev},
        {"recvmsg", 3, 3, drill_do_recvmsg},
        {"sendmsg", 3, 3, drill_do_sendmsg},
        {"pipe", 1, 1, drill_do_pipe},
        {"splice", 6, 6, drill_do_splice},
        {"open", 2, 3, drill_do_open},
        {"sendfile", 4, 4, drill_do_sendfile},
        {"fcntl", 2, 3, do_fcntl},
        {"ioctl", 2, 3, do_ioctl},
        {"getsockopt", 5, 5, drill_do_getsockopt},
        {"setsockopt", 5, 5, drill_do_setsockopt},
        {"poll", 3, 3, drill_do_poll},
        {"epoll_create", 1, 1, drill_do_epoll_create},
        {"epoll_ctl", 4, 4, drill_do_epoll_ctl},
        {"epoll_wait", 4, 4, drill_do_epoll_wait},
};

static enum drill_done try_call(struct drill_run *r, struct drill_doing *d)
{
        const struct drill_call *call = d->event->call;
        struct drill_call_ctx c = {.r = r, .call = call, .doing = d};

        for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
                if (strcmp(calls[i].name, call->name) != 0)
                        continue;
                if (call->n < calls[i].least || call->n > calls[i].most)
                        return drill_wrong_args(&c, NULL,
                                                drill_format(r->arena,
                                                             "%s() has %u arguments, not %zu",
                                                             call->name, calls[i].most, call->n));
                return calls[i].run(&c);
        }
        drill_refuse(r, d->event->what, "unsupported: the system call %s()", call->name);
        return DRILL_GAVE_UP;
}

/* ---- results ---- */

static const char *result_text(struct drill_run *r, int64_t result)
{
        if (result >= 0)
                return drill_format(r->arena, "%" PRId64, result);
        return drill_format(r->arena, "-1 %s", drill_errno_name((int)-result));
}

/* Compare what a call returned with what the script says. */
static bool judge(struct drill_run *r, const struct drill_doing *d)
{
        const struct drill_call *call = d->event->call;
        int64_t want, got = d->result < 0 ? -1 : d->result;
        int error = d->result < 0 ? (int)-d->result : 0;

        if (r->set->record != NULL) {
                drill_record_result(r, d->line, result_text(r, d->result));
                return true;
        }
        if (call->result->kind == DRILL_ELLIPSIS)
                return true;
        if (!drill_int(r, call->result, &want))
                return false;
        if (want == got && (call->error == NULL || drill_errno(call->error) == error))
                return true;
        if (error == ENOPROTOOPT)
                return drill_refuse(
                        r, d->event->what, "unsupported: this option of %s()%s%s", call->name,
                        call->n > 2 && call->arg[2]->kind == DRILL_SYMBOL ? ": " : "",
                        call->n > 2 && call->arg[2]->kind == DRILL_SYMBOL ? call->arg[2]->text
                                                                          : "");
        return drill_fail(r, call->result->where, "%s() returned %s, expected %s%s%s", call->name,
                          result_text(r, d->result), drill_format(r->arena, "%" PRId64, want),
                          call->error != NULL ? " " : "", call->error != NULL ? call->error : "");
}

/* A call that was said to block returned: when? */
static bool ended_in_time(struct drill_run *r, const struct drill_doing *d)
{
        uint64_t span = d->until_ns - d->from_ns, tolerance = drill_tolerance(r, span);

        if (r->set->record != NULL ||
            (r->w.now + tolerance >= d->until_ns && r->w.now <= d->until_ns + tolerance))
                return true;
        return drill_fail(r, d->event->where, "%s() returned %s at %s, expected at %s",
                          d->event->call->name, result_text(r, d->result),
                          drill_time_text(r, r->w.now), drill_time_text(r, d->until_ns));
}

bool drill_call_again(struct drill_run *r)
{
        struct drill_doing *d = &r->blocked, done;

        switch (try_call(r, d)) {
        case DRILL_GAVE_UP: return false;
        case DRILL_WAITS: drill_world_settle(&r->w); return true;
        case DRILL_DONE: break;
        }
        done = *d;
        d->event = NULL;
        drill_world_settle(&r->w);
        return judge(r, &done) && ended_in_time(r, &done);
}

bool drill_call(struct drill_run *r, const struct drill_event *e, uint64_t until_ns)
{
        struct drill_doing d = {.event = e,
                                .from_ns = r->w.now,
                                .until_ns = until_ns,
                                .give_up_ns = ELKO_NEVER,
                                .line = r->line};

        switch (try_call(r, &d)) {
        case DRILL_GAVE_UP: return false;
        case DRILL_WAITS:
                drill_world_settle(&r->w);
                if (!e->time.blocks)
                        return drill_fail(r, e->what,
                                          "%s() waits here; give it a time to end, T...E, or make "
                                          "the descriptor non-blocking",
                                          e->call->name);
                r->blocked = d;
                return true;
        case DRILL_DONE: break;
        }
        drill_world_settle(&r->w);
        return judge(r, &d) && (!e->time.blocks || ended_in_time(r, &d)) && drill_happened(r);
}
