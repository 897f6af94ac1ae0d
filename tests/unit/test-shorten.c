// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/cxxname.h"
#include "src/host/text/escape.h"
#include "src/host/text/shorten.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_core(const char *name, const char *core)
{
    struct cxxname parts = cxxname_parse(name);

    assert_int_equal(parts.end - parts.start, strlen(core));
    assert_memory_equal(name + parts.start, core, strlen(core));
}

static void the_core_of_a_name_is_found(void **state)
{
    (void)state;
    assert_core("", "");
    assert_core("xmalloc", "xmalloc");
    assert_core("xmalloc.constprop.0", "xmalloc");
    assert_core("void app::Pool<int>::grow<long>(unsigned long) const [clone .cold]",
                "app::Pool<int>::grow<long>");
    assert_core("std::map<int, std::string>* make(int, char const*)", "make");
    assert_core("operator new(unsigned long)", "operator new");
    assert_core("operator new[](unsigned long)", "operator new[]");
    assert_core("A::operator()(int) const", "A::operator()");
    assert_core("bool operator< <int>(A<int> const&, A<int> const&)", "operator< <int>");
    assert_core("A::operator std::string() const", "A::operator std::string");
    assert_core("(anonymous namespace)::Reader::read(int)", "(anonymous namespace)::Reader::read");
    assert_core("main::{lambda(int)#1}::operator()(int) const",
                "main::{lambda(int)#1}::operator()");
    assert_core("decltype (f(x)) g<int>(int)", "g<int>");
    assert_core("std::to_string[abi:cxx11](int)", "std::to_string[abi:cxx11]");
    assert_core("<alloc::vec::Vec<T> as core::clone::Clone>::clone",
                "<alloc::vec::Vec<T> as core::clone::Clone>::clone");
    assert_core("operatorish(int)", "operatorish");
}

/* Names that are not well formed must not lead outside of them. */
static void any_text_is_survived(void **state)
{
    static const char *const texts[] = {"(",  ")",         "<<<",      ">>>",        "operator",
                                        " ",  "operator ", "a (",      "decltype",   "decltype (",
                                        "()", "->",        " [clone ", "(anonymous", "operator<"};

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct cxxname parts = cxxname_parse(texts[i]);

        assert_true(parts.start <= parts.end && parts.end <= strlen(texts[i]));
    }
}

static void assert_function(const char *name, size_t columns, const char *expected)
{
    struct strbuf out;

    strbuf_init(&out);
    shorten_function(&out, name, columns);
    assert_string_equal(strbuf_text(&out), expected);
    assert_true(columns == 0 || escape_columns(expected) <= columns);
    strbuf_release(&out);
}

static void functions_lose_the_least_telling_part_first(void **state)
{
    const char *name = "void app::Map<int, app::Pair<a, b> >::insert<long>(app::Key const&, int)";

    (void)state;
    assert_function(name, 0, name);
    assert_function(name, 200, name);
    assert_function(name, 60, "app::Map<int, app::Pair<a, b> >::insert<long>");
    assert_function(name, 40, "app::Map<...>::insert<...>");
    assert_function(name, 20, "...::insert<...>");
    assert_function("clang::CXXRecordDeclaration::Create", 24, "...rdDeclaration::Create");
}

static void operators_are_not_templates(void **state)
{
    (void)state;
    assert_function("std::ostream& ns::Long<int, int>::operator<< <char>(std::ostream&)", 33,
                    "ns::Long<...>::operator<< <char>");
}

static void a_cut_never_splits_an_escape(void **state)
{
    (void)state;
    for (size_t columns = 1; columns < 30; columns++) {
        const char *name = "aaaa\033bbbb\xe2\x82\xac"
                           "cccc\xff"
                           "dddd";
        struct strbuf out;

        strbuf_init(&out);
        shorten_function(&out, name, columns);
        assert_true(escape_columns(strbuf_text(&out)) <= columns);
        /* an escape's tail without its backslash would show as these */
        assert_null(strstr(strbuf_text(&out), "...x1b"));
        assert_null(strstr(strbuf_text(&out), "...1b"));
        assert_null(strstr(strbuf_text(&out), "...xff"));
        assert_null(strstr(strbuf_text(&out), "...ff"));
        assert_null(strchr(strbuf_text(&out), '\033'));
        strbuf_release(&out);
    }
}

static void paths_keep_their_end(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out);
    shorten_path(&out, "/usr/src/project/deep/file.c", 20);
    assert_string_equal(strbuf_text(&out), ".../deep/file.c");
    strbuf_clear(&out);
    shorten_path(&out, "/short.c", 20);
    assert_string_equal(strbuf_text(&out), "/short.c");
    strbuf_clear(&out);
    shorten_path(&out, "/a-very-long-name-without-folders.c", 12);
    assert_string_equal(strbuf_text(&out), "...folders.c");
    strbuf_release(&out);
}

static void text_keeps_its_beginning(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out);
    shorten_text(&out, "p = sqlite3Malloc(nByte);", 12);
    assert_string_equal(strbuf_text(&out), "p = sqlit...");
    strbuf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_core_of_a_name_is_found),
        cmocka_unit_test(any_text_is_survived),
        cmocka_unit_test(functions_lose_the_least_telling_part_first),
        cmocka_unit_test(operators_are_not_templates),
        cmocka_unit_test(a_cut_never_splits_an_escape),
        cmocka_unit_test(paths_keep_their_end),
        cmocka_unit_test(text_keeps_its_beginning),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
