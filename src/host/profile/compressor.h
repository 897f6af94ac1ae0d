/* SPDX-License-Identifier: Apache-2.0 */
/*
 * zstd's contexts, kept for the next who compresses: a new one for each section costs more
 * memory traffic than most sections.
 *
 * Any thread.
 */
#ifndef MEMPROF_HOST_COMPRESSOR_H
#define MEMPROF_HOST_COMPRESSOR_H

#include <stddef.h>

/* As ZSTD_compress; its error code when there is no memory for a context. */
size_t compressor_compress(void *to, size_t room, const void *from, size_t bytes, int level);

#endif
