/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/marks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void marks_init(struct marks *m)
{
    memset(m, 0, sizeof(*m));
    strings_init(&m->labels);
}

void marks_release(struct marks *m)
{
    free(m->rows);
    strings_release(&m->labels);
    memset(m, 0, sizeof(*m));
}

static bool reserve(struct marks *m)
{
    uint32_t room = m->room ? m->room * 2 : 16;
    struct mark *rows;

    if (m->count < m->room)
        return true;
    rows = realloc(m->rows, room * sizeof(*rows));
    if (!rows)
        return false;
    m->rows = rows;
    m->room = room;
    return true;
}

static bool add(struct marks *m, const struct mark *mark, const char *label)
{
    uint32_t id;

    if (!reserve(m))
        return false;
    id = strings_add(&m->labels, label);
    if (id == UINT32_MAX)
        return false;
    m->rows[m->count] = *mark;
    m->rows[m->count++].label = id;
    return true;
}

void marks_add(struct marks *m, const struct mark *mark, const char *label)
{
    /* the last place is for what marks_finish has to say */
    if (m->count + 1 >= MARKS_MAX || !add(m, mark, label))
        m->dropped++;
}

void marks_finish(struct marks *m, const struct mark *mark)
{
    char label[64];

    if (!m->dropped)
        return;
    snprintf(label, sizeof(label), "(%" PRIu64 " later marks were not kept)", m->dropped);
    add(m, mark, label);
}
