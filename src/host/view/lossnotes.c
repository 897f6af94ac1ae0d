// SPDX-License-Identifier: Apache-2.0
#include "src/host/view/lossnotes.h"

#include "src/host/profile/liveness.h"
#include "src/host/text/units.h"

/* Blocks whose addresses were not handed out again are nowhere counted. */
#define FREED_PAST                                                                                 \
    ": something frees past memprof, a library loaded with RTLD_DEEPBIND perhaps, so more of "     \
    "what seems live or lost may be free"

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* "  note: 3 THINGS" when count is not 0; `one` and `many` are the words behind it. */
static void note_count(struct strbuf *out, uint64_t count, const char *one, const char *many)
{
    char text[UNITS_TEXT];

    if (count)
        strbuf_addf(out, "  note: %s %s\n", units_count(text, count), count == 1 ? one : many);
}

static void note_bootstrap(struct strbuf *out, const struct profile *p, bool exact)
{
    const struct profile_loss *loss = &p->loss;
    char bytes[UNITS_TEXT], count[UNITS_TEXT];

    if (loss->bootstrap_blocks || loss->bootstrap_bytes)
        strbuf_addf(out, "  note: %s block%s (%s) allocated before recording could start\n",
                    units_count(count, loss->bootstrap_blocks), plural(loss->bootstrap_blocks),
                    units_bytes(bytes, loss->bootstrap_bytes, exact));
}

static void note_share(struct strbuf *out, const struct profile *p, uint64_t count,
                       const char *what)
{
    char text[UNITS_TEXT], share[UNITS_TEXT];

    if (count)
        strbuf_addf(out, "  note: %s allocation%s (%s) %s\n", units_count(text, count),
                    plural(count), units_share(share, count, p->totals.total_blocks), what);
}

static void note_verified(struct strbuf *out, const struct profile_loss *loss)
{
    char compared[UNITS_TEXT], differ[UNITS_TEXT], skipped[UNITS_TEXT];

    if (loss->verified || loss->verify_mismatch || loss->verify_skipped)
        strbuf_addf(
            out, "  stacks checked  %s compared with libunwind's, %s differ, %s not comparable\n",
            units_count(compared, loss->verified), units_count(differ, loss->verify_mismatch),
            units_count(skipped, loss->verify_skipped));
}

void lossnotes_cut(struct strbuf *out, const struct profile *p)
{
    const struct profile_cut *cut = &p->cut;
    char seconds[UNITS_TEXT], at[UNITS_TEXT], size[UNITS_TEXT];

    units_seconds(seconds, cut->seconds);
    if (liveness_writer(p))
        strbuf_addf(out, "  note: still being recorded: this is the state %s into the run\n",
                    seconds);
    else if (!p->incomplete)
        return;
    else if (cut->kind == CUT_NONE)
        strbuf_add(out, "  note: this profile is incomplete: it ends before the program did\n");
    else if (cut->offset == cut->file_size && p->process.exit_kind == EXIT_UNKNOWN)
        strbuf_addf(out,
                    "  note: this file was never finished: it shows the state %s into the run\n",
                    seconds);
    else {
        strbuf_addf(out, "  note: this file is %s at byte %s of %s: ",
                    cut->kind == CUT_DAMAGED ? "damaged" : "cut short",
                    units_count(at, cut->offset), units_count(size, cut->file_size));
        if (p->process.exit_kind == EXIT_UNKNOWN)
            strbuf_addf(out, "this is the state %s into the run\n", seconds);
        else
            strbuf_add(out, "the searches for leaks, timeline and snapshots behind it are lost\n");
    }
}

void lossnotes_add(struct strbuf *out, const struct profile *p, bool exact)
{
    const struct profile_loss *loss = &p->loss;

    note_verified(out, loss);
    if (p->process.merged)
        strbuf_add(out, "  note: the peak is the sum of the merged profiles' peaks, and was at no "
                        "one time\n");
    lossnotes_cut(out, p);
    note_count(out, loss->dropped, "event was lost: all numbers are too small",
               "events were lost: all numbers are too small");
    note_bootstrap(out, p, exact);
    note_count(out, loss->nested_blocks,
               "allocation or free by a signal handler inside the recorder is not recorded",
               "allocations and frees by signal handlers inside the recorder are not recorded");
    note_count(out, p->totals.failed_blocks, "allocation failed (returned NULL)",
               "allocations failed (returned NULL)");
    note_count(out, loss->unknown_frees, "free of a block that was not seen allocated",
               "frees of blocks that were not seen allocated");
    if (p->process.own_malloc)
        strbuf_add(out,
                   "  note: the executable has a malloc of its own: calls from other modules are "
                   "recorded, those within the executable are not; what it frees itself "
                   "seems live\n");
    note_count(out, loss->earlier_frees,
               "block that was allocated before attach was freed or moved",
               "blocks that were allocated before attach were freed or moved");
    note_count(out, loss->imports_missed,
               "import could not be redirected: calls from there are not recorded",
               "imports could not be redirected: calls from there are not recorded");
    note_count(out, loss->replaced_blocks,
               "address was handed out again with no free seen" FREED_PAST,
               "addresses were handed out again with no free seen" FREED_PAST);
    note_share(out, p, loss->stacks_truncated, "with a stack cut short: its outer callers unknown");
    note_share(out, p, loss->stacks_lost, "with no stack at all: the table of stacks was full");
    note_count(out, loss->modules_lost, "library is unnamed: the table of libraries was full",
               "libraries are unnamed: the table of libraries was full");
    note_count(out, loss->damaged_records, "record was unintelligible: memory was overwritten",
               "records were unintelligible: memory was overwritten");
    note_count(out, loss->faults_dropped, "memory fault more was found, and not kept",
               "memory faults more were found, and not kept");
    note_count(out, loss->forked_children,
               "process or program that it started is not recorded: memprof could not be reached "
               "from there, or the environment had no room",
               "processes or programs that it started are not recorded: memprof could not be "
               "reached from there, or the environment had no room");
}
