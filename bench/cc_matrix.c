/* SPDX-License-Identifier: MIT */
/*
 * cc_matrix: goodput of each congestion control over a matrix of paths, in virtual time.
 *
 *      cc_matrix [--full] [--rate MBIT,...] [--rtt MS,...] [--loss PERCENT,...] [--cc NAME,...]
 *                [--buffer BDPS] [--ack-loss PERCENT] [--reorder PERCENT] [--step FACTOR] [--tick NS]
 *                [--flows N] [--seconds S] [--seeds N] [--pacing] [--json]
 *
 * Theory: two elko stacks, one bottleneck between them with a rate and a drop-tail buffer, half of the round trip
 * in each direction, random loss of data packets before the queue. The sender's application always has more; sockets'
 * buffers are larger than the path. The result is the payload that the receiver's application took, over the whole
 * time from connect() on, as a part of the rate (a full link reaches 1448/1500 with time stamps), and what was sent
 * again. Nothing here reads a clock: the same arguments give the same table on every machine.
 *
 * With --flows N the flows share the bottleneck, start a tenth of a second apart, and the table says Jain's index over
 * the second half. With --step the rate is multiplied in the middle of the time.
 */
#include <elko/elko.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MTU = 1500, PACKET_MAX = 1536, FRAMES = 64, LIST = 16, FLOWS = 16, PORT = 7 };

struct packet {
        uint64_t at; /* when it arrives */
        uint32_t len;
        uint8_t bytes[PACKET_MAX];
};

/* Packets on their way, in order of arrival. */
struct wire {
        struct packet *ring;
        uint64_t cap, head, tail;
};

struct path {
        double mbit, loss, ack_loss, reorder, buffer_bdp, step;
        uint64_t rtt_ns, tick_ns;
};

struct flow {
        elko_sock out, in;
        uint64_t received, half; /* half: what was received in the first half */
        bool open;
};

struct run {
        struct path path;
        elko_stack *st[2];
        void *region[2];
        elko_link link[2];
        struct wire wire[2]; /* towards 0, towards 1 */
        elko_sock listener;
        struct flow flow[FLOWS];
        unsigned flows, accepted;
        uint64_t now, link_free, random, dropped;
        double bytes_per_ns;
        uint32_t buffer;
};

static uint8_t payload[256 << 10];

static double chance(struct run *r)
{
        r->random ^= r->random >> 12;
        r->random ^= r->random << 25;
        r->random ^= r->random >> 27;
        return (double)((r->random * 0x2545f4914f6cdd1dull) >> 11) / 9007199254740992.0;
}

static void die(const char *what)
{
        fprintf(stderr, "cc_matrix: %s\n", what);
        exit(1);
}

static uint64_t shown(const struct run *r)
{
        return r->now / r->path.tick_ns * r->path.tick_ns;
}

/* ---- the path ---- */

static void put(struct wire *w, const struct elko_frame *f, uint64_t at)
{
        uint64_t i = w->tail++;
        struct packet *p;

        if (w->tail - w->head > w->cap)
                die("too many packets on the wire");
        /* Who is overtaken makes room: almost always nobody. */
        while (i > w->head && w->ring[(i - 1) % w->cap].at > at) {
                w->ring[i % w->cap] = w->ring[(i - 1) % w->cap];
                i--;
        }
        p = &w->ring[i % w->cap];
        p->at = at;
        p->len = 0;
        for (uint32_t k = 0; k < f->parts; k++) {
                memcpy(p->bytes + p->len, f->part[k].data, f->part[k].len);
                p->len += f->part[k].len;
        }
}

static void forward(struct run *r, const struct elko_frame *f)
{
        uint64_t start = r->link_free > r->now ? r->link_free : r->now, late = 0;
        double queue = (double)(start - r->now) * r->bytes_per_ns;

        if (f->len > 100 && chance(r) < r->path.loss)
                return;
        if (queue + f->len > r->buffer) {
                r->dropped++;
                return;
        }
        r->link_free = start + (uint64_t)(f->len / r->bytes_per_ns);
        if (r->path.reorder > 0 && chance(r) < r->path.reorder)
                late = r->path.rtt_ns / 4 + (uint64_t)(3 * MTU / r->bytes_per_ns);
        put(&r->wire[1], f, r->link_free + r->path.rtt_ns / 2 + late);
}

