// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/buffer.h"
#include "src/host/profile/changes.h"
#include "src/host/profile/liveness.h"
#include "src/host/profile/moments.h"
#include "src/host/profile/snapshot-format.h"
#include "src/host/profile/snapshot.h"
#include "tests/unit/sample-journal.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define GROUPS 5u

struct fixture {
    char directory[64], path[96];
    struct sample_run run;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);

    if (!f)
        return -1;
    strcpy(f->directory, "/tmp/memprof-test-XXXXXX");
    if (!mkdtemp(f->directory))
        return -1;
    snprintf(f->path, sizeof f->path, "%s/a.mprof", f->directory);
    *state = f;
    return sample_run_init(&f->run, f->path) ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    sample_run_release(&f->run);
    unlink(f->path);
    assert_int_equal(rmdir(f->directory), 0); /* no temporary file stayed */
    free(f);
    return 0;
}

static void append(struct fixture *f, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        assert_int_equal(sample_run_next(&f->run, NULL), 0);
}

static uint64_t file_size(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

/* The profile is what `groups` checkpoints made, in every respect that is cheap to look at. */
static void assert_state(const struct profile *p, uint32_t groups)
{
    uint64_t live = 0;

    assert_true(groups > 0);
    assert_int_equal(p->site_count, groups * SAMPLE_GROUP_SITES);
    assert_int_equal(p->mark_count, groups);
    assert_int_equal(p->snapshot_pool_count, groups);
    assert_int_equal(p->snapshot_pools[groups - 1].snapshot, groups);
    assert_int_equal(p->sample_count, groups);
    assert_int_equal(p->module_count, (groups - 1) / 2 + 1);
    assert_int_equal(p->totals.live_bytes, sample_live_bytes(groups));
    assert_int_equal(p->loss.dropped, groups - 1);
    assert_true(p->process.seconds == groups - 0.25);
    for (uint32_t i = 0; i < p->site_count; i++)
        live += p->sites[i].stats.live_bytes;
    assert_int_equal(live, sample_live_bytes(groups));
    for (uint32_t i = 0; i < p->mark_count; i++) {
        char label[32];

        snprintf(label, sizeof label, "mark %u", i);
        assert_string_equal(profile_text(p, p->marks[i].label), label);
    }
}

/* Every snapshot in the profile adds up to what was live then. */
/* Of the looks at the heap that every third group brings, the last. */
static void assert_heap(const struct profile *p, uint32_t groups)
{
    uint32_t looks = (groups + 1) / 3;

    assert_int_equal(p->heap.number, looks);
    assert_int_equal(p->size_count, looks);
    assert_int_equal(p->pool_count, looks);
    assert_int_equal(p->pin_count, looks);
    for (uint32_t i = 0; i < looks; i++)
        assert_int_equal(p->sizes[i].blocks, (looks - 1) * 3 + 1 + i);
}

/* Of the searches for leaks that every fourth group brings, the last. */
static void assert_search(const struct profile *p, uint32_t groups)
{
    uint32_t searches = (groups + 2) / 4, group = searches ? (searches - 1) * 4 + 1 : 0;
    char name[32];

    assert_int_equal(p->search.number, searches);
    assert_int_equal(p->leak_count, searches);
    assert_int_equal(p->block_count, searches);
    assert_int_equal(p->pointer_count, searches);
    assert_int_equal(p->root_count, searches != 0);
    assert_int_equal(p->exception_count, searches != 0);
    assert_int_equal(p->content_count, searches != 0);
    assert_int_equal(p->duplicate_count, searches != 0);
    for (uint32_t i = 0; i < searches; i++)
        assert_int_equal(p->leaks[i].blocks, group + i);
    if (searches) {
        snprintf(name, sizeof name, "why %u", group);
        assert_string_equal(profile_text(p, p->search.why), name);
        snprintf(name, sizeof name, "symbol %u", group);
        assert_string_equal(profile_text(p, p->pointers[0].symbol), name);
        snprintf(name, sizeof name, "root %u", group);
        assert_string_equal(profile_text(p, p->roots[0].name), name);
    }
}

static void assert_snapshots(const struct profile *p, uint32_t groups)
{
    uint32_t snapshots = 0;

    for (uint32_t i = 0; i < p->moment_count; i++) {
        struct moment moment = {MOMENT_LISTED, i};
        struct profile_stats *stats;
        uint64_t live = 0;

        snapshots += p->moments[i].number != 0;
        assert_int_equal(moment_stats(p, moment, &stats, NULL), 0);
        for (uint32_t k = 0; k < p->site_count; k++)
            live += stats[k].live_bytes;
        assert_int_equal(live, p->moments[i].live_bytes);
        free(stats);
    }
    assert_int_equal(snapshots, groups / 2);
}

static void assert_file(const char *path, uint32_t groups)
{
    struct profile p;

    assert_int_equal(snapshot_read(&p, path, NULL), 0);
    assert_state(&p, groups);
    assert_heap(&p, groups);
    assert_search(&p, groups);
    assert_snapshots(&p, groups);
    assert_true(p.incomplete);
    assert_true(p.unnamed);
    assert_int_equal(p.cut.kind, CUT_SHORT);
    assert_int_equal(p.cut.offset, file_size(path));
    assert_int_equal(p.cut.file_size, file_size(path));
    assert_true(p.cut.seconds == groups - 0.25);
    profile_release(&p);
}

/* ------------------------------------------------------------ appending -- */

static void every_group_can_be_read_at_once(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(file_size(f->path), 0);
    for (uint32_t i = 1; i <= 30; i++) {
        append(f, 1);
        assert_file(f->path, i);
    }
    assert_int_equal(f->run.journal.groups, 30);
}

static void frames_without_names_have_a_line(void **state)
{
    struct fixture *f = *state;
    struct profile p;

    append(f, 2);
    assert_int_equal(snapshot_read(&p, f->path, NULL), 0);
    for (uint32_t i = 0; i < p.frame_count; i++) {
        assert_int_equal(p.frames[i].line_count, 1);
        assert_int_equal(p.lines[p.frames[i].first_line].offset, 16 * i);
        assert_int_equal(p.lines[p.frames[i].first_line].function, 0);
    }
    profile_release(&p);
}

static void the_writer_is_known(void **state)
{
    struct fixture *f = *state;
    struct profile p;
    char host[256] = "";

    append(f, 1);
    assert_int_equal(snapshot_read(&p, f->path, NULL), 0);
    assert_int_equal(p.writer.pid, getpid());
    assert_true(p.writer.start_ticks > 0);
    assert_false(liveness_writer(&p)); /* it is from another host */
    gethostname(host, sizeof host - 1);
    p.process.host = strings_add(&p.strings, host);
    assert_true(liveness_writer(&p));
    p.writer.start_ticks++; /* an earlier process of the same number */
    assert_false(liveness_writer(&p));
    p.writer = (struct profile_writer){.pid = 0};
    assert_false(liveness_writer(&p));
    profile_release(&p);
}

/* ------------------------------------------------------------- cut files -- */

static uint8_t *slurp(const char *path, size_t *size)
{
    FILE *file = fopen(path, "r");
    uint8_t *bytes;

    *size = (size_t)file_size(path);
    bytes = malloc(*size);
    assert_non_null(file);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, file), *size);
    fclose(file);
    return bytes;
}

