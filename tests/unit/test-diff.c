// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/diff.h"

#include "src/host/profile/domain.h"
#include "src/host/view/filter.h"
#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One version of a program: main calls put (line) and get (line). */
struct version {
    struct profile p;
    uint32_t module, main_node, put, get;
};

static void set_build(struct profile_module *m, uint8_t build)
{
    m->build_id_size = 20;
    memset(m->build_id, build, 20);
}

static void make_version(struct version *v, const char *program, uint8_t build, const char *file,
                         uint32_t put_line, uint32_t get_line)
{
    uint32_t thread;

    make_profile(&v->p);
    v->module = make_module(&v->p, program, 0);
    v->p.process.executable = v->p.modules[v->module].path;
    if (build)
        set_build(&v->p.modules[v->module], build);
    thread = make_thread(&v->p, 4242, "app");
    v->main_node =
        make_node(&v->p, STACK_ROOT_WHOLE, make_frame(&v->p, v->module, "main", file, 90, 4));
    v->put = make_node(&v->p, v->main_node,
                       make_frame(&v->p, v->module, "put", file, put_line, put_line * 4));
    v->get = make_node(&v->p, v->main_node,
                       make_frame(&v->p, v->module, "get", file, get_line, get_line * 4));
    assert_int_equal(thread, 0);
}

static void compare(struct diff *d, const struct profile *before, struct moment old_moment,
                    const struct profile *after, struct moment new_moment,
                    struct view_options options, const struct pathmap *paths)
{
    struct unite_side x = {before, old_moment}, y = {after, new_moment};
    struct pathmap none;
    struct error e;

    pathmap_init(&none);
    if (diff_build(d, &x, &y, &options, NULL, paths ? paths : &none, &e) != 0)
        fail_msg("%s", e.text);
}

static const struct moment at_exit = {MOMENT_AT_EXIT, 0};

static void compare_runs(struct diff *d, const struct version *x, const struct version *y,
                         struct view_options options)
{
    options.order = VIEW_BY_LIVE;
    compare(d, &x->p, at_exit, &y->p, at_exit, options, NULL);
}

static const char *function_of(const struct diff *d, size_t row)
{
    const struct profile *u = &d->united.profile;

    return profile_text(u, u->lines[d->rows[row].row.line].function);
}

static void assert_row(const struct diff *d, size_t row, int64_t bytes, uint64_t now,
                       int64_t blocks, enum diff_status status)
{
    assert_true(row < d->row_count);
    assert_int_equal(diff_bytes(&d->rows[row]), bytes);
    assert_int_equal(d->rows[row].after.bytes, now);
    assert_int_equal(diff_blocks(&d->rows[row]), blocks);
    assert_int_equal(d->rows[row].status, status);
}

static void two_runs_of_one_build(void **state)
{
    struct version x, y;
    struct diff d;

    (void)state;
    make_version(&x, "/bin/app", 1, "/s/app.c", 10, 20);
    make_version(&y, "/bin/app", 1, "/s/app.c", 10, 20);
    make_site(&x.p, x.put, 0, 3, 100);
    make_site(&x.p, x.get, 0, 2, 50);
    make_site(&y.p, y.put, 0, 1, 100);
    make_site(&y.p, y.get, 0, 2, 50);
    compare_runs(&d, &x, &y, (struct view_options){.limit = 0});
    assert_int_equal(d.row_count, 2);
    assert_string_equal(function_of(&d, 0), "put");
    assert_row(&d, 0, -200, 100, -2, DIFF_CHANGED);
    assert_row(&d, 1, 0, 100, 0, DIFF_SAME);
    assert_int_equal(d.same_count, 1);
    assert_int_equal(d.before.bytes, 400);
    assert_int_equal(d.after.bytes, 200);
    assert_int_equal(d.matching.rows[MATCH_BY_LINE], 2);
    assert_int_equal(d.matching.rows[MATCH_NOT], 0);
    assert_false(d.matching.exact);
    diff_release(&d);
    profile_release(&x.p);
    profile_release(&y.p);
}

static void what_one_run_has_alone_is_new_or_gone(void **state)
{
    struct version x, y;
    struct diff d;

    (void)state;
    make_version(&x, "/bin/app", 1, "/s/app.c", 10, 20);
    make_version(&y, "/bin/app", 1, "/s/app.c", 10, 20);
    make_site(&x.p, x.put, 0, 3, 100);
    make_site(&y.p, y.get, 0, 2, 50);
    compare_runs(&d, &x, &y, (struct view_options){.limit = 0});
    assert_row(&d, 0, -300, 0, -3, DIFF_GONE);
    assert_row(&d, 1, 100, 100, 2, DIFF_NEW);
    diff_release(&d);
    compare_runs(&d, &x, &y, (struct view_options){.limit = 1});
    assert_int_equal(d.row_count, 1);
    assert_int_equal(d.rest_count, 1);
    assert_int_equal(d.rest_after.bytes, 100);
    diff_release(&d);
    compare_runs(&d, &x, &y, (struct view_options){.min_bytes = 101});
    assert_int_equal(d.row_count, 1);
    assert_int_equal(d.rest_count, 1);
    assert_int_equal(d.rest_after.bytes, 100);
    assert_int_equal(d.rest_before.bytes, 0);
    assert_row(&d, 0, -300, 0, -3, DIFF_GONE);
    diff_release(&d);
    compare_runs(&d, &x, &y, (struct view_options){.reverse = true});
    assert_row(&d, 0, 100, 100, 2, DIFF_NEW);
    diff_release(&d);
    compare_runs(&d, &x, &y, (struct view_options){.reverse = true, .limit = 1});
    assert_row(&d, 0, 100, 100, 2, DIFF_NEW);
    assert_int_equal(d.rest_before.bytes, 300);
    assert_int_equal(d.rest_before.blocks, 3);
    assert_int_equal(d.rest_after.bytes, 0);
    diff_release(&d);
    profile_release(&x.p);
    profile_release(&y.p);
}

