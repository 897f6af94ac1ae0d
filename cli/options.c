// SPDX-License-Identifier: Apache-2.0
#include "cli/options.h"

#include "cli/words.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HELP_COLUMN 28
#define SPECS_MAX 128

static const struct option_spec help_specs[] = {
    {'h', "help", NULL, "show this help"},
    {0, NULL, NULL, NULL},
};

/* ------------------------------------------------------------- help -- */

static void print_help_text(const char *help)
{
    const char *end;

    while ((end = strchr(help, '\n'))) {
        printf("%.*s\n%*s", (int)(end - help), help, HELP_COLUMN, "");
        help = end + 1;
    }
    printf("%s\n", help);
}

static bool is_optional(const struct option_spec *spec)
{
    return spec->argument && *spec->argument == '[';
}

static void print_spec(const struct option_spec *spec)
{
    int used = spec->id < OPTION_LONG_ONLY ? printf("  -%c, --%s", spec->id, spec->name)
                                           : printf("      --%s", spec->name);

    if (spec->argument)
        used += printf(is_optional(spec) ? "%s" : " %s", spec->argument);
    if (used + 2 > HELP_COLUMN) {
        printf("\n");
        used = 0;
    }
    printf("%*s", HELP_COLUMN - used, "");
    print_help_text(spec->help);
}

static void print_specs(const struct option_spec *specs)
{
    for (; specs->name; specs++)
        print_spec(specs);
}

static void print_help(const struct options *options)
{
    printf("Usage: %s %s\n\n%s\n", options->command, options->usage, options->purpose);
    for (size_t i = 0; i < OPTIONS_TABLES && options->tables[i].specs; i++) {
        if (options->tables[i].title)
            printf("\n%s:\n", options->tables[i].title);
        print_specs(options->tables[i].specs);
    }
    print_specs(help_specs);
    if (options->closing)
        printf("\n%s\n", options->closing);
}

/* ---------------------------------------------------------- parsing -- */

struct getopt_tables {
    struct option long_options[SPECS_MAX];
    char letters[SPECS_MAX * 2 + 2];
    size_t count, used;
};

static void add_specs(struct getopt_tables *t, const struct option_spec *specs)
{
    for (; specs->name && t->count + 1 < SPECS_MAX; specs++) {
        t->long_options[t->count++] = (struct option){specs->name,
                                                      is_optional(specs) ? optional_argument
                                                      : specs->argument  ? required_argument
                                                                         : no_argument,
                                                      NULL, specs->id};
        if (specs->id >= OPTION_LONG_ONLY)
            continue;
        t->letters[t->used++] = (char)specs->id;
        if (specs->argument)
            t->letters[t->used++] = ':';
        if (is_optional(specs))
            t->letters[t->used++] = ':';
    }
}

static void make_tables(struct getopt_tables *t, const struct options *options)
{
    *t = (struct getopt_tables){0};
    if (options->stop_at_operand)
        t->letters[t->used++] = '+';
    for (size_t i = 0; i < OPTIONS_TABLES && options->tables[i].specs; i++)
        add_specs(t, options->tables[i].specs);
    add_specs(t, help_specs);
}

int options_wrong(const struct options *options)
{
    fprintf(stderr, "Try '%s --help'.\n", options->command);
    return OPTIONS_WRONG;
}

/* Whether `word` is what a command line means for the optional argument of an option. */
static bool is_meant_for(const char *option, const char *word)
{
    size_t length = strlen(word), ending = strlen(option);

    if (strcmp(word, "-") == 0)
        return true;
    return *word != '-' && length > ending + 1 && word[length - ending - 1] == '.' &&
           strcmp(word + length - ending, option) == 0;
}

/* The argument of the option that getopt has just found. */
static const char *argument_of(const struct option *option, int argc, char **argv)
{
    if (optarg || !option || option->has_arg != optional_argument || optind >= argc ||
        !is_meant_for(option->name, argv[optind]))
        return optarg;
    return argv[optind++];
}

static const struct option *option_of(const struct getopt_tables *t, int id)
{
    for (size_t i = 0; i < t->count; i++)
        if (t->long_options[i].val == id)
            return &t->long_options[i];
    return NULL;
}

int options_parse(const struct options *options, int argc, char **argv, option_taker *take,
                  void *context)
{
    struct getopt_tables tables;
    int id, result;

    make_tables(&tables, options);
    argv[0] = (char *)options->command; /* getopt's own messages begin with it */
    optind = 0;
    while ((id = getopt_long(argc, argv, tables.letters, tables.long_options, NULL)) != -1) {
        if (id == '?')
            return options_wrong(options);
        if (id == 'h') {
            print_help(options);
            return OPTIONS_DONE;
        }
        result = take(context, id, argument_of(option_of(&tables, id), argc, argv));
        if (result == OPTIONS_WRONG)
            return options_wrong(options);
        if (result)
            return result;
    }
    return optind;
}

int option_number(const char *option, const char *text, uint64_t max, uint64_t *value)
{
    char *end;

    errno = 0;
    if (*text >= '0' && *text <= '9') {
        *value = strtoull(text, &end, 10);
        if (errno == 0 && *end == '\0' && *value <= max)
            return 0;
    }
    words_say("--%s takes a number from 0 to %" PRIu64 ", not '%s'", option, max, text);
    return OPTIONS_WRONG;
}

int option_word(const char *option, const char *text, const char *const *words)
{
    for (int i = 0; words[i]; i++)
        if (strcmp(words[i], text) == 0)
            return i;
    words_say("--%s does not know '%s'; it takes:", option, text);
    for (int i = 0; words[i]; i++)
        fprintf(stderr, "%s%s", i ? ", " : "  ", words[i]);
    fputc('\n', stderr);
    return OPTIONS_WRONG;
}

int option_period(const char *option, const char *text, uint64_t *ns)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}};
    const uint64_t least = 10000000, most = UINT64_C(1000) * 3600 * 1000000000;
    char *unit;
    double value = *text >= '0' && *text <= '9' ? strtod(text, &unit) : -1;

    for (size_t i = 0; value >= 0 && i < sizeof units / sizeof *units; i++) {
        double period = value * units[i].ns;

        if (strcmp(unit, units[i].name) != 0 || period < (double)least || period > (double)most)
            continue;
        *ns = (uint64_t)period;
        return 0;
    }
    words_say("--%s takes a time from 10ms to 1000h with its unit, as in 500ms, 1s, 2m, not '%s'",
              option, text);
    return OPTIONS_WRONG;
}