/* Write GROUPS groups; ends[i] is where group i ends. */
static uint8_t *make_file(struct fixture *f, size_t *size, uint64_t *ends)
{
    for (uint32_t i = 0; i < GROUPS; i++) {
        append(f, 1);
        ends[i] = f->run.journal.size;
    }
    return slurp(f->path, size);
}

static uint32_t groups_before(const uint64_t *ends, uint64_t offset)
{
    uint32_t n = 0;

    while (n < GROUPS && ends[n] <= offset)
        n++;
    return n;
}

static void a_journal_cut_at_any_byte_shows_its_last_whole_group(void **state)
{
    struct fixture *f = *state;
    uint64_t ends[GROUPS];
    size_t size;
    uint8_t *bytes = make_file(f, &size, ends);

    for (size_t length = 0; length <= size; length++) {
        uint8_t *cut = malloc(length + !length); /* exact, for the sanitizer */
        uint32_t groups = groups_before(ends, length);
        struct profile p;
        struct error e = {0};

        memcpy(cut, bytes, length);
        if (snapshot_read_bytes(&p, cut, length, &e) == 0) {
            assert_state(&p, groups);
            assert_true(p.incomplete);
            assert_int_equal(p.cut.kind, CUT_SHORT);
            assert_int_equal(p.cut.offset, ends[groups - 1]);
            assert_int_equal(p.cut.file_size, length);
        } else {
            assert_int_equal(groups, 0);
            assert_int_equal(e.kind, ERROR_FORMAT);
        }
        profile_release(&p);
        free(cut);
    }
    free(bytes);
}

