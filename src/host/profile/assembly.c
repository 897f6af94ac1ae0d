// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/assembly.h"

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

void assembly_init(struct assembly *a, struct profile *p)
{
    *a = (struct assembly){.profile = p};
    intern_init(&a->further);
    assembly_text(a, "");
    for (uint32_t root = 0; root < STACK_ROOTS; root++) {
        struct profile_node node = {.parent = root, .frame = NO_FRAME};

        APPEND(a, node, &node);
    }
}

void assembly_release(struct assembly *a)
{
    intern_release(&a->further);
    free(a->first_below);
    free(a->further_nodes);
    a->first_below = a->further_nodes = NULL;
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

uint32_t assembly_leak(struct assembly *a, const struct profile_leak *row)
{
    return APPEND(a, leak, row);
}

uint32_t assembly_root(struct assembly *a, const struct profile_root *row)
{
    return APPEND(a, root, row);
}

/* Room in an array of numbers for entry `index`; new entries are 0. */
static bool reserve(uint32_t **array, uint32_t *room, uint32_t index)
{
    uint32_t wanted = *room ? *room : 64;
    uint32_t *grown;

    if (index < *room)
        return true;
    while (wanted <= index && wanted <= INT32_MAX)
        wanted *= 2;
    grown = wanted > index ? realloc(*array, wanted * sizeof *grown) : NULL;
    if (!grown)
        return false;
    memset(grown + *room, 0, (wanted - *room) * sizeof *grown);
    *array = grown;
    *room = wanted;
    return true;
}

/* Where the number of the node is kept, 0 in it while there is none; NULL: out of memory. */
static uint32_t *find_node(struct assembly *a, uint32_t parent, uint32_t frame)
{
    uint32_t number;

    if (!reserve(&a->first_below, &a->first_room, parent))
        return NULL;
    number = a->first_below[parent];
    if (number == 0 || a->profile->nodes[number].frame == frame)
        return &a->first_below[parent];
    number = intern_add(&a->further, (struct intern_key){parent, frame, 0}, NULL);
    if (number == INTERN_NONE || !reserve(&a->further_nodes, &a->further_room, number))
        return NULL;
    return &a->further_nodes[number];
}

uint32_t assembly_node(struct assembly *a, uint32_t parent, uint32_t frame)
{
    struct profile_node node = {.parent = parent, .frame = frame};
    uint32_t *place = find_node(a, parent, frame);

    if (!place) {
        a->failed = true;
        return 0;
    }
    if (*place == 0)
        *place = APPEND(a, node, &node);
    return a->failed ? 0 : *place;
}
