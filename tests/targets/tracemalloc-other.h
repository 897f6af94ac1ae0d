// SPDX-License-Identifier: Apache-2.0
/* A second source file for tracemalloc.c, so that files can be told apart. */
static void *other_file(size_t size)
{
    return malloc(size); /* line 5 */
}
