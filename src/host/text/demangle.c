// SPDX-License-Identifier: Apache-2.0
#include "src/host/text/demangle.h"

#include "src/shared/bump.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#ifdef HAVE_LIBIBERTY_DEMANGLE_H
#include <libiberty/demangle.h>
#else
#include <demangle.h>
#endif

/* libiberty's time and stack grow faster than the name; the longest seen in LLVM has 8 KiB. */
#define LONGEST_NAME 32768

struct entry {
    struct entry *next;
    uint32_t hash;
    const char *name;
    char text[];
};

#define BUCKETS_AT_FIRST 256

struct demangler {
    struct bump entries; /* kept until the end */
    struct entry **buckets;
    size_t bucket_count, used; /* bucket_count is a power of two */
    bool keep_mangled;
};

struct demangler *demangler_new(bool keep_mangled)
{
    struct demangler *d = calloc(1, sizeof *d);

    if (!d)
        return NULL;
    d->buckets = calloc(BUCKETS_AT_FIRST, sizeof(struct entry *));
    if (!d->buckets) {
        free(d);
        return NULL;
    }
    d->bucket_count = BUCKETS_AT_FIRST;
    d->keep_mangled = keep_mangled;
    return d;
}

void demangler_free(struct demangler *d)
{
    if (!d)
        return;
    bump_release(&d->entries);
    free(d->buckets);
    free(d);
}

bool demangle_is_mangled(const char *name)
{
    return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R' || name[1] == 'D');
}

/* A malloc'd readable form, or NULL if the name is not mangled after all. */
static char *demangle(const char *name)
{
    char *text;

    if (name[1] == 'D')
        return dlang_demangle(name, DMGL_PARAMS | DMGL_ANSI);
    text = rust_demangle(name, DMGL_NO_OPTS);
    if (!text && name[1] == 'Z')
        text = cplus_demangle_v3(name, DMGL_PARAMS | DMGL_ANSI | DMGL_RET_DROP);
    return text;
}

/* The part of a name before its symbol version; the length is returned. */
static size_t unversioned(const char *name)
{
    size_t length = strcspn(name, "@");

    return length ? length : strlen(name);
}

static uint32_t hash_of(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

static void grow(struct demangler *d)
{
    size_t count = d->bucket_count * 2;
    struct entry **buckets = calloc(count, sizeof(struct entry *));

    if (!buckets)
        return; /* longer chains, nothing worse */
    for (size_t i = 0; i < d->bucket_count; i++)
        for (struct entry *e = d->buckets[i], *next; e; e = next) {
            next = e->next;
            e->next = buckets[e->hash & (count - 1)];
            buckets[e->hash & (count - 1)] = e;
        }
    free(d->buckets);
    d->buckets = buckets;
    d->bucket_count = count;
}

/* The entry, its text and a copy of the name it is found by lie together. */
static struct entry *entry_new(struct demangler *d, const char *name, const char *text,
                               size_t text_length)
{
    size_t name_size = strlen(name) + 1;
    struct entry *e =
        bump_alloc(&d->entries, sizeof *e + text_length + 1 + name_size, _Alignof(struct entry));

    if (!e)
        return NULL;
    memcpy(e->text, text, text_length);
    e->text[text_length] = '\0';
    e->name = memcpy(e->text + text_length + 1, name, name_size);
    return e;
}

static struct entry *resolve(struct demangler *d, const char *name)
{
    size_t length = unversioned(name);
    char *plain = NULL, *text = NULL;
    struct entry *e;

    if (!d->keep_mangled && length <= LONGEST_NAME && demangle_is_mangled(name))
        plain = strndup(name, length);
    if (plain)
        text = demangle(plain);
    e = text ? entry_new(d, name, text, strlen(text)) : entry_new(d, name, name, length);
    free(text);
    free(plain);
    return e;
}

const char *demangler_name(struct demangler *d, const char *name)
{
    uint32_t hash;
    struct entry *e;

    if (!name[unversioned(name)] && (d->keep_mangled || !demangle_is_mangled(name)))
        return name;
    hash = hash_of(name);
    for (e = d->buckets[hash & (d->bucket_count - 1)]; e; e = e->next)
        if (e->hash == hash && !strcmp(e->name, name))
            return e->text;
    e = resolve(d, name);
    if (!e)
        return name;
    if (d->used++ >= d->bucket_count)
        grow(d);
    e->hash = hash;
    e->next = d->buckets[hash & (d->bucket_count - 1)];
    d->buckets[hash & (d->bucket_count - 1)] = e;
    return e->text;
}
