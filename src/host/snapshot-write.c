// SPDX-License-Identifier: Apache-2.0
#include "src/host/buffer.h"
#include "src/host/checksum.h"
#include "src/host/profile-check.h"
#include "src/host/snapshot-tables.h"
#include "src/host/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

/*
 * Of a python3 run with 66,000 sites and 237,000 nodes, level 3 makes 490 KB in
 * 40 ms, 6 makes 462 KB in 65 ms, 9 456 KB in 150 ms and 19 421 KB in 600 ms.
 */
#define COMPRESSION_LEVEL 6

static int out_of_memory(struct error *e)
{
    return error_set(e, ERROR_MEMORY, "out of memory while writing a profile");
}

static void put_file_header(struct buffer *out)
{
    buffer_put(out, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_BYTES);
    buffer_put_u32(out, SNAPSHOT_VERSION);
    if (!out->failed)
        buffer_put_u32(out, checksum_crc32c(0, out->bytes, out->used));
}

struct section {
    uint32_t type, version, encoding;
    const void *stored;
    size_t stored_bytes, raw_bytes;
};

static void put_section(struct buffer *out, const struct section *s)
{
    size_t start = out->used;

    buffer_put_u32(out, s->type);
    buffer_put_u32(out, s->version);
    buffer_put_u32(out, s->encoding);
    buffer_put_u32(out, checksum_crc32c(0, s->stored, s->stored_bytes));
    buffer_put_u64(out, s->stored_bytes);
    buffer_put_u64(out, s->raw_bytes);
    if (!out->failed)
        buffer_put_u32(out, checksum_crc32c(0, out->bytes + start, out->used - start));
    buffer_put(out, s->stored, s->stored_bytes);
}

/* Add a section, compressed unless that gains nothing or more than a reader accepts. */
static int put_compressed(struct buffer *out, uint32_t type, uint32_t version, const void *raw,
                          size_t raw_bytes, struct error *e)
{
    struct section s = {type, version, SNAPSHOT_STORED, raw, raw_bytes, raw_bytes};
    size_t room = ZSTD_compressBound(raw_bytes);
    void *packed = malloc(room);
    size_t n;

    if (!packed)
        return out_of_memory(e);
    n = ZSTD_compress(packed, room, raw, raw_bytes, COMPRESSION_LEVEL);
    if (!ZSTD_isError(n) && n < raw_bytes && snapshot_ratio_allowed(raw_bytes, n)) {
        s.encoding = SNAPSHOT_ZSTD;
        s.stored = packed;
        s.stored_bytes = n;
    }
    put_section(out, &s);
    free(packed);
    return out->failed ? out_of_memory(e) : 0;
}

static void encode_table(struct buffer *raw, const struct snapshot_table *t,
                         const struct profile *p)
{
    const char *base = (const char *)p;
    const struct snapshot_process process = {p->process, p->incomplete};
    const void *rows = base + t->rows;
    uint32_t count = 1;

    if (t->type == SNAPSHOT_PROCESS)
        rows = &process;
    if (t->count) {
        memcpy(&rows, base + t->rows, sizeof rows);
        memcpy(&count, base + t->count, sizeof count);
    }
    columns_encode(raw, &t->layout, rows, count);
}

static int put_table(struct buffer *out, const struct snapshot_table *t, const struct profile *p,
                     struct error *e)
{
    struct buffer raw;
    int result;

    buffer_init(&raw);
    encode_table(&raw, t, p);
    if (raw.failed)
        result = out_of_memory(e);
    else
        result = put_compressed(out, t->type, t->version, raw.bytes, raw.used, e);
    buffer_release(&raw);
    return result;
}

static int put_strings(struct buffer *out, const struct strings *s, struct error *e)
{
    if (s->used)
        return put_compressed(out, SNAPSHOT_STRINGS, 1, s->bytes, s->used, e);
    return put_compressed(out, SNAPSHOT_STRINGS, 1, "", 1, e);
}

