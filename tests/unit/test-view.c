// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/view.h"

#include "src/host/view/filter.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static struct view build(const struct profile *p, struct view_options options)
{
    struct view v;
    struct error e;

    assert_int_equal(view_build(&v, p, &options, &e), 0);
    return v;
}

static const char *function_of(const struct profile *p, const struct view_row *row)
{
    return profile_text(p, p->lines[row->line].function);
}

/*
 * main → load → xmalloc → malloc of memprof's own library, and main → save with
 * strdup of libc inside.
 */
struct fixture {
    struct profile p;
    uint32_t app, libc, ours;
    uint32_t load, save, worker; /* nodes at the innermost frame */
    uint32_t threads[2];
};

static void fixture_init(struct fixture *f)
{
    struct profile *p = &f->p;
    uint32_t main_node, caller;

    make_profile(p);
    f->app = make_module(p, "/bin/app", 0);
    f->libc = make_module(p, "/lib/x86_64-linux-gnu/libc.so.6", 0);
    f->ours = make_module(p, "/lib/libmemprof-preload.so", MODULE_IS_OURS);
    f->threads[0] = make_thread(p, 4242, "app");
    f->threads[1] = make_thread(p, 4243, "worker");
    main_node = make_node(p, STACK_ROOT_WHOLE, make_frame(p, f->app, "main", "/s/app.c", 10, 4));
    caller = make_node(p, main_node, make_frame(p, f->app, "load", "/s/load.c", 20, 4));
    caller = make_node(p, caller, make_frame(p, f->app, "xmalloc", "/s/xmalloc.c", 5, 4));
    f->load = make_node(p, caller, make_frame(p, f->ours, "malloc", "", 0, 9));
    caller = make_node(p, main_node, make_frame(p, f->app, "save", "/s/save.c", 30, 4));
    f->save = make_node(p, caller, make_frame(p, f->libc, "strdup", "", 0, 0x1f));
    f->worker =
        make_node(p, STACK_ROOT_TRUNCATED, make_frame(p, f->app, "save", "/s/save.c", 31, 9));
}

static void the_line_is_the_one_behind_the_wrappers(void **state)
{
    struct skiplist skip;
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    make_site(&f.p, f.load, f.threads[0], 3, 100);
    make_site(&f.p, f.save, f.threads[0], 2, 10);
    skiplist_init(&skip, true);
    v = build(&f.p, (struct view_options){.skip = &skip});
    assert_int_equal(v.row_count, 2);
    assert_string_equal(function_of(&f.p, &v.rows[0]), "load");
    assert_int_equal(v.rows[0].amount.bytes, 300);
    assert_string_equal(function_of(&f.p, &v.rows[1]), "save");
    assert_int_equal(v.rows[1].frame, f.p.nodes[f.p.nodes[f.save].parent].frame);
    view_release(&v);
    skiplist_release(&skip);

    v = build(&f.p, (struct view_options){.skip = NULL});
    assert_string_equal(function_of(&f.p, &v.rows[0]), "xmalloc"); /* ours is never the line */
    assert_string_equal(function_of(&f.p, &v.rows[1]), "strdup");
    view_release(&v);
    profile_release(&f.p);
}

static void where_all_is_skipped_the_innermost_is_named(void **state)
{
    struct skiplist skip;
    struct fixture f;
    uint32_t outer, node;
    struct view v;

    (void)state;
    fixture_init(&f);
    outer = make_node(&f.p, STACK_ROOT_TRUNCATED, make_frame(&f.p, f.libc, "fopen", "", 0, 1));
    node = make_node(&f.p, outer, make_frame(&f.p, f.libc, "_IO_file_doallocate", "", 0, 2));
    make_site(&f.p, node, 0, 1, 50);
    make_site(&f.p, STACK_ROOT_TRUNCATED, 0, 1, 40); /* no stack at all */
    skiplist_init(&skip, true);
    v = build(&f.p, (struct view_options){.skip = &skip});
    assert_int_equal(v.row_count, 2);
    assert_string_equal(function_of(&f.p, &v.rows[0]), "_IO_file_doallocate");
    assert_int_equal(v.rows[1].line, VIEW_NO_LINE);
    assert_int_equal(v.rows[1].amount.bytes, 40);
    view_release(&v);
    skiplist_release(&skip);
    profile_release(&f.p);
}

