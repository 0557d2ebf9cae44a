/* SPDX-License-Identifier: MIT */

/*
 * Oracles that can't fail prove nothing: each kind of lie about a stream is told here, and each must be
 * objected to; and each excuse must be one.
 */
#include "ek_test.h"

#include "oracle.h"
#include "packet.h"
#include "scenario.h"

EK_TEST_MAIN();

struct stage {
        struct sim_world *w;
        struct sim_oracle o;
        struct sim_conn *c;
        uint8_t data[100];
};

static void set_up(struct stage *s)
{
        elko_endpoint a = {.ip = sim_address(0, false), .port = 5000};
        elko_endpoint b = {.ip = sim_address(1, false), .port = 80};

        s->w = sim_world_new();
        CHECK(s->w != NULL);
        sim_world_reset(s->w, 7);
        sim_oracle_init(&s->o, s->w);
        s->c = sim_oracle_opened(&s->o, 0, &a, 1, &b);
        CHECK(s->c != NULL);
        CHECK(sim_oracle_find(&s->o, &b, &a) == s->c);
        s->c->end[0].is_elko = s->c->end[1].is_elko = true;
        s->c->end[0].open = s->c->end[1].open = true;
        s->c->end[0].sent = sizeof(s->data);
        sim_oracle_fill(&s->o, s->c, 0, 0, s->data, sizeof(s->data));
}

static bool failed(struct stage *s)
{
        bool bad = sim_world_failure(s->w) != NULL;

        sim_world_free(s->w);
        return bad;
}

EK_TEST(right_bytes_and_a_right_end_pass)
{
        struct stage s;

        set_up(&s);
        sim_oracle_got(&s.o, s.c, 1, 0, s.data, 33);
        sim_oracle_got(&s.o, s.c, 1, 33, s.data + 33, 67);
        s.c->end[0].shut = true;
        sim_oracle_got_eof(&s.o, s.c, 1, 100);
        CHECK_EQ(s.c->end[1].received, 100);
        CHECK(!failed(&s));
}

EK_TEST(every_flipped_bit_is_seen)
{
        for (unsigned bit = 0; bit < 800; bit++) {
                struct stage s;

                set_up(&s);
                s.data[bit / 8] ^= (uint8_t)(1u << (bit % 8));
                sim_oracle_got(&s.o, s.c, 1, 0, s.data, 100);
                CHECK(failed(&s));
        }
}

EK_TEST(bytes_of_another_place_connection_or_direction_are_seen)
{
        struct stage s;
        uint8_t other[100];

        set_up(&s);
        sim_oracle_got(&s.o, s.c, 1, 1, s.data, 40);
        CHECK(failed(&s));
        set_up(&s);
        sim_oracle_fill(&s.o, s.c, 1, 0, other, sizeof(other));
        sim_oracle_got(&s.o, s.c, 1, 0, other, 40);
        CHECK(failed(&s));
        set_up(&s);
        s.c->id = 5; /* another incarnation of the same ports */
        sim_oracle_got(&s.o, s.c, 1, 0, s.data, 40);
        CHECK(failed(&s));
}

EK_TEST(more_than_was_written_is_seen)
{
        struct stage s;

        set_up(&s);
        s.c->end[0].sent = 99;
        sim_oracle_got(&s.o, s.c, 1, 0, s.data, 100);
        CHECK(failed(&s));
}

EK_TEST(an_early_end_is_seen)
{
        struct stage s;

        set_up(&s);
        s.c->end[0].shut = true;
        sim_oracle_got_eof(&s.o, s.c, 1, 99);
        CHECK(failed(&s));
        set_up(&s);
        sim_oracle_got_eof(&s.o, s.c, 1, 100); /* nobody closed */
        CHECK(failed(&s));
}

EK_TEST(a_missing_end_is_seen)
{
        struct stage s;

        set_up(&s);
        s.c->end[0].shut = s.c->end[1].shut = s.c->end[0].eof = true;
        CHECK(sim_oracle_unfinished(&s.o, s.c) != NULL);
        s.c->end[1].eof = true;
        CHECK(sim_oracle_unfinished(&s.o, s.c) != NULL); /* bytes are missing */
        s.c->end[1].received = 100;
        CHECK(sim_oracle_unfinished(&s.o, s.c) == NULL);
        CHECK(!failed(&s));
}

