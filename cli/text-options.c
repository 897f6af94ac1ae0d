// SPDX-License-Identifier: Apache-2.0
#include "cli/text-options.h"

#include "cli/terminal.h"
#include "cli/words.h"

enum {
    OPTION_SKIP = OPTION_OF_TEXT,
    OPTION_NO_SKIP,
    OPTION_BYTES,
    OPTION_WIDTH,
    OPTION_NO_PAGER,
};

const struct option_spec text_option_specs[] = {
    {OPTION_SKIP, "skip", "PATTERN", "also pass over functions, file: or module: PATTERN"},
    {OPTION_NO_SKIP, "no-skip", NULL, "pass over nothing but what --skip names"},
    {OPTION_BYTES, "bytes", NULL, "show all digits of numbers of bytes"},
    {OPTION_WIDTH, "width", "N", "fit lines into N columns; 0 any [the terminal's, or 120]"},
    {OPTION_NO_PAGER, "no-pager", NULL, "print to the terminal directly"},
    {0, NULL, NULL, NULL},
};

void text_choice_init(struct text_choice *c)
{
    *c = (struct text_choice){.columns = 0};
    skiplist_init(&c->skip, true);
}

void text_choice_release(struct text_choice *c)
{
    skiplist_release(&c->skip);
}

static int take_skip(struct text_choice *c, const char *pattern)
{
    struct error e;

    if (skiplist_add(&c->skip, pattern, &e) == 0)
        return 0;
    words_error(&e);
    return OPTIONS_WRONG;
}

int text_choice_take(struct text_choice *c, int id, const char *argument)
{
    switch (id) {
    case OPTION_SKIP:
        return take_skip(c, argument);
    case OPTION_NO_SKIP:
        c->skip.builtin = false;
        return 0;
    case OPTION_BYTES:
        c->exact = true;
        return 0;
    case OPTION_WIDTH:
        c->columns_given = true;
        return option_number("width", argument, UINT32_MAX, &c->columns);
    default:
        c->no_pager = true;
        return 0;
    }
}

struct report_text_options text_choice_options(const struct text_choice *c, FILE *out)
{
    return (struct report_text_options){
        .columns = c->columns_given ? (size_t)c->columns : terminal_columns(out),
        .colour = terminal_takes_colour(out),
        .exact = c->exact,
    };
}