static void inlined_headers_are_passed_over(void **state)
{
    struct skiplist skip;
    struct fixture f;
    uint32_t node;
    struct view v;

    (void)state;
    fixture_init(&f);
    node = make_node(&f.p, STACK_ROOT_WHOLE,
                     make_frame(&f.p, f.app, "allocate", "/usr/include/c++/12/bits/alloc.h", 7, 4));
    make_inlined_into(&f.p, "std::vector<int>::reserve(unsigned long)", "/s/vec.h", 8);
    make_inlined_into(&f.p, "grow", "/s/grow.c", 99);
    make_inlined_into(&f.p, "outer", "/s/outer.c", 11);
    make_site(&f.p, node, 0, 1, 8);
    skiplist_init(&skip, true);
    v = build(&f.p, (struct view_options){.skip = &skip});
    assert_string_equal(function_of(&f.p, &v.rows[0]), "grow");
    assert_int_equal(f.p.lines[v.rows[0].line].line, 99);
    view_release(&v);
    skiplist_release(&skip);
    profile_release(&f.p);
}

static void what_is_nameless_inside_a_wrapper_is_part_of_it(void **state)
{
    struct skiplist skip;
    struct fixture f;
    uint32_t lib, caller, node;
    struct view v;

    (void)state;
    fixture_init(&f);
    lib = make_module(&f.p, "/lib/libsqlite3.so.0", 0);
    caller = make_node(&f.p, STACK_ROOT_WHOLE, make_frame(&f.p, lib, "", "", 0, 0x111));
    node = make_node(&f.p, caller, make_frame(&f.p, lib, "sqlite3Malloc", "", 0, 1));
    node = make_node(&f.p, node, make_frame(&f.p, lib, "", "", 0, 0x222));
    node = make_node(&f.p, node, make_frame(&f.p, lib, "", "", 0, 0x333));
    make_site(&f.p, node, 0, 2, 8);
    /* another module's nameless function is called back: it is on its own */
    node = make_node(&f.p, node, make_frame(&f.p, f.app, "", "", 0, 0x444));
    make_site(&f.p, node, 0, 1, 8);
    skiplist_init(&skip, true);
    v = build(&f.p, (struct view_options){.skip = &skip});
    assert_int_equal(v.row_count, 2);
    assert_int_equal(f.p.lines[v.rows[0].line].offset, 0x111);
    assert_int_equal(f.p.lines[v.rows[1].line].offset, 0x444);
    view_release(&v);
    skiplist_release(&skip);
    v = build(&f.p, (struct view_options){.skip = NULL});
    assert_int_equal(f.p.lines[v.rows[0].line].offset, 0x333);
    view_release(&v);
    profile_release(&f.p);
}

static void groups_merge_what_they_should(void **state)
{
    static const struct {
        enum view_group group;
        size_t rows;
    } cases[] = {
        {VIEW_LINE, 3},   {VIEW_FUNCTION, 2},  {VIEW_FILE, 2},       {VIEW_MODULE, 1},
        {VIEW_THREAD, 2}, {VIEW_TRACEBACK, 3}, {VIEW_SIZE_CLASS, 3},
    };
    struct skiplist skip;
    struct fixture f;

    (void)state;
    fixture_init(&f);
    make_site(&f.p, f.load, f.threads[0], 1, 100);
    make_site(&f.p, f.save, f.threads[0], 2, 10);
    make_site(&f.p, f.save, f.threads[1], 4, 20);
    make_site(&f.p, f.worker, f.threads[1], 1, 7);
    skiplist_init(&skip, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct view v = build(&f.p, (struct view_options){.group = cases[i].group, .skip = &skip});

        assert_int_equal(v.row_count, cases[i].rows);
        assert_int_equal(v.whole.bytes, 207);
        assert_int_equal(v.whole.blocks, 8);
        view_release(&v);
    }
    skiplist_release(&skip);
    profile_release(&f.p);
}

static void a_row_sums_its_sites(void **state)
{
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    make_site(&f.p, f.save, f.threads[0], 2, 10);
    make_site(&f.p, f.save, f.threads[1], 4, 20);
    v = build(&f.p, (struct view_options){.group = VIEW_LINE});
    assert_int_equal(v.row_count, 1);
    assert_int_equal(v.rows[0].stats.total_bytes, 100);
    assert_int_equal(v.rows[0].stats.total_blocks, 6);
    assert_int_equal(v.rows[0].stats.smallest, 10);
    assert_int_equal(v.rows[0].stats.largest, 20);
    assert_int_equal(v.rows[0].thread, f.threads[1]); /* the larger part */
    view_release(&v);
    profile_release(&f.p);
}