/* One build, another line of the same function: another line, whatever it may look like. */
static void in_one_build_nothing_is_guessed(void **state)
{
    struct version x, y;
    struct diff d;

    (void)state;
    make_version(&x, "/bin/app", 1, "/s/app.c", 10, 20);
    make_version(&y, "/bin/app", 1, "/s/app.c", 11, 20);
    make_site(&x.p, x.put, 0, 1, 100);
    make_site(&y.p, y.put, 0, 1, 100);
    compare_runs(&d, &x, &y, (struct view_options){.limit = 0});
    assert_int_equal(d.row_count, 2);
    assert_int_equal(d.matching.rows[MATCH_NOT], 2);
    assert_int_equal(d.matching.only_before, 1);
    assert_int_equal(d.matching.only_after, 1);
    diff_release(&d);
    profile_release(&x.p);
    profile_release(&y.p);
}

static void another_build_moves_lines(void **state)
{
    struct version x, y;
    struct diff d;
    const struct profile_line *moved;

    (void)state;
    make_version(&x, "/old/app-1", 1, "/old/app.c", 10, 20);
    make_version(&y, "/new/app-2", 2, "/new/app.c", 15, 25);
    make_site(&x.p, x.put, 0, 1, 100);
    make_site(&x.p, x.get, 0, 1, 10);
    make_site(&y.p, y.put, 0, 4, 100);
    make_site(&y.p, y.get, 0, 1, 10);
    compare_runs(&d, &x, &y, (struct view_options){.limit = 0});
    assert_row(&d, 0, 300, 400, 3, DIFF_CHANGED);
    assert_int_equal(d.rows[0].tier, MATCH_BY_FUNCTION);
    assert_int_equal(d.united.profile.lines[d.rows[0].row.line].line, 15);
    assert_int_not_equal(d.rows[0].moved_from, UNITED_NONE);
    moved = &x.p.lines[d.rows[0].moved_from];
    assert_int_equal(moved->line, 10);
    assert_row(&d, 1, 0, 10, 0, DIFF_SAME);
    diff_release(&d);
    compare_runs(&d, &x, &y, (struct view_options){.group = VIEW_TRACEBACK});
    assert_int_equal(d.row_count, 2);
    assert_int_equal(d.matching.rows[MATCH_BY_FUNCTION], 2);
    assert_true(d.matching.stacks);
    diff_release(&d);
    compare_runs(&d, &x, &y, (struct view_options){.group = VIEW_FILE});
    assert_int_equal(d.row_count, 1);
    diff_release(&d);
    compare_runs(&d, &x, &y, (struct view_options){.group = VIEW_MODULE});
    assert_int_equal(d.row_count, 1);
    diff_release(&d);
    compare_runs(&d, &x, &y, (struct view_options){.group = VIEW_FUNCTION, .cumulative = true});
    assert_int_equal(d.row_count, 3);
    assert_int_equal(d.after.bytes, 410);
    assert_int_equal(diff_bytes(&d.rows[0]), 300);
    diff_release(&d);
    profile_release(&x.p);
    profile_release(&y.p);
}

/* What is known by an offset alone: equal offsets of other builds are other places. */
static void offsets_of_other_builds_are_other_places(void **state)
{
    static const struct {
        uint8_t builds[2];
        size_t rows;
        enum match_tier tier;
    } cases[] = {{{1, 1}, 1, MATCH_BY_LINE},
                 {{1, 2}, 2, MATCH_NOT},
                 {{0, 0}, 1, MATCH_BY_OFFSET},
                 {{0, 1}, 1, MATCH_BY_OFFSET}};

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct profile p[2];
        struct diff d;

        for (int side = 0; side < 2; side++) {
            uint32_t module;

            make_profile(&p[side]);
            module = make_module(&p[side], "/lib/libz.so.1", 0);
            if (cases[i].builds[side])
                set_build(&p[side].modules[module], cases[i].builds[side]);
            make_thread(&p[side], 4242, "app");
            make_site(&p[side],
                      make_node(&p[side], STACK_ROOT_WHOLE,
                                make_frame(&p[side], module, "", "", 0, 0x1234)),
                      0, 1, 10);
        }
        compare(&d, &p[0], at_exit, &p[1], at_exit, (struct view_options){.order = VIEW_BY_LIVE},
                NULL);
        assert_int_equal(d.row_count, cases[i].rows);
        assert_int_equal(d.matching.rows[cases[i].tier], cases[i].rows);
        diff_release(&d);
        profile_release(&p[0]);
        profile_release(&p[1]);
    }
}

