// SPDX-License-Identifier: Apache-2.0
#include "cli/tree-output.h"

#include "cli/view-output.h"
#include "src/host/report/report-tree.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"

#include <inttypes.h>

#define ROWS_SHOWN 40u
#define RUNNING_SHOWN 8u

void tree_output_leaks(struct tree_row *row, const struct leak_report *report)
{
    const struct leak_amount *definite = &report->kinds[LEAK_DEFINITE];
    const struct leak_amount *indirect = &report->kinds[LEAK_INDIRECT];

    row->searched = true;
    row->lost_bytes = definite->bytes + indirect->bytes;
    row->lost_blocks = definite->blocks + indirect->blocks;
}

static bool runs(const struct tree_row *row)
{
    return row->recorded && !row->ended;
}

void tree_output_waiting(const struct tree *tree)
{
    struct strbuf out;
    uint32_t shown = 0;

    strbuf_init(&out);
    strbuf_add(&out, "memprof: the program has ended; still running:");
    for (uint32_t i = 1; i < tree->count && shown < RUNNING_SHOWN; i++)
        if (runs(&tree->rows[i]) && tree->rows[i].pid != tree->rows[0].pid) {
            strbuf_add(&out, shown++ ? ", " : " ");
            escape_text(&out, tree->rows[i].program);
            strbuf_addf(&out, " (%" PRId64 ")", tree->rows[i].pid);
        }
    strbuf_add(&out, shown ? "" : " processes that have not allocated yet");
    strbuf_add(&out, ".  They are recorded until they end; Ctrl-C ends the recording and lets them "
                     "run on\n");
    text_write(&out, stderr, NULL);
    strbuf_release(&out);
}

static void add_title(struct strbuf *out, const struct tree *t)
{
    char count[UNITS_TEXT];
    uint32_t leaking = tree_leaking(t);

    strbuf_addf(out, "%s processes", units_count(count, tree_processes(t)));
    if (leaking)
        strbuf_addf(out, ", %s that lost memory", units_count(count, leaking));
    strbuf_add(out, ":\n");
}

void tree_output_add(struct strbuf *out, const struct run_result *r, bool exact)
{
    if (tree_processes(&r->tree) < 2)
        return;
    add_title(out, &r->tree);
    report_tree_text(out, &r->tree, ROWS_SHOWN, exact);
    if (r->interrupted)
        strbuf_add(out, "note: the recording was ended by a signal; processes may run on\n");
    if (!r->folder)
        return;
    strbuf_add(out, "profiles: ");
    escape_text(out, r->folder);
    strbuf_add(out, ": memprof tree ");
    escape_text(out, r->folder);
    strbuf_add(out, "\n");
}
