/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A block of three pages of which the middle one may not be read when the program ends, and
 * alone refers to another block; a block with such a page that was never written to, as a
 * stack's guard page; and a root region of three pages, likewise.  It says how many bytes of
 * written memory cannot be read.
 */
#include "memprof.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define PAGE 4096u
#define UNTOUCHED (1u << 20)

static char *block, *stack;

static char *pages(size_t size)
{
    void *memory;

    if (posix_memalign(&memory, PAGE, size) != 0)
        abort();
    return memory;
}

static void close_page(char *page)
{
    if (mprotect(page, PAGE, PROT_NONE) != 0)
        abort();
}

int main(void)
{
    char *region = mmap(NULL, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    block = pages(3 * PAGE);
    stack = pages(UNTOUCHED);
    if (region == MAP_FAILED)
        return 1;
    memset(block, 0, 3 * PAGE);
    memset(region, 1, 3 * PAGE);
    *(void **)(void *)(block + PAGE) = malloc(48);
    close_page(block + PAGE);
    stack[0] = 1;
    close_page(stack + UNTOUCHED / 2);
    close_page(region + PAGE);
    memprof_root_region(region, 3 * PAGE);
    printf("closed=%u\n", 2 * PAGE);
    fflush(stdout);
    return 0;
}