static void orders_use_their_own_numbers(void **state)
{
    struct profile_site *site;
    struct fixture f;

    (void)state;
    fixture_init(&f);
    site = make_site(&f.p, f.load, 0, 1, 1);
    site->stats = (struct profile_stats){.peak_bytes = 900,
                                         .peak_blocks = 1,
                                         .live_bytes = 1,
                                         .live_blocks = 1,
                                         .total_bytes = 1000,
                                         .total_blocks = 2,
                                         .temporary_bytes = 5,
                                         .temporary_blocks = 1};
    site = make_site(&f.p, f.worker, 0, 1, 1);
    site->stats = (struct profile_stats){.peak_bytes = 20,
                                         .peak_blocks = 2,
                                         .live_bytes = 20,
                                         .live_blocks = 2,
                                         .total_bytes = 800,
                                         .total_blocks = 40,
                                         .temporary_bytes = 3,
                                         .temporary_blocks = 3};
    for (int order = VIEW_BY_PEAK; order <= VIEW_BY_TEMPORARY; order++) {
        struct view v = build(&f.p, (struct view_options){.order = (enum view_order)order});
        bool load_first = order == VIEW_BY_PEAK || order == VIEW_BY_TOTAL;
        static const uint64_t first[] = {900, 20, 1000, 40, 3};

        assert_int_equal(v.row_count, 2);
        assert_int_equal(v.rows[0].node, load_first ? f.load : f.worker);
        assert_int_equal(view_weight(v.options.order, v.rows[0].amount), first[order]);
        view_release(&v);
    }
    profile_release(&f.p);
}

static void domains_are_apart(void **state)
{
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    make_site(&f.p, f.load, 0, 1, 100);
    make_site(&f.p, f.save, 0, 1, 4096)->domain = DOMAIN_MMAP;
    v = build(&f.p, (struct view_options){.domain = DOMAIN_HEAP});
    assert_int_equal(v.whole.bytes, 100);
    view_release(&v);
    v = build(&f.p, (struct view_options){.domain = DOMAIN_MMAP});
    assert_int_equal(v.whole.bytes, 4096);
    view_release(&v);
    v = build(&f.p, (struct view_options){.domain = VIEW_ALL_DOMAINS});
    assert_int_equal(v.whole.bytes, 4196);
    view_release(&v);
    profile_release(&f.p);
}

static void beyond_the_limit_is_summed_up(void **state)
{
    struct profile p;
    struct view v;
    uint32_t app;

    (void)state;
    make_profile(&p);
    app = make_module(&p, "/bin/app", 0);
    for (uint32_t i = 1; i <= 20; i++)
        make_site(&p, make_node(&p, 0, make_frame(&p, app, "f", "/s/f.c", i, 0)), 0, 1, i);
    make_site(&p, make_node(&p, 0, make_frame(&p, app, "g", "/s/f.c", 99, 0)), 0, 0, 0);
    v = build(&p, (struct view_options){.limit = 5});
    assert_int_equal(v.row_count, 5); /* 20, 19, … 16 */
    assert_int_equal(v.rows[0].amount.bytes, 20);
    assert_int_equal(v.rows[4].amount.bytes, 16);
    assert_int_equal(v.rest_count, 15); /* the row with nothing is not one */
    assert_int_equal(v.rest.bytes, 120);
    assert_int_equal(v.rest.blocks, 15);
    assert_int_equal(v.whole.bytes, 210);
    view_release(&v);
    v = build(&p, (struct view_options){.limit = 0});
    assert_int_equal(v.row_count, 20);
    assert_int_equal(v.rest_count, 0);
    view_release(&v);
    profile_release(&p);
}

