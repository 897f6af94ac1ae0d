// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/moments.h"

#include "src/host/profile/changes.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* -------------------------------------------------------------- finding -- */

static uint32_t find_number(const struct profile *p, const char *text)
{
    char *end;
    unsigned long long number;

    if (*text < '0' || *text > '9')
        return p->moment_count;
    number = strtoull(text, &end, 10);
    if (*end || number == 0)
        return p->moment_count;
    for (uint32_t i = 0; i < p->moment_count; i++)
        if (p->moments[i].number == number)
            return i;
    return p->moment_count;
}

/* The last snapshot that has this label, any for NULL. */
static uint32_t find_last(const struct profile *p, const char *label)
{
    for (uint32_t i = p->moment_count; i-- > 0;)
        if (p->moments[i].number &&
            (!label ||
             (p->moments[i].label && !strcmp(profile_text(p, p->moments[i].label), label))))
            return i;
    return p->moment_count;
}

static uint32_t find(const struct profile *p, const char *text)
{
    uint32_t found = find_number(p, text);

    if (found == p->moment_count)
        found = find_last(p, text);
    if (found == p->moment_count && !strcmp(text, "last"))
        found = find_last(p, NULL);
    return found;
}

#define LISTED 8u /* in an error */

static void list_snapshots(struct strbuf *out, const struct profile *p)
{
    uint32_t count = 0, said = 0;

    for (uint32_t i = 0; i < p->moment_count; i++)
        count += p->moments[i].number != 0;
    for (uint32_t i = 0; i < p->moment_count && said < LISTED; i++) {
        if (!p->moments[i].number)
            continue;
        strbuf_addf(out, "%s%" PRIu32, said++ ? ", " : "", p->moments[i].number);
        if (p->moments[i].label)
            strbuf_addf(out, " (%.40s)", profile_text(p, p->moments[i].label));
    }
    if (count > said)
        strbuf_addf(out, " and %" PRIu32 " more", count - said);
}

static int not_found(const struct profile *p, const char *text, struct error *e)
{
    struct strbuf list;

    strbuf_init(&list);
    list_snapshots(&list, p);
    if (*strbuf_text(&list))
        error_set(e, ERROR_INPUT, "the profile has no snapshot %.80s; it has %s, peak and exit",
                  text, strbuf_text(&list));
    else
        error_set(e, ERROR_INPUT,
                  "the profile has no snapshot %.80s: none was taken, there are only peak and exit",
                  text);
    strbuf_release(&list);
    return -1;
}

bool moment_peak_kept(const struct profile *p)
{
    if (!p->totals.peak_bytes)
        return true; /* nothing is all there is to say */
    for (uint32_t i = 0; i < p->site_count; i++)
        if (p->sites[i].domain == DOMAIN_HEAP && p->sites[i].stats.peak_bytes)
            return true;
    return false;
}

int moment_find(const struct profile *p, const char *text, struct moment *moment, struct error *e)
{
    uint32_t found;

    *moment = (struct moment){MOMENT_AT_EXIT, 0};
    if (!text || !*text || strcmp(text, "exit") == 0)
        return 0;
    if (strcmp(text, "peak") == 0) {
        if (!moment_peak_kept(p))
            return error_set(e, ERROR_INPUT,
                             "the profile does not say what was live at the peak: it "
                             "was recorded with --no-snapshot-at-peak");
        moment->place = MOMENT_AT_PEAK;
        return 0;
    }
    found = find(p, text);
    if (found == p->moment_count)
        return not_found(p, text, e);
    *moment = (struct moment){MOMENT_LISTED, found};
    return 0;
}

/* -------------------------------------------------------------- numbers -- */

static void exit_stats(const struct profile *p, struct profile_stats *stats)
{
    for (uint32_t i = 0; i < p->site_count; i++)
        stats[i] = p->sites[i].stats;
}

static void peak_stats(const struct profile *p, struct profile_stats *stats)
{
    for (uint32_t i = 0; i < p->site_count; i++) {
        const struct profile_stats *from = &p->sites[i].stats;

        stats[i] = (struct profile_stats){.live_bytes = from->peak_bytes,
                                          .live_blocks = from->peak_blocks,
                                          .smallest = from->smallest,
                                          .largest = from->largest};
    }
}

