// SPDX-License-Identifier: Apache-2.0
/* Memory taken past the allocator: mmap, mremap, munmap, sbrk. */
#define _GNU_SOURCE
#include "tally.h"

#include <sys/mman.h>

#define MIB ((size_t)1 << 20)

static void *anonymous(size_t size)
{
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

int main(void)
{
    char *a = anonymous(8 * MIB), *b = anonymous(4 * MIB), *c;

    if (a == MAP_FAILED || b == MAP_FAILED)
        return 1;
    munmap(a + 2 * MIB, 3 * MIB); /* a hole in the middle: 2 and 3 remain */
    c = mremap(b, 4 * MIB, 6 * MIB, MREMAP_MAYMOVE);
    if (c == MAP_FAILED)
        return 1;
    munmap(c, MIB); /* 5 remain */
    if (sbrk((intptr_t)MIB) == (void *)-1)
        return 1;
    KEEP(malloc(100));
    say("total_blocks", 1);
    say("total_bytes", 100);
    say("mmap_live_bytes", (long long)((2 + 3 + 5 + 1) * MIB));
    return 0;
}
