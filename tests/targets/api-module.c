/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shared library, linked or loaded later, that talks to memprof on its own
 * behalf: it has its own copy of what the header keeps.
 */
#include "memprof.h"

int module_domain(void);
int module_pool(const void *ptr, size_t size);
int module_tracing(void);

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