static void backward(struct run *r, const struct elko_frame *f)
{
        if (chance(r) >= r->path.ack_loss)
                put(&r->wire[0], f, r->now + r->path.rtt_ns / 2);
}

/* ---- the two ends ---- */

static void make_stack(struct run *r, unsigned i, const struct elko_cc_ops *cc, bool pacing,
                       uint32_t buf)
{
        struct elko_link_config link = {.medium = ELKO_MEDIUM_IP,
                                        .mtu = MTU,
                                        .flags = ELKO_LINK_RX_CSUM | ELKO_LINK_TX_CSUM};
        struct elko_config c;
        const char *why = NULL;
        size_t bytes;
        int n;

        elko_config_default(&c);
        memset(c.seed, (int)(i + 1), sizeof(c.seed));
        c.congestion = cc;
        c.pacing = pacing;
        c.clock_resolution_ns = r->path.tick_ns;
        c.max_connections = 64;
        c.max_half_open = 64;
        c.max_time_wait = 64;
        c.max_ooo_ranges = 255;
        c.snd_buf_bytes = c.snd_buf_max_bytes = c.rcv_buf_bytes = c.rcv_buf_max_bytes = buf;
        bytes = elko_stack_size(&c, 2 * r->flows + 2, buf);
        r->region[i] = malloc(bytes);
        r->st[i] =
                r->region[i] == NULL ? NULL : elko_stack_create(r->region[i], bytes, &c, 0, &why);
        if (r->st[i] == NULL)
                die(why != NULL ? why : "no memory");
        n = elko_link_attach(r->st[i], &link);
        r->link[i] = (elko_link)n;
        if (n <= 0 || elko_addr_add(r->st[i], r->link[i], i == 0 ? "10.0.0.1/24" : "10.0.0.2/24"))
                die("no link");
}

static void fill(struct run *r, struct flow *f)
{
        while (f->open && elko_send(r->st[0], f->out, payload, sizeof(payload), 0) > 0)
                ;
}

static void drain(struct run *r, struct flow *f)
{
        struct elko_slice s[2];
        int64_t n;

        while ((n = elko_recv_peek(r->st[1], f->in, s)) > 0) {
                f->received += (uint64_t)n;
                elko_recv_consume(r->st[1], f->in, (size_t)n);
        }
}

static void events(struct run *r)
{
        struct elko_event ev;
        elko_sock s;

        while (elko_next_event(r->st[0], &ev))
                for (unsigned i = 0; i < r->flows; i++)
                        if (r->flow[i].out == ev.sock) {
                                r->flow[i].open = r->flow[i].open || (ev.bits & ELKO_EV_CONNECTED);
                                fill(r, &r->flow[i]);
                        }
        while (elko_next_event(r->st[1], &ev)) {
                while (ev.sock == r->listener && elko_accept(r->st[1], r->listener, &s, NULL) == 0)
                        r->flow[r->accepted++].in = s;
                for (unsigned i = 0; i < r->accepted; i++)
                        drain(r, &r->flow[i]);
        }
}

static void deliver(struct run *r, unsigned to)
{
        struct elko_packet in[FRAMES];
        struct wire *w = &r->wire[to];
        size_t n = 0;

        while (w->head < w->tail && w->ring[w->head % w->cap].at <= r->now && n < FRAMES) {
                struct packet *p = &w->ring[w->head++ % w->cap];

                in[n++] = (struct elko_packet){
                        .data = p->bytes, .len = p->len, .flags = ELKO_PACKET_CSUM_OK};
        }
        if (n > 0)
                elko_input(r->st[to], r->link[to], in, n, shown(r));
}

