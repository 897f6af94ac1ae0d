// SPDX-License-Identifier: Apache-2.0
#include "cli/leak-retained.h"

#include "cli/document.h"
#include "cli/pager.h"
#include "cli/view-output.h"
#include "src/host/leaks/leaks.h"
#include "src/host/report/report-retained.h"

#define ROWS 10

int leak_retained_group(struct leak_retained *r, const char *argument)
{
    static const char *const words[] = {"line",   "function",  "file", "module",
                                        "thread", "traceback", NULL};
    int word = option_word("group-by", argument, words);

    if (word < 0)
        return OPTIONS_WRONG;
    r->group = (enum view_group)word;
    r->wanted = true;
    return 0;
}

int leak_retained_by(struct leak_retained *r, const char *argument)
{
    static const char *const words[] = {"retained", "own", NULL};
    int word = option_word("by", argument, words);

    if (word < 0)
        return OPTIONS_WRONG;
    r->by_own = word == 1;
    r->wanted = true;
    return 0;
}

struct document {
    const struct heapimage *image;
    const struct retained *retained;
    const struct report_retained_options *options;
};

static int write_document(FILE *out, void *context, struct error *e)
{
    const struct document *d = context;

    return report_retained_json(out, d->image, d->retained, d->options, e);
}

static int write_text(const struct document *d, bool pager, struct error *e)
{
    struct strbuf out;
    int result;

    strbuf_init(&out);
    report_retained_text(&out, d->image, d->retained, d->options);
    result = out.failed ? error_set(e, ERROR_MEMORY, "out of memory while making the report")
                        : pager_write(&out, pager, e);
    strbuf_release(&out);
    return result;
}

static int show(const struct leak_retained *r, struct heapimage *image,
                const struct view_choice *view, const char *json, struct error *e)
{
    struct sourcelines sources;
    struct retained retained;
    struct report_retained_options options = {.group = r->group,
                                              .limit = view->limit_given ? view->view.limit : ROWS};
    struct document document = {image, &retained, &options};
    int result;

    if (retained_make(&retained, image, r->group, r->by_own, &view->skip, e) != 0)
        return -1;
    sourcelines_init(&sources);
    options.text = view_choice_text(view, stdout, &sources);
    result = json ? document_write(json, write_document, &document, e)
                  : write_text(&document, !view->no_pager, e);
    sourcelines_release(&sources);
    retained_release(&retained);
    return result;
}

int leak_retained_show(const struct leak_retained *r, const struct profile *p,
                       const struct view_choice *view, const char *json, struct error *e)
{
    struct heapimage image;
    int result;

    if (!leaks_were_searched(p, e) || heapimage_init(&image, p, e) != 0)
        return -1;
    result = show(r, &image, view, json, e);
    heapimage_release(&image);
    return result;
}
