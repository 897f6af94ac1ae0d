/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared library, linked or loaded later, that talks to memprof on its own
 * behalf: it has its own copy of what the header keeps.
 */
#include "memprof.h"

int module_domain(void);
int module_pool(const void *ptr, size_t size);
int module_tracing(void);
int module_early(void);

static int early; /* what was as expected in the constructor, a bit each */

/* The first that the process does at all with memprof. */
__attribute__((constructor)) static void begin(void)
{
    early = (memprof_stop() == 0) | (memprof_is_tracing() == 0) << 1 | (memprof_start() == 0) << 2 |
            (memprof_is_tracing() == 1) << 3;
}

int module_domain(void)
{
    return memprof_domain("module");
}

int module_pool(const void *ptr, size_t size)
{
    return memprof_alloc(module_domain(), ptr, size);
}

int module_tracing(void)
{
    return memprof_is_tracing();
}

int module_early(void)
{
    return early;
}
