// SPDX-License-Identifier: Apache-2.0
/* The writer's thread: all that is put arrives, in order, and is told of when it has. */
#include "src/host/recording/writer.h"

#include "src/host/symbols/snapshot-open.h"
#include "tests/unit/sample-journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/memprof-test-XXXXXX";
static char path[64];

/* What `done` was told; read by the test after writer_finish. */
struct told {
    const char *file; /* to be looked at each time; NULL: not */
    uint64_t tickets[64];
    enum error_kind errors[64];
    uint32_t moments_in_file[64];
    uint32_t count;
    pthread_mutex_t hold; /* the writer's thread waits for it */
};

static void done(void *context, uint64_t ticket, const struct profile_moment *moment,
                 const struct profile *whole, const struct error *e)
{
    struct told *t = context;
    struct profile p;

    (void)moment;
    (void)whole;
    pthread_mutex_lock(&t->hold);
    pthread_mutex_unlock(&t->hold);
    if (t->file && e->kind == ERROR_NONE && snapshot_open(&p, t->file, NULL) == 0) {
        t->moments_in_file[t->count] = p.moment_count;
        profile_release(&p);
    }
    t->tickets[t->count] = ticket;
    t->errors[t->count++] = e->kind;
}

static void begin(struct writer *w, struct told *t, const char *file)
{
    const struct writer_options options = {.path = file, .done = done, .context = t};

    memset(t, 0, sizeof(*t));
    t->file = file;
    pthread_mutex_init(&t->hold, NULL);
    assert_int_equal(writer_start(w, &options, NULL), 0);
}

static void put(struct writer *w, uint32_t number, uint64_t ticket)
{
    struct checkpoint c;

    assert_true(sample_checkpoint(&c, number));
    assert_int_equal(writer_put(w, &c, ticket, NULL), 0);
}

static uint64_t live_bytes(const struct profile *p)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < p->site_count; i++)
        sum += p->sites[i].stats.live_bytes;
    return sum;
}

static void all_arrives_in_order(void **state)
{
    struct writer w;
    struct told t;

    (void)state;
    begin(&w, &t, NULL);
    for (uint32_t i = 0; i < 50; i++)
        put(&w, i, i % 2 ? 100 + i : 0); /* every other one without a ticket */
    writer_finish(&w);
    assert_int_equal(t.count, 25);
    for (uint32_t i = 0; i < 25; i++) {
        assert_int_equal(t.tickets[i], 101 + 2 * i);
        assert_int_equal(t.errors[i], ERROR_NONE);
    }
    assert_int_equal(w.series.count, 50);
    assert_int_equal(live_bytes(&w.whole), sample_live_bytes(50));
    writer_release(&w);
}

/* Whoever is told of a moment finds it in the file. */
static void told_after_it_is_written(void **state)
{
    struct writer w;
    struct told t;

    (void)state;
    begin(&w, &t, path);
    for (uint32_t i = 0; i < 10; i++)
        put(&w, i, i + 1);
    writer_finish(&w);
    assert_int_equal(t.count, 10);
    for (uint32_t i = 0; i < 10; i++)
        assert_int_equal(t.moments_in_file[i], i + 1);
    writer_release(&w);
    assert_int_equal(unlink(path), 0);
}

static void room_is_limited(void **state)
{
    struct writer w;
    struct told t;

    (void)state;
    begin(&w, &t, NULL);
    assert_true(writer_has_room(&w));
    pthread_mutex_lock(&t.hold);
    for (uint32_t i = 0; i < WRITER_SHALLOW; i++)
        put(&w, i, i + 1); /* the first is being worked on, and counts until it is done */
    assert_false(writer_has_room(&w));
    for (uint32_t i = WRITER_SHALLOW; i < 40; i++)
        put(&w, i, 0); /* what cannot be left out still has a place */
    pthread_mutex_unlock(&t.hold);
    writer_finish(&w);
    assert_true(writer_has_room(&w));
    assert_int_equal(w.series.count, 40);
    writer_release(&w);
}

/* The profile has the last one, the file has it when the journal is settled. */
static void the_last_is_kept_from_the_file(void **state)
{
    struct checkpoint c;
    struct profile p;
    struct writer w;
    struct told t;

    (void)state;
    begin(&w, &t, path);
    put(&w, 0, 0);
    assert_true(sample_checkpoint(&c, 1));
    assert_int_equal(writer_put_last(&w, &c, NULL), 0);
    writer_finish(&w);
    assert_int_equal(live_bytes(&w.whole), sample_live_bytes(2));
    assert_int_equal(snapshot_open(&p, path, NULL), 0);
    assert_int_equal(p.moment_count, 1);
    profile_release(&p);
    assert_int_equal(journal_settle(&w.journal, &w.whole, &w.series, NULL), 0);
    assert_int_equal(snapshot_open(&p, path, NULL), 0);
    assert_int_equal(p.moment_count, 2);
    profile_release(&p);
    writer_release(&w);
    assert_int_equal(unlink(path), 0);
}

/* A file that cannot be written costs nothing but the file. */
static void unwritable(void **state)
{
    struct writer w;
    struct told t;

    (void)state;
    begin(&w, &t, "/nowhere/at/all.mprof");
    for (uint32_t i = 0; i < 4; i++)
        put(&w, i, i + 1);
    writer_finish(&w);
    assert_int_equal(t.count, 4);
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(t.errors[i], ERROR_SYSTEM);
    assert_int_equal(w.trouble.kind, ERROR_NONE);
    assert_int_equal(w.lost.kind, ERROR_SYSTEM);
    assert_int_equal(live_bytes(&w.whole), sample_live_bytes(4));
    writer_release(&w);
}

/* A checkpoint that contradicts the profile: it and all that follow are refused, aloud. */
static void inconsistent(void **state)
{
    struct writer w;
    struct told t;

    (void)state;
    begin(&w, &t, NULL);
    put(&w, 0, 1);
    put(&w, 7, 2); /* numbers of nodes that are not there */
    put(&w, 1, 3);
    writer_finish(&w);
    assert_int_equal(t.count, 3);
    assert_int_equal(t.errors[0], ERROR_NONE);
    assert_int_not_equal(t.errors[1], ERROR_NONE);
    assert_int_not_equal(t.errors[2], ERROR_NONE);
    assert_int_not_equal(w.trouble.kind, ERROR_NONE);
    assert_int_equal(w.series.count, 1);
    writer_release(&w);
}

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder))
        return -1;
    snprintf(path, sizeof(path), "%s/file.mprof", folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_arrives_in_order), cmocka_unit_test(told_after_it_is_written),
        cmocka_unit_test(room_is_limited),      cmocka_unit_test(the_last_is_kept_from_the_file),
        cmocka_unit_test(unwritable),           cmocka_unit_test(inconsistent),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
