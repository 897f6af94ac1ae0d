/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The library's side of include/memprof.h: the table that the header finds by
 * name.  Each function makes one record, or several that follow each other in one
 * chunk.  They may be called wherever an allocator's entry points may, and also
 * from within the real allocator: one that is built into the program may report
 * its blocks.
 */
#define MEMPROF_API_TABLE_ONLY
#include "include/memprof.h"

#include "preload/api.h"

#include "preload/asker.h"
#include "preload/domains.h"
#include "preload/entry.h"
#include "preload/overhead.h"
#include "preload/search.h"
#include "src/shared/clock.h"
#include "src/shared/ring.h"

#include <stdint.h>
#include <string.h>

#define ADDRESS_BITS 48
#define QUESTION_TRIES 8 /* signal handlers that ask in between take the answer */

static uint64_t number(const void *address)
{
    return (uint64_t)(uintptr_t)address;
}

/* What fits into a record; more would be taken for another block or size. */
static bool block_possible(const void *ptr, size_t size)
{
    return number(ptr) >> ADDRESS_BITS == 0 && (uint64_t)size >> ADDRESS_BITS == 0;
}

/* A record of one word, or of two. */
static int say(const uint64_t *frame, uint32_t kind, uint64_t value, const uint64_t *extra)
{
    uint32_t was;
    struct thread *t = entry_begin_request(frame, &was);
    bool done;

    if (!t)
        return -1;
    done = emit(t, kind, 0, value, false, 0, 0, extra, extra ? 1 : 0);
    entry_end_request(was);
    return done ? 0 : -1;
}

/* -------------------------------------------------------- on and off -- */

/* Whether there is a session.  The first call of all may be one of ours, before any malloc. */
static bool opened(void)
{
    if (!session_open())
        session_enter();
    return session_open();
}

static int api_start(void)
{
    if (!opened() || !session_trace(true))
        return -1;
    say(FRAME, RECORD_TRACING, 1, NULL);
    return 0;
}

/*
 * The record comes first: a block freed after it may be one that was not recorded.
 * If it cannot be made now, the next call that would make a block does it.
 */
static int api_stop(void)
{
    if (!opened())
        return -1;
    if (say(FRAME, RECORD_TRACING, 0, NULL) != 0)
        session.stop_untold = 1;
    return session_trace(false) ? 0 : -1;
}

static int api_is_tracing(void)
{
    return opened() && session_tracing();
}

/* ---------------------------------------------------------------- texts -- */

/* The bytes of `text` that are kept: no more than fit, and no half character. */
static size_t text_length(const char *text)
{
    const char *end = text ? memchr(text, '\0', TEXT_BYTES_MAX + 1) : text;
    size_t length = TEXT_BYTES_MAX;

    if (!text || end)
        return text ? (size_t)(end - text) : 0;
    while (length > 0 && ((unsigned char)text[length] & 0xc0) == 0x80)
        length--;
    return length ? length : TEXT_BYTES_MAX; /* no UTF-8 at all */
}

/* The text's pieces; then the record that uses it, all in one chunk or none at all. */
static bool emit_text(struct thread *t, uint32_t kind, const char *text, size_t length,
                      uint64_t extra)
{
    size_t pieces = (length + TEXT_PIECE_BYTES - 1) / TEXT_PIECE_BYTES;
    size_t words = (pieces + 1) * RECORD_MAX_WORDS;
    uint64_t piece[TEXT_PIECE_BYTES / 8];

    if ((size_t)(t->writer.end - t->writer.next) < words && !emit_turn(t))
        return false;
    for (size_t at = 0; at < length; at += TEXT_PIECE_BYTES) {
        size_t rest = length - at < TEXT_PIECE_BYTES ? length - at : TEXT_PIECE_BYTES;

        memset(piece, 0, sizeof(piece));
        memcpy(piece, text + at, rest);
        emit(t, RECORD_TEXT, 0, at, false, 0, 0, piece, TEXT_PIECE_BYTES / 8);
    }
    return emit(t, kind, 0, length, false, 0, 0, &extra, 1);
}

static int say_text(const uint64_t *frame, uint32_t kind, const char *text)
{
    size_t length = text_length(text);
    uint32_t was;
    struct thread *t = entry_begin_request(frame, &was);
    bool done;

    if (!t)
        return -1;
    done = emit_text(t, kind, text, length, clock_ticks(session.clock));
    entry_end_request(was);
    return done ? 0 : -1;
}

