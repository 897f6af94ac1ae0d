/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/text/texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const int one, two;
static char text[TEXT_BYTES_MAX + 1];

static bool piece(struct texts *t, const void *thread, uint64_t start, const char *bytes)
{
    uint64_t words[TEXT_PIECE_BYTES / 8] = {0};

    memcpy(words, bytes, strnlen(bytes, sizeof(words)));
    return texts_piece(t, thread, start, words);
}

static void test_whole(void **unused)
{
    struct texts t;

    (void)unused;
    texts_init(&t);
    assert_true(piece(&t, &one, 0, "0123456789abcdef0123456789ABCDEF"));
    assert_true(piece(&t, &two, 0, "other"));
    assert_true(piece(&t, &one, 32, "!"));
    assert_true(texts_take(&t, &one, 33, text));
    assert_string_equal(text, "0123456789abcdef0123456789ABCDEF!");
    assert_true(texts_take(&t, &two, 5, text));
    assert_string_equal(text, "other");
    assert_false(texts_take(&t, &two, 5, text)); /* taken */
    assert_string_equal(text, "");
    assert_true(texts_take(&t, &two, 0, text)); /* an empty one needs no pieces */
    assert_int_equal(t.count, 2);
    assert_true(piece(&t, &one, 0, "again"));
    assert_int_equal(t.count, 2);
    texts_release(&t);
}

/* As long as can be, and no longer. */
static void test_longest(void **unused)
{
    struct texts t;

    (void)unused;
    texts_init(&t);
    for (uint64_t at = 0; at < TEXT_BYTES_MAX; at += TEXT_PIECE_BYTES)
        assert_true(piece(&t, &one, at, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    assert_false(texts_take(&t, &one, TEXT_BYTES_MAX + 1, text));
    for (uint64_t at = 0; at < TEXT_BYTES_MAX; at += TEXT_PIECE_BYTES)
        assert_true(piece(&t, &one, at, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"));
    assert_true(texts_take(&t, &one, TEXT_BYTES_MAX, text));
    assert_int_equal(strlen(text), TEXT_BYTES_MAX);
    for (uint64_t at = 0; at < 256; at += TEXT_PIECE_BYTES)
        assert_true(piece(&t, &one, at, "x"));
    assert_false(piece(&t, &one, 256, "x"));
    assert_false(texts_take(&t, &one, 1, text));
    texts_release(&t);
}

static void test_broken(void **unused)
{
    struct texts t;

    (void)unused;
    texts_init(&t);
    assert_false(piece(&t, &one, 32, "no beginning"));
    assert_true(piece(&t, &one, 0, "a piece is missing"));
    assert_false(piece(&t, &one, 64, "here"));
    assert_false(texts_take(&t, &one, 18, text));
    assert_true(piece(&t, &one, 0, "given up"));
    assert_true(piece(&t, &one, 0, "begun anew"));
    assert_true(texts_take(&t, &one, 10, text));
    assert_string_equal(text, "begun anew");
    assert_true(piece(&t, &one, 0, "too short"));
    assert_false(texts_take(&t, &one, 40, text));
    assert_true(piece(&t, &one, 0, "0123456789abcdef0123456789ABCDEF"));
    assert_true(piece(&t, &one, 32, "too long"));
    assert_false(texts_take(&t, &one, 20, text));
    assert_false(piece(&t, &one, UINT64_MAX, "far"));
    texts_release(&t);
}

static void test_bytes(void **unused)
{
    struct texts t;

    (void)unused;
    texts_init(&t);
    assert_true(piece(&t, &one, 0, "gr\xc3\xbc\xc3\x9f \xff\xc3"));
    assert_true(texts_take(&t, &one, 9, text));
    assert_string_equal(text, "gr\xc3\xbc\xc3\x9f ??");
    texts_release(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_longest),
        cmocka_unit_test(test_broken),
        cmocka_unit_test(test_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
