// SPDX-License-Identifier: Apache-2.0
/*
 * What a program may do with small blocks: all sizes, realloc from each to each, aligned
 * ones, whole usable sizes, zeroed ones after dirty ones.  The argument is the step in which
 * usable sizes must grow (16: the pools; 8: glibc's 24, 40, …).
 */
#define _GNU_SOURCE
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;

static void check(int truth, const char *what, size_t size)
{
    if (!truth && failures++ < 10)
        printf("wrong: %s, size %zu\n", what, size);
}

static int all_are(const unsigned char *p, int value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if (p[i] != (unsigned char)value)
            return 0;
    return 1;
}

static void use_sizes(size_t step)
{
    for (size_t size = 0; size <= 1100; size++) {
        unsigned char *p = malloc(size), *zeroed;
        size_t usable = malloc_usable_size(p);

        check(p && (uintptr_t)p % 16 == 0, "alignment", size);
        check(usable >= size, "usable size", size);
        if (size > 0 && size <= 512)
            check(step == 16 ? usable == (size + 15) / 16 * 16 : usable % 16 == 8, "class", size);
        memset(p, 0xee, usable);
        free(p);
        zeroed = calloc(1, size);
        check(all_are(zeroed, 0, size), "calloc", size);
        free(zeroed);
    }
}

static void use_realloc(void)
{
    static const size_t sizes[] = {1,   8,   16,  17,  31,  32,  33,   100,
                                   255, 256, 511, 512, 513, 600, 5000, 200000};
    const size_t count = sizeof(sizes) / sizeof(sizes[0]);

    for (size_t i = 0; i < count; i++)
        for (size_t k = 0; k < count; k++) {
            size_t kept = sizes[i] < sizes[k] ? sizes[i] : sizes[k];
            unsigned char *p = malloc(sizes[i]);

            memset(p, (int)(i + k), sizes[i]);
            p = realloc(p, sizes[k]);
            check(all_are(p, (int)(i + k), kept), "realloc", sizes[k]);
            check(malloc_usable_size(p) >= sizes[k], "usable size after realloc", sizes[k]);
            memset(p, 1, sizes[k]);
            free(p);
        }
    check(realloc(malloc(40), 0) == NULL, "realloc to nothing", 0);
}

static void use_aligned(void)
{
    void *p = NULL;

    for (size_t alignment = 1; alignment <= 4096; alignment *= 2)
        for (size_t size = 1; size < 600; size += 7) {
            p = memalign(alignment, size);
            check(p && (uintptr_t)p % alignment == 0, "memalign", size);
            free(p);
            p = aligned_alloc(alignment, size);
            check(p && (uintptr_t)p % alignment == 0, "aligned_alloc", size);
            p = realloc(p, size + 1);
            free(p);
        }
    check(posix_memalign(&p, 3, 10) == EINVAL, "posix_memalign by 3", 10);
    check(posix_memalign(&p, 4, 10) == EINVAL, "posix_memalign by 4", 10);
    check(posix_memalign(&p, 8, 10) == 0 && p, "posix_memalign by 8", 10);
    free(p);
}

static void use_errors(void)
{
    volatile size_t huge = SIZE_MAX - 10;

    errno = 0;
    check(malloc(huge) == NULL && errno == ENOMEM, "malloc of too much", huge);
    errno = 0;
    check(calloc(huge / 4, 8) == NULL && errno == ENOMEM, "calloc of too much", huge);
    errno = 7;
    free(malloc(30));
    check(errno == 7, "errno after malloc and free", 30);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    use_sizes((size_t)atoi(argv[1]));
    use_realloc();
    use_aligned();
    use_errors();
    return failures != 0;
}
