/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/text/quote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void assert_quoted(const char *arguments, size_t size, const char *expected)
{
    struct strbuf out;

    strbuf_init(&out);
    quote_arguments(&out, arguments, size);
    assert_string_equal(strbuf_text(&out), expected);
    strbuf_release(&out);
}

static void test_quoting(void **unused)
{
    static const char plain[] = "ls\0-l\0/usr/lib";
    static const char odd[] = "sh\0-c\0echo 'a' $b\0\0~";

    (void)unused;
    assert_quoted(plain, sizeof(plain), "ls -l /usr/lib");
    assert_quoted(odd, sizeof(odd), "sh -c 'echo '\\''a'\\'' $b' '' '~'");
    assert_quoted("cut sho", 5, "'cut s'");
    assert_quoted("", 0, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quoting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
