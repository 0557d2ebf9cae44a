/* SPDX-License-Identifier: MIT */
/*
 * From options to a running network.
 *
 * Theory: every network command needs the same eight things in the same order: configuration, loop
 * with stack, driver, recorder around the driver, link, addresses, routes, observers. Each step
 * below is one function that either succeeds or prints one sentence that says what, where and what
 * to do; the first failure undoes all. The stack has one trace hook; on_trace() fans it out to the
 * text trace, the ladder and the comments in the packet capture.
 *
 * Comments in the capture: the stack reports a segment when it makes it, just before the driver
 * records it. With one frame to a batch the next recorded frame is the reported one, so a capture
 * costs batching.
 */
#include "netctx.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "drivers/afpacket.h"
#include "drivers/pcapng.h"
#include "drivers/tun.h"
#include "util.h"

static const char *const default_addr[] = {"10.77.0.2/24", "fd77::2/64"};
static const char *const default_host_addr[] = {"10.77.0.1/24", "fd77::1/64"};

enum {
        IPV6_MIN_MTU = 1280,    /* RFC 8200, 5 */
        LADDER_PERIOD_MS = 500, /* finished connections are drawn this soon */
        MAX_CONNECTIONS_DEFAULT = 262144,
};

void ek_netctx_say(const struct ek_netctx *n, const char *format, ...)
{
        va_list args;

        if (n->options->quiet)
                return;
        va_start(args, format);
        vfprintf(stderr, format, args);
        va_end(args);
        fputc('\n', stderr);
}

/* ---- configuration ---- */

static void set_buffers(const struct ek_options *o, struct elko_config *c)
{
        if (o->sndbuf != EK_OPT_UNSET) {
                c->snd_buf_max_bytes = (uint32_t)o->sndbuf;
                if (c->snd_buf_bytes > c->snd_buf_max_bytes)
                        c->snd_buf_bytes = c->snd_buf_max_bytes;
        }
        if (o->rcvbuf != EK_OPT_UNSET) {
                c->rcv_buf_max_bytes = (uint32_t)o->rcvbuf;
                if (c->rcv_buf_bytes > c->rcv_buf_max_bytes)
                        c->rcv_buf_bytes = c->rcv_buf_max_bytes;
        }
}

static void make_stack_config(const struct ek_options *o, struct elko_config *c)
{
        if (o->has_seed)
                memcpy(c->seed, o->seed, sizeof c->seed);
        if (c->max_connections < MAX_CONNECTIONS_DEFAULT)
                c->max_connections = MAX_CONNECTIONS_DEFAULT;
        c->sack = o->sack;
        c->timestamps = o->timestamps;
        c->window_scale = o->window_scale;
        if (o->msl_ns != EK_OPT_UNSET)
                c->msl_ns = o->msl_ns;
        if (o->delack_ns != EK_OPT_UNSET)
                c->delack_ns = o->delack_ns;
        if (o->initial_window != EK_OPT_UNSET)
                c->initial_window_segs = (uint32_t)o->initial_window;
        if (o->congestion != NULL)
                c->congestion = o->congestion;
        c->pacing = o->pacing;
        c->ecn = (enum elko_ecn)o->ecn;
        if (o->keepalive_idle_ns != EK_OPT_UNSET)
                c->keepalive_idle_ns = o->keepalive_idle_ns;
        if (o->pcap != NULL)
                c->output_batch = 1; /* see the top of the file */
        set_buffers(o, c);
}

static bool make_host(struct ek_netctx *n, const struct ek_netctx_config *config)
{
        struct elko_host_config host;
        struct elko_drv_why why = {""};

        elko_host_config_default(&host);
        host.region_bytes = (size_t)n->options->memory_bytes;
        make_stack_config(n->options, &host.stack);
        host.on_event = config->on_event;
        host.on_stop = config->on_stop;
        host.ctx = config->ctx;
        n->host = elko_host_create(&host, &why);
        if (n->host == NULL) {
                ek_util_error("the stack could not be created: %s", why.text);
                return false;
        }
        n->st = elko_host_stack(n->host);
        return true;
}

/* ---- the driver ---- */

static void add_host_addresses(const struct ek_options *o, struct elko_drv_tun_config *tun)
{
        unsigned count = 0;

        for (; count < o->host_addr.count && count < ELKO_DRV_TUN_ADDRS; count++)
                tun->host_addr[count] = o->host_addr.text[count];
        if (o->host_addr.count > 0 || o->addr.count > 0)
                return;
        tun->host_addr[0] = default_host_addr[0];
        if (o->mtu == EK_OPT_UNSET || o->mtu >= IPV6_MIN_MTU)
                tun->host_addr[1] = default_host_addr[1];
}

