// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/failing-memory.h"

/* The linker's --wrap names them so. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_reallocarray(void *old, size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_reallocarray(void *old, size_t count, size_t size);

static uint64_t left; /* allocations that succeed */
static bool armed;

void memory_fail_after(uint64_t count)
{
    left = count;
    armed = true;
}

void memory_suffices(void)
{
    armed = false;
}

void memory_resume(void)
{
    armed = true;
}

static bool fails(void)
{
    return armed && (left == 0 || left-- == 0);
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return fails() ? NULL : __real_realloc(old, size);
}

void *__wrap_reallocarray(void *old, size_t count, size_t size)
{
    return fails() ? NULL : __real_reallocarray(old, count, size);
}
