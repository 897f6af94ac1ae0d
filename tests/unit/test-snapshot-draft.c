// SPDX-License-Identifier: Apache-2.0
/* Sections packed ahead are those that the writer would have packed. */
#include "src/host/profile/snapshot-draft.h"

#include "src/host/profile/snapshot-format.h"
#include "src/host/profile/snapshot.h"
#include "tests/unit/sample-profile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static void assert_written_alike(const struct profile *p, struct snapshot_draft *d)
{
    void *plain, *drafted;
    size_t plain_size, drafted_size;

    assert_int_equal(snapshot_write_bytes(p, &plain, &plain_size, NULL), 0);
    assert_int_equal(snapshot_write_drafted(p, d, &drafted, &drafted_size, NULL), 0);
    assert_int_equal(plain_size, drafted_size);
    assert_memory_equal(plain, drafted, plain_size);
    free(plain);
    free(drafted);
}

/* Small: the writer comes to a section before the thread does; large: after it. */
static void a_drafted_file_is_the_same(void **state)
{
    (void)state;
    for (uint32_t scale = 1; scale <= 20000; scale = scale * 7 + 1) {
        struct snapshot_draft d;
        struct profile p;

        assert_true(sample_profile_init(&p, scale));
        snapshot_draft_init(&d);
        snapshot_draft_begin(&d, &p);
        assert_written_alike(&p, &d);
        assert_written_alike(&p, &d); /* what the first took is there for the second */
        snapshot_draft_release(&d);
        snapshot_draft_release(&d);
        profile_release(&p);
    }
}

static void wait_for_all(struct snapshot_draft *d)
{
    pthread_mutex_lock(&d->lock);
    for (size_t i = 0; i < SNAPSHOT_DRAFT_SECTIONS; i++)
        while (d->states[i] != DRAFT_DONE)
            pthread_cond_wait(&d->done, &d->lock);
    pthread_mutex_unlock(&d->lock);
}

static void what_was_packed_ahead_is_taken(void **state)
{
    const struct buffer *nodes;
    struct snapshot_draft d;
    struct profile p;

    (void)state;
    assert_true(sample_profile_init(&p, 100));
    snapshot_draft_init(&d);
    snapshot_draft_begin(&d, &p);
    wait_for_all(&d);
    nodes = snapshot_draft_section(&d, SNAPSHOT_NODES);
    assert_non_null(nodes);
    assert_true(nodes->used > SNAPSHOT_SECTION_HEADER_BYTES);
    assert_non_null(snapshot_draft_section(&d, SNAPSHOT_SITES));
    assert_null(snapshot_draft_section(&d, SNAPSHOT_STRINGS)); /* names may be added to it */
    assert_written_alike(&p, &d);
    snapshot_draft_release(&d);
    profile_release(&p);
}

static void without_a_draft_all_is_the_writers(void **state)
{
    struct snapshot_draft d;
    struct profile p;

    (void)state;
    assert_true(sample_profile_init(&p, 3));
    snapshot_draft_init(&d);
    assert_null(snapshot_draft_section(&d, SNAPSHOT_NODES));
    assert_written_alike(&p, &d);
    snapshot_draft_release(&d);
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drafted_file_is_the_same),
        cmocka_unit_test(what_was_packed_ahead_is_taken),
        cmocka_unit_test(without_a_draft_all_is_the_writers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