static void settle(struct run *r)
{
        struct elko_frame f[FRAMES];
        size_t n;

        for (unsigned i = 0; i < 2; i++) {
                deliver(r, i);
                elko_advance(r->st[i], shown(r));
        }
        events(r);
        for (unsigned i = 0; i < 2; i++)
                while ((n = elko_output(r->st[i], r->link[i], f, FRAMES, shown(r))) > 0)
                        for (size_t k = 0; k < n; k++) {
                                if (i == 0)
                                        forward(r, &f[k]);
                                else
                                        backward(r, &f[k]);
                        }
        events(r);
}

static uint64_t next_instant(struct run *r)
{
        uint64_t next = ELKO_NEVER;

        for (unsigned i = 0; i < 2; i++) {
                uint64_t d = elko_next_deadline(r->st[i]), tick = r->path.tick_ns;
                const struct wire *w = &r->wire[i];

                if (d != ELKO_NEVER)
                        d = (d + tick - 1) / tick * tick;
                if (w->head < w->tail && w->ring[w->head % w->cap].at < d)
                        d = w->ring[w->head % w->cap].at;
                next = d < next ? d : next;
        }
        /* Input makes output by itself; a deadline that has passed must not stop the clock. */
        return next > r->now ? next : r->now + 1;
}

static void run_until(struct run *r, uint64_t until)
{
        while (r->now < until) {
                settle(r);
                r->now = next_instant(r);
        }
        r->now = until;
}

/* ---- one cell ---- */

struct result {
        double share, retrans, jain;
        uint64_t srtt_ns;
        uint32_t rtos;
};

static void begin(struct run *r, const struct elko_cc_ops *cc, bool pacing)
{
        double bdp;
        uint32_t buf = 4u << 20;
        elko_endpoint any = {.port = PORT};

        r->bytes_per_ns = r->path.mbit * 125e3 / 1e9;
        bdp = r->bytes_per_ns * (double)r->path.rtt_ns * (r->path.step > 1 ? r->path.step : 1);
        r->buffer = (uint32_t)(bdp * r->path.buffer_bdp);
        if (r->buffer < 4 * MTU)
                r->buffer = 4 * MTU;
        while (buf < 3 * (bdp + r->buffer) && buf < 1u << 28)
                buf *= 2;
        for (unsigned i = 0; i < 2; i++) {
                make_stack(r, i, cc, pacing, buf);
                r->wire[i].cap =
                        (uint64_t)(2 * bdp + 2 * r->buffer) / (i == 0 ? 60 : MTU / 2) + 8192;
                r->wire[i].ring = malloc(r->wire[i].cap * sizeof(struct packet));
                if (r->wire[i].ring == NULL)
                        die("no memory");
        }
        if (elko_listen(r->st[1], &any, NULL, &r->listener) != 0)
                die("no listener");
}

static void end(struct run *r)
{
        for (unsigned i = 0; i < 2; i++) {
                free(r->region[i]);
                free(r->wire[i].ring);
        }
}

