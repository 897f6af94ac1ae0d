// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/pairing.h"

#include "src/host/view/location.h"

#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------- modules -- */

struct side {
    const struct places *places;
    struct assembly *names; /* parts of paths, so that equal ones are equal numbers */
};

typedef struct intern_key module_key(const struct side *side, uint32_t module);

#define NO_KEY                                                                                     \
    (struct intern_key)                                                                            \
    {                                                                                              \
        0, 0, 0                                                                                    \
    }

static bool key_is_set(struct intern_key key)
{
    return key.a || key.b || key.c;
}

static struct intern_key path_key(const struct side *side, uint32_t module)
{
    return (struct intern_key){side->places->module_paths[module], 0, 0};
}

static struct intern_key build_key(const struct side *side, uint32_t module)
{
    const struct profile_module *m = &side->places->profile->modules[module];
    struct intern_key key = {0};

    /* Build IDs are hashes: the first 24 bytes of them tell builds apart. */
    if (m->build_id_size >= 8)
        memcpy(&key, m->build_id, m->build_id_size < sizeof key ? m->build_id_size : sizeof key);
    return key;
}

static const char *base_of(const struct side *side, uint32_t module)
{
    const struct profile *p = side->places->profile;

    return location_base(profile_text(p, p->modules[module].path));
}

/* libz.so.1.2.13 and libz.so.1.3 are libz.so; so is libz-1.3.so. */
static struct intern_key stem_key(const struct side *side, uint32_t module)
{
    char stem[256];
    const char *base = base_of(side, module), *so = strstr(base, ".so");
    size_t length = so ? (size_t)(so - base) : 0;

    if (!so || length >= sizeof stem)
        return NO_KEY;
    memcpy(stem, base, length);
    stem[length] = '\0';
    length = strcspn(stem, "-");
    if (stem[length] && strspn(stem + length + 1, "0123456789.") == strlen(stem + length + 1))
        stem[length] = '\0';
    return (struct intern_key){assembly_text(side->names, stem), 1, 0};
}

static struct intern_key program_key(const struct side *side, uint32_t module)
{
    const struct profile *p = side->places->profile;
    const char *executable = profile_text(p, p->process.executable);

    return (struct intern_key){
        *executable && strcmp(executable, profile_text(p, p->modules[module].path)) == 0, 0, 0};
}

/* Pair what has equal keys and no partner yet; several modules of one path go together. */
static bool pair_by(uint32_t *pairs, uint8_t *taken, const struct side *before,
                    const struct side *after, module_key *key_of)
{
    uint32_t count = after->places->profile->module_count, *first;
    struct intern keys;
    bool ok = true;

    intern_init(&keys);
    first = malloc(((size_t)count + 1) * sizeof *first);
    for (uint32_t m = 0; first && ok && m < count; m++) {
        struct intern_key key = key_of(after, m);
        bool added;
        uint32_t number;

        if (taken[m] || !key_is_set(key))
            continue;
        number = intern_add(&keys, key, &added);
        ok = number != INTERN_NONE;
        if (added)
            first[number] = m;
    }
    for (uint32_t m = 0; first && ok && m < before->places->profile->module_count; m++) {
        struct intern_key key = key_of(before, m);
        uint32_t number =
            pairs[m] == NO_MODULE && key_is_set(key) ? intern_find(&keys, key) : INTERN_NONE;

        if (number != INTERN_NONE)
            pairs[m] = first[number];
    }
    for (uint32_t m = 0; m < before->places->profile->module_count; m++)
        if (pairs[m] != NO_MODULE)
            taken[pairs[m]] = 1;
    ok &= first != NULL;
    intern_release(&keys);
    free(first);
    return ok;
}

/* ---------------------------------------------- files of one name -- */

#define SAME_NAME_MAX 1000000u /* pairs of files of one name that are looked at */

struct file {
    const char *base;
    const char *path;
    string_id id;
    bool is_new;
};

struct candidate {
    size_t common; /* bytes that the ends of the two paths have in common */
    string_id before, after;
};

static int compare_files(const void *left, const void *right)
{
    const struct file *x = left, *y = right;
    int by = strcmp(x->base, y->base);

    if (by == 0)
        by = (int)x->is_new - (int)y->is_new;
    return by ? by : strcmp(x->path, y->path);
}

static int compare_candidates(const void *left, const void *right)
{
    const struct candidate *x = left, *y = right;

    if (x->common != y->common)
        return x->common < y->common ? 1 : -1;
    if (x->before != y->before)
        return x->before < y->before ? -1 : 1;
    return x->after < y->after ? -1 : x->after > y->after;
}

