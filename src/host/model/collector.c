/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/model/collector.h"

#include "src/host/memory/pages.h"
#include "src/host/process/procinfo.h"
#include "src/shared/stamp.h"

#include <linux/membarrier.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Chunks: a thread always holds one, and the records between two rounds need
 * some; both count as the target's memory.  A program that allocates little
 * never touches more than the first few.  An eighth more than there are threads,
 * so that new threads need not wait for a round each.
 */
#define CHUNKS_FIRST 64u
#define CHUNKS_MOST 512u

#define MS UINT64_C(1000000)
#define POLL_NS (50 * MS)    /* asleep, asking /proc, looking for ended threads */
#define NAME_NS (1000 * MS)  /* reading the threads' names again */
#define STALL_NS (1000 * MS) /* see watermark_of */
#define PROBES_AT_ONCE 512u
#define PROBE_FROM 16u                   /* new threads make it worth looking for ended ones */
#define FUTURE_TICKS ((uint64_t)1 << 34) /* seconds */

static uint64_t now_ticks(const struct collector *c)
{
    return clock_ticks(c->options.clock);
}

/* -------------------------------------------------------------- set-up -- */

/* What membarrier can do here: a mask of commands. */
static int barrier_commands(void)
{
    long known = syscall(SYS_membarrier, MEMBARRIER_CMD_QUERY, 0, 0);

    return known > 0 ? (int)known : 0;
}

/* The cheapest membarrier that reaches every thread of the program; 0: none does. */
static int barrier_command(const struct collector *c)
{
    /* relaxed: set before the first record */
    if (atomic_load_explicit(&segment_header(c->segment)->barrier_registered,
                             memory_order_relaxed) &&
        (c->barriers & MEMBARRIER_CMD_GLOBAL_EXPEDITED))
        return MEMBARRIER_CMD_GLOBAL_EXPEDITED;
    return c->barriers & MEMBARRIER_CMD_GLOBAL;
}

static void pass_barrier(const struct collector *c)
{
    int command = barrier_command(c);

    /*
     * Without membarrier, the time in which a store surely leaves a running
     * processor's store buffer, and a stopped one has passed a barrier by
     * being stopped.
     */
    if (!command || syscall(SYS_membarrier, command, 0, 0) != 0)
        usleep(1000);
}

static void supply_chunks(struct collector *c, uint64_t wanted)
{
    if (wanted > c->segment->layout.chunks_max)
        wanted = c->segment->layout.chunks_max;
    if (wanted > c->chunks) {
        ring_grow(c->segment, c->chunks, (uint32_t)wanted - c->chunks);
        c->chunks = (uint32_t)wanted;
    }
}

int collector_init(struct collector *c, const struct segment *segment, struct model *model,
                   const struct collector_options *options, struct error *e)
{
    uint32_t slots = segment->layout.slots_max;

    memset(c, 0, sizeof(*c));
    c->segment = segment;
    c->model = model;
    c->options = *options;
    c->rss_fd = options->pid ? procinfo_open_rss(options->pid) : -1;
    c->barriers = barrier_commands();
    c->streams = pages_map_sparse(slots * sizeof(*c->streams));
    c->heap = pages_map_sparse(slots * sizeof(*c->heap));
    if (!c->streams || !c->heap) {
        collector_release(c);
        return error_set(e, ERROR_MEMORY, "out of memory for the collector");
    }
    c->progressed_ns = clock_monotonic_ns();
    c->buffer = CHUNKS_FIRST;
    supply_chunks(c, c->buffer);
    return 0;
}

void collector_release(struct collector *c)
{
    uint32_t slots = c->segment->layout.slots_max;

    pages_unmap(c->streams, slots * sizeof(*c->streams));
    pages_unmap(c->heap, slots * sizeof(*c->heap));
    if (c->rss_fd >= 0)
        close(c->rss_fd);
    c->streams = NULL;
    c->heap = NULL;
    c->rss_fd = -1;
}

/* ------------------------------------------------------------- streams -- */