/* What one thread adds up: the moments from `first` up to `end`. */
struct part {
    const struct profile *profile;
    struct profile_stats *stats; /* of every site */
    uint32_t first, end;
    int result;
    struct error error;
};

static void *sum_part(void *argument)
{
    struct part *part = argument;
    const struct profile *p = part->profile;

    part->result = changes_sum(part->stats, p->site_count, p->changes + part->first,
                               part->end - part->first, &part->error);
    return NULL;
}

/* So much that another thread pays for itself; and how far the first half of it reaches. */
#define PACKED_FOR_THREADS (UINT64_C(1) << 20)

static uint32_t half_of(const struct profile *p, uint32_t end)
{
    uint64_t all = 0, sum = 0;
    uint32_t i = 0;

    for (uint32_t k = 0; k < end; k++)
        all += p->changes[k].size;
    if (all < PACKED_FOR_THREADS)
        return end;
    while (sum < all / 2)
        sum += p->changes[i++].size;
    return i;
}

/* Differences can be added in any order: the second half by a thread of its own. */
static void sum_in_two(struct part *front, struct part *back)
{
    const struct profile *p = front->profile;
    pthread_t thread;

    back->stats = calloc((size_t)p->site_count + 1, sizeof *back->stats);
    if (!back->stats || pthread_create(&thread, NULL, sum_part, back) != 0) {
        free(back->stats);
        front->end = back->end;
        sum_part(front);
        return;
    }
    sum_part(front);
    pthread_join(thread, NULL);
    for (uint32_t i = 0; back->result == 0 && i < p->site_count; i++)
        changes_add(&front->stats[i], &back->stats[i]);
    free(back->stats);
}

/* The sum of all changes up to the moment. */
static int listed_stats(const struct profile *p, uint32_t last, struct profile_stats *stats,
                        struct error *e)
{
    struct part front = {.profile = p, .stats = stats, .end = half_of(p, last + 1)};
    struct part back = {.profile = p, .first = front.end, .end = last + 1};

    for (uint32_t i = 0; i < p->site_count; i++)
        stats[i] = changes_start();
    if (back.first == back.end)
        sum_part(&front);
    else
        sum_in_two(&front, &back);
    if (front.result == 0 && back.result == 0)
        return 0;
    if (e)
        *e = front.result != 0 ? front.error : back.error;
    return -1;
}

int moment_stats(const struct profile *p, struct moment moment, struct profile_stats **stats,
                 struct error *e)
{
    *stats = malloc(((size_t)p->site_count + 1) * sizeof **stats);
    if (!*stats)
        return error_set(e, ERROR_MEMORY, "out of memory");
    if (moment.place == MOMENT_AT_EXIT) {
        exit_stats(p, *stats);
    } else if (moment.place == MOMENT_AT_PEAK) {
        peak_stats(p, *stats);
    } else if (listed_stats(p, moment.index, *stats, e) != 0) {
        free(*stats);
        *stats = NULL;
        return -1;
    }
    return 0;
}

double moment_seconds(const struct profile *p, struct moment moment)
{
    if (moment.place == MOMENT_AT_PEAK)
        return p->totals.peak_seconds;
    return moment.place == MOMENT_LISTED ? p->moments[moment.index].seconds : p->process.seconds;
}

void moment_name(struct strbuf *out, const struct profile *p, struct moment moment)
{
    const struct profile_moment *m;

    if (moment.place != MOMENT_LISTED) {
        strbuf_add(out, moment.place == MOMENT_AT_PEAK ? "the peak" : "exit");
        return;
    }
    m = &p->moments[moment.index];
    if (m->number)
        strbuf_addf(out, "snapshot %" PRIu32, m->number);
    else
        strbuf_addf(out, "the checkpoint at %.1f s", m->seconds);
    if (m->label)
        strbuf_addf(out, " (%s)", profile_text(p, m->label));
}