static void without_debug_information_the_offset_tells_lines_apart(void **state)
{
    struct profile p;
    uint32_t lib, again;
    struct view v;

    (void)state;
    make_profile(&p);
    lib = make_module(&p, "/lib/x.so", 0);
    again = make_module(&p, "/lib/x.so", 0); /* unloaded and loaded again */
    make_site(&p, make_node(&p, 0, make_frame(&p, lib, "f", "", 0, 16)), 0, 1, 1);
    make_site(&p, make_node(&p, 0, make_frame(&p, again, "f", "", 0, 16)), 0, 1, 1);
    make_site(&p, make_node(&p, 0, make_frame(&p, lib, "f", "", 0, 32)), 0, 1, 1);
    make_site(&p, make_node(&p, 0, make_frame(&p, lib, "", "", 0, 16)), 0, 1, 1);
    v = build(&p, (struct view_options){.group = VIEW_LINE});
    assert_int_equal(v.row_count, 3);
    view_release(&v);
    v = build(&p, (struct view_options){.group = VIEW_FUNCTION});
    assert_int_equal(v.row_count, 2);
    view_release(&v);
    profile_release(&p);
}

static void an_empty_profile_has_no_rows(void **state)
{
    struct profile p;
    struct view v;

    (void)state;
    profile_init(&p);
    v = build(&p, (struct view_options){.limit = 10});
    assert_int_equal(v.row_count, 0);
    assert_int_equal(v.rest_count, 0);
    view_release(&v);
    profile_release(&p);
}

/* main → load twice over, by which load allocates below itself; and main → save. */
static void make_recursion(struct fixture *f)
{
    uint32_t load_frame = f->p.nodes[f->p.nodes[f->p.nodes[f->load].parent].parent].frame;
    uint32_t inner, node = f->p.nodes[f->p.nodes[f->load].parent].parent;

    inner = make_node(&f->p, node, load_frame);
    inner = make_node(&f->p, inner, make_frame(&f->p, f->app, "parse", "/s/load.c", 25, 4));
    make_inlined_into(&f->p, "load", "/s/load.c", 20);
    make_site(&f->p, f->load, f->threads[0], 1, 100);
    make_site(&f->p, inner, f->threads[0], 2, 20);
    make_site(&f->p, f->save, f->threads[1], 1, 3);
    make_site(&f->p, f->worker, f->threads[1], 1, 5);
    make_site(&f->p, STACK_ROOT_TRUNCATED, f->threads[1], 1, 9);
}

static const struct view_row *row_named(const struct profile *p, const struct view *v,
                                        const char *function, uint32_t line)
{
    for (size_t i = 0; i < v->row_count; i++)
        if (v->rows[i].line != VIEW_NO_LINE && strcmp(function_of(p, &v->rows[i]), function) == 0 &&
            (line == 0 || p->lines[v->rows[i].line].line == line))
            return &v->rows[i];
    fail_msg("no row for %s", function);
    return NULL;
}

static void a_cumulative_row_has_what_is_below_it(void **state)
{
    const struct view_row *row;
    struct skiplist skip;
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    make_recursion(&f);
    skiplist_init(&skip, true);
    v = build(&f.p, (struct view_options){.cumulative = true, .skip = &skip});
    assert_int_equal(v.whole.bytes, 157);
    /* main, load, parse, save.c:30, save.c:31, and what has no stack; xmalloc is passed over */
    assert_int_equal(v.row_count, 6);
    row = row_named(&f.p, &v, "main", 10);
    assert_ptr_equal(row, &v.rows[0]);
    assert_int_equal(row->amount.bytes, 143);
    assert_int_equal(row->amount.blocks, 4);
    assert_int_equal(row->node, f.load); /* the heaviest stack through it */
    row = row_named(&f.p, &v, "load", 20);
    assert_int_equal(row->amount.bytes, 140); /* once, however often it recurs */
    assert_int_equal(row->stats.smallest, 20);
    assert_int_equal(row->stats.largest, 100);
    assert_int_equal(row_named(&f.p, &v, "parse", 25)->amount.bytes, 40);
    assert_int_equal(row_named(&f.p, &v, "save", 30)->amount.bytes, 3);
    assert_int_equal(row_named(&f.p, &v, "save", 31)->amount.bytes, 5);
    view_release(&v);
    skiplist_release(&skip);
    profile_release(&f.p);
}

static void a_cumulative_row_of_a_group_is_charged_once(void **state)
{
    static const struct {
        enum view_group group;
        size_t rows;
        uint64_t largest;
    } cases[] = {{VIEW_FUNCTION, 5, 143}, {VIEW_FILE, 4, 143}, {VIEW_MODULE, 2, 148}};
    struct skiplist skip;
    struct fixture f;

    (void)state;
    fixture_init(&f);
    make_recursion(&f);
    skiplist_init(&skip, true);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct view v = build(
            &f.p,
            (struct view_options){.group = cases[i].group, .cumulative = true, .skip = &skip});

        assert_int_equal(v.row_count, cases[i].rows);
        assert_int_equal(v.rows[0].amount.bytes, cases[i].largest);
        view_release(&v);
    }
    skiplist_release(&skip);
    profile_release(&f.p);
}