static int api_snapshot(const char *label)
{
    int result = say_text(FRAME, RECORD_SNAPSHOT, label);

    if (result == 0)
        ring_rouse(&session.segment);
    return result;
}

static int api_mark(const char *label)
{
    return say_text(FRAME, RECORD_MARK, label);
}

/* --------------------------------------------------- clearing, ignoring -- */

static int api_clear_traces(void)
{
    return say(FRAME, RECORD_CLEAR, 0, NULL);
}

static int api_reset_peak(void)
{
    return say(FRAME, RECORD_RESET_PEAK, 0, NULL);
}

int api_ignore(const void *ptr)
{
    if (!ptr || !block_possible(ptr, 0))
        return opened() ? 0 : -1; /* no block is there */
    return say(FRAME, RECORD_IGNORE, number(ptr), NULL);
}

/* ---------------------------------------------------------------- leaks -- */

int api_leak_check(const uint64_t *frame, size_t *lost_bytes, size_t *lost_blocks)
{
    uint64_t bytes, blocks;

    if (!opened() || !search_possible())
        return -1;
    asker_note(frame);
    if (!search_lost(&bytes, &blocks))
        return -1;
    if (lost_bytes)
        *lost_bytes = bytes;
    if (lost_blocks)
        *lost_blocks = blocks;
    return 0;
}

static int api_table_leak_check(size_t *lost_bytes, size_t *lost_blocks)
{
    return api_leak_check(FRAME, lost_bytes, lost_blocks);
}

int api_region(enum region_what what, const void *ptr, size_t size)
{
    bool removal = what == REGION_ROOT_REMOVE || what == REGION_WEAK_REMOVE;
    uint64_t extra = what;
    struct thread *t;
    uint32_t was;
    bool done;

    if (!opened() || !block_possible(ptr, size))
        return -1;
    if (!ptr || (size == 0 && !removal))
        return 0;
    t = entry_begin_request(FRAME, &was);
    if (!t)
        return -1;
    done = emit(t, RECORD_REGION, 0, number(ptr), true, size, 0, &extra, 1);
    entry_end_request(was);
    return done ? 0 : -1;
}

static int api_root_region(const void *ptr, size_t size)
{
    return api_region(REGION_ROOT_ADD, ptr, size);
}

static int api_root_region_remove(const void *ptr)
{
    return api_region(REGION_ROOT_REMOVE, ptr, 0);
}

static int api_weak_region(const void *ptr, size_t size)
{
    return api_region(REGION_WEAK_ADD, ptr, size);
}

static int api_weak_region_remove(const void *ptr)
{
    return api_region(REGION_WEAK_REMOVE, ptr, 0);
}

/* ------------------------------------------------------------- questions -- */

/* One question and its answer.  RING_DROPPED: another's answer came in its place, or none. */
static enum ring_result ask_once(const uint64_t *frame, enum query what, uint64_t answer[2])
{
    enum ring_result result;
    struct thread *t;
    uint64_t sequence;
    uint32_t was, slot;
    bool asked;

    t = entry_begin_request(frame, &was);
    if (!t)
        return RING_FULL;
    sequence = ++t->questions;
    slot = t->writer.slot;
    asked = emit(t, RECORD_QUERY, 0, what, false, 0, 0, &sequence, 1);
    /* Waiting is no recording: a signal handler may do what it likes meanwhile. */
    entry_end_request(was);
    if (!asked)
        return RING_FULL;
    result = ring_ask(&session.segment, slot, (uint32_t)sequence, answer);
    if (result == RING_NO_HOST)
        session_close();
    return result;
}

static int ask(const uint64_t *frame, enum query what, uint64_t answer[2])
{
    for (int i = 0; i < QUESTION_TRIES; i++) {
        uint64_t begun = clock_monotonic_ns();
        enum ring_result result = ask_once(frame, what, answer);

        if (result != RING_DROPPED)
            return result == RING_OK ? 0 : -1;
        if (clock_monotonic_ns() - begun > UINT64_C(1000000000))
            return -1; /* no answer at all */
    }
    return -1;
}

static int api_get_traced_memory(size_t *current, size_t *peak)
{
    uint64_t answer[2];

    if (ask(FRAME, QUERY_TRACED, answer) != 0)
        return -1;
    if (current)
        *current = answer[0];
    if (peak)
        *peak = answer[1];
    return 0;
}

