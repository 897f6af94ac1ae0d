/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of the trie, as few and as many as there may be. */
#include "src/shared/stacktrie.h"
#include "tests/unit/segment-maker.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY (3u << 19) /* more than have buckets of the first part */

static struct segment segment;

static int map_segment(void **state)
{
    struct segment_settings settings = {0};

    (void)state;
    if (make_segment(&segment, 4, &settings) != 0)
        return -1;
    return 0;
}

static int unmap_segment(void **state)
{
    (void)state;
    return drop_segment(&segment);
}

static uint32_t nodes(void)
{
    return atomic_load_explicit(&segment_header(&segment)->nodes_used, memory_order_relaxed);
}

/* A path from the root with a branch at every node; its end. */
static uint32_t descend(uint32_t levels)
{
    uint32_t parent = STACK_ROOT_WHOLE;

    for (uint32_t i = 0; i < levels; i++) {
        uint32_t left = stacktrie_child(&segment, parent, 0x401000 + i % 7 * 16);
        uint32_t right = stacktrie_child(&segment, parent, 0x402000 + i % 5 * 16);

        assert_true(left >= STACK_ROOTS && right >= STACK_ROOTS && left != right);
        parent = i % 3 ? left : right;
    }
    return parent;
}

static void the_same_child_is_one_node_wherever_it_lies(void **state)
{
    uint32_t before = nodes(), end, levels = MANY / 2;

    (void)state;
    end = descend(levels);
    assert_int_equal(nodes(), before + 2 * levels);
    assert_int_equal(descend(levels), end);
    assert_int_equal(nodes(), before + 2 * levels);
}

static void a_path_is_read_back(void **state)
{
    uint32_t id = descend(MANY / 2), levels = 0;
    uint64_t frame;

    (void)state;
    while (id >= STACK_ROOTS) {
        assert_true(stacktrie_read(&segment, id, &frame, &id));
        levels++;
    }
    assert_int_equal(id, STACK_ROOT_WHOLE);
    assert_int_equal(levels, MANY / 2);
}

static void make_frames(uint64_t *frames, uint32_t count, uint64_t seed)
{
    for (uint32_t i = 0; i < count; i++)
        frames[i] = 0x600000 + (seed * 31 + i) % 101 * 16;
}

static void a_path_is_what_its_frames_make_one_by_one(void **state)
{
    uint64_t frames[STACKTRIE_PATH_MAX];
    uint32_t ids[STACKTRIE_PATH_MAX], again[STACKTRIE_PATH_MAX];
    uint32_t parent = STACK_ROOT_WHOLE, before, end;

    (void)state;
    make_frames(frames, STACKTRIE_PATH_MAX, 1);
    for (uint32_t i = 0; i < 5; i++) /* its beginning is there already */
        parent = stacktrie_child(&segment, parent, frames[i]);
    before = nodes();
    end = stacktrie_path(&segment, STACK_ROOT_WHOLE, frames, STACKTRIE_PATH_MAX, ids);
    assert_int_equal(end, ids[STACKTRIE_PATH_MAX - 1]);
    assert_int_equal(ids[4], parent);
    assert_int_equal(nodes(), before + STACKTRIE_PATH_MAX - 5);
    parent = STACK_ROOT_WHOLE;
    for (uint32_t i = 0; i < STACKTRIE_PATH_MAX; i++) {
        parent = stacktrie_child(&segment, parent, frames[i]);
        assert_int_equal(parent, ids[i]);
    }
    stacktrie_path(&segment, STACK_ROOT_WHOLE, frames, STACKTRIE_PATH_MAX, again);
    assert_memory_equal(again, ids, sizeof(ids));
    assert_int_equal(nodes(), before + STACKTRIE_PATH_MAX - 5);
}

#define RACERS 4u
#define RACES 20000u

struct racer {
    uint32_t ends[RACES];
    uint32_t wrong;
};

/* The same paths as all others at the same time. */
static void *race(void *argument)
{
    struct racer *r = argument;
    uint64_t frames[12];
    uint32_t ids[12];

    for (uint32_t i = 0; i < RACES; i++) {
        make_frames(frames, 12, 1000 + i);
        frames[0] = 0x700000 + i % 64 * 16;
        r->ends[i] = stacktrie_path(&segment, STACK_ROOT_WHOLE, frames, 12, ids);
        for (uint32_t k = 12; k-- > 0;) {
            uint64_t frame = 0;
            uint32_t parent = 0;

            r->wrong += !stacktrie_read(&segment, ids[k], &frame, &parent) || frame != frames[k] ||
                        parent != (k ? ids[k - 1] : STACK_ROOT_WHOLE);
        }
    }
    return NULL;
}

