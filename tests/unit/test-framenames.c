// SPDX-License-Identifier: Apache-2.0
/* Frames get their lines: by a perf map, and as an address where nothing is known. */
#include "src/host/symbols/framenames.h"

#include "src/shared/record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char perf_map[] = "/tmp/memprof-test-XXXXXX";

static void test_names(void **unused)
{
    static const uint64_t values[] = {0x1008, 0x2004, 0x9000};
    struct symbolizer_options options = {.perf_map = perf_map};
    struct modmap map = {.symbolizer = symbolizer_new(&options, NULL)};
    struct profile p;

    (void)unused;
    assert_non_null(map.symbolizer);
    profile_init(&p);
    p.unnamed = true;
    p.frames = calloc(3, sizeof(*p.frames));
    assert_non_null(p.frames);
    for (p.frame_count = 0; p.frame_count < 3; p.frame_count++)
        p.frames[p.frame_count] =
            (struct profile_frame){.value = values[p.frame_count], .module = NO_MODULE};
    for (int again = 0; again < 2; again++) { /* naming anew replaces, it does not add */
        assert_int_equal(frame_names(&p, &map, NULL), 0);
        assert_false(p.unnamed);
        assert_int_equal(p.line_count, 3);
        for (uint32_t i = 0; i < 3; i++) {
            assert_int_equal(p.frames[i].first_line, i);
            assert_int_equal(p.frames[i].line_count, 1);
        }
        assert_string_equal(profile_text(&p, p.lines[0].function), "first");
        assert_string_equal(profile_text(&p, p.lines[1].function), "second");
        assert_string_equal(profile_text(&p, p.lines[2].function), "");
    }
    profile_release(&p);
    symbolizer_free(map.symbolizer);
}

static int make_map(void **state)
{
    int fd = mkstemp(perf_map);
    FILE *file = fd >= 0 ? fdopen(fd, "w") : NULL;

    (void)state;
    if (!file)
        return -1;
    fputs("1000 100 first\n2000 100 second\n", file);
    return fclose(file);
}

static int remove_map(void **state)
{
    (void)state;
    return unlink(perf_map);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, make_map, remove_map);
}
