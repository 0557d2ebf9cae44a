/* SPDX-License-Identifier: MIT */
/*
 * One run.
 *
 *        senders                                             receiver
 *        elko stacks, in this process --.   the wire     .-- the kernel, by its TUN device
 *        the kernel, by a TUN device ---+--- data -----> +-- or an elko stack, in this process
 *                                       <---- ACKs -----
 *
 * One loop does everything: packets that came from the devices and stacks go into the wire, what is
 * due comes out of it and goes to the other side. Giving a packet to the kernel runs the kernel's TCP
 * within the system call, up to the segments that it sends in answer; giving it to elko runs elko
 * within the call as well. So the wire sees both the same way, and pays for both.
 *
 * Real time: the loop sleeps until the next instant at which something is due, in ppoll(), whose
 * wake-up may be late by tens of microseconds; where that is much for the path's round trip it wakes
 * up earlier and spins. What leaves the wire late is counted, and so is how long a packet may have
 * waited in a device because the loop was busy; a run with too much of either is disturbed and says
 * nothing about the senders.
 *
 * Virtual time: the same loop with a clock that jumps to the next instant when nothing is left to do
 * at this one.
 */
#include "lab_run.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "drivers/netns.h"
#include "drivers/wire_ip.h"
#include "lab_agent.h"
#include "lab_elko.h"
#include "lab_flow.h"
#include "util.h"

enum {
        TO_RECEIVER = 0,
        TO_SENDERS = 1,
        BATCH = 64,
        READS = 32, /* packets of a device at one go: 50 us at most */
        MILLION = 1000000,
        P95 = 950000,
        P99 = 990000,
        LATE_SHARE = 20, /* of the round trip */
};

#define LATE_FLOOR_NS ELKO_US(150) /* what an undisturbed machine of this kind needs */
#define SPIN_NS       ELKO_US(50)
#define SPIN_RTT_NS   ELKO_MS(5)
#define GRACE_NS      ELKO_MS(20)

struct run {
        const struct ek_lab_run_config *config;
        const struct ek_lab_cell *cell;
        struct elko_wire *wire;
        struct ek_lab_flow *flow; /* shared memory */
        struct ek_lab_elko *sender[EK_LAB_FLOWS_MAX];
        struct ek_lab_elko *receiver;
        struct ek_lab_agent senders, receivers; /* the kernel's ends */
        uint64_t now, start, end, next_sample;
        unsigned started;
        uint64_t polled_at; /* the devices were found empty, and the loop did not sleep since; 0 */
        struct elko_hist late, waited;
        uint8_t packet[65536];
        struct elko_wire_packet due[BATCH];
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
        return a < b ? a : b;
}

static void look_at_clock(struct run *r)
{
        if (!r->config->in_virtual_time)
                r->now = ek_util_now();
}

/* ---- into the wire ---- */

static void into_wire(struct run *r, int dir, const struct elko_frame *f)
{
        elko_wire_send(r->wire, dir, f, r->now);
}

static void from_sender(void *ctx, const struct elko_frame *f)
{
        into_wire(ctx, TO_RECEIVER, f);
}

static void from_receiver(void *ctx, const struct elko_frame *f)
{
        into_wire(ctx, TO_SENDERS, f);
}

/* What a device has; IPv6 is the kernel looking for neighbours and routers, and no part of this. */
static bool read_device(struct run *r, const struct ek_lab_agent *a, int dir)
{
        int n = 0;

        if (a->pid == 0)
                return false;
        while (n < READS) {
                ssize_t len = read(a->tun, r->packet, sizeof r->packet);
                struct elko_frame f = {.parts = 1};

                if (len <= 0)
                        break;
                n++;
                if (r->packet[0] >> 4 != 4)
                        continue;
                f.part[0] = (struct elko_slice){r->packet, (uint32_t)len};
                f.len = (uint32_t)len;
                look_at_clock(r);
                if (r->polled_at != 0)
                        elko_hist_add(&r->waited, r->now - r->polled_at);
                into_wire(r, dir, &f);
        }
        return n > 0;
}

static bool run_stacks(struct run *r)
{
        bool work = false;

        look_at_clock(r);
        for (unsigned i = 0; i < r->started; i++)
                if (r->sender[i] != NULL)
                        work |= ek_lab_elko_run(r->sender[i], r->now, from_sender, r);
        if (r->receiver != NULL)
                work |= ek_lab_elko_run(r->receiver, r->now, from_receiver, r);
        return work;
}

/* ---- out of the wire ---- */

