/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The build ID of an ELF file: the NT_GNU_BUILD_ID note that a linker puts
 * into what is mapped, unique to one build.
 */
#ifndef MEMPROF_HOST_BUILDID_H
#define MEMPROF_HOST_BUILDID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUILDID_MAX 32u /* longer ones are cut, as in module_record */

struct buildid {
    uint32_t size; /* bytes; 0: none */
    uint8_t bytes[BUILDID_MAX];
};

void buildid_set(struct buildid *id, const void *bytes, size_t size);
bool buildid_equal(const struct buildid *a, const struct buildid *b);

/*
 * Read the ID of an open file through its program headers with a few preads.
 * 0, with size 0 if the file has none; -1: not an ELF file of this machine's
 * word size and byte order.
 */
int buildid_read(struct buildid *id, int fd);

#endif
