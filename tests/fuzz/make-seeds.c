// SPDX-License-Identifier: Apache-2.0
/*
 * Writes the fuzzer's seeds into a directory: finished profiles and journals as
 * they are written, and the same with every section unpacked, where a mutation
 * reaches the columns.  Profiles that are named besides are unpacked, too.
 */
#include "src/host/memory/buffer.h"
#include "src/host/profile/snapshot-format.h"
#include "src/host/profile/snapshot.h"
#include "tests/fuzz/reseal.h"
#include "tests/unit/sample-journal.h"
#include "tests/unit/sample-profile.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

static int save(const char *directory, const char *name, uint32_t scale, const void *bytes,
                size_t size)
{
    char path[4096];
    FILE *f;
    size_t written;

    snprintf(path, sizeof path, "%s/%s-%u", directory, name, scale);
    f = fopen(path, "w");
    if (!f)
        return -1;
    written = fwrite(bytes, 1, size, f);
    return fclose(f) == 0 && written == size ? 0 : -1;
}

/* The changes of a moment have an encoding of their own (changes.h). */
static void put_changes_unpacked(struct buffer *out, const uint8_t *stored, uint64_t size)
{
    struct view v = {stored, stored + size, false};
    uint8_t encoding = *view_take(&v, 1), plain = SNAPSHOT_STORED, *to;
    uint64_t rows = view_varint(&v), raw = view_varint(&v);

    buffer_put(out, &plain, 1);
    buffer_put_varint(out, rows);
    buffer_put_varint(out, raw);
    to = buffer_reserve(out, (size_t)raw);
    if (!to)
        return;
    if (encoding == SNAPSHOT_ZSTD)
        ZSTD_decompress(to, (size_t)raw, v.at, view_left(&v));
    else
        memcpy(to, v.at, (size_t)raw);
    out->used += (size_t)raw;
}

static void put_unpacked(struct buffer *out, struct view *in)
{
    const uint8_t *header = view_take(in, SNAPSHOT_SECTION_HEADER_BYTES);
    struct view fields = {header, header + SNAPSHOT_SECTION_HEADER_BYTES, false};
    uint32_t type = view_u32(&fields), version = view_u32(&fields), encoding = view_u32(&fields);
    uint64_t stored = (view_u32(&fields), view_u64(&fields)), raw = view_u64(&fields);
    const uint8_t *content = view_take(in, (size_t)stored);
    struct buffer changes;
    uint8_t *to;

    buffer_init(&changes);
    if (type == SNAPSHOT_CHANGES) {
        put_changes_unpacked(&changes, content, stored);
        content = changes.bytes;
        stored = raw = changes.used;
    }
    buffer_put_u32(out, type);
    buffer_put_u32(out, version);
    buffer_put_u32(out, SNAPSHOT_STORED);
    buffer_put_u32(out, 0);
    buffer_put_u64(out, raw);
    buffer_put_u64(out, raw);
    buffer_put_u32(out, 0);
    to = buffer_reserve(out, (size_t)raw);
    if (!to)
        return;
    if (encoding == SNAPSHOT_ZSTD)
        ZSTD_decompress(to, (size_t)raw, content, (size_t)stored);
    else
        for (size_t i = 0; i < raw; i++)
            to[i] = content[i];
    out->used += (size_t)raw;
    buffer_release(&changes);
}

static int save_unpacked(const char *directory, const char *name, uint32_t scale, const void *bytes,
                         size_t size)
{
    const uint8_t *start = bytes;
    struct view in = {start + SNAPSHOT_HEADER_BYTES, start + size, false};
    struct buffer out;
    int result;

    buffer_init(&out);
    buffer_put(&out, bytes, SNAPSHOT_HEADER_BYTES);
    while (view_left(&in) && !out.failed)
        put_unpacked(&out, &in);
    reseal(out.bytes, out.used);
    result = out.failed ? -1 : save(directory, name, scale, out.bytes, out.used);
    buffer_release(&out);
    return result;
}

static int make_seeds(const char *directory, uint32_t scale)
{
    struct profile p;
    void *bytes;
    size_t size;
    int result;

    if (!sample_profile_init(&p, scale) || snapshot_write_bytes(&p, &bytes, &size, NULL) != 0)
        return -1;
    result = save(directory, "packed", scale, bytes, size);
    if (result == 0)
        result = save_unpacked(directory, "unpacked", scale, bytes, size);
    free(bytes);
    profile_release(&p);
    return result;
}

/* As the program runs on, so many checkpoints long. */
static int make_journal(const char *directory, uint32_t groups)
{
    char path[4096];
    struct sample_run run;
    static uint8_t bytes[1 << 16];
    int result = 0;
    size_t size;
    FILE *f;

    snprintf(path, sizeof path, "%s/journal-%u", directory, groups);
    if (!sample_run_init(&run, path))
        return -1;
    for (uint32_t i = 0; result == 0 && i < groups; i++)
        result = sample_run_next(&run, NULL);
    sample_run_release(&run);
    f = result == 0 ? fopen(path, "r") : NULL;
    if (!f)
        return -1;
    size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return save_unpacked(directory, "unpacked-journal", groups, bytes, size);
}

/* One that memprof wrote of a program. */
static int unpack_profile(const char *directory, const char *path, uint32_t number)
{
    static uint8_t bytes[1 << 20];
    FILE *f = fopen(path, "r");
    size_t size;

    if (!f)
        return -1;
    size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return save_unpacked(directory, "program", number, bytes, size);
}

int main(int argc, char **argv)
{
    static const uint32_t scales[] = {1, 5, 60};

    if (argc < 2) {
        fprintf(stderr, "usage: make-seeds DIRECTORY [PROFILE...]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        if (make_seeds(argv[1], scales[i]) != 0 ||
            make_journal(argv[1], 1 + (uint32_t)i * 3) != 0) {
            perror(argv[1]);
            return 1;
        }
    for (int i = 2; i < argc; i++)
        if (unpack_profile(argv[1], argv[i], (uint32_t)i) != 0) {
            perror(argv[i]);
            return 1;
        }
    return 0;
}
