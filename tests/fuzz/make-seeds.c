// SPDX-License-Identifier: Apache-2.0
/*
 * Writes the fuzzer's seeds into a directory: profiles as they are written, and
 * the same with every section unpacked, where a mutation reaches the columns.
 */
#include "src/host/buffer.h"
#include "src/host/snapshot-format.h"
#include "src/host/snapshot.h"
#include "tests/fuzz/reseal.h"
#include "tests/unit/sample-profile.h"

#include <stdio.h>
#include <stdlib.h>
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

static void put_unpacked(struct buffer *out, struct view *in)
{
    const uint8_t *header = view_take(in, SNAPSHOT_SECTION_HEADER_BYTES);
    struct view fields = {header, header + SNAPSHOT_SECTION_HEADER_BYTES, false};
    uint32_t type = view_u32(&fields), version = view_u32(&fields), encoding = view_u32(&fields);
    uint64_t stored = (view_u32(&fields), view_u64(&fields)), raw = view_u64(&fields);
    const uint8_t *content = view_take(in, (size_t)stored);
    uint8_t *to;

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
}

static int save_unpacked(const char *directory, uint32_t scale, const void *bytes, size_t size)
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
    result = out.failed ? -1 : save(directory, "unpacked", scale, out.bytes, out.used);
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
        result = save_unpacked(directory, scale, bytes, size);
    free(bytes);
    profile_release(&p);
    return result;
}

int main(int argc, char **argv)
{
    static const uint32_t scales[] = {1, 5, 60};

    if (argc != 2) {
        fprintf(stderr, "usage: make-seeds DIRECTORY\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof scales / sizeof scales[0]; i++)
        if (make_seeds(argv[1], scales[i]) != 0) {
            perror(argv[1]);
            return 1;
        }
    return 0;
}