static void to_device(const struct ek_lab_agent *a, const struct elko_wire_packet *p)
{
        ssize_t n;

        do
                n = write(a->tun, p->data, p->len);
        while (n < 0 && errno == EINTR);
}

static struct ek_lab_elko *sender_of(struct run *r, const struct elko_wire_packet *p)
{
        struct elko_wire_ip ip;
        unsigned host;

        if (!elko_wire_ip_parse(p->data, p->len, &ip))
                return NULL;
        host = ip.destination[3];
        if (host < EK_LAB_HOST_ELKO || host >= EK_LAB_HOST_ELKO + EK_LAB_FLOWS_MAX)
                return NULL;
        return r->sender[host - EK_LAB_HOST_ELKO];
}

static void deliver(struct run *r, int dir, const struct elko_wire_packet *p)
{
        struct ek_lab_elko *e = dir == TO_RECEIVER ? r->receiver : sender_of(r, p);
        const struct ek_lab_agent *a = dir == TO_RECEIVER ? &r->receivers : &r->senders;
        struct elko_packet packet = {.data = p->data, .len = p->len};

        look_at_clock(r);
        elko_hist_add(&r->late, r->now - p->due);
        if (e != NULL)
                ek_lab_elko_input(e, &packet, 1, r->now);
        else if (a->pid != 0)
                to_device(a, p);
}

static bool take_due(struct run *r, int dir)
{
        size_t n;

        look_at_clock(r);
        n = elko_wire_take(r->wire, dir, r->now, r->due, BATCH);
        for (size_t i = 0; i < n; i++)
                deliver(r, dir, &r->due[i]);
        return n > 0;
}

/* ---- flows and samples ---- */

/* Two flows that begin at the same instant, or a fixed time apart, stay in step with each other on a path without
 * chance, and it is always the same one whose packets find the queue full (traffic phase effects: Floyd and Jacobson,
 * 1992). So each seed has its own distance, up to a round trip more. */
static uint64_t start_of(const struct run *r, unsigned flow)
{
        uint64_t z = r->config->seed * 0x9e3779b97f4a7c15u + flow;

        if (flow == 0)
                return r->start;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        return r->start + flow * r->cell->stagger_ns + (z >> 32) % (r->cell->rtt_ns + 1);
}

static bool start_flows(struct run *r)
{
        unsigned before = r->started;

        while (r->started < r->config->senders->count && r->now >= start_of(r, r->started)) {
                unsigned i = r->started++;

                if (r->sender[i] != NULL)
                        ek_lab_elko_start(r->sender[i], r->now);
                else
                        ek_lab_agent_go(&r->senders, i);
        }
        return r->started != before;
}

static void write_series(struct run *r)
{
        uint64_t queued = elko_wire_queued(r->wire, TO_RECEIVER, r->now);

        for (unsigned i = 0; i < r->started; i++) {
                struct ek_lab_flow *f = &r->flow[i];
                uint64_t ssthresh = ek_lab_get(&f->ssthresh);

                fprintf(r->config->series, "%.3f,%u,%s,%llu,%lld,%.3f,%llu,%llu,%llu\n",
                        (double)(r->next_sample - r->start) / 1e9, i,
                        r->config->senders->peer[i].name, (unsigned long long)ek_lab_get(&f->cwnd),
                        ssthresh == UINT64_MAX ? -1LL : (long long)ssthresh,
                        (double)ek_lab_get(&f->srtt_ns) / 1e6, (unsigned long long)queued,
                        (unsigned long long)ek_lab_get(&f->delivered),
                        (unsigned long long)ek_lab_get(&f->retrans_segs));
        }
}

static void take_samples(struct run *r)
{
        if (r->now < r->next_sample)
                return;
        for (unsigned i = 0; i < r->started; i++)
                if (r->sender[i] != NULL)
                        ek_lab_elko_sample(r->sender[i]);
        for (; r->next_sample <= r->now; r->next_sample += ELKO_MS(EK_LAB_SAMPLE_MS))
                if (r->config->series != NULL)
                        write_series(r);
}

/* ---- the loop ---- */

static uint64_t next_deadline(struct run *r)
{
        uint64_t at = earlier(elko_wire_next(r->wire), earlier(r->next_sample, r->end));

        for (unsigned i = 0; i < r->started; i++)
                if (r->sender[i] != NULL)
                        at = earlier(at, ek_lab_elko_deadline(r->sender[i]));
        if (r->receiver != NULL)
                at = earlier(at, ek_lab_elko_deadline(r->receiver));
        if (r->started < r->config->senders->count)
                at = earlier(at, start_of(r, r->started));
        return at;
}

