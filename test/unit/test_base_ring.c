/* test_base_ring.c - the byte ring, against a plain array that holds the stream from its head. */
#include "base/ring.h"

#include "ek_test.h"

enum { MAX_CAP = 256 };

/* What the ring should hold: byte[0] is at the head; known[i]: byte i was written. */
struct model {
        uint8_t byte[MAX_CAP];
        bool known[MAX_CAP];
        uint32_t cap, len;
};

static void fill_random(uint8_t *p, uint32_t n)
{
        uint32_t i;

        for (i = 0; i < n; i++)
                p[i] = (uint8_t)ek_test_rand();
}

static void model_write(struct model *m, uint32_t off, const uint8_t *src, uint32_t n)
{
        memcpy(m->byte + off, src, n);
        memset(m->known + off, true, n);
}

static void model_consume(struct model *m, uint32_t n)
{
        memmove(m->byte, m->byte + n, m->cap - n);
        memmove(m->known, m->known + n, m->cap - n);
        memset(m->known + m->cap - n, false, n);
        m->len -= n;
}

/* Bytes behind len that were written, without a gap. */
static uint32_t model_ready(const struct model *m)
{
        uint32_t n = 0;

        while (m->len + n < m->cap && m->known[m->len + n])
                n++;
        return n;
}

static void check_known(const struct ek_ring *ring, const struct model *m)
{
        struct ek_slice s[2];
        uint32_t i, n = ek_ring_peek(ring, 0, m->cap, s), total = 0;

        CHECK(ek_ring_check(ring));
        CHECK_EQ(ring->len, m->len);
        CHECK_EQ(ring->cap, m->cap);
        CHECK_EQ(ek_ring_room(ring), m->cap - m->len);
        for (i = 0; i < n; i++)
                total += s[i].len;
        CHECK_EQ(total, m->cap);
        for (i = 0; i < m->cap; i++)
                if (m->known[i])
                        CHECK_EQ(i < s[0].len ? s[0].base[i] : s[1].base[i - s[0].len], m->byte[i]);
}

static void step_write_at(struct ek_ring *ring, struct model *m)
{
        uint8_t src[MAX_CAP];
        uint32_t off = ek_test_below(m->cap + 1), n = ek_test_below(m->cap - off + 1);

        fill_random(src, n);
        ek_ring_write_at(ring, off, src, n);
        model_write(m, off, src, n);
}

static void step_append(struct ek_ring *ring, struct model *m)
{
        uint8_t src[MAX_CAP * 2];
        uint32_t n = ek_test_below(m->cap * 2), fit = m->cap - m->len;

        fill_random(src, n);
        fit = n < fit ? n : fit;
        CHECK_EQ(ek_ring_append(ring, src, n), fit);
        model_write(m, m->len, src, fit);
        m->len += fit;
}

/* Fills part of the free space in place, then commits it. */
static void step_space(struct ek_ring *ring, struct model *m)
{
        struct ek_space s[2];
        uint32_t n = ek_ring_space(ring, s), room = m->cap - m->len, i, take;
        uint8_t src[MAX_CAP];

        CHECK_EQ(n == 0, room == 0);
        CHECK_EQ((n > 0 ? s[0].len : 0) + (n > 1 ? s[1].len : 0), room);
        if (room == 0)
                return;
        take = 1 + ek_test_below(room);
        fill_random(src, take);
        for (i = 0; i < take; i++)
                *(i < s[0].len ? &s[0].base[i] : &s[1].base[i - s[0].len]) = src[i];
        ek_ring_commit(ring, take);
        model_write(m, m->len, src, take);
        m->len += take;
}

static void step_commit(struct ek_ring *ring, struct model *m)
{
        uint32_t n = ek_test_below(model_ready(m) + 1);

        ek_ring_commit(ring, n);
        m->len += n;
}

static void step_consume(struct ek_ring *ring, struct model *m)
{
        uint32_t n = ek_test_below(m->len + 1);

        ek_ring_consume(ring, n);
        model_consume(m, n);
}

static void step_read(const struct ek_ring *ring, const struct model *m)
{
        uint32_t off = ek_test_below(m->len + 1), n = ek_test_below(m->len - off + 1);
        uint8_t out[MAX_CAP], joined[MAX_CAP];
        struct ek_slice s[2] = {{NULL, 0}, {NULL, 0}};
        uint32_t k = ek_ring_peek(ring, off, n, s), i;

        ek_ring_copy_out(ring, off, out, n);
        CHECK_MEM_EQ(out, m->byte + off, n);
        CHECK_EQ(s[0].len + s[1].len, n);
        CHECK_EQ(k, (n > 0) + (s[1].len > 0));
        for (i = 0; i < n; i++)
                joined[i] = i < s[0].len ? s[0].base[i] : s[1].base[i - s[0].len];
        CHECK_MEM_EQ(joined, m->byte + off, n);
}