static void any_bit_that_is_wrong_ends_the_reading_before_it(void **state)
{
    struct fixture *f = *state;
    uint64_t ends[GROUPS];
    size_t size;
    uint8_t *bytes = make_file(f, &size, ends);

    for (size_t i = 0; i < size * 8; i++) {
        uint32_t groups = groups_before(ends, i / 8);
        struct profile p;
        struct error e = {0};

        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
        if (snapshot_read_bytes(&p, bytes, size, &e) == 0) {
            assert_state(&p, groups);
            assert_true(p.cut.kind != CUT_NONE);
            assert_int_equal(p.cut.offset, ends[groups - 1]);
        } else {
            assert_int_equal(groups, 0);
            assert_int_equal(e.kind, ERROR_FORMAT);
            assert_true(strlen(e.text) > 10);
        }
        profile_release(&p);
        bytes[i / 8] ^= (uint8_t)(1u << i % 8);
    }
    free(bytes);
}

/* What is made from a file that was cut says so, too. */
static void the_cut_is_kept_when_written_again(void **state)
{
    struct fixture *f = *state;
    uint64_t ends[GROUPS];
    size_t size, again_size;
    uint8_t *bytes = make_file(f, &size, ends);
    struct profile p, again;
    void *written;

    bytes[ends[2] + 70] ^= 1;
    assert_int_equal(snapshot_read_bytes(&p, bytes, size, NULL), 0);
    assert_int_equal(p.cut.kind, CUT_DAMAGED);
    assert_int_equal(snapshot_write_bytes(&p, &written, &again_size, NULL), 0);
    assert_int_equal(snapshot_read_bytes(&again, written, again_size, NULL), 0);
    free(written);
    assert_true(again.incomplete);
    assert_int_equal(again.cut.kind, CUT_DAMAGED);
    assert_int_equal(again.cut.offset, ends[2]);
    assert_int_equal(again.cut.file_size, size);
    assert_true(again.cut.seconds == p.cut.seconds);
    profile_release(&again);
    p.cut.kind = CUT_DAMAGED + 1;
    assert_int_equal(snapshot_write_bytes(&p, &written, &again_size, NULL), -1);
    p.cut = (struct profile_cut){CUT_SHORT, size + 1, size, 0};
    assert_int_equal(snapshot_write_bytes(&p, &written, &again_size, NULL), -1);
    profile_release(&p);
    free(bytes);
}

