/* SPDX-License-Identifier: Apache-2.0 */
/* Taking moments and writing them, without a target: this thread plays the collector. */
#include "src/host/recording/capture.h"

#include "src/host/profile/snapshot.h"
#include "src/shared/clock.h"
#include "src/shared/stacktrie.h"
#include "tests/unit/segment-maker.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

static struct segment segment;
static struct model model;
static struct modmap modmap;
static struct capture capture;
static struct model_thread thread;
static int ready;
static char folder[] = "/tmp/memprof-test-XXXXXX";
static char path[64];

static void describe(void *context, struct profile *part, double seconds)
{
    (void)context;
    part->process.program = strings_add(&part->strings, "prog");
    part->process.seconds = seconds;
}

static int set_up_with(const char *file, uint64_t every_ns)
{
    struct segment_settings settings = {.clock = CLOCK_MONOTONIC_NS};
    struct symbolizer_options symbolizing = {0};
    struct capture_options options = {
        .path = file, .clock = CLOCK_MONOTONIC_NS, .every_ns = every_ns, .describe = describe};

    if (make_segment(&segment, 6, &settings) != 0)
        return -1;
    options.begin_ns = clock_monotonic_ns();
    model_init(&model, segment.layout.nodes_max, options.begin_ns, 1);
    if (modmap_init(&modmap, &segment, getpid(), "program", "/nowhere/ours.so", &symbolizing,
                    NULL) != 0)
        return -1;
    memset(&thread, 0, sizeof(thread));
    thread.row = threads_add(&model.threads, 5, "main");
    options.source = (struct builder_source){&segment, &model, &modmap, options.begin_ns, true, 0};
    options.ready = ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return capture_init(&capture, &options, NULL);
}

static int set_up(void **state)
{
    (void)state;
    return set_up_with(NULL, 0);
}

static int set_up_file(void **state)
{
    (void)state;
    return set_up_with(path, 0);
}

static int set_up_timer(void **state)
{
    (void)state;
    return set_up_with(NULL, 20000000);
}

static int tear_down(void **state)
{
    (void)state;
    capture_release(&capture);
    modmap_release(&modmap);
    model_release(&model);
    close(ready);
    unlink(path);
    return drop_segment(&segment);
}

static void allocate(uint64_t address, uint64_t size, uint32_t frame)
{
    uint32_t stack = stacktrie_child(&segment, STACK_ROOT_WHOLE, frame);
    struct model_event e = {.word0 = address | (uint64_t)RECORD_ALLOC << RECORD_KIND_SHIFT,
                            .rest = {size | (uint64_t)stack << 32},
                            .thread = &thread,
                            .time = clock_monotonic_ns()};

    model_apply(&model, &e, 1);
}

static void one_round(void)
{
    capture_before(&capture);
    capture_after(&capture);
}

/* Rounds until there is an answer. */
static struct capture_answer wait_answer(void)
{
    struct pollfd p = {.fd = ready, .events = POLLIN};
    struct capture_answer a = {.outcome = UINT32_MAX};
    uint64_t count;

    for (int i = 0; i < 1000; i++) {
        one_round();
        if (capture_answer(&capture, &a))
            return a;
        poll(&p, 1, 10);
        (void)!read(ready, &count, sizeof(count));
    }
    fail_msg("no answer came");
    return a;
}

static struct capture_answer ask(uint32_t kind, const char *label, uint64_t address)
{
    struct capture_request r = {
        .ticket = 9, .kind = kind, .cause = MOMENT_BY_COMMAND, .address = address};
    struct capture_answer a;

    strcpy(r.label, label);
    assert_int_equal(capture_ask(&capture, &r), 0);
    a = wait_answer();
    assert_int_equal(a.ticket, 9);
    assert_int_equal(a.kind, kind);
    return a;
}

static void finish(void)
{
    uint64_t now = clock_monotonic_ns();

    model_finish(&model, now);
    capture_finish(&capture, now, 1e-9, 1);
    assert_int_equal(capture.trouble.kind, ERROR_NONE);
    assert_int_equal(capture.writer.trouble.kind, ERROR_NONE);
}

