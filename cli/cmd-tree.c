// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/options.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/report/report-tree.h"

enum {
    OPTION_BYTES = OPTION_LONG_ONLY,
    OPTION_JSON,
};

static const struct option_spec specs[] = {
    {OPTION_BYTES, "bytes", NULL, "show all digits of byte numbers"},
    {OPTION_JSON, "json", NULL, "print the processes as JSON"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof tree",
    .usage = "[OPTIONS] DIR",
    .purpose =
        "Show the processes of a run whose profiles are in the folder DIR: who started whom,\n"
        "how each ended, and its memory.",
    .tables = {{"Options", specs}},
};

struct tree_choice {
    bool exact, json;
};

static int take(void *context, int id, const char *argument)
{
    struct tree_choice *c = context;

    (void)argument;
    if (id == OPTION_BYTES)
        c->exact = true;
    else
        c->json = true;
    return 0;
}

static int show(const struct tree *t, const struct tree_choice *c, struct error *e)
{
    struct strbuf out;
    int result;

    if (c->json)
        return report_tree_json(stdout, t, e);
    strbuf_init(&out);
    report_tree_text(&out, t, 0, c->exact);
    result = text_write(&out, stdout, e);
    strbuf_release(&out);
    return result;
}

static int show_folder(const char *folder, const struct tree_choice *c)
{
    struct error e = {0};
    struct tree tree;
    int result = tree_read(&tree, folder, &e);

    if (result == 0)
        result = show(&tree, c, &e);
    tree_release(&tree);
    if (result == 0)
        return EXIT_FINE;
    words_error(&e);
    return words_exit_code(&e);
}

int cmd_tree(int argc, char **argv)
{
    struct tree_choice choice = {0};
    int first = options_parse(&options, argc, argv, take, &choice);

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first >= 0 && argc == first + 1)
        return show_folder(argv[first], &choice);
    if (first >= 0) {
        words_say(argc == first ? "which folder?" : "one folder at a time");
        options_wrong(&options);
    }
    return EXIT_USAGE;
}
