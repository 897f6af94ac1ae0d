// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/compressor.h"

#include <pthread.h>
#include <stdbool.h>
#include <zstd.h>
#include <zstd_errors.h>

#define KEPT 2u                          /* more compress at a time only by chance */
#define KEPT_BYTES_MAX ((size_t)4 << 20) /* what has grown larger is not kept */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static ZSTD_CCtx *kept[KEPT];
static unsigned kept_count;

static ZSTD_CCtx *take(void)
{
    ZSTD_CCtx *context = NULL;

    pthread_mutex_lock(&lock);
    if (kept_count)
        context = kept[--kept_count];
    pthread_mutex_unlock(&lock);
    return context ? context : ZSTD_createCCtx();
}

static void put_back(ZSTD_CCtx *context)
{
    bool keep = ZSTD_sizeof_CCtx(context) <= KEPT_BYTES_MAX;

    pthread_mutex_lock(&lock);
    keep &= kept_count < KEPT;
    if (keep)
        kept[kept_count++] = context;
    pthread_mutex_unlock(&lock);
    if (!keep)
        ZSTD_freeCCtx(context);
}

size_t compressor_compress(void *to, size_t room, const void *from, size_t bytes, int level)
{
    ZSTD_CCtx *context = take();
    size_t result;

    if (!context)
        return (size_t)-ZSTD_error_memory_allocation;
    result = ZSTD_compressCCtx(context, to, room, from, bytes, level);
    put_back(context);
    return result;
}
