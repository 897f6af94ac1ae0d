// SPDX-License-Identifier: Apache-2.0
#include "cli/block-question.h"

#include "cli/document.h"
#include "cli/heap-source.h"
#include "cli/pager.h"
#include "cli/terminal.h"
#include "cli/words.h"
#include "src/host/leaks/leakretain.h"
#include "src/host/leaks/leaks.h"
#include "src/host/symbols/snapshot-open.h"

#include <inttypes.h>
#include <stdlib.h>

enum {
    OPTION_PID = OPTION_OF_BLOCK_QUESTION,
    OPTION_WIDTH,
    OPTION_BYTES,
    OPTION_JSON,
    OPTION_NO_PAGER,
};

const struct option_spec block_question_specs[] = {
    {OPTION_PID, "pid", "PID", "search a program that is being recorded now"},
    {OPTION_WIDTH, "width", "N", "fit lines into N columns; 0 any [the terminal's, or 120]"},
    {OPTION_BYTES, "bytes", NULL, "show all digits of numbers of bytes"},
    {OPTION_JSON, "json", "[=FILE]", "write it as JSON to FILE [standard output]"},
    {OPTION_NO_PAGER, "no-pager", NULL, "print to the terminal directly"},
    {0, NULL, NULL, NULL},
};

int block_question_take(struct block_question *q, int id, const char *argument)
{
    switch (id) {
    case OPTION_PID:
        q->pid = argument;
        return 0;
    case OPTION_WIDTH:
        q->columns_given = true;
        return option_number("width", argument, UINT32_MAX, &q->columns);
    case OPTION_BYTES:
        q->exact = true;
        return 0;
    case OPTION_JSON:
        q->json = argument ? argument : "-";
        return 0;
    default:
        q->no_pager = true;
        return 0;
    }
}

/* ------------------------------------------------------------------ answer -- */

struct asking {
    const struct block_question *question;
    const char *source;    /* of heap_source_find */
    const char *text;      /* the operand for the block */
    uint64_t addresses[2]; /* readings of it */
    uint32_t address_count;
    block_answer *answer;
    void *context;
};

struct document {
    const struct asking *asking;
    const struct block_found *found;
};

static int write_document(FILE *out, void *context, struct error *e)
{
    const struct document *d = context;

    return d->asking->answer(d->found, NULL, out, d->asking->context, e);
}

static int write_text(const struct asking *a, const struct block_found *found, struct error *e)
{
    struct strbuf out;
    int result;

    strbuf_init(&out);
    result = a->answer(found, &out, NULL, a->context, e);
    if (result == 0)
        result = out.failed ? error_set(e, ERROR_MEMORY, "out of memory while making the report")
                            : pager_write(&out, !a->question->no_pager, e);
    strbuf_release(&out);
    return result;
}

static int show(const struct asking *a, struct block_found *found, struct error *e)
{
    const struct block_question *q = a->question;
    struct document document = {a, found};
    struct skiplist skip;
    struct line_choice *lines;
    int result;

    skiplist_init(&skip, true);
    lines = line_choices(found->profile, &skip);
    skiplist_release(&skip);
    if (!lines)
        return error_set(e, ERROR_MEMORY, "out of memory while making the report");
    found->words = (struct heapwords){.image = found->image,
                                      .lines = lines,
                                      .columns = q->columns_given ? (size_t)q->columns
                                                                  : terminal_columns(stdout),
                                      .exact = q->exact};
    result =
        q->json ? document_write(q->json, write_document, &document, e) : write_text(a, found, e);
    free(lines);
    return result;
}

/* ---------------------------------------------------------------- the block -- */

static int finish(int result, const struct error *e)
{
    if (result == 0)
        return EXIT_FINE;
    words_error(e);
    return words_exit_code(e);
}

/* EXIT_FINE, or the exit status of what is said. */
static int check_graph(const struct profile *p)
{
    struct error e = {0};

    if (!leaks_were_searched(p, &e)) {
        words_error(&e);
        return EXIT_TROUBLE;
    }
    if (p->search.graph != GRAPH_NONE)
        return EXIT_FINE;
    if (p->process.merged) {
        words_say("a merged profile has no references between blocks, which are of one process "
                  "each: ask one of the profiles that it was made of");
        return EXIT_TROUBLE;
    }
    words_say("the profile keeps no references between blocks: record with --leak-graph=all, or "
              "ask while the program runs");
    return EXIT_TROUBLE;
}

static void say_missing(const struct profile *p, uint64_t address)
{
    if (p->search.graph == GRAPH_WHOLE)
        words_say("0x%" PRIx64 " is in no block that was live", address);
    else
        words_say("0x%" PRIx64 " is in no block that the profile keeps: of so large a heap it "
                  "keeps what is lost; record with --leak-graph=all, or ask while the program runs",
                  address);
}

