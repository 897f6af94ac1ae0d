// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/options.h"
#include "cli/session-choice.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/report/report-sessions.h"

enum { OPTION_JSON_LIST = OPTION_OF_COMMAND };

static const struct option_spec specs[] = {
    {OPTION_JSON_LIST, "json", NULL, "print them as JSON"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof list",
    .usage = "[OPTIONS]",
    .purpose = "Show which programs of this user are being profiled now on this machine.",
    .tables = {{"Options", specs}},
};

static int take(void *choice, int id, const char *argument)
{
    bool *json = choice;

    (void)id;
    (void)argument;
    *json = true;
    return 0;
}

static int show(const struct sessions *s, bool json, struct error *e)
{
    struct strbuf out;
    int result = 0;

    if (json)
        return report_sessions_json(stdout, s, e);
    if (!s->count) {
        words_say("nothing is being profiled");
        return 0;
    }
    strbuf_init(&out);
    report_sessions_text(&out, s);
    result = text_write(&out, stdout, e);
    strbuf_release(&out);
    return result;
}

int cmd_list(int argc, char **argv)
{
    bool json = false;
    int first = options_parse(&options, argc, argv, take, &json), result;
    struct sessions sessions;
    struct error e = {0};

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first >= 0 && argc != first) {
        words_say("memprof list takes no argument");
        options_wrong(&options);
    }
    if (first < 0 || argc != first)
        return EXIT_USAGE;
    result = sessions_find(&sessions, &e);
    if (result == 0) {
        session_say_silent(&sessions);
        result = show(&sessions, json, &e);
    }
    sessions_release(&sessions);
    if (result == 0)
        return EXIT_FINE;
    words_error(&e);
    return words_exit_code(&e);
}