static bool open_stream(struct collector *c, uint32_t slot)
{
    struct stream *s = &c->streams[slot];
    char name[THREADS_NAME_BYTES] = "";

    if (!stream_open(c->segment, s, slot))
        return false;
    if (c->options.pid)
        procinfo_thread_name(c->options.pid, (pid_t)s->tid, name, sizeof(name));
    if (!name[0]) /* gone already: what it was called at its first event */
        memcpy(name, segment_slot(c->segment, slot)->name, sizeof(name));
    s->thread.row = threads_add(&c->model->threads, s->tid, name);
    if (s->thread.row == THREADS_NONE) {
        s->thread.row = 0;
        c->model->events_lost++;
    }
    c->open++;
    c->opened++;
    return true;
}

/* Open what is new, and take the number of slots to look at. */
static void find_streams(struct collector *c)
{
    /* relaxed: a slot's own `life` says whether it is taken, with acquire */
    uint32_t used =
        atomic_load_explicit(&segment_header(c->segment)->slots_used, memory_order_relaxed);

    if (used > c->segment->layout.slots_max)
        used = c->segment->layout.slots_max;
    if (used > c->used)
        c->used = used;
    if (c->open == c->used)
        return;
    for (uint32_t i = 0; i < c->used; i++)
        if (!c->streams[i].open)
            open_stream(c, i);
}

static void close_stream(struct collector *c, struct stream *s)
{
    ring_close(c->segment, &s->cursor);
    s->open = false;
    c->open--;
    c->ended--;
}

/* ---------------------------------------------------------- the batch -- */

static void flush(struct collector *c)
{
    model_apply(c->model, c->batch, c->batched);
    c->batched = 0;
}

_Static_assert(RECORD_MAX_WORDS == MODEL_REST + 2, "all but the first word and the stamp");

static inline void push(struct collector *c, struct stream *s, const struct stream_record *r)
{
    struct model_event *e = &c->batch[c->batched];

    e->word0 = r->word0;
    e->rest[0] = s->next[r->words > 1];
    for (uint32_t i = 2; __builtin_expect(i < r->words && i <= MODEL_REST, 0); i++)
        e->rest[i - 1] = s->next[i];
    e->thread = &s->thread;
    e->time = r->time;
    s->last_stamp = r->key >> 1;
    s->next += r->words;
    if (++c->batched == MODEL_BATCH)
        flush(c);
}

/* Recording had ended (segment_header.closed). */
static void pass_over(struct stream *s, const struct stream_record *r)
{
    s->last_stamp = r->key >> 1;
    s->next += r->words;
}

/* Words that are no record: nothing more can be made of this chunk. */
static void skip_chunk(struct collector *c, struct stream *s)
{
    c->model->damaged_records++;
    s->next = s->end;
}

/* Leave the cursor's chunk. */
static bool follow(struct collector *c, struct stream *s)
{
    bool damaged = s->damaged;

    if (stream_follow(c->segment, s, &c->recycled))
        return true;
    if (s->damaged && !damaged)
        c->model->damaged_records++;
    return false;
}

/*
 * Take records of one stream up to `limit` (a key, see struct stream_record).
 * Returns the key of the first record beyond it, STREAM_KEY_MAX if none is left.
 */
static uint64_t drain(struct collector *c, struct stream *s, uint64_t limit)
{
    struct stream_record r;

    do {
        while (s->next < s->end) {
            if (__builtin_expect(!stream_decode(s, &r), 0)) {
                skip_chunk(c, s);
                break;
            }
            if (r.key > limit)
                return r.key;
            if (__builtin_expect(r.key > c->closed, 0))
                pass_over(s, &r);
            else
                push(c, s, &r);
        }
    } while (follow(c, s));
    return STREAM_KEY_MAX;
}

/* --------------------------------------------------- one thread, no times -- */

/* false when a record with a time turns up: the target has had a second thread. */
static bool drain_untimed(struct collector *c, struct stream *s)
{
    const uint64_t timed = (uint64_t)RECORD_STAMPED << RECORD_FLAGS_SHIFT;
    struct stream_record r;

    do {
        while (s->next < s->end) {
            if (__builtin_expect(!stream_decode(s, &r), 0)) {
                skip_chunk(c, s);
                break;
            }
            if (__builtin_expect(r.word0 & timed, 0))
                return false;
            push(c, s, &r);
        }
    } while (follow(c, s));
    return true;
}

