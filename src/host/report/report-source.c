// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/report-source.h"

#include "src/host/text/shorten.h"

#define DIM "\033[2m"
#define PLAIN "\033[0m"
#define NARROWEST 40u

void report_source_line(struct strbuf *out, const struct profile *p, uint32_t index, int indent,
                        const struct report_text_options *options)
{
    static const char changed[] = "   (the file was changed since)";
    size_t columns = options->columns, length, taken = (size_t)indent;
    const struct profile_line *line;
    struct strbuf text;
    const char *source;
    bool newer = false;

    if (!options->sources || index >= p->line_count)
        return;
    line = &p->lines[index];
    source = sourcelines_get(options->sources, profile_text(p, line->file), line->line,
                             p->process.started_unix, &length, &newer);
    if (!source)
        return;
    taken += newer ? sizeof changed - 1 : 0;
    strbuf_init(&text);
    strbuf_add_length(&text, source, length);
    for (char *c = text.text; c && *c; c++)
        *c = *c == '\t' ? ' ' : *c;
    strbuf_addf(out, "%*s%s", indent, "", options->colour ? DIM : "");
    shorten_text(out, strbuf_text(&text),
                 columns > taken + NARROWEST ? columns - taken
                 : columns                   ? NARROWEST
                                             : 0);
    strbuf_add(out, options->colour ? PLAIN : "");
    strbuf_addf(out, "%s\n", newer ? changed : "");
    strbuf_release(&text);
}
