// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/stacklines.h"

#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

/* malloc of ours ← "d" inlined into "c" ← "b" ← "a" */
static uint32_t make_stack(struct profile *p, uint32_t root)
{
    uint32_t app, ours, node;

    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    ours = make_module(p, "/lib/libmemprof-preload.so", MODULE_IS_OURS);
    node = make_node(p, root, make_frame(p, app, "a", "/s/x.c", 1, 0));
    node = make_node(p, node, make_frame(p, app, "b", "/s/x.c", 2, 0));
    node = make_node(p, node, make_frame(p, app, "d", "/s/x.c", 4, 0));
    make_inlined_into(p, "c", "/s/x.c", 3);
    return make_node(p, node, make_frame(p, ours, "malloc", "", 0, 0));
}

static void expect(const struct profile *p, uint32_t node, struct stack_choice choice,
                   const char *names, size_t hidden)
{
    struct stacklines s = {0};
    char got[16] = "";

    /* twice: what was there before must not matter */
    assert_true(stacklines_get(&s, p, node, &(struct stack_choice){0}));
    assert_true(stacklines_get(&s, p, node, &choice));
    for (size_t i = 0; i < s.count; i++) {
        strcat(got, profile_text(p, p->lines[s.lines[i].line].function));
        assert_in_range(s.lines[i].line, p->frames[s.lines[i].frame].first_line,
                        p->frames[s.lines[i].frame].first_line + 1);
    }
    assert_string_equal(got, names);
    assert_int_equal(s.hidden, hidden);
    stacklines_release(&s);
}

static void lines_are_chosen_and_ordered(void **state)
{
    struct profile p;
    uint32_t node;

    (void)state;
    node = make_stack(&p, STACK_ROOT_WHOLE);
    expect(&p, node, (struct stack_choice){0}, "dcba", 0);
    expect(&p, node, (struct stack_choice){.oldest_first = true}, "abcd", 0);
    expect(&p, node, (struct stack_choice){.limit = 3}, "dcb", 1);
    expect(&p, node, (struct stack_choice){.limit = 3, .oldest_first = true}, "bcd", 1);
    expect(&p, node, (struct stack_choice){.limit = 1, .outermost = true}, "a", 3);
    expect(&p, node, (struct stack_choice){2, true, true}, "ab", 2);
    expect(&p, node, (struct stack_choice){.limit = 4}, "dcba", 0);
    expect(&p, STACK_ROOT_WHOLE, (struct stack_choice){.limit = 4}, "", 0);
    profile_release(&p);
}

static void the_end_of_a_cut_stack_is_told(void **state)
{
    static const char *const ends[] = {NULL, "cut short: its outer callers are unknown",
                                       "cut by --depth"};
    struct stacklines s = {0};
    struct profile p;

    (void)state;
    for (uint32_t root = 0; root < STACK_ROOTS; root++) {
        uint32_t node = make_stack(&p, root);

        assert_true(stacklines_get(&s, &p, node, &(struct stack_choice){0}));
        assert_int_equal(s.root, root);
        if (ends[root])
            assert_string_equal(stacklines_end(&s), ends[root]);
        else
            assert_null(stacklines_end(&s));
        profile_release(&p);
    }
    stacklines_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_chosen_and_ordered),
        cmocka_unit_test(the_end_of_a_cut_stack_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
