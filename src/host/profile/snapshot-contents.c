// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/snapshot-contents.h"

#include "src/host/profile/changes.h"
#include "src/host/profile/snapshot-tables.h"

#include <stdlib.h>
#include <string.h>

void contents_init(struct contents *c, struct profile *p)
{
    memset(c, 0, sizeof *c);
    c->profile = p;
}

void contents_release(struct contents *c)
{
    free(c->strings);
    for (uint32_t i = 0; i < c->change_count; i++)
        changes_release(&c->changes[i]);
    free(c->changes);
    contents_init(c, NULL);
}

static int take_changes(struct contents *c, const struct snapshot_part *s, struct error *e)
{
    struct profile_changes lying = {(uint8_t *)s->stored, s->stored_bytes};
    uint32_t room = c->change_room ? c->change_room * 2 : 16;

    if (s->encoding != SNAPSHOT_STORED || s->raw_bytes != s->stored_bytes)
        return section_damaged(e, "a section's sizes contradict each other");
    if (changes_check(s->stored, s->stored_bytes, e) != 0)
        return -1;
    if (c->change_count == c->change_room) {
        struct profile_changes *changes = reallocarray(c->changes, room, sizeof *changes);

        if (!changes || room < c->change_room)
            return error_set(e, ERROR_MEMORY, "out of memory while reading a profile");
        c->changes = changes;
        c->change_room = room;
    }
    if (changes_copy(&c->changes[c->change_count], &lying, e) != 0)
        return -1;
    c->change_count++;
    return 0;
}

static int take_table(struct contents *c, const struct snapshot_table *t,
                      const struct snapshot_part *s, struct error *e)
{
    uint8_t *raw = section_unpack(s, e);
    int result;

    if (!raw)
        return -1;
    if (t) {
        result = snapshot_table_decode(c->profile, t, raw, (size_t)s->raw_bytes, e);
        free(raw);
        return result;
    }
    if (raw[s->raw_bytes - 1] != '\0') {
        free(raw);
        return section_damaged(e, "its string table is malformed");
    }
    c->strings = (char *)raw;
    c->strings_bytes = (size_t)s->raw_bytes;
    return 0;
}

int contents_take(struct contents *c, const struct snapshot_part *s, struct error *e)
{
    const struct snapshot_table *t = snapshot_table_find(s->type);

    if (s->type == 0 || s->type == SNAPSHOT_COMMIT || s->type >= SNAPSHOT_SECTIONS)
        return 0;
    if (s->version != (t ? t->version : 1))
        return error_set(e, ERROR_FORMAT,
                         "section %s of the profile has version %u, unknown to this memprof",
                         t ? t->name : "strings", s->version);
    if (s->type == SNAPSHOT_CHANGES)
        return take_changes(c, s, e);
    if (contents_have(c, s->type))
        return section_damaged(e, "a section comes twice");
    c->seen |= UINT64_C(1) << s->type;
    return take_table(c, t, s, e);
}
