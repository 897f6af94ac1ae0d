// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-findings.h"

#include "src/host/text/escape.h"
#include "src/host/text/units.h"
#include "src/host/view/location.h"

#include <string.h>

#define BOLD "\033[1m"
#define PLAIN "\033[0m"
#define INDENT 4

/* Words, broken where the width asks for it. */
static void add_wrapped(struct strbuf *out, const char *text, size_t columns)
{
    size_t room = columns > INDENT + 40 ? columns - INDENT : columns ? 40 : SIZE_MAX;

    while (*text) {
        size_t length = strlen(text), cut = length;

        if (length > room)
            for (cut = room; cut > 1 && text[cut] != ' ';)
                cut--;
        strbuf_addf(out, "%*s%.*s\n", INDENT, "", (int)cut, text);
        text += cut;
        text += *text == ' ';
    }
}

/* "1. lost on an error path, 3.4 KiB: load.c:20 in load (app)" */
static void add_head(struct strbuf *out, const struct profile *p, const struct finding *f,
                     size_t number, const struct report_text_options *options)
{
    static const char *const titles[FINDING_KINDS] = {
        [FINDING_LOST_PATH] = "lost on an error path",
        [FINDING_LOST] = "lost",
        [FINDING_CYCLE] = "held by a cycle",
        [FINDING_GROWS] = "grows without bound",
        [FINDING_CHURN] = "made and thrown away",
        [FINDING_COPY] = "high peak by a temporary copy",
        [FINDING_ROUNDING] = "wasted in rounding",
        [FINDING_RESERVE] = "reserved and not used",
        [FINDING_PINNED] = "pages kept by few blocks",
        [FINDING_MAPPED] = "memory that is not heap",
    };
    char bytes[UNITS_TEXT];

    strbuf_addf(out, "%zu. %s%s, %s%s", number, options->colour ? BOLD : "", titles[f->kind],
                units_bytes(bytes, f->bytes, options->exact), options->colour ? PLAIN : "");
    if (f->row.line != VIEW_NO_LINE) {
        strbuf_add(out, ": ");
        location_row(out, p, VIEW_LINE, &f->row, 0);
    }
    strbuf_add(out, "\n");
}

/* Next to leaks "nothing" alone would be false. */
static void add_nothing(struct strbuf *out, const struct findings *f, const char *path, bool exact)
{
    char lost[UNITS_TEXT];

    strbuf_add(out, "findings: nothing worth saying");
    if (f->small_losses)
        strbuf_addf(out, " but that %s %s lost", units_bytes(lost, f->small_losses, exact),
                    f->small_losses == 1 ? "is" : "are");
    if (f->small_losses && path) {
        strbuf_add(out, ": memprof leaks ");
        escape_text(out, path);
    }
    strbuf_add(out, "\n");
}

/* The path is quoted for a shell, which leaves control characters as they are. */
static void add_command(struct strbuf *out, const struct profile *p, const struct finding *f,
                        const char *path)
{
    struct strbuf command;

    strbuf_init(&command);
    finding_command(&command, p, f, path);
    strbuf_addf(out, "%*smore: ", INDENT, "");
    escape_text(out, strbuf_text(&command));
    strbuf_add(out, "\n");
    out->failed |= command.failed;
    strbuf_release(&command);
}

static void add_rest(struct strbuf *out, size_t count, const char *path)
{
    strbuf_addf(out, "and %zu more: memprof findings ", count);
    escape_text(out, path);
    strbuf_add(out, "\n");
}

void report_findings_text(struct strbuf *out, const struct profile *p, const struct findings *f,
                          const char *path, size_t limit, const struct report_text_options *options)
{
    size_t count = limit && limit < f->count ? limit : f->count;

    if (count == 0) {
        add_nothing(out, f, path, options->exact);
        return;
    }
    strbuf_addf(out, "%s[ Findings ]%s\n", options->colour ? BOLD : "",
                options->colour ? PLAIN : "");
    for (size_t i = 0; i < count; i++) {
        add_head(out, p, &f->items[i], i + 1, options);
        add_wrapped(out, strbuf_text(&f->items[i].text), options->columns);
        if (!path)
            continue;
        add_command(out, p, &f->items[i], path);
    }
    if (count < f->count && path)
        add_rest(out, f->count - count, path);
    else if (count < f->count)
        strbuf_addf(out, "and %zu more\n", f->count - count);
}