static void threads_that_make_the_same_path_get_one(void **state)
{
    struct racer *racers = calloc(RACERS, sizeof(*racers));
    pthread_t threads[RACERS];

    (void)state;
    assert_non_null(racers);
    for (uint32_t i = 0; i < RACERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
    for (uint32_t i = 0; i < RACERS; i++)
        pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < RACERS; i++) {
        assert_int_equal(racers[i].wrong, 0);
        assert_memory_equal(racers[i].ends, racers[0].ends, sizeof(racers[0].ends));
    }
    free(racers);
}

#define BRIM_ROUNDS 8000u
#define BRIM_ROOM 40u
#define BRIM_LENGTH 13u

struct filler {
    pthread_barrier_t *together;
    uint64_t base; /* of frames that no other has */
    uint32_t short_by;
    uint32_t ends[BRIM_ROOM], lengths[BRIM_ROOM], count;
};

/* Paths of several lengths, until there is no node left. */
static void *fill(void *argument)
{
    struct filler *f = argument;
    uint64_t frames[BRIM_LENGTH];
    uint32_t ids[BRIM_LENGTH], length = BRIM_LENGTH - f->short_by;

    pthread_barrier_wait(f->together);
    for (f->count = 0; length > 0; f->count++) {
        for (uint32_t i = 0; i < length; i++)
            frames[i] = f->base + f->count * BRIM_LENGTH + i;
        f->lengths[f->count] = length;
        f->ends[f->count] = stacktrie_path(&segment, STACK_ROOT_WHOLE, frames, length, ids);
        if (f->ends[f->count] == 0)
            length /= 2;
    }
    return NULL;
}

static uint32_t count_wrong(const struct filler *f)
{
    uint32_t wrong = 0, id, parent;
    uint64_t frame;

    for (uint32_t path = 0; path < f->count; path++) {
        id = f->ends[path];
        for (uint32_t i = f->lengths[path]; id && i-- > 0; id = parent) {
            parent = 0;
            wrong += !stacktrie_read(&segment, id, &frame, &parent) ||
                     frame != f->base + path * BRIM_LENGTH + i;
        }
    }
    return wrong;
}

/* No id is given to two, also where one is taken for more nodes than are left. */
static void threads_at_the_brim_get_nodes_of_their_own(void **state)
{
    const uint32_t max = segment.layout.nodes_max;
    struct filler fillers[RACERS];
    pthread_t threads[RACERS];
    pthread_barrier_t together;
    uint32_t wrong = 0;

    (void)state;
    pthread_barrier_init(&together, NULL, RACERS);
    for (uint32_t round = 0; round < BRIM_ROUNDS; round++) {
        segment.layout.nodes_max = nodes() + BRIM_ROOM;
        for (uint32_t i = 0; i < RACERS; i++) {
            fillers[i] = (struct filler){.together = &together, .short_by = i};
            fillers[i].base = (UINT64_C(1) << 40) + ((uint64_t)round * RACERS + i) * 1024;
            assert_int_equal(pthread_create(&threads[i], NULL, fill, &fillers[i]), 0);
        }
        for (uint32_t i = 0; i < RACERS; i++) {
            pthread_join(threads[i], NULL);
            wrong += count_wrong(&fillers[i]);
        }
        assert_true(nodes() <= segment.layout.nodes_max);
    }
    segment.layout.nodes_max = max;
    pthread_barrier_destroy(&together);
    assert_int_equal(wrong, 0);
}

static void a_full_trie_says_so(void **state)
{
    const uint64_t frames[2] = {0x500000, 0x500010};
    uint32_t parent = STACK_ROOT_WHOLE, child, last = 0, ids[2];

    (void)state;
    while ((child = stacktrie_child(&segment, parent, 0x500000)))
        parent = last = child;
    assert_true(last > 0);
    assert_int_equal(nodes(), segment.layout.nodes_max);
    assert_int_equal(stacktrie_child(&segment, last, 0x500000), 0);
    assert_int_equal(stacktrie_path(&segment, last, frames, 2, ids), 0);
    assert_int_equal(nodes(), segment.layout.nodes_max);
}

static void layouts_with_odd_counts_of_buckets_are_refused(void **state)
{
    struct segment_layout layout = segment.layout;

    (void)state;
    assert_true(segment_layout_valid(&layout));
    layout.far_buckets--;
    assert_false(segment_layout_valid(&layout));
    layout.far_buckets = 1u << 31;
    assert_false(segment_layout_valid(&layout));
    layout.far_buckets = 0;
    assert_true(segment_layout_valid(&layout));
    layout.buckets = 0;
    assert_false(segment_layout_valid(&layout));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_child_is_one_node_wherever_it_lies),
        cmocka_unit_test(a_path_is_read_back),
        cmocka_unit_test(a_path_is_what_its_frames_make_one_by_one),
        cmocka_unit_test(threads_that_make_the_same_path_get_one),
        cmocka_unit_test(threads_at_the_brim_get_nodes_of_their_own),
        cmocka_unit_test(layouts_with_odd_counts_of_buckets_are_refused),
        cmocka_unit_test(a_full_trie_says_so),
    };

    return cmocka_run_group_tests(tests, map_segment, unmap_segment);
}
