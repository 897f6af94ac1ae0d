/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/text/texts.h"

#include "src/host/text/utf8.h"

#include <stdlib.h>
#include <string.h>

void texts_init(struct texts *t)
{
    memset(t, 0, sizeof(*t));
}

void texts_release(struct texts *t)
{
    free(t->entries);
    texts_init(t);
}

static struct texts_entry *find(struct texts *t, const void *thread)
{
    for (uint32_t i = 0; i < t->count; i++)
        if (t->entries[i].thread == thread)
            return &t->entries[i];
    return NULL;
}

/* An unused entry, NULL when memory runs out. */
static struct texts_entry *fresh(struct texts *t)
{
    struct texts_entry *entries, *unused = find(t, NULL);

    if (unused)
        return unused;
    entries = realloc(t->entries, (t->count + 1) * sizeof(*entries));
    if (!entries)
        return NULL;
    t->entries = entries;
    return &t->entries[t->count++];
}

bool texts_piece(struct texts *t, const void *thread, uint64_t start, const uint64_t *words)
{
    struct texts_entry *e = find(t, thread);

    if (!e && start == 0)
        e = fresh(t);
    if (!e)
        return false;
    if (start == 0)
        *e = (struct texts_entry){.thread = thread};
    if (start != e->length || start + TEXT_PIECE_BYTES > sizeof(e->bytes)) {
        e->thread = NULL;
        return false;
    }
    memcpy(e->bytes + start, words, TEXT_PIECE_BYTES);
    e->length += TEXT_PIECE_BYTES;
    return true;
}

static void repair(char *text)
{
    uint32_t code;
    size_t step;

    for (; *text; text += step) {
        step = utf8_decode(text, &code);
        if (step == 0) {
            *text = '?';
            step = 1;
        }
    }
}

bool texts_take(struct texts *t, const void *thread, uint64_t length, char text[TEXT_BYTES_MAX + 1])
{
    struct texts_entry *e = find(t, thread);
    bool whole;

    text[0] = '\0';
    if (length == 0)
        return true;
    if (!e)
        return false;
    whole =
        length <= TEXT_BYTES_MAX && length <= e->length && length + TEXT_PIECE_BYTES > e->length;
    if (whole) {
        memcpy(text, e->bytes, length);
        text[length] = '\0';
        repair(text);
    }
    e->thread = NULL;
    return whole;
}