static int api_get_overhead(size_t *target, size_t *host)
{
    uint64_t answer[2];

    if (ask(FRAME, QUERY_OVERHEAD, answer) != 0)
        return -1;
    if (target)
        *target = overhead_bytes() + answer[0];
    if (host)
        *host = answer[1];
    return 0;
}

/* ----------------------------------------------------- the program's blocks -- */

static int api_domain(const char *name)
{
    size_t length = text_length(name);
    struct thread *t;
    uint32_t was;
    int domain;

    if (length == 0)
        return -1;
    t = entry_begin_request(FRAME, &was);
    if (!t)
        return -1;
    domain = domain_number(name, length);
    if (domain > 0 && !domain_told(domain) &&
        emit_text(t, RECORD_DOMAIN, name, length, (uint64_t)domain))
        domain_note_told(domain);
    entry_end_request(was);
    return domain;
}

/* An event of a domain's block that is to be counted if it cannot be recorded. */
static struct thread *block_begin(const uint64_t *frame, int domain, uint32_t *was)
{
    struct thread *t;

    if (!domain_exists(domain))
        return NULL;
    t = entry_begin_request(frame, was);
    if (!t && local.busy == BUSY_RECORDING && session_open())
        entry_note_nested();
    return t;
}

static int block_alloc(const uint64_t *frame, int domain, const void *ptr, size_t size)
{
    uint64_t extra = (uint64_t)domain;
    struct thread *t;
    uint32_t was;
    bool done;

    if (!opened() || !block_possible(ptr, size))
        return -1;
    if (!ptr || !session_tracing())
        return 0;
    t = block_begin(frame, domain, &was);
    if (!t)
        return -1;
    done = emit(t, RECORD_DOMAIN_ALLOC, 0, number(ptr), true, size, stack_capture(t, frame), &extra,
                1);
    entry_end_request(was);
    return done ? 0 : -1;
}

static int api_alloc(int domain, const void *ptr, size_t size)
{
    return block_alloc(FRAME, domain, ptr, size);
}

static int api_realloc(int domain, const void *old_ptr, const void *new_ptr, size_t size)
{
    const uint64_t *frame = FRAME;
    uint64_t extra = number(old_ptr) | (uint64_t)(uint32_t)domain << ADDRESS_BITS;
    struct thread *t;
    uint32_t was;
    bool done;

    if (!old_ptr || !new_ptr)
        return block_alloc(frame, domain, new_ptr, size);
    if (!block_possible(old_ptr, size) || !block_possible(new_ptr, size))
        return -1;
    t = block_begin(frame, domain, &was);
    if (!t)
        return -1;
    done = emit(t, RECORD_DOMAIN_REALLOC, entry_paused(), number(new_ptr), true, size,
                stack_capture(t, frame), &extra, 1);
    entry_end_request(was);
    return done ? 0 : -1;
}

static int api_free(int domain, const void *ptr)
{
    uint64_t extra = (uint64_t)domain;
    struct thread *t;
    uint32_t was;
    bool done;

    if (!ptr)
        return opened() ? 0 : -1;
    if (!block_possible(ptr, 0))
        return -1;
    t = block_begin(FRAME, domain, &was);
    if (!t)
        return -1;
    done = emit(t, RECORD_DOMAIN_FREE, 0, number(ptr), false, 0, 0, &extra, 1);
    entry_end_request(was);
    return done ? 0 : -1;
}

extern const struct memprof_api_v1 memprof_api_v1;
ENTRY const struct memprof_api_v1 memprof_api_v1 = {
    .size = sizeof(memprof_api_v1),
    .start = api_start,
    .stop = api_stop,
    .is_tracing = api_is_tracing,
    .snapshot = api_snapshot,
    .clear_traces = api_clear_traces,
    .get_traced_memory = api_get_traced_memory,
    .reset_peak = api_reset_peak,
    .get_overhead = api_get_overhead,
    .mark = api_mark,
    .ignore = api_ignore,
    .domain = api_domain,
    .alloc = api_alloc,
    .realloc = api_realloc,
    .free = api_free,
    .leak_check = api_table_leak_check,
    .root_region = api_root_region,
    .root_region_remove = api_root_region_remove,
    .weak_region = api_weak_region,
    .weak_region_remove = api_weak_region_remove,
};
