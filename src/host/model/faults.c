/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/faults.h"

#include <stdbool.h>
#include <stdlib.h>

void faults_init(struct faults *f)
{
    *f = (struct faults){0};
}

void faults_release(struct faults *f)
{
    free(f->rows);
    faults_init(f);
}

static bool reserve(struct faults *f)
{
    uint32_t room = f->room ? f->room * 2 : 16;
    struct fault *rows;

    if (f->count < f->room)
        return true;
    rows = reallocarray(f->rows, room, sizeof(*rows));
    if (!rows)
        return false;
    f->rows = rows;
    f->room = room;
    return true;
}

void faults_add(struct faults *f, const struct fault *fault)
{
    if (f->count == FAULTS_MAX || !reserve(f))
        f->dropped++;
    else
        f->rows[f->count++] = *fault;
}
