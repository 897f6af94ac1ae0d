// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-retained.h"

#include "src/host/report/heapwords.h"
#include "src/host/report/report-json-place.h"
#include "src/host/report/report-json-run.h"
#include "src/host/report/report-json.h"
#include "src/host/report/report-source.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"
#include "src/host/view/lossnotes.h"

#include <inttypes.h>

#define NARROWEST 30u

static uint32_t shown_of(uint32_t count, size_t limit)
{
    return limit && limit < count ? (uint32_t)limit : count;
}

/* -------------------------------------------------------------------- text -- */

static void add_row(struct strbuf *out, const struct profile *p, const struct retained *r,
                    const struct retained_row *row, const struct report_retained_options *options)
{
    const struct view_row *place = &r->places.rows[row->row];
    char retained[UNITS_TEXT], own[UNITS_TEXT], blocks[UNITS_TEXT];
    size_t start = out->length, columns = options->text.columns, taken;

    strbuf_addf(
        out, "  %10s  %10s  %10s  ", units_bytes(retained, row->retained, options->text.exact),
        units_bytes(own, row->bytes, options->text.exact), units_count(blocks, row->blocks));
    taken = out->length - start;
    location_row(out, p, options->group, place,
                 !columns                      ? 0
                 : columns > taken + NARROWEST ? columns - taken
                                               : NARROWEST);
    strbuf_add(out, "\n");
    if (options->group == VIEW_LINE && place->line != VIEW_NO_LINE)
        report_source_line(out, p, place->line, 6, &options->text);
}

static void add_rows(struct strbuf *out, const struct profile *p, const struct retained *r,
                     const struct report_retained_options *options)
{
    uint32_t shown = shown_of(r->row_count, options->limit);

    strbuf_addf(out, "\n  %10s  %10s  %10s  allocated by\n", "retained", "own", "blocks");
    for (uint32_t i = 0; i < shown; i++)
        add_row(out, p, r, &r->rows[i], options);
    if (shown < r->row_count)
        strbuf_addf(out, "  and %" PRIu32 " more\n", r->row_count - shown);
}

static void add_blocks(struct strbuf *out, const struct heapimage *h, const struct retained *r,
                       const struct report_retained_options *options)
{
    const struct heapwords words = {.image = h,
                                    .lines = r->places.choices,
                                    .columns = options->text.columns,
                                    .exact = options->text.exact};
    uint32_t shown = shown_of(r->block_count, options->limit);
    char retained[UNITS_TEXT];

    strbuf_addf(out, "\n  %10s  block\n", "retained");
    for (uint32_t i = 0; i < shown; i++) {
        uint32_t block = r->blocks[i];

        strbuf_addf(out, "  %10s  ",
                    units_bytes(retained, h->graph.retained[block], options->text.exact));
        heapwords_block(out, &words, block, 14);
        strbuf_add(out, "\n");
    }
    if (shown < r->block_count)
        strbuf_addf(out, "  and %" PRIu32 " more\n", r->block_count - shown);
}

void report_retained_text(struct strbuf *out, const struct heapimage *h, const struct retained *r,
                          const struct report_retained_options *options)
{
    const struct profile *p = h->profile;
    char bytes[UNITS_TEXT], blocks[UNITS_TEXT];

    report_text_process(out, p);
    strbuf_add(out, "\n");
    lossnotes_cut(out, p);
    strbuf_addf(out, "  live           %s in %s blocks\n",
                units_bytes(bytes, r->bytes, options->text.exact),
                units_count(blocks, p->block_count));
    if (r->row_count == 0)
        return;
    add_rows(out, p, r, options);
    add_blocks(out, h, r, options);
}

/* -------------------------------------------------------------------- JSON -- */

static json_t *row_json(const struct profile *p, const struct retained *r,
                        const struct retained_row *row,
                        const struct report_retained_options *options)
{
    const struct view_row *place = &r->places.rows[row->row];
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "retained", jsonvalue_number(row->retained));
    jsonobject_set(&o, "bytes", jsonvalue_number(row->bytes));
    jsonobject_set(&o, "blocks", jsonvalue_number(row->blocks));
    report_json_set_row(&o, p, options->group, place);
    report_json_set_traceback(&o, p, place->node, &options->text.stack);
    return jsonobject_end(&o);
}

static json_t *block_json(const struct heapimage *h, const struct retained *r, uint32_t block,
                          const struct report_retained_options *options)
{
    const struct heapwords words = {.image = h, .lines = r->places.choices};
    json_t *json = heapwords_block_json(&words, block, &options->text.stack);

    if (json &&
        json_object_set_new(json, "retained", jsonvalue_number(h->graph.retained[block])) != 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

int report_retained_json(FILE *out, const struct heapimage *h, const struct retained *r,
                         const struct report_retained_options *options, struct error *e)
{
    const struct profile *p = h->profile;
    struct jsonobject o = jsonobject_begin();
    json_t *rows = json_array(), *blocks = json_array();

    jsonobject_set(&o, "schema_version", json_integer(REPORT_JSON_SCHEMA));
    jsonobject_set(&o, "process", report_json_process(p));
    jsonobject_set(&o, "group", jsonvalue_text(view_group_word(options->group)));
    jsonobject_set(&o, "bytes", jsonvalue_number(r->bytes));
    for (uint32_t i = 0; i < shown_of(r->row_count, options->limit); i++)
        rows = jsonlist_append(rows, row_json(p, r, &r->rows[i], options));
    for (uint32_t i = 0; i < shown_of(r->block_count, options->limit); i++)
        blocks = jsonlist_append(blocks, block_json(h, r, r->blocks[i], options));
    jsonobject_set(&o, "rows", rows);
    jsonobject_set(&o, "blocks", blocks);
    return jsonvalue_write(out, jsonobject_end(&o), e);
}
