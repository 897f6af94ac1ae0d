// SPDX-License-Identifier: Apache-2.0
#include "src/host/diff/places.h"

#include <stdlib.h>
#include <string.h>

struct finder {
    struct places *places;
    const struct pathmap *paths;
    struct assembly *shared;
    struct intern known;
    string_id *names, *files; /* by string of the profile: shared id + 1, 0 not asked yet */
    string_id *stems;         /* likewise, two each: without a line and with one */
    struct strbuf path;
    bool apart, failed;
};

static string_id name_of(struct finder *f, string_id id)
{
    const struct profile *p = f->places->profile;

    if (id >= p->strings.count)
        return 0;
    if (!f->names[id])
        f->names[id] = assembly_text(f->shared, profile_text(p, id)) + 1;
    return f->names[id] - 1;
}

static string_id path_of(struct finder *f, string_id id)
{
    const struct profile *p = f->places->profile;

    if (id == 0 || id >= p->strings.count)
        return 0;
    if (!f->files[id]) {
        pathmap_apply(f->paths, profile_text(p, id), &f->path);
        f->files[id] = assembly_text(f->shared, strbuf_text(&f->path)) + 1;
    }
    return f->files[id] - 1;
}

/* gcc and clang append these to functions they split or copy; C++ names show them in brackets. */
static size_t stem_length(const char *name)
{
    static const char *const endings[] = {".part.",  ".constprop.", ".isra.",   ".cold",
                                          ".clone.", ".lto_priv.",  ".llvm.",   " [clone",
                                          "@plt",    ".localalias", ".resolver"};
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        const char *found = strstr(name, endings[i]);

        if (found && found > name && (size_t)(found - name) < length)
            length = (size_t)(found - name);
    }
    return length;
}

/* Length of the number by which compilers count lambdas and the like, at the start of `name`. */
static size_t count_length(const char *name, const char *start, size_t length)
{
    size_t at = (size_t)(name - start), digits;

    if (at < 2 || (name[-1] != '#' && (name[-1] != '_' || name[-2] != '$')))
        return 0;
    for (digits = 0; at + digits < length && name[digits] >= '0' && name[digits] <= '9'; digits++)
        ;
    return name[-1] == '_' || name[digits] == '}' ? digits : 0;
}

/*
 * A lambda put in above others gives them all other numbers, and its own to a
 * stranger: where lines are known, those tell lambdas apart and the number does
 * not.
 */
static void add_stem(struct strbuf *out, const char *name, bool numbered)
{
    size_t length = stem_length(name);

    for (size_t i = 0; i < length; i++) {
        i += numbered ? 0 : count_length(name + i, name, length);
        if (i < length)
            strbuf_add_length(out, name + i, 1);
    }
}

static string_id stem_of(struct finder *f, string_id id, bool has_line)
{
    const struct profile *p = f->places->profile;
    string_id *known = &f->stems[2 * (size_t)id + has_line];

    if (id == 0 || id >= p->strings.count)
        return 0;
    if (!*known) {
        strbuf_clear(&f->path);
        add_stem(&f->path, profile_text(p, id), !has_line);
        *known = assembly_text(f->shared, strbuf_text(&f->path)) + 1;
    }
    return *known - 1;
}

static struct intern_key key_of(const struct place *place)
{
    if (place->number)
        return (struct intern_key){(uint64_t)place->path << 32 | place->function, place->number,
                                   UINT64_C(1) << 32 | place->file};
    return (struct intern_key){(uint64_t)place->path << 32 | place->function, place->offset,
                               place->file};
}

static void add_line(struct finder *f, uint32_t index, uint32_t module)
{
    const struct profile_line *line = &f->places->profile->lines[index];
    struct place place = {
        .line = index,
        .module = module,
        .function = name_of(f, line->function),
        .stem = stem_of(f, line->function, line->line != 0),
        .file = path_of(f, line->file),
        .path = module == NO_MODULE ? 0 : f->places->module_paths[module],
        .number = line->line,
        .flags = line->flags,
        .offset = line->offset,
    };
    struct intern_key key = f->apart ? (struct intern_key){index, 0, 0} : key_of(&place);
    bool added;
    uint32_t number = intern_add(&f->known, key, &added);

    if (number == INTERN_NONE) {
        f->failed = true;
        return;
    }
    if (added)
        f->places->list[f->places->count++] = place;
    f->places->of_line[index] = number;
}

static void add_all(struct finder *f)
{
    const struct profile *p = f->places->profile;

    for (uint32_t m = 0; m < p->module_count; m++)
        f->places->module_paths[m] = path_of(f, p->modules[m].path);
    memset(f->places->of_line, 0xff, p->line_count * sizeof *f->places->of_line);
    for (uint32_t i = 0; i < p->frame_count && !f->failed; i++) {
        const struct profile_frame *frame = &p->frames[i];
        uint32_t module = frame->module < p->module_count ? frame->module : NO_MODULE;

        for (uint32_t line = frame->first_line; line < frame->first_line + frame->line_count;
             line++)
            if (f->places->of_line[line] == NO_PLACE)
                add_line(f, line, module);
    }
}

int places_init(struct places *places, const struct profile *p, const struct pathmap *paths,
                struct assembly *shared, bool apart, struct error *e)
{
    size_t strings = (size_t)p->strings.count + 1, lines = (size_t)p->line_count + 1;
    struct finder f = {.places = places,
                       .paths = paths,
                       .shared = shared,
                       .names = calloc(strings, sizeof *f.names),
                       .stems = calloc(2 * strings, sizeof *f.stems),
                       .files = calloc(strings, sizeof *f.files),
                       .apart = apart};

    *places =
        (struct places){.profile = p,
                        .list = malloc(lines * sizeof *places->list),
                        .of_line = malloc(lines * sizeof *places->of_line),
                        .module_paths = calloc((size_t)p->module_count + 1, sizeof(string_id))};
    strbuf_init(&f.path);
    intern_init(&f.known);
    if (f.names && f.stems && f.files && places->list && places->of_line && places->module_paths)
        add_all(&f);
    else
        f.failed = true;
    f.failed |= shared->failed || f.path.failed;
    intern_release(&f.known);
    strbuf_release(&f.path);
    free(f.names);
    free(f.stems);
    free(f.files);
    if (!f.failed)
        return 0;
    places_release(places);
    return error_set(e, ERROR_MEMORY, "out of memory while comparing");
}

void places_release(struct places *places)
{
    free(places->list);
    free(places->of_line);
    free(places->module_paths);
    *places = (struct places){0};
}
