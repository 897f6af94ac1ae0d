// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-diff-csv.h"

#include "src/host/report/report-csv.h"
#include "src/host/report/report-diff-json.h"

#include <inttypes.h>

static void add_text(struct strbuf *out, const char *text)
{
    strbuf_add(out, ",");
    report_csv_text(out, text);
}

static void add_line(struct strbuf *out, uint32_t line)
{
    strbuf_add(out, ",");
    if (line)
        strbuf_addf(out, "%" PRIu32, line);
}

static void add_row(struct strbuf *out, const struct diff *d, const struct diff_row *row,
                    const struct profile *before)
{
    struct diff_place place = report_diff_place(d, row);
    const char *tier = report_diff_tier_word(row->tier);
    const struct profile_line *moved =
        row->moved_from == UNITED_NONE ? NULL : &before->lines[row->moved_from];

    strbuf_addf(out, "%" PRId64 ",%" PRIu64 ",%" PRIu64 ",%" PRId64 ",%" PRIu64 ",%" PRIu64,
                diff_bytes(row), row->after.bytes, row->before.bytes, diff_blocks(row),
                row->after.blocks, row->before.blocks);
    add_text(out, report_diff_status_word(row->status));
    add_text(out, tier ? tier : "");
    add_text(out, place.function);
    add_text(out, place.file);
    add_line(out, place.line);
    add_text(out, place.module);
    add_text(out, place.thread ? profile_text(&d->united.profile, place.thread->name) : "");
    add_text(out, moved ? profile_text(before, moved->file) : "");
    add_line(out, moved ? moved->line : 0);
    strbuf_add(out, "\r\n");
}

int report_diff_csv(FILE *out, const struct diff *d, const struct diff_side *before,
                    struct error *e)
{
    struct strbuf line;
    bool failed;

    fputs("size_diff,size,old_size,count_diff,count,old_count,status,matched_by,function,file,line,"
          "module,thread,moved_from_file,moved_from_line\r\n",
          out);
    strbuf_init(&line);
    for (size_t i = 0; i < d->row_count && !line.failed; i++) {
        strbuf_clear(&line);
        add_row(&line, d, &d->rows[i], before->profile);
        fwrite(strbuf_text(&line), 1, line.length, out);
    }
    failed = line.failed;
    strbuf_release(&line);
    if (failed)
        return error_set(e, ERROR_MEMORY, "out of memory while writing the CSV report");
    if (fflush(out) != 0 || ferror(out))
        return error_set(e, ERROR_SYSTEM, "cannot write the CSV report");
    return 0;
}
