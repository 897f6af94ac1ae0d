// SPDX-License-Identifier: Apache-2.0
#include "src/host/report/linetexts.h"

#include <stdlib.h>

struct linetext {
    size_t first, length; /* in texts */
    bool made;
};

void linetexts_init(struct linetexts *t, const struct leak_report *r, line_writer *write,
                    const void *context)
{
    *t = (struct linetexts){.report = r, .write = write, .context = context};
    t->known = r->line_count ? calloc(r->line_count, sizeof *t->known) : NULL;
    strbuf_init(&t->texts);
}

void linetexts_release(struct linetexts *t)
{
    free(t->known);
    strbuf_release(&t->texts);
    *t = (struct linetexts){0};
}

void linetexts_add(struct linetexts *t, struct strbuf *out, const struct leak_line *line)
{
    uint32_t number = t->known ? leak_line_number(t->report, line) : t->report->line_count;
    struct linetext *text = number < t->report->line_count ? &t->known[number] : NULL;

    if (text && !text->made) {
        text->first = t->texts.length;
        t->write(&t->texts, line, t->context);
        text->length = t->texts.length - text->first;
        text->made = !t->texts.failed;
    }
    if (text && text->made)
        strbuf_add_length(out, t->texts.text + text->first, text->length);
    else
        t->write(out, line, t->context);
}
