// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/align.h"

#include "src/host/diff/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define LINES_MAX 16

/* A function's lines in two versions; texts are those of the whole file, by line. */
struct fixture {
    struct align align;
    struct align_item items[2][LINES_MAX];
    const char *const *texts[2]; /* by line, from 1; NULL: no source */
    uint32_t text_count[2];
};

static struct align_text text_of(void *context, bool is_new, uint32_t place, uint32_t number)
{
    const struct fixture *f = context;

    (void)place;
    if (!f->texts[is_new] || number == 0 || number > f->text_count[is_new])
        return (struct align_text){0};
    return (struct align_text){f->texts[is_new][number - 1], strlen(f->texts[is_new][number - 1])};
}

static size_t fill(struct align_item *items, const uint32_t *lines)
{
    size_t count = 0;

    for (; lines[count]; count++)
        items[count] = (struct align_item){.position = lines[count],
                                           .place = (uint32_t)count,
                                           .line = lines[count],
                                           .pair = ALIGN_NONE,
                                           .tier = MATCH_NOT};
    return count;
}

static void run(struct fixture *f, const uint32_t *olds, const uint32_t *news, bool same_file)
{
    f->align = (struct align){.olds = f->items[0],
                              .news = f->items[1],
                              .old_count = fill(f->items[0], olds),
                              .new_count = fill(f->items[1], news),
                              .same_file = same_file,
                              .text = text_of,
                              .context = f};
    assert_int_equal(align_run(&f->align), 0);
}

static void assert_pair(const struct fixture *f, size_t before, size_t after, enum match_tier tier)
{
    assert_int_equal(f->items[0][before].pair, after);
    assert_int_equal(f->items[1][after].pair, before);
    assert_int_equal(f->items[0][before].tier, tier);
}

static void assert_alone(const struct fixture *f, size_t before)
{
    assert_int_equal(f->items[0][before].pair, ALIGN_NONE);
    assert_int_equal(f->items[0][before].tier, MATCH_NOT);
}

#define LINES(...)                                                                                 \
    (const uint32_t[])                                                                             \
    {                                                                                              \
        __VA_ARGS__, 0                                                                             \
    }

static void equal_lines_are_the_same(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, LINES(10, 20), LINES(10, 20), true);
    assert_pair(&f, 0, 0, MATCH_BY_LINE);
    assert_pair(&f, 1, 1, MATCH_BY_LINE);
    run(&f, LINES(10, 20), LINES(10, 15, 20), true);
    assert_pair(&f, 0, 0, MATCH_BY_LINE);
    assert_pair(&f, 1, 2, MATCH_BY_LINE);
}

/* Five lines inserted: old 85 must not be taken for new 85, which was 80. */
static void lines_that_meet_by_accident_are_not_the_same(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, LINES(80, 85, 95), LINES(85, 90, 100), true);
    assert_pair(&f, 0, 0, MATCH_BY_FUNCTION);
    assert_pair(&f, 1, 1, MATCH_BY_FUNCTION);
    assert_pair(&f, 2, 2, MATCH_BY_FUNCTION);
}

static void in_another_file_equal_numbers_mean_nothing(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, LINES(10, 20), LINES(10, 20), false);
    assert_pair(&f, 0, 0, MATCH_BY_FUNCTION);
    assert_pair(&f, 1, 1, MATCH_BY_FUNCTION);
}

static void of_more_lines_those_that_moved_alike_are_paired(void **state)
{
    struct fixture f = {0};

    (void)state;
    run(&f, LINES(10, 20, 30), LINES(12, 15, 22, 27, 32), true);
    assert_pair(&f, 0, 0, MATCH_BY_FUNCTION);
    assert_pair(&f, 1, 2, MATCH_BY_FUNCTION);
    assert_pair(&f, 2, 4, MATCH_BY_FUNCTION);
    run(&f, LINES(12, 15, 22, 27, 32), LINES(10, 20, 30), true);
    assert_pair(&f, 0, 0, MATCH_BY_FUNCTION);
    assert_alone(&f, 1);
    assert_pair(&f, 2, 1, MATCH_BY_FUNCTION);
    assert_alone(&f, 3);
    assert_pair(&f, 4, 2, MATCH_BY_FUNCTION);
}

