/* SPDX-License-Identifier: Apache-2.0 */
/* Mapped ranges, against an array with one entry a page. */
#include "src/host/model/mappings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PAGES 400u
#define SITES 16u

struct world {
    uint32_t owner[PAGES]; /* number of the mapping a page belongs to, 0 none */
    uint32_t site[PAGES];
    uint32_t mappings;
    uint64_t live_bytes[SITES], live_blocks[SITES]; /* as told by the callbacks */
};

static void gone(void *context, uint32_t site, uint64_t bytes, uint32_t blocks)
{
    struct world *w = context;

    w->live_bytes[site] -= bytes;
    w->live_blocks[site] -= blocks;
}

static void world_clear(struct world *w, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++)
        w->owner[i] = 0;
}

static uint32_t world_blocks(const struct world *w, uint32_t site)
{
    uint8_t *seen = calloc(w->mappings + 1, 1);
    uint32_t blocks = 0;

    assert_non_null(seen);
    for (uint32_t i = 0; i < PAGES; i++)
        if (w->owner[i] && w->site[i] == site && !seen[w->owner[i]]) {
            seen[w->owner[i]] = 1;
            blocks++;
        }
    free(seen);
    return blocks;
}

static void world_check(const struct world *w)
{
    for (uint32_t site = 0; site < SITES; site++) {
        uint64_t pages = 0;

        for (uint32_t i = 0; i < PAGES; i++)
            pages += w->owner[i] && w->site[i] == site;
        assert_int_equal(w->live_bytes[site], pages * 4096);
        assert_int_equal(w->live_blocks[site], world_blocks(w, site));
    }
}

static void test_random(void **unused)
{
    struct world w = {0};
    struct mappings m;

    (void)unused;
    srand(4);
    mappings_init(&m);
    for (int step = 0; step < 6000; step++) {
        uint32_t from = (uint32_t)rand() % PAGES;
        uint32_t to = from + 1 + (uint32_t)rand() % (rand() % 8 ? 12 : PAGES);
        uint32_t site = (uint32_t)rand() % SITES;

        if (to > PAGES)
            to = PAGES;
        world_clear(&w, from, to);
        if (rand() % 2) {
            assert_true(mappings_remove(&m, from * 4096, to * 4096, gone, &w));
        } else {
            assert_true(mappings_add(&m, from * 4096, to * 4096, site, gone, &w));
            w.live_bytes[site] += (to - from) * 4096;
            w.live_blocks[site]++;
            w.mappings++;
            for (uint32_t i = from; i < to; i++) {
                w.owner[i] = w.mappings;
                w.site[i] = site;
            }
        }
        world_check(&w);
    }
    mappings_release(&m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