static struct elko_drv *open_tun(const struct ek_options *o, struct elko_drv_why *why)
{
        struct elko_drv_tun_config tun;
        bool tap = o->link_kind == EK_LINK_TAP || (o->link_kind == EK_LINK_FD && o->link_fd_is_tap);

        elko_drv_tun_config_default(&tun);
        tun.name = o->link_name;
        tun.fd = o->link_kind == EK_LINK_FD ? o->link_fd : -1;
        tun.medium = tap ? ELKO_MEDIUM_ETHERNET : ELKO_MEDIUM_IP;
        tun.offload = o->offload;
        if (o->mtu != EK_OPT_UNSET)
                tun.mtu = (uint16_t)o->mtu;
        if (o->has_mac)
                memcpy(tun.mac, o->mac, sizeof tun.mac);
        if (o->link_kind == EK_LINK_FD)
                tun.up = false; /* whoever made it configured it */
        else
                add_host_addresses(o, &tun);
        return elko_drv_tun_open(&tun, why);
}

static struct elko_drv *open_packet(const struct ek_options *o, struct elko_drv_why *why)
{
        struct elko_drv_afpacket_config packet = {.name = o->link_name, .up = true};
        struct elko_drv *d;

        if (o->has_mac)
                memcpy(packet.mac, o->mac, sizeof packet.mac);
        d = elko_drv_afpacket_open(&packet, why);
        if (d != NULL && o->mtu != EK_OPT_UNSET && o->mtu < d->link.mtu)
                d->link.mtu = (uint16_t)o->mtu;
        return d;
}

static struct elko_drv *open_driver(const struct ek_netctx *n)
{
        const struct ek_options *o = n->options;
        struct elko_drv_why why = {""};
        struct elko_drv *d =
                o->link_kind == EK_LINK_PACKET ? open_packet(o, &why) : open_tun(o, &why);

        if (d == NULL)
                ek_util_error("%s", why.text);
        else if (why.text[0] != '\0')
                ek_netctx_say(n, "elko: note: %s", why.text);
        return d;
}

/* Wrap the driver with the recorder; on failure it is closed. */
static struct elko_drv *record(struct ek_netctx *n, struct elko_drv *d)
{
        struct elko_drv_pcapng_config config = {.epoch_ns = elko_drv_pcapng_epoch(),
                                                .name = n->options->pcap};
        struct elko_drv_why why = {""};
        FILE *file = fopen(n->options->pcap, "we");

        if (file == NULL) {
                ek_util_error("--pcap: cannot write '%s': %s; choose another file",
                              n->options->pcap, ek_util_errno_text(errno));
                elko_drv_close(d);
                return NULL;
        }
        n->recorder = elko_drv_pcapng_open(d, file, &config, &why);
        if (n->recorder == NULL)
                ek_util_error("--pcap: %s", why.text);
        return n->recorder;
}

static bool make_link(struct ek_netctx *n)
{
        struct elko_drv *d = open_driver(n);
        struct elko_drv_why why = {""};
        int link;

        if (d != NULL && n->options->pcap != NULL)
                d = record(n, d);
        if (d == NULL)
                return false;
        link = elko_host_attach(n->host, d, &why);
        if (link < 0) {
                n->recorder = NULL;
                ek_util_error("the link could not be attached: %s", why.text);
                return false;
        }
        n->link = (elko_link)link;
        return true;
}

/* ---- addresses and routes ---- */

static bool add_address(struct ek_netctx *n, const char *cidr)
{
        int error = elko_addr_add(n->st, n->link, cidr);

        if (error == 0)
                return true;
        ek_util_error("address %s cannot be used on this link: %s", cidr, elko_error_text(error));
        return false;
}

static bool add_addresses(struct ek_netctx *n)
{
        const struct ek_text_list *addr = &n->options->addr;
        struct elko_drv *d = elko_host_driver(n->host, n->link);

        for (unsigned i = 0; i < addr->count; i++)
                if (!add_address(n, addr->text[i]))
                        return false;
        if (addr->count > 0)
                return true;
        if (!add_address(n, default_addr[0]))
                return false;
        return d->link.mtu < IPV6_MIN_MTU || add_address(n, default_addr[1]);
}

