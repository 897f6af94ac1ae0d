/* SPDX-License-Identifier: Apache-2.0 */
#include "src/host/report/report-json-place.h"
#include "src/host/report/report-json-run.h"
#include "src/host/report/report-json.h"
#include "src/host/report/report-pools.h"
#include "src/host/text/jsonvalue.h"

/* A line or a function; null where there is none. */
static json_t *place(const struct profile *p, const struct pools *s, uint32_t index)
{
    const struct view_row *row = index < s->place_count ? &s->places[index] : NULL;
    uint32_t module = row ? view_frame_module(p, row->frame) : NO_MODULE;
    const struct profile_line *line;
    struct jsonobject o;

    if (!row || row->line == VIEW_NO_LINE)
        return json_null();
    line = &p->lines[row->line];
    o = jsonobject_begin();
    jsonobject_set(&o, "file", report_json_string(p, line->file));
    jsonobject_set(&o, "line", line->line ? jsonvalue_number(line->line) : json_null());
    jsonobject_set(&o, "function", report_json_string(p, line->function));
    jsonobject_set(&o, "module",
                   module == NO_MODULE ? json_null()
                                       : report_json_string(p, p->modules[module].path));
    jsonobject_set(&o, "offset", jsonvalue_address(line->offset));
    return jsonobject_end(&o);
}

static json_t *class_row(const struct profile *p, const struct pools *s, uint32_t index)
{
    const struct pools_class *c = &s->classes[index];
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "smallest", jsonvalue_number(c->smallest));
    jsonobject_set(&o, "largest", jsonvalue_number(c->largest));
    jsonobject_set(&o, "block_bytes", jsonvalue_number(c->block_bytes));
    jsonobject_set(&o, "pools", jsonvalue_number(c->pools));
    jsonobject_set(&o, "full_pools", jsonvalue_number(c->full));
    jsonobject_set(&o, "blocks_in_use", jsonvalue_number(c->used));
    jsonobject_set(&o, "blocks_free", jsonvalue_number(c->free));
    jsonobject_set(&o, "recorded_blocks", jsonvalue_number(c->blocks));
    jsonobject_set(&o, "requested_bytes", jsonvalue_number(c->asked));
    jsonobject_set(&o, "glibc_bytes", jsonvalue_number(c->chunks));
    jsonobject_set(&o, "top", place(p, s, c->top));
    jsonobject_set(&o, "top_blocks", jsonvalue_number(c->top_blocks));
    return jsonobject_end(&o);
}

static json_t *classes(const struct profile *p, const struct pools *s)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < POOL_CLASSES; i++)
        if (s->classes[i].pools || s->classes[i].blocks)
            list = jsonlist_append(list, class_row(p, s, i));
    return list;
}

static json_t *arenas(const struct pools *s)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "count", jsonvalue_number(s->arenas));
    jsonobject_set(&o, "mapped_bytes", jsonvalue_number(s->mapped));
    jsonobject_set(&o, "used_bytes", jsonvalue_number(s->used_bytes));
    jsonobject_set(&o, "requested_bytes", jsonvalue_number(s->asked));
    jsonobject_set(&o, "free_block_bytes", jsonvalue_number(s->free_bytes));
    jsonobject_set(&o, "header_bytes", jsonvalue_number(s->header_bytes));
    jsonobject_set(&o, "free_pool_bytes", jsonvalue_number(s->free_pool_bytes));
    jsonobject_set(&o, "high_water", s->high_water ? jsonvalue_number(s->high_water) : json_null());
    jsonobject_set(&o, "returned", s->high_water ? jsonvalue_number(s->returned) : json_null());
    return jsonobject_end(&o);
}

