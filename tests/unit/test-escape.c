// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/escape.h"
#include "src/host/text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void assert_escaped(const char *text, const char *expected, size_t columns)
{
    struct strbuf out;

    strbuf_init(&out);
    escape_text(&out, text);
    assert_string_equal(strbuf_text(&out), expected);
    assert_int_equal(escape_columns(text), columns);
    strbuf_release(&out);
}

static void plain_text_passes(void **state)
{
    (void)state;
    assert_escaped("", "", 0);
    assert_escaped("std::vector<int>::at(unsigned long)", "std::vector<int>::at(unsigned long)",
                   35);
    assert_escaped("na\xc3\xafve \xe2\x82\xac", "na\xc3\xafve \xe2\x82\xac", 7);
    assert_escaped("\xe5\xad\x97", "\xe5\xad\x97", 2); /* a wide character */
    assert_escaped("e\xcc\x81", "e\xcc\x81", 1);       /* a combining one */
}

static void what_moves_a_cursor_is_shown(void **state)
{
    (void)state;
    assert_escaped("\033[2J", "\\x1b[2J", 7);
    assert_escaped("a\nb\tc\rd", "a\\nb\\tc\\rd", 10);
    assert_escaped("\x7f", "\\x7f", 4);
    assert_escaped("\xc2\x9b"
                   "31m",
                   "\\u009b31m", 9); /* CSI as one character */
    assert_escaped("\xe2\x80\xae"
                   "gpj",
                   "\\u202egpj", 9); /* right-to-left override */
    assert_escaped("a\xe2\x80\x8b"
                   "b",
                   "a\\u200bb", 8); /* zero-width space */
}

static void bytes_that_are_no_text_are_shown(void **state)
{
    (void)state;
    assert_escaped("\xff\xfe", "\\xff\\xfe", 8);
    assert_escaped("\xe2\x82", "\\xe2\\x82", 8);           /* cut short */
    assert_escaped("\xc0\xaf", "\\xc0\\xaf", 8);           /* overlong */
    assert_escaped("\xed\xa0\x80", "\\xed\\xa0\\x80", 12); /* a surrogate */
    assert_escaped("\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 16);
}

static void decoding_tells_length_and_code(void **state)
{
    uint32_t code = 0;

    (void)state;
    assert_int_equal(utf8_decode("\xf0\x9f\x98\x80", &code), 4);
    assert_int_equal(code, 0x1f600);
    assert_int_equal(utf8_columns(code), 2);
    assert_int_equal(utf8_decode("", &code), 0);
    assert_int_equal(utf8_decode("\x80", &code), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plain_text_passes),
        cmocka_unit_test(what_moves_a_cursor_is_shown),
        cmocka_unit_test(bytes_that_are_no_text_are_shown),
        cmocka_unit_test(decoding_tells_length_and_code),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
