// SPDX-License-Identifier: Apache-2.0
#include "src/host/assembly.h"

#include "src/shared/record.h"

#include <stdlib.h>
#include <string.h>

/* Append `row` of `size` bytes; the new row's index, or 0 when there is no memory for it. */
static uint32_t append(struct assembly *a, void *array, uint32_t *count, uint32_t *room,
                       const void *row, size_t size)
{
    char *rows;
    uint32_t wanted = *room ? *room * 2 : 64;

    memcpy(&rows, array, sizeof rows);
    if (*count == *room) {
        rows = wanted > *room && wanted <= INT32_MAX ? realloc(rows, wanted * size) : NULL;
        if (!rows) {
            a->failed = true;
            return 0;
        }
        memcpy(array, &rows, sizeof rows);
        *room = wanted;
    }
    memcpy(rows + *count * size, row, size);
    return (*count)++;
}

#define APPEND(a, name, row)                                                                       \
    append(a, &(a)->profile->name##s, &(a)->profile->name##_count, &(a)->name##_room, row,         \
           sizeof *(row))

static struct intern_key node_key(uint32_t parent, uint32_t frame)
{
    return (struct intern_key){parent, frame, 0};
}

void assembly_init(struct assembly *a, struct profile *p)
{
    *a = (struct assembly){.profile = p};
    intern_init(&a->nodes);
    assembly_text(a, "");
    for (uint32_t root = 0; root < STACK_ROOTS; root++) {
        struct profile_node node = {.parent = root, .frame = NO_FRAME};

        /* The numbers of keys and nodes stay the same. */
        intern_add(&a->nodes, node_key(root, NO_FRAME), NULL);
        APPEND(a, node, &node);
    }
    a->failed |= a->nodes.count != STACK_ROOTS;
}

void assembly_release(struct assembly *a)
{
    intern_release(&a->nodes);
}

string_id assembly_text(struct assembly *a, const char *text)
{
    uint32_t id = strings_add(&a->profile->strings, text);

    if (id != UINT32_MAX)
        return id;
    a->failed = true;
    return 0;
}

uint32_t assembly_module(struct assembly *a, const struct profile_module *row)
{
    return APPEND(a, module, row);
}

uint32_t assembly_line(struct assembly *a, const struct profile_line *row)
{
    return APPEND(a, line, row);
}

uint32_t assembly_frame(struct assembly *a, const struct profile_frame *row)
{
    return APPEND(a, frame, row);
}

uint32_t assembly_thread(struct assembly *a, const struct profile_thread *row)
{
    return APPEND(a, thread, row);
}

uint32_t assembly_site(struct assembly *a, const struct profile_site *row)
{
    return APPEND(a, site, row);
}

uint32_t assembly_domain(struct assembly *a, const struct profile_domain *row)
{
    return APPEND(a, domain, row);
}

uint32_t assembly_node(struct assembly *a, uint32_t parent, uint32_t frame)
{
    struct profile_node node = {.parent = parent, .frame = frame};
    bool added;
    uint32_t number = intern_add(&a->nodes, node_key(parent, frame), &added);

    if (number == INTERN_NONE) {
        a->failed = true;
        return 0;
    }
    if (added)
        APPEND(a, node, &node);
    return a->failed ? 0 : number;
}