static const char *const before_text[] = {"void f(void)", "a = malloc(1);", "b = malloc(2);",
                                          "c = realloc(c, 9);", "free(z);"};
static const char *const after_text[] = {"void f(void)",     "log(begin);", "b = malloc(2);",
                                         "a = malloc(1);",   "log(end);",   "c = realloc(c, 11);",
                                         "d = strdup(name);"};

static void the_text_of_a_line_tells_it(void **state)
{
    struct fixture f = {.texts = {before_text, after_text}, .text_count = {5, 7}};

    (void)state;
    run(&f, LINES(2, 3), LINES(3, 4), true);
    assert_pair(&f, 0, 1, MATCH_BY_TEXT);
    assert_pair(&f, 1, 0, MATCH_BY_TEXT);
}

static void a_changed_line_is_paired_if_it_is_alike(void **state)
{
    struct fixture f = {.texts = {before_text, after_text}, .text_count = {5, 7}};

    (void)state;
    run(&f, LINES(4), LINES(6), true); /* realloc(c, 9) and realloc(c, 11) */
    assert_pair(&f, 0, 0, MATCH_BY_FUNCTION);
    run(&f, LINES(5), LINES(7), true); /* free(z) and d = strdup(name) */
    assert_alone(&f, 0);
}

static void of_equal_texts_the_one_that_moved_like_the_rest_is_taken(void **state)
{
    static const char *const old_text[] = {"x = malloc(n);", "-", "x = malloc(n);", "-", "-", "-"};
    static const char *const new_text[] = {"-", "-", "x = malloc(n);", "-", "x = malloc(n);", "-"};
    struct fixture f = {.texts = {old_text, new_text}, .text_count = {6, 6}};

    (void)state;
    run(&f, LINES(1, 3), LINES(3, 5), true);
    assert_pair(&f, 0, 0, MATCH_BY_TEXT);
    assert_pair(&f, 1, 1, MATCH_BY_TEXT);
}

/* The line is still in the new source: it was only not used there, and is no other one. */
static void a_line_that_is_still_there_is_not_another_one(void **state)
{
    static const char *const text[] = {"x = malloc(n);", "-", "y = malloc(n);", "z = malloc(n);"};
    struct fixture f = {.texts = {text, text}, .text_count = {4, 4}};

    (void)state;
    run(&f, LINES(1, 4), LINES(3, 4), true);
    assert_pair(&f, 1, 1, MATCH_BY_LINE);
    assert_alone(&f, 0);
}

static void without_lines_offsets_are_compared(void **state)
{
    struct fixture f = {0};

    (void)state;
    fill(f.items[0], LINES(0x10, 0x50));
    fill(f.items[1], LINES(0x50, 0x90));
    f.align = (struct align){.olds = f.items[0],
                             .news = f.items[1],
                             .old_count = 2,
                             .new_count = 2,
                             .text = text_of,
                             .context = &f};
    for (int side = 0; side < 2; side++)
        for (int i = 0; i < 2; i++)
            f.items[side][i].line = 0;
    assert_int_equal(align_run(&f.align), 0);
    assert_pair(&f, 1, 0, MATCH_BY_LINE);
    assert_pair(&f, 0, 1, MATCH_BY_FUNCTION);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equal_lines_are_the_same),
        cmocka_unit_test(lines_that_meet_by_accident_are_not_the_same),
        cmocka_unit_test(in_another_file_equal_numbers_mean_nothing),
        cmocka_unit_test(of_more_lines_those_that_moved_alike_are_paired),
        cmocka_unit_test(the_text_of_a_line_tells_it),
        cmocka_unit_test(a_changed_line_is_paired_if_it_is_alike),
        cmocka_unit_test(of_equal_texts_the_one_that_moved_like_the_rest_is_taken),
        cmocka_unit_test(a_line_that_is_still_there_is_not_another_one),
        cmocka_unit_test(without_lines_offsets_are_compared),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