static void round_untimed(struct collector *c)
{
    struct stream *s = &c->streams[0];

    find_streams(c);
    if (c->used > 1) {
        c->timed = true;
        return;
    }
    if (c->open == 0)
        return; /* no slot yet, or one that is just being taken: its records have no stamps */
    stream_look(c->segment, s, now_ticks(c), 0);
    if (stream_has_more(s) && !drain_untimed(c, s))
        c->timed = true;
    flush(c);
    stream_settle(c->segment, s);
}

/* --------------------------------------------------------------- merging -- */

static void heap_sift(struct collector *c, uint32_t i)
{
    struct collector_heap_item item = c->heap[i];
    uint32_t child;

    while ((child = 2 * i + 1) < c->heap_count) {
        if (child + 1 < c->heap_count && c->heap[child + 1].key < c->heap[child].key)
            child++;
        if (c->heap[child].key >= item.key)
            break;
        c->heap[i] = c->heap[child];
        i = child;
    }
    c->heap[i] = item;
}

static uint64_t heap_second(const struct collector *c)
{
    uint64_t key = c->heap_count > 1 ? c->heap[1].key : STREAM_KEY_MAX;

    return c->heap_count > 2 && c->heap[2].key < key ? c->heap[2].key : key;
}

/*
 * A record from the future is damage; waiting for its time to come would hold up its
 * thread for ever.  Processors' clocks may differ, turns do not: the next one may never come.
 */
static bool from_the_future(const struct collector *c, uint64_t key)
{
    uint64_t now;

    if (key == STREAM_KEY_MAX)
        return false;
    now = stamp_now(c->segment, c->options.clock);
    return key >> 1 > (now & STAMP_CLOCK ? now + FUTURE_TICKS : now);
}

static void merge(struct collector *c, uint64_t limit)
{
    for (uint32_t i = c->heap_count / 2; i > 0; i--)
        heap_sift(c, i - 1);
    while (c->heap_count && c->heap[0].key <= limit) {
        uint64_t second = heap_second(c), key;
        struct stream *s = c->heap[0].stream;

        key = drain(c, s, second < limit ? second : limit);
        if (key > limit) { /* done with it in this round */
            if (__builtin_expect(from_the_future(c, key), 0))
                skip_chunk(c, s);
            stream_settle(c->segment, s);
            c->heap[0] = c->heap[--c->heap_count];
        } else {
            c->heap[0].key = key;
        }
        heap_sift(c, 0);
    }
    flush(c);
    for (uint32_t i = 0; i < c->heap_count; i++) {
        if (from_the_future(c, c->heap[i].key))
            skip_chunk(c, c->heap[i].stream);
        stream_settle(c->segment, c->heap[i].stream);
    }
    c->heap_count = 0;
}

/* Put a stream with something to take on the (not yet ordered) heap. */
static void heap_add(struct collector *c, struct stream *s)
{
    struct stream_record r;

    while (s->next == s->end)
        if (!follow(c, s))
            return;
    c->heap[c->heap_count].key = 0;
    c->heap[c->heap_count].stream = s;
    if (stream_decode(s, &r))
        c->heap[c->heap_count].key = r.key; /* else 0: drain deals with it first */
    c->heap_count++;
}

/*
 * Look at every stream; returns the watermark.  A record may stay in flight for
 * ever, if a signal handler interrupts its making and never returns.  When
 * threads wait for chunks and nothing has moved for a second, such a stream
 * no longer holds the others up.
 */
