/* SPDX-License-Identifier: Apache-2.0 */
/* Contexts that several threads hand on to each other compress as new ones do. */
#include "src/host/profile/compressor.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zstd.h>

#define ROUNDS 50u
#define BYTES_MAX 100000u

static void fill(uint8_t *bytes, size_t count, uint32_t seed)
{
    for (size_t i = 0; i < count; i++)
        bytes[i] = (uint8_t)(i * seed >> i % 13);
}

/* NULL, or what went wrong. */
static void *work(void *context)
{
    uint32_t seed = *(uint32_t *)context;
    size_t room = ZSTD_compressBound(BYTES_MAX), n;
    uint8_t *raw = malloc(BYTES_MAX), *packed = malloc(room), *again = malloc(BYTES_MAX);
    const char *wrong = NULL;

    for (uint32_t i = 1; i <= ROUNDS && !wrong; i++) {
        size_t bytes = (size_t)i * seed % BYTES_MAX;

        fill(raw, bytes, i + seed);
        n = compressor_compress(packed, room, raw, bytes, 3);
        if (ZSTD_isError(n))
            wrong = "cannot compress";
        else if (ZSTD_decompress(again, BYTES_MAX, packed, n) != bytes ||
                 memcmp(raw, again, bytes) != 0)
            wrong = "something else comes back";
    }
    free(raw);
    free(packed);
    free(again);
    return (void *)(uintptr_t)wrong;
}

static void test_threads(void **unused)
{
    uint32_t seeds[] = {1, 977, 30011, 65537};
    pthread_t threads[4];
    void *wrong;

    (void)unused;
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, &seeds[i]), 0);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(pthread_join(threads[i], &wrong), 0);
        assert_null(wrong);
    }
}

static void test_no_room(void **unused)
{
    uint8_t raw[100] = {1, 2, 3}, packed[4];

    (void)unused;
    assert_true(ZSTD_isError(compressor_compress(packed, sizeof(packed), raw, sizeof(raw), 3)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_no_room),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