/* Code outside any module is at an address, and addresses are not compared. */
static void addresses_are_never_compared(void **state)
{
    struct profile p[2];
    struct diff d;

    (void)state;
    for (int side = 0; side < 2; side++) {
        make_profile(&p[side]);
        make_thread(&p[side], 4242, "app");
        make_site(&p[side],
                  make_node(&p[side], STACK_ROOT_WHOLE,
                            make_frame(&p[side], NO_MODULE, "", "", 0, 0x7f0000001234)),
                  0, 1, 10);
    }
    compare(&d, &p[0], at_exit, &p[1], at_exit, (struct view_options){.order = VIEW_BY_LIVE}, NULL);
    assert_int_equal(d.row_count, 2);
    assert_int_equal(d.matching.rows[MATCH_NOT], 2);
    diff_release(&d);
    profile_release(&p[0]);
    profile_release(&p[1]);
}

static void modules_pair_by_path_name_and_version(void **state)
{
    static const char *const names[][2] = {
        {"/lib/libz.so.1", "/opt/lib/libz.so.1"},
        {"/lib/libz.so.1.2.11", "/lib/libz.so.1.3"},
        {"/lib/libz-1.2.so", "/lib/libz-1.3.so"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct profile p[2];
        struct diff d;

        for (int side = 0; side < 2; side++) {
            make_profile(&p[side]);
            make_thread(&p[side], 4242, "app");
            make_site(&p[side],
                      make_node(&p[side], STACK_ROOT_WHOLE,
                                make_frame(&p[side], make_module(&p[side], names[i][side], 0),
                                           "deflate", "/z/deflate.c", 5, 1)),
                      0, 1, 10);
        }
        compare(&d, &p[0], at_exit, &p[1], at_exit, (struct view_options){.order = VIEW_BY_LIVE},
                NULL);
        assert_int_equal(d.row_count, 1);
        assert_int_equal(d.matching.rows[MATCH_BY_LINE], 1);
        diff_release(&d);
        profile_release(&p[0]);
        profile_release(&p[1]);
    }
}

/* Of files of one name the ones whose folders agree pair; one inlined function is one line. */
static void files_of_one_name_pair_by_their_folders(void **state)
{
    static const char *const files[2][2] = {{"/old/net/buffer.c", "/old/disk/buffer.c"},
                                            {"/new/disk/buffer.c", "/new/net/buffer.c"}};
    struct profile p[2];
    struct diff d;

    (void)state;
    for (int side = 0; side < 2; side++) {
        uint32_t module;

        make_profile(&p[side]);
        make_thread(&p[side], 4242, "app");
        module = make_module(&p[side], "/bin/app", 0);
        for (int i = 0; i < 2; i++)
            make_site(&p[side],
                      make_node(&p[side], STACK_ROOT_WHOLE,
                                make_frame(&p[side], module, "grow", files[side][i], 7, 1)),
                      0, 1, strstr(files[side][i], "net") ? 1000 : 10);
    }
    compare(&d, &p[0], at_exit, &p[1], at_exit, (struct view_options){.order = VIEW_BY_LIVE}, NULL);
    assert_int_equal(d.row_count, 2);
    assert_int_equal(d.same_count, 2);
    diff_release(&d);
    profile_release(&p[0]);
    profile_release(&p[1]);
}

static void what_was_inlined_makes_no_difference(void **state)
{
    struct profile p[2];
    uint32_t module, node;
    struct diff d;

    (void)state;
    for (int side = 0; side < 2; side++) {
        make_profile(&p[side]);
        make_thread(&p[side], 4242, "app");
        module = make_module(&p[side], "/bin/app", 0);
        if (side == 0) {
            uint32_t frame = make_frame(&p[side], module, "inner", "/s/a.c", 5, 1);

            make_inlined_into(&p[side], "outer", "/s/a.c", 9);
            node = make_node(&p[side], STACK_ROOT_WHOLE, frame);
        } else {
            node = make_node(&p[side], STACK_ROOT_WHOLE,
                             make_frame(&p[side], module, "outer", "/s/a.c", 9, 1));
            node = make_node(&p[side], node, make_frame(&p[side], module, "inner", "/s/a.c", 5, 1));
        }
        make_site(&p[side], node, 0, 1, 10);
    }
    compare(&d, &p[0], at_exit, &p[1], at_exit,
            (struct view_options){.order = VIEW_BY_LIVE, .group = VIEW_TRACEBACK}, NULL);
    assert_int_equal(d.row_count, 1);
    assert_int_equal(d.same_count, 1);
    diff_release(&d);
    profile_release(&p[0]);
    profile_release(&p[1]);
}

/* A profile with one site, of 10 * `blocks` bytes, for each function and line of `module`. */
struct spot {
    const char *module, *function, *file;
    uint32_t line;
    uint64_t offset;
    uint64_t blocks;
};

static void make_spots(struct profile *p, const struct spot *spots, size_t count)
{
    make_profile(p);
    make_thread(p, 4242, "app");
    for (size_t i = 0; i < count; i++) {
        uint32_t module = make_module(p, spots[i].module, 0);

        make_site(p,
                  make_node(p, STACK_ROOT_WHOLE,
                            make_frame(p, module, spots[i].function, spots[i].file, spots[i].line,
                                       spots[i].offset)),
                  0, spots[i].blocks, 10);
    }
}

static void compare_spots(struct diff *d, const struct spot *olds, size_t old_count,
                          const struct spot *news, size_t new_count)
{
    struct profile p[2];

    make_spots(&p[0], olds, old_count);
    make_spots(&p[1], news, new_count);
    compare(d, &p[0], at_exit, &p[1], at_exit, (struct view_options){.order = VIEW_BY_LIVE}, NULL);
    profile_release(&p[0]);
    profile_release(&p[1]);
}

#define COUNT_OF(array) (sizeof(array) / sizeof *(array))

/* Of equal differences the one of what is more now comes first; what did not change comes last. */
static void rows_are_in_order(void **state)
{
    static const struct spot olds[] = {
        {"/bin/app", "a", "/s/a.c", 1, 1, 30},
        {"/bin/app", "b", "/s/a.c", 2, 1, 10},
        {"/bin/app", "same", "/s/a.c", 3, 1, 70},
    };
    static const struct spot news[] = {
        {"/bin/app", "a", "/s/a.c", 1, 1, 20}, {"/bin/app", "same", "/s/a.c", 3, 1, 70},
        {"/bin/app", "b", "/s/a.c", 2, 1, 20}, {"/bin/app", "c", "/s/a.c", 4, 1, 10},
        {"/bin/app", "d", "/s/a.c", 5, 1, 90},
    };
    struct profile p[2];
    struct diff d;

    (void)state;
    make_spots(&p[0], olds, COUNT_OF(olds));
    make_spots(&p[1], news, COUNT_OF(news));
    for (int reverse = 0; reverse < 2; reverse++) {
        compare(&d, &p[0], at_exit, &p[1], at_exit,
                (struct view_options){.order = VIEW_BY_LIVE, .reverse = reverse}, NULL);
        assert_int_equal(d.row_count, 5);
        assert_string_equal(function_of(&d, reverse ? 3 : 0), "d");
        assert_string_equal(function_of(&d, reverse ? 0 : 3), "c");
        assert_string_equal(function_of(&d, 4), "same");
        diff_release(&d);
    }
    profile_release(&p[0]);
    profile_release(&p[1]);
}

/* Equal but for the module, the file, or what a compiler made of the name. */
static void near_namesakes(void **state)
{
    static const struct spot olds[] = {
        {"/bin/app", "init", "/s/a.c", 10, 1, 100},
        {"/lib/libx.so", "other", "/s/a.c", 30, 1, 1},
        {"/bin/app", "f.isra.0", "/s/a.c", 20, 1, 5},
    };
    static const struct spot news[] = {
        {"/bin/app", "main", "/s/a.c", 90, 1, 1},
        {"/lib/libx.so", "init", "/s/a.c", 10, 1, 100},
        {"/bin/app", "f", "/s/a.c", 20, 1, 5},
    };
    struct diff d;

    (void)state;
    compare_spots(&d, olds, COUNT_OF(olds), news, COUNT_OF(news));
    assert_int_equal(d.row_count, 5);
    assert_int_equal(d.same_count, 1);
    diff_release(&d);
}

/* In one build a function in another file, or one of another name at a line, is another one. */
static void in_one_build_names_and_files_tell(void **state)
{
    static const char *const names[][2] = {{"put", "put.cold"}, {"put", "put"}};
    static const char *const files[][2] = {{"/s/a.c", "/s/a.c"}, {"/s/a.c", "/s/b.c"}};

    (void)state;
    for (int i = 0; i < 2; i++) {
        struct profile p[2];
        struct diff d;

        for (int side = 0; side < 2; side++) {
            struct spot spot = {"/bin/app", names[i][side], files[i][side], 10, 1, 1};

            make_spots(&p[side], &spot, 1);
            set_build(&p[side].modules[0], 7);
        }
        compare(&d, &p[0], at_exit, &p[1], at_exit, (struct view_options){.order = VIEW_BY_LIVE},
                NULL);
        assert_int_equal(d.row_count, 2);
        assert_int_equal(d.matching.rows[MATCH_NOT], 2);
        diff_release(&d);
        profile_release(&p[0]);
        profile_release(&p[1]);
    }
}

/* The second "worker" of one run is the second of the other; folded threads are one. */
static void threads_of_one_name_keep_their_order(void **state)
{
    static const uint64_t sizes[2][3] = {{10, 200, 3000}, {11, 202, 3003}};
    struct version v[2];
    struct diff d;

    (void)state;
    for (int side = 0; side < 2; side++) {
        make_version(&v[side], "/bin/app", 1, "/s/app.c", 10, 20);
        for (int i = 0; i < 3; i++)
            make_site(&v[side].p, v[side].put,
                      make_thread(&v[side].p, i < 2 ? 77 + 50 * side + i : 0, "worker"), 1,
                      sizes[side][i]);
    }
    compare_runs(&d, &v[0], &v[1], (struct view_options){.group = VIEW_THREAD});
    assert_int_equal(d.row_count, 3);
    assert_row(&d, 0, 3, 3003, 0, DIFF_CHANGED);
    assert_row(&d, 1, 2, 202, 0, DIFF_CHANGED);
    assert_row(&d, 2, 1, 11, 0, DIFF_CHANGED);
    diff_release(&d);
    profile_release(&v[0].p);
    profile_release(&v[1].p);
}

/* Classes of size are each side's own; memprof's own frames are not compared. */
static void sizes_and_our_own_frames(void **state)
{
    struct version v[2];
    struct diff d;

    (void)state;
    for (int side = 0; side < 2; side++) {
        uint32_t ours, node;

        make_version(&v[side], "/bin/app", 1, "/s/app.c", 10, 20);
        ours = make_module(&v[side].p, "/lib/libmemprof-preload.so", MODULE_IS_OURS);
        node = make_node(&v[side].p, v[side].put,
                         make_frame(&v[side].p, ours, side ? "malloc" : "calloc", "", 0, 4));
        make_site(&v[side].p, node, 0, 1, 100);
        make_site(&v[side].p, v[side].get, 0, 1, side ? 5000 : 4900);
    }
    compare_runs(&d, &v[0], &v[1], (struct view_options){.group = VIEW_SIZE_CLASS});
    assert_int_equal(d.row_count, 2);
    assert_row(&d, 0, 100, 5000, 0, DIFF_CHANGED);
    assert_row(&d, 1, 0, 100, 0, DIFF_SAME);
    diff_release(&d);
    compare_runs(&d, &v[0], &v[1], (struct view_options){.group = VIEW_TRACEBACK});
    assert_int_equal(d.row_count, 2);
    assert_int_equal(d.same_count, 1);
    diff_release(&d);
    profile_release(&v[0].p);
    profile_release(&v[1].p);
}

/* One put in above the others gives them all other numbers. */
static void lambdas_are_known_by_their_lines(void **state)
{
    static const struct spot olds[] = {
        {"/bin/app", "f()::{lambda(int)#1}::operator()(int) const", "/s/a.cc", 10, 1, 500},
        {"/bin/app", "f()::{lambda(int)#2}::operator()(int) const", "/s/a.cc", 20, 1, 20},
        {"/bin/app", "g()::$_0::operator()() const", "/s/a.cc", 50, 1, 7},
    };
    static const struct spot news[] = {
        {"/bin/app", "f()::{lambda(int)#1}::operator()(int) const", "/s/a.cc", 12, 1, 1},
        {"/bin/app", "f()::{lambda(int)#2}::operator()(int) const", "/s/a.cc", 15, 1, 500},
        {"/bin/app", "f()::{lambda(int)#3}::operator()(int) const", "/s/a.cc", 25, 1, 20},
        {"/bin/app", "g()::$_1::operator()() const", "/s/a.cc", 55, 1, 7},
    };
    struct diff d;

    (void)state;
    compare_spots(&d, olds, COUNT_OF(olds), news, COUNT_OF(news));
    assert_int_equal(d.row_count, 4);
    assert_int_equal(d.same_count, 3);
    assert_row(&d, 0, 10, 10, 1, DIFF_NEW);
    diff_release(&d);
}

/* Without lines the number is all there is; other numbers in names always count. */
static void numbers_in_names_are_kept_where_they_tell(void **state)
{
    static const struct spot olds[] = {
        {"/bin/app", "f()::{lambda(int)#1}::operator()(int) const", "", 0, 8, 50},
        {"/bin/app", "draw<2>()", "/s/a.cc", 10, 8, 60},
        {"/bin/app", "take_1", "/s/a.cc", 20, 8, 70},
    };
    static const struct spot news[] = {
        {"/bin/app", "f()::{lambda(int)#2}::operator()(int) const", "", 0, 8, 50},
        {"/bin/app", "draw<3>()", "/s/a.cc", 10, 8, 60},
        {"/bin/app", "take_2", "/s/a.cc", 20, 8, 70},
    };
    struct diff d;

    (void)state;
    compare_spots(&d, olds, COUNT_OF(olds), news, COUNT_OF(news));
    assert_int_equal(d.row_count, 6);
    assert_int_equal(d.matching.rows[MATCH_NOT], 6);
    diff_release(&d);
}

/* A function and the part that was split from it share a line: each is its own partner. */
static void parts_of_a_function_on_one_line_pair_by_name(void **state)
{
    static const struct spot olds[] = {
        {"/bin/app", "f", "/s/a.c", 10, 1, 100},
        {"/bin/app", "f.part.0", "/s/a.c", 10, 1, 5},
    };
    static const struct spot news[] = {
        {"/bin/app", "f.part.0", "/s/a.c", 10, 1, 5},
        {"/bin/app", "f", "/s/a.c", 10, 1, 100},
        {"/bin/app", "f", "/s/a.c", 14, 1, 1},
    };
    struct diff d;

    (void)state;
    compare_spots(&d, olds, COUNT_OF(olds), news, COUNT_OF(news));
    assert_int_equal(d.row_count, 3);
    assert_int_equal(d.same_count, 2);
    assert_row(&d, 0, 10, 10, 1, DIFF_NEW);
    diff_release(&d);
}

/* Static functions of one name in two files, and functions of one name in two modules. */
static void namesakes_stay_apart(void **state)
{
    static const struct spot olds[] = {
        {"/bin/app", "init", "/s/a.c", 10, 1, 100},
        {"/bin/app", "init", "/s/b.c", 10, 1, 20},
        {"/lib/libx.so", "init", "/s/a.c", 10, 1, 3},
    };
    static const struct spot news[] = {
        {"/lib/libx.so", "init", "/s/a.c", 11, 1, 3},
        {"/bin/app", "init", "/s/b.c", 12, 1, 20},
        {"/bin/app", "init", "/s/a.c", 13, 1, 100},
    };
    struct diff d;

    (void)state;
    compare_spots(&d, olds, COUNT_OF(olds), news, COUNT_OF(news));
    assert_int_equal(d.row_count, 3);
    assert_int_equal(d.same_count, 3);
    diff_release(&d);
}

/* Extensions of one name in several folders, all of them elsewhere now. */
static void modules_of_one_name_pair_by_their_folders(void **state)
{
    static const struct spot olds[] = {
        {"/home/a/venv/numpy/_core.so", "grow", "/s/x.c", 10, 1, 100},
        {"/home/a/venv/pandas/_core.so", "grow", "/s/x.c", 10, 1, 20},
    };
    static const struct spot news[] = {
        {"/opt/venv/pandas/_core.so", "grow", "/s/x.c", 10, 1, 20},
        {"/opt/venv/numpy/_core.so", "grow", "/s/x.c", 10, 1, 100},
    };
    struct diff d;

    (void)state;
    compare_spots(&d, olds, COUNT_OF(olds), news, COUNT_OF(news));
    assert_int_equal(d.row_count, 2);
    assert_int_equal(d.same_count, 2);
    diff_release(&d);
}

/* Mapped twice under one path, in one run or in both: it is one module. */
static void a_module_mapped_twice_is_one(void **state)
{
    static const struct spot olds[] = {
        {"/a/plug.so", "grow", "/s/x.c", 10, 1, 100},
        {"/a/plug.so", "grow", "/s/x.c", 10, 1, 20},
    };
    static const struct spot news[] = {{"/b/plug.so", "grow", "/s/x.c", 10, 1, 120}};
    struct diff d;

    (void)state;
    compare_spots(&d, olds, COUNT_OF(olds), news, COUNT_OF(news));
    assert_int_equal(d.row_count, 1);
    assert_int_equal(d.same_count, 1);
    diff_release(&d);
}

/* main calls take: at `base`, of build `build`, with names or as a stripped copy has it. */
static void make_copy(struct profile *p, const char *path, uint64_t base, uint8_t build, bool named,
                      uint64_t blocks)
{
    static const uint64_t offsets[] = {0x1500, 0x1234};
    struct profile_module *module;
    uint32_t node = STACK_ROOT_WHOLE;

    make_profile(p);
    make_thread(p, 4242, "app");
    make_module(p, path, 0);
    module = &p->modules[0];
    p->process.executable = module->path;
    module->start = module->bias = base;
    module->end = base + 0x4000;
    set_build(module, build);
    for (int i = 0; i < 2; i++) {
        uint32_t frame = named ? make_frame(p, 0, i ? "take" : "main", "/s/a.c", i ? 10 : 50, 4)
                               : make_frame(p, 0, "", "", 0, offsets[i]);

        p->frames[frame].value = base + offsets[i];
        node = make_node(p, node, frame);
    }
    make_site(p, node, 0, blocks, 10);
}

/* Which side has the names makes no difference; another build's addresses mean nothing. */
static void a_stripped_copy_takes_the_names_of_the_other(void **state)
{
    static const enum view_group groups[] = {VIEW_LINE, VIEW_FUNCTION, VIEW_TRACEBACK};

    (void)state;
    for (int named = 0; named < 2; named++)
        for (size_t g = 0; g < COUNT_OF(groups); g++)
            for (uint8_t build = 1; build <= 2; build++) {
                struct profile p[2];
                struct diff d;

                make_copy(&p[0], "/bin/app", 0x550000000000, 1, named == 0, 1);
                make_copy(&p[1], "/tmp/app-s", 0x7f0000000000, build, named == 1, 3);
                compare(&d, &p[0], at_exit, &p[1], at_exit,
                        (struct view_options){.order = VIEW_BY_LIVE, .group = groups[g]}, NULL);
                if (build == 1) {
                    assert_int_equal(d.row_count, 1);
                    assert_row(&d, 0, 20, 30, 2, DIFF_CHANGED);
                    assert_string_equal(function_of(&d, 0), "take");
                    assert_int_equal(d.rows[0].moved_from, UNITED_NONE);
                    assert_int_equal(d.matching.rows[MATCH_BY_LINE], 1);
                } else {
                    assert_int_equal(d.row_count, 2);
                    assert_int_equal(d.matching.rows[MATCH_NOT], 2);
                }
                diff_release(&d);
                profile_release(&p[0]);
                profile_release(&p[1]);
            }
}

/* A line that was rewritten where it stands, or lies in another folder now, did not move. */
static void what_did_not_move_is_not_said_to_have(void **state)
{
    struct version x, y;
    struct diff d;

    (void)state;
    make_version(&x, "/bin/app", 1, "/old/app.c", 10, 20);
    make_version(&y, "/bin/app", 2, "/new/app.c", 10, 25);
    make_site(&x.p, x.put, 0, 1, 100);
    make_site(&y.p, y.put, 0, 4, 100);
    /* Two other lines of put moved by 5, so that equal numbers mean nothing. */
    for (uint32_t line = 12; line <= 14; line += 2) {
        uint32_t before = make_frame(&x.p, x.module, "put", "/old/app.c", line, 1);
        uint32_t after = make_frame(&y.p, y.module, "put", "/new/app.c", line + 5, 1);

        make_site(&x.p, make_node(&x.p, x.main_node, before), 0, 1, line);
        make_site(&y.p, make_node(&y.p, y.main_node, after), 0, 1, line);
    }
    compare_runs(&d, &x, &y, (struct view_options){.limit = 0});
    assert_row(&d, 0, 300, 400, 3, DIFF_CHANGED);
    assert_int_equal(d.rows[0].tier, MATCH_BY_FUNCTION);
    assert_int_equal(d.rows[0].moved_from, UNITED_NONE);
    assert_int_not_equal(d.rows[1].moved_from, UNITED_NONE);
    diff_release(&d);
    profile_release(&x.p);
    profile_release(&y.p);
}

/* On both sides, whatever the grouping and the limit. */
static void what_filters_leave_out_is_summed_up(void **state)
{
    struct filter filter;
    struct version x, y;
    struct diff d;
    struct error e;

    (void)state;
    make_version(&x, "/bin/app", 1, "/s/app.c", 10, 20);
    make_version(&y, "/bin/app", 1, "/s/app.c", 10, 20);
    make_site(&x.p, x.put, 0, 3, 100);
    make_site(&x.p, x.get, 0, 2, 50);
    make_site(&y.p, y.put, 0, 1, 100);
    make_site(&y.p, y.get, 0, 9, 50);
    filter_init(&filter);
    assert_int_equal(filter_add(&filter, "function=put", false, &e), 0);
    for (int cumulative = 0; cumulative < 2; cumulative++) {
        compare_runs(
            &d, &x, &y,
            (struct view_options){.filter = &filter, .cumulative = cumulative, .limit = 1});
        assert_int_equal(d.before.bytes, 100);
        assert_int_equal(d.after.bytes, 450);
        assert_int_equal(d.filtered_before.bytes, 300);
        assert_int_equal(d.filtered_before.blocks, 3);
        assert_int_equal(d.filtered_after.bytes, 100);
        assert_int_equal(d.filtered_after.blocks, 1);
        diff_release(&d);
    }
    filter_release(&filter);
    profile_release(&x.p);
    profile_release(&y.p);
}

static void make_domains(struct profile *p, const char *own)
{
    static const char *const names[] = {"heap", "mmap", "ignored"};

    p->domains = calloc(DOMAIN_BUILTIN + 1, sizeof *p->domains);
    assert_non_null(p->domains);
    for (uint32_t i = 0; i <= DOMAIN_BUILTIN; i++)
        p->domains[i].name = strings_add(&p->strings, i < DOMAIN_BUILTIN ? names[i] : own);
    p->domain_count = DOMAIN_BUILTIN + 1;
}

/* Both have a domain of their own under one number; each is found by its name. */
static void a_domain_of_either_side_can_be_chosen(void **state)
{
    static const char *const names[] = {"cache", "arena"};
    struct unite_side sides[2];
    struct version v[2];
    struct pathmap none;
    struct error e;
    struct diff d;

    (void)state;
    pathmap_init(&none);
    for (int i = 0; i < 2; i++) {
        make_version(&v[i], "/bin/app", 1, "/s/app.c", 10, 20);
        make_domains(&v[i].p, names[i]);
        make_site(&v[i].p, v[i].put, 0, 1, 7);
        make_site(&v[i].p, v[i].get, 0, 1, 100)->domain = DOMAIN_BUILTIN;
        sides[i] = (struct unite_side){&v[i].p, at_exit};
    }
    for (int i = 0; i < 2; i++) {
        struct view_options options = {.order = VIEW_BY_LIVE};

        assert_int_equal(diff_build(&d, &sides[0], &sides[1], &options, names[i], &none, &e), 0);
        assert_int_equal(d.before.bytes, i == 0 ? 100 : 0);
        assert_int_equal(d.after.bytes, i == 0 ? 0 : 100);
        assert_int_equal(d.row_count, 1);
        assert_int_equal(d.rows[0].status, i == 0 ? DIFF_GONE : DIFF_NEW);
        assert_string_equal(domain_name(&d.united.profile, d.options.domain), names[i]);
        diff_release(&d);
        assert_int_equal(diff_build(&d, &sides[0], &sides[1], &options, "nursery", &none, &e), -1);
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_non_null(strstr(e.text, names[i]));
    }
    profile_release(&v[0].p);
    profile_release(&v[1].p);
}

static void paths_are_mapped_before_matching(void **state)
{
    struct version x, y;
    struct pathmap paths;
    struct error e;
    struct diff d;

    (void)state;
    make_version(&x, "/bin/app", 1, "/build/app-1/src/app.c", 10, 20);
    make_version(&y, "/bin/app", 2, "/home/me/src/app.c", 10, 20);
    make_site(&x.p, x.put, 0, 1, 100);
    make_site(&y.p, y.put, 0, 2, 100);
    pathmap_init(&paths);
    assert_int_equal(pathmap_add_rule(&paths, "/build/app-1=/x", &e), 0);
    assert_int_equal(pathmap_add_strip(&paths, "/home/me", &e), 0);
    compare(&d, &x.p, at_exit, &y.p, at_exit, (struct view_options){.order = VIEW_BY_LIVE}, &paths);
    assert_int_equal(d.row_count, 1);
    assert_string_equal(
        profile_text(&d.united.profile, d.united.profile.lines[d.rows[0].row.line].file),
        "src/app.c");
    assert_int_equal(d.rows[0].tier, MATCH_BY_LINE);
    diff_release(&d);
    pathmap_release(&paths);
    profile_release(&x.p);
    profile_release(&y.p);
}

static void threads_go_by_name(void **state)
{
    struct version x, y;
    struct diff d;
    uint32_t a, b;

    (void)state;
    make_version(&x, "/bin/app", 1, "/s/app.c", 10, 20);
    make_version(&y, "/bin/app", 1, "/s/app.c", 10, 20);
    a = make_thread(&x.p, 77, "worker");
    make_thread(&y.p, 88, "other");
    b = make_thread(&y.p, 99, "worker");
    make_site(&x.p, x.put, a, 1, 100);
    make_site(&y.p, y.put, b, 3, 100);
    make_site(&x.p, x.put, 0, 1, 7);
    make_site(&y.p, y.put, 0, 1, 7);
    compare_runs(&d, &x, &y, (struct view_options){.group = VIEW_THREAD});
    assert_int_equal(d.row_count, 2);
    assert_row(&d, 0, 200, 300, 2, DIFF_CHANGED);
    assert_int_equal(d.united.profile.threads[d.rows[0].row.thread].tid, 99);
    assert_row(&d, 1, 0, 7, 0, DIFF_SAME);
    diff_release(&d);
    profile_release(&x.p);
    profile_release(&y.p);
}

/* Two moments of one profile: nothing is matched, every site is itself. */
static void snapshots_of_one_run(void **state)
{
    struct version x;
    struct diff d;
    struct moment first = {MOMENT_LISTED, 0}, second = {MOMENT_LISTED, 1};
    struct profile_change changes[2];

    (void)state;
    make_version(&x, "/bin/app", 1, "/s/app.c", 10, 20);
    make_site(&x.p, x.put, 0, 5, 100);
    make_site(&x.p, x.get, 0, 2, 50);
    changes[0] = make_change(0, 1, 100);
    make_snapshot(&x.p, 1.0, "early", changes, 1);
    changes[0] = make_change(0, 2, 100);
    changes[1] = make_change(1, 2, 50);
    make_snapshot(&x.p, 2.0, "late", changes, 2);
    compare(&d, &x.p, first, &x.p, second, (struct view_options){.order = VIEW_BY_LIVE}, NULL);
    assert_true(d.matching.exact);
    assert_int_equal(d.row_count, 2);
    assert_row(&d, 0, 200, 300, 2, DIFF_CHANGED);
    assert_row(&d, 1, 100, 100, 2, DIFF_NEW);
    diff_release(&d);
    compare(&d, &x.p, second, &x.p, at_exit, (struct view_options){.order = VIEW_BY_LIVE}, NULL);
    assert_row(&d, 0, 200, 500, 2, DIFF_CHANGED);
    assert_int_equal(d.same_count, 1);
    diff_release(&d);
    compare(&d, &x.p, first, &x.p, first, (struct view_options){.order = VIEW_BY_LIVE}, NULL);
    assert_int_equal(d.same_count, d.row_count);
    diff_release(&d);
    profile_release(&x.p);
}

static void empty_profiles_have_no_differences(void **state)
{
    struct profile p, q;
    struct diff d;

    (void)state;
    make_profile(&p);
    make_profile(&q);
    compare(&d, &p, at_exit, &q, at_exit, (struct view_options){.order = VIEW_BY_LIVE}, NULL);
    assert_int_equal(d.row_count, 0);
    assert_int_equal(d.after.bytes, 0);
    diff_release(&d);
    profile_release(&p);
    profile_release(&q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_runs_of_one_build),
        cmocka_unit_test(what_one_run_has_alone_is_new_or_gone),
        cmocka_unit_test(in_one_build_nothing_is_guessed),
        cmocka_unit_test(another_build_moves_lines),
        cmocka_unit_test(offsets_of_other_builds_are_other_places),
        cmocka_unit_test(addresses_are_never_compared),
        cmocka_unit_test(modules_pair_by_path_name_and_version),
        cmocka_unit_test(files_of_one_name_pair_by_their_folders),
        cmocka_unit_test(what_was_inlined_makes_no_difference),
        cmocka_unit_test(rows_are_in_order),
        cmocka_unit_test(near_namesakes),
        cmocka_unit_test(in_one_build_names_and_files_tell),
        cmocka_unit_test(threads_of_one_name_keep_their_order),
        cmocka_unit_test(sizes_and_our_own_frames),
        cmocka_unit_test(lambdas_are_known_by_their_lines),
        cmocka_unit_test(numbers_in_names_are_kept_where_they_tell),
        cmocka_unit_test(parts_of_a_function_on_one_line_pair_by_name),
        cmocka_unit_test(namesakes_stay_apart),
        cmocka_unit_test(modules_of_one_name_pair_by_their_folders),
        cmocka_unit_test(a_module_mapped_twice_is_one),
        cmocka_unit_test(a_stripped_copy_takes_the_names_of_the_other),
        cmocka_unit_test(what_did_not_move_is_not_said_to_have),
        cmocka_unit_test(what_filters_leave_out_is_summed_up),
        cmocka_unit_test(a_domain_of_either_side_can_be_chosen),
        cmocka_unit_test(paths_are_mapped_before_matching),
        cmocka_unit_test(threads_go_by_name),
        cmocka_unit_test(snapshots_of_one_run),
        cmocka_unit_test(empty_profiles_have_no_differences),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