/* Each section is sound, but one of the last group's is missing. */
static void a_group_that_lacks_a_section_is_left_out(void **state)
{
    struct fixture *f = *state;
    uint64_t ends[GROUPS], at;
    uint32_t sections = 0;
    size_t size;
    uint8_t *bytes = make_file(f, &size, ends), *less = malloc(size);
    struct profile p;

    assert_non_null(less);
    for (at = ends[GROUPS - 2]; at < size; sections++) {
        struct view v = {bytes + at + 16, bytes + at + 24, false};
        uint64_t length = SNAPSHOT_SECTION_HEADER_BYTES + view_u64(&v);

        memcpy(less, bytes, (size_t)at);
        memcpy(less + at, bytes + at + length, (size_t)(size - at - length));
        assert_int_equal(snapshot_read_bytes(&p, less, (size_t)(size - length), NULL), 0);
        assert_state(&p, GROUPS - 1);
        assert_true(p.cut.kind != CUT_NONE);
        assert_int_equal(p.cut.offset, ends[GROUPS - 2]);
        profile_release(&p);
        at += length;
    }
    assert_int_equal(at, size);
    assert_true(sections > 6);
    free(less);
    free(bytes);
}

/* A tail of zeros, or of old blocks, as a file system may leave after a power cut. */
static void a_tail_of_something_else_is_left_out(void **state)
{
    struct fixture *f = *state;
    uint64_t ends[GROUPS];
    size_t size;
    uint8_t *bytes = make_file(f, &size, ends);
    struct profile p;

    memset(bytes + ends[2], 0, size - ends[2]);
    assert_int_equal(snapshot_read_bytes(&p, bytes, size, NULL), 0);
    assert_state(&p, 3);
    assert_int_equal(p.cut.kind, CUT_DAMAGED);
    profile_release(&p);
    /* group 2 again in the place of group 4: sound in itself, but not what belongs there */
    memmove(bytes + ends[2], bytes + ends[1], (size_t)(ends[2] - ends[1]));
    assert_int_equal(snapshot_read_bytes(&p, bytes, (size_t)(2 * ends[2] - ends[1]), NULL), 0);
    assert_state(&p, 3);
    assert_int_equal(p.cut.kind, CUT_DAMAGED);
    profile_release(&p);
    free(bytes);
}

/* ------------------------------------------------------- a full disk -- */

static void limit_files(uint64_t size)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size ? size : limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static void nothing_is_lost_by_a_disk_that_is_full_for_a_while(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};
    uint64_t before;

    append(f, 4);
    before = file_size(f->path);
    limit_files(before + 100); /* room for the beginning of a group */
    assert_int_equal(sample_run_next(&f->run, &e), -1);
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_true(f->run.journal.failing);
    assert_file(f->path, 4);
    assert_int_equal(file_size(f->path), before); /* the beginning was taken back */
    append(f, 5);                                 /* said once */
    assert_true(f->run.journal.failing);
    assert_file(f->path, 4);
    limit_files(0);
    append(f, 1);
    assert_false(f->run.journal.failing);
    assert_file(f->path, 11);
    append(f, 1);
    assert_file(f->path, 12);
}

static void a_first_group_that_does_not_fit_comes_later(void **state)
{
    struct fixture *f = *state;

    limit_files(50);
    assert_int_equal(sample_run_next(&f->run, NULL), -1);
    append(f, 1);
    limit_files(0);
    assert_int_equal(file_size(f->path), 0);
    append(f, 1);
    assert_file(f->path, 3);
}

/* ----------------------------------------------------- rewritten, moved -- */

static void a_torn_file_is_written_anew(void **state)
{
    struct fixture *f = *state;

    append(f, 9);
    f->run.journal.torn = true; /* its half group could not be cut off */
    append(f, 1);
    assert_int_equal(f->run.journal.groups, 1);
    assert_file(f->path, 10);
    append(f, 1);
    assert_int_equal(f->run.journal.groups, 2);
    assert_file(f->path, 11);
}

static void a_file_that_has_grown_long_is_written_anew(void **state)
{
    struct fixture *f = *state;
    uint64_t most = 0;
    uint32_t anew = 0;

    while (anew < 2 && f->run.taken < 20000) {
        append(f, 1);
        anew += f->run.journal.groups == 1;
        most = f->run.journal.size > most ? f->run.journal.size : most;
        if (f->run.taken == 20) /* as if twenty megabytes had been written */
            assert_int_equal(truncate(f->path, 20 << 20), 0);
        if (f->run.taken == 20)
            f->run.journal.size = 20 << 20;
    }
    assert_int_equal(anew, 2); /* the first one and the one after */
    assert_int_equal(f->run.taken, 21);
    assert_file(f->path, 21);
    assert_true(file_size(f->path) < 1 << 20);
}

