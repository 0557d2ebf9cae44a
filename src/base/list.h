/*
 * list.h - intrusive doubly linked list.
 *
 * A list is a circle of nodes that runs through its head; an empty list, and a node that is in no
 * list, are circles of one. The caller owns all nodes. A node must be initialised with
 * ek_list_init() before its first use and is in at most one list at a time. Everything here is O(1)
 * except ek_list_check().
 *
 * To walk a list whose members may be removed while walking:
 *
 *         for (n = head.next; n != &head; n = next) {
 *                 next = n->next;
 *                 ...
 *         }
 */
#ifndef EK_BASE_LIST_H
#define EK_BASE_LIST_H

#include "base/port.h"

struct ek_list {
        struct ek_list *next, *prev;
};

/* Makes `l` an empty list, or a node that is in no list. */
static inline void ek_list_init(struct ek_list *l)
{
        l->next = l;
        l->prev = l;
}

static inline bool ek_list_is_empty(const struct ek_list *head)
{
        return head->next == head;
}

/* Whether the (initialised) node `n` is in some list. */
static inline bool ek_list_is_linked(const struct ek_list *n)
{
        return n->next != n;
}

/* Inserts `n`, which must not be in a list, before `at` (a head or a node). */
static inline void ek_list_insert_before(struct ek_list *at, struct ek_list *n)
{
        EK_DCHECK(n->next == n && n->prev == n);
        n->next = at;
        n->prev = at->prev;
        at->prev->next = n; /* NOLINT(clang-analyzer-core.NullDereference): a list is a circle */
        at->prev = n;
}

static inline void ek_list_push_back(struct ek_list *head, struct ek_list *n)
{
        ek_list_insert_before(head, n);
}

static inline void ek_list_push_front(struct ek_list *head, struct ek_list *n)
{
        ek_list_insert_before(head->next, n);
}

/* Takes `n` out of its list. Harmless when it is in none. */
static inline void ek_list_remove(struct ek_list *n)
{
        EK_DCHECK(n->next->prev == n && n->prev->next == n);
        n->next->prev = n->prev;
        n->prev->next = n->next;
        ek_list_init(n);
}

/* The first node, or NULL when the list is empty. It stays in the list. */
static inline struct ek_list *ek_list_first(const struct ek_list *head)
{
        return ek_list_is_empty(head) ? NULL : head->next;
}

/* The last node, or NULL when the list is empty. It stays in the list. */
static inline struct ek_list *ek_list_last(const struct ek_list *head)
{
        return ek_list_is_empty(head) ? NULL : head->prev;
}

/* Removes and returns the first node; NULL when the list is empty. */
static inline struct ek_list *ek_list_pop_front(struct ek_list *head)
{
        struct ek_list *n = ek_list_first(head);

        if (n != NULL)
                ek_list_remove(n);
        return n;
}

/* Moves all of `from` to the end of `to`, in order. `from` is empty afterwards. */
static inline void ek_list_splice(struct ek_list *to, struct ek_list *from)
{
        EK_DCHECK(to != from);
        if (ek_list_is_empty(from))
                return;
        from->next->prev = to->prev;
        to->prev->next = from->next;
        from->prev->next = to;
        to->prev = from->prev;
        ek_list_init(from);
}

/* Whether every link around `head` agrees with its neighbour. O(n). */
static inline bool ek_list_check(const struct ek_list *head)
{
        const struct ek_list *n = head;

        do {
                EK_WORK(1);
                if (n->next->prev != n || n->prev->next != n)
                        return false;
                n = n->next;
        } while (n != head);
        return true;
}

#endif
