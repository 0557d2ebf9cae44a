/* SPDX-License-Identifier: MIT */
/*
 * elko as an end of an experiment.
 *
 * Its clock is the run's, cut to the tick that is asked for: packets are taken when they come, as on
 * a machine with a coarse clock, but time stands still in between and timers fire at ticks only. The
 * buffers may grow to some multiples of the path's bandwidth-delay product and its queue, so that
 * the window of neither side is what the experiment measures.
 */
#include "lab_elko.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "util.h"

enum { BATCH = 64, CHUNK_BYTES = 256 << 10, EVENTS_MAX = 256, BUFFER_PATHS = 3 };

struct ek_lab_elko {
        struct ek_lab_elko_config config;
        struct ek_lab_flow *flows;
        elko_stack *stack;
        elko_link link;
        void *region;
        size_t region_bytes;
        elko_sock sock; /* sender: the connection */
        elko_sock listener[EK_LAB_FLOWS_MAX];
        bool more; /* there may be frames or events */
        struct elko_frame frames[BATCH];
};

static uint8_t chunk[CHUNK_BYTES]; /* what is sent: the path does not care */

/* ---- time ---- */

static uint64_t cut(const struct ek_lab_elko *e, uint64_t now)
{
        uint64_t tick = e->config.cell->tick_ns;

        return tick > 1 ? now - now % tick : now;
}

uint64_t ek_lab_elko_deadline(struct ek_lab_elko *e)
{
        uint64_t at = e->more ? 0 : elko_next_deadline(e->stack);
        uint64_t tick = e->config.cell->tick_ns;

        return tick <= 1 || at == ELKO_NEVER || at % tick == 0 ? at : at + (tick - at % tick);
}

/* ---- the application ---- */

static void note_error(struct ek_lab_elko *e, int64_t error)
{
        struct ek_lab_flow *flow = &e->flows[e->config.flow];

        if (error < 0 && error != ELKO_EAGAIN && ek_lab_get(&flow->error) == 0)
                ek_lab_put(&flow->error, (uint64_t)-error);
}

static void send_more(struct ek_lab_elko *e)
{
        int64_t n;

        do
                n = elko_send(e->stack, e->sock, chunk, sizeof chunk, 0);
        while (n == sizeof chunk);
        note_error(e, n);
}

static void on_sender_event(struct ek_lab_elko *e, const struct elko_event *ev)
{
        if ((ev->bits & ELKO_EV_ERROR) != 0)
                note_error(e, ev->error);
        if ((ev->bits & ELKO_EV_CONNECTED) != 0)
                ek_lab_put(&e->flows[e->config.flow].connected, 1);
        if ((ev->bits & (ELKO_EV_CONNECTED | ELKO_EV_WRITABLE)) != 0)
                send_more(e);
}

/* Read in place and forget: counting is all that the receiver does. */
static void receive_more(struct ek_lab_elko *e, elko_sock s, struct ek_lab_flow *flow)
{
        struct elko_slice slice[2];
        int64_t n;

        while ((n = elko_recv_peek(e->stack, s, slice)) > 0) {
                elko_recv_consume(e->stack, s, (size_t)n);
                ek_lab_add(&flow->delivered, (uint64_t)n);
        }
}

static void accept_all(struct ek_lab_elko *e, unsigned flow)
{
        elko_sock s;

        while (elko_accept(e->stack, e->listener[flow], &s, NULL) == 0) {
                elko_set_user(e->stack, s, &e->flows[flow]);
                receive_more(e, s, &e->flows[flow]);
        }
}

static void on_receiver_event(struct ek_lab_elko *e, const struct elko_event *ev)
{
        for (unsigned i = 0; i < EK_LAB_FLOWS_MAX; i++)
                if (ev->sock == e->listener[i])
                        accept_all(e, i);
        if (ev->user != NULL && (ev->bits & ELKO_EV_READABLE) != 0)
                receive_more(e, ev->sock, ev->user);
}

static size_t drain_events(struct ek_lab_elko *e)
{
        struct elko_event ev;
        size_t n = 0;

        for (; n < EVENTS_MAX && elko_next_event(e->stack, &ev); n++) {
                if (e->config.receiver)
                        on_receiver_event(e, &ev);
                else
                        on_sender_event(e, &ev);
        }
        return n;
}

/* ---- the loop's side ---- */

void ek_lab_elko_start(struct ek_lab_elko *e, uint64_t now)
{
        elko_endpoint to = {.ip = elko_ip_v4(10, 99, 0, EK_LAB_HOST_RECEIVER),
                            .port = (uint16_t)(EK_LAB_PORT + e->config.flow)};
        int error;

        elko_advance(e->stack, cut(e, now));
        error = elko_connect(e->stack, &to, NULL, &e->sock);
        if (error == 0 && e->config.cc != NULL)
                error = elko_set_congestion(e->stack, e->sock, e->config.cc);
        note_error(e, error);
        e->more = true;
}

void ek_lab_elko_input(struct ek_lab_elko *e, const struct elko_packet *packets, size_t n,
                       uint64_t now)
{
        elko_input(e->stack, e->link, packets, n, cut(e, now));
        e->more = true;
}

bool ek_lab_elko_run(struct ek_lab_elko *e, uint64_t now, ek_lab_out_fn *out, void *ctx)
{
        size_t events, frames;

        if (ek_lab_elko_deadline(e) > now)
                return false;
        elko_advance(e->stack, cut(e, now));
        events = drain_events(e);
        frames = elko_output(e->stack, e->link, e->frames, BATCH, cut(e, now));
        for (size_t i = 0; i < frames; i++)
                out(ctx, &e->frames[i]);
        e->more = events > 0 || frames > 0;
        return e->more;
}

