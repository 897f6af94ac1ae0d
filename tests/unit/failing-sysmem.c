/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/failing-sysmem.h"

#include "src/shared/sysmem.h"

long sysmem_calls, sysmem_fail_from, sysmem_fail_count;

/* The linker's --wrap sends calls to sysmem_map here. */
void *__real_sysmem_map(size_t bytes);
void *__wrap_sysmem_map(size_t bytes);
void *__real_sysmem_map_aligned(size_t bytes, size_t alignment);
void *__wrap_sysmem_map_aligned(size_t bytes, size_t alignment);
void *__real_sysmem_map_wiped_on_fork(void);
void *__wrap_sysmem_map_wiped_on_fork(void);

static int fails(void)
{
    long call = ++sysmem_calls;

    return sysmem_fail_from && call >= sysmem_fail_from &&
           call < sysmem_fail_from + sysmem_fail_count;
}

void *__wrap_sysmem_map(size_t bytes)
{
    return fails() ? NULL : __real_sysmem_map(bytes);
}

void *__wrap_sysmem_map_aligned(size_t bytes, size_t alignment)
{
    return fails() ? NULL : __real_sysmem_map_aligned(bytes, alignment);
}

void *__wrap_sysmem_map_wiped_on_fork(void)
{
    return fails() ? NULL : __real_sysmem_map_wiped_on_fork();
}