static json_t *chunks(const struct pools *s)
{
    const struct pools_chunks *c = &s->chunks;
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "blocks", jsonvalue_number(c->blocks));
    jsonobject_set(&o, "requested_bytes", jsonvalue_number(c->asked));
    jsonobject_set(&o, "taken_bytes", jsonvalue_number(c->taken));
    jsonobject_set(&o, "header_bytes", jsonvalue_number(c->headers));
    jsonobject_set(&o, "rounding_bytes", jsonvalue_number(c->rounding));
    jsonobject_set(&o, "minimum_bytes", jsonvalue_number(c->minimum));
    jsonobject_set(&o, "mapped_blocks", jsonvalue_number(c->mapped_blocks));
    jsonobject_set(&o, "mapped_requested_bytes", jsonvalue_number(c->mapped_asked));
    jsonobject_set(&o, "mapped_taken_bytes", jsonvalue_number(c->mapped_taken));
    return jsonobject_end(&o);
}

static json_t *size_row(const struct pools_size *size)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "size", jsonvalue_number(size->size));
    jsonobject_set(&o, "blocks", jsonvalue_number(size->blocks));
    jsonobject_set(&o, "taken_bytes", jsonvalue_number(size->taken));
    return jsonobject_end(&o);
}

static json_t *line_row(const struct profile *p, const struct pools *s,
                        const struct pools_line *line)
{
    struct jsonobject o = jsonobject_begin();
    json_t *sizes = json_array();

    for (uint32_t i = 0; i < line->size_count; i++)
        sizes = jsonlist_append(sizes, size_row(&line->sizes[i]));
    jsonobject_set(&o, "place", place(p, s, line->place));
    jsonobject_set(&o, "blocks", jsonvalue_number(line->blocks));
    jsonobject_set(&o, "requested_bytes", jsonvalue_number(line->asked));
    jsonobject_set(&o, "taken_bytes", jsonvalue_number(line->taken));
    jsonobject_set(&o, "wasted_bytes", jsonvalue_number(line->taken - line->asked));
    jsonobject_set(&o, "sizes", sizes);
    jsonobject_set(&o, "other_sizes", jsonvalue_number(line->more_sizes));
    jsonobject_set(&o, "shrink_bytes", line->shrink ? jsonvalue_number(line->shrink) : json_null());
    jsonobject_set(&o, "saved_bytes", line->shrink ? jsonvalue_number(line->saved) : json_null());
    return jsonobject_end(&o);
}

static json_t *lines(const struct profile *p, const struct pools *s)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < s->line_count; i++)
        list = jsonlist_append(list, line_row(p, s, &s->lines[i]));
    return list;
}

static json_t *pinned_row(const struct profile *p, const struct pools *s,
                          const struct pools_pinned *c)
{
    struct jsonobject o = jsonobject_begin();
    json_t *list = json_array();

    for (uint32_t i = 0; i < c->line_count; i++) {
        struct jsonobject line = jsonobject_begin();

        jsonobject_set(&line, "place", place(p, s, c->lines[i].place));
        jsonobject_set(&line, "pools", jsonvalue_number(c->lines[i].pools));
        jsonobject_set(&line, "blocks", jsonvalue_number(c->lines[i].blocks));
        list = jsonlist_append(list, jsonobject_end(&line));
    }
    jsonobject_set(&o, "block_bytes", jsonvalue_number(s->classes[c->size_class].block_bytes));
    jsonobject_set(&o, "pools", jsonvalue_number(c->pools));
    jsonobject_set(&o, "blocks", jsonvalue_number(c->blocks));
    jsonobject_set(&o, "held_bytes", jsonvalue_number(c->bytes));
    jsonobject_set(&o, "lines", list);
    jsonobject_set(&o, "other_lines", jsonvalue_number(c->more_lines));
    return jsonobject_end(&o);
}

static json_t *pinned(const struct profile *p, const struct pools *s)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < s->pinned_count; i++)
        list = jsonlist_append(list, pinned_row(p, s, &s->pinned[i]));
    return list;
}

/* Of each arena its address and the fill of its pools, 0 to 255. */
static json_t *map(const struct pools *s)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < s->map_count; i++) {
        struct jsonobject o = jsonobject_begin();
        json_t *fill = json_array();

        for (uint32_t k = 0; k < ARENA_POOLS; k++)
            fill = jsonlist_append(fill, json_integer(s->map[i].fill[k]));
        jsonobject_set(&o, "address", jsonvalue_address(s->map[i].address));
        jsonobject_set(&o, "fill", fill);
        list = jsonlist_append(list, jsonobject_end(&o));
    }
    return list;
}

