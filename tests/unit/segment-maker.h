/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A segment that only this process has, for tests that play both sides.
 */
#ifndef MEMPROF_TESTS_SEGMENT_MAKER_H
#define MEMPROF_TESTS_SEGMENT_MAKER_H

#include "src/shared/segment.h"

#include <sys/mman.h>

/* `scale` as segment_layout_default has it.  0, or -1: no memory. */
static inline int make_segment(struct segment *s, unsigned scale,
                               const struct segment_settings *settings)
{
    struct segment_layout layout;
    void *base;

    segment_layout_default(&layout, scale);
    base = mmap(NULL, layout.segment_bytes, PROT_READ | PROT_WRITE,
                MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -1;
    segment_format(s, base, &layout, settings);
    return 0;
}

static inline int drop_segment(struct segment *s)
{
    return munmap(s->base, s->layout.segment_bytes);
}

#endif
