/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32C (Castagnoli, reflected, as in RFC 3720 section 12.1): finds every
 * single error burst of up to 32 bits, whatever the length of the data.
 */
#ifndef MEMPROF_HOST_CHECKSUM_H
#define MEMPROF_HOST_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* The checksum of `size` bytes that follow data whose checksum is `before` (0: none precede). */
uint32_t checksum_crc32c(uint32_t before, const void *bytes, size_t size);

/* The same without the processor's instruction for it, as on processors that have none. */
uint32_t checksum_crc32c_portable(uint32_t before, const void *bytes, size_t size);

#endif
