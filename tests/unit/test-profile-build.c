/* SPDX-License-Identifier: Apache-2.0 */
/* From a model to a profile: this very process is the target that is symbolized. */
#include "src/host/recording/profile-build.h"

#include "src/host/profile/profile-append.h"
#include "src/host/symbols/framenames.h"

#include "src/shared/stacktrie.h"
#include "tests/unit/segment-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct segment segment;
static struct model model;
static struct modmap modmap;
static struct profile_builder builder;

/* A module that spans the whole lower half, so that every frame below is in it. */
static void add_module(void)
{
    struct module_record *r = segment_module(&segment, 0);

    r->start = 0x400000;
    r->end = 0x500000;
    r->build_id_size = 3;
    memcpy(r->build_id, "\1\2\3", 3);
    r->name = 1;
    strcpy(segment_names(&segment) + 1, "./libnothing-there.so");
    segment_module(&segment, 1)->start = 0x600000;
    segment_module(&segment, 1)->end = 0x700000;
    segment_module(&segment, 1)->name = UINT32_MAX; /* damage */
    segment_module(&segment, 1)->build_id_size = 1000;
    segment_module(&segment, 1)->gone_seen = 1;
    segment_header(&segment)->modules_used = 2;
}

static int set_up(void **state)
{
    struct segment_settings settings = {0};
    struct symbolizer_options options = {0};

    (void)state;
    if (make_segment(&segment, 6, &settings) != 0)
        return -1;
    model_init(&model, segment.layout.nodes_max, 1000, 1);
    add_module();
    if (modmap_init(&modmap, &segment, getpid(), "program", "/nowhere/ours.so", &options, NULL) !=
        0)
        return -1;
    return profile_builder_init(
        &builder, &(struct builder_source){&segment, &model, &modmap, 1000, true, 0}, NULL);
}

static int tear_down(void **state)
{
    (void)state;
    profile_builder_release(&builder);
    modmap_release(&modmap);
    model_release(&model);
    return drop_segment(&segment);
}

static void allocate(struct model_thread *t, uint32_t stack, uint64_t address, uint64_t time)
{
    struct model_event e = {.word0 = address | (uint64_t)RECORD_ALLOC << RECORD_KIND_SHIFT,
                            .rest = {100 | (uint64_t)stack << 32},
                            .thread = t,
                            .time = time};

    model_apply(&model, &e, 1);
}

static uint32_t stack_of(uint32_t outer, uint32_t inner)
{
    return stacktrie_child(&segment, stacktrie_child(&segment, STACK_ROOT_WHOLE, outer), inner);
}

static void release(struct model_thread *t, uint64_t address, uint64_t time)
{
    struct model_event e = {
        .word0 = address | (uint64_t)RECORD_FREE << RECORD_KIND_SHIFT, .thread = t, .time = time};

    model_apply(&model, &e, 1);
}

/* Take a checkpoint into `p`; returns the sites that had changed. */
static uint32_t check_in(struct profile *p, uint64_t time)
{
    const struct builder_moment moment = {.time = time, .tick_seconds = 0.5, .label = "here"};
    struct checkpoint c;
    uint32_t changed;

    checkpoint_init(&c);
    assert_int_equal(profile_builder_make(&builder, &moment, &c, NULL), 0);
    changed = c.change_count;
    for (uint32_t i = 1; i < changed; i++)
        assert_true(c.changes[i - 1].site < c.changes[i].site);
    assert_string_equal(profile_text(&c.part, c.part.moments[0].label), "here");
    assert_int_equal(profile_append(p, &c.part, NULL), 0);
    assert_int_equal(profile_change(p, c.changes, c.change_count, 0, NULL), 0);
    checkpoint_release(&c);
    return changed;
}

static void build(struct profile *p)
{
    modmap_finish(&modmap);
    model_finish(&model, 2000);
    profile_init(p);
    check_in(p, 2000);
    profile_builder_settle(&builder, p, 0.5);
    assert_int_equal(frame_names(p, &modmap, NULL), 0);
}

static void test_build(void **unused)
{
    struct model_thread t = {.row = threads_add(&model.threads, 5, "main")};
    uint32_t a = stack_of(0x401000, 0x402000), b = stack_of(0x401000, 0x900000);
    struct profile p;

    (void)unused;
    stack_of(0x403000, 0x404000); /* used by nobody */
    allocate(&t, a, 0x1000, 1010);
    allocate(&t, b, 0x2000, 1020);
    allocate(&t, a, 0x3000, 1030);
    build(&p);
    assert_int_equal(p.node_count, STACK_ROOTS + 3);
    assert_int_equal(p.frame_count, 3);
    for (uint32_t i = STACK_ROOTS; i < p.node_count; i++)
        assert_true(p.nodes[i].parent < i);
    assert_int_equal(p.site_count, 2);
    assert_int_equal(p.sites[0].stats.total_blocks, 2);
    assert_int_equal(p.sites[0].stats.peak_bytes, 200);
    assert_true(p.sites[0].first_seconds == 5.0);
    assert_true(p.sites[0].last_seconds == 15.0);
    assert_int_equal(p.frames[p.nodes[p.sites[0].node].frame].value, 0x402000);
    assert_int_equal(p.frames[p.nodes[p.sites[0].node].frame].module, 0);
    assert_int_equal(p.frames[p.nodes[p.sites[1].node].frame].module, NO_MODULE);
    for (uint32_t i = 0; i < p.frame_count; i++)
        assert_in_range(p.frames[i].line_count, 1, p.line_count - p.frames[i].first_line);
    assert_int_equal(p.totals.live_bytes, 300);
    assert_int_equal(p.totals.freed_blocks, 0);
    assert_string_equal(profile_text(&p, p.threads[p.sites[0].thread].name), "main");
    assert_int_equal(p.loss.damaged_records, 0);
    assert_false(p.incomplete);
    profile_release(&p);
}

