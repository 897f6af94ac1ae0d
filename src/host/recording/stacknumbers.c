// SPDX-License-Identifier: Apache-2.0
#include "src/host/recording/stacknumbers.h"

#include "src/host/memory/growing.h"
#include "src/host/memory/pages.h"
#include "src/shared/stacktrie.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_INDEX 1024u

static size_t nodes_bytes(const struct stack_numbers *n)
{
    return (size_t)n->segment->layout.nodes_max * sizeof(*n->nodes);
}

void stack_numbers_init(struct stack_numbers *n, const struct segment *segment,
                        struct modmap *modmap)
{
    memset(n, 0, sizeof(*n));
    n->segment = segment;
    n->modmap = modmap;
    n->nodes = pages_map_sparse(nodes_bytes(n));
    n->index = calloc(FIRST_INDEX, sizeof(*n->index));
    n->index_size = FIRST_INDEX;
    n->failed = !n->nodes || !n->index;
}

void stack_numbers_release(struct stack_numbers *n)
{
    if (n->nodes)
        pages_unmap(n->nodes, nodes_bytes(n));
    free(n->roots);
    free(n->frames);
    free(n->index);
    free(n->path);
    memset(n, 0, sizeof(*n));
}

/* ------------------------------------------------------------- frames -- */

/* Where the frame is in the index, or where it belongs. */
static uint32_t *index_place(const struct stack_numbers *n, uint64_t value)
{
    uint32_t mask = n->index_size - 1;
    uint32_t i = (uint32_t)((value * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & mask;

    while (n->index[i] && n->frames[n->index[i] - 1] != value)
        i = (i + 1) & mask;
    return &n->index[i];
}

static bool index_grow(struct stack_numbers *n)
{
    uint32_t *old = n->index;
    uint32_t *index = calloc((size_t)n->index_size * 2, sizeof(*index));

    if (!index)
        return false;
    n->index = index;
    n->index_size *= 2;
    for (uint32_t i = 0; i < n->frame_count; i++)
        *index_place(n, n->frames[i]) = i + 1;
    free(old);
    return true;
}

static uint32_t frame_add(struct stack_numbers *n, struct profile *part, uint64_t value)
{
    if ((n->frame_count >= n->index_size / 2 && !index_grow(n)) ||
        !growing_reserve(&n->frames, n->frame_count, sizeof(*n->frames)) ||
        !growing_reserve(&part->frames, part->frame_count, sizeof(*part->frames))) {
        n->failed = true;
        return 0;
    }
    part->frames[part->frame_count++] =
        (struct profile_frame){.value = value, .module = modmap_find(n->modmap, value)};
    n->frames[n->frame_count++] = value;
    *index_place(n, value) = n->frame_count;
    return n->frame_count - 1;
}

static uint32_t frame_number(struct stack_numbers *n, struct profile *part, uint64_t value)
{
    uint32_t found = *index_place(n, value);

    return found ? found - 1 : frame_add(n, part, value);
}

/* -------------------------------------------------------------- nodes -- */

static uint32_t node_add(struct stack_numbers *n, struct profile *part, uint32_t parent,
                         uint32_t frame, uint8_t root)
{
    if (!growing_reserve(&n->roots, n->node_count, sizeof(*n->roots)) ||
        !growing_reserve(&part->nodes, part->node_count, sizeof(*part->nodes))) {
        n->failed = true;
        return STACK_ROOT_TRUNCATED;
    }
    part->nodes[part->node_count++] = (struct profile_node){.parent = parent, .frame = frame};
    n->roots[n->node_count] = root;
    return n->node_count++;
}

void stack_numbers_roots(struct stack_numbers *n, struct profile *part)
{
    for (uint8_t root = 0; root < STACK_ROOTS; root++)
        node_add(n, part, 0, NO_FRAME, root);
}

/* Where the number of a node is kept; NULL for a root, which is its own. */
static uint32_t *place_of(struct stack_numbers *n, uint32_t id)
{
    return id < STACK_ROOTS || id >= n->segment->layout.nodes_max ? NULL : &n->nodes[id];
}

static bool path_grow(struct stack_numbers *n)
{
    uint32_t room = n->path_room ? n->path_room * 2 : 256;
    uint32_t *path = reallocarray(n->path, room, sizeof(*path));

    if (!path)
        return false;
    n->path = path;
    n->path_room = room;
    return true;
}

/* The nodes from `id` outward that have no number yet, into n->path; `last` is what has one. */
static uint32_t find_path(struct stack_numbers *n, uint32_t id, uint32_t *last)
{
    uint32_t length = 0, parent, *place;
    uint64_t frame;

    while ((place = place_of(n, id)) && !*place) {
        if (!stacktrie_read(n->segment, id, &frame, &parent)) {
            *place = STACK_ROOT_TRUNCATED;
            n->damaged++;
            break;
        }
        if (length == n->path_room && !path_grow(n)) {
            n->failed = true;
            break;
        }
        n->path[length++] = id;
        id = parent;
    }
    *last = place ? *place : id < STACK_ROOTS ? id : STACK_ROOT_TRUNCATED;
    return length;
}

uint32_t stack_numbers_node(struct stack_numbers *n, struct profile *part, uint32_t id)
{
    uint32_t number, length = find_path(n, id, &number);

    while (length-- && !n->failed) {
        uint64_t frame;
        uint32_t parent;

        /* It was readable a moment ago; a target that is out of its mind could have changed that.
         */
        if (!stacktrie_read(n->segment, n->path[length], &frame, &parent)) {
            number = STACK_ROOT_TRUNCATED;
            n->damaged++;
        } else {
            number = node_add(n, part, number, frame_number(n, part, frame), n->roots[number]);
        }
        n->nodes[n->path[length]] = number;
    }
    return number;
}
