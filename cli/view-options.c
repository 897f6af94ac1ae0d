// SPDX-License-Identifier: Apache-2.0
#include "cli/view-options.h"

#include "cli/terminal.h"
#include "cli/words.h"
#include "src/host/report-json.h"

#include <string.h>

#define DEFAULT_LIMIT 10

enum {
    OPTION_BY = OPTION_LONG_ONLY,
    OPTION_DOMAIN,
    OPTION_BYTES,
    OPTION_SKIP,
    OPTION_NO_SKIP,
    OPTION_SKIP_LIST,
    OPTION_JSON,
    OPTION_WIDTH,
};

const struct option_spec view_option_specs[] = {
    {'t', "top", "N", "show the first N rows [10]; 0 shows all"},
    {'g', "group-by", "WHAT", "line, function, file, module, thread or traceback\n[line]"},
    {OPTION_BY, "by", "ORDER",
     "sort by bytes at the peak, bytes live at exit, bytes\nallocated (total), blocks allocated "
     "(count) or\ntemporary blocks: peak, live, total, count or\ntemporary [peak]"},
    {OPTION_DOMAIN, "domain", "WHICH", "heap, mmap or all [heap]"},
    {OPTION_BYTES, "bytes", NULL, "show all digits of byte numbers"},
    {OPTION_WIDTH, "width", "N", "fit rows into N columns; 0 cuts nothing\n[the terminal's]"},
    {OPTION_SKIP, "skip", "PATTERN",
     "also pass over functions matching PATTERN, or\nfile:PATTERN, module:PATTERN, when naming a "
     "line"},
    {OPTION_NO_SKIP, "no-skip", NULL, "pass over nothing but what --skip names"},
    {OPTION_SKIP_LIST, "skip-list", NULL, "print what is passed over, and exit"},
    {OPTION_JSON, "json", "FILE", "write the rows as JSON to FILE, or - for stdout"},
    {0, NULL, NULL, NULL},
};

void view_choice_init(struct view_choice *c)
{
    *c = (struct view_choice){.view.limit = DEFAULT_LIMIT, .view.domain = DOMAIN_HEAP};
    skiplist_init(&c->skip, true);
    c->view.skip = &c->skip;
}

void view_choice_release(struct view_choice *c)
{
    skiplist_release(&c->skip);
}

/* Put the index of a word into `*value`. */
static int take_word(const char *option, const char *text, const char *const *words, int *value)
{
    int index = option_word(option, text, words);

    if (index < 0)
        return index;
    *value = index;
    return 0;
}

static int take_size(const char *option, const char *text, size_t *size, bool *given)
{
    uint64_t value;

    if (option_number(option, text, UINT32_MAX, &value) != 0)
        return OPTIONS_WRONG;
    *size = (size_t)value;
    *given = true;
    return 0;
}

static int take_group(struct view_choice *c, const char *text)
{
    static const char *const words[] = {"line",   "function",  "file", "module",
                                        "thread", "traceback", NULL};
    int group;

    if (take_word("group-by", text, words, &group) != 0)
        return OPTIONS_WRONG;
    c->view.group = (enum view_group)group;
    return 0;
}

static int take_order(struct view_choice *c, const char *text)
{
    static const char *const words[] = {"peak", "live", "total", "count", "temporary", NULL};
    int order;

    if (take_word("by", text, words, &order) != 0)
        return OPTIONS_WRONG;
    c->view.order = (enum view_order)order;
    return 0;
}

static int take_domain(struct view_choice *c, const char *text)
{
    static const char *const words[] = {"heap", "mmap", "all", NULL};
    static const uint32_t domains[] = {DOMAIN_HEAP, DOMAIN_MMAP, VIEW_ALL_DOMAINS};
    int index;

    if (take_word("domain", text, words, &index) != 0)
        return OPTIONS_WRONG;
    c->view.domain = domains[index];
    return 0;
}

static int take_skip(struct view_choice *c, const char *pattern)
{
    struct error e;

    if (skiplist_add(&c->skip, pattern, &e) == 0)
        return 0;
    words_error(&e);
    return OPTIONS_WRONG;
}

int view_choice_take(void *choice, int id, const char *argument)
{
    struct view_choice *c = choice;

    switch (id) {
    case 't':
        return take_size("top", argument, &c->view.limit, &c->limit_given);
    case 'g':
        return take_group(c, argument);
    case OPTION_BY:
        return take_order(c, argument);
    case OPTION_DOMAIN:
        return take_domain(c, argument);
    case OPTION_BYTES:
        c->exact = true;
        return 0;
    case OPTION_WIDTH:
        return take_size("width", argument, &c->columns, &c->columns_given);
    case OPTION_SKIP:
        return take_skip(c, argument);
    case OPTION_NO_SKIP:
        c->skip.builtin = false;
        return 0;
    case OPTION_SKIP_LIST:
        c->list_skipped = true;
        return 0;
    case OPTION_JSON:
        c->json = argument;
        return 0;
    }
    return OPTIONS_WRONG;
}

static void print_pattern(void *context, const char *pattern)
{
    (void)context;
    puts(pattern);
}

void view_choice_list_skipped(const struct view_choice *c)
{
    skiplist_each(&c->skip, print_pattern, NULL);
}

struct report_text_options view_choice_text(const struct view_choice *c, FILE *stream,
                                            struct sourcelines *sources)
{
    return (struct report_text_options){
        .columns = c->columns_given ? c->columns : terminal_columns(stream),
        .colour = terminal_takes_colour(stream),
        .exact = c->exact,
        .sources = sources,
    };
}

int view_choice_add_rows(const struct view_choice *c, const struct profile *p,
                         const struct report_text_options *options, struct strbuf *out,
                         struct error *e)
{
    struct view v;

    if (view_build(&v, p, &c->view, e) != 0)
        return -1;
    report_text_view(out, p, &v, options);
    view_release(&v);
    return 0;
}

static int write_json_to(FILE *out, const struct view_choice *c, const struct profile *p,
                         struct error *e)
{
    struct view_options options = c->view;
    struct view v;
    int result;

    if (!c->limit_given)
        options.limit = 0;
    if (view_build(&v, p, &options, e) != 0)
        return -1;
    result = report_json_write(out, p, &v, e);
    view_release(&v);
    return result;
}

int view_choice_write_json(const struct view_choice *c, const struct profile *p, struct error *e)
{
    FILE *out;
    int result;

    if (!c->json)
        return 0;
    if (strcmp(c->json, "-") == 0)
        return write_json_to(stdout, c, p, e);
    out = fopen(c->json, "we");
    if (!out)
        return error_set(e, ERROR_SYSTEM, "cannot write %s", c->json);
    result = write_json_to(out, c, p, e);
    if (fclose(out) != 0 && result == 0)
        result = error_set(e, ERROR_SYSTEM, "cannot write %s", c->json);
    return result;
}

int text_write(const struct strbuf *text, FILE *stream, struct error *e)
{
    if (text->failed)
        return error_set(e, ERROR_MEMORY, "out of memory while making the report");
    if (fwrite(strbuf_text(text), 1, text->length, stream) != text->length || fflush(stream) != 0)
        return error_set(e, ERROR_SYSTEM, "cannot write the report");
    return 0;
}
