// SPDX-License-Identifier: Apache-2.0
/* What is written as text is, byte by byte, what jansson writes. */
#include "src/host/text/jsontext.h"
#include "src/host/text/jsonvalue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void same(struct strbuf *out, json_t *value)
{
    char *expected = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);

    assert_non_null(expected);
    assert_false(out->failed);
    assert_string_equal(strbuf_text(out), expected);
    free(expected);
    json_decref(value);
    strbuf_release(out);
}

static void string_is_the_same(const char *text)
{
    struct strbuf out;

    strbuf_init(&out);
    jsontext_string(&out, text);
    same(&out, jsonvalue_text(text));
}

static void every_byte(void **state)
{
    (void)state;
    string_is_the_same("");
    for (unsigned a = 1; a < 256; a++) {
        string_is_the_same((char[]){(char)a, '\0'});
        string_is_the_same((char[]){'x', (char)a, 'y', '\0'});
        for (unsigned b = 1; b < 256; b++)
            string_is_the_same((char[]){(char)a, (char)b, '\0'});
    }
}

/* Valid, overlong and cut sequences, surrogates, and all of these mixed. */
static void random_strings(void **state)
{
    static const char *const pieces[] = {"\"",
                                         "\\",
                                         "/",
                                         "\x7f",
                                         "\xc3\xa9",
                                         "\xc0\xaf",
                                         "\xe2\x82\xac",
                                         "\xe2\x82",
                                         "\xed\xa0\x80",
                                         "\xf0\x9f\x98\x80",
                                         "\xf4\x90\x80\x80",
                                         "\xff",
                                         "\n",
                                         "\x1f",
                                         "name"};
    uint64_t random = 1;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        char text[64] = "";

        for (unsigned k = 0; k < 8; k++) {
            random = random * 6364136223846793005u + 1442695040888963407u;
            strcat(text, pieces[(random >> 33) % (sizeof pieces / sizeof *pieces)]);
        }
        string_is_the_same(text);
    }
}

static void numbers(void **state)
{
    static const uint64_t values[] = {0, 1, 9, 10, 12345, UINT64_C(1) << 62};
    static const double reals[] = {0, 0.5, -1.25, 1e-9, 12.125, 1e21, 0.1, 123456789};
    struct strbuf out;

    (void)state;
    strbuf_init(&out);
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        jsontext_number(&out, values[i]);
        same(&out, jsonvalue_number(values[i]));
        jsontext_address(&out, values[i]);
        same(&out, jsonvalue_address(values[i]));
    }
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        jsontext_real(&out, reals[i]);
        same(&out, json_real(reals[i]));
    }
}

static void members(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out);
    strbuf_add(&out, "{");
    jsontext_set_string(&out, "name", "a\"b");
    jsontext_set_number(&out, "size", 7);
    jsontext_set_number_or_null(&out, "line", 0);
    jsontext_set_number_or_null(&out, "count", 3);
    jsontext_set(&out, "list", json_pack("[i{si}]", 1, "x", 2));
    jsontext_key(&out, "old");
    jsontext_bool(&out, true);
    strbuf_add(&out, "}");
    same(&out, json_pack("{ss si sn si s[i{si}] sb}", "name", "a\"b", "size", 7, "line", "count", 3,
                         "list", 1, "x", 2, "old", 1));
}

static void a_value_that_could_not_be_made_fails(void **state)
{
    struct strbuf out;

    (void)state;
    strbuf_init(&out);
    jsontext_set(&out, "x", NULL);
    assert_true(out.failed);
    strbuf_release(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte),
        cmocka_unit_test(random_strings),
        cmocka_unit_test(numbers),
        cmocka_unit_test(members),
        cmocka_unit_test(a_value_that_could_not_be_made_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
