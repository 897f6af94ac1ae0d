// SPDX-License-Identifier: Apache-2.0
/* Stacks of leaks: each line once, the same pointers in all stacks that share frames. */
#include "src/host/leaks/leakstacks.h"

#include "src/shared/record.h"
#include "tests/unit/failing-memory.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

/*
 * main calls helper, into which "small" is inlined, and that calls leak or other; a frame of
 * memprof's own lies below leak, and main is not named.
 */
struct fixture {
    struct profile p;
    uint32_t main, helper, ours, leak, other, alone; /* nodes */
    uint32_t leak_frame, helper_frame;
};

static void make(struct fixture *f)
{
    struct profile *p = &f->p;
    uint32_t app, ours, frame;

    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    ours = make_module(p, "/lib/libmemprof-preload.so", MODULE_IS_OURS);
    f->main = make_node(p, 0, make_frame(p, app, "", "", 0, 0x10));
    f->helper_frame = make_frame(p, app, "small", "/s/small.h", 3, 0);
    make_inlined_into(p, "helper", "/s/app.c", 20);
    f->helper = make_node(p, f->main, f->helper_frame);
    f->leak_frame = make_frame(p, app, "leak", "/s/app.c", 30, 0);
    f->leak = make_node(p, f->helper, f->leak_frame);
    f->ours = make_node(p, f->leak, make_frame(p, ours, "hook", "/m/hook.c", 1, 0));
    f->other = make_node(p, f->helper, make_frame(p, app, "other", "/s/app.c", 40, 0));
    frame = make_frame(p, app, "alone", "/s/app.c", 50, 0);
    f->alone = make_node(p, 0, frame);
}

static void assert_functions(const struct leakstacks *s, const struct leakstack *stack,
                             const char *const *functions)
{
    uint32_t i = 0;

    for (; functions[i]; i++) {
        assert_true(i < stack->count);
        assert_string_equal(s->pointers[stack->first + i]->function, functions[i]);
    }
    assert_int_equal(stack->count, i);
}

static void shared_lines_are_one(void **unused)
{
    static const char *const of_leak[] = {"leak", "small", "helper", "", NULL};
    static const char *const of_other[] = {"other", "small", "helper", "", NULL};
    struct leakstack leak, other;
    struct line_choice choice;
    struct leakstacks s;
    struct fixture f;

    (void)unused;
    make(&f);
    assert_int_equal(leakstacks_init(&s, &f.p, NULL), 0);
    leakstacks_name(&s, f.ours);
    leakstacks_name(&s, f.other);
    leakstacks_name(&s, f.other);
    assert_int_equal(leakstacks_make_lines(&s, NULL), 0);
    assert_int_equal(s.line_count, 5); /* those of `alone` and of memprof were not asked for */
    choice = (struct line_choice){f.p.frames[f.leak_frame].first_line, f.leak_frame};
    assert_int_equal(leakstacks_take(&s, f.ours, &choice, &leak, NULL), 0);
    choice = (struct line_choice){f.p.frames[f.helper_frame].first_line + 1, f.helper_frame};
    assert_int_equal(leakstacks_take(&s, f.other, &choice, &other, NULL), 0);
    assert_functions(&s, &leak, of_leak);
    assert_functions(&s, &other, of_other);
    assert_int_equal(leak.place, 0);
    assert_int_equal(other.place, 2);
    for (uint32_t i = 1; i < 4; i++)
        assert_ptr_equal(s.pointers[leak.first + i], s.pointers[other.first + i]);
    leakstacks_release(&s);
    profile_release(&f.p);
}

static void lines_say_what_the_profile_knows(void **unused)
{
    struct line_choice none = {NO_CHOICE, NO_FRAME};
    const struct leak_line *line;
    struct leakstack stack;
    struct leakstacks s;
    struct fixture f;

    (void)unused;
    make(&f);
    assert_int_equal(leakstacks_init(&s, &f.p, NULL), 0);
    leakstacks_name(&s, f.helper);
    assert_int_equal(leakstacks_make_lines(&s, NULL), 0);
    assert_int_equal(leakstacks_take(&s, f.helper, &none, &stack, NULL), 0);
    assert_int_equal(stack.count, 3);
    assert_int_equal(stack.place, 0); /* what was chosen is not there */
    line = s.pointers[0];
    assert_string_equal(line->file, "/s/small.h");
    assert_string_equal(line->module, "/bin/app");
    assert_int_equal(line->line, 3);
    assert_true(line->inlined);
    line = s.pointers[1];
    assert_string_equal(line->function, "helper");
    assert_false(line->inlined);
    assert_int_equal(line->offset, 0);
    line = s.pointers[2];
    assert_string_equal(line->function, "");
    assert_int_equal(line->offset, 0x10); /* all there is to find it by */
    assert_int_equal(line->address, frame_pc(f.p.frames[f.p.nodes[f.main].frame].value));
    leakstacks_release(&s);
    profile_release(&f.p);
}