#define LOOK_FURTHER -1 /* no such block: there may be another reading, or another search */

/* The block at an address of a profile, whose name in the answer is `id` if not NULL. */
static int answer_address(const struct asking *a, const struct profile *p, uint64_t address,
                          const char *id, bool last)
{
    struct heapimage image;
    struct block_found found = {.profile = p, .image = &image, .subject = {address, id}};
    struct error e = {0};
    int result;

    if (heapimage_init(&image, p, &e) != 0)
        return finish(-1, &e);
    found.block = heapimage_find(&image, address);
    if (found.block == UINT32_MAX) {
        heapimage_release(&image);
        if (!last)
            return LOOK_FURTHER;
        say_missing(p, address);
        return EXIT_TROUBLE;
    }
    result = a->question->json && leakretain_can(p) ? leakgraph_dominate(&image.graph, &e) : 0;
    if (result == 0)
        result = show(a, &found, &e);
    heapimage_release(&image);
    return finish(result, &e);
}

/* Open the profile, after a search for the address if the source is a program. */
static int open_source(const struct asking *a, uint64_t address, struct profile *p)
{
    struct heap_question question = {.address = address, .program = a->question->pid != NULL};
    char path[CONTROL_PATH_BYTES];
    struct error e = {0};
    int status = heap_source_find(a->source, &question, path);

    if (status != EXIT_FINE)
        return status;
    if (snapshot_open(p, path, &e) != 0)
        return finish(-1, &e);
    status = check_graph(p);
    if (status != EXIT_FINE)
        profile_release(p);
    return status;
}

static int by_address(const struct asking *a, uint64_t address, const char *id, bool last)
{
    struct profile p;
    int status = open_source(a, address, &p);

    if (status != EXIT_FINE)
        return status;
    status = answer_address(a, &p, address, id, last);
    profile_release(&p);
    return status;
}

static int by_addresses(const struct asking *a)
{
    int status = LOOK_FURTHER;

    for (uint32_t i = 0; i < a->address_count && status == LOOK_FURTHER; i++)
        status = by_address(a, a->addresses[i], NULL, i + 1 == a->address_count);
    return status;
}

/* ---------------------------------------------------------------- by its id -- */

/* An example of the leak; 0, or -1 with `e` set. */
static int find_example(const struct profile *p, const char *id, uint64_t *address, struct error *e)
{
    const struct leaks_options all = {.kinds = LEAK_KIND_ALL};
    const struct leak_record *record;
    struct leaks leaks;

    if (leaks_make(&leaks, p, &all, e) != 0)
        return -1;
    record = leak_report_find(&leaks.report, id);
    if (record)
        *address = record->example;
    leaks_release(&leaks);
    if (record)
        return 0;
    return error_set(e, ERROR_INPUT,
                     "no leak of the profile has the id %s: memprof leaks shows "
                     "them; an address begins with 0x",
                     id);
}

static int by_id(const struct asking *a)
{
    struct error e = {0};
    struct profile p;
    uint64_t address = 0;
    bool file = a->source && !a->question->pid && heap_source_is_file(a->source);
    int status = open_source(a, 0, &p);

    if (status != EXIT_FINE)
        return status;
    if (find_example(&p, a->text, &address, &e) != 0) {
        profile_release(&p);
        /* an id of decimal digits alone may be an address */
        return e.kind == ERROR_INPUT && a->address_count ? by_addresses(a) : finish(-1, &e);
    }
    status = answer_address(a, &p, address, a->text, file);
    profile_release(&p);
    return status == LOOK_FURTHER ? by_address(a, address, a->text, true) : status;
}

/* ---------------------------------------------------------------- operands -- */

static int wrong(const struct options *options)
{
    options_wrong(options);
    return EXIT_USAGE;
}

/* Which source and which block the operands are.  0, or -1 with a line on stderr. */
static int take_operands(struct asking *a, const char *pid, int count, char **operands)
{
    if (count > 2 - (pid != NULL)) {
        words_say("one block at a time");
        return -1;
    }
    if (count == 0 || (count == 1 && !pid && heap_source_is_file(operands[0]))) {
        words_say("which address, or leak?");
        return -1;
    }
    a->source = pid ? pid : count == 2 ? operands[0] : NULL;
    a->text = operands[count - 1];
    a->address_count = why_parse_address(a->text, a->addresses);
    if (a->address_count || leak_id_is(a->text))
        return 0;
    words_say("'%s' is neither an address, such as 0x7f21c0001200, nor a leak's id", a->text);
    return -1;
}

int block_question_run(const struct options *options, const struct block_question *q, int count,
                       char **operands, block_answer *answer, void *context)
{
    struct asking a = {.question = q, .answer = answer, .context = context};

    if (take_operands(&a, q->pid, count, operands) != 0)
        return wrong(options);
    return leak_id_is(a.text) ? by_id(&a) : by_addresses(&a);
}
