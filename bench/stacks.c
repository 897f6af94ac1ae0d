// SPDX-License-Identifier: Apache-2.0
/*
 * Writes two profiles of one program with many stacks, as two builds of it leave
 * them: functions moved by a few lines, and a tenth of the stacks grown.
 *
 *   stacks STACKS OLD NEW
 *
 * To measure with:  time memprof diff -g traceback OLD NEW
 * Stacks are 10 to 39 frames deep and share their outer frames by 500 ways, as
 * those of a large program do.
 */
#include "src/host/profile/assembly.h"
#include "src/host/profile/snapshot.h"
#include "src/shared/record.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 20000u
#define WAYS 500u
#define OWN_FRAMES 8u /* innermost ones that a stack shares with few others */

static uint32_t draw(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(*state >> 33);
}

static void make_frames(struct assembly *a, bool is_new)
{
    char text[64];

    for (uint32_t i = 0; i < FRAMES; i++) {
        uint32_t file = i / 100;
        struct profile_line line = {.line = i % 100 * 10 + 5 + (is_new ? file % 7 : 0)};
        struct profile_frame frame = {.value = 0x400000 + i * 16, .line_count = 1};

        snprintf(text, sizeof text, "function_%u", i / 4);
        line.function = assembly_text(a, text);
        snprintf(text, sizeof text, "/src/file_%u.c", file);
        line.file = assembly_text(a, text);
        frame.first_line = assembly_line(a, &line);
        assembly_frame(a, &frame);
    }
}

static uint32_t make_stack(struct assembly *a, uint32_t number, uint64_t *state)
{
    uint32_t depth = 10 + draw(state) % 30, way = number % WAYS, node = STACK_ROOT_WHOLE;

    for (uint32_t d = 0; d < depth; d++)
        node = assembly_node(
            a, node, d + OWN_FRAMES < depth ? (way * 37 + d * 91) % FRAMES : draw(state) % FRAMES);
    return node;
}

static void make_sites(struct assembly *a, uint32_t stacks, bool is_new)
{
    struct profile_totals *t = &a->profile->totals;
    uint64_t state = 1;

    for (uint32_t i = 0; i < stacks; i++) {
        struct profile_site site = {.node = make_stack(a, i, &state)};
        uint64_t blocks = 1 + draw(&state) % 1000;

        if (is_new && i % 10 == 0)
            blocks *= 2;
        site.stats = (struct profile_stats){.live_bytes = blocks * 64,
                                            .live_blocks = blocks,
                                            .peak_bytes = blocks * 64,
                                            .peak_blocks = blocks,
                                            .total_bytes = blocks * 64,
                                            .total_blocks = blocks,
                                            .smallest = 64,
                                            .largest = 64};
        assembly_site(a, &site);
        t->live_bytes += blocks * 64;
        t->live_blocks += blocks;
    }
    t->peak_bytes = t->total_bytes = t->live_bytes;
    t->peak_blocks = t->total_blocks = t->live_blocks;
}

static int write_profile(const char *path, uint32_t stacks, bool is_new)
{
    struct profile p;
    struct assembly a;
    struct profile_module module = {.start = 0x400000, .end = 0x900000, .build_id_size = 20};
    struct profile_thread thread = {.tid = 1};
    struct error e = {.text = "out of memory"};
    int result = -1;

    profile_init(&p);
    assembly_init(&a, &p);
    module.path = assembly_text(&a, "/usr/bin/app");
    memset(module.build_id, is_new + 1, sizeof module.build_id);
    assembly_module(&a, &module);
    thread.name = assembly_text(&a, "app");
    assembly_thread(&a, &thread);
    p.process.program = thread.name;
    p.process.executable = module.path;
    p.process.exit_kind = EXIT_STATUS;
    make_frames(&a, is_new);
    make_sites(&a, stacks, is_new);
    if (!a.failed)
        result = snapshot_write(&p, path, NULL, &e);
    if (result == 0)
        printf("%s: %u stacks, %u nodes\n", path, p.site_count, p.node_count);
    else
        fprintf(stderr, "stacks: %s\n", e.text);
    assembly_release(&a);
    profile_release(&p);
    return result;
}

int main(int argc, char **argv)
{
    uint32_t stacks = argc == 4 ? (uint32_t)strtoul(argv[1], NULL, 10) : 0;

    if (stacks == 0) {
        fprintf(stderr, "usage: stacks STACKS OLD NEW\n");
        return 2;
    }
    return write_profile(argv[2], stacks, false) || write_profile(argv[3], stacks, true);
}