void ek_lab_elko_sample(struct ek_lab_elko *e)
{
        struct ek_lab_flow *f = &e->flows[e->config.flow];
        struct elko_tcp_info info;

        if (e->config.receiver || elko_tcp_info_get(e->stack, e->sock, &info) != 0)
                return;
        ek_lab_put(&f->cwnd, info.snd_cwnd);
        ek_lab_put(&f->ssthresh, info.snd_ssthresh == UINT32_MAX ? UINT64_MAX : info.snd_ssthresh);
        ek_lab_put(&f->srtt_ns, info.srtt_ns);
        ek_lab_put(&f->min_rtt_ns, info.min_rtt_ns);
        ek_lab_put(&f->acked, info.bytes_acked);
        ek_lab_put(&f->retrans_segs, info.total_retrans);
        ek_lab_put(&f->retrans_bytes, info.bytes_retrans);
        ek_lab_put(&f->timeouts, info.total_rto);
        ek_lab_put(&f->reord_seen, info.reord_seen);
        ek_lab_put(&f->dsack_dups, info.dsack_dups);
        ek_lab_put(&f->rwnd_limited_ns, info.rwnd_limited_ns);
}

/* ---- creation ---- */

static void make_config(const struct ek_lab_elko_config *config, struct elko_config *out,
                        uint32_t *buffer)
{
        const struct ek_lab_cell *cell = config->cell;
        uint64_t bytes = BUFFER_PATHS * (ek_lab_cell_bdp(cell) + ek_lab_cell_buffer(cell));

        elko_config_default(out);
        if (bytes > UINT64_C(1) << 30)
                bytes = UINT64_C(1) << 30;
        *buffer = bytes < 4u << 20 ? 4u << 20 : (uint32_t)bytes;
        out->snd_buf_max_bytes = out->rcv_buf_max_bytes = *buffer;
        /* A kernel keeps every hole; half of a window is holes when slow start overshoots. */
        out->max_ooo_ranges = 4096;
        out->max_connections = out->max_half_open = out->max_time_wait = 64;
        out->ecn = cell->ecn == EK_LAB_ECN_ACCURATE ? ELKO_ECN_ACCURATE
                   : cell->ecn == EK_LAB_ECN_ON     ? ELKO_ECN_CLASSIC
                                                    : ELKO_ECN_OFF;
        if (cell->tick_ns > 1)
                out->clock_resolution_ns = cell->tick_ns;
        for (unsigned i = 0; i < ELKO_SEED_BYTES; i++)
                out->seed[i] = (uint8_t)(config->seed >> (i % 8 * 8));
        out->seed[ELKO_SEED_BYTES - 1] = (uint8_t)(1 + config->host);
}

static int make_stack(struct ek_lab_elko *e, struct elko_drv_why *why)
{
        struct elko_link_config link = {
                .medium = ELKO_MEDIUM_IP, .mtu = (uint16_t)e->config.cell->mtu, .name = "wire"};
        struct elko_config config;
        uint32_t buffer = 0;
        const char *text = "";
        char cidr[32];
        int n;

        make_config(&e->config, &config, &buffer);
        e->region_bytes = (size_t)buffer * (e->config.receiver ? 6u : 2u) + ((size_t)64 << 20);
        e->region = mmap(NULL, e->region_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (e->region == MAP_FAILED) {
                e->region = NULL;
                return elko_drv_fail(why, ENOMEM, "no memory for a stack of %zu bytes",
                                     e->region_bytes);
        }
        e->stack = elko_stack_create(e->region, e->region_bytes, &config, cut(e, e->config.now),
                                     &text);
        if (e->stack == NULL)
                return elko_drv_fail(why, EINVAL, "no stack: %s", text);
        n = elko_link_attach(e->stack, &link);
        snprintf(cidr, sizeof cidr, "10.99.0.%u/24", e->config.host);
        e->link = (elko_link)n;
        if (n > 0)
                n = elko_addr_add(e->stack, e->link, cidr);
        return n < 0 ? elko_drv_fail(why, EINVAL, "no link: %s", elko_error_text(n)) : 0;
}

static int listen_all(struct ek_lab_elko *e, struct elko_drv_why *why)
{
        for (unsigned i = 0; e->config.receiver && i < EK_LAB_FLOWS_MAX; i++) {
                elko_endpoint local = {.port = (uint16_t)(EK_LAB_PORT + i)};
                int error = elko_listen(e->stack, &local, NULL, &e->listener[i]);

                if (error != 0)
                        return elko_drv_fail(why, EINVAL, "no listener: %s",
                                             elko_error_text(error));
        }
        return 0;
}

struct ek_lab_elko *ek_lab_elko_create(const struct ek_lab_elko_config *config,
                                       struct ek_lab_flow *flows, struct elko_drv_why *why)
{
        struct ek_lab_elko *e = calloc(1, sizeof *e);

        if (e == NULL) {
                elko_drv_fail(why, ENOMEM, "no memory");
                return NULL;
        }
        e->config = *config;
        e->flows = flows;
        if (make_stack(e, why) == 0 && listen_all(e, why) == 0)
                return e;
        ek_lab_elko_destroy(e);
        return NULL;
}

void ek_lab_elko_destroy(struct ek_lab_elko *e)
{
        if (e == NULL)
                return;
        elko_stack_destroy(e->stack);
        if (e->region != NULL)
                munmap(e->region, e->region_bytes);
        free(e);
}
