// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/options.h"
#include "cli/session-choice.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/text/escape.h"
#include "src/host/text/units.h"

#include <inttypes.h>
#include <string.h>

#define TIMEOUT_MS 60000

static const struct option_spec specs[] = {
    {'l', "label", "LABEL", "call the snapshot LABEL"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof snapshot",
    .usage = "[OPTIONS] PID|NAME",
    .purpose =
        "Take a snapshot of a program that memprof run is recording, named by its process id\n"
        "or its name, without stopping it.  When the snapshot is in the profile, its number\n"
        "and totals are printed.",
    .tables = {{"Options", specs}},
    .closing =
        "The exit status is 3 when no such program is being profiled, 4 when several of that\n"
        "name are, 5 when the process is another user's.",
};

/* What --snapshot of the other commands could not tell from a number or a word of its own. */
static bool is_taken(const char *label)
{
    static const char *const words[] = {"exit", "peak", "last"};

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(label, words[i]) == 0)
            return true;
    return strspn(label, "0123456789") == strlen(label);
}

static int take(void *choice, int id, const char *argument)
{
    const char **label = choice;

    (void)id;
    if (strlen(argument) >= CONTROL_LABEL_BYTES) {
        words_say("a label has at most %u bytes", CONTROL_LABEL_BYTES - 1);
        return OPTIONS_WRONG;
    }
    if (is_taken(argument)) {
        words_say("a snapshot cannot be called '%s': numbers, exit, peak and last mean something "
                  "else in --snapshot",
                  argument);
        return OPTIONS_WRONG;
    }
    *label = argument;
    return 0;
}

static void add_hint(struct strbuf *out, const struct control_answer *a)
{
    if (!*a->file) {
        strbuf_add(out, "  it goes to no file (-o /dev/null)\n");
        return;
    }
    strbuf_addf(out, "  memprof top --snapshot %" PRIu32 " ", a->number);
    escape_text(out, a->file);
    strbuf_add(out, "\n");
}

static int tell(const struct control_answer *a, const char *label, struct error *e)
{
    char live[UNITS_TEXT], peak[UNITS_TEXT], blocks[UNITS_TEXT], seconds[UNITS_TEXT];
    struct strbuf out;
    int result;

    strbuf_init(&out);
    strbuf_addf(&out, "snapshot %" PRIu32, a->number);
    if (*label) {
        strbuf_add(&out, " (");
        escape_text(&out, label);
        strbuf_add(&out, ")");
    }
    strbuf_add(&out, " of ");
    escape_text(&out, a->program);
    strbuf_addf(&out, " (pid %" PRId64 ") at %s: %s live in %s blocks, peak %s\n", a->pid,
                units_seconds(seconds, a->seconds), units_bytes(live, a->live_bytes, false),
                units_count(blocks, a->live_blocks), units_bytes(peak, a->peak_bytes, false));
    add_hint(&out, a);
    result = text_write(&out, stdout, e);
    strbuf_release(&out);
    return result;
}

static int snapshot(const char *what, const char *label)
{
    struct control_request request = control_request_make(CONTROL_SNAPSHOT);
    struct control_answer answer;
    struct error e = {0};
    int status;

    control_copy(request.label, sizeof(request.label), label);
    status = session_ask_chosen(what, &request, &answer, TIMEOUT_MS);
    if (status != EXIT_FINE || (answer.status == CONTROL_OK && tell(&answer, label, &e) == 0))
        return status;
    if (answer.status == CONTROL_NOTHING) {
        words_say("the program ended before the snapshot was taken");
        return EXIT_NOT_PROFILED;
    }
    if (answer.status == CONTROL_FAILED)
        error_set(&e, ERROR_REFUSED, "the snapshot was not written: %s", answer.text);
    words_error(&e);
    return EXIT_TROUBLE;
}

int cmd_snapshot(int argc, char **argv)
{
    const char *label = "";
    int first = options_parse(&options, argc, argv, take, &label);

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first >= 0 && argc - first == 1)
        return snapshot(argv[first], label);
    if (first >= 0) {
        words_say(argc == first ? "which program?" : "one program at a time");
        options_wrong(&options);
    }
    return EXIT_USAGE;
}