static void step_move(struct ek_ring *ring, struct model *m)
{
        uint32_t beyond = ek_test_below(m->cap - m->len + 1), keep = m->len + beyond, cap;
        uint8_t *old = ring->base, *moved;

        for (cap = 1; cap < keep; cap *= 2)
                ;
        if (cap < MAX_CAP && ek_test_below(2) == 0)
                cap *= 2;
        moved = malloc(cap);
        CHECK(ek_ring_move_to(ring, moved, cap, beyond) == old);
        CHECK(ring->base == moved);
        free(old);
        memset(m->known + keep, false, MAX_CAP - keep);
        m->cap = cap;
}

EK_TEST(a_ring_without_buffer_works)
{
        struct ek_ring ring;
        struct ek_slice slice[2];
        struct ek_space space[2];
        uint8_t byte = 7;

        ek_ring_init(&ring);
        CHECK(ek_ring_check(&ring));
        CHECK_EQ(ek_ring_room(&ring), 0);
        CHECK_EQ(ek_ring_append(&ring, &byte, 1), 0);
        CHECK_EQ(ek_ring_peek(&ring, 0, 0, slice), 0);
        CHECK_EQ(ek_ring_space(&ring, space), 0);
        ek_ring_write_at(&ring, 0, NULL, 0);
        ek_ring_copy_out(&ring, 0, NULL, 0);
        ek_ring_consume(&ring, 0);
        ek_ring_commit(&ring, 0);
        CHECK(ek_ring_detach(&ring) == NULL);
        CHECK(ek_ring_move_to(&ring, &byte, 1, 0) == NULL);
        CHECK_EQ(ring.cap, 1);
        CHECK(ek_ring_detach(&ring) == &byte);
        CHECK_EQ(ring.cap, 0);
        CHECK(ek_ring_check(&ring));
}

EK_TEST(out_of_order_data_survives_consume_and_regrow)
{
        uint8_t small[8], large[16], out[7];
        struct ek_ring ring = {0};

        ek_ring_attach(&ring, small, 8);
        CHECK_EQ(ek_ring_append(&ring, (const uint8_t *)"abcdef", 6), 6);
        ek_ring_consume(&ring, 5);
        ek_ring_write_at(&ring, 3, (const uint8_t *)"wxyz", 4);
        CHECK_EQ(ring.len, 1);
        CHECK(ek_ring_move_to(&ring, large, 16, 6) == small);
        ek_ring_write_at(&ring, 1, (const uint8_t *)"gh", 2);
        ek_ring_commit(&ring, 6);
        ek_ring_copy_out(&ring, 0, out, 7);
        CHECK_MEM_EQ(out, "fghwxyz", 7);
}

EK_TEST(misuse_traps)
{
        uint8_t buf[8] = {0}, other[8];
        struct ek_ring ring = {0};
        struct ek_slice s[2];

        CHECK_TRAPS(ek_ring_attach(&ring, buf, 6));
        CHECK_TRAPS(ek_ring_write_at(&ring, 0, buf, 1));
        ek_ring_attach(&ring, buf, 8);
        CHECK_TRAPS(ek_ring_attach(&ring, buf, 8));
        CHECK_TRAPS(ek_ring_write_at(&ring, 8, other, 1));
        CHECK_TRAPS(ek_ring_write_at(&ring, UINT32_MAX, other, 2));
        CHECK_TRAPS(ek_ring_peek(&ring, 1, 8, s));
        CHECK_TRAPS(ek_ring_commit(&ring, 9));
        CHECK_TRAPS(ek_ring_consume(&ring, 1));
        ek_ring_commit(&ring, 5);
        CHECK_TRAPS(ek_ring_move_to(&ring, other, 4, 0));
        CHECK_TRAPS(ek_ring_move_to(&ring, other, 8, 4));
}

EK_TEST(random_operations)
{
        struct ek_ring ring = {0};
        struct model *m = calloc(1, sizeof(*m));
        uint32_t i;

        m->cap = 64;
        ek_ring_attach(&ring, malloc(m->cap), m->cap);
        for (i = 0; i < ek_test_rounds(300000); i++) {
                switch (ek_test_below(7)) {
                case 0: step_write_at(&ring, m); break;
                case 1: step_append(&ring, m); break;
                case 2: step_space(&ring, m); break;
                case 3: step_commit(&ring, m); break;
                case 4: step_consume(&ring, m); break;
                case 5: step_read(&ring, m); break;
                default:
                        if (ek_test_below(10) == 0)
                                step_move(&ring, m);
                }
                check_known(&ring, m);
        }
        free(ek_ring_detach(&ring));
        free(m);
}

EK_TEST(check_sees_damage)
{
        uint8_t buf[8];
        const struct ek_ring bad[] = {
                {NULL, 0, 1, 0}, {NULL, 0, 0, 1}, {buf, 0, 0, 0}, {NULL, 8, 0, 0},
                {buf, 6, 0, 0},  {buf, 8, 8, 0},  {buf, 8, 0, 9},
        };
        uint32_t i;

        for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
                CHECK(!ek_ring_check(&bad[i]));
}

EK_TEST_MAIN();
