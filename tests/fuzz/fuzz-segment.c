// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer over what the host reads from the shared segment.  The input is a list of
 * things that a target does: records, of any kind and content, and writes of any bytes
 * to any place of the segment, the fields of the search for leaks among them.  Between
 * them the host works as it does for a program: rounds of the collector, moments,
 * searches of a process that sleeps, requests.
 *
 * Whatever was written, the profile that is made of it must hold together and be
 * possible to write and to read.
 */
#include "src/host/memory/ownmemory.h"
#include "src/host/profile/profile-check.h"
#include "src/host/profile/snapshot.h"
#include "src/host/recording/answer.h"
#include "src/host/recording/capture.h"
#include "src/host/search/rootnames.h"
#include "src/host/symbols/framenames.h"
#include "src/shared/clock.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <unistd.h>

#define THREADS 3u
#define ACTIONS_MOST 200u
#define ROUNDS_MOST 12u
#define SEARCHES_MOST 2u /* a few milliseconds each */

/* libFuzzer's interface. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

/* What an input's byte asks for; what follows are its numbers. */
enum action {
    ACTION_ROUND = 0,
    ACTION_RECORD, /* thread, words: the first says how many */
    ACTION_FIELD,  /* which of the header's, value */
    ACTION_POKE,   /* offset in pages of the segment, offset in the page, value */
    ACTION_SEARCH, /* the program asks for one */
    ACTION_ASK,    /* kind of request, address, flags */
    ACTION_OWN,    /* place in the table of own ranges, start, end */
    ACTION_ALLOC,  /* thread, offset of a block in the sleeping process's stack, size */
    ACTIONS
};

struct input {
    const uint8_t *at, *end;
};

/* The target's side: where its threads write. */
struct writer_place {
    uint32_t chunk, words;
};

struct host {
    struct segment segment;
    struct model model;
    struct modmap modmap;
    struct collector collector;
    struct capture capture;
    struct leaksearch_options searching;
    struct writer_place threads[THREADS];
    uint32_t rounds, searches;
};

static struct segment_layout layout;
static void *memory;   /* of the segment, with an allocation's guards around it */
static pid_t sleeping; /* is searched in the target's place */
static uint64_t stack; /* somewhere in its stack */

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* What a profile is made of may be damaged, but never so that there is none. */
static void require_no(const struct error *e)
{
    if (e->kind == ERROR_NONE)
        return;
    fprintf(stderr, "no profile: %s\n", e->text);
    abort();
}

/* In place of those that ask the kernel, which takes it long with a sanitizer's memory. */
uint64_t ownmemory_bytes(void)
{
    return 1;
}

uint64_t ownmemory_bytes_lately(void)
{
    return 1;
}

uint64_t ownmemory_segment_bytes(int fd)
{
    (void)fd;
    return 1;
}

/* ------------------------------------------------------------------- set-up -- */

static uint64_t region(uint64_t *at, uint64_t bytes)
{
    uint64_t start = *at;

    *at += (bytes + 4095) & ~UINT64_C(4095);
    return start;
}

/* So small that a few bytes of input reach all of it. */
static void make_layout(void)
{
    uint64_t at = 0;

    layout = (struct segment_layout){.modules_max = 16,
                                     .names_bytes = 4096,
                                     .slots_max = 8,
                                     .buckets = 64,
                                     .nodes_max = 128,
                                     .own_ranges_max = 32,
                                     .chunks_max = 64};
    region(&at, sizeof(struct segment_header));
    layout.modules_offset = region(&at, layout.modules_max * sizeof(struct module_record));
    layout.names_offset = region(&at, layout.names_bytes);
    layout.slots_offset = region(&at, layout.slots_max * sizeof(struct slot));
    layout.buckets_offset = region(&at, layout.buckets * sizeof(uint32_t));
    layout.nodes_offset = region(&at, layout.nodes_max * sizeof(struct trie_node));
    layout.own_ranges_offset = region(&at, layout.own_ranges_max * sizeof(struct own_range));
    layout.chunks_offset = region(&at, (uint64_t)layout.chunks_max * CHUNK_BYTES);
    layout.segment_bytes = at;
    require(segment_layout_valid(&layout));
}

/* At the same addresses each time, or an input would mean something else each time. */
static void start_sleeping(void)
{
    sleeping = fork();
    if (sleeping == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        personality(ADDR_NO_RANDOMIZE);
        execl("/bin/sleep", "sleep", "1000000", (char *)NULL);
        _exit(127);
    }
    require(sleeping > 0);
    usleep(100000);
    stack = UINT64_C(0x7ffffffdf000);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    make_layout();
    memory = aligned_alloc(4096, layout.segment_bytes);
    require(memory != NULL);
    start_sleeping();
    return 0;
}

static void describe(void *context, struct profile *part, double seconds)
{
    (void)context;
    part->process.program = strings_add(&part->strings, "program");
    part->process.pid = sleeping;
    part->process.seconds = seconds;
}

