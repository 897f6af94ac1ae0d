// SPDX-License-Identifier: Apache-2.0
#include "cli/heap-source.h"

#include "cli/session-choice.h"
#include "cli/words.h"

#include <string.h>
#include <unistd.h>

#define TIMEOUT_MS 600000

/* A file that is there is meant; else what cannot be the name of a program is one that is not. */
bool heap_source_is_file(const char *what)
{
    size_t length = strlen(what);

    return access(what, F_OK) == 0 || strchr(what, '/') ||
           (length > 6 && strcmp(what + length - 6, ".mprof") == 0);
}

static int take_answer(const struct control_answer *a, char path[CONTROL_PATH_BYTES])
{
    if (a->status == CONTROL_OK && *a->file) {
        control_copy(path, CONTROL_PATH_BYTES, a->file);
        return EXIT_FINE;
    }
    if (a->status == CONTROL_NOTHING) {
        words_say("the program has ended: ask its profile");
        return EXIT_NOT_PROFILED;
    }
    if (a->status == CONTROL_OK)
        words_say("the profile of %s goes to no file (-o /dev/null): there is nothing to read",
                  a->program);
    else
        words_say("the search was not made: %s", a->text);
    return EXIT_TROUBLE;
}

static int ask_program(const char *what, const struct heap_question *question,
                       char path[CONTROL_PATH_BYTES])
{
    struct control_request request = control_request_make(CONTROL_SEARCH);
    struct control_answer answer;
    int status;

    request.address = question->address;
    request.flags = question->flags;
    status = session_ask_chosen(what, &request, &answer, TIMEOUT_MS);
    return status == EXIT_FINE ? take_answer(&answer, path) : status;
}

/* It may be the name of a file that was meant: the program is not all that there is not. */
static int find_program(const char *what, const struct heap_question *question,
                        char path[CONTROL_PATH_BYTES])
{
    int status = ask_program(what, question, path);

    if (status == EXIT_NOT_PROFILED && what && what[strspn(what, "0123456789")] != '\0')
        words_say("nor is there a file %s", what);
    return status;
}

int heap_source_find(const char *what, const struct heap_question *question,
                     char path[CONTROL_PATH_BYTES])
{
    if (!what || question->program || !heap_source_is_file(what))
        return find_program(what, question, path);
    if (strlen(what) >= CONTROL_PATH_BYTES) {
        words_say("%s: the path is too long", what);
        return EXIT_TROUBLE;
    }
    control_copy(path, CONTROL_PATH_BYTES, what);
    return EXIT_FINE;
}