static struct result one(const struct path *path, const struct elko_cc_ops *cc, bool pacing,
                         unsigned flows, double seconds, uint64_t seed)
{
        struct run r = {.path = *path, .flows = flows, .now = ELKO_SEC(1)};
        uint64_t from = r.now, span = (uint64_t)(seconds * 1e9), sent = 0, again = 0;
        double sum = 0, squares = 0, capacity;
        struct elko_tcp_info info = {0};
        struct result out = {0};
        elko_endpoint to = {.port = PORT, .ip = elko_ip_v4(10, 0, 0, 2)};

        r.random = seed * 0x9e3779b97f4a7c15ull + 1;
        begin(&r, cc, pacing);
        for (unsigned i = 0; i < flows; i++) {
                elko_advance(r.st[0], shown(&r));
                if (elko_connect(r.st[0], &to, NULL, &r.flow[i].out) != 0)
                        die("no connection");
                if (i + 1 < flows)
                        run_until(&r, from + (i + 1) * ELKO_MS(100));
        }
        run_until(&r, from + span / 2);
        for (unsigned i = 0; i < flows; i++)
                r.flow[i].half = r.flow[i].received;
        capacity = r.bytes_per_ns * (double)span / 2;
        if (path->step > 0)
                r.bytes_per_ns *= path->step;
        capacity += r.bytes_per_ns * (double)span / 2;
        run_until(&r, from + span);
        for (unsigned i = 0; i < flows; i++) {
                double x = (double)(r.flow[i].received - r.flow[i].half);

                sum += x;
                squares += x * x;
                out.share += (double)r.flow[i].received / capacity;
                elko_tcp_info_get(r.st[0], r.flow[i].out, &info);
                sent += info.bytes_sent;
                again += info.bytes_retrans;
                out.rtos += info.total_rto;
                out.srtt_ns = info.srtt_ns;
        }
        out.jain = squares > 0 ? sum * sum / (flows * squares) : 0;
        out.retrans = sent > 0 ? (double)again / (double)sent : 0;
        end(&r);
        return out;
}

/* ---- the table ---- */

struct list {
        double v[LIST];
        unsigned n;
};

static struct list parse(const char *text)
{
        struct list l = {.n = 0};
        char *next;

        while (*text != '\0' && l.n < LIST) {
                l.v[l.n++] = strtod(text, &next);
                if (next == text)
                        die("a list of numbers has commas between them");
                text = *next == ',' ? next + 1 : next;
        }
        return l;
}

struct args {
        struct list rate, rtt, loss;
        const struct elko_cc_ops *cc[LIST];
        unsigned ccs, flows, seeds;
        struct path path;
        double seconds;
        bool pacing, json;
};

static void parse_cc(struct args *a, const char *names)
{
        static char copy[256];

        snprintf(copy, sizeof(copy), "%s", names);
        a->ccs = 0;
        for (char *n = strtok(copy, ","); n != NULL && a->ccs < LIST; n = strtok(NULL, ",")) {
                a->cc[a->ccs] = elko_cc_find(n);
                if (a->cc[a->ccs++] == NULL)
                        die("there is no such congestion control");
        }
}

static void parse_args(struct args *a, int argc, char **argv)
{
        for (int i = 1; i < argc; i++) {
                const char *o = argv[i], *v = i + 1 < argc ? argv[i + 1] : "";
                bool took = true;

                if (strcmp(o, "--rate") == 0)
                        a->rate = parse(v);
                else if (strcmp(o, "--rtt") == 0)
                        a->rtt = parse(v);
                else if (strcmp(o, "--loss") == 0)
                        a->loss = parse(v);
                else if (strcmp(o, "--cc") == 0)
                        parse_cc(a, v);
                else if (strcmp(o, "--buffer") == 0)
                        a->path.buffer_bdp = strtod(v, NULL);
                else if (strcmp(o, "--ack-loss") == 0)
                        a->path.ack_loss = strtod(v, NULL) / 100;
                else if (strcmp(o, "--reorder") == 0)
                        a->path.reorder = strtod(v, NULL) / 100;
                else if (strcmp(o, "--step") == 0)
                        a->path.step = strtod(v, NULL);
                else if (strcmp(o, "--tick") == 0)
                        a->path.tick_ns = strtoull(v, NULL, 10);
                else if (strcmp(o, "--flows") == 0)
                        a->flows = (unsigned)strtoul(v, NULL, 10);
                else if (strcmp(o, "--seconds") == 0)
                        a->seconds = strtod(v, NULL);
                else if (strcmp(o, "--seeds") == 0)
                        a->seeds = (unsigned)strtoul(v, NULL, 10);
                else
                        took = false;
                i += took;
                if (took)
                        continue;
                if (strcmp(o, "--pacing") == 0) {
                        a->pacing = true;
                } else if (strcmp(o, "--json") == 0) {
                        a->json = true;
                } else if (strcmp(o, "--full") == 0) {
                        a->rate = parse("10,100,1000");
                        a->rtt = parse("1,20,100,300");
                        a->loss = parse("0,0.1,1,3");
                } else {
                        die("see the head of bench/cc_matrix.c for the options");
                }
        }
        if (a->flows < 1 || a->flows > FLOWS || a->seeds < 1 || a->path.tick_ns < 1)
                die("out of range");
}

