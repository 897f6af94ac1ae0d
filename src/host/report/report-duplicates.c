// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-duplicates.h"

#include "src/host/report/report-json-place.h"
#include "src/host/report/report-json-run.h"
#include "src/host/report/report-json.h"
#include "src/host/report/report-source.h"
#include "src/host/text/jsonvalue.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"
#include "src/host/view/lossnotes.h"

#include <inttypes.h>
#include <string.h>

#define NARROWEST 30u

/* -------------------------------------------------------------------- text -- */

static void add_heading(struct strbuf *out, const struct profile *p, const struct duplicates *d,
                        bool exact)
{
    char bytes[UNITS_TEXT], blocks[UNITS_TEXT], contents[UNITS_TEXT], saved[UNITS_TEXT];

    report_text_process(out, p);
    strbuf_add(out, "\n");
    lossnotes_cut(out, p);
    if (d->contents == 0) {
        strbuf_add(out, "  no two live blocks are alike\n");
        return;
    }
    strbuf_addf(out,
                "  alike          %s in %s blocks with %s contents; one of each would save %s\n",
                units_bytes(bytes, d->bytes, exact), units_count(blocks, d->blocks),
                units_count(contents, d->contents), units_bytes(saved, d->saved, exact));
}

/* "48 B" or "16 B - 1.0 KiB" */
static void add_size(char *text, size_t room, const struct duplicates_row *row, bool exact)
{
    char smallest[UNITS_TEXT], largest[UNITS_TEXT];

    units_bytes(smallest, row->smallest, exact);
    units_bytes(largest, row->largest, exact);
    if (row->smallest == row->largest)
        snprintf(text, room, "%s", smallest);
    else
        snprintf(text, room, "%s - %s", smallest, largest);
}

static void add_row(struct strbuf *out, const struct profile *p, const struct duplicates *d,
                    const struct duplicates_row *row,
                    const struct report_duplicates_options *options)
{
    const struct view_row *place = &d->places.rows[row->row];
    char saved[UNITS_TEXT], blocks[UNITS_TEXT], contents[UNITS_TEXT], size[2 * UNITS_TEXT + 4];
    size_t start = out->length, columns = options->text.columns, taken;

    add_size(size, sizeof size, row, options->text.exact);
    strbuf_addf(out, "  %10s  %10s  %10s  %18s  ",
                units_bytes(saved, row->saved, options->text.exact),
                units_count(blocks, row->blocks), units_count(contents, row->contents), size);
    taken = out->length - start;
    location_row(out, p, options->group, place,
                 !columns                      ? 0
                 : columns > taken + NARROWEST ? columns - taken
                                               : NARROWEST);
    strbuf_add(out, "\n");
    if (options->group == VIEW_LINE && place->line != VIEW_NO_LINE)
        report_source_line(out, p, place->line, 6, &options->text);
}

void report_duplicates_text(struct strbuf *out, const struct profile *p, const struct duplicates *d,
                            const struct report_duplicates_options *options)
{
    uint32_t shown = d->row_count;
    uint64_t left_out = 0;
    char text[UNITS_TEXT];

    add_heading(out, p, d, options->text.exact);
    if (d->row_count == 0)
        return;
    if (options->limit && options->limit < shown)
        shown = (uint32_t)options->limit;
    strbuf_addf(out, "\n  %10s  %10s  %10s  %18s  allocated by\n", "saves", "blocks", "contents",
                "size");
    for (uint32_t i = 0; i < d->row_count; i++)
        if (i < shown)
            add_row(out, p, d, &d->rows[i], options);
        else
            left_out += d->rows[i].saved;
    if (shown < d->row_count)
        strbuf_addf(out, "  %10s  in %" PRIu32 " more\n",
                    units_bytes(text, left_out, options->text.exact), d->row_count - shown);
}

/* -------------------------------------------------------------------- JSON -- */

static json_t *row_json(const struct profile *p, const struct duplicates *d,
                        const struct duplicates_row *row,
                        const struct report_duplicates_options *options)
{
    const struct view_row *place = &d->places.rows[row->row];
    struct jsonobject o = jsonobject_begin();

    jsonobject_set(&o, "saved", jsonvalue_number(row->saved));
    jsonobject_set(&o, "bytes", jsonvalue_number(row->bytes));
    jsonobject_set(&o, "blocks", jsonvalue_number(row->blocks));
    jsonobject_set(&o, "contents", jsonvalue_number(row->contents));
    jsonobject_set(&o, "smallest", jsonvalue_number(row->smallest));
    jsonobject_set(&o, "largest", jsonvalue_number(row->largest));
    jsonobject_set(&o, "example", jsonvalue_address(row->example));
    report_json_set_row(&o, p, options->group, place);
    report_json_set_traceback(&o, p, place->node, &options->text.stack);
    return jsonobject_end(&o);
}

int report_duplicates_json(FILE *out, const struct profile *p, const struct duplicates *d,
                           const struct report_duplicates_options *options, struct error *e)
{
    struct jsonobject o = jsonobject_begin();
    json_t *rows = json_array();

    jsonobject_set(&o, "schema_version", json_integer(REPORT_JSON_SCHEMA));
    jsonobject_set(&o, "process", report_json_process(p));
    jsonobject_set(&o, "group", jsonvalue_text(view_group_word(options->group)));
    jsonobject_set(&o, "saved", jsonvalue_number(d->saved));
    jsonobject_set(&o, "bytes", jsonvalue_number(d->bytes));
    jsonobject_set(&o, "blocks", jsonvalue_number(d->blocks));
    jsonobject_set(&o, "contents", jsonvalue_number(d->contents));
    for (uint32_t i = 0; i < d->row_count && (!options->limit || i < options->limit); i++)
        rows = jsonlist_append(rows, row_json(p, d, &d->rows[i], options));
    jsonobject_set(&o, "duplicates", rows);
    return jsonvalue_write(out, jsonobject_end(&o), e);
}