static void by_program(void *context, const char *label, uint64_t time)
{
    struct host *h = context;

    capture_by_program(&h->capture, label, time);
}

static void query(void *context, uint32_t slot, uint32_t what, uint32_t sequence)
{
    struct host *h = context;

    answer_query(&h->segment, slot, sequence, what, 1);
}

static void start_threads(struct host *h)
{
    for (uint32_t i = 0; i < THREADS; i++) {
        struct ring_writer w;

        require(ring_join(&h->segment, &w, (uint32_t)sleeping + i) == RING_OK);
        h->threads[i].chunk = atomic_load_explicit(&segment_slot(&h->segment, w.slot)->first_chunk,
                                                   memory_order_relaxed);
    }
}

static void start(struct host *h, uint32_t thread_count)
{
    struct segment_settings settings = {.clock = CLOCK_MONOTONIC_NS, .search = SEARCHES_AT_END};
    struct symbolizer_options symbolizing = {0};
    struct collector_options collecting = {.pid = sleeping, .clock = CLOCK_MONOTONIC_NS};
    struct capture_options capturing = {.clock = CLOCK_MONOTONIC_NS, .pid = sleeping, .ready = -1};

    memset(h, 0, sizeof(*h));
    memset(memory, 0, layout.segment_bytes);
    segment_format(&h->segment, memory, &layout, &settings);
    leaksearch_options_init(&h->searching);
    model_init(&h->model, layout.nodes_max, 0, 1);
    h->model.hooks = (struct model_hooks){.context = h, .snapshot = by_program, .query = query};
    require(modmap_init(&h->modmap, &h->segment, sleeping, "program", "", &symbolizing, NULL) == 0);
    require(collector_init(&h->collector, &h->segment, &h->model, &collecting, NULL) == 0);
    capturing.source = (struct builder_source){&h->segment, &h->model, &h->modmap, 0, true, 0};
    capturing.collector = &h->collector;
    capturing.search = &h->searching;
    capturing.describe = describe;
    capturing.begin_ns = clock_monotonic_ns();
    require(capture_init(&h->capture, &capturing, NULL) == 0);
    if (thread_count)
        start_threads(h);
    capture_begin(&h->capture);
}

/* ------------------------------------------------------------------- actions -- */

static uint64_t take(struct input *in, uint32_t bytes)
{
    uint64_t value = 0;

    for (uint32_t i = 0; i < bytes && in->at < in->end; i++)
        value |= (uint64_t)*in->at++ << 8 * i;
    return value;
}

static void one_round(struct host *h)
{
    struct capture_answer answer;

    if (h->rounds++ >= ROUNDS_MOST)
        return;
    capture_before(&h->capture);
    collector_round(&h->collector);
    modmap_update(&h->modmap);
    capture_after(&h->capture);
    while (capture_answer(&h->capture, &answer))
        require(answer.outcome <= CAPTURE_FAILED);
}

static void put_words(struct host *h, uint32_t thread, const uint64_t *words, uint32_t count)
{
    struct writer_place *place = &h->threads[thread % THREADS];
    struct chunk *chunk = segment_chunk(&h->segment, place->chunk);

    if (place->words + count > CHUNK_WORDS)
        return;
    memcpy(chunk->words + place->words, words, count * sizeof(*words));
    place->words += count;
    atomic_store_explicit(&chunk->progress, (uint64_t)place->words << 1, memory_order_release);
}

static void record(struct host *h, struct input *in)
{
    uint32_t thread = (uint32_t)take(in, 1), count;
    uint64_t words[RECORD_MAX_WORDS] = {take(in, 8)};

    count = record_words(words[0]);
    if (count == 0 || count > RECORD_MAX_WORDS)
        count = 1;
    for (uint32_t i = 1; i < count; i++)
        words[i] = take(in, 8);
    put_words(h, thread, words, count);
}

static void alloc(struct host *h, struct input *in)
{
    uint32_t thread = (uint32_t)take(in, 1);
    uint64_t address = stack + take(in, 2), size = take(in, 2);
    uint64_t words[2] = {address | (uint64_t)RECORD_ALLOC << RECORD_KIND_SHIFT,
                         size | (uint64_t)STACK_ROOT_WHOLE << 32};

    put_words(h, thread, words, 2);
}

#define FIELD(name)                                                                                \
    {                                                                                              \
        offsetof(struct segment_header, name), sizeof(((struct segment_header *)0)->name)          \
    }