/* The counts that snapshots and checkpoints have. */
static json_t *over_time(const struct profile *p)
{
    json_t *list = json_array();

    for (uint32_t i = 0; i < p->moment_count; i++) {
        const struct profile_moment *m = &p->moments[i];
        struct jsonobject o;

        if (!m->pool_arenas)
            continue;
        o = jsonobject_begin();
        jsonobject_set(&o, "seconds", json_real(m->seconds));
        jsonobject_set(&o, "snapshot", m->number ? jsonvalue_number(m->number) : json_null());
        jsonobject_set(&o, "arenas", jsonvalue_number(m->pool_arenas));
        jsonobject_set(&o, "mapped_bytes", jsonvalue_number(m->pool_arenas * ARENA_BYTES));
        jsonobject_set(&o, "used_bytes", jsonvalue_number(m->pool_used_bytes));
        jsonobject_set(&o, "free_block_bytes", jsonvalue_number(m->pool_free_bytes));
        jsonobject_set(&o, "free_pool_bytes", jsonvalue_number(m->pools_free * POOL_BYTES));
        list = jsonlist_append(list, jsonobject_end(&o));
    }
    return list;
}

static json_t *moment(const struct profile *p, struct moment moment)
{
    struct strbuf name;
    json_t *json;

    strbuf_init(&name);
    moment_name(&name, p, moment);
    json = name.failed ? NULL : jsonvalue_text(strbuf_text(&name));
    strbuf_release(&name);
    return json;
}

static json_t *document(const struct profile *p, const struct pools *s,
                        const struct report_pools_options *options)
{
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "schema_version", json_integer(REPORT_JSON_SCHEMA));
    jsonobject_set(&o, "process", report_json_process(p));
    jsonobject_set(&o, "loss", report_json_loss(p));
    jsonobject_set(&o, "moment", moment(p, options->moment));
    jsonobject_set(&o, "seconds",
                   json_real(options->moment.place == MOMENT_AT_EXIT
                                 ? p->heap.seconds
                                 : moment_seconds(p, options->moment)));
    jsonobject_set(&o, "pooled", json_boolean(s->pooled));
    jsonobject_set(&o, "simulated", json_boolean(s->simulated));
    jsonobject_set(&o, "counted", json_boolean(s->counted));
    jsonobject_set(&o, "guarded", json_boolean(s->guarded));
    jsonobject_set(&o, "left_out_blocks", jsonvalue_number(p->heap.left_blocks));
    jsonobject_set(&o, "left_out_bytes", jsonvalue_number(p->heap.left_bytes));
    jsonobject_set(&o, "averaged_blocks", jsonvalue_number(s->averaged_blocks));
    jsonobject_set(&o, "recorded_blocks", jsonvalue_number(s->blocks));
    jsonobject_set(&o, "classes", classes(p, s));
    jsonobject_set(&o, "large_blocks", jsonvalue_number(s->large_blocks));
    jsonobject_set(&o, "large_requested_bytes", jsonvalue_number(s->large_asked));
    jsonobject_set(&o, "large_glibc_bytes", jsonvalue_number(s->large_taken));
    jsonobject_set(&o, "arenas", arenas(s));
    jsonobject_set(&o, "glibc", chunks(s));
    jsonobject_set(&o, "group_by", json_string(report_pools_group_word(options->group)));
    jsonobject_set(&o, "lines", options->group == POOLS_BY_CLASS ? json_null() : lines(p, s));
    jsonobject_set(&o, "pinned", pinned(p, s));
    jsonobject_set(&o, "map", map(s));
    jsonobject_set(&o, "over_time", over_time(p));
    return jsonobject_end(&o);
}

int report_pools_json(FILE *out, const struct profile *p, const struct pools *s,
                      const struct report_pools_options *options, struct error *e)
{
    return jsonvalue_write(out, document(p, s, options), e);
}