/* A function that calls itself: the place is where it is met first. */
static void recursion(void **unused)
{
    static const char *const functions[] = {"leak", "leak", "leak", NULL};
    struct leakstack stack;
    struct leakstacks s;
    struct fixture f;
    struct line_choice choice;
    uint32_t node;

    (void)unused;
    make(&f);
    node = make_node(&f.p, 0, f.leak_frame);
    node = make_node(&f.p, node, f.leak_frame);
    node = make_node(&f.p, node, f.leak_frame);
    choice = (struct line_choice){f.p.frames[f.leak_frame].first_line, f.leak_frame};
    assert_int_equal(leakstacks_init(&s, &f.p, NULL), 0);
    leakstacks_name(&s, node);
    assert_int_equal(leakstacks_make_lines(&s, NULL), 0);
    assert_int_equal(s.line_count, 1);
    assert_int_equal(leakstacks_take(&s, node, &choice, &stack, NULL), 0);
    assert_functions(&s, &stack, functions);
    assert_int_equal(stack.place, 0);
    leakstacks_release(&s);
    profile_release(&f.p);
}

static void stacks_without_frames(void **unused)
{
    struct line_choice none = {NO_CHOICE, NO_FRAME};
    struct leakstack stack;
    struct leakstacks s;
    struct fixture f;

    (void)unused;
    make(&f);
    assert_int_equal(leakstacks_init(&s, &f.p, NULL), 0);
    leakstacks_name(&s, STACK_ROOT_WHOLE);
    leakstacks_name(&s, f.p.node_count); /* a node that is not there */
    assert_int_equal(leakstacks_make_lines(&s, NULL), 0);
    assert_int_equal(s.line_count, 0);
    assert_int_equal(leakstacks_take(&s, STACK_ROOT_WHOLE, &none, &stack, NULL), 0);
    assert_int_equal(stack.count, 0);
    assert_int_equal(leakstacks_take(&s, f.p.node_count, &none, &stack, NULL), 0);
    assert_int_equal(stack.count, 0);
    leakstacks_release(&s);
    profile_release(&f.p);
}

/* More pointers than the first allocation holds, so that it grows. */
#define DEEP 3000u

static int all_steps(struct leakstacks *s, const struct fixture *f, uint32_t node,
                     struct leakstack *stack, struct error *e)
{
    struct line_choice choice = {f->p.frames[f->leak_frame].first_line, f->leak_frame};

    if (leakstacks_init(s, &f->p, e) != 0)
        return -1;
    leakstacks_name(s, node);
    if (leakstacks_make_lines(s, e) == 0 && leakstacks_take(s, node, &choice, stack, e) == 0)
        return 0;
    leakstacks_release(s);
    return -1;
}

static void each_allocation_fails_once(void **unused)
{
    struct leakstack stack = {0};
    struct leakstacks s;
    struct fixture f;
    uint32_t node;
    uint64_t n = 0;
    int result;

    (void)unused;
    make(&f);
    node = f.leak;
    for (uint32_t i = 0; i < DEEP; i++)
        node = make_node(&f.p, node, f.helper_frame);
    do {
        struct error e = {0};

        memory_fail_after(n++);
        result = all_steps(&s, &f, node, &stack, &e);
        memory_suffices();
        assert_int_equal(e.kind, result == 0 ? ERROR_NONE : ERROR_MEMORY);
        assert_true(result == 0 || (!s.lines && !s.pointers && !s.named && !s.first));
        assert_true(n < 100);
    } while (result != 0);
    assert_true(n > 5); /* nodes, frames, lines, and pointers three times */
    assert_int_equal(stack.count, 2 * DEEP + 4);
    assert_int_equal(stack.place, 2 * DEEP);
    leakstacks_release(&s);
    profile_release(&f.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_lines_are_one),
        cmocka_unit_test(lines_say_what_the_profile_knows),
        cmocka_unit_test(recursion),
        cmocka_unit_test(stacks_without_frames),
        cmocka_unit_test(each_allocation_fails_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
