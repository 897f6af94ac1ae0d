// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/heapwords.h"

#include "src/host/profile/domain.h"
#include "src/host/report/report-json-place.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"

#include <inttypes.h>

#define NARROWEST 24u

static const struct profile_root *root_of(const struct heapwords *w,
                                          const struct leakgraph_reference *r)
{
    return &w->image->profile->roots[heapimage_root(w->image, r)];
}

static const struct profile_pointer *pointer_of(const struct heapwords *w,
                                                const struct leakgraph_reference *r)
{
    uint32_t row = heapimage_pointer(w->image, r);

    return row == UINT32_MAX ? NULL : &w->image->profile->pointers[row];
}

/* ------------------------------------------------------------------- roots -- */

static void add_name(struct strbuf *out, const struct profile *p, string_id name)
{
    strbuf_add(out, "'");
    escape_text(out, profile_text(p, name));
    strbuf_add(out, "'");
}

/* As the search knew it, or as the profile did in the end. */
static string_id thread_name(const struct profile *p, const struct profile_root *root)
{
    if (root->thread)
        return root->thread;
    for (uint32_t i = p->thread_count; root->tid && i > 0; i--)
        if (p->threads[i - 1].tid == (int64_t)root->tid)
            return p->threads[i - 1].name;
    return 0;
}

static void add_thread(struct strbuf *out, const struct profile *p, const struct profile_root *root)
{
    if (root->tid == 0) {
        strbuf_add(out, "a thread");
    } else if ((int64_t)root->tid == p->process.pid) {
        strbuf_add(out, "main");
    } else {
        strbuf_add(out, "thread ");
        if (thread_name(p, root)) {
            add_name(out, p, thread_name(p, root));
            strbuf_addf(out, " (%" PRIu32 ")", root->tid);
        } else {
            strbuf_addf(out, "%" PRIu32, root->tid);
        }
    }
}

/* Where in its module an address lies; in the root, if it is in no module that is known. */
static uint64_t module_offset(const struct profile *p, const struct profile_root *root,
                              uint64_t address)
{
    for (uint32_t i = 0; i < p->module_count; i++)
        if (!(p->modules[i].flags & MODULE_UNLOADED) && p->modules[i].start <= address &&
            address < p->modules[i].end)
            return address - p->modules[i].start;
    return address - root->start;
}

/* A variable, in a module or in its thread-local storage. */
static void add_variable(struct strbuf *out, const struct profile *p,
                         const struct profile_root *root, const struct profile_pointer *pointer)
{
    strbuf_add(out, root->kind == ROOT_TLS ? "thread-local " : "global ");
    add_name(out, p, pointer->symbol);
    if (root->name) {
        strbuf_add(out, " in ");
        escape_text(out, location_base(profile_text(p, root->name)));
    }
    if (pointer->offset)
        strbuf_addf(out, " + 0x%" PRIx32, pointer->offset);
    if (root->kind == ROOT_TLS) {
        strbuf_add(out, " of ");
        add_thread(out, p, root);
    }
}

static void add_data(struct strbuf *out, const struct profile *p, const struct profile_root *root,
                     uint64_t address)
{
    const char *name = profile_text(p, root->name);

    strbuf_add(out, "data of ");
    escape_text(out, *name ? location_base(name) : "a module");
    if (root->size) /* else all that is known is what it holds */
        strbuf_addf(out, " + 0x%" PRIx64, module_offset(p, root, address));
}

/* "TEXT 'name'", without the name where there is none. */
static void add_named(struct strbuf *out, const struct profile *p, const char *text, string_id name)
{
    strbuf_add(out, text);
    if (name) {
        strbuf_add(out, " ");
        add_name(out, p, name);
    }
}

static void add_range(struct strbuf *out, const struct profile *p, const struct profile_root *root,
                      const struct leakgraph_reference *r)
{
    static const char *const texts[ROOT_KINDS] = {[ROOT_MAPPING] = "mapping",
                                                  [ROOT_NAMED] = "root region",
                                                  [ROOT_IGNORED] = "ignored block",
                                                  [ROOT_WEAK] = "weak region"};

    add_named(out, p, texts[root->kind], root->name);
    strbuf_addf(out, " at 0x%" PRIx64, root->start);
    if (root->size)
        strbuf_addf(out, " + 0x%" PRIx64, r->offset);
}

static void add_threads_own(struct strbuf *out, const struct profile *p,
                            const struct profile_root *root, uint64_t address)
{
    if (root->kind == ROOT_REGISTER) {
        strbuf_add(out, "register ");
        escape_text(out, root->name ? profile_text(p, root->name) : "?");
        strbuf_add(out, " of ");
        add_thread(out, p, root);
        return;
    }
    add_thread(out, p, root);
    strbuf_add(out, root->kind == ROOT_STACK ? "'s stack"
                    : root->kind == ROOT_TLS ? "'s thread-local storage"
                    : root->kind == ROOT_KEY ? "'s values of pthread keys"
                                             : "'s descriptor");
    if (root->kind == ROOT_TLS && root->name) {
        strbuf_add(out, " of ");
        escape_text(out, location_base(profile_text(p, root->name)));
    } else if (root->name) {
        strbuf_add(out, " ");
        escape_text(out, profile_text(p, root->name));
    }
    if (root->size)
        strbuf_addf(out, " at 0x%" PRIx64, address);
}

