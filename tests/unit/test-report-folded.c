// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-folded.h"

#include "src/shared/record.h"
#include "tests/unit/profile-maker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void make_stacks(struct profile *p)
{
    uint32_t app, lib, node;

    make_profile(p);
    app = make_module(p, "/bin/app", 0);
    lib = make_module(p, "/lib/libx.so.1", 0);
    make_thread(p, 1, "app");
    node = make_node(p, STACK_ROOT_WHOLE, make_frame(p, app, "main", "/s/app.c", 10, 0));
    node = make_node(p, node, make_frame(p, app, "in;ner", "/s/app.c", 5, 0));
    make_inlined_into(p, "out er", "/s/app.c", 6);
    make_site(p, node, 0, 2, 50);
    make_site(p, make_node(p, node, make_frame(p, lib, "", "", 0, 0x1f)), 0, 1, 30);
    make_site(p, make_node(p, STACK_ROOT_TRUNCATED, make_frame(p, app, "new\nline", "", 0, 1)), 0,
              1, 20);
    make_site(p, STACK_ROOT_TRUNCATED, 0, 1, 10);
}

static void expect(const struct profile *p, struct view_options options, struct stack_choice stack,
                   const char *lines)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    struct view v;
    struct error e;

    assert_non_null(out);
    options.group = VIEW_TRACEBACK;
    assert_int_equal(view_build(&v, p, &options, &e), 0);
    assert_int_equal(report_folded_write(out, p, &v, &stack, &e), 0);
    view_release(&v);
    fclose(out);
    assert_string_equal(text, lines);
    free(text);
}

static void stacks_are_lines_from_the_outside_in(void **state)
{
    struct profile p;

    (void)state;
    make_stacks(&p);
    expect(&p, (struct view_options){0}, (struct stack_choice){0},
           "main;out er;in:ner 100\n"
           "main;out er;in:ner;libx.so.1+0x1f 30\n"
           "(cut short);new\\nline 20\n"
           "(no stack) 10\n");
    expect(&p, (struct view_options){.order = VIEW_BY_COUNT, .limit = 1}, (struct stack_choice){0},
           "main;out er;in:ner 2\n(3 more stacks) 3\n");
    profile_release(&p);
}

static void what_is_left_out_is_a_line(void **state)
{
    struct profile p;

    (void)state;
    make_stacks(&p);
    expect(&p, (struct view_options){.limit = 1}, (struct stack_choice){0},
           "main;out er;in:ner 100\n(3 more stacks) 60\n");
    expect(&p, (struct view_options){.min_bytes = 25}, (struct stack_choice){.limit = 1},
           "(more);in:ner 100\n(more);libx.so.1+0x1f 30\n(2 more stacks) 30\n");
    expect(&p, (struct view_options){.limit = 1}, (struct stack_choice){2, true, false},
           "main;out er;(more) 100\n(3 more stacks) 60\n");
    profile_release(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stacks_are_lines_from_the_outside_in),
        cmocka_unit_test(what_is_left_out_is_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
