/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/recording/answering.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void fill_moment(struct control_answer *to, const struct profile_moment *m)
{
    to->seconds = m->seconds;
    to->live_bytes = m->live_bytes;
    to->live_blocks = m->live_blocks;
    to->peak_bytes = m->peak_bytes;
    to->peak_blocks = m->peak_blocks;
    to->total_bytes = m->total_bytes;
    to->total_blocks = m->total_blocks;
    to->rss_bytes = m->rss_bytes;
}

static uint32_t status_of(const struct capture_answer *a)
{
    static const uint32_t by_outcome[] = {[CAPTURE_DONE] = CONTROL_OK,
                                          [CAPTURE_ENDED] = CONTROL_NOTHING,
                                          [CAPTURE_NOT_FOUND] = CONTROL_NO_BLOCK,
                                          [CAPTURE_FAILED] = CONTROL_FAILED};

    return by_outcome[a->outcome];
}

/* Whoever asks is in another folder. */
static void fill_file(struct control_answer *to, const char *path)
{
    char *folder = *path == '/' ? NULL : getcwd(NULL, 0);

    if (folder)
        snprintf(to->file, sizeof(to->file), "%s/%s", folder, path);
    else
        control_copy(to->file, sizeof(to->file), path);
    free(folder);
}

/* Word for the wire what an image answered. */
static void answer_from(struct server *server, const struct image *image,
                        const struct capture_answer *from)
{
    struct control_answer to;

    control_answer_init(&to, status_of(from));
    to.pid = image->pid;
    to.number = from->kind == CAPTURE_SNAPSHOT ? from->moment.number
                : from->kind == CAPTURE_SEARCH ? from->search
                                               : from->snapshots;
    to.lost_bytes = from->lost_bytes;
    to.lost_blocks = from->lost_blocks;
    fill_moment(&to, &from->moment);
    control_copy(to.program, sizeof(to.program), image->program);
    if (image->path)
        fill_file(&to, image->path);
    control_copy(to.text, sizeof(to.text), from->error.text);
    if (from->kind == CAPTURE_BLOCK && from->block.site) {
        to.seconds = from->now_seconds;
        to.block_start = from->block.start;
        to.block_size = from->block.size;
        to.block_site = from->block.site - 1;
        to.first_seconds = from->first_seconds;
        to.last_seconds = from->last_seconds;
    }
    server_answer(server, from->ticket, &to);
}

bool answering_pass(struct server *server, struct image *image, uint64_t own)
{
    struct capture_answer answer;
    bool found = false;

    while (capture_answer(&image->capture, &answer)) {
        found |= answer.ticket == own;
        answer_from(server, image, &answer);
    }
    return found;
}

_Static_assert(CONTROL_LABEL_BYTES == CAPTURE_LABEL_BYTES, "labels are copied whole");

static struct leaksearch_question question_of(const struct control_request *asked)
{
    return (struct leaksearch_question){
        .cause = SEARCH_BY_COMMAND,
        .address = asked->address,
        .duplicates = asked->flags & CONTROL_SEARCH_DUPLICATES,
        .contents = asked->flags & CONTROL_SEARCH_CONTENTS,
        .retained = asked->flags & CONTROL_SEARCH_RETAINED,
        .whole_graph = asked->flags & CONTROL_SEARCH_WHOLE_GRAPH,
    };
}

bool answering_ask(struct image *image, const struct control_request *asked, uint64_t ticket)
{
    static const uint32_t kinds[CONTROL_KINDS] = {[CONTROL_LIST] = CAPTURE_STATUS,
                                                  [CONTROL_SNAPSHOT] = CAPTURE_SNAPSHOT,
                                                  [CONTROL_BLOCK] = CAPTURE_BLOCK,
                                                  [CONTROL_POOLS] = CAPTURE_HEAP,
                                                  [CONTROL_SEARCH] = CAPTURE_SEARCH};
    struct capture_request passed = {.ticket = ticket,
                                     .kind = kinds[asked->kind],
                                     .cause = MOMENT_BY_COMMAND,
                                     .address = asked->address,
                                     .search = question_of(asked)};

    if (asked->kind == CONTROL_DETACH)
        return false;
    memcpy(passed.label, asked->label, sizeof(passed.label));
    return image_ask(image, &passed) == 0;
}
