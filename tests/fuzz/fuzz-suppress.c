// SPDX-License-Identifier: Apache-2.0
/*
 * libFuzzer over the readers of suppressions.  The input is a file of rules and,
 * behind a byte 0xff, the lines of a stack.  Rules that are read must be
 * possible to match; what is generated for the stack must read back and match it.
 */
#include "src/host/suppress/suppress-generate.h"
#include "src/host/suppress/suppress.h"

#include <stdlib.h>
#include <string.h>

#define FRAMES 30u

/* libFuzzer's interface. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

/* Lines of `text`, which is changed, in turn as function, module and file. */
static uint32_t make_stack(struct suppress_frame frames[FRAMES], char *text)
{
    uint32_t count = 0;

    while (*text && count < 3 * FRAMES) {
        struct suppress_frame *frame = &frames[count / 3];
        size_t length = strcspn(text, "\n");
        bool more = text[length] == '\n';

        text[length] = '\0';
        if (count % 3 == 0)
            *frame = (struct suppress_frame){text, NULL, "", "", count};
        else if (count % 3 == 1)
            frame->module = text;
        else
            frame->file = text;
        text += length + more;
        count++;
    }
    return (count + 2) / 3;
}

/* `place` is any frame, or none of them. */
static void generate_and_match(const struct suppress_frame *frames, uint32_t count, uint32_t place,
                               bool valgrind)
{
    struct suppressions set;
    struct strbuf text;
    bool written = true;

    suppressions_init(&set);
    strbuf_init(&text);
    if (valgrind)
        suppress_generate_valgrind(&text, frames[0].function, LEAK_DEFINITE, frames, count);
    else
        written = suppress_generate_lsan(&text, frames, count, place);
    if (written) {
        require(suppressions_add(&set, strbuf_text(&text), text.length, "generated", NULL) == 0);
        require(set.rule_count == 1);
        require(suppressions_match(&set, LEAK_DEFINITE, frames, count) != NULL);
    }
    strbuf_release(&text);
    suppressions_release(&set);
}

static void read_rules(const uint8_t *bytes, size_t size, const struct suppress_frame *frames,
                       uint32_t count)
{
    struct suppressions set;
    struct error e = {0};

    suppressions_init(&set);
    if (suppressions_add(&set, (const char *)bytes, size, "input", &e) != 0)
        require(e.kind != ERROR_NONE && e.text[0]);
    for (enum leak_kind kind = 0; kind < LEAK_KINDS; kind++)
        suppressions_match(&set, kind, frames, count);
    suppressions_release(&set);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    const uint8_t *mark = size ? memchr(bytes, 0xff, size) : NULL;
    size_t rules = mark ? (size_t)(mark - bytes) : size;
    struct suppress_frame frames[FRAMES];
    uint32_t count;
    char *stack = calloc(1, size - rules + 1);

    require(stack != NULL);
    if (mark)
        memcpy(stack, mark + 1, size - rules - 1);
    count = make_stack(frames, stack);
    read_rules(bytes, rules, frames, count);
    if (count) {
        generate_and_match(frames, count, 0, true);
        generate_and_match(frames, count, (uint32_t)size % (count + 1), false);
    }
    free(stack);
    return 0;
}