static void the_file_moves(void **state)
{
    struct fixture *f = *state;
    char other[128];

    snprintf(other, sizeof other, "%s/b.mprof", f->directory);
    append(f, 2);
    assert_int_equal(journal_rename(&f->run.journal, other, NULL), 0);
    append(f, 1);
    assert_int_equal(file_size(f->path), 0);
    assert_file(other, 3);
    assert_int_equal(journal_rename(&f->run.journal, "/nowhere/at/all.mprof", NULL), -1);
    assert_int_equal(journal_rename(&f->run.journal, f->path, NULL), 0);
    append(f, 1);
    assert_file(f->path, 4);
}

static void a_link_is_followed_and_a_trap_is_not(void **state)
{
    struct fixture *f = *state;
    char link[128], victim[128];
    struct stat status;

    snprintf(link, sizeof link, "%s/link", f->directory);
    snprintf(victim, sizeof victim, "%s/victim", f->directory);
    append(f, 1);
    assert_int_equal(symlink(f->path, link), 0);
    journal_close(&f->run.journal);
    assert_int_equal(journal_open(&f->run.journal, link, NULL), 0);
    assert_int_equal(symlink(victim, f->run.journal.file.temporary), 0);
    append(f, 1);
    assert_file(link, 2);
    assert_int_equal(lstat(link, &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(lstat(f->path, &status), 0);
    assert_true(S_ISREG(status.st_mode));
    assert_int_equal(stat(victim, &status), -1);
    unlink(link);
}

/* -------------------------------------------------------------- finishing -- */

static void name_frames(struct profile *p)
{
    p->lines = calloc(1, sizeof *p->lines);
    assert_non_null(p->lines);
    p->line_count = 1;
    for (uint32_t i = 0; i < p->frame_count; i++)
        p->frames[i].line_count = 1;
}

static mode_t mode_of(const char *path)
{
    struct stat status;

    assert_int_equal(stat(path, &status), 0);
    return status.st_mode & 0777;
}

static void only_its_user_reads_it_until_it_is_finished(void **state)
{
    struct fixture *f = *state;
    mode_t mask = umask(022);

    append(f, 1);
    assert_int_equal(mode_of(f->path), 0600);
    append(f, 1);
    assert_int_equal(mode_of(f->path), 0600);
    name_frames(&f->run.whole);
    assert_int_equal(journal_finish(&f->run.journal, &f->run.whole, NULL, NULL, NULL), 0);
    assert_int_equal(mode_of(f->path), 0644);
    umask(mask);
}

static void the_finished_file_takes_its_place(void **state)
{
    struct fixture *f = *state;
    struct profile p;
    uint64_t size;

    append(f, 6);
    name_frames(&f->run.whole);
    series_hand_over(&f->run.series, &f->run.whole);
    assert_int_equal(journal_finish(&f->run.journal, &f->run.whole, NULL, &size, NULL), 0);
    assert_int_equal(file_size(f->path), size);
    assert_int_equal(snapshot_read(&p, f->path, NULL), 0);
    assert_state(&p, 6);
    assert_heap(&p, 6);
    assert_snapshots(&p, 6);
    assert_false(p.incomplete);
    assert_false(p.unnamed);
    assert_int_equal(p.cut.kind, CUT_NONE);
    assert_int_equal(p.writer.pid, 0);
    profile_release(&p);
}

static void without_room_to_finish_the_journal_stays(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};

    append(f, 6);
    name_frames(&f->run.whole);
    limit_files(100);
    assert_int_equal(journal_finish(&f->run.journal, &f->run.whole, NULL, NULL, &e), -1);
    limit_files(0);
    assert_non_null(strstr(e.text, "File too large"));
    assert_non_null(strstr(e.text, "last checkpoint"));
    assert_file(f->path, 6);
}

static void what_was_deferred_is_written_when_it_is_settled(void **state)
{
    struct fixture *f = *state;

    append(f, 2);
    assert_int_equal(sample_run_defer(&f->run, NULL), 0);
    assert_file(f->path, 2);
    assert_int_equal(journal_settle(&f->run.journal, &f->run.whole, &f->run.series, NULL), 0);
    assert_file(f->path, 3);
    assert_int_equal(f->run.journal.groups, 3);
    assert_int_equal(journal_settle(&f->run.journal, &f->run.whole, &f->run.series, NULL), 0);
    assert_int_equal(f->run.journal.groups, 3);
    assert_int_equal(sample_run_defer(&f->run, NULL), 0);
    append(f, 1); /* brings both */
    assert_int_equal(f->run.journal.groups, 4);
    assert_file(f->path, 5);
}

/* A folder where the finished file would be made: the journal can still be written. */
static void what_was_deferred_is_written_when_finishing_fails(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};

    append(f, 5);
    assert_int_equal(sample_run_defer(&f->run, NULL), 0);
    name_frames(&f->run.whole);
    series_hand_over(&f->run.series, &f->run.whole);
    assert_int_equal(mkdir(f->run.journal.file.temporary, 0700), 0);
    assert_int_equal(journal_finish(&f->run.journal, &f->run.whole, NULL, NULL, &e), -1);
    assert_int_equal(rmdir(f->run.journal.file.temporary), 0);
    assert_non_null(strstr(e.text, "last checkpoint"));
    assert_file(f->path, 6);
}