static size_t common_end(const char *x, const char *y)
{
    size_t i = strlen(x), j = strlen(y), common = 0;

    while (i && j && x[i - 1] == y[j - 1]) {
        i--;
        j--;
        common++;
    }
    return common;
}

/* Files of one name: `olds` of the old profile, then `news` of the new one. */
static bool pair_same_name(string_id *pairs, uint8_t *taken, const struct file *files, size_t olds,
                           size_t news)
{
    struct candidate *list;
    size_t count = 0;

    if (olds == 0 || news == 0 || olds > SAME_NAME_MAX / news)
        return true;
    list = malloc(olds * news * sizeof *list);
    if (!list)
        return false;
    for (size_t i = 0; i < olds; i++)
        for (size_t j = olds; j < olds + news; j++)
            if (!pairs[files[i].id] && !taken[files[j].id])
                list[count++] = (struct candidate){common_end(files[i].path, files[j].path),
                                                   files[i].id, files[j].id};
    qsort(list, count, sizeof *list, compare_candidates);
    for (size_t i = 0; i < count; i++) {
        if (pairs[list[i].before] || taken[list[i].after])
            continue;
        pairs[list[i].before] = list[i].after;
        taken[list[i].after] = 1;
    }
    free(list);
    return true;
}

/* Fill in `pairs`, the new path of an old one, and what is `taken`; both by string. */
static bool pair_listed(string_id *pairs, uint8_t *taken, struct file *files, size_t count)
{
    qsort(files, count, sizeof *files, compare_files);
    for (size_t start = 0, middle, end; start < count; start = end) {
        middle = start;
        while (middle < count && !files[middle].is_new &&
               strcmp(files[middle].base, files[start].base) == 0)
            middle++;
        end = middle;
        while (end < count && files[end].is_new && strcmp(files[end].base, files[start].base) == 0)
            end++;
        if (!pair_same_name(pairs, taken, files + start, middle - start, end - middle))
            return false;
    }
    return true;
}

/* ---------------------------------------------------- all modules -- */

/* Whether the module still looks for a partner. */
struct lonely {
    const uint32_t *pairs; /* of the old side */
    const uint8_t *taken;  /* of the new side */
};

static size_t list_modules(struct file *files, uint8_t *seen, const struct places *places,
                           const struct strings *shared, const struct lonely *lonely, bool is_new)
{
    size_t count = 0;

    for (uint32_t m = 0; m < places->profile->module_count; m++) {
        string_id id = places->module_paths[m];
        const char *path = strings_get(shared, id);

        if (id == 0 || (seen[id] & (1 << is_new)) ||
            (is_new ? lonely->taken[m] != 0 : lonely->pairs[m] != NO_MODULE))
            continue;
        seen[id] |= (uint8_t)(1 << is_new);
        files[count++] = (struct file){location_base(path), path, id, is_new};
    }
    return count;
}

static void take_pairs(uint32_t *pairs, uint8_t *taken, const string_id *paths,
                       const struct places *before, const struct places *after)
{
    for (uint32_t m = 0; m < before->profile->module_count; m++) {
        string_id wanted = pairs[m] == NO_MODULE ? paths[before->module_paths[m]] : 0;

        for (uint32_t n = 0; wanted && n < after->profile->module_count; n++)
            if (after->module_paths[n] == wanted) {
                pairs[m] = n;
                break;
            }
    }
    for (uint32_t m = 0; m < before->profile->module_count; m++)
        if (pairs[m] != NO_MODULE)
            taken[pairs[m]] = 1;
}

/* Python's extensions come in many folders under few names: the folders decide. */
static bool pair_by_name(uint32_t *pairs, uint8_t *taken, const struct places *before,
                         const struct places *after, const struct strings *shared)
{
    size_t modules = (size_t)before->profile->module_count + after->profile->module_count;
    struct lonely lonely = {pairs, taken};
    struct file *files = malloc((modules + 1) * sizeof *files);
    string_id *paths = calloc((size_t)shared->count + 1, sizeof *paths);
    uint8_t *seen = calloc((size_t)shared->count + 1, 1);
    uint8_t *paths_taken = calloc((size_t)shared->count + 1, 1);
    bool ok = files && paths && seen && paths_taken;
    size_t count;

    if (ok) {
        count = list_modules(files, seen, before, shared, &lonely, false);
        count += list_modules(files + count, seen, after, shared, &lonely, true);
        ok = pair_listed(paths, paths_taken, files, count);
    }
    if (ok)
        take_pairs(pairs, taken, paths, before, after);
    free(files);
    free(paths);
    free(seen);
    free(paths_taken);
    return ok;
}

