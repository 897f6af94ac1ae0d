// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/changes.h"
#include "src/host/profile/snapshot-format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MANY 3000u

static uint64_t random_state;

static uint64_t draw(void)
{
    random_state ^= random_state >> 12;
    random_state ^= random_state << 25;
    random_state ^= random_state >> 27;
    return random_state * UINT64_C(2685821657736338717);
}

/* Any 64-bit number, small and zero ones often. */
static uint64_t any(void)
{
    uint64_t number = draw() >> (draw() % 64);

    switch (draw() % 4) {
    case 0:
        return 0;
    case 1:
        return 0 - number;
    default:
        return number;
    }
}

static struct profile_change *random_rows(uint32_t count, uint32_t *sites)
{
    struct profile_change *rows = calloc(count + 1, sizeof *rows);
    uint32_t site = 0;

    assert_non_null(rows);
    for (uint32_t i = 0; i < count; i++) {
        struct profile_stats *s = &rows[i].stats;

        site += (uint32_t)(draw() % 5);
        rows[i].site = site++;
        *s = (struct profile_stats){any(), any(), any(), any(), any(),
                                    any(), any(), any(), any(), any()};
    }
    *sites = site;
    return rows;
}

static void assert_trip(const struct profile_change *rows, uint32_t count, uint32_t sites)
{
    struct profile_changes packed;
    struct profile_change *again;
    uint32_t n;

    assert_int_equal(changes_encode(&packed, rows, count, NULL), 0);
    assert_int_equal(changes_check(packed.bytes, packed.size, NULL), 0);
    assert_int_equal(changes_decode(&packed, sites, &again, &n, NULL), 0);
    assert_int_equal(n, count);
    assert_memory_equal(again, rows, count * sizeof *rows);
    free(again);
    changes_release(&packed);
}

static void what_is_packed_is_unpacked(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 300; i++) {
        uint32_t sites, count = (uint32_t)(draw() % (i % 50 ? 20 : MANY));
        struct profile_change *rows = random_rows(count, &sites);

        assert_trip(rows, count, sites);
        free(rows);
    }
}

static void odd_numbers_make_the_trip(void **state)
{
    static const uint64_t odd[] = {
        0, 1, 2, UINT64_MAX, UINT64_MAX - 1, INT64_MAX, (uint64_t)INT64_MAX + 1};
    struct profile_change row = {.site = UINT32_MAX - 1};

    (void)state;
    assert_trip(&row, 0, 0);
    for (size_t a = 0; a < sizeof odd / sizeof *odd; a++)
        for (size_t b = 0; b < sizeof odd / sizeof *odd; b++) {
            row.stats = (struct profile_stats){odd[a], odd[b], odd[b], odd[a], odd[b],
                                               odd[a], odd[a], odd[b], odd[a], odd[b]};
            assert_trip(&row, 1, UINT32_MAX);
        }
}

/* A site with blocks of one size, some of which stay, as most are. */
static void usual_changes_take_few_bytes(void **state)
{
    struct profile_change *rows = calloc(MANY, sizeof *rows);
    struct profile_changes packed;

    (void)state;
    assert_non_null(rows);
    for (uint32_t i = 0; i < MANY; i++) {
        uint64_t size = 16 * (1 + draw() % 30), blocks = 1 + draw() % 8, live = draw() % 3;

        rows[i].site = i * 14 + (uint32_t)(draw() % 10);
        rows[i].stats = (struct profile_stats){.total_blocks = blocks,
                                               .total_bytes = blocks * size,
                                               .live_blocks = live,
                                               .live_bytes = live * size,
                                               .peak_blocks = live,
                                               .peak_bytes = live * size};
    }
    assert_int_equal(changes_encode(&packed, rows, MANY, NULL), 0);
    assert_true(packed.size < 4 * MANY);
    changes_release(&packed);
    free(rows);
}

static void merged_changes_are_the_sum(void **state)
{
    (void)state;
    for (uint32_t round = 0; round < 50; round++) {
        uint32_t a_sites, b_sites, n;
        struct profile_change *a = random_rows(40, &a_sites), *b = random_rows(60, &b_sites), *rows;
        struct profile_changes a_packed, b_packed, merged;
        struct profile_stats sum[400] = {{0}}, again[400] = {{0}};

        for (uint32_t i = 0; i < 40; i++)
            changes_add(&sum[a[i].site], &a[i].stats);
        for (uint32_t i = 0; i < 60; i++)
            changes_add(&sum[b[i].site], &b[i].stats);
        assert_int_equal(changes_encode(&a_packed, a, 40, NULL), 0);
        assert_int_equal(changes_encode(&b_packed, b, 60, NULL), 0);
        assert_int_equal(changes_merge(&merged, &a_packed, &b_packed, NULL), 0);
        assert_int_equal(changes_decode(&merged, 400, &rows, &n, NULL), 0);
        for (uint32_t i = 0; i < n; i++)
            changes_add(&again[rows[i].site], &rows[i].stats);
        assert_memory_equal(sum, again, sizeof sum);
        free(rows);
        free(a);
        free(b);
        changes_release(&a_packed);
        changes_release(&b_packed);
        changes_release(&merged);
    }
}