static void take_snapshot(void)
{
    const struct capture_request asked = {.kind = CAPTURE_SNAPSHOT, .cause = MOMENT_BY_COMMAND};

    assert_int_equal(capture_ask(&capture, &asked), 0);
    one_round();
}

static void test_requests(void **unused)
{
    struct capture_answer a;

    (void)unused;
    capture_begin(&capture);
    allocate(0x1000, 100, 0x401000);
    a = ask(CAPTURE_STATUS, "", 0);
    assert_int_equal(a.outcome, CAPTURE_DONE);
    assert_int_equal(a.moment.live_bytes, 100);
    assert_int_equal(a.snapshots, 0);
    a = ask(CAPTURE_SNAPSHOT, "one", 0);
    assert_int_equal(a.outcome, CAPTURE_DONE);
    assert_int_equal(a.moment.number, 1);
    allocate(0x2000, 50, 0x402000);
    a = ask(CAPTURE_SNAPSHOT, "", 0);
    assert_int_equal(a.moment.number, 2);
    assert_int_equal(a.moment.live_bytes, 150);
    assert_int_equal(a.moment.label, 0);
    a = ask(CAPTURE_BLOCK, "", 0x2031);
    assert_int_equal(a.outcome, CAPTURE_DONE);
    assert_int_equal(a.block.start, 0x2000);
    assert_int_equal(a.block.size, 50);
    assert_int_equal(a.block.site, 2);
    a = ask(CAPTURE_BLOCK, "", 0x2032);
    assert_int_equal(a.outcome, CAPTURE_NOT_FOUND);
    finish();
    assert_int_equal(capture.writer.whole.site_count, 2);
    assert_int_equal(capture.writer.whole.totals.live_bytes, 150);
    assert_int_equal(capture.writer.whole.sites[1].stats.live_bytes, 50);
}

/* What was asked for and cannot be served any more has an answer all the same. */
static void test_end(void **unused)
{
    struct capture_request r = {.ticket = 3, .kind = CAPTURE_SNAPSHOT};
    struct capture_answer a;

    (void)unused;
    capture_begin(&capture);
    assert_int_equal(capture_ask(&capture, &r), 0);
    finish();
    assert_true(capture_answer(&capture, &a));
    assert_int_equal(a.ticket, 3);
    assert_int_equal(a.outcome, CAPTURE_ENDED);
    assert_false(capture_answer(&capture, &a));
}

static uint32_t taken_by(uint32_t cause)
{
    const struct series *s = &capture.writer.series;
    uint32_t count = 0;

    for (uint32_t i = 0; i < s->count; i++)
        count += s->moments[i].kind == MOMENT_SNAPSHOT && s->moments[i].cause == cause;
    return count;
}

/* Signals before the first round, between rounds, and just before the end. */
static void test_signals(void **unused)
{
    _Atomic uint32_t *signals = &segment_header(&segment)->snapshot_signals;

    (void)unused;
    capture_begin(&capture);
    *signals = 2;
    for (int i = 0; i < 200 && capture.snapshots < 2; i++) {
        one_round();
        usleep(1000);
    }
    assert_int_equal(capture.snapshots, 2);
    one_round();
    assert_int_equal(capture.snapshots, 2);
    *signals = 5;
    finish();
    assert_int_equal(capture.snapshots, 5);
    assert_int_equal(taken_by(MOMENT_BY_SIGNAL), 5);
}

/* Answers to searches that were made together may be left behind. */
static void test_joined_unanswered(void **unused)
{
    struct capture_request asked = {.kind = CAPTURE_SEARCH};

    (void)unused;
    capture_begin(&capture);
    for (asked.ticket = 1; asked.ticket <= 3; asked.ticket++)
        assert_int_equal(capture_ask(&capture, &asked), 0);
    one_round();
    finish();
}

/* A program that overwrites the count does not hold up its own end. */
static void test_signals_overwritten(void **unused)
{
    _Atomic uint32_t *signals = &segment_header(&segment)->snapshot_signals;

    (void)unused;
    capture_begin(&capture);
    *signals = 0xdeadbeef;
    finish();
    assert_in_range(capture.snapshots, 1, 1000);
}

