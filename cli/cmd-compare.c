// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/document.h"
#include "cli/options.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/report/report-compare.h"
#include "src/host/symbols/snapshot-open.h"

#include <stdlib.h>
#include <string.h>

enum {
    OPTION_BY = OPTION_LONG_ONLY,
    OPTION_BYTES,
    OPTION_JSON,
    OPTION_CSV,
};

static const struct option_spec compare_specs[] = {
    {'n', "name", "NAME",
     "call the next profile's row NAME instead of by its\nfile; may be "
     "repeated"},
    {OPTION_BY, "by", "WHAT",
     "what the saving is of: peak, live, total, count,\ntemporary or seconds [peak]"},
    {OPTION_BYTES, "bytes", NULL, "show all digits of byte numbers"},
    {OPTION_JSON, "json", "FILE", "write the rows as JSON to FILE, or - for stdout"},
    {OPTION_CSV, "csv", "FILE", "write the rows as CSV to FILE, or - for stdout"},
    {0, NULL, NULL, NULL},
};

static const struct options compare_options = {
    .command = "memprof compare",
    .usage = "[OPTIONS] FILE...",
    .purpose = "Show the totals of several runs side by side, and what each saved against the "
               "first.",
    .tables = {{"Options", compare_specs}},
};

struct compare_choice {
    enum compare_order order;
    char **names;
    size_t name_count, name_room;
    const char *json, *csv;
    bool exact;
};

static int take(void *context, int id, const char *argument)
{
    static const char *const words[] = {"peak",      "live",    "total", "count",
                                        "temporary", "seconds", NULL};
    struct compare_choice *c = context;
    int word;

    switch (id) {
    case 'n':
        if (c->name_count == c->name_room)
            return OPTIONS_WRONG;
        c->names[c->name_count++] = (char *)argument;
        return 0;
    case OPTION_BY:
        word = option_word("by", argument, words);
        if (word < 0)
            return OPTIONS_WRONG;
        c->order = (enum compare_order)word;
        return 0;
    case OPTION_BYTES:
        c->exact = true;
        return 0;
    case OPTION_JSON:
        c->json = argument;
        return 0;
    case OPTION_CSV:
        c->csv = argument;
        return 0;
    }
    return OPTIONS_WRONG;
}

static int read_runs(struct compare *c, const struct compare_choice *choice, char **paths,
                     size_t count, struct error *e)
{
    for (size_t i = 0; i < count; i++) {
        struct profile profile;
        int result;

        if (snapshot_open(&profile, paths[i], e) != 0)
            return -1;
        result =
            compare_add(c, &profile, paths[i], i < choice->name_count ? choice->names[i] : NULL, e);
        profile_release(&profile);
        if (result != 0)
            return -1;
    }
    return compare_name_apart(c, e);
}

static int write_json(FILE *out, void *context, struct error *e)
{
    return report_compare_json(out, context, e);
}

static int write_csv(FILE *out, void *context, struct error *e)
{
    return report_compare_csv(out, context, e);
}

static int write_files(struct compare *c, const struct compare_choice *choice, struct error *e)
{
    if (choice->json && document_write(choice->json, write_json, c, e) != 0)
        return -1;
    return choice->csv ? document_write(choice->csv, write_csv, c, e) : 0;
}

static int show(struct compare *c, const struct compare_choice *choice, struct error *e)
{
    struct strbuf text;
    int result;

    if (choice->json || choice->csv)
        return write_files(c, choice, e);
    strbuf_init(&text);
    report_compare_text(&text, c, choice->exact);
    result = text_write(&text, stdout, e);
    strbuf_release(&text);
    return result;
}

static int compare(const struct compare_choice *choice, char **paths, size_t count)
{
    struct compare c = {.order = choice->order};
    struct error e = {0};
    int result = read_runs(&c, choice, paths, count, &e);

    if (result == 0)
        result = show(&c, choice, &e);
    compare_release(&c);
    if (result == 0)
        return EXIT_FINE;
    words_error(&e);
    return words_exit_code(&e);
}

int cmd_compare(int argc, char **argv)
{
    struct compare_choice choice = {.names = calloc((size_t)argc, sizeof *choice.names),
                                    .name_room = (size_t)argc};
    int first =
        choice.names ? options_parse(&compare_options, argc, argv, take, &choice) : OPTIONS_WRONG;
    int status = EXIT_USAGE;

    if (first == OPTIONS_DONE) {
        status = EXIT_FINE;
    } else if (first >= 0 && argc == first) {
        words_say("which profiles?");
        options_wrong(&compare_options);
    } else if (first >= 0 && choice.name_count > (size_t)(argc - first)) {
        words_say("more names than profiles");
        options_wrong(&compare_options);
    } else if (first >= 0) {
        status = compare(&choice, argv + first, (size_t)(argc - first));
    }
    free(choice.names);
    return status;
}