static bool add_gateway(struct ek_netctx *n, const char *gateway)
{
        elko_ip ip;
        int error;

        if (gateway == NULL || !elko_ip_parse(gateway, &ip))
                return true;
        error = elko_route_add(n->st, elko_ip_is_v4(&ip) ? "0.0.0.0/0" : "::/0", n->link, gateway);
        if (error == 0)
                return true;
        ek_util_error("--gateway %s: %s; it must be in the network of one of our addresses",
                      gateway, elko_error_text(error));
        return false;
}

/* ---- observers ---- */

static void on_trace(void *ctx, const struct elko_trace_event *ev)
{
        struct ek_netctx *n = ctx;
        char line[512];

        if (n->trace != NULL) {
                ladder_trace_line(ev, line, sizeof line);
                fprintf(n->trace, "%s\n", line);
        }
        if (n->ladder != NULL)
                ladder_event(n->ladder, ev);
        if (n->recorder != NULL && ev->kind == ELKO_TRACE_SEGMENT_OUT && ev->why != ELKO_WHY_NONE)
                elko_drv_pcapng_comment(n->recorder, elko_why_text(ev->why));
}

static bool open_trace(struct ek_netctx *n)
{
        const char *name = n->options->trace;

        if (name == NULL)
                return true;
        n->trace = strcmp(name, "-") == 0 ? stderr : fopen(name, "we");
        if (n->trace == NULL) {
                ek_util_error(
                        "--trace: cannot write '%s': %s; choose another file, or - for stderr",
                        name, ek_util_errno_text(errno));
                return false;
        }
        setvbuf(n->trace, NULL, _IOLBF, 0);
        return true;
}

static void on_ladder_timer(void *ctx, struct elko_host_timer *timer)
{
        struct ek_netctx *n = ctx;

        if (ladder_print_ended(n->ladder, n->report) > 0)
                fflush(n->report);
        elko_host_timer_set(n->host, timer, elko_host_now(n->host) + ELKO_MS(LADDER_PERIOD_MS));
}

static bool open_ladder(struct ek_netctx *n)
{
        struct ladder_options options;

        if (!n->options->ladder)
                return true;
        ladder_options_init(&options);
        ladder_options_fit(&options, n->report);
        options.lang = n->options->lang == EK_LANG_ZH ? LADDER_ZH : LADDER_EN;
        options.time_wait_ns =
                2 * (n->options->msl_ns != EK_OPT_UNSET ? n->options->msl_ns : ELKO_SEC(30));
        n->ladder = ladder_new(&options);
        if (n->ladder == NULL) {
                ek_util_error("--ladder: out of memory");
                return false;
        }
        n->ladder_timer = (struct elko_host_timer){.fn = on_ladder_timer, .ctx = n};
        elko_host_timer_set(n->host, &n->ladder_timer,
                            elko_host_now(n->host) + ELKO_MS(LADDER_PERIOD_MS));
        return true;
}

static bool open_observers(struct ek_netctx *n)
{
        struct elko_drv_why why = {""};

        if (!open_trace(n) || !open_ladder(n))
                return false;
        if (n->trace != NULL || n->ladder != NULL || n->recorder != NULL)
                elko_trace_set(n->st, on_trace, n);
        if (n->options->inspect != 0)
                return true;
        n->inspect = elko_host_inspect_open(n->host, NULL, &why);
        if (n->inspect == NULL) /* a convenience: not worth failing for */
                ek_netctx_say(n, "elko: note: `elko info` will not see this process: %s", why.text);
        return true;
}

/* ---- the whole ---- */

bool ek_netctx_open(struct ek_netctx *n, const struct ek_options *options,
                    const struct ek_netctx_config *config)
{
        *n = (struct ek_netctx){.options = options,
                                .report = config->report != NULL ? config->report : stdout};
        if (make_host(n, config) && make_link(n) && add_addresses(n) &&
            add_gateway(n, options->gateway[0]) && add_gateway(n, options->gateway[1]) &&
            open_observers(n))
                return true;
        ek_netctx_close(n);
        return false;
}

int ek_netctx_run(struct ek_netctx *n)
{
        return elko_host_run(n->host) == 0 ? EK_EXIT_OK : EK_EXIT_NETWORK;
}

static void close_trace(struct ek_netctx *n)
{
        bool failed;

        if (n->trace == NULL)
                return;
        failed = ferror(n->trace) != 0;
        if (n->trace != stderr && fclose(n->trace) != 0)
                failed = true;
        if (failed)
                ek_util_error("--trace: '%s' could not be written completely", n->options->trace);
        n->trace = NULL;
}