static uint64_t look_at_all(struct collector *c, uint64_t now, uint64_t stamp)
{
    const struct segment_header *h = segment_header(c->segment);
    bool stalled = atomic_load_explicit(&h->producers_waiting, memory_order_relaxed) &&
                   clock_monotonic_ns() - c->progressed_ns > STALL_NS;
    uint64_t watermark = stamp;

    for (uint32_t i = 0; i < c->used; i++) {
        struct stream *s = &c->streams[i];

        if (!s->open || s->damaged)
            continue;
        if (i + 8 < c->used && c->streams[i + 8].tail < c->segment->layout.chunks_max)
            __builtin_prefetch(segment_chunk(c->segment, c->streams[i + 8].tail));
        stream_look(c->segment, s, now, stamp);
        if (s->damaged)
            c->model->damaged_records++;
        else if (s->bound < watermark && !stalled)
            watermark = s->bound;
        if (stream_has_more(s))
            heap_add(c, s);
    }
    return watermark;
}

/* Give back what ended threads had, once it is drained; they were looked at since they ended. */
static void close_ended(struct collector *c)
{
    for (uint32_t i = 0; c->ended && i < c->used; i++) {
        struct stream *s = &c->streams[i];

        if (s->open && s->gone && !s->damaged && !stream_has_more(s))
            close_stream(c, s);
    }
}

/*
 * The last key that may be taken.  A record to come may carry the very stamp of its bound.  If that
 * is a turn, all of the same are of one thread, in its stream's order; if it is of the clock, they
 * may be of any, and only smaller ones are taken.
 */
static uint64_t limit_of(uint64_t watermark)
{
    return watermark & STAMP_CLOCK ? (watermark << 1) - 1 : watermark << 1 | 1;
}

/* After records were seen: of who made one beyond it this sees the stamp, too. */
static void look_whether_closed(struct collector *c)
{
    /* acquire: pairs with the target's release */
    uint64_t closed =
        atomic_load_explicit(&segment_header(c->segment)->closed, memory_order_acquire);

    c->closed = closed && closed < STREAM_KEY_MAX >> 1 ? closed << 1 | 1 : STREAM_KEY_MAX;
}

static void round_timed(struct collector *c)
{
    uint64_t stamp = stamp_now(c->segment, c->options.clock);
    uint64_t now = now_ticks(c);
    uint64_t watermark;

    pass_barrier(c);
    find_streams(c);
    watermark = look_at_all(c, now, stamp);
    look_whether_closed(c);
    merge(c, limit_of(watermark));
    close_ended(c);
}

static void drain_once(struct collector *c)
{
    if (!c->timed)
        round_untimed(c);
    if (c->timed)
        round_timed(c);
}

/* Look whether some threads have ended; returns how many have. */
static uint32_t mark_ended(struct collector *c, uint32_t probes)
{
    uint32_t before = c->ended;

    if (!c->options.pid)
        return 0;
    c->opened = 0;
    for (uint32_t i = 0; i < c->used && probes; i++) {
        struct stream *s = &c->streams[c->probe_next];

        c->probe_next = c->probe_next + 1 < c->used ? c->probe_next + 1 : 0;
        if (!s->open || s->damaged || s->gone)
            continue;
        probes--;
        s->gone = procinfo_thread_gone(c->options.pid, (pid_t)s->tid);
        c->ended += s->gone;
    }
    return c->ended - before;
}

static bool is_short(const struct collector *c)
{
    const struct segment_header *h = segment_header(c->segment);

    return atomic_load_explicit(&h->producers_waiting, memory_order_relaxed) ||
           c->open + c->open / 8 >= c->segment->layout.slots_max;
}

uint64_t collector_round(struct collector *c)
{
    uint64_t before = c->model->events;

    c->recycled = 0;
    drain_once(c);
    /* New threads ran short of chunks: those of ended threads do before there are more. */
    if (c->opened >= PROBE_FROM && is_short(c) && mark_ended(c, c->used))
        drain_once(c);
    if (c->recycled >= c->buffer / 4 && c->buffer < CHUNKS_MOST)
        c->buffer *= 2;
    supply_chunks(c, (uint64_t)c->buffer + c->open + c->open / 8);
    if (c->model->events != before)
        c->progressed_ns = clock_monotonic_ns();
    return c->model->events - before;
}

/* ---------------------------------------------------------- housekeeping -- */

