// SPDX-License-Identifier: Apache-2.0
/*
 * Reading, adding up and writing profiles while memory runs out: each allocation
 * fails in its turn, and all from it on.  What fails says so, never that the file
 * is damaged, and nothing is lost, which the sanitizers' build sees.
 */
#include "src/host/profile/changes.h"
#include "src/host/profile/moments.h"
#include "src/host/profile/snapshot.h"
#include "tests/unit/failing-memory.h"
#include "tests/unit/sample-journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

struct file {
    void *bytes;
    size_t size;
};

/* 0, or -1 with the error; what it makes it releases. */
typedef int attempt(const struct file *file, struct error *e);

/* From no memory at all to the first time that it is enough. */
static void starve(attempt *try_it, const struct file *file)
{
    for (uint64_t n = 0;; n++) {
        struct error e = {0};
        int result;

        memory_fail_after(n);
        result = try_it(file, &e);
        memory_suffices();
        if (result == 0) {
            assert_true(n > 3);
            return;
        }
        assert_int_equal(e.kind, ERROR_MEMORY);
        assert_true(e.text[0]);
        assert_true(n < 10000);
    }
}

static int read_file(const struct file *file, struct error *e)
{
    struct profile p;

    if (snapshot_read_bytes(&p, file->bytes, file->size, e) != 0)
        return -1;
    profile_release(&p);
    return 0;
}

/* Read with memory enough, then what is asked about with less. */
static struct profile looked_at;

static int add_up(const struct file *file, struct error *e)
{
    struct moment last = {MOMENT_LISTED, looked_at.moment_count - 1};
    struct profile_stats *stats;

    (void)file;
    if (moment_stats(&looked_at, last, &stats, e) != 0)
        return -1;
    free(stats);
    return 0;
}

static int merge(const struct file *file, struct error *e)
{
    struct profile_changes merged;

    (void)file;
    if (changes_merge(&merged, &looked_at.changes[0], &looked_at.changes[1], e) != 0)
        return -1;
    changes_release(&merged);
    return 0;
}

static int write_file(const struct file *file, struct error *e)
{
    void *bytes;
    size_t size;

    (void)file;
    if (snapshot_write_bytes(&looked_at, &bytes, &size, e) != 0)
        return -1;
    free(bytes);
    return 0;
}

static void starve_all(const struct file *file)
{
    starve(read_file, file);
    assert_int_equal(snapshot_read_bytes(&looked_at, file->bytes, file->size, NULL), 0);
    assert_true(looked_at.moment_count > 1);
    starve(add_up, file);
    starve(merge, file);
    starve(write_file, file);
    profile_release(&looked_at);
}

#define CHECKPOINTS 5u

/* Five checkpoints as their writer leaves them, finished or not. */
static struct file make_file(bool finished)
{
    char directory[] = "/tmp/test-profile-memory-XXXXXX", path[64];
    struct file file = {NULL, 0};
    struct sample_run run;
    FILE *from;

    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/p.mprof", directory);
    assert_true(sample_run_init(&run, path));
    for (uint32_t i = 0; i < CHECKPOINTS; i++)
        assert_int_equal(sample_run_next(&run, NULL), 0);
    from = fopen(path, "rb");
    assert_non_null(from);
    file.bytes = malloc(1 << 20);
    assert_non_null(file.bytes);
    file.size = fread(file.bytes, 1, 1 << 20, from);
    fclose(from);
    sample_run_release(&run);
    unlink(path);
    rmdir(directory);
    if (finished) {
        struct profile p;

        assert_int_equal(snapshot_read_bytes(&p, file.bytes, file.size, NULL), 0);
        free(file.bytes);
        assert_int_equal(snapshot_write_bytes(&p, &file.bytes, &file.size, NULL), 0);
        profile_release(&p);
    }
    return file;
}

static void a_finished_file(void **state)
{
    struct file file = make_file(true);

    (void)state;
    starve_all(&file);
    free(file.bytes);
}

static void a_journal(void **state)
{
    struct file file = make_file(false);

    (void)state;
    starve_all(&file);
    free(file.bytes);
}

/* What a checkpoint could not write for want of memory comes with a later one. */
static void a_writer_goes_on_where_memory_returns(void **state)
{
    char directory[] = "/tmp/test-profile-memory-XXXXXX", path[64];
    struct sample_run run;
    struct profile p;
    struct error e;
    uint32_t failed = 0;

    (void)state;
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/p.mprof", directory);
    assert_true(sample_run_init(&run, path));
    for (uint64_t n = 0; n < 200; n++) {
        struct journal *j = &run.journal;
        struct profile_changes packed = {NULL, 0};
        struct profile_moment moment = {.seconds = (double)run.taken};
        int result = -1;

        if (n % 20 == 0)
            assert_int_equal(sample_run_next(&run, NULL), 0);
        assert_int_equal(changes_encode(&packed, NULL, 0, NULL), 0);
        e = (struct error){0};
        memory_fail_after(n % 40);
        result = journal_append(j, &run.whole, &run.series, &moment, &packed, &e);
        memory_suffices();
        failed += result != 0;
        assert_true(result == 0 || e.kind == ERROR_MEMORY);
        changes_release(&packed);
    }
    assert_true(failed > 0);
    assert_int_equal(sample_run_next(&run, NULL), 0);
    assert_int_equal(snapshot_read(&p, path, NULL), 0);
    assert_int_equal(p.totals.live_bytes, sample_live_bytes(run.taken));
    assert_int_equal(p.site_count, run.taken * SAMPLE_GROUP_SITES);
    profile_release(&p);
    sample_run_release(&run);
    unlink(path);
    assert_int_equal(rmdir(directory), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_finished_file),
        cmocka_unit_test(a_journal),
        cmocka_unit_test(a_writer_goes_on_where_memory_returns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