/* What all lines of all stacks give one at a time, without a trie. */
static uint64_t charged_the_slow_way(const struct profile *p, string_id function)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < p->site_count; i++) {
        bool found = false;

        for (uint32_t n = p->sites[i].node; n >= STACK_ROOTS; n = p->nodes[n].parent) {
            const struct profile_frame *frame = &p->frames[p->nodes[n].frame];

            for (uint32_t k = 0; k < frame->line_count; k++)
                found |= p->lines[frame->first_line + k].function == function;
        }
        sum += found ? p->sites[i].stats.peak_bytes : 0;
    }
    return sum;
}

static void cumulative_rows_are_those_of_a_plain_count(void **state)
{
    struct profile p;
    uint32_t frames[12], nodes[300], app, seed = 1;
    struct view v;
    char name[16];

    (void)state;
    make_profile(&p);
    app = make_module(&p, "/bin/app", 0);
    make_thread(&p, 1, "app");
    for (uint32_t i = 0; i < 12; i++) {
        snprintf(name, sizeof name, "f%u", i);
        frames[i] = make_frame(&p, app, name, "/s/f.c", i + 1, 0);
        snprintf(name, sizeof name, "f%u", i / 2);
        if (i % 3 == 0)
            make_inlined_into(&p, name, "/s/f.c", i / 2 + 1);
    }
    for (uint32_t i = 0; i < 300; i++) {
        seed = seed * 1103515245 + 12345;
        nodes[i] = make_node(&p, i < 3 ? i : nodes[(seed >> 16) % i], frames[(seed >> 8) % 12]);
        make_site(&p, nodes[i], 0, 1, 1 + (seed >> 20) % 100);
    }
    v = build(&p, (struct view_options){.group = VIEW_FUNCTION, .cumulative = true});
    assert_true(v.row_count >= 10);
    for (size_t i = 0; i < v.row_count; i++)
        assert_int_equal(v.rows[i].amount.bytes,
                         charged_the_slow_way(&p, p.lines[v.rows[i].line].function));
    view_release(&v);
    profile_release(&p);
}

static void make_twenty(struct profile *p)
{
    uint32_t app;

    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    make_thread(p, 1, "app");
    for (uint32_t i = 1; i <= 20; i++)
        make_site(p, make_node(p, 0, make_frame(p, app, "f", "/s/f.c", i, 0)), 0, 1, i);
}

static void small_rows_go_to_the_rest(void **state)
{
    struct profile p;
    struct view v;

    (void)state;
    make_twenty(&p);
    v = build(&p, (struct view_options){.limit = 3, .min_bytes = 16});
    assert_int_equal(v.row_count, 3); /* 20, 19, 18 of those that are large enough */
    assert_int_equal(v.rest_count, 17);
    assert_int_equal(v.small_count, 15);
    assert_int_equal(v.rest.bytes + 20 + 19 + 18, v.whole.bytes);
    view_release(&v);
    v = build(&p, (struct view_options){.limit = 3, .min_bytes = 16, .reverse = true});
    assert_int_equal(v.rows[0].amount.bytes, 16);
    assert_int_equal(v.rows[2].amount.bytes, 18);
    assert_int_equal(v.rest.bytes + 16 + 17 + 18, v.whole.bytes);
    view_release(&v);
    profile_release(&p);
}

static void averages_sort_by_bytes_a_block(void **state)
{
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    make_site(&f.p, f.load, f.threads[0], 10, 10);
    make_site(&f.p, f.save, f.threads[0], 1, 30);
    make_site(&f.p, f.worker, f.threads[0], 1, 0); /* a block of no bytes */
    v = build(&f.p, (struct view_options){.order = VIEW_BY_AVERAGE});
    assert_int_equal(v.row_count, 3);
    assert_int_equal(view_weight(VIEW_BY_AVERAGE, v.rows[0].amount), 30);
    assert_int_equal(view_weight(VIEW_BY_AVERAGE, v.rows[1].amount), 10);
    assert_int_equal(view_weight(VIEW_BY_AVERAGE, v.rows[2].amount), 0);
    assert_int_equal(view_weight(VIEW_BY_AVERAGE, v.whole), 130 / 12);
    view_release(&v);
    profile_release(&f.p);
}

