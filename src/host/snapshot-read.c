// SPDX-License-Identifier: Apache-2.0
#include "src/host/buffer.h"
#include "src/host/checksum.h"
#include "src/host/profile-check.h"
#include "src/host/snapshot-tables.h"
#include "src/host/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

struct reader {
    struct view file;
    size_t size; /* of the whole file */
    struct profile *profile;
    uint32_t seen; /* a bit for each section type read */
    bool ended;    /* the end marker was found */
    bool cut;      /* the file stops short of it */
};

struct section {
    uint32_t type, version, encoding, checksum;
    uint64_t stored_bytes, raw_bytes;
    const uint8_t *stored;
};

static int damaged(struct error *e, const char *what)
{
    return error_set(e, ERROR_FORMAT, "the profile is damaged: %s", what);
}

static int read_file_header(struct reader *r, struct error *e)
{
    const uint8_t *start = r->file.at;
    const uint8_t *magic = view_take(&r->file, SNAPSHOT_MAGIC_BYTES);
    uint32_t version = view_u32(&r->file);
    uint32_t checksum = view_u32(&r->file);
    size_t have = r->size < SNAPSHOT_MAGIC_BYTES ? r->size : SNAPSHOT_MAGIC_BYTES;

    if (have == 0)
        return error_set(e, ERROR_FORMAT, "not a memprof profile: the file is empty");
    if (memcmp(start, SNAPSHOT_MAGIC, have) != 0)
        return error_set(e, ERROR_FORMAT, "not a memprof profile");
    if (r->file.failed)
        return error_set(e, ERROR_FORMAT, "the profile is cut short: %zu bytes are left", r->size);
    if (checksum != checksum_crc32c(0, magic, SNAPSHOT_MAGIC_BYTES + 4))
        return damaged(e, "its header does not match its checksum");
    if (version != SNAPSHOT_VERSION)
        return error_set(e, ERROR_FORMAT,
                         "the profile has format version %u, this memprof reads version %u",
                         version, SNAPSHOT_VERSION);
    return 0;
}

/* The next section's header; sets r->cut and returns 0 when the file holds no whole section. */
static int read_section_header(struct reader *r, struct section *s, struct error *e)
{
    const uint8_t *start = r->file.at;

    if (view_left(&r->file) < SNAPSHOT_SECTION_HEADER_BYTES) {
        r->cut = true;
        return 0;
    }
    s->type = view_u32(&r->file);
    s->version = view_u32(&r->file);
    s->encoding = view_u32(&r->file);
    s->checksum = view_u32(&r->file);
    s->stored_bytes = view_u64(&r->file);
    s->raw_bytes = view_u64(&r->file);
    if (view_u32(&r->file) != checksum_crc32c(0, start, SNAPSHOT_SECTION_HEADER_BYTES - 4))
        return damaged(e, "a section's header does not match its checksum");
    if (s->stored_bytes > view_left(&r->file)) {
        r->cut = true;
        return 0;
    }
    s->stored = view_take(&r->file, (size_t)s->stored_bytes);
    if (s->checksum != checksum_crc32c(0, s->stored, (size_t)s->stored_bytes))
        return damaged(e, "a section does not match its checksum");
    return 0;
}

static int check_sizes(const struct section *s, struct error *e)
{
    if (s->encoding != SNAPSHOT_STORED && s->encoding != SNAPSHOT_ZSTD)
        return error_set(e, ERROR_FORMAT, "the profile uses an encoding unknown to this memprof");
    if (s->encoding == SNAPSHOT_STORED && s->raw_bytes != s->stored_bytes)
        return damaged(e, "a section's sizes contradict each other");
    if (s->encoding == SNAPSHOT_ZSTD && !snapshot_ratio_allowed(s->raw_bytes, s->stored_bytes))
        return damaged(e, "a section claims an absurd size");
    if (s->raw_bytes == 0 || s->raw_bytes > SIZE_MAX)
        return damaged(e, "a section is empty");
    return 0;
}

/* A section's content in memory of its own, NULL with `e` set. */
static uint8_t *unpack(const struct section *s, struct error *e)
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
    if (ZSTD_isError(n) || n != s->raw_bytes) {
        free(raw);
        damaged(e, "a section cannot be decompressed");
        return NULL;
    }
    return raw;
}

static int adopt_strings(struct profile *p, uint8_t *raw, size_t size, struct error *e)
{
    if (strings_adopt(&p->strings, (char *)raw, size) == 0)
        return 0;
    free(raw);
    return damaged(e, "its string table is malformed");
}

/* Give the decoded rows to the profile. */
static void place_rows(struct profile *p, const struct snapshot_table *t, void *rows, size_t count)
{
    char *base = (char *)p;
    const struct snapshot_process *process = rows;
    uint32_t number = (uint32_t)count;

    if (t->count) {
        memcpy(base + t->rows, &rows, sizeof rows);
        memcpy(base + t->count, &number, sizeof number);
        return;
    }
    if (t->type == SNAPSHOT_PROCESS) {
        p->process = process->process;
        p->incomplete = process->incomplete != 0;
    } else {
        memcpy(base + t->rows, rows, t->layout.row_bytes);
    }
    free(rows);
}