/* However many times the timer ran out since, one snapshot is taken, and the next on the beat. */
static void test_timer(void **unused)
{
    uint64_t begin = capture.options.begin_ns, wait;

    (void)unused;
    capture_begin(&capture);
    usleep(70000);
    one_round();
    assert_int_equal(capture.snapshots, 1);
    assert_int_equal((capture.next_snapshot_ns - begin) % 20000000, 0);
    assert_true(capture.next_snapshot_ns > clock_monotonic_ns() - 20000000);
    wait = capture_before(&capture);
    assert_true(wait <= 20000000);
    finish();
    assert_int_equal(taken_by(MOMENT_BY_TIMER), 1);
}

/* More than the queue holds, each with what the program held at that very call. */
static void test_by_program(void **unused)
{
    const struct series *s = &capture.writer.series;
    uint64_t expected = 0, last = 0;

    (void)unused;
    capture_begin(&capture);
    for (uint64_t i = 1; i <= 3 * WRITER_DEEP; i++) {
        allocate(0x1000 * i, 10, 0x401000);
        capture_by_program(&capture, "again", UINT64_MAX);
    }
    finish();
    assert_int_equal(capture.snapshots, 3 * WRITER_DEEP);
    assert_int_equal(taken_by(MOMENT_BY_PROGRAM), 3 * WRITER_DEEP);
    for (uint32_t i = 0; i < s->count; i++)
        if (s->moments[i].kind == MOMENT_SNAPSHOT) {
            expected += 10;
            assert_int_equal(s->moments[i].number, last + 1);
            assert_int_equal(s->moments[i].live_bytes, expected);
            last = s->moments[i].number;
        }
}

/* What comes while a round goes on is served after the next: what was recorded before it is in
 * that. */
static void test_round_after(void **unused)
{
    const struct capture_request asked = {.ticket = 5, .kind = CAPTURE_STATUS};
    struct capture_answer answer;

    (void)unused;
    capture_begin(&capture);
    capture_before(&capture);
    assert_int_equal(capture_ask(&capture, &asked), 0);
    capture_after(&capture);
    assert_false(capture_answer(&capture, &answer));
    allocate(0x1000, 10, 0x401000); /* before the request, and seen by the next round only */
    one_round();
    assert_true(capture_answer(&capture, &answer));
    assert_int_equal(answer.ticket, 5);
    assert_int_equal(answer.moment.live_bytes, 10);
    finish();
}

/* Checkpoints come when they are due and something has happened. */
static void test_checkpoints(void **unused)
{
    (void)unused;
    capture_begin(&capture);
    one_round();
    allocate(0x1000, 10, 0x401000);
    one_round(); /* not due yet */
    capture.next_checkpoint_ns = 1;
    one_round();
    assert_true(capture.next_checkpoint_ns > clock_monotonic_ns());
    capture.next_checkpoint_ns = 1;
    one_round(); /* due, but nothing has happened */
    assert_true(capture.next_checkpoint_ns > clock_monotonic_ns());
    finish();
    assert_int_equal(capture.writer.series.count, 3);
    assert_int_equal(capture.writer.series.moments[0].live_bytes, 0);
    assert_int_equal(capture.writer.series.moments[1].live_bytes, 10);
    assert_int_equal(capture.writer.series.moments[1].kind, MOMENT_CHECKPOINT);
}

/* The first ones of a run lie close together, those of a long run far apart. */
static void test_checkpoints_by_age(void **unused)
{
    uint64_t wait;

    (void)unused;
    capture_begin(&capture);
    wait = capture.next_checkpoint_ns - capture.checkpoint_ns;
    assert_true(wait <= UINT64_C(500000000));
    capture.options.begin_ns -= UINT64_C(32000000000);
    capture.next_checkpoint_ns = 1;
    allocate(0x1000, 10, 0x401000);
    one_round();
    assert_true(capture.next_checkpoint_ns - capture.checkpoint_ns >= UINT64_C(2000000000));
    capture.options.begin_ns -= UINT64_C(1000000000000);
    capture.next_checkpoint_ns = 1;
    allocate(0x2000, 10, 0x401000);
    one_round();
    wait = capture.next_checkpoint_ns - capture.checkpoint_ns;
    assert_true(wait >= UINT64_C(5000000000));
    finish();
}

/*
 * A snapshot by the program is of the time of its record; a mark that comes after
 * a snapshot is not earlier than it, even if its record was made while that was
 * still being taken.
 */