void ek_netctx_close(struct ek_netctx *n)
{
        if (n->host == NULL)
                return;
        elko_host_inspect_close(n->inspect);
        n->inspect = NULL;
        elko_host_timer_clear(n->host, &n->ladder_timer);
        elko_host_destroy(n->host); /* its last packets are traced, too */
        n->host = NULL;
        n->st = NULL;
        n->recorder = NULL;
        if (n->ladder != NULL) {
                ladder_print(n->ladder, n->report);
                fflush(n->report);
                ladder_free(n->ladder);
                n->ladder = NULL;
        }
        close_trace(n);
}

/* ---- sockets ---- */

bool ek_netctx_set_options(struct ek_netctx *n, elko_sock s)
{
        const struct ek_options *o = n->options;
        const struct {
                bool given;
                enum elko_option option;
                uint64_t value;
                const char *name;
        } list[] = {
                {o->nodelay, ELKO_OPTION_NODELAY, 1, "nodelay"},
                {o->cork, ELKO_OPTION_CORK, 1, "cork"},
                {o->keepalive, ELKO_OPTION_KEEPALIVE, 1, "keepalive"},
                {o->user_timeout_ns != EK_OPT_UNSET, ELKO_OPTION_USER_TIMEOUT, o->user_timeout_ns,
                 "user-timeout"},
                {o->mss != EK_OPT_UNSET, ELKO_OPTION_MAX_SEG, o->mss, "mss"},
                {o->ttl != EK_OPT_UNSET, ELKO_OPTION_TTL, o->ttl, "ttl"},
                {o->tos != EK_OPT_UNSET, ELKO_OPTION_TOS, o->tos, "tos"},
        };

        for (size_t i = 0; i < sizeof list / sizeof list[0]; i++) {
                int error = list[i].given ? elko_set_option(n->st, s, list[i].option, list[i].value)
                                          : 0;

                if (error != 0) {
                        ek_util_error("--%s was refused by the stack: %s", list[i].name,
                                      elko_error_text(error));
                        return false;
                }
        }
        return true;
}

elko_endpoint ek_netctx_endpoint(const struct ek_netctx *n, const elko_ip *ip, uint16_t port)
{
        bool link_local = ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;

        return (elko_endpoint){.ip = *ip, .port = port, .scope = link_local ? n->link : 0};
}

bool ek_netctx_listen(struct ek_netctx *n, const elko_ip *ip, uint16_t port, elko_sock *out)
{
        struct elko_listen_config config = {.backlog = 4096, .syn_queue = 4096};
        static const elko_ip any;
        elko_endpoint local = ek_netctx_endpoint(n, ip != NULL ? ip : &any, port);
        char text[EK_UTIL_ENDPOINT_TEXT];
        int error = elko_listen(n->st, &local, &config, out);

        if (error != 0) {
                ek_util_error("cannot listen on %s: %s", ek_util_format_endpoint(&local, text),
                              elko_error_text(error));
                return false;
        }
        return ek_netctx_set_options(n, *out);
}

bool ek_netctx_connect(struct ek_netctx *n, const char *host, uint16_t port, int family,
                       elko_sock *out)
{
        char why[400];
        char text[EK_UTIL_ENDPOINT_TEXT];
        elko_endpoint remote;
        elko_ip ip;
        int error;

        if (!ek_util_resolve(host, family, NULL, &ip, why, sizeof why)) {
                ek_util_error("%s", why);
                return false;
        }
        remote = ek_netctx_endpoint(n, &ip, port);
        error = elko_connect(n->st, &remote, NULL, out);
        if (error != 0) {
                ek_util_error("cannot connect to %s: %s%s", ek_util_format_endpoint(&remote, text),
                              elko_error_text(error),
                              error == ELKO_ENETUNREACH ? "; --gateway gives a default route" : "");
                return false;
        }
        return ek_netctx_set_options(n, *out);
}

const char *ek_netctx_own_address(const struct ek_netctx *n, int family, char buf[ELKO_IP_TEXT])
{
        const struct ek_text_list *addr = &n->options->addr;
        unsigned count = addr->count > 0 ? addr->count : 2;

        for (unsigned i = 0; i < count; i++) {
                const char *cidr = addr->count > 0 ? addr->text[i] : default_addr[i];
                elko_ip ip;
                unsigned prefix_len;

                if (elko_ip_parse_prefix(cidr, &ip, &prefix_len) &&
                    elko_ip_is_v4(&ip) == (family == 4)) {
                        elko_ip_format(&ip, buf);
                        return buf;
                }
        }
        return NULL;
}
