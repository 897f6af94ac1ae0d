// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/skiplist.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void allocators_are_skipped(void **state)
{
    static const char *const names[] = {"malloc",
                                        "operator new(unsigned long)",
                                        "operator new[](unsigned long, std::align_val_t)",
                                        "void std::vector<int>::_M_realloc_insert<int>(int&&)",
                                        "__gnu_cxx::new_allocator<char>::allocate(unsigned long)",
                                        "xmalloc",
                                        "xmalloc.constprop.0",
                                        "g_malloc0",
                                        "PyObject_Malloc",
                                        "_PyObject_GC_NewVar",
                                        "sqlite3Malloc",
                                        "sqlite3DbMallocRawNN",
                                        "getdelim",
                                        "alloc::raw_vec::finish_grow"};
    struct skiplist s;

    (void)state;
    skiplist_init(&s, true);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_true(skiplist_has_function(&s, names[i]));
    skiplist_release(&s);
}

static void what_resembles_one_is_not(void **state)
{
    static const char *const names[] = {"",
                                        "main",
                                        "malloc_my_way",
                                        "my_xmalloc",
                                        "pcache1Alloc",
                                        "standard::make()",
                                        "std::string* app::make(int)",
                                        "app::use(std::vector<int> const&)",
                                        "newline"};
    struct skiplist s;

    (void)state;
    skiplist_init(&s, true);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (skiplist_has_function(&s, names[i]))
            fail_msg("'%s' is skipped", names[i]);
    skiplist_release(&s);
}

static void headers_and_libraries_of_the_system_are_skipped(void **state)
{
    struct skiplist s;

    (void)state;
    skiplist_init(&s, true);
    assert_true(skiplist_has_file(&s, "/usr/include/c++/12/bits/new_allocator.h"));
    assert_true(skiplist_has_file(&s, "/opt/gcc/include/c++/13/vector"));
    assert_false(skiplist_has_file(&s, "/home/u/project/include/pool.h"));
    assert_false(skiplist_has_file(&s, ""));
    assert_true(skiplist_has_module(&s, "/lib/x86_64-linux-gnu/libc.so.6"));
    assert_true(skiplist_has_module(&s, "/lib/x86_64-linux-gnu/libc-2.31.so"));
    assert_false(skiplist_has_module(&s, "/usr/lib/libcurl.so.4"));
    assert_false(skiplist_has_module(&s, ""));
    skiplist_release(&s);
}

static void added_patterns_match_by_kind(void **state)
{
    struct skiplist s;
    struct error e;

    (void)state;
    skiplist_init(&s, false);
    assert_false(skiplist_has_function(&s, "malloc"));
    assert_int_equal(skiplist_add(&s, "app_alloc*", &e), 0);
    assert_int_equal(skiplist_add(&s, "function:Pool<*>::take", &e), 0);
    assert_int_equal(skiplist_add(&s, "file:pool.[ch]", &e), 0);
    assert_int_equal(skiplist_add(&s, "module:/opt/*/libpool.so", &e), 0);
    assert_true(skiplist_has_function(&s, "app_alloc_zeroed"));
    assert_true(skiplist_has_function(&s, "char* Pool<char>::take(int)"));
    assert_false(skiplist_has_function(&s, "Pool<char>::give"));
    assert_true(skiplist_has_file(&s, "/src/pool.c"));
    assert_false(skiplist_has_file(&s, "/src/spool.c"));
    assert_true(skiplist_has_module(&s, "/opt/x/libpool.so"));
    assert_false(skiplist_has_module(&s, "/usr/lib/libpool.so"));
    skiplist_release(&s);
}

static void empty_patterns_are_refused(void **state)
{
    static const char *const patterns[] = {"", "file:", "module:", "function:"};
    struct skiplist s;
    struct error e;

    (void)state;
    skiplist_init(&s, false);
    for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++) {
        assert_int_equal(skiplist_add(&s, patterns[i], &e), -1);
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    skiplist_release(&s);
}

struct listing {
    size_t count;
    bool malloc_seen, added_seen, odd_glob_seen;
};

static void note_pattern(void *context, const char *pattern)
{
    struct listing *l = context;
    const char *star = strchr(pattern, '*');

    l->count++;
    l->malloc_seen |= strcmp(pattern, "malloc") == 0;
    l->added_seen |= strcmp(pattern, "module:libpool.so") == 0;
    /* built-in names are matched by their beginning only: a star elsewhere would never match */
    l->odd_glob_seen |= strncmp(pattern, "file:", 5) && star && star[1];
}

static void the_list_tells_all_patterns(void **state)
{
    struct listing l = {0};
    struct skiplist s;

    (void)state;
    skiplist_init(&s, true);
    assert_int_equal(skiplist_add(&s, "module:libpool.so", NULL), 0);
    skiplist_each(&s, note_pattern, &l);
    assert_true(l.count > 100 && l.malloc_seen && l.added_seen);
    assert_false(l.odd_glob_seen);
    skiplist_release(&s);
    skiplist_init(&s, false);
    l.count = 0;
    skiplist_each(&s, note_pattern, &l);
    assert_int_equal(l.count, 0);
    skiplist_release(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocators_are_skipped),
        cmocka_unit_test(what_resembles_one_is_not),
        cmocka_unit_test(headers_and_libraries_of_the_system_are_skipped),
        cmocka_unit_test(added_patterns_match_by_kind),
        cmocka_unit_test(empty_patterns_are_refused),
        cmocka_unit_test(the_list_tells_all_patterns),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
