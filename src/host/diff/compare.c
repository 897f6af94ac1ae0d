// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/compare.h"

#include "src/host/view/location.h"

#include <stdlib.h>
#include <string.h>

#define ENDING ".mprof"

static char *name_of_file(const char *path)
{
    const char *base = location_base(path);
    size_t length = strlen(base), ending = strlen(ENDING);

    if (length > ending && strcmp(base + length - ending, ENDING) == 0)
        length -= ending;
    return strndup(base, length);
}

static void run_release(struct compare_run *run)
{
    free(run->name);
    free(run->path);
    free(run->command);
}

int compare_add(struct compare *c, const struct profile *p, const char *path, const char *name,
                struct error *e)
{
    struct compare_run *runs = realloc(c->runs, (c->count + 1) * sizeof *runs);
    struct compare_run run = {
        .name = name ? strdup(name) : name_of_file(path),
        .path = strdup(path),
        .command = strdup(profile_text(p, p->process.command)),
        .totals = p->totals,
        .seconds = p->process.seconds,
        .dropped = p->loss.dropped,
        .merged = p->process.merged,
        .incomplete = p->incomplete,
    };

    if (runs)
        c->runs = runs;
    if (runs && run.name && run.path && run.command) {
        c->runs[c->count++] = run;
        return 0;
    }
    run_release(&run);
    return error_set(e, ERROR_MEMORY, "out of memory");
}

static bool has_namesake(const struct compare *c, size_t index, const char *const *names)
{
    for (size_t i = 0; i < c->count; i++)
        if (i != index && strcmp(names[i], names[index]) == 0)
            return true;
    return false;
}

int compare_name_apart(struct compare *c, struct error *e)
{
    const char **names = malloc((c->count + 1) * sizeof *names);
    bool failed = !names;

    for (size_t i = 0; !failed && i < c->count; i++)
        names[i] = c->runs[i].name;
    for (size_t i = 0; !failed && i < c->count; i++) {
        char *path;

        if (!has_namesake(c, i, names))
            continue;
        path = strdup(c->runs[i].path);
        failed = !path;
        if (path)
            c->runs[i].name = path;
    }
    for (size_t i = 0; names && i < c->count; i++)
        if (names[i] != c->runs[i].name)
            free((char *)names[i]);
    free(names);
    return failed ? error_set(e, ERROR_MEMORY, "out of memory") : 0;
}

void compare_release(struct compare *c)
{
    for (size_t i = 0; i < c->count; i++)
        run_release(&c->runs[i]);
    free(c->runs);
    *c = (struct compare){0};
}

double compare_value(enum compare_order order, const struct compare_run *run)
{
    switch (order) {
    case COMPARE_BY_PEAK:
        return (double)run->totals.peak_bytes;
    case COMPARE_BY_LIVE:
        return (double)run->totals.live_bytes;
    case COMPARE_BY_TOTAL:
        return (double)run->totals.total_bytes;
    case COMPARE_BY_BLOCKS:
        return (double)run->totals.total_blocks;
    case COMPARE_BY_TEMPORARY:
        return (double)run->totals.temporary_blocks;
    case COMPARE_BY_SECONDS:
        break;
    }
    return run->seconds;
}

bool compare_saved(const struct compare *c, const struct compare_run *run, double *percent)
{
    double first = compare_value(c->order, &c->runs[0]);

    *percent = first > 0 ? 100 * (first - compare_value(c->order, run)) / first : 0;
    return first > 0;
}