static bool pair_by_keys(uint32_t *pairs, uint8_t *taken, const struct side *before,
                         const struct side *after, module_key *first, module_key *second)
{
    return pair_by(pairs, taken, before, after, first) &&
           pair_by(pairs, taken, before, after, second);
}

static bool pair_modules(struct pairing *pairing, const struct places *before,
                         const struct places *after, const struct strings *shared)
{
    struct profile scratch;
    struct assembly names;
    struct side old_side = {before, &names}, new_side = {after, &names};
    uint8_t *taken = calloc((size_t)after->profile->module_count + 1, 1);
    uint32_t *pairs = pairing->modules;
    bool ok = taken != NULL;

    profile_init(&scratch);
    assembly_init(&names, &scratch);
    for (uint32_t m = 0; m < before->profile->module_count; m++)
        pairs[m] = NO_MODULE;
    ok = ok && pair_by_keys(pairs, taken, &old_side, &new_side, path_key, build_key) &&
         pair_by_name(pairs, taken, before, after, shared) &&
         pair_by_keys(pairs, taken, &old_side, &new_side, stem_key, program_key);
    ok &= !names.failed;
    assembly_release(&names);
    profile_release(&scratch);
    free(taken);
    return ok;
}

/* ------------------------------------------------------ all files -- */

/* The distinct files of one side; `seen` has a bit a side for each string. */
static size_t list_files(struct file *files, uint8_t *seen, const struct places *places,
                         const struct strings *shared, bool is_new)
{
    size_t count = 0;

    for (uint32_t i = 0; i < places->count; i++) {
        string_id id = places->list[i].file;
        const char *path = strings_get(shared, id);

        if (id == 0 || (seen[id] & (1 << is_new)))
            continue;
        seen[id] |= (uint8_t)(1 << is_new);
        files[count++] = (struct file){location_base(path), path, id, is_new};
    }
    return count;
}

static bool pair_files(struct pairing *pairing, const struct places *before,
                       const struct places *after, const struct strings *shared)
{
    struct file *files = malloc(((size_t)before->count + after->count + 1) * sizeof *files);
    uint8_t *seen = calloc((size_t)shared->count + 1, 1);
    uint8_t *taken = calloc((size_t)shared->count + 1, 1);
    bool ok = files && seen && taken;
    size_t count;

    if (ok) {
        count = list_files(files, seen, before, shared, false);
        count += list_files(files + count, seen, after, shared, true);
        for (uint32_t id = 1; id < shared->count; id++)
            if (seen[id] == 3) {
                pairing->files[id] = id;
                taken[id] = 1;
            }
        ok = pair_listed(pairing->files, taken, files, count);
    }
    free(files);
    free(seen);
    free(taken);
    return ok;
}

/* ---------------------------------------------------------- pairing -- */

int pairing_init(struct pairing *pairing, const struct places *before, const struct places *after,
                 const struct strings *shared, struct error *e)
{
    *pairing = (struct pairing){
        .modules = malloc(((size_t)before->profile->module_count + 1) * sizeof(uint32_t)),
        .files = calloc((size_t)shared->count + 1, sizeof(string_id)),
        .file_count = shared->count};
    if (pairing->modules && pairing->files && pair_modules(pairing, before, after, shared) &&
        pair_files(pairing, before, after, shared))
        return 0;
    pairing_release(pairing);
    return error_set(e, ERROR_MEMORY, "out of memory while comparing");
}

void pairing_release(struct pairing *pairing)
{
    free(pairing->modules);
    free(pairing->files);
    *pairing = (struct pairing){0};
}

string_id pairing_file(const struct pairing *pairing, string_id file)
{
    return file < pairing->file_count && pairing->files[file] ? pairing->files[file] : file;
}

bool pairing_same_build(const struct profile *before, uint32_t old_module,
                        const struct profile *after, uint32_t new_module)
{
    const struct profile_module *x, *y;

    if (old_module >= before->module_count || new_module >= after->module_count)
        return false;
    x = &before->modules[old_module];
    y = &after->modules[new_module];
    return x->build_id_size && x->build_id_size == y->build_id_size &&
           memcmp(x->build_id, y->build_id, x->build_id_size) == 0;
}
