// SPDX-License-Identifier: Apache-2.0
#include "src/host/memory/strings.h"

#include <stdlib.h>
#include <string.h>

#define NO_STRING UINT32_MAX
#define FIRST_INDEX_SIZE 256u

void strings_init(struct strings *s)
{
    memset(s, 0, sizeof *s);
}

void strings_release(struct strings *s)
{
    if (!s)
        return;
    free(s->bytes);
    free(s->offsets);
    free(s->index);
    strings_init(s);
}

/* FNV-1a: the strings are short, and nobody gains by colliding with himself. */
static uint32_t hash_text(const char *text, size_t length)
{
    uint32_t h = 2166136261u;

    for (size_t i = 0; i < length; i++)
        h = (h ^ (unsigned char)text[i]) * 16777619u;
    return h ^ h >> 15;
}

static void index_insert(struct strings *s, uint32_t id)
{
    const char *text = s->bytes + s->offsets[id];
    uint32_t at = hash_text(text, strlen(text)) & (s->index_size - 1);

    for (; s->index[at]; at = (at + 1) & (s->index_size - 1))
        if (strcmp(s->bytes + s->offsets[s->index[at] - 1], text) == 0)
            return; /* a table that was read may repeat one a million times */
    s->index[at] = id + 1;
}

/* Keep the index at most half full; it is also missing altogether in a table that was read. */
static int index_reserve(struct strings *s)
{
    uint32_t size = s->index_size ? s->index_size : FIRST_INDEX_SIZE;
    uint32_t *index;

    while (size / 2 <= s->count) {
        if (size >= UINT32_C(1) << 31)
            return -1;
        size *= 2;
    }
    if (s->index && size == s->index_size)
        return 0;
    index = calloc(size, sizeof *index);
    if (!index)
        return -1;
    free(s->index);
    s->index = index;
    s->index_size = size;
    for (uint32_t id = 0; id < s->count; id++)
        index_insert(s, id);
    return 0;
}

static uint32_t find(const struct strings *s, const char *text, size_t length)
{
    uint32_t at;

    if (!s->index)
        return NO_STRING;
    at = hash_text(text, length) & (s->index_size - 1);
    for (; s->index[at]; at = (at + 1) & (s->index_size - 1)) {
        const char *known = s->bytes + s->offsets[s->index[at] - 1];

        if (strncmp(known, text, length) == 0 && known[length] == '\0')
            return s->index[at] - 1;
    }
    return NO_STRING;
}

static int bytes_reserve(struct strings *s, size_t more)
{
    size_t room = s->room ? s->room : 4096;
    char *bytes;

    if (more > UINT32_MAX - s->used) /* offsets are 32 bits */
        return -1;
    while (room - s->used < more)
        room *= 2;
    if (room == s->room)
        return 0;
    bytes = realloc(s->bytes, room);
    if (!bytes)
        return -1;
    s->bytes = bytes;
    s->room = room;
    return 0;
}

static int offsets_reserve(struct strings *s)
{
    uint32_t room = s->offsets_room ? s->offsets_room : 128;
    uint32_t *offsets;

    if (s->count < s->offsets_room)
        return 0;
    if (s->offsets_room)
        room *= 2;
    offsets = realloc(s->offsets, room * sizeof *offsets);
    if (!offsets)
        return -1;
    s->offsets = offsets;
    s->offsets_room = room;
    return 0;
}

static uint32_t append(struct strings *s, const char *text, size_t length)
{
    if (bytes_reserve(s, length + 1) != 0 || offsets_reserve(s) != 0 || index_reserve(s) != 0)
        return NO_STRING;
    memcpy(s->bytes + s->used, text, length);
    s->bytes[s->used + length] = '\0';
    s->offsets[s->count] = (uint32_t)s->used;
    s->used += length + 1;
    index_insert(s, s->count);
    return s->count++;
}

uint32_t strings_add_length(struct strings *s, const char *text, size_t length)
{
    uint32_t id;

    length = strnlen(text, length); /* a NUL inside would not come back from a file */
    if (length == 0 && s->count)
        return 0;
    if (s->count == 0 && append(s, "", 0) == NO_STRING)
        return NO_STRING;
    if (length == 0)
        return 0;
    if (!s->index && index_reserve(s) != 0)
        return NO_STRING;
    id = find(s, text, length);
    return id != NO_STRING ? id : append(s, text, length);
}

uint32_t strings_add(struct strings *s, const char *text)
{
    return strings_add_length(s, text, strlen(text));
}

uint32_t strings_add_apart(struct strings *s, const char *text)
{
    return s->count == 0 && append(s, "", 0) == NO_STRING ? NO_STRING
                                                          : append(s, text, strlen(text));
}

int strings_adopt(struct strings *s, char *bytes, size_t used)
{
    size_t count = 0;
    uint32_t *offsets;

    if (used == 0 || used > UINT32_MAX || bytes[0] != '\0' || bytes[used - 1] != '\0')
        return -1;
    for (size_t i = 0; i < used; i++)
        count += bytes[i] == '\0';
    offsets = malloc(count * sizeof *offsets);
    if (!offsets)
        return -2;
    count = 0;
    for (size_t at = 0; at < used; at += strlen(bytes + at) + 1)
        offsets[count++] = (uint32_t)at;
    strings_release(s);
    s->bytes = bytes;
    s->used = s->room = used;
    s->offsets = offsets;
    s->count = s->offsets_room = (uint32_t)count;
    return 0;
}

int strings_extend(struct strings *s, const char *bytes, size_t used)
{
    size_t before = s->used;

    if (used == 0 || used > UINT32_MAX - before || bytes[used - 1] != '\0' ||
        (s->count == 0 && bytes[0] != '\0'))
        return -1;
    if (bytes_reserve(s, used) != 0)
        return -2;
    memcpy(s->bytes + before, bytes, used);
    for (size_t at = before; at < before + used; at += strlen(s->bytes + at) + 1) {
        if (offsets_reserve(s) != 0)
            return -2;
        s->offsets[s->count++] = (uint32_t)at;
        s->used = at + strlen(s->bytes + at) + 1;
    }
    /* the index lacks these: it is made anew when one is needed */
    free(s->index);
    s->index = NULL;
    s->index_size = 0;
    return 0;
}

const char *strings_get(const struct strings *s, uint32_t id)
{
    return id < s->count ? s->bytes + s->offsets[id] : "";
}
