/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sections of a .mprof file, whatever is in them: their headers, checksums
 * and compression (snapshot-format.h).
 */
#ifndef MEMPROF_HOST_SNAPSHOT_SECTION_H
#define MEMPROF_HOST_SNAPSHOT_SECTION_H

#include "src/host/error.h"
#include "src/host/memory/buffer.h"
#include "src/host/profile/snapshot-format.h"

struct snapshot_part {
    uint32_t type, version, encoding, checksum;
    uint64_t stored_bytes, raw_bytes;
    uint64_t offset;       /* of its header in the file */
    const uint8_t *header; /* SNAPSHOT_SECTION_HEADER_BYTES of them */
    const uint8_t *stored;
};

enum section_found {
    SECTION_FOUND,
    SECTION_CUT,     /* the file ends before or within it */
    SECTION_DAMAGED, /* a checksum is wrong; `e` is set */
};

/* The next section of a file that starts at `start`; checks what its checksums cover. */
enum section_found section_next(struct view *file, const uint8_t *start, struct snapshot_part *s,
                                struct error *e);

/*
 * A section's content in memory of its own, s->raw_bytes and never 0, to be
 * freed; NULL with `e` set.
 */
uint8_t *section_unpack(const struct snapshot_part *s, struct error *e);

/* Append the file's header. */
void section_put_file_header(struct buffer *out);

/* Append a section with content as it is. */
void section_put(struct buffer *out, uint32_t type, const void *stored, size_t stored_bytes);

/*
 * The size of a zstd frame of `size` bytes with a skippable frame behind it
 * (RFC 8878 section 3.1.2) where it would unpack to more than a reader accepts.
 * There must be section_pad_room() more bytes.
 */
size_t section_pad(uint8_t *frame, size_t size, size_t raw_bytes);
size_t section_pad_room(size_t raw_bytes);

/* Append one, compressed unless that gains nothing.  0, or -1. */
int section_put_packed(struct buffer *out, uint32_t type, uint32_t version, const void *raw,
                       size_t raw_bytes, struct error *e);

/* "the profile is damaged: …" in `e`; -1. */
int section_damaged(struct error *e, const char *what);

#endif
