// SPDX-License-Identifier: Apache-2.0
#include "cli/command.h"
#include "cli/session-choice.h"
#include "cli/terminal.h"
#include "cli/view-output.h"
#include "cli/words.h"
#include "src/host/report/report-block.h"
#include "src/host/symbols/snapshot-open.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define TIMEOUT_MS 60000

enum {
    OPTION_PID = OPTION_OF_COMMAND,
    OPTION_FRAMES,
    OPTION_BYTES,
};

static const struct option_spec specs[] = {
    {OPTION_PID, "pid", "PID", "the program's process id, when several are being profiled"},
    {OPTION_FRAMES, "frames", "N", "show the N innermost frames of the stack [all]"},
    {OPTION_BYTES, "bytes", NULL, "show all digits of numbers of bytes"},
    {0, NULL, NULL, NULL},
};

static const struct options options = {
    .command = "memprof where",
    .usage = "[OPTIONS] ADDRESS",
    .purpose =
        "Show the live block that holds ADDRESS in a program that memprof run is recording,\n"
        "and the stack that allocated it.",
    .tables = {{"Options", specs}},
    .closing =
        "The exit status is 1 when there is no live block at the address, 3 when no such\n"
        "program is being profiled, 4 when several are, 5 when the process is another user's.",
};

struct choice {
    const char *pid;
    uint64_t frames;
    bool exact;
};

static int take(void *context, int id, const char *argument)
{
    struct choice *c = context;

    switch (id) {
    case OPTION_PID:
        c->pid = argument;
        return 0;
    case OPTION_FRAMES:
        return option_number("frames", argument, UINT32_MAX, &c->frames);
    default:
        c->exact = true;
        return 0;
    }
}

/* Hexadecimal as debuggers and %p print it, or decimal. */
static bool parse_address(const char *text, uint64_t *address)
{
    char *end;

    errno = 0;
    *address = strtoull(text, &end, 0);
    return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0;
}

static int add_report(struct strbuf *out, const struct control_answer *a, uint64_t address,
                      const struct choice *c, struct error *e)
{
    struct sourcelines sources;
    struct report_text_options text = {.columns = terminal_columns(stdout),
                                       .exact = c->exact,
                                       .sources = &sources,
                                       .stack = {.limit = c->frames}};
    struct profile p;
    int result;

    if (!*a->file) {
        report_block_text(out, a, address, NULL, c->exact);
        strbuf_add(out, "  its stack is in no file (-o /dev/null)\n");
        return 0;
    }
    if (snapshot_open(&p, a->file, e) != 0)
        return -1;
    sourcelines_init(&sources);
    report_block_text(out, a, address, &p, c->exact);
    result = report_block_stack(out, a, &p, &text, e);
    sourcelines_release(&sources);
    profile_release(&p);
    return result;
}

static int show(const struct control_answer *a, uint64_t address, const struct choice *c)
{
    struct error e = {0};
    struct strbuf out;
    int result;

    strbuf_init(&out);
    result = add_report(&out, a, address, c, &e);
    if (result == 0)
        result = text_write(&out, stdout, &e);
    strbuf_release(&out);
    if (result == 0)
        return EXIT_FINE;
    words_error(&e);
    return words_exit_code(&e);
}

static int tell(const struct control_answer *a, uint64_t address, const struct choice *c)
{
    switch (a->status) {
    case CONTROL_OK:
        return show(a, address, c);
    case CONTROL_NO_BLOCK:
        words_say("0x%" PRIx64 " is not in a live block: it was freed, or never recorded", address);
        return EXIT_TROUBLE;
    case CONTROL_NOTHING:
        words_say("the program has ended");
        return EXIT_NOT_PROFILED;
    }
    words_say("the block's stack was not written: %s", a->text);
    return EXIT_TROUBLE;
}

static int where(uint64_t address, const struct choice *c)
{
    struct control_request request = control_request_make(CONTROL_BLOCK);
    struct control_answer answer;
    int status;

    request.address = address;
    status = session_ask_chosen(c->pid, &request, &answer, TIMEOUT_MS);
    return status == EXIT_FINE ? tell(&answer, address, c) : status;
}

int cmd_where(int argc, char **argv)
{
    struct choice choice = {.pid = NULL};
    int first = options_parse(&options, argc, argv, take, &choice);
    uint64_t address;

    if (first == OPTIONS_DONE)
        return EXIT_FINE;
    if (first >= 0 && argc - first == 1 && parse_address(argv[first], &address))
        return where(address, &choice);
    if (first >= 0) {
        if (argc == first)
            words_say("which address?");
        else if (argc - first > 1)
            words_say("one address at a time");
        else
            words_say("'%s' is no address: a number such as 0x7f21c0001200", argv[first]);
        options_wrong(&options);
    }
    return EXIT_USAGE;
}