static void test_modules(void **unused)
{
    struct profile p;
    char expected[4096];

    (void)unused;
    build(&p);
    assert_int_equal(p.module_count, 2);
    assert_non_null(getcwd(expected, sizeof(expected) - 64));
    strcat(expected, "/./libnothing-there.so");
    assert_string_equal(profile_text(&p, p.modules[0].path), expected);
    assert_true(p.modules[0].flags & MODULE_FILE_MISSING);
    assert_false(p.modules[0].flags & MODULE_UNLOADED);
    assert_int_equal(p.modules[0].build_id_size, 3);
    assert_string_equal(profile_text(&p, p.modules[1].path), "?");
    assert_true(p.modules[1].flags & MODULE_UNLOADED);
    assert_int_equal(p.modules[1].build_id_size, 0);
    profile_release(&p);
}

/* In three pieces, in one, and as a model that keeps no peak. */
static void test_pieces(void **unused)
{
    struct model_thread t = {.row = threads_add(&model.threads, 5, "main")};
    uint32_t a = stack_of(0x401000, 0x402000), b = stack_of(0x401000, 0x403000);
    struct profile p;

    (void)unused;
    profile_init(&p);
    assert_int_equal(check_in(&p, 1001), 0);
    assert_int_equal(p.node_count, STACK_ROOTS);
    allocate(&t, a, 0x1000, 1010);
    allocate(&t, a, 0x2000, 1020);
    assert_int_equal(check_in(&p, 1021), 1);
    assert_int_equal(p.sites[0].stats.live_blocks, 2);
    assert_int_equal(p.sites[0].stats.peak_blocks, 2);
    release(&t, 0x1000, 1030);
    allocate(&t, b, 0x3000, 1040);
    assert_int_equal(check_in(&p, 1041), 2);
    assert_int_equal(check_in(&p, 1041), 0); /* nothing happened */
    assert_int_equal(p.site_count, 2);
    assert_int_equal(p.node_count, STACK_ROOTS + 3);
    assert_int_equal(p.frame_count, 3);
    assert_int_equal(p.sites[0].stats.live_blocks, 1);
    assert_int_equal(p.sites[0].stats.peak_blocks, 2);
    assert_int_equal(p.sites[1].stats.peak_blocks, 0); /* 200 bytes were live before as well */
    assert_int_equal(p.totals.live_bytes, 200);
    allocate(&t, b, 0x4000, 1050);
    assert_int_equal(check_in(&p, 1051), 2); /* the peak moved for both */
    assert_int_equal(p.sites[0].stats.peak_blocks, 1);
    assert_int_equal(p.sites[1].stats.peak_blocks, 2);
    assert_int_equal(p.sites[0].stats.smallest, 100);
    assert_int_equal(p.sites[0].stats.largest, 100);
    profile_release(&p);
}

static void test_no_peak(void **unused)
{
    struct model_thread t = {.row = threads_add(&model.threads, 5, "main")};
    struct profile p;

    (void)unused;
    builder.source.peak = false;
    allocate(&t, stack_of(0x401000, 0x402000), 0x1000, 1010);
    build(&p);
    assert_int_equal(p.sites[0].stats.peak_bytes, 0);
    assert_int_equal(p.totals.peak_bytes, 100);
    profile_release(&p);
}

/* A later moment never seems to be earlier, though the clock's rate was misjudged at first. */
static void test_moments_ascend(void **unused)
{
    struct builder_moment moment = {.time = 1100, .tick_seconds = 0.5};
    double before = 0;

    (void)unused;
    for (int i = 0; i < 3; i++) {
        struct checkpoint c;

        checkpoint_init(&c);
        assert_int_equal(profile_builder_make(&builder, &moment, &c, NULL), 0);
        assert_true(c.part.moments[0].seconds >= before);
        before = c.part.moments[0].seconds;
        checkpoint_release(&c);
        moment.time++;
        moment.tick_seconds = 0.25;
    }
}

/* A site whose stack id was never written, and one whose parent comes after it. */
static void test_damaged_trie(void **unused)
{
    struct model_thread t = {.row = threads_add(&model.threads, 5, "main")};
    uint32_t a = stack_of(0x401000, 0x402000);
    struct profile p;

    (void)unused;
    allocate(&t, 500, 0x1000, 1010);
    allocate(&t, a, 0x2000, 1010);
    segment_node(&segment, a)->parent = a + 1;
    build(&p);
    assert_int_equal(p.site_count, 2);
    assert_int_equal(p.sites[0].node, STACK_ROOT_TRUNCATED);
    assert_int_equal(p.sites[1].node, STACK_ROOT_TRUNCATED);
    assert_int_equal(p.loss.damaged_records, 2);
    profile_release(&p);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_build),   TEST(test_modules),        TEST(test_pieces),
        TEST(test_no_peak), TEST(test_moments_ascend), TEST(test_damaged_trie),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