static int by_share(const void *a, const void *b)
{
        double x = ((const struct result *)a)->share, y = ((const struct result *)b)->share;

        return (x > y) - (x < y);
}

static void cell(const struct args *a, const struct path *p, unsigned c, bool *first)
{
        struct result res[64], m;
        unsigned seeds = a->seeds < 64 ? a->seeds : 64;
        double seconds = a->seconds;

        /* Long enough that the beginning does not decide. */
        if (seconds <= 0) {
                seconds = 100 * (double)p->rtt_ns / 1e9;
                seconds = seconds < 8 ? 8 : seconds;
        }
        for (unsigned s = 0; s < seeds; s++)
                res[s] = one(p, a->cc[c], a->pacing, a->flows, seconds, s + 1);
        qsort(res, seeds, sizeof(res[0]), by_share);
        m = res[seeds / 2];
        if (a->json) {
                printf("%s\n  {\"cc\": \"%s\", \"mbit\": %g, \"rtt_ms\": %g, \"loss_percent\": %g, "
                       "\"buffer_bdp\": %g, \"flows\": %u, \"seconds\": %g, \"seeds\": %u, "
                       "\"share\": %.4f, \"share_min\": %.4f, \"share_max\": %.4f, \"mbit_goodput\": "
                       "%.3f, \"retrans\": %.4f, \"rto\": %" PRIu32
                       ", \"srtt_ms\": %.2f, \"jain\": "
                       "%.4f}",
                       *first ? "" : ",", a->cc[c]->name, p->mbit, (double)p->rtt_ns / 1e6,
                       p->loss * 100, p->buffer_bdp, a->flows, seconds, seeds, m.share,
                       res[0].share, res[seeds - 1].share, m.share * p->mbit, m.retrans, m.rtos,
                       (double)m.srtt_ns / 1e6, m.jain);
        } else if (a->flows > 1) {
                printf(" %8.3f (J %.3f)", m.share, m.jain);
        } else {
                printf(" %8.3f", m.share);
        }
        *first = false;
        fflush(stdout);
}

int main(int argc, char **argv)
{
        struct args a = {.flows = 1, .seeds = 1};
        bool first = true;

        a.rate = parse("10,100");
        a.rtt = parse("20,100");
        a.loss = parse("0,1");
        a.path = (struct path){.buffer_bdp = 1, .tick_ns = 1000};
        parse_cc(&a, "cubic,newreno,bbr");
        parse_args(&a, argc, argv);
        if (a.json) {
                printf("[");
        } else {
                printf("%8s %6s %6s", "Mbit/s", "ms", "loss %");
                for (unsigned c = 0; c < a.ccs; c++)
                        printf(" %8s", a.cc[c]->name);
                printf("    goodput / rate\n");
        }
        for (unsigned i = 0; i < a.rate.n; i++)
                for (unsigned j = 0; j < a.rtt.n; j++)
                        for (unsigned k = 0; k < a.loss.n; k++) {
                                struct path p = a.path;

                                p.mbit = a.rate.v[i];
                                p.rtt_ns = (uint64_t)(a.rtt.v[j] * 1e6);
                                p.loss = a.loss.v[k] / 100;
                                if (!a.json)
                                        printf("%8g %6g %6g", p.mbit, a.rtt.v[j], a.loss.v[k]);
                                for (unsigned c = 0; c < a.ccs; c++)
                                        cell(&a, &p, c, &first);
                                if (!a.json)
                                        printf("\n");
                        }
        if (a.json)
                printf("\n]\n");
        return 0;
}