/* There is no room for what was deferred either: what the file had stays. */
static void without_room_for_what_was_deferred_the_journal_stays(void **state)
{
    struct fixture *f = *state;
    struct error e = {0};

    append(f, 5);
    assert_int_equal(sample_run_defer(&f->run, NULL), 0);
    name_frames(&f->run.whole);
    limit_files(100);
    assert_int_equal(journal_finish(&f->run.journal, &f->run.whole, NULL, NULL, &e), -1);
    limit_files(0);
    assert_non_null(strstr(e.text, "last checkpoint"));
    assert_file(f->path, 5);
}

static void a_device_has_no_journal(void **state)
{
    struct fixture *f = *state;

    journal_close(&f->run.journal);
    assert_int_equal(journal_open(&f->run.journal, "/dev/null", NULL), 0);
    append(f, 3);
    assert_int_equal(f->run.journal.groups, 0);
    name_frames(&f->run.whole);
    assert_int_equal(journal_finish(&f->run.journal, &f->run.whole, NULL, NULL, NULL), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(every_group_can_be_read_at_once),
        TEST(frames_without_names_have_a_line),
        TEST(the_writer_is_known),
        TEST(a_journal_cut_at_any_byte_shows_its_last_whole_group),
        TEST(any_bit_that_is_wrong_ends_the_reading_before_it),
        TEST(a_tail_of_something_else_is_left_out),
        TEST(a_group_that_lacks_a_section_is_left_out),
        TEST(the_cut_is_kept_when_written_again),
        TEST(nothing_is_lost_by_a_disk_that_is_full_for_a_while),
        TEST(a_first_group_that_does_not_fit_comes_later),
        TEST(a_torn_file_is_written_anew),
        TEST(a_file_that_has_grown_long_is_written_anew),
        TEST(the_file_moves),
        TEST(a_link_is_followed_and_a_trap_is_not),
        TEST(only_its_user_reads_it_until_it_is_finished),
        TEST(the_finished_file_takes_its_place),
        TEST(without_room_to_finish_the_journal_stays),
        TEST(what_was_deferred_is_written_when_it_is_settled),
        TEST(what_was_deferred_is_written_when_finishing_fails),
        TEST(without_room_for_what_was_deferred_the_journal_stays),
        TEST(a_device_has_no_journal),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