static void write_field(struct host *h, struct input *in)
{
    static const struct {
        size_t offset, size;
    } fields[] = {
        FIELD(target_state),
        FIELD(modules_used),
        FIELD(names_used),
        FIELD(slots_used),
        FIELD(nodes_used),
        FIELD(snapshot_signals),
        FIELD(own_ranges_used),
        FIELD(private_bytes),
        FIELD(pool_state),
        FIELD(pool_census_taken),
        FIELD(searches_asked),
        FIELD(searches_done),
        FIELD(ending.cause),
        FIELD(ending.signal),
        FIELD(ending.tid),
        FIELD(ending.stack_pointer),
        FIELD(ending.registers),
        FIELD(ending.suppressions),
        FIELD(askers),
        FIELD(bootstrap_start),
        FIELD(bootstrap_end),
        FIELD(stop_held),
        FIELD(stop_ready),
        FIELD(stamps),
        FIELD(free_chunks),
        FIELD(free_slots),
        FIELD(producers_waiting),
        FIELD(settings),
        FIELD(stacks_truncated),
        FIELD(ending.extended),
    };
    size_t which = take(in, 1) % (sizeof(fields) / sizeof(*fields));
    uint64_t value = take(in, 8);

    memcpy(h->segment.base + fields[which].offset, &value,
           fields[which].size < sizeof(value) ? fields[which].size : sizeof(value));
}

static void poke(struct host *h, struct input *in)
{
    uint64_t page = take(in, 1), offset = take(in, 2) % 4096, value = take(in, 8);
    uint64_t at = page * 4096 % layout.segment_bytes + offset;

    memcpy(h->segment.base + at, &value, 4096 - offset < 8 ? 4096 - offset : 8);
}

static void ask(struct host *h, struct input *in)
{
    struct capture_request request = {.ticket = 1,
                                      .kind = (uint32_t)take(in, 1) % (CAPTURE_SEARCH + 1),
                                      .cause = MOMENT_BY_COMMAND,
                                      .address = take(in, 8)};
    uint64_t flags = take(in, 1);

    if (request.kind == CAPTURE_SEARCH && h->searches++ >= SEARCHES_MOST)
        return;
    request.search = (struct leaksearch_question){.address = request.address,
                                                  .duplicates = flags & 1,
                                                  .contents = flags & 2,
                                                  .retained = flags & 4,
                                                  .whole_graph = flags & 8};
    require(capture_ask(&h->capture, &request) == 0);
}

static void search(struct host *h)
{
    struct segment_header *header = segment_header(&h->segment);

    if (h->searches++ < SEARCHES_MOST)
        atomic_fetch_add_explicit(&header->searches_asked, 1, memory_order_release);
}

static void own(struct host *h, struct input *in)
{
    struct own_range *r =
        segment_own_range(&h->segment, (uint32_t)take(in, 1) % layout.own_ranges_max);

    atomic_store_explicit(&r->start, take(in, 8), memory_order_relaxed);
    r->end = take(in, 8);
    atomic_store_explicit(&segment_header(&h->segment)->own_ranges_used, layout.own_ranges_max,
                          memory_order_release);
}

static void act(struct host *h, struct input *in)
{
    switch (take(in, 1) % ACTIONS) {
    case ACTION_ROUND:
        one_round(h);
        break;
    case ACTION_RECORD:
        record(h, in);
        break;
    case ACTION_FIELD:
        write_field(h, in);
        break;
    case ACTION_POKE:
        poke(h, in);
        break;
    case ACTION_SEARCH:
        search(h);
        break;
    case ACTION_ASK:
        ask(h, in);
        break;
    case ACTION_OWN:
        own(h, in);
        break;
    case ACTION_ALLOC:
        alloc(h, in);
        break;
    }
}

/* ----------------------------------------------------------------------- end -- */

/* As image_profile does it. */
static void name_all(struct profile *p, struct host *h)
{
    series_hand_over(&h->capture.writer.series, p);
    memset(&p->writer, 0, sizeof(p->writer));
    require(frame_names(p, &h->modmap, NULL) == 0);
    require(root_names(p, &h->modmap, NULL) == 0);
    leaksearch_explain(p);
}

static void look_at_profile(const struct profile *p)
{
    struct profile again;
    struct error e = {0};
    void *bytes;
    size_t size;

    profile_check(p, &e);
    require_no(&e);
    require(snapshot_write_bytes(p, &bytes, &size, NULL) == 0);
    snapshot_read_bytes(&again, bytes, size, &e);
    require_no(&e);
    require(again.site_count == p->site_count && again.leak_count == p->leak_count);
    profile_release(&again);
    free(bytes);
}

static void finish(struct host *h)
{
    uint64_t now = clock_monotonic_ns();

    collector_finish(&h->collector);
    modmap_finish(&h->modmap);
    model_finish(&h->model, now);
    capture_finish(&h->capture, now, 1e-9, 10);
    require_no(&h->capture.trouble);
    require_no(&h->capture.writer.trouble);
    name_all(&h->capture.writer.whole, h);
    look_at_profile(&h->capture.writer.whole);
    capture_release(&h->capture);
    collector_release(&h->collector);
    model_release(&h->model);
    modmap_release(&h->modmap);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    struct input in = {bytes, bytes + size};
    static struct host h;

    start(&h, take(&in, 1) % 2);
    for (uint32_t i = 0; i < ACTIONS_MOST && in.at < in.end; i++)
        act(&h, &in);
    finish(&h);
    return 0;
}
