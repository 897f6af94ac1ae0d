/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a target program keeps account of what it does and states it, without
 * allocating anything itself.
 *
 * A target prints lines of the form `key=value` on its standard output, which
 * tests/e2e/harness.py compares with what memprof says:
 *   total_blocks=10             of the whole process
 *   in.NAME.total_blocks=10     of the stacks that pass through function NAME
 *   line.NAME=FILE:LINE         where function NAME allocates
 * Any other key is for the test of that target alone.
 */
#ifndef MEMPROF_TESTS_TARGETS_TALLY_H
#define MEMPROF_TESTS_TARGETS_TALLY_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
/* Keeps a call from becoming a tail call, and a pointer from being reasoned about. */
#define KEEP(p) __asm__ volatile("" : : "r"(p) : "memory")

struct tally {
    uint64_t total_blocks, total_bytes;
    uint64_t live_blocks, live_bytes;
    uint64_t peak_blocks, peak_bytes;
};

static inline void tally_took(struct tally *t, uint64_t size)
{
    t->total_blocks++;
    t->total_bytes += size;
    t->live_blocks++;
    t->live_bytes += size;
    if (t->live_bytes > t->peak_bytes) {
        t->peak_bytes = t->live_bytes;
        t->peak_blocks = t->live_blocks;
    }
}

static inline void tally_gave(struct tally *t, uint64_t size)
{
    t->live_blocks--;
    t->live_bytes -= size;
}

static inline void tally_resized(struct tally *t, uint64_t old, uint64_t size)
{
    tally_gave(t, old);
    tally_took(t, size);
}

static inline void put(const char *text, size_t n)
{
    while (n) {
        ssize_t w = write(1, text, n);

        if (w <= 0)
            _exit(99);
        text += w;
        n -= (size_t)w;
    }
}

static inline void say(const char *key, long long value)
{
    char line[200];

    put(line, (size_t)snprintf(line, sizeof line, "%s=%lld\n", key, value));
}

static inline void say_text(const char *key, const char *value)
{
    char line[4200];

    put(line, (size_t)snprintf(line, sizeof line, "%s=%.4000s\n", key, value));
}

/* `prefix` is "" for the whole process or "in.NAME." */
static inline void tally_say_flow(const struct tally *t, const char *prefix)
{
    char key[120];

    snprintf(key, sizeof key, "%stotal_blocks", prefix);
    say(key, (long long)t->total_blocks);
    snprintf(key, sizeof key, "%stotal_bytes", prefix);
    say(key, (long long)t->total_bytes);
    snprintf(key, sizeof key, "%slive_blocks", prefix);
    say(key, (long long)t->live_blocks);
    snprintf(key, sizeof key, "%slive_bytes", prefix);
    say(key, (long long)t->live_bytes);
}

static inline void tally_say(const struct tally *t, const char *prefix)
{
    char key[120];

    tally_say_flow(t, prefix);
    snprintf(key, sizeof key, "%speak_blocks", prefix);
    say(key, (long long)t->peak_blocks);
    snprintf(key, sizeof key, "%speak_bytes", prefix);
    say(key, (long long)t->peak_bytes);
}

static inline long argument(int argc, char **argv, int i, long otherwise)
{
    return argc > i ? strtol(argv[i], NULL, 0) : otherwise;
}

#endif
