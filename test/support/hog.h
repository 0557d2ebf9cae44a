/* SPDX-License-Identifier: MIT */
#ifndef EK_TEST_HOG_H
#define EK_TEST_HOG_H

/* A region that is full, as others fill it. Unlike elko_fail_alloc(), what the stack itself gives back it can have
 * again. */

#include "base/region.h"

#include <stddef.h>

static struct {
        void *block;
        size_t bytes;
} hog[2048];

static unsigned hogs;

/* Take all that is free. */
static inline void hog_take(struct ek_region *region)
{
        hogs = 0;
        for (size_t bytes = 1 << 20; bytes >= ek_region_min_block(region) && hogs < 2048;) {
                hog[hogs].block = ek_region_alloc(region, bytes);
                hog[hogs].bytes = bytes;
                if (hog[hogs].block == NULL)
                        bytes /= 2;
                else
                        hogs++;
        }
}

static inline void hog_give(struct ek_region *region)
{
        while (hogs-- > 0)
                ek_region_free(region, hog[hogs].block, hog[hogs].bytes);
}

#endif