static void what_cancels_out_is_left_out(void **state)
{
    struct profile_change up[] = {{3, 0, {.live_bytes = 8}}, {5, 0, {.live_bytes = 1}}};
    struct profile_change down = {3, 0, {.live_bytes = (uint64_t)-8}}, *rows;
    struct profile_changes a, b, merged;
    uint32_t n;

    (void)state;
    assert_int_equal(changes_encode(&a, up, 2, NULL), 0);
    assert_int_equal(changes_encode(&b, &down, 1, NULL), 0);
    assert_int_equal(changes_merge(&merged, &a, &b, NULL), 0);
    assert_int_equal(changes_decode(&merged, 6, &rows, &n, NULL), 0);
    assert_int_equal(n, 1);
    assert_int_equal(rows[0].site, 5);
    free(rows);
    changes_release(&a);
    changes_release(&b);
    changes_release(&merged);
}

static void uniform_changes_are_packed_and_readable(void **state)
{
    const uint32_t rows_count = 100000;
    struct profile_change *rows = calloc(rows_count, sizeof *rows), *again;
    struct profile_changes packed;
    uint32_t n;

    (void)state;
    assert_non_null(rows);
    for (uint32_t i = 0; i < rows_count; i++)
        rows[i] = (struct profile_change){i, 0, {.live_blocks = 1, .live_bytes = 16}};
    assert_int_equal(changes_encode(&packed, rows, rows_count, NULL), 0);
    assert_true(packed.size < rows_count / 10);
    assert_int_equal(changes_decode(&packed, rows_count, &again, &n, NULL), 0);
    assert_int_equal(n, rows_count);
    assert_memory_equal(again, rows, n * sizeof *rows);
    free(again);
    free(rows);
    changes_release(&packed);
}

static void what_says_nothing_is_no_row(void **state)
{
    struct profile_change rows[3] = {{.site = 0}, {.site = 1}, {.site = 2}}, *again;
    struct profile_changes packed;
    uint32_t n;

    (void)state;
    assert_int_equal(changes_encode(&packed, rows, 3, NULL), 0);
    assert_int_equal(changes_decode(&packed, 3, &again, &n, NULL), 0);
    assert_int_equal(n, 0);
    free(again);
    changes_release(&packed);
}

static void assert_refused(const void *bytes, size_t size, uint32_t sites)
{
    void *exact = malloc(size + !size);
    struct profile_changes packed = {exact, size};
    struct profile_change *rows;
    struct error e = {0};
    uint32_t n;

    assert_non_null(exact);
    memcpy(exact, bytes, size);
    assert_int_equal(changes_decode(&packed, sites, &rows, &n, &e), -1);
    assert_int_equal(e.kind, ERROR_FORMAT);
    assert_null(rows);
    free(exact);
}

/* Damage may go unnoticed where the numbers are, but it never harms. */
static void damage_does_no_harm(void **state)
{
    uint32_t sites, n;
    struct profile_change *rows = random_rows(30, &sites), *again;
    struct profile_changes packed;
    struct error e;

    (void)state;
    assert_int_equal(changes_encode(&packed, rows, 30, NULL), 0);
    assert_refused(packed.bytes, packed.size, sites - 1); /* its last site is out of range */
    assert_refused(packed.bytes, packed.size, 0);
    for (size_t size = 0; size < packed.size; size++)
        assert_refused(packed.bytes, size, sites);
    for (size_t i = 0; i < packed.size * 8; i++) {
        packed.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        if (changes_decode(&packed, sites, &again, &n, &e) == 0) {
            for (uint32_t k = 0; k < n; k++)
                assert_true(again[k].site < sites);
            free(again);
        } else {
            assert_int_equal(e.kind, ERROR_FORMAT);
        }
        packed.bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    changes_release(&packed);
    free(rows);
}

static void absurd_claims_are_refused(void **state)
{
    (void)state;
    assert_refused("", 0, 9);
    assert_refused("\0\0\1\0\0", 5, 9);                            /* longer than it says */
    assert_refused("\2\0\1\0", 4, 9);                              /* an encoding of no name */
    assert_refused("\0\0\0", 3, 9);                                /* no flags */
    assert_refused("\0\1\3\x80\x80\1", 6, 9);                      /* flags of no name */
    assert_refused("\0\xff\xff\xff\xff\x1f\1\0", 8, UINT32_MAX);   /* too many rows */
    assert_refused("\1\1\xff\xff\xff\xff\x0f\0\0", 9, UINT32_MAX); /* too many bytes */
    assert_refused("\0\2\3\1\5\xff", 6, 9);                        /* a number cut short */
    assert_refused("\0\2\1\0", 4, 9);                              /* rows that take no bytes */
    /* a gap too far */
    assert_refused("\0\2\x0c\1\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\1", 15, 9);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_packed_is_unpacked),
        cmocka_unit_test(odd_numbers_make_the_trip),
        cmocka_unit_test(usual_changes_take_few_bytes),
        cmocka_unit_test(merged_changes_are_the_sum),
        cmocka_unit_test(what_cancels_out_is_left_out),
        cmocka_unit_test(what_says_nothing_is_no_row),
        cmocka_unit_test(uniform_changes_are_packed_and_readable),
        cmocka_unit_test(damage_does_no_harm),
        cmocka_unit_test(absurd_claims_are_refused),
    };

    random_state = 88172645463325252u;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
