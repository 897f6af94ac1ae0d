/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Options of a command as tables, from which both getopt_long's tables and the
 * text of --help are made, so that the two cannot differ.
 */
#ifndef MEMPROF_CLI_OPTIONS_H
#define MEMPROF_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTION_LONG_ONLY 256 /* ids from here on have no letter */

struct option_spec {
    int id;               /* the letter, or OPTION_LONG_ONLY and up */
    const char *name;     /* long name; NULL ends a table */
    const char *argument; /* what --help calls the argument, NULL: takes none; see below */
    const char *help;     /* lines separated by \n */
};

/*
 * An argument that is called "[=FILE]" may be left out: the taker is then given NULL.
 * Behind a space only what can be meant for a file is taken for the argument: "-", or
 * a name that ends in a dot and the option's own name (--json report.json).
 */

#define OPTIONS_TABLES 7

struct options {
    const char *command; /* "memprof run" */
    const char *usage;   /* behind the command's name */
    const char *purpose; /* a sentence or two */
    const char *closing; /* printed behind the options, or NULL */
    struct {
        const char *title; /* NULL: the table goes on */
        const struct option_spec *specs;
    } tables[OPTIONS_TABLES];
    bool stop_at_operand; /* what follows the first operand is the program's */
};

/* Called for each option given; anything but 0 stops the parsing and is returned. */
typedef int option_taker(void *context, int id, const char *argument);

#define OPTIONS_WRONG -1 /* wrong usage; said on stderr */
#define OPTIONS_DONE -2  /* nothing more to do, --help was asked for */

/*
 * The index in argv of the first operand, or what the taker returned, which
 * must be negative, or OPTIONS_WRONG.  -h and --help are added and give
 * OPTIONS_DONE after the help is printed.
 */
int options_parse(const struct options *options, int argc, char **argv, option_taker *take,
                  void *context);

/* Say how to get help, after a usage error. */
int options_wrong(const struct options *options);

/* A number of 0 to `max`; 0, or OPTIONS_WRONG and a line on stderr naming the option. */
int option_number(const char *option, const char *text, uint64_t max, uint64_t *value);

/* The index of `text` in `words`, which NULL ends, or OPTIONS_WRONG and a line on stderr. */
int option_word(const char *option, const char *text, const char *const *words);

/* A number of milliseconds, seconds, minutes or hours, in nanoseconds; the same. */
int option_period(const char *option, const char *text, uint64_t *ns);

#endif
