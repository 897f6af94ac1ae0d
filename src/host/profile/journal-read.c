// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/journal-read.h"

#include "src/host/profile/changes.h"
#include "src/host/profile/checksum.h"
#include "src/host/profile/profile-append.h"
#include "src/host/profile/snapshot-contents.h"
#include "src/shared/record.h"

#include <stdlib.h>

struct journal_reader {
    struct view *file;
    const uint8_t *start;
    struct profile *whole;
    uint64_t group;    /* offset at which the present one begins */
    uint32_t groups;   /* that were whole */
    uint32_t checksum; /* of the present one's headers */
    uint32_t cut;      /* enum cut_kind */
    uint32_t moment_room;
};

bool journal_recognize(const struct view *file)
{
    struct view v = *file;

    return view_u32(&v) == SNAPSHOT_WRITER && !v.failed;
}

/* ------------------------------------------------------- a whole group -- */

static int check_group(const struct journal_reader *r, const struct contents *c, struct error *e)
{
    if (!contents_have(c, SNAPSHOT_PROCESS) || !contents_have(c, SNAPSHOT_TOTALS) ||
        !contents_have(c, SNAPSHOT_LOSS) || contents_have(c, SNAPSHOT_WRITER) != (r->groups == 0) ||
        c->change_count != c->profile->moment_count)
        return section_damaged(e, "parts of it are missing");
    return 0;
}

static int add_strings(struct profile *whole, const struct contents *c, struct error *e)
{
    int result = c->strings ? strings_extend(&whole->strings, c->strings, c->strings_bytes) : 0;

    if (result == -2)
        return error_set(e, ERROR_MEMORY, "out of memory while reading a profile");
    return result == 0 ? 0 : section_damaged(e, "its string table is malformed");
}

static int reserve_moments(struct journal_reader *r, uint32_t more, struct error *e)
{
    struct profile *p = r->whole;
    uint64_t room = r->moment_room ? r->moment_room : 64;
    struct profile_moment *moments;
    struct profile_changes *changes;

    while (room < (uint64_t)p->moment_count + more)
        room *= 2;
    if (room == r->moment_room)
        return 0;
    moments = reallocarray(p->moments, (size_t)room, sizeof *moments);
    if (moments)
        p->moments = moments;
    changes = moments ? reallocarray(p->changes, (size_t)room, sizeof *changes) : NULL;
    if (!changes)
        return error_set(e, ERROR_MEMORY, "out of memory while reading a profile");
    p->changes = changes;
    r->moment_room = (uint32_t)room;
    return 0;
}

/* The moments of a group, each of which changes the state. */
static int add_moments(struct journal_reader *r, struct contents *c, struct error *e)
{
    struct profile *whole = r->whole;
    struct profile_change *rows;
    uint32_t count;

    if (reserve_moments(r, c->change_count, e) != 0)
        return -1;
    for (uint32_t i = 0; i < c->change_count; i++) {
        const struct profile_moment *moment = &c->profile->moments[i];
        int result;

        if (changes_decode(&c->changes[i], whole->site_count, &rows, &count, e) != 0)
            return -1;
        result = profile_change(whole, rows, count, moment->seconds, e);
        free(rows);
        if (result != 0)
            return -1;
        whole->moments[whole->moment_count] = *moment;
        whole->changes[whole->moment_count++] = c->changes[i];
        c->changes[i] = (struct profile_changes){NULL, 0};
    }
    return 0;
}

static int add_group(struct journal_reader *r, struct contents *c, struct error *e)
{
    struct error reason;

    if (check_group(r, c, e) != 0 || add_strings(r->whole, c, e) != 0)
        return -1;
    if (profile_append_rows(r->whole, c->profile, &reason) != 0)
        return error_set(e, reason.kind, "the profile is damaged: %s", reason.text);
    if (r->groups == 0)
        r->whole->writer = c->profile->writer;
    return add_moments(r, c, e);
}

/* -------------------------------------------------------- group by group -- */

static bool commits(const struct journal_reader *r, const struct snapshot_part *s)
{
    struct view content = {s->stored, s->stored + s->stored_bytes, false};
    uint64_t offset = view_u64(&content);
    uint32_t number = view_u32(&content), checksum = view_u32(&content);

    return !content.failed && view_left(&content) == 0 && s->encoding == SNAPSHOT_STORED &&
           offset == r->group && number == r->groups + 1 && checksum == r->checksum;
}

/* 1: a whole group is in `c`; 0: there is none, r->cut says why; -1 with `e` set. */
static int read_group(struct journal_reader *r, struct contents *c, struct error *e)
{
    r->checksum = 0;
    for (;;) {
        struct snapshot_part s;
        enum section_found found = section_next(r->file, r->start, &s, e);

        if (found == SECTION_CUT)
            r->cut = CUT_SHORT;
        else if (found == SECTION_DAMAGED || (s.type == SNAPSHOT_COMMIT && !commits(r, &s)))
            r->cut = CUT_DAMAGED;
        else if (s.type == SNAPSHOT_COMMIT)
            return 1;
        if (r->cut != CUT_NONE)
            return 0;
        r->checksum = checksum_crc32c(r->checksum, s.header, SNAPSHOT_SECTION_HEADER_BYTES);
        if (s.type == SNAPSHOT_END)
            return section_damaged(e, "it ends where it should go on");
        if (contents_take(c, &s, e) != 0)
            return -1;
    }
}

/* -1 with `e` set; 0: r->cut says that the last one was read. */
static int read_groups(struct journal_reader *r, struct error *e)
{
    while (r->cut == CUT_NONE) {
        struct profile part;
        struct contents c;
        int result;

        r->group = (uint64_t)(r->file->at - r->start);
        profile_init(&part);
        contents_init(&c, &part);
        result = read_group(r, &c, e);
        if (result == 1) {
            result = add_group(r, &c, e);
            r->groups++;
        }
        contents_release(&c);
        profile_release(&part);
        if (result != 0)
            return -1;
    }
    return 0;
}

/* Every frame stands for one line of which only the address is known. */
static int make_lines(struct profile *p, struct error *e)
{
    p->lines = calloc((size_t)p->frame_count + 1, sizeof *p->lines);
    if (!p->lines)
        return error_set(e, ERROR_MEMORY, "out of memory while reading a profile");
    for (uint32_t i = 0; i < p->frame_count; i++) {
        struct profile_frame *f = &p->frames[i];
        uint64_t start = f->module == NO_MODULE ? 0 : p->modules[f->module].start;

        p->lines[i].offset = frame_pc(f->value) - start;
        f->first_line = i;
        f->line_count = 1;
    }
    p->line_count = p->frame_count;
    return 0;
}

int journal_read(struct profile *p, struct view *file, const uint8_t *start, uint64_t size,
                 struct error *e)
{
    struct journal_reader r = {.file = file, .start = start, .whole = p};

    if (read_groups(&r, e) != 0)
        return -1;
    if (r.groups == 0 && r.cut == CUT_DAMAGED)
        return section_damaged(e, "its first part does not match its checksums");
    if (r.groups == 0)
        return error_set(e, ERROR_FORMAT,
                         "the profile is cut short before its first part was whole: %llu bytes "
                         "are left",
                         (unsigned long long)size);
    p->cut = (struct profile_cut){r.cut, r.group, size, p->process.seconds};
    p->incomplete = true;
    p->unnamed = true;
    return make_lines(p, e);
}
