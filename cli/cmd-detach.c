// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/options.h"
#include "cli/session-choice.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"

#include <inttypes.h>

#define TIMEOUT_MS 600000 /* a large profile takes its time */

static const struct option_spec specs[] = {
    {'q', "quiet", NULL, "print nothing but errors"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof detach",
    .usage = "[OPTIONS] PID|NAME",
    .purpose = "End the recording that memprof attach began of a program, named by its process id\n"
               "or its name: the program runs on as if it had never been recorded.  When the\n"
               "profile is written, its name is printed.",
    .tables = {{"Options", specs}},
    .closing =
        "The exit status is 3 when no such program is being profiled, 4 when several of that\n"
        "name are, 5 when the process is another user's, 6 when memprof run started it.",
};

enum { EXIT_STARTED_HERE = 6 };

static int take(void *quiet, int id, const char *argument)
{
    (void)id, (void)argument;
    *(bool *)quiet = true;
    return 0;
}

static int tell(const struct control_answer *a, struct error *e)
{
    char seconds[UNITS_TEXT], blocks[UNITS_TEXT], bytes[UNITS_TEXT];
    struct strbuf out;
    int result;

    strbuf_init(&out);
    strbuf_add(&out, "detached from ");
    escape_text(&out, a->program);
    strbuf_addf(&out, " (pid %" PRId64 ") after %s: %s live in %s blocks\n", a->pid,
                units_seconds(seconds, a->seconds), units_bytes(bytes, a->live_bytes, false),
                units_count(blocks, a->live_blocks));
    if (*a->file) {
        strbuf_add(&out, "  memprof top ");
        escape_text(&out, a->file);
        strbuf_add(&out, "\n");
    }
    result = text_write(&out, stdout, e);
    strbuf_release(&out);
    return result;
}

static int detach(const char *what, bool quiet)
{
    struct control_request request = control_request_make(CONTROL_DETACH);
    struct control_answer answer;
    struct error e = {0};
    int status = session_ask_chosen(what, &request, &answer, TIMEOUT_MS);

    if (status != EXIT_FINE)
        return status;
    if (answer.status == CONTROL_NOTHING) {
        words_say("the program ended before memprof detached from it");
        return EXIT_NOT_PROFILED;
    }
    if (answer.status == CONTROL_NOT_ATTACHED) {
        words_say("process %" PRId64 " was started by memprof run, which records it to its end",
                  request.pid);
        return EXIT_STARTED_HERE;
    }
    if (!quiet && tell(&answer, &e) != 0) {
        words_error(&e);
        return EXIT_TROUBLE;
    }
    return EXIT_FINE;
}

int cmd_detach(int argc, char **argv)
{
    bool quiet = false;
    int first = options_parse(&options, argc, argv, take, &quiet);

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first >= 0 && argc - first == 1)
        return detach(argv[first], quiet);
    if (first >= 0) {
        words_say(argc == first ? "which program?" : "one program at a time");
        options_wrong(&options);
    }
    return EXIT_USAGE;
}