static void sleep_until(struct run *r, uint64_t at)
{
        struct pollfd fds[2] = {
                {.fd = r->senders.pid != 0 ? r->senders.tun : -1, .events = POLLIN},
                {.fd = r->receivers.pid != 0 ? r->receivers.tun : -1, .events = POLLIN}};
        uint64_t spin = r->cell->rtt_ns <= SPIN_RTT_NS ? SPIN_NS : 0;
        struct timespec span;
        uint64_t ns;

        look_at_clock(r);
        if (at <= r->now + spin)
                return;
        ns = at - r->now - spin;
        span.tv_sec = (time_t)(ns / ELKO_SEC(1));
        span.tv_nsec = (long)(ns % ELKO_SEC(1));
        ppoll(fds, 2, &span, NULL);
        r->polled_at = 0;
}

static void pass_time(struct run *r)
{
        uint64_t at = next_deadline(r);

        if (!r->config->in_virtual_time)
                sleep_until(r, at);
        else
                r->now = at > r->now ? at : r->now + 1;
}

static void loop(struct run *r)
{
        r->now = r->config->in_virtual_time ? r->start : ek_util_now();
        while (r->now < r->end) {
                bool work = start_flows(r);

                work |= read_device(r, &r->senders, TO_RECEIVER);
                work |= read_device(r, &r->receivers, TO_SENDERS);
                if (!r->config->in_virtual_time)
                        r->polled_at = r->now;
                work |= run_stacks(r);
                work |= take_due(r, TO_RECEIVER);
                work |= take_due(r, TO_SENDERS);
                take_samples(r);
                if (!work)
                        pass_time(r);
                look_at_clock(r);
        }
}

/* ---- the result ---- */

static void collect_flow(struct run *r, unsigned i, struct ek_lab_flow_result *out)
{
        struct ek_lab_flow *f = &r->flow[i];

        *out = (struct ek_lab_flow_result){
                .delivered = ek_lab_get(&f->delivered),
                .span_ns = r->end - start_of(r, i),
                .srtt_ns = ek_lab_get(&f->srtt_ns),
                .retrans_segs = ek_lab_get(&f->retrans_segs),
                .retrans_bytes = ek_lab_get(&f->retrans_bytes),
                .timeouts = ek_lab_get(&f->timeouts),
                .rwnd_limited_ns = ek_lab_get(&f->rwnd_limited_ns),
                .reord_seen = ek_lab_get(&f->reord_seen),
                .dsack_dups = ek_lab_get(&f->dsack_dups),
                .connected = ek_lab_get(&f->connected) != 0,
                .error = (int)ek_lab_get(&f->error),
        };
}

static void collect(struct run *r, struct ek_lab_result *out)
{
        const struct elko_wire_stats *s = elko_wire_stats_get(r->wire, TO_RECEIVER);

        for (unsigned i = 0; i < r->config->senders->count; i++) {
                if (r->sender[i] != NULL)
                        ek_lab_elko_sample(r->sender[i]);
                collect_flow(r, i, &out->flow[i]);
        }
        out->packets = s->packets_in;
        out->lost = s->lost;
        out->overflow = s->overflow;
        out->codel = s->codel;
        out->marked = s->marked;
        out->reordered = s->reordered;
        out->duplicated = s->duplicated;
        out->ack_lost = elko_wire_stats_get(r->wire, TO_SENDERS)->ack_lost;
        out->queue_mean_ns = elko_hist_mean(&s->queue_ns);
        out->queue_p95_ns = elko_hist_quantile(&s->queue_ns, P95);
        out->queue_max_bytes = s->queue_max_bytes;
        out->late_p99_ns = elko_hist_quantile(&r->late, P99);
        out->late_max_ns = r->late.max;
        out->read_p99_ns = elko_hist_quantile(&r->waited, P99);
        out->late_limit_ns = r->cell->rtt_ns / LATE_SHARE;
        if (out->late_limit_ns < LATE_FLOOR_NS)
                out->late_limit_ns = LATE_FLOOR_NS;
        out->disturbed = !r->config->in_virtual_time && (out->late_p99_ns > out->late_limit_ns ||
                                                         out->read_p99_ns > out->late_limit_ns);
}

/* ---- setting up ---- */