static int decode_table(struct profile *p, const struct snapshot_table *t, const uint8_t *raw,
                        size_t size, struct error *e)
{
    struct view view = {raw, raw + size, false};
    struct error reason;
    size_t count;
    void *rows;

    if (columns_decode(&view, &t->layout, t->count ? UINT32_MAX - 1 : 1, &rows, &count, &reason) !=
        0)
        return error_set(e, reason.kind, "the profile is damaged: section %s: %s", t->name,
                         reason.text);
    if (!t->count && count != 1) {
        free(rows);
        return error_set(e, ERROR_FORMAT, "the profile is damaged: section %s is empty", t->name);
    }
    place_rows(p, t, rows, count);
    return 0;
}

static int read_known_section(struct reader *r, const struct section *s, struct error *e)
{
    const struct snapshot_table *t = snapshot_table_find(s->type);
    uint8_t *raw;
    int result;

    if (s->version != (t ? t->version : 1))
        return error_set(e, ERROR_FORMAT,
                         "section %s of the profile has version %u, unknown to this memprof",
                         t ? t->name : "strings", s->version);
    if (r->seen & 1u << s->type)
        return damaged(e, "a section comes twice");
    raw = unpack(s, e);
    if (!raw)
        return -1;
    r->seen |= 1u << s->type;
    if (!t)
        return adopt_strings(r->profile, raw, (size_t)s->raw_bytes, e);
    result = decode_table(r->profile, t, raw, (size_t)s->raw_bytes, e);
    free(raw);
    return result;
}

static int read_end(struct reader *r, const struct section *s, struct error *e)
{
    struct view content = {s->stored, s->stored + s->stored_bytes, false};
    uint64_t offset = view_u64(&content);
    size_t here = r->size - view_left(&r->file) - (size_t)s->stored_bytes;

    if (content.failed || view_left(&content) || s->encoding != SNAPSHOT_STORED ||
        offset != here - SNAPSHOT_SECTION_HEADER_BYTES)
        return damaged(e, "parts of it are missing");
    if (view_left(&r->file))
        return damaged(e, "something follows its end");
    r->ended = true;
    return 0;
}

static int read_sections(struct reader *r, struct error *e)
{
    while (!r->ended) {
        struct section s = {0};
        int result = 0;

        if (read_section_header(r, &s, e) != 0)
            return -1;
        if (r->cut)
            return 0;
        if (s.type == SNAPSHOT_END)
            result = read_end(r, &s, e);
        else if (s.type >= 1 && s.type < SNAPSHOT_SECTIONS)
            result = read_known_section(r, &s, e);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* A cut profile is of use if only the timeline is missing; a whole one must have all. */
static int check_sections(const struct reader *r, struct error *e)
{
    for (uint32_t type = 1; type < SNAPSHOT_SECTIONS; type++) {
        const struct snapshot_table *t = snapshot_table_find(type);

        if (r->seen & 1u << type || (r->cut && t && t->optional))
            continue;
        if (r->cut)
            return error_set(e, ERROR_FORMAT, "the profile is cut short: %zu bytes are left",
                             r->size);
        return damaged(e, "parts of it are missing");
    }
    return 0;
}

static int read_profile(struct reader *r, struct error *e)
{
    struct error reason;

    if (read_file_header(r, e) != 0 || read_sections(r, e) != 0 || check_sections(r, e) != 0)
        return -1;
    if (profile_check(r->profile, &reason) != 0)
        return error_set(e, reason.kind, "the profile is damaged: %s", reason.text);
    if (r->cut)
        r->profile->incomplete = true;
    return 0;
}

int snapshot_read_bytes(struct profile *p, const void *bytes, size_t size, struct error *e)
{
    const uint8_t *start = bytes;
    struct reader r = {.file = {start, start + size, false}, .size = size, .profile = p};

    profile_init(p);
    if (read_profile(&r, e) == 0)
        return 0;
    profile_release(p);
    return -1;
}

static bool is_foreign(const struct buffer *file)
{
    return file->used >= SNAPSHOT_MAGIC_BYTES &&
           memcmp(file->bytes, SNAPSHOT_MAGIC, SNAPSHOT_MAGIC_BYTES) != 0;
}

/* Read to the end, for a pipe has no size to ask for; but no further into what is no profile. */
static int slurp(int fd, struct buffer *into)
{
    for (;;) {
        uint8_t *to = buffer_reserve(into, 1 << 16);
        ssize_t n;

        if (!to) {
            errno = ENOMEM;
            return -1;
        }
        n = read(fd, to, into->room - into->used);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        into->used += (size_t)n;
        if (is_foreign(into))
            return 0;
    }
}

int snapshot_read(struct profile *p, const char *path, struct error *e)
{
    struct error reason;
    struct buffer file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result;

    profile_init(p);
    if (fd < 0)
        return error_set(e, ERROR_SYSTEM, "cannot read %s", path);
    buffer_init(&file);
    result = slurp(fd, &file);
    if (result != 0)
        error_set(e, ERROR_SYSTEM, "cannot read %s", path);
    close(fd);
    if (result == 0) {
        result = snapshot_read_bytes(p, file.bytes, file.used, &reason);
        if (result != 0)
            error_set(e, reason.kind, "%s: %s", path, reason.text);
    }
    buffer_release(&file);
    return result;
}
