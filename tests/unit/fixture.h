/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of its own for each test, in which the test compiles the small
 * programs whose debugging information it then reads.
 */
#ifndef MEMPROF_TESTS_FIXTURE_H
#define MEMPROF_TESTS_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

struct fixture {
    char folder[64];
    char path[4096]; /* what fixture_path returned last */
};

/* cmocka's set-up and tear-down; the state is a struct fixture. */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* The path of a file of the folder, valid until the next call. */
const char *fixture_path(struct fixture *f, const char *name);

/* Make a file, with the text as it is. */
void fixture_write(struct fixture *f, const char *name, const char *text);

/*
 * Run a shell command in the folder, where $CC is the compiler.  fixture_run
 * fails the test, with what the command said, if its status is not 0;
 * fixture_try returns whether it was.
 */
void fixture_run(struct fixture *f, const char *format, ...) __attribute__((format(printf, 2, 3)));
bool fixture_try(struct fixture *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The value of a symbol of a file of the folder; fails the test if there is none. */
uint64_t fixture_symbol(struct fixture *f, const char *file, const char *symbol);

#endif
