/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the three versions of the log analysis have in common: one line of the
 * log taken apart, and bytes summed up by client.
 */
#ifndef LOGANALYSIS_REPORT_H
#define LOGANALYSIS_REPORT_H

#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* `CLIENT - - [TIME] "METHOD PAGE HTTP/1.1" STATUS SIZE`; the texts are the caller's to free. */
struct entry {
    char *client, *time, *method, *page;
    int status;
    long size;
};

static inline int parse(const char *line, struct entry *e)
{
    *e = (struct entry){0};
    return sscanf(line, "%ms - - [%m[^]]] \"%ms %ms HTTP/1.1\" %d %ld", &e->client, &e->time,
                  &e->method, &e->page, &e->status, &e->size) == 6;
}

static inline void entry_release(struct entry *e)
{
    free(e->client);
    free(e->time);
    free(e->method);
    free(e->page);
}

/* Bytes by client; few enough clients for a linear search. */
struct sum {
    char *client;
    long requests, bytes;
};

struct sums {
    struct sum *list;
    size_t count;
};

static inline void sums_add(struct sums *s, const char *client, long bytes)
{
    size_t i = 0;

    while (i < s->count && strcmp(s->list[i].client, client) != 0)
        i++;
    if (i == s->count) {
        s->list = realloc(s->list, (s->count + 1) * sizeof *s->list);
        s->list[s->count++] = (struct sum){strdup(client), 0, 0};
    }
    s->list[i].requests++;
    s->list[i].bytes += bytes;
}

static inline int by_bytes(const void *left, const void *right)
{
    const struct sum *x = left, *y = right;

    return x->bytes < y->bytes ? 1 : x->bytes > y->bytes ? -1 : strcmp(x->client, y->client);
}

static inline void sums_print(struct sums *s)
{
    qsort(s->list, s->count, sizeof *s->list, by_bytes);
    for (size_t i = 0; i < s->count && i < 5; i++)
        printf("%-14s %8ld requests %12ld bytes\n", s->list[i].client, s->list[i].requests,
               s->list[i].bytes);
    for (size_t i = 0; i < s->count; i++)
        free(s->list[i].client);
    free(s->list);
}

#endif