void heapwords_root(struct strbuf *out, const struct heapwords *w,
                    const struct leakgraph_reference *r)
{
    const struct profile *p = w->image->profile;
    const struct profile_root *root = root_of(w, r);
    const struct profile_pointer *pointer = pointer_of(w, r);
    uint64_t address = root->start + r->offset;

    if (pointer && pointer->symbol && (root->kind == ROOT_GLOBAL || root->kind == ROOT_TLS))
        add_variable(out, p, root, pointer);
    else if (root->kind == ROOT_GLOBAL)
        add_data(out, p, root, address);
    else if (root->kind >= ROOT_MAPPING)
        add_range(out, p, root, r);
    else
        add_threads_own(out, p, root, address);
}

static const char *root_kind_name(uint32_t kind)
{
    static const char *const names[ROOT_KINDS] = {"register", "stack",      "global",  "tls",
                                                  "key",      "descriptor", "mapping", "region",
                                                  "ignored",  "weak",       "lost"};

    return kind < ROOT_KINDS ? names[kind] : "";
}

json_t *heapwords_root_json(const struct heapwords *w, const struct leakgraph_reference *r)
{
    const struct profile *p = w->image->profile;
    const struct profile_root *root = root_of(w, r);
    const struct profile_pointer *pointer = pointer_of(w, r);
    struct jsonobject o = jsonobject_begin();
    struct strbuf text;

    strbuf_init(&text);
    heapwords_root(&text, w, r);
    jsonobject_set(&o, "text", text.failed ? NULL : jsonvalue_text(strbuf_text(&text)));
    strbuf_release(&text);
    jsonobject_set(&o, "kind", jsonvalue_text(root_kind_name(root->kind)));
    jsonobject_set(&o, "name", report_json_string(p, root->name));
    jsonobject_set(&o, "tid", root->tid ? jsonvalue_number(root->tid) : json_null());
    jsonobject_set(&o, "thread", report_json_string(p, thread_name(p, root)));
    jsonobject_set(&o, "symbol", pointer ? report_json_string(p, pointer->symbol) : json_null());
    jsonobject_set(&o, "symbol_offset",
                   pointer && pointer->symbol ? jsonvalue_number(pointer->offset) : json_null());
    jsonobject_set(&o, "address", pointer ? jsonvalue_address(pointer->address) : json_null());
    return jsonobject_end(&o);
}

/* ------------------------------------------------------------------ blocks -- */

void heapwords_block(struct strbuf *out, const struct heapwords *w, uint32_t row, size_t taken)
{
    const struct profile *p = w->image->profile;
    const struct profile_block *b = &p->blocks[row];
    struct line_choice at = w->lines[p->sites[b->site].node];
    size_t before = out->length;
    char size[UNITS_TEXT];

    strbuf_addf(out, "0x%" PRIx64 "  %9s  ", b->address, units_bytes(size, b->size, w->exact));
    if (at.line == NO_CHOICE) {
        strbuf_add(out, "(no stack)");
        return;
    }
    taken += out->length - before;
    location_line(out, p, at.line, at.frame,
                  !w->columns                      ? 0
                  : w->columns > taken + NARROWEST ? w->columns - taken
                                                   : NARROWEST);
}

json_t *heapwords_block_json(const struct heapwords *w, uint32_t row,
                             const struct stack_choice *stack)
{
    const struct profile *p = w->image->profile;
    const struct profile_block *b = &p->blocks[row];
    const struct profile_site *site = &p->sites[b->site];
    const uint64_t *found_out = w->image->graph.retained;
    uint64_t retained = b->retained || !found_out ? b->retained : found_out[row];
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "address", jsonvalue_address(b->address));
    jsonobject_set(&o, "size", jsonvalue_number(b->size));
    jsonobject_set(&o, "retained", retained ? jsonvalue_number(retained) : json_null());
    jsonobject_set(&o, "kind", jsonvalue_text(leak_kind_name(b->kind)));
    jsonobject_set(&o, "age", jsonvalue_number(b->age));
    jsonobject_set(&o, "survived", jsonvalue_number(b->survived));
    jsonobject_set(&o, "cycle", b->cycle ? jsonvalue_number(b->cycle) : json_null());
    jsonobject_set(&o, "domain", jsonvalue_text(domain_name(p, site->domain)));
    jsonobject_set(&o, "thread", report_json_string(p, p->threads[site->thread].name));
    report_json_set_traceback(&o, p, site->node, stack);
    return jsonobject_end(&o);
}

/* ---------------------------------------------------------------- pointers -- */

void heapwords_pointer(struct strbuf *out, const struct leakgraph_reference *r)
{
    switch (r->pointer) {
    case POINTER_TAGGED:
        strbuf_add(out, "tagged");
        break;
    case POINTER_HEURISTIC:
        strbuf_addf(out, "to + 0x%" PRIx64 ", which counts as its start", r->into);
        break;
    case POINTER_INTERIOR:
        strbuf_addf(out, "to its inside, + 0x%" PRIx64, r->into);
        break;
    default:
        break;
    }
}

const char *heapwords_pointer_name(uint32_t pointer)
{
    static const char *const names[] = {"", "start", "tagged", "heuristic", "interior"};

    return pointer < sizeof names / sizeof *names ? names[pointer] : "";
}
