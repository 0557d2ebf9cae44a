/* test_base_list.c - the intrusive list, against an array of its members in order. */
#include "base/list.h"

#include "ek_test.h"

enum { N = 40 };

struct item {
        int id;
        struct ek_list link;
};

struct model {
        int n;
        int id[N];
};

static void model_insert(struct model *m, int at, int id)
{
        memmove(&m->id[at + 1], &m->id[at], (size_t)(m->n - at) * sizeof(int));
        m->id[at] = id;
        m->n++;
}

static void model_remove(struct model *m, int id)
{
        int i = 0;

        while (m->id[i] != id)
                i++;
        m->n--;
        memmove(&m->id[i], &m->id[i + 1], (size_t)(m->n - i) * sizeof(int));
}

static void check_same(const struct ek_list *head, const struct model *m)
{
        const struct ek_list *l = head->next;
        int i;

        CHECK(ek_list_check(head));
        CHECK_EQ(ek_list_is_empty(head), m->n == 0);
        for (i = 0; i < m->n; i++, l = l->next)
                CHECK_EQ(ek_container_of(l, struct item, link)->id, m->id[i]);
        CHECK(l == head);
}

EK_TEST(empty_list)
{
        struct ek_list head, other;

        ek_list_init(&head);
        ek_list_init(&other);
        CHECK(ek_list_is_empty(&head));
        CHECK(ek_list_first(&head) == NULL);
        CHECK(ek_list_last(&head) == NULL);
        CHECK(ek_list_pop_front(&head) == NULL);
        ek_list_splice(&head, &other);
        CHECK(ek_list_is_empty(&head) && ek_list_is_empty(&other));
        CHECK(ek_list_check(&head));
}

EK_TEST(removing_twice_is_harmless)
{
        struct ek_list head, a, b;

        ek_list_init(&head);
        ek_list_init(&a);
        ek_list_init(&b);
        CHECK(!ek_list_is_linked(&a));
        ek_list_remove(&a);
        ek_list_push_back(&head, &a);
        ek_list_push_back(&head, &b);
        CHECK(ek_list_is_linked(&a));
        ek_list_remove(&a);
        ek_list_remove(&a);
        CHECK(!ek_list_is_linked(&a));
        CHECK(ek_list_first(&head) == &b && ek_list_last(&head) == &b);
}

EK_TEST(check_sees_a_broken_link)
{
        struct ek_list head, a, b;

        ek_list_init(&head);
        ek_list_init(&a);
        ek_list_init(&b);
        ek_list_push_back(&head, &a);
        ek_list_push_back(&head, &b);
        CHECK(ek_list_check(&head));
        b.prev = &head;
        CHECK(!ek_list_check(&head));
}

EK_TEST(random_operations)
{
        struct item item[N];
        struct ek_list head[2];
        struct model m[2] = {{0, {0}}, {0, {0}}};
        int in[N]; /* the list an item is in, or -1 */
        uint32_t round;
        int i;

        for (i = 0; i < N; i++) {
                item[i].id = i;
                in[i] = -1;
                ek_list_init(&item[i].link);
        }
        ek_list_init(&head[0]);
        ek_list_init(&head[1]);
        for (round = 0; round < ek_test_rounds(200000); round++) {
                int k = (int)ek_test_below(2);

                i = (int)ek_test_below(N);
                if (ek_test_below(50) == 0) {
                        int j;

                        ek_list_splice(&head[k], &head[!k]);
                        for (j = 0; j < m[!k].n; j++) {
                                in[m[!k].id[j]] = k;
                                m[k].id[m[k].n++] = m[!k].id[j];
                        }
                        m[!k].n = 0;
                } else if (ek_test_below(10) == 0) {
                        struct ek_list *l = ek_list_pop_front(&head[k]);

                        CHECK_EQ(l == NULL, m[k].n == 0);
                        if (l != NULL) {
                                CHECK_EQ(ek_container_of(l, struct item, link)->id, m[k].id[0]);
                                in[m[k].id[0]] = -1;
                                model_remove(&m[k], m[k].id[0]);
                        }
                } else if (in[i] >= 0) {
                        CHECK(ek_list_is_linked(&item[i].link));
                        ek_list_remove(&item[i].link);
                        model_remove(&m[in[i]], i);
                        in[i] = -1;
                } else if (ek_test_below(2) == 0) {
                        ek_list_push_back(&head[k], &item[i].link);
                        model_insert(&m[k], m[k].n, i);
                        in[i] = k;
                } else {
                        ek_list_push_front(&head[k], &item[i].link);
                        model_insert(&m[k], 0, i);
                        in[i] = k;
                }
                check_same(&head[0], &m[0]);
                check_same(&head[1], &m[1]);
        }
}

EK_TEST_MAIN();