static void filters_take_their_part_from_the_whole(void **state)
{
    struct filter filter;
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    make_site(&f.p, f.load, f.threads[0], 1, 100);
    make_site(&f.p, f.save, f.threads[0], 2, 10);
    make_site(&f.p, f.worker, f.threads[1], 1, 7);
    filter_init(&filter);
    assert_int_equal(filter_add(&filter, "function=main", true, NULL), 0);
    filter.all_frames = true;
    for (int group = VIEW_LINE; group <= VIEW_SIZE_CLASS; group++) {
        v = build(&f.p, (struct view_options){
                            .group = (enum view_group)group, .limit = 1, .filter = &filter});
        assert_int_equal(v.whole.bytes, 120);
        assert_int_equal(v.rows[0].amount.bytes + v.rest.bytes, 120);
        assert_int_equal(v.rows[0].amount.blocks + v.rest.blocks, 3);
        assert_int_equal(v.filtered.bytes, 7);
        assert_int_equal(v.filtered.blocks, 1);
        view_release(&v);
    }
    filter_release(&filter);
    profile_release(&f.p);
}

static void size_classes_double(void **state)
{
    static const uint64_t sizes[] = {0, 1, 16, 17, 32, 33, 64, UINT64_C(1) << 40};
    static const uint32_t rows = 5; /* 0; 1, 16; 17, 32; 33, 64; the large one */
    struct profile_site *site;
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        make_site(&f.p, f.load, f.threads[0], 1, sizes[i]);
    v = build(&f.p, (struct view_options){.group = VIEW_SIZE_CLASS});
    assert_int_equal(v.row_count, rows);
    for (size_t i = 0; i < v.row_count; i++)
        assert_true(v.rows[i].size_class != VIEW_MIXED_SIZES);
    view_release(&v);
    site = make_site(&f.p, f.save, f.threads[0], 2, 50);
    site->stats.largest = 90; /* of two classes: not in either */
    v = build(&f.p, (struct view_options){.group = VIEW_SIZE_CLASS});
    assert_int_equal(v.row_count, rows + 1);
    view_release(&v);
    profile_release(&f.p);
}

static void the_peak_is_a_moment_of_live_numbers(void **state)
{
    struct profile_site *site;
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    site = make_site(&f.p, f.load, f.threads[0], 2, 10);
    site->stats.live_bytes = site->stats.live_blocks = 0;
    v = build(&f.p, (struct view_options){.order = VIEW_BY_LIVE, .moment = {MOMENT_AT_PEAK, 0}});
    assert_int_equal(v.row_count, 1);
    assert_int_equal(v.rows[0].amount.bytes, 20);
    view_release(&v);
    v = build(&f.p, (struct view_options){.order = VIEW_BY_LIVE});
    assert_int_equal(v.row_count, 0);
    view_release(&v);
    profile_release(&f.p);
}

static void a_view_of_a_snapshot_has_what_was_live_then(void **state)
{
    struct profile_change first[] = {make_change(0, 5, 100), make_change(1, 2, 10)};
    struct profile_change second[] = {make_change(0, -4, 100), make_change(2, 1, 7)};
    static const uint64_t live[] = {520, 127, 3};
    struct fixture f;
    struct view v;

    (void)state;
    second[0].stats.smallest = second[0].stats.largest = 0; /* no longer changing */
    fixture_init(&f);
    make_site(&f.p, f.load, f.threads[0], 0, 100);
    make_site(&f.p, f.save, f.threads[0], 0, 10);
    make_site(&f.p, f.worker, f.threads[1], 3, 1);
    make_snapshot(&f.p, 0.1, "first", first, 2);
    make_snapshot(&f.p, 0.2, "", second, 2);
    for (uint32_t i = 0; i < 3; i++) {
        struct moment moment = {i < 2 ? MOMENT_LISTED : MOMENT_AT_EXIT, i < 2 ? i : 0};
        struct view_amount sum = {0, 0};

        v = build(&f.p,
                  (struct view_options){
                      .order = VIEW_BY_LIVE, .moment = moment, .limit = 1, .reverse = i == 1});
        assert_int_equal(v.whole.bytes, live[i]);
        sum.bytes = v.rest.bytes + v.rows[0].amount.bytes;
        sum.blocks = v.rest.blocks + v.rows[0].amount.blocks;
        assert_int_equal(sum.bytes, v.whole.bytes);
        assert_int_equal(sum.blocks, v.whole.blocks);
        view_release(&v);
    }
    v = build(&f.p, (struct view_options){.order = VIEW_BY_TOTAL, .moment = {MOMENT_LISTED, 1}});
    assert_int_equal(v.whole.bytes, 527);
    assert_int_equal(v.rows[0].stats.live_bytes, 100);
    view_release(&v);
    profile_release(&f.p);
}

