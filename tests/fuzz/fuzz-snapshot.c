// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer over the reader of .mprof files, finished ones and journals, and of
 * the numbers of their snapshots.  Whatever is read without an error must hold
 * together and be writable again, and must come back the same; questions about the
 * heap that it keeps must have answers.
 */
#include "src/host/leaks/why.h"
#include "src/host/profile/changes.h"
#include "src/host/profile/moments.h"
#include "src/host/profile/profile-check.h"
#include "src/host/profile/snapshot.h"
#include "tests/fuzz/reseal.h"

#include <stdlib.h>
#include <string.h>

/* libFuzzer's interface. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed);
size_t LLVMFuzzerMutate(uint8_t *bytes, size_t size, size_t most);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* The state at the end of a journal is the sum of its changes, however it is added up. */
static void look_at_moments(const struct profile *p)
{
    for (uint32_t i = 0; i < p->moment_count && i < 8; i++) {
        struct moment moment = {MOMENT_LISTED, p->moment_count - 1 - i};
        struct profile_stats *stats;
        struct error e = {0};

        if (moment_stats(p, moment, &stats, &e) != 0) {
            require(e.kind == ERROR_FORMAT && e.text[0] && !p->unnamed);
            continue;
        }
        for (uint32_t k = 0; i == 0 && p->unnamed && k < p->site_count; k++)
            require(!memcmp(&stats[k], &p->sites[k].stats, sizeof *stats));
        free(stats);
    }
}

/* Packing what was unpacked and unpacking it gives the same. */
static void pack_again(const struct profile *p)
{
    for (uint32_t i = 0; i < p->moment_count && i < 8; i++) {
        struct profile_changes packed;
        struct profile_change *rows, *again;
        uint32_t count, n;

        if (changes_decode(&p->changes[i], p->site_count, &rows, &count, NULL) != 0)
            continue;
        require(changes_encode(&packed, rows, count, NULL) == 0);
        require(changes_decode(&packed, p->site_count, &again, &n, NULL) == 0 && n == count);
        require(!memcmp(rows, again, count * sizeof *rows));
        changes_release(&packed);
        free(again);
        free(rows);
    }
}

static void write_and_read_again(const struct profile *p)
{
    struct profile again;
    void *bytes;
    size_t size;

    require(profile_check(p, NULL) == 0);
    require(snapshot_write_bytes(p, &bytes, &size, NULL) == 0);
    require(snapshot_read_bytes(&again, bytes, size, NULL) == 0);
    require(again.node_count == p->node_count && again.site_count == p->site_count);
    require(again.totals.total_bytes == p->totals.total_bytes);
    require(again.moment_count == p->moment_count && again.mark_count == p->mark_count);
    profile_release(&again);
    free(bytes);
}

static bool count_reference(void *context, const struct leakgraph_reference *r)
{
    const struct heapimage *image = context;

    require(r->to < image->graph.count);
    require(r->from == LEAKGRAPH_NONE || r->from < image->graph.count);
    require(heapimage_root(image, r) == UINT32_MAX ||
            heapimage_root(image, r) < image->profile->root_count);
    return true;
}

static void look_at_heap(const struct profile *p)
{
    struct heapimage image;

    if (p->search.graph == GRAPH_NONE || heapimage_init(&image, p, NULL) != 0)
        return;
    require(image.graph.count == p->block_count);
    for (uint32_t i = 0; i < p->block_count && i < 16; i++) {
        struct why why;

        require(heapimage_find(&image, p->blocks[i].address) == i);
        require(why_find(&why, &image, i, NULL) == 0);
        why_release(&why);
        leakgraph_referrers(&image.graph, i, count_reference, &image);
        leakgraph_referents(&image.graph, i, count_reference, &image);
    }
    heapimage_release(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct profile p;
    struct error e = {0};

    if (snapshot_read_bytes(&p, bytes, size, &e) == 0) {
        look_at_moments(&p);
        pack_again(&p);
        look_at_heap(&p);
        write_and_read_again(&p);
        profile_release(&p);
    } else {
        require(e.kind != ERROR_NONE && e.text[0]);
    }
    return 0;
}

/* One time in eight the checksums are left wrong. */
size_t LLVMFuzzerCustomMutator(uint8_t *bytes, size_t size, size_t most, unsigned seed)
{
    size = LLVMFuzzerMutate(bytes, size, most);
    if (seed % 8)
        reseal(bytes, size);
    return size;
}
