// SPDX-License-Identifier: Apache-2.0
/*
 * The report as lines in the form of Valgrind's Memcheck, for what reads those:
 * ctest -T memcheck takes a leak from a line
 *
 *     ==PID== N (D direct, I indirect) bytes in B blocks are definitely lost in loss record R of M
 *
 * (cmCTestMemCheckHandler.cxx).  Every line begins with ==PID==, records go from the
 * smallest to the largest, as there, and what lies below a lost block has no record.
 */
#include "src/host/report/leaktext.h"
#include "src/host/report/report-leak.h"
#include "src/host/text/units.h"

#include <inttypes.h>

struct memcheck {
    struct strbuf out;
    char prefix[24];
};

static const char *kind_words(enum leak_kind kind)
{
    switch (kind) {
    case LEAK_DEFINITE:
        return "definitely lost";
    case LEAK_INDIRECT:
        return "indirectly lost";
    case LEAK_POSSIBLE:
        return "possibly lost";
    default:
        return "still reachable";
    }
}

/* A number as Memcheck writes it, with commas. */
static void add_number(struct strbuf *out, uint64_t value)
{
    char text[UNITS_TEXT];

    strbuf_add(out, units_count(text, value));
}

static void add_line_start(struct memcheck *m)
{
    strbuf_add(&m->out, m->prefix);
}

static void add_clean(struct memcheck *m, const char *text)
{
    leak_text_clean(&m->out, text, false);
}

static void add_frame(struct memcheck *m, const struct leak_line *line, bool innermost)
{
    add_line_start(m);
    strbuf_addf(&m->out, "   %s 0x%" PRIX64 ": ", innermost ? "at" : "by", line->address);
    add_clean(m, *line->function ? line->function : "???");
    if (*line->file) {
        strbuf_add(&m->out, " (");
        add_clean(m, line->file);
        if (line->line)
            strbuf_addf(&m->out, ":%" PRIu32, line->line);
        strbuf_add(&m->out, ")");
    } else if (*line->module) {
        strbuf_add(&m->out, " (in ");
        add_clean(m, line->module);
        strbuf_add(&m->out, ")");
    }
    strbuf_add(&m->out, "\n");
}

static void add_record(struct memcheck *m, const struct leak_record *r, uint32_t number,
                       uint32_t count)
{
    add_line_start(m);
    add_number(&m->out, r->bytes + r->indirect_bytes);
    if (r->indirect_blocks) {
        strbuf_add(&m->out, " (");
        add_number(&m->out, r->bytes);
        strbuf_add(&m->out, " direct, ");
        add_number(&m->out, r->indirect_bytes);
        strbuf_add(&m->out, " indirect)");
    }
    strbuf_add(&m->out, " bytes in ");
    add_number(&m->out, r->blocks);
    strbuf_addf(&m->out, " blocks are %s in loss record %" PRIu32 " of %" PRIu32 "\n",
                kind_words(r->kind), number, count);
    for (uint32_t i = 0; i < r->stack_count; i++)
        add_frame(m, r->stack[i], i == 0);
    add_line_start(m);
    strbuf_add(&m->out, "\n");
}

/* What an own record is made of; a baseline's known leaks are not among them. */
static bool is_shown(const struct leak_record *r)
{
    return !r->known && r->kind != LEAK_INDIRECT;
}

static void add_records(struct memcheck *m, const struct leak_report *r, uint32_t most)
{
    uint32_t count = 0, shown = 0;

    for (uint32_t i = 0; i < r->record_count; i++)
        count += is_shown(&r->records[i]);
    for (uint32_t i = r->record_count, left = count; i-- > 0;) {
        if (!is_shown(&r->records[i]))
            continue;
        if (!most || left-- <= most)
            add_record(m, &r->records[i], ++shown, most && most < count ? most : count);
    }
    if (shown < count) {
        add_line_start(m);
        strbuf_addf(&m->out, "%" PRIu32 " smaller records are not shown\n", count - shown);
    }
}

static void add_sum(struct memcheck *m, const char *words, const struct leak_amount *sum)
{
    add_line_start(m);
    strbuf_addf(&m->out, "%19s: ", words);
    add_number(&m->out, sum->bytes);
    strbuf_add(&m->out, " bytes in ");
    add_number(&m->out, sum->blocks);
    strbuf_add(&m->out, " blocks\n");
}

static void add_summary(struct memcheck *m, const struct leak_report *r)
{
    struct leak_amount reachable = r->kinds[LEAK_REACHABLE];

    reachable.bytes += r->kinds[LEAK_WEAK].bytes;
    reachable.blocks += r->kinds[LEAK_WEAK].blocks;
    add_line_start(m);
    strbuf_add(&m->out, "LEAK SUMMARY:\n");
    add_sum(m, "definitely lost", &r->kinds[LEAK_DEFINITE]);
    add_sum(m, "indirectly lost", &r->kinds[LEAK_INDIRECT]);
    add_sum(m, "possibly lost", &r->kinds[LEAK_POSSIBLE]);
    add_sum(m, "still reachable", &reachable);
    add_sum(m, "suppressed", &r->suppressed);
}

static void add_heading(struct memcheck *m, const struct leak_report *r)
{
    add_line_start(m);
    strbuf_add(&m->out, "memprof ");
    add_clean(m, r->version);
    strbuf_add(&m->out, ": leaks of ");
    add_clean(m, r->command);
    strbuf_add(&m->out, "\n");
    for (uint32_t i = 0; i < r->note_count; i++) {
        add_line_start(m);
        add_clean(m, r->notes[i]);
        strbuf_add(&m->out, "\n");
    }
    add_line_start(m);
    strbuf_add(&m->out, "\n");
}

int report_leak_memcheck(FILE *out, const struct leak_report *r, const struct leak_format *f,
                         struct error *e)
{
    struct memcheck m;
    bool ok;

    strbuf_init(&m.out);
    snprintf(m.prefix, sizeof m.prefix, "==%" PRId64 "== ", r->pid);
    add_heading(&m, r);
    add_records(&m, r, f->max_records);
    add_summary(&m, r);
    ok = !m.out.failed;
    if (ok)
        fwrite(strbuf_text(&m.out), 1, m.out.length, out);
    strbuf_release(&m.out);
    return report_leak_end(out, ok, "lines in Memcheck's form", e);
}
