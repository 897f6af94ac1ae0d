// SPDX-License-Identifier: Apache-2.0
#include "src/host/search/threadlayout.h"

#include <string.h>

#define KEYS_FIRST 32u /* PTHREAD_KEY_2NDLEVEL_SIZE: values in the descriptor itself */
#define KEY_BYTES 16u  /* of one: a number and the value */
#define KEY_BLOCKS 32u /* PTHREAD_KEY_1STLEVEL_SIZE: pointers to more of them */
#define SIZE_MAX_SANE 65536u

void threadlayout_init(struct threadlayout *l)
{
    *l = (struct threadlayout){.size = 2304};
}

static bool read_number(const struct elfobjects *o, const char *name, uint64_t offset,
                        uint32_t *value)
{
    struct elfsymtab_entry object;
    size_t at = 0;

    return elfsymtab_variable(&o->symbols, name, &at, &object) &&
           elfobjects_read(o, object.start + offset, value, sizeof(*value));
}

static bool read_field(const struct elfobjects *o, const char *name, uint32_t *offset)
{
    return read_number(o, name, 8, offset) && *offset < SIZE_MAX_SANE;
}

bool threadlayout_read(struct threadlayout *l, const struct elfobjects *library)
{
    struct threadlayout found = {.size = 0};
    uint32_t specific;

    if (!read_number(library, "_thread_db_sizeof_pthread", 0, &found.size) || found.size < 256 ||
        found.size > SIZE_MAX_SANE || !read_field(library, "_thread_db_pthread_tid", &found.tid) ||
        !read_field(library, "_thread_db_pthread_list", &found.list) ||
        !read_field(library, "_thread_db_pthread_specific", &specific))
        return false;
    if (specific > KEYS_FIRST * KEY_BYTES) {
        found.keys = specific - KEYS_FIRST * KEY_BYTES;
        found.keys_end = specific + KEY_BLOCKS * 8;
    }
    found.lists =
        read_field(library, "_thread_db_rtld_global__dl_stack_used", &found.stacks_used) &&
        read_field(library, "_thread_db_rtld_global__dl_stack_user", &found.stacks_user);
    *l = found;
    return true;
}