static int open_senders(struct run *r, struct elko_drv_why *why)
{
        const struct ek_lab_peers *p = r->config->senders;
        bool kernel = false;

        for (unsigned i = 0; i < p->count; i++) {
                struct ek_lab_elko_config c = {.cell = r->cell,
                                               .host = EK_LAB_HOST_ELKO + i,
                                               .flow = i,
                                               .cc = p->peer[i].cc,
                                               .seed = r->config->seed,
                                               .now = r->now};

                kernel |= p->peer[i].kernel;
                if (p->peer[i].kernel)
                        continue;
                r->sender[i] = ek_lab_elko_create(&c, r->flow, why);
                if (r->sender[i] == NULL)
                        return -errno;
        }
        if (kernel) {
                struct ek_lab_agent_config a = {.cell = r->cell,
                                                .senders = p,
                                                .flow = r->flow,
                                                .realtime = r->config->realtime};

                return ek_lab_agent_start(&r->senders, &a, why);
        }
        return 0;
}

static int open_receiver(struct run *r, struct elko_drv_why *why)
{
        struct ek_lab_elko_config c = {.cell = r->cell,
                                       .receiver = true,
                                       .host = EK_LAB_HOST_RECEIVER,
                                       .seed = r->config->seed,
                                       .now = r->now};
        struct ek_lab_agent_config a = {.cell = r->cell,
                                        .receiver = true,
                                        .flows = r->config->senders->count,
                                        .flow = r->flow,
                                        .realtime = r->config->realtime};

        if (!r->config->in_virtual_time && r->cell->receiver == 0)
                return ek_lab_agent_start(&r->receivers, &a, why);
        r->receiver = ek_lab_elko_create(&c, r->flow, why);
        return r->receiver == NULL ? -errno : 0;
}

static int open_run(struct run *r, struct elko_drv_why *why)
{
        struct elko_wire_config wire;
        size_t bytes = EK_LAB_FLOWS_MAX * sizeof *r->flow;
        int error;

        r->flow = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (r->flow == MAP_FAILED) {
                r->flow = NULL;
                return elko_drv_fail(why, ENOMEM, "no shared memory");
        }
        r->now = r->config->in_virtual_time ? ELKO_SEC(1) : ek_util_now();
        error = open_receiver(r, why);
        if (error == 0)
                error = open_senders(r, why);
        if (error != 0)
                return error;
        /* In real time the agents are given a moment to fall asleep. */
        r->start = r->config->in_virtual_time ? r->now : ek_util_now() + GRACE_NS;
        r->end = r->start + ek_lab_cell_time(r->cell);
        r->next_sample = r->start;
        ek_lab_cell_wire(r->cell, r->config->seed, &wire);
        wire.start = r->start;
        r->wire = elko_wire_create(&wire, why);
        return r->wire == NULL ? -errno : 0;
}

static void close_run(struct run *r)
{
        ek_lab_agent_stop(&r->senders);
        ek_lab_agent_stop(&r->receivers);
        for (unsigned i = 0; i < EK_LAB_FLOWS_MAX; i++)
                ek_lab_elko_destroy(r->sender[i]);
        ek_lab_elko_destroy(r->receiver);
        elko_wire_destroy(r->wire);
        if (r->flow != NULL)
                munmap(r->flow, EK_LAB_FLOWS_MAX * sizeof *r->flow);
        free(r);
}

void ek_lab_run(const struct ek_lab_run_config *config, struct ek_lab_result *out)
{
        struct run *r = calloc(1, sizeof *r);

        *out = (struct ek_lab_result){.failed = true};
        if (r == NULL) {
                elko_drv_fail(&out->why, ENOMEM, "no memory");
                return;
        }
        r->config = config;
        r->cell = config->cell;
        r->senders = r->receivers = (struct ek_lab_agent){.control = -1, .tun = -1};
        if (open_run(r, &out->why) == 0) {
                if (config->series != NULL)
                        fprintf(config->series,
                                "seconds,flow,peer,cwnd_bytes,ssthresh_bytes,srtt_ms,"
                                "queue_bytes,delivered_bytes,retrans_segs\n");
                loop(r);
                collect(r, out);
                out->failed = false;
        }
        close_run(r);
}

int ek_lab_run_probe(const struct ek_lab_peers *peers, struct elko_drv_why *why)
{
        struct ek_lab_cell cell;
        struct ek_lab_agent a;
        struct ek_lab_agent_config config = {.cell = &cell, .senders = peers};
        int error;

        ek_lab_cell_default(&cell);
        error = ek_lab_agent_start(&a, &config, why);
        ek_lab_agent_stop(&a);
        return error;
}

uint64_t ek_lab_jain_ppm(const uint64_t *rate, unsigned n)
{
        double sum = 0, squares = 0;

        for (unsigned i = 0; i < n; i++) {
                sum += (double)rate[i];
                squares += (double)rate[i] * (double)rate[i];
        }
        return squares <= 0 ? 0 : (uint64_t)(sum * sum / (n * squares) * MILLION + 0.5);
}
