/* SPDX-License-Identifier: MIT */
/*
 * What all drivers share: copying a frame out of the stack, and failing with a sentence.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "drivers/driver.h"

void elko_drv_frame_copy(uint8_t *to, const struct elko_frame *f)
{
        for (uint32_t i = 0; i < f->parts; i++) {
                memcpy(to, f->part[i].data, f->part[i].len);
                to += f->part[i].len;
        }
}

int elko_drv_fail(struct elko_drv_why *why, int error, const char *format, ...)
{
        if (why != NULL) {
                va_list args;

                va_start(args, format);
                vsnprintf(why->text, sizeof(why->text), format, args);
                va_end(args);
        }
        errno = error;
        return -error;
}
