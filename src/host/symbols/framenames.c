// SPDX-License-Identifier: Apache-2.0
#include "src/host/symbols/framenames.h"

#include "src/host/files/filefaults.h"
#include "src/host/memory/growing.h"

#define LINES_A_FRAME 64u

static bool add_line(struct profile *p, const struct symbol_line *found)
{
    uint32_t function = strings_add(&p->strings, found->function);
    uint32_t file = strings_add(&p->strings, found->file);

    if (function == UINT32_MAX || file == UINT32_MAX ||
        !growing_reserve(&p->lines, p->line_count, sizeof(*p->lines)))
        return false;
    p->lines[p->line_count++] = (struct profile_line){
        .function = function,
        .file = file,
        .line = found->line,
        .flags = found->flags,
        .offset = found->offset,
    };
    return true;
}

static bool name_frame(struct profile *p, struct modmap *map, struct profile_frame *frame)
{
    struct symbol_line found[LINES_A_FRAME];
    int module = frame->module == NO_MODULE ? (int)-1 : (int)frame->module;
    size_t count = symbolizer_lookup(map->symbolizer, module, frame->value, found, LINES_A_FRAME);

    frame->first_line = p->line_count;
    frame->line_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++)
        if (!add_line(p, &found[i]))
            return false;
    return true;
}

static bool name_all(struct profile *p, struct modmap *map)
{
    for (uint32_t i = 0; i < p->frame_count; i++)
        if (!name_frame(p, map, &p->frames[i]))
            return false;
    return true;
}

int frame_names(struct profile *p, struct modmap *map, struct error *e)
{
    bool named;

    free(p->lines);
    p->lines = NULL;
    p->line_count = 0;
    /* names are taken from the mapped files themselves, and other processes run on */
    filefaults_begin();
    named = name_all(p, map);
    filefaults_end();
    if (!named)
        return error_set(e, ERROR_MEMORY, "out of memory while naming the frames");
    p->unnamed = false;
    return 0;
}