static void put_end(struct buffer *out)
{
    uint8_t offset[8];
    struct section s = {SNAPSHOT_END, 1, SNAPSHOT_STORED, offset, sizeof offset, sizeof offset};

    for (unsigned i = 0; i < sizeof offset; i++)
        offset[i] = (uint8_t)((uint64_t)out->used >> 8 * i);
    put_section(out, &s);
}

static int put_sections(struct buffer *out, const struct profile *p, struct error *e)
{
    for (uint32_t type = 1; type < SNAPSHOT_SECTIONS; type++) {
        const struct snapshot_table *t = snapshot_table_find(type);

        if ((t ? put_table(out, t, p, e) : put_strings(out, &p->strings, e)) != 0)
            return -1;
    }
    put_end(out);
    return out->failed ? out_of_memory(e) : 0;
}

int snapshot_write_bytes(const struct profile *p, void **bytes, size_t *size, struct error *e)
{
    struct buffer out;

    *bytes = NULL;
    *size = 0;
    if (profile_check(p, e) != 0)
        return -1;
    buffer_init(&out);
    put_file_header(&out);
    if (put_sections(&out, p, e) != 0) {
        buffer_release(&out);
        return -1;
    }
    *bytes = out.bytes;
    *size = out.used;
    return 0;
}

static int write_all(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

/* Write and close `fd`, whatever happens; a full disk may show only when closing. */
static int write_and_close(int fd, const void *bytes, size_t size)
{
    int failed = write_all(fd, bytes, size) != 0 ? errno : 0;

    if (close(fd) != 0 && !failed)
        failed = errno;
    errno = failed;
    return failed ? -1 : 0;
}

/* Into a device, a pipe, or whatever else cannot be replaced by a rename. */
static int write_directly(const char *path, const void *bytes, size_t size, struct error *e)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write_and_close(fd, bytes, size) != 0)
        return error_set(e, ERROR_SYSTEM, "cannot write the profile %s", path);
    return 0;
}

static int write_replacing(const char *path, const void *bytes, size_t size, struct error *e)
{
    char temporary[PATH_MAX];
    int length = snprintf(temporary, sizeof temporary, "%s.%ld.tmp", path, (long)getpid());
    int fd;

    if (length < 0 || (size_t)length >= sizeof temporary)
        return error_set(e, ERROR_INPUT, "cannot write the profile %s: its name is too long", path);
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return error_set(e, ERROR_SYSTEM, "cannot write the profile %s", path);
    if (write_and_close(fd, bytes, size) != 0 || rename(temporary, path) != 0) {
        error_set(e, ERROR_SYSTEM, "cannot write the profile %s", path);
        unlink(temporary);
        return -1;
    }
    return 0;
}

static int write_file(const char *path, const void *bytes, size_t size, struct error *e)
{
    char target[PATH_MAX];
    struct stat status;

    if (stat(path, &status) != 0)
        return write_replacing(path, bytes, size, e);
    if (S_ISDIR(status.st_mode)) {
        errno = EISDIR;
        return error_set(e, ERROR_SYSTEM, "cannot write the profile %s", path);
    }
    if (!S_ISREG(status.st_mode))
        return write_directly(path, bytes, size, e);
    /* a symbolic link stays; the file behind it is replaced */
    if (!realpath(path, target))
        return error_set(e, ERROR_SYSTEM, "cannot write the profile %s", path);
    return write_replacing(target, bytes, size, e);
}

int snapshot_write(const struct profile *p, const char *path, uint64_t *size, struct error *e)
{
    void *bytes;
    size_t length;
    int result;

    if (snapshot_write_bytes(p, &bytes, &length, e) != 0)
        return -1;
    result = write_file(path, bytes, length, e);
    free(bytes);
    if (result == 0 && size)
        *size = length;
    return result;
}
