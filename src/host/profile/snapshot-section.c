// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/snapshot-section.h"

#include "src/host/profile/checksum.h"
#include "src/host/profile/compressor.h"

#include <stdlib.h>
#include <string.h>
#include <zstd.h>
#include <zstd_errors.h>

/*
 * Of a python3 run with 66,000 sites and 237,000 nodes, level 3 makes 490 KB in
 * 40 ms, 6 makes 462 KB in 65 ms, 9 456 KB in 150 ms and 19 421 KB in 600 ms:
 * who waits for the end of a short run waits for this.
 */
#define COMPRESSION_LEVEL 3

int section_damaged(struct error *e, const char *what)
{
    return error_set(e, ERROR_FORMAT, "the profile is damaged: %s", what);
}

/* -------------------------------------------------------------- reading -- */

enum section_found section_next(struct view *file, const uint8_t *start, struct snapshot_part *s,
                                struct error *e)
{
    if (view_left(file) < SNAPSHOT_SECTION_HEADER_BYTES)
        return SECTION_CUT;
    s->header = file->at;
    s->offset = (uint64_t)(file->at - start);
    s->type = view_u32(file);
    s->version = view_u32(file);
    s->encoding = view_u32(file);
    s->checksum = view_u32(file);
    s->stored_bytes = view_u64(file);
    s->raw_bytes = view_u64(file);
    if (view_u32(file) != checksum_crc32c(0, s->header, SNAPSHOT_SECTION_HEADER_BYTES - 4)) {
        section_damaged(e, "a section's header does not match its checksum");
        return SECTION_DAMAGED;
    }
    if (s->stored_bytes > view_left(file))
        return SECTION_CUT;
    s->stored = view_take(file, (size_t)s->stored_bytes);
    if (s->checksum != checksum_crc32c(0, s->stored, (size_t)s->stored_bytes)) {
        section_damaged(e, "a section does not match its checksum");
        return SECTION_DAMAGED;
    }
    return SECTION_FOUND;
}

static int check_sizes(const struct snapshot_part *s, struct error *e)
{
    if (s->encoding != SNAPSHOT_STORED && s->encoding != SNAPSHOT_ZSTD)
        return error_set(e, ERROR_FORMAT, "the profile uses an encoding unknown to this memprof");
    if (s->encoding == SNAPSHOT_STORED && s->raw_bytes != s->stored_bytes)
        return section_damaged(e, "a section's sizes contradict each other");
    if (s->encoding == SNAPSHOT_ZSTD && !snapshot_ratio_allowed(s->raw_bytes, s->stored_bytes))
        return section_damaged(e, "a section claims an absurd size");
    if (s->raw_bytes == 0 || s->raw_bytes > SIZE_MAX)
        return section_damaged(e, "a section is empty");
    return 0;
}

uint8_t *section_unpack(const struct snapshot_part *s, struct error *e)
{
    uint8_t *raw;
    size_t n;

    if (check_sizes(s, e) != 0)
        return NULL;
    raw = malloc((size_t)s->raw_bytes);
    if (!raw) {
        error_set(e, ERROR_MEMORY, "out of memory while reading a profile");
        return NULL;
    }
    if (s->encoding == SNAPSHOT_STORED) {
        memcpy(raw, s->stored, (size_t)s->raw_bytes);
        return raw;
    }
    n = ZSTD_decompress(raw, (size_t)s->raw_bytes, s->stored, (size_t)s->stored_bytes);
    if (ZSTD_getErrorCode(n) == ZSTD_error_memory_allocation) {
        free(raw);
        error_set(e, ERROR_MEMORY, "out of memory while reading a profile");
        return NULL;
    }
    if (ZSTD_isError(n) || n != s->raw_bytes) {
        free(raw);
        section_damaged(e, "a section cannot be decompressed");
        return NULL;
    }
    return raw;
}

/* -------------------------------------------------------------- writing -- */

void section_put_file_header(struct buffer *out)
{
    size_t start = out->used;

    buffer_put(out, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_BYTES);
    buffer_put_u32(out, SNAPSHOT_VERSION);
    if (!out->failed)
        buffer_put_u32(out, checksum_crc32c(0, out->bytes + start, out->used - start));
}

static void put(struct buffer *out, const struct snapshot_part *s)
{
    size_t start = out->used;

    buffer_put_u32(out, s->type);
    buffer_put_u32(out, s->version);
    buffer_put_u32(out, s->encoding);
    buffer_put_u32(out, checksum_crc32c(0, s->stored, (size_t)s->stored_bytes));
    buffer_put_u64(out, s->stored_bytes);
    buffer_put_u64(out, s->raw_bytes);
    if (!out->failed)
        buffer_put_u32(out, checksum_crc32c(0, out->bytes + start, out->used - start));
    buffer_put(out, s->stored, (size_t)s->stored_bytes);
}

void section_put(struct buffer *out, uint32_t type, const void *stored, size_t stored_bytes)
{
    struct snapshot_part s = {.type = type,
                              .version = 1,
                              .encoding = SNAPSHOT_STORED,
                              .stored = stored,
                              .stored_bytes = stored_bytes,
                              .raw_bytes = stored_bytes};

    put(out, &s);
}

#define SKIPPABLE_MAGIC 0x184d2a50u
#define SKIPPABLE_HEADER 8u

size_t section_pad_room(size_t raw_bytes)
{
    return raw_bytes / SNAPSHOT_RAW_RATIO + SKIPPABLE_HEADER;
}

size_t section_pad(uint8_t *frame, size_t size, size_t raw_bytes)
{
    size_t least = raw_bytes / SNAPSHOT_RAW_RATIO, more;

    if (snapshot_ratio_allowed(raw_bytes, size))
        return size;
    more = least > size + SKIPPABLE_HEADER ? least - size - SKIPPABLE_HEADER : 0;
    for (unsigned i = 0; i < 4; i++) {
        frame[size + i] = (uint8_t)(SKIPPABLE_MAGIC >> 8 * i);
        frame[size + 4 + i] = (uint8_t)(more >> 8 * i);
    }
    memset(frame + size + SKIPPABLE_HEADER, 0, more);
    return size + SKIPPABLE_HEADER + more;
}

int section_put_packed(struct buffer *out, uint32_t type, uint32_t version, const void *raw,
                       size_t raw_bytes, struct error *e)
{
    struct snapshot_part s = {.type = type,
                              .version = version,
                              .encoding = SNAPSHOT_STORED,
                              .stored = raw,
                              .stored_bytes = raw_bytes,
                              .raw_bytes = raw_bytes};
    size_t room = ZSTD_compressBound(raw_bytes);
    uint8_t *packed = malloc(room + section_pad_room(raw_bytes));
    size_t n;

    if (!packed)
        return error_set(e, ERROR_MEMORY, "out of memory while writing a profile");
    n = compressor_compress(packed, room, raw, raw_bytes, COMPRESSION_LEVEL);
    if (!ZSTD_isError(n) && n < raw_bytes) {
        s.encoding = SNAPSHOT_ZSTD;
        s.stored = packed;
        s.stored_bytes = section_pad(packed, n, raw_bytes);
    }
    put(out, &s);
    free(packed);
    return out->failed ? error_set(e, ERROR_MEMORY, "out of memory while writing a profile") : 0;
}
