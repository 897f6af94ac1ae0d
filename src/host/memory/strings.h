/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An interning string table: equal strings have equal ids, id 0 is "".
 * All bytes lie in one buffer, so a table is written to a file as it is.
 * Not thread-safe while strings are added.
 */
#ifndef MEMPROF_HOST_STRINGS_H
#define MEMPROF_HOST_STRINGS_H

#include <stddef.h>
#include <stdint.h>

struct strings {
    char *bytes;       /* NUL-terminated strings back to back; the first is "" */
    size_t used, room; /* bytes */
    uint32_t *offsets; /* offset of string i */
    uint32_t count, offsets_room;
    uint32_t *index; /* hash table of ids + 1, 0 empty; NULL in a table that was only read */
    uint32_t index_size;
};

void strings_init(struct strings *s);
void strings_release(struct strings *s);

/* The id of `text`, added if new.  UINT32_MAX when memory runs out. */
uint32_t strings_add(struct strings *s, const char *text);
uint32_t strings_add_length(struct strings *s, const char *text, size_t length);

/* The same, but with an id of its own even if the text is there already. */
uint32_t strings_add_apart(struct strings *s, const char *text);

/*
 * Take over a table as it was written: `used` bytes from malloc that begin with
 * the empty string and end with a NUL.  0; or, `bytes` still the caller's, -1
 * when they do not, -2 when memory runs out.
 */
int strings_adopt(struct strings *s, char *bytes, size_t used);

/*
 * Put strings that were written as above behind those that are there, numbered
 * on, whether they are there already or not; behind none, the first must be
 * empty.  0; or -1 when they do not end with a NUL, -2 when memory runs out.
 */
int strings_extend(struct strings *s, const char *bytes, size_t used);

/* The text of an id, "" when out of range.  Valid until the next addition. */
const char *strings_get(const struct strings *s, uint32_t id);

#endif
