// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer over the reading of records: a collector and its model over a segment
 * that two threads of a target write to as the input says, sense or not.  The input
 * is a list of steps (enum step), each a byte, its operands behind it.
 *
 * Whatever comes, the accounts must agree with each other: what the sites of a domain
 * hold is what the domain holds, and as many blocks as the table of live blocks has.
 */
#include "src/host/model/collector.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define THREADS 2u
#define STEPS_MOST 4096u

enum step {
    STEP_RECORD,    /* kind, flags, address, size, stack, then extra words of a byte each */
    STEP_WORDS,     /* count, then words of eight bytes */
    STEP_ROUND,     /* the collector's */
    STEP_PROGRESS,  /* two bytes: what the chunk says to hold */
    STEP_SUCCESSOR, /* a byte: the chunk's next */
    STEP_IN_FLIGHT,
    STEP_TURN, /* to a fresh chunk */
    STEP_SLOT, /* which, and a byte for its life and its first chunk */
    STEP_SETTLE,
    STEPS
};

/* libFuzzer's interface. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

struct input {
    const uint8_t *at, *end;
};

static uint8_t take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static uint64_t take_word(struct input *in)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value |= (uint64_t)take(in) << 8 * i;
    return value;
}

/* -------------------------------------------------------------- target -- */

static struct segment segment;
static struct ring_writer writers[THREADS];

static void put(struct ring_writer *w, const uint64_t *words, uint32_t count)
{
    if (ring_room(&segment, w, count) != RING_OK)
        return;
    ring_begin(w);
    memcpy(w->next, words, count * sizeof *words);
    ring_commit(w, w->next + count);
}

static void put_record(struct input *in, struct ring_writer *w)
{
    uint64_t kind = take(in) % (RECORD_KINDS + 1), flags = take(in), address = take(in);
    uint64_t words[RECORD_MAX_WORDS + 2];
    uint32_t count;

    if (kind < RECORD_TEXT || kind > RECORD_DOMAIN)
        address = address * 64 + 0x10000;
    words[0] = kind << RECORD_KIND_SHIFT | flags << RECORD_FLAGS_SHIFT | address;
    count = record_words(words[0]);
    for (uint32_t i = 1; i < count; i++)
        words[i] = take(in);
    if (record_has_size((uint32_t)kind))
        words[1] |= (uint64_t)take(in) << 32;
    put(w, words, count ? count : 1);
}

static void put_words(struct input *in, struct ring_writer *w)
{
    uint64_t words[8];
    uint32_t count = take(in) % 8 + 1;

    for (uint32_t i = 0; i < count; i++)
        words[i] = take_word(in);
    put(w, words, count);
}

static void spoil_slot(struct input *in)
{
    struct slot *slot = segment_slot(&segment, take(in) % (THREADS + 2));
    uint8_t value = take(in);

    atomic_store(&slot->life, value & 3);
    atomic_store(&slot->first_chunk, value >> 2);
    atomic_store(&segment_header(&segment)->slots_used, value);
}

/* ---------------------------------------------------------------- host -- */

static struct model model;
static struct collector collector;

static void take_snapshot(void *context, const char *label, uint64_t time)
{
    (void)context;
    (void)time;
    require(strlen(label) <= TEXT_BYTES_MAX);
}

static void take_query(void *context, uint32_t slot, uint32_t what, uint32_t sequence)
{
    (void)context;
    (void)what;
    (void)sequence;
    require(slot < segment.layout.slots_max);
}

static void set_up(void)
{
    struct segment_settings settings = {.lossy = 1, .clock = CLOCK_MONOTONIC_NS};
    struct collector_options options = {.clock = CLOCK_MONOTONIC_NS};
    struct segment_layout layout;
    void *base;

    segment_layout_default(&layout, 8);
    base = mmap(NULL, layout.segment_bytes, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    require(base != MAP_FAILED);
    segment_format(&segment, base, &layout, &settings);
    model_init(&model, layout.nodes_max, 1, 1);
    model.hooks = (struct model_hooks){.snapshot = take_snapshot, .query = take_query};
    require(collector_init(&collector, &segment, &model, &options, NULL) == 0);
    for (uint32_t i = 0; i < THREADS; i++)
        require(ring_join(&segment, &writers[i], i + 1) == RING_OK);
}

static void tear_down(void)
{
    collector_release(&collector);
    model_release(&model);
    munmap(segment.base, segment.layout.segment_bytes);
}

/* Blocks that a realloc holds out of the table while they count as live. */
static uint64_t count_held(void)
{
    uint64_t held = 0;

    for (uint32_t i = 0; i < collector.used; i++) {
        const struct model_thread *thread = &collector.streams[i].thread;

        held += thread->holds && thread->held_clears == model.clears;
    }
    return held;
}

static void check_accounts(void)
{
    uint64_t bytes[MODEL_DOMAINS] = {0}, blocks[MODEL_DOMAINS] = {0};

    for (uint32_t i = 1; i < model.sites.count; i++) {
        const struct site *site = &model.sites.sites[i];

        require(site->domain < MODEL_DOMAINS && site->node < segment.layout.nodes_max);
        bytes[site->domain] += site->live_bytes;
        blocks[site->domain] += site->live_blocks;
    }
    for (uint32_t i = 0; i < MODEL_DOMAINS; i++) {
        const struct livetable *live = model_domain_live(&model, i);

        require(model.totals[i].live_bytes == bytes[i] && model.totals[i].live_blocks == blocks[i]);
        if (i >= DOMAIN_BUILTIN && live)
            require(live->count == blocks[i]);
    }
    require(model.live.count + count_held() == blocks[DOMAIN_HEAP] + blocks[DOMAIN_IGNORED]);
}

static void step(struct input *in)
{
    uint8_t what = take(in);
    struct ring_writer *w = &writers[what / STEPS % THREADS];

    switch ((enum step)(what % STEPS)) {
    case STEP_RECORD:
        put_record(in, w);
        break;
    case STEP_WORDS:
        put_words(in, w);
        break;
    case STEP_ROUND:
        collector_round(&collector);
        break;
    case STEP_PROGRESS:
        atomic_store(&w->chunk->progress, take(in) | (uint64_t)take(in) << 8);
        break;
    case STEP_SUCCESSOR:
        atomic_store(&w->chunk->successor, take(in));
        break;
    case STEP_IN_FLIGHT:
        ring_begin(w);
        break;
    case STEP_TURN:
        ring_turn(&segment, w);
        break;
    case STEP_SLOT:
        spoil_slot(in);
        break;
    default:
        collector_settle(&collector);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, bytes + size};

    set_up();
    for (unsigned i = 0; i < STEPS_MOST && in.at < in.end; i++)
        step(&in);
    collector_finish(&collector);
    check_accounts();
    model_finish(&model, model.last_time);
    tear_down();
    return 0;
}