EK_TEST(errors_need_causes)
{
        struct stage s;

        set_up(&s);
        sim_oracle_got_error(&s.o, s.c, 1, ELKO_ECONNRESET, false, 0, ELKO_SEC(100));
        CHECK(failed(&s));
        set_up(&s);
        s.c->end[0].aborted = true;
        sim_oracle_got_error(&s.o, s.c, 1, ELKO_ECONNRESET, false, 0, ELKO_SEC(100));
        CHECK(!failed(&s));
        set_up(&s);
        sim_oracle_got_error(&s.o, s.c, 1, ELKO_ETIMEDOUT, false, ELKO_SEC(99), ELKO_SEC(100));
        CHECK(failed(&s));
        set_up(&s);
        sim_oracle_got_error(&s.o, s.c, 1, ELKO_ETIMEDOUT, false, ELKO_SEC(100), ELKO_SEC(100));
        CHECK(!failed(&s));
        set_up(&s);
        sim_oracle_got_error(&s.o, s.c, 1, ELKO_ECONNREFUSED, false, 0, ELKO_SEC(100));
        CHECK(failed(&s));
        set_up(&s);
        sim_oracle_got_error(&s.o, s.c, 1, ELKO_EINVAL, false, 0, ELKO_SEC(100));
        CHECK(failed(&s));
}

EK_TEST(planted_faults_end_a_whole_scenario)
{
        struct sim_run *run = sim_run_new();
        struct sim_options opt = {.has_faults = true, .plant_byte = 1000};
        struct sim_result r;

        CHECK(run != NULL);
        sim_scenario(run, 2, &(struct sim_options){.has_faults = true}, &r);
        CHECK(!r.failed);
        CHECK(r.bytes_checked > 1000);
        sim_scenario(run, 2, &opt, &r);
        CHECK(r.failed && strstr(r.failure, "I-12") != NULL);
        opt = (struct sim_options){.has_faults = true, .plant_eof = 1};
        sim_scenario(run, 2, &opt, &r);
        CHECK(r.failed && strstr(r.failure, "I-17") != NULL);
        opt = (struct sim_options){.has_faults = true, .packets_max = 5};
        sim_scenario(run, 2, &opt, &r);
        CHECK(r.failed && strstr(r.failure, "O4") != NULL);
        sim_run_free(run);
}

/* ---- I-39's reader ---- */

static size_t segment(uint8_t *packet, uint8_t flags, const char *options, size_t option_bytes)
{
        elko_ip a = sim_address(0, false), b = sim_address(1, false);
        size_t ip = sim_ip_begin(packet, &a, &b, 6, 20 + option_bytes + 4);
        uint8_t *t = packet + ip;

        memset(t, 0, 20);
        t[1] = 80;
        t[3] = 81;
        t[12] = (uint8_t)((20 + option_bytes) / 4 << 4);
        t[13] = flags;
        memcpy(t + 20, options, option_bytes);
        memcpy(t + 20 + option_bytes, "data", 4);
        sim_packet_repair(packet, ip + 24 + option_bytes);
        return ip + 24 + option_bytes;
}

static const char *judge(const uint8_t *packet, size_t len)
{
        struct sim_tcp_view v;
        bool is_tcp;

        return sim_packet_judge(packet, len, &v, &is_tcp);
}

EK_TEST(malformed_packets_are_seen)
{
        uint8_t p[200];
        size_t n = segment(p, SIM_ACK, "\1\1\10\12abcdefgh", 12);

        CHECK(judge(p, n) == NULL);
        for (size_t bit = 0; bit < n * 8; bit++) {
                p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
                CHECK(judge(p, n) != NULL);
                CHECK(!sim_packet_is_whole(p, n));
                p[bit / 8] ^= (uint8_t)(1u << (bit % 8));
        }
        CHECK(judge(p, n - 1) != NULL);
        CHECK(judge(p, n + 1) != NULL);
        CHECK(judge(p, segment(p, SIM_ACK | SIM_URG, "", 0)) != NULL);
        CHECK(judge(p, segment(p, 0, "", 0)) != NULL);
        CHECK(judge(p, segment(p, SIM_SYN | SIM_FIN, "", 0)) != NULL);
        CHECK(judge(p, segment(p, SIM_RST, "", 0)) != NULL); /* with data */
        CHECK(judge(p, segment(p, SIM_ACK, "\2\4\5\264", 4)) != NULL);
        CHECK(judge(p, segment(p, SIM_SYN, "\2\4\5\264", 4)) == NULL);
        CHECK(judge(p, segment(p, SIM_SYN, "\3\3\17\0", 4)) != NULL);
        CHECK(judge(p, segment(p, SIM_ACK, "\0\0\0\1", 4)) != NULL);
        CHECK(judge(p, segment(p, SIM_ACK, "\1\1\1\5", 4)) != NULL);
}