static void test_order_of_marks(void **unused)
{
    const struct series *s = &capture.writer.series;
    const struct profile *p = &capture.writer.whole;
    uint64_t origin = capture.options.begin_ns;
    struct mark early = {.time = origin + 2000000}, late = {.time = 0};
    double after;

    (void)unused;
    usleep(30000);
    marks_add(&model.marks, &early, "before");
    capture_by_program(&capture, "in time", origin + 5000000);
    take_snapshot(); /* of now, 30 ms and more after the start */
    marks_add(&model.marks, &early, "between");
    capture_by_program(&capture, "late", origin + 3000000);
    late.time = clock_monotonic_ns(); /* after the snapshots, however long they took */
    after = (double)(late.time - origin) * 1e-9;
    usleep(10000);
    marks_add(&model.marks, &late, "after");
    finish();
    assert_int_equal(s->count, 4);
    assert_int_equal(p->mark_count, 3);
    assert_true(s->moments[0].seconds > 0.0049 && s->moments[0].seconds < 0.0051);
    assert_true(p->marks[0].seconds < s->moments[0].seconds);
    assert_true(s->moments[1].seconds >= 0.03);
    assert_true(p->marks[1].seconds >= s->moments[1].seconds);
    assert_true(p->marks[1].seconds <= s->moments[2].seconds);
    assert_true(p->marks[2].seconds > after - 1e-4 && p->marks[2].seconds < after + 1e-4);
    assert_true(p->marks[2].seconds <= s->moments[3].seconds);
}

/* The file says what was answered as soon as it was answered. */
static void test_file(void **unused)
{
    struct profile p;

    (void)unused;
    capture_begin(&capture);
    allocate(0x1000, 100, 0x401000);
    assert_int_equal(ask(CAPTURE_SNAPSHOT, "now", 0).outcome, CAPTURE_DONE);
    assert_int_equal(snapshot_read(&p, path, NULL), 0);
    assert_int_equal(p.totals.live_bytes, 100);
    assert_int_equal(p.site_count, 1);
    assert_int_equal(p.sites[0].stats.live_bytes, 100);
    assert_string_equal(profile_text(&p, p.moments[p.moment_count - 1].label), "now");
    assert_int_equal(p.writer.pid, getpid());
    profile_release(&p);
    finish();
}

/* A file that cannot be written: the answer says so, the profile in memory is complete. */
static void test_no_room(void **unused)
{
    struct capture_answer a;

    (void)unused;
    assert_int_equal(set_up_with("/nowhere/at/all.mprof", 0), 0);
    capture_begin(&capture);
    allocate(0x1000, 100, 0x401000);
    a = ask(CAPTURE_SNAPSHOT, "lost", 0);
    assert_int_equal(a.outcome, CAPTURE_FAILED);
    assert_non_null(strstr(a.error.text, "/nowhere/at/all.mprof"));
    a = ask(CAPTURE_SNAPSHOT, "lost", 0);
    assert_int_equal(a.outcome, CAPTURE_FAILED);
    assert_non_null(strstr(a.error.text, "/nowhere/at/all.mprof"));
    finish();
    assert_int_equal(capture.writer.whole.totals.live_bytes, 100);
    assert_int_equal(taken_by(MOMENT_BY_COMMAND), 2);
    tear_down(NULL);
}

int main(void)
{
#define TEST(name, up) cmocka_unit_test_setup_teardown(name, up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_order_of_marks, set_up),
        TEST(test_round_after, set_up),
        TEST(test_checkpoints, set_up),
        TEST(test_checkpoints_by_age, set_up),
        TEST(test_requests, set_up),
        TEST(test_end, set_up),
        TEST(test_signals, set_up),
        TEST(test_joined_unanswered, set_up),
        TEST(test_signals_overwritten, set_up),
        TEST(test_timer, set_up_timer),
        TEST(test_by_program, set_up),
        TEST(test_file, set_up_file),
        cmocka_unit_test(test_no_room),
    };
    int failed;

    if (!mkdtemp(folder))
        return 99;
    snprintf(path, sizeof(path), "%s/a.mprof", folder);
    failed = cmocka_run_group_tests(tests, NULL, NULL);
    rmdir(folder);
    return failed;
}