static void read_names(struct collector *c)
{
    char name[THREADS_NAME_BYTES];

    for (uint32_t i = 0, left = PROBES_AT_ONCE; i < c->used && left; i++) {
        const struct stream *s = &c->streams[i];

        if (!s->open || s->gone || !c->model->threads.rows[s->thread.row].tid)
            continue;
        left--;
        procinfo_thread_name(c->options.pid, (pid_t)s->tid, name, sizeof(name));
        if (name[0])
            threads_rename(&c->model->threads, s->thread.row, name);
    }
}

static void keep_house(struct collector *c)
{
    uint64_t now = clock_monotonic_ns();
    uint32_t probes;

    if (now - c->polled_ns < POLL_NS)
        return;
    c->polled_ns = now;
    if (c->rss_fd >= 0) {
        uint64_t rss = procinfo_rss(c->rss_fd);

        if (rss)
            model_rss(c->model, now_ticks(c), rss);
    }
    if (c->options.poll)
        c->options.poll(c->options.context);
    if (!c->options.pid)
        return;
    /* Two probes for each new thread keep up with any pace. */
    probes = is_short(c) ? c->used : 2 * c->opened;
    mark_ended(c, probes > PROBES_AT_ONCE ? probes : PROBES_AT_ONCE);
    if (now - c->named_ns >= NAME_NS) {
        read_names(c);
        c->named_ns = now;
    }
}

/* ---------------------------------------------------------------- running -- */

static bool stopped(struct collector *c)
{
    /* relaxed: whoever stops us joins the thread before it looks at anything else */
    return atomic_load_explicit(&c->stop, memory_order_relaxed);
}

/* A round between what is to be done before and after it; returns how long to sleep at most. */
static uint64_t round_between(struct collector *c)
{
    uint64_t wait = POLL_NS;

    /* acquire: pairs with collector_rouse; what was asked for before it is seen by `before` */
    atomic_exchange_explicit(&c->roused, 0, memory_order_acquire);
    if (c->options.before)
        wait = c->options.before(c->options.context);
    collector_round(c);
    if (c->options.after)
        c->options.after(c->options.context);
    return wait < POLL_NS ? wait : POLL_NS;
}

void collector_run(struct collector *c)
{
    while (!stopped(c)) {
        uint64_t wait = round_between(c);

        keep_house(c);
        /* Much came: more will have come meanwhile. */
        if (c->recycled >= c->chunks / 8 || stopped(c))
            continue;
        /* relaxed: who rouses us a moment later wakes us, or waits for the end of the sleep */
        if (wait && !atomic_load_explicit(&c->roused, memory_order_relaxed))
            ring_host_sleep(c->segment, c->chunks / 4, wait);
    }
}

void collector_rouse(struct collector *c)
{
    /* release: see round_between */
    atomic_store_explicit(&c->roused, 1, memory_order_release);
    ring_rouse(c->segment);
}

void collector_stop(struct collector *c)
{
    struct segment_header *h = segment_header(c->segment);

    atomic_store_explicit(&c->stop, 1, memory_order_relaxed);
    /*
     * Look like a waiting producer, for good: ring_host_sleep does not sleep
     * while there is one, so it cannot miss the rousing.  seq_cst: see there.
     */
    atomic_fetch_add_explicit(&h->producers_waiting, 1, memory_order_seq_cst);
    ring_rouse(c->segment);
}

/* Whatever is in flight, in the order of what is there. */
static void merge_all(struct collector *c)
{
    look_at_all(c, now_ticks(c), stamp_now(c->segment, c->options.clock));
    look_whether_closed(c);
    merge(c, STREAM_KEY_MAX - 1);
}

void collector_settle(struct collector *c)
{
    if (!c->timed)
        round_untimed(c);
    if (!c->timed)
        return;
    find_streams(c);
    merge_all(c);
}

void collector_finish(struct collector *c)
{
    c->timed = true;
    find_streams(c);
    for (uint32_t i = 0; i < c->used; i++)
        c->streams[i].gone = true;
    merge_all(c);
}
