// SPDX-License-Identifier: Apache-2.0
/*
 * Loses what its arguments say, one after the other, and ends:
 *
 *   lost        3 blocks of 100 bytes, in lose_three
 *   other       1 block of 500 bytes, in lose_other
 *   copied      1 block of 6 bytes, which strdup makes, in lose_copy
 *   twice       1 block of 7 bytes, which strdup makes, in lose_second
 *   below       a block of 24 bytes that leads to 2 of 48, in lose_chain
 *   possible    1 block of 64 bytes to the inside of which a pointer is left
 *   freed       nothing: 1 block of 10 bytes is freed again
 *   held        1 block of 4000 bytes that a global variable holds
 *   suppressed  1 block of 200 bytes, in lose_on_purpose, which its own suppressions name
 *   wait        says "ready" and reads until the end of its input
 *   status=N    ends with status N, without a flush of anything
 *   signal      is ended by SIGTERM
 *   raw         ends by a system call of its own, which nothing sees coming
 *
 * With MOVED it is the same program on other lines.
 */
#include "leaks.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef MOVED
/* What is below is on other lines and at other addresses. */
NOINLINE static size_t count_words(const char *text)
{
    size_t words = 0;

    for (const char *at = text; *at; at++)
        words += *at == ' ';
    return words;
}
#endif

void *volatile held,
    *volatile inside; /* not static: their values are used, for all the compiler knows */

const char *__lsan_default_suppressions(void);

const char *__lsan_default_suppressions(void)
{
    return "# what this program loses on purpose\nleak:lose_on_purpose\n";
}

NOINLINE static void lose_three(void)
{
    static const char text[] = "gate: a text";

    for (int i = 0; i < 3; i++)
        memcpy(make_block(100), text, sizeof text);
}

NOINLINE static void lose_other(void)
{
    make_block(500);
}

NOINLINE static void lose_copy(void)
{
    held = strdup("copy!");
    held = NULL;
}

NOINLINE static void lose_second(void)
{
    held = strdup("second");
    held = NULL;
}

NOINLINE static void lose_chain(void)
{
    void **head = make_block(24), **middle = make_block(48);

    head[0] = middle;
    middle[0] = make_block(48);
}

NOINLINE static void lose_on_purpose(void)
{
    make_block(200);
}

NOINLINE static void keep(void)
{
    held = make_block(4000);
}

NOINLINE static void keep_inside(void)
{
    inside = (char *)make_block(64) + 20;
}

static void wait_for_end(void)
{
    char byte;

    put("ready\n", 6);
    while (read(0, &byte, 1) > 0)
        continue;
}

NOINLINE static void act(const char *word)
{
    if (strcmp(word, "lost") == 0)
        lose_three();
    else if (strcmp(word, "other") == 0)
        lose_other();
    else if (strcmp(word, "copied") == 0)
        lose_copy();
    else if (strcmp(word, "twice") == 0)
        lose_second();
    else if (strcmp(word, "below") == 0)
        lose_chain();
    else if (strcmp(word, "possible") == 0)
        keep_inside();
    else if (strcmp(word, "freed") == 0)
        free(make_block(10));
    else if (strcmp(word, "held") == 0)
        keep();
    else if (strcmp(word, "suppressed") == 0)
        lose_on_purpose();
    else if (strcmp(word, "wait") == 0)
        wait_for_end();
    else if (strcmp(word, "signal") == 0)
        raise(SIGTERM);
    else if (strcmp(word, "raw") == 0)
        syscall(SYS_exit_group, 0);
}

int main(int argc, char **argv)
{
    int status = 0;

#ifdef MOVED
    if (argc > 1 && count_words(argv[1]) > 1000)
        return 1;
#endif
    for (int i = 1; i < argc; i++) {
        act(argv[i]);
        forget();
        if (strncmp(argv[i], "status=", 7) == 0)
            status = argv[i][7] - '0';
    }
    return status;
}
