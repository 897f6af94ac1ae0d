/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the fields of a record that the collector copied (record.h).  No size is larger
 * than the address space: one that says so is damage, counted, and cut to it.
 */
#ifndef MEMPROF_HOST_EVENT_H
#define MEMPROF_HOST_EVENT_H

#include "src/host/model/model.h"
#include "src/shared/record.h"

static inline uint64_t event_address(const struct model_event *e)
{
    return e->word0 & RECORD_ADDRESS_MASK;
}

static inline uint32_t event_flags(const struct model_event *e)
{
    return (uint32_t)(e->word0 >> RECORD_FLAGS_SHIFT) & 0xff;
}

static inline uint32_t event_kind(const struct model_event *e)
{
    return (uint32_t)(e->word0 >> RECORD_KIND_SHIFT);
}

struct sized {
    uint64_t size;
    uint32_t stack;
    const uint64_t *extra; /* what follows in the record */
};

static inline struct sized event_sized(struct model *m, const struct model_event *e)
{
    uint64_t word = e->rest[0];
    struct sized r = {
        .size = (uint32_t)word, .stack = (uint32_t)(word >> 32), .extra = e->rest + 1};

    if (__builtin_expect(event_flags(e) & RECORD_BIG, 0)) {
        r.size |= *r.extra++ << 32;
        if (r.size > RECORD_ADDRESS_MASK) {
            r.size = RECORD_ADDRESS_MASK;
            m->damaged_records++;
        }
    }
    if (__builtin_expect(r.stack >= m->nodes_max, 0))
        r.stack = STACK_ROOT_TRUNCATED;
    return r;
}

#endif