static void senseless_options_are_refused(void **state)
{
    static const struct {
        struct view_options options;
        const char *names;
    } cases[] = {
        {{.cumulative = true, .group = VIEW_THREAD}, "not thread"},
        {{.cumulative = true, .group = VIEW_TRACEBACK}, "not traceback"},
        {{.cumulative = true, .group = VIEW_SIZE_CLASS}, "not size-class"},
        {{.moment = {MOMENT_LISTED, 0}}, "--snapshot peak"},
        {{.moment = {MOMENT_AT_PEAK, 0}, .order = VIEW_BY_TOTAL}, "--by total"},
        {{.moment = {MOMENT_AT_PEAK, 0}, .order = VIEW_BY_TEMPORARY}, "--by temporary"},
    };
    struct profile p;
    struct error e;
    struct view v;

    (void)state;
    make_twenty(&p);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        e = (struct error){0};
        assert_int_equal(view_build(&v, &p, &cases[i].options, &e), -1);
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_non_null(strstr(e.text, cases[i].names));
        assert_null(v.rows);
    }
    profile_release(&p);
}

static void ignored_blocks_are_in_no_view_of_all(void **state)
{
    struct fixture f;
    struct view v;

    (void)state;
    fixture_init(&f);
    make_site(&f.p, f.load, 0, 1, 100);
    make_site(&f.p, f.load, 0, 1, 10)->domain = DOMAIN_IGNORED;
    make_site(&f.p, f.load, 0, 1, 1)->domain = DOMAIN_BUILTIN;
    v = build(&f.p, (struct view_options){.domain = VIEW_ALL_DOMAINS});
    assert_int_equal(v.whole.bytes, 101);
    view_release(&v);
    v = build(&f.p, (struct view_options){.domain = VIEW_EVERY_DOMAIN});
    assert_int_equal(v.whole.bytes, 111);
    view_release(&v);
    v = build(&f.p, (struct view_options){.domain = DOMAIN_IGNORED});
    assert_int_equal(v.whole.bytes, 10);
    view_release(&v);
    profile_release(&f.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_line_is_the_one_behind_the_wrappers),
        cmocka_unit_test(where_all_is_skipped_the_innermost_is_named),
        cmocka_unit_test(inlined_headers_are_passed_over),
        cmocka_unit_test(what_is_nameless_inside_a_wrapper_is_part_of_it),
        cmocka_unit_test(groups_merge_what_they_should),
        cmocka_unit_test(a_row_sums_its_sites),
        cmocka_unit_test(orders_use_their_own_numbers),
        cmocka_unit_test(domains_are_apart),
        cmocka_unit_test(beyond_the_limit_is_summed_up),
        cmocka_unit_test(without_debug_information_the_offset_tells_lines_apart),
        cmocka_unit_test(an_empty_profile_has_no_rows),
        cmocka_unit_test(a_cumulative_row_has_what_is_below_it),
        cmocka_unit_test(a_cumulative_row_of_a_group_is_charged_once),
        cmocka_unit_test(cumulative_rows_are_those_of_a_plain_count),
        cmocka_unit_test(small_rows_go_to_the_rest),
        cmocka_unit_test(averages_sort_by_bytes_a_block),
        cmocka_unit_test(filters_take_their_part_from_the_whole),
        cmocka_unit_test(size_classes_double),
        cmocka_unit_test(the_peak_is_a_moment_of_live_numbers),
        cmocka_unit_test(senseless_options_are_refused),
        cmocka_unit_test(a_view_of_a_snapshot_has_what_was_live_then),
        cmocka_unit_test(ignored_blocks_are_in_no_view_of_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
