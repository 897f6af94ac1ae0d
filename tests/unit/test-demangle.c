// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/demangle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void every_language_is_read(void **state)
{
    static const struct {
        const char *linked, *written;
    } names[] = {
        {"_ZN3app4workEi", "app::work(int)"},
        {"_ZNSt6vectorIiSaIiEE9push_backEOi",
         "std::vector<int, std::allocator<int> >::push_back(int&&)"},
        {"_ZZ4mainENKUlvE_clEv", "main::{lambda()#1}::operator()() const"},
        {"_Znwm", "operator new(unsigned long)"},
        /* a template's return type does not come first */
        {"_Z3maxIiET_S0_S0_", "max<int>(int, int)"},
        /* Rust, older form (the hash goes) and v0 */
        {"_ZN4core3fmt9Formatter3pad17h1234567890abcdefE", "core::fmt::Formatter::pad"},
        {"_RNvC6_123foo3bar", "123foo::bar"},
        /* D */
        {"_D3std5stdio7writelnFZv", "std.stdio.writeln()"},
        {"malloc", "malloc"},
        {"malloc@@GLIBC_2.2.5", "malloc"},
        {"_ZN3app4workEi@APP_1", "app::work(int)"},
        {"_Zzzz", "_Zzzz"},
        {"", ""},
        {"@", "@"},
    };
    struct demangler *d = demangler_new(false);

    (void)state;
    assert_non_null(d);
    for (int again = 0; again < 2; again++)
        for (size_t i = 0; i < sizeof names / sizeof *names; i++)
            assert_string_equal(demangler_name(d, names[i].linked), names[i].written);
    demangler_free(d);
}

static void mangled_names_are_kept_on_request(void **state)
{
    struct demangler *d = demangler_new(true);

    (void)state;
    assert_non_null(d);
    assert_string_equal(demangler_name(d, "_ZN3app4workEi"), "_ZN3app4workEi");
    assert_string_equal(demangler_name(d, "_ZN3app4workEi@@V"), "_ZN3app4workEi");
    demangler_free(d);
}

/* The text of a name stays where it is while thousands of others are added. */
static void results_stay_valid(void **state)
{
    struct demangler *d = demangler_new(false);
    const char *first = demangler_name(d, "_ZN3app4workEi");

    (void)state;
    for (int i = 0; i < 5000; i++) {
        char linked[64], written[64];

        snprintf(linked, sizeof linked, "_Z5f%04dv", i);
        snprintf(written, sizeof written, "f%04d()", i);
        assert_string_equal(demangler_name(d, linked), written);
    }
    assert_string_equal(first, "app::work(int)");
    assert_ptr_equal(demangler_name(d, "_ZN3app4workEi"), first);
    demangler_free(d);
}

/* Names from damaged files: anything may come back, but something must, and soon. */
static void nonsense_comes_back(void **state)
{
    struct demangler *d = demangler_new(false);
    char *name = malloc(100001);

    (void)state;
    assert_non_null(name);
    memset(name, 'P', 100000);
    memcpy(name, "_Z1f", 4);
    name[100000] = '\0';
    assert_string_equal(demangler_name(d, name), name);
    srand(2);
    for (int i = 0; i < 20000; i++) {
        static const char alphabet[] = "ZRDNSTIEKPvilmbcXJL0123456789_fooU$.";
        size_t length = 2 + (size_t)rand() % 40;

        name[0] = '_';
        name[1] = "ZRD"[rand() % 3];
        for (size_t k = 2; k < length; k++)
            name[k] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
        name[length] = '\0';
        assert_non_null(demangler_name(d, name));
    }
    free(name);
    demangler_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_language_is_read),
        cmocka_unit_test(mangled_names_are_kept_on_request),
        cmocka_unit_test(results_stay_valid),
        cmocka_unit_test(nonsense_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
