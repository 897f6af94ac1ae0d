// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/buffer.h"
#include "src/host/profile/changes.h"
#include "src/host/profile/checksum.h"
#include "src/host/profile/journal-read.h"
#include "src/host/profile/profile-check.h"
#include "src/host/profile/snapshot-contents.h"
#include "src/host/profile/snapshot-tables.h"
#include "src/host/profile/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct reader {
    struct view file;
    const uint8_t *start;
    size_t size; /* of the whole file */
    struct profile *profile;
    uint64_t whole; /* the sections before here were all there */
    bool ended;     /* the end marker was found */
    bool cut;       /* the file stops short of it */
};

static int read_file_header(struct reader *r, struct error *e)
{
    const uint8_t *magic = view_take(&r->file, SNAPSHOT_MAGIC_BYTES);
    uint32_t version = view_u32(&r->file);
    uint32_t checksum = view_u32(&r->file);
    size_t have = r->size < SNAPSHOT_MAGIC_BYTES ? r->size : SNAPSHOT_MAGIC_BYTES;

    if (have == 0)
        return error_set(e, ERROR_FORMAT, "not a memprof profile: the file is empty");
    if (memcmp(r->start, SNAPSHOT_MAGIC, have) != 0)
        return error_set(e, ERROR_FORMAT, "not a memprof profile");
    if (r->file.failed)
        return error_set(e, ERROR_FORMAT, "the profile is cut short: %zu bytes are left", r->size);
    if (checksum != checksum_crc32c(0, magic, SNAPSHOT_MAGIC_BYTES + 4))
        return section_damaged(e, "its header does not match its checksum");
    if (version != SNAPSHOT_VERSION)
        return error_set(e, ERROR_FORMAT,
                         "the profile has format version %u, this memprof reads version %u",
                         version, SNAPSHOT_VERSION);
    return 0;
}

/* ------------------------------------------------------ a finished file -- */

static int read_end(struct reader *r, const struct snapshot_part *s, struct error *e)
{
    struct view content = {s->stored, s->stored + s->stored_bytes, false};
    uint64_t offset = view_u64(&content);

    if (content.failed || view_left(&content) || s->encoding != SNAPSHOT_STORED ||
        offset != s->offset)
        return section_damaged(e, "parts of it are missing");
    if (view_left(&r->file))
        return section_damaged(e, "something follows its end");
    r->ended = true;
    return 0;
}

static int read_sections(struct reader *r, struct contents *c, struct error *e)
{
    while (!r->ended) {
        struct snapshot_part s;
        enum section_found found = section_next(&r->file, r->start, &s, e);

        if (found == SECTION_CUT) {
            r->cut = true;
            return 0;
        }
        if (found == SECTION_DAMAGED)
            return -1;
        if (s.type == SNAPSHOT_WRITER || s.type == SNAPSHOT_COMMIT)
            return section_damaged(e, "it is neither finished nor in the making");
        if ((s.type == SNAPSHOT_END ? read_end(r, &s, e) : contents_take(c, &s, e)) != 0)
            return -1;
        r->whole = (uint64_t)(r->file.at - r->start);
    }
    return 0;
}

/* A cut profile is of use without timeline and moments; a whole one must have all. */
static int check_sections(const struct reader *r, const struct contents *c, struct error *e)
{
    for (uint32_t type = 1; type < SNAPSHOT_CHANGES; type++) {
        const struct snapshot_table *t = snapshot_table_find(type);

        if (contents_have(c, type) || (r->cut && t && t->optional))
            continue;
        if (r->cut)
            return error_set(e, ERROR_FORMAT, "the profile is cut short: %zu bytes are left",
                             r->size);
        return section_damaged(e, "parts of it are missing");
    }
    if (c->change_count > r->profile->moment_count ||
        (!r->cut && c->change_count < r->profile->moment_count))
        return section_damaged(e, "its snapshots and their numbers do not fit together");
    return 0;
}

static int finish_contents(struct reader *r, struct contents *c, struct error *e)
{
    struct profile *p = r->profile;
    int adopted;

    if (check_sections(r, c, e) != 0)
        return -1;
    adopted = strings_adopt(&p->strings, c->strings, c->strings_bytes);
    if (adopted == -2)
        return error_set(e, ERROR_MEMORY, "out of memory while reading a profile");
    if (adopted != 0)
        return section_damaged(e, "its string table is malformed");
    c->strings = NULL;
    p->changes = c->changes;
    p->moment_count = c->change_count; /* a cut file may have lost the last ones' */
    c->changes = NULL;
    c->change_count = 0;
    if (r->cut) {
        if (!contents_have(c, SNAPSHOT_SEARCH))
            profile_forget_search(p);
        p->incomplete = true;
        p->cut = (struct profile_cut){CUT_SHORT, r->whole, r->size, p->process.seconds};
    }
    return 0;
}

static int read_finished(struct reader *r, struct error *e)
{
    struct contents c;
    int result;

    contents_init(&c, r->profile);
    result = read_sections(r, &c, e);
    if (result == 0)
        result = finish_contents(r, &c, e);
    contents_release(&c);
    return result;
}

/* ---------------------------------------------------------------- either -- */

static int read_profile(struct reader *r, struct error *e)
{
    struct error reason;
    int result;

    if (read_file_header(r, e) != 0)
        return -1;
    if (journal_recognize(&r->file))
        result = journal_read(r->profile, &r->file, r->start, r->size, e);
    else
        result = read_finished(r, e);
    if (result != 0)
        return -1;
    if (profile_check(r->profile, &reason) != 0)
        return error_set(e, reason.kind, "the profile is damaged: %s", reason.text);
    return 0;
}

int snapshot_read_bytes(struct profile *p, const void *bytes, size_t size, struct error *e)
{
    const uint8_t *start = bytes;
    struct reader r = {
        .file = {start, start + size, false}, .start = start, .size = size, .profile = p};

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

/* What comes out of a pipe has no end that could be known before, and is kept in memory. */
#define PIPE_MOST ((size_t)1 << 30)

/* Read to the end, for a pipe has no size to ask for; but no further into what is no profile. */
static int slurp(int fd, struct buffer *into)
{
    struct stat status;
    bool file = fstat(fd, &status) == 0 && S_ISREG(status.st_mode);

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
        if (!file && into->used > PIPE_MOST) {
            errno = EFBIG;
            return -1;
        }
    }
}

/* By errno. */
static int unreadable(const char *path, struct error *e)
{
    if (errno != EISDIR)
        return error_set(e, ERROR_SYSTEM, "cannot read %s", path);
    error_set(e, ERROR_REFUSED,
              "%s is a folder: name a profile in it (memprof tree shows those of a run)", path);
    if (e)
        e->saved_errno = EISDIR;
    return -1;
}

int snapshot_read(struct profile *p, const char *path, struct error *e)
{
    struct error reason;
    struct buffer file;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    int result;

    profile_init(p);
    if (fd < 0)
        return unreadable(path, e);
    buffer_init(&file);
    result = slurp(fd, &file);
    if (result != 0)
        unreadable(path, e);
    close(fd);
    if (result == 0) {
        result = snapshot_read_bytes(p, file.bytes, file.used, &reason);
        if (result != 0)
            error_set(e, reason.kind, "%s: %s", path, reason.text);
    }
    buffer_release(&file);
    return result;
}
