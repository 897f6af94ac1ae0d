/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/threads.h"

#include <stdlib.h>
#include <string.h>

void threads_init(struct threads *t)
{
    memset(t, 0, sizeof(*t));
}

void threads_release(struct threads *t)
{
    free(t->rows);
    threads_init(t);
}

static void name_copy(struct threads_row *row, const char *name)
{
    size_t length = strnlen(name, THREADS_NAME_BYTES - 1);

    memcpy(row->name, name, length);
    row->name[length] = '\0';
}

static uint32_t row_new(struct threads *t, uint32_t tid, const char *name)
{
    if (t->count == t->room) {
        uint32_t room = t->room ? t->room * 2 : 16;
        struct threads_row *rows = realloc(t->rows, room * sizeof(*rows));

        if (!rows)
            return THREADS_NONE;
        t->rows = rows;
        t->room = room;
    }
    t->rows[t->count].tid = tid;
    name_copy(&t->rows[t->count], name);
    return t->count++;
}

static uint32_t folded_find(const struct threads *t, const char *name)
{
    for (uint32_t i = t->count - t->folded; i < t->count; i++)
        if (strncmp(t->rows[i].name, name, THREADS_NAME_BYTES - 1) == 0)
            return i;
    return THREADS_NONE;
}

static uint32_t row_folded(struct threads *t, const char *name)
{
    uint32_t row = folded_find(t, name);

    if (row == THREADS_NONE && t->folded >= THREADS_NAMES_MAX) {
        name = "";
        row = folded_find(t, name);
    }
    if (row != THREADS_NONE)
        return row;
    row = row_new(t, 0, name);
    if (row != THREADS_NONE)
        t->folded++;
    return row;
}

uint32_t threads_add(struct threads *t, uint32_t tid, const char *name)
{
    return t->count - t->folded < THREADS_MAX ? row_new(t, tid, name) : row_folded(t, name);
}

void threads_rename(struct threads *t, uint32_t row, const char *name)
{
    if (t->rows[row].tid)
        name_copy(&t->rows[row], name);
}
