// SPDX-License-Identifier: Apache-2.0
#include "cli/leak-options.h"

#include "cli/words.h"
#include "src/host/profile/profile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    OPTION_LEAK_CHECK = OPTION_OF_LEAK_SEARCH,
    OPTION_TAGGED,
    OPTION_COMPRESSED,
    OPTION_UNALIGNED,
    OPTION_PAST_END,
    OPTION_HEURISTICS,
    OPTION_ROOTS,
    OPTION_WEAK,
    OPTION_CONTENTS,
    OPTION_GRAPH,
    OPTION_STOP,
    OPTION_DUPLICATES,
    OPTION_BEHIND,
};

const struct option_spec leak_check_specs[] = {
    {OPTION_LEAK_CHECK, "leak-check", "WHAT",
     "search for leaks when the program ends and show a\nsummary, every leak (full), or do not "
     "search (no)\n[summary]"},
    {0, NULL, NULL, NULL},
};

const struct option_spec leak_search_specs[] = {
    {OPTION_ROOTS, "roots", "LIST",
     "search from these only: registers, stacks, globals,\ntls, keys, descriptors, mappings, "
     "named; -NAME leaves\none out [all]"},
    {OPTION_WEAK, "weak", "SYMBOL",
     "pointers in the global variable SYMBOL keep nothing\nalive; may be repeated"},
    {OPTION_HEURISTICS, "heuristics", "LIST",
     "pointers into blocks that count as to their start:\nstdstring, newarray, "
     "multipleinheritance, length64;\nall, none [all]"},
    {OPTION_TAGGED, "tagged-pointers", "WHAT",
     "bits of pointers that are not the address: low (the\nlow 3), or a mask as "
     "0xff00000000000000; may be\nrepeated"},
    {OPTION_COMPRESSED, "compressed-pointers", "BASE,SHIFT",
     "32-bit values V also point to BASE + (V << SHIFT)"},
    {OPTION_UNALIGNED, "unaligned", "[=STEP]",
     "look for pointers at all multiples of STEP bytes: 1,\n2 or 4 [8; 1 without =STEP]"},
    {OPTION_PAST_END, "past-end", NULL, "a pointer to one past the end is one into the block"},
    {OPTION_STOP, "leak-stop", "HOW", "hold the program still by auto, ptrace or signal [auto]"},
    {OPTION_GRAPH, "leak-graph", "N",
     "keep all references for memprof why up to N live\nblocks; all, no [200000]"},
    {OPTION_CONTENTS, "contents", "[=BYTES]", "keep and show the first bytes of lost blocks [64]"},
    {OPTION_DUPLICATES, "duplicates", NULL, "look for live blocks with the same bytes"},
    {0, NULL, NULL, NULL},
};

void leak_choice_init(struct leak_choice *c)
{
    *c = (struct leak_choice){0};
    leaksearch_options_init(&c->search);
}

void leak_choice_release(struct leak_choice *c)
{
    free(c->weak);
    *c = (struct leak_choice){0};
}

bool leak_choice_has(int id)
{
    return id >= OPTION_LEAK_CHECK && id < OPTION_BEHIND;
}

void leak_choice_settle(struct leak_choice *c)
{
    c->search.at_end = c->check != LEAK_CHECK_NO;
    c->search.weak = c->weak;
}

/* --------------------------------------------------------------- arguments -- */

static int refuse(const char *option, const char *takes, const char *text)
{
    words_say("--%s takes %s, not '%s'", option, takes, text);
    return OPTIONS_WRONG;
}

/* A number in decimal, or in hexadecimal with 0x. */
static bool parse_number(const char *text, char end, uint64_t *value, const char **rest)
{
    char *behind;

    if (*text < '0' || *text > '9')
        return false;
    errno = 0;
    *value = strtoull(text, &behind, strncmp(text, "0x", 2) == 0 ? 16 : 10);
    if (errno || *behind != end)
        return false;
    *rest = behind + (end != '\0');
    return true;
}

struct name {
    const char *name;
    uint32_t bits;
};

/* The bits of the name that `text` begins with, up to a comma; 0: no such name. */
static uint32_t bits_of(const struct name *names, const char *text, size_t length)
{
    for (; names->name; names++)
        if (strlen(names->name) == length && memcmp(names->name, text, length) == 0)
            return names->bits;
    return 0;
}

static int say_unknown(const char *option, const struct name *names, const char *text,
                       size_t length)
{
    words_say("--%s does not know '%.*s'; it takes:", option, (int)length, text);
    for (const struct name *n = names; n->name; n++)
        fprintf(stderr, "%s%s", n == names ? "  " : ", ", n->name);
    fputs(", none\n", stderr);
    return OPTIONS_WRONG;
}

/* A list of names; -NAME takes one away, of all of them when the list begins so. */
static int take_list(const char *option, const struct name *names, const char *text, uint32_t all,
                     uint32_t *set)
{
    *set = *text == '-' ? all : 0;
    if (strcmp(text, "none") == 0)
        return 0;
    for (;;) {
        bool without = *text == '-';
        size_t length = strcspn(text += without, ",");
        uint32_t bits = bits_of(names, text, length);

        if (!bits)
            return say_unknown(option, names, text, length);
        *set = without ? *set & ~bits : *set | bits;
        if (text[length] == '\0')
            return 0;
        text += length + 1;
    }
}

static int take_heuristics(struct leak_choice *c, const char *text)
{
    static const struct name names[] = {{"stdstring", LEAKGRAPH_STDSTRING},
                                        {"newarray", LEAKGRAPH_NEWARRAY},
                                        {"multipleinheritance", LEAKGRAPH_MULTIPLE},
                                        {"length64", LEAKGRAPH_LENGTH64},
                                        {"all", LEAKGRAPH_HEURISTICS},
                                        {NULL, 0}};

    return take_list("heuristics", names, text, LEAKGRAPH_HEURISTICS, &c->search.graph.heuristics);
}

#define BIT(kind) (1u << (kind))
#define ROOTS_ALL                                                                                  \
    (BIT(ROOT_REGISTER) | BIT(ROOT_STACK) | BIT(ROOT_GLOBAL) | BIT(ROOT_TLS) | BIT(ROOT_KEY) |     \
     BIT(ROOT_DESCRIPTOR) | BIT(ROOT_MAPPING) | BIT(ROOT_NAMED))

/* What the program said to ignore and what is weak does not depend on the roots. */
static int take_roots(struct leak_choice *c, const char *text)
{
    static const struct name names[] = {{"registers", BIT(ROOT_REGISTER)},
                                        {"stacks", BIT(ROOT_STACK)},
                                        {"globals", BIT(ROOT_GLOBAL)},
                                        {"tls", BIT(ROOT_TLS)},
                                        {"keys", BIT(ROOT_KEY)},
                                        {"descriptors", BIT(ROOT_DESCRIPTOR)},
                                        {"mappings", BIT(ROOT_MAPPING)},
                                        {"named", BIT(ROOT_NAMED)},
                                        {"all", ROOTS_ALL},
                                        {NULL, 0}};

    if (take_list("roots", names, text, ROOTS_ALL, &c->search.roots) != 0)
        return OPTIONS_WRONG;
    c->search.roots |= BIT(ROOT_IGNORED) | BIT(ROOT_WEAK);
    return 0;
}

static int take_weak(struct leak_choice *c, const char *symbol)
{
    const char **larger;

    if (*symbol == '\0') {
        words_say("--weak takes the name of a global variable");
        return OPTIONS_WRONG;
    }
    larger = reallocarray(c->weak, c->weak_count + 2, sizeof *larger);
    if (!larger) {
        words_say("out of memory");
        return OPTIONS_WRONG;
    }
    c->weak = larger;
    c->weak[c->weak_count++] = symbol;
    c->weak[c->weak_count] = NULL;
    return 0;
}

/* Bits that every address of the program has cannot be taken out of a pointer. */
#define POINTER_BITS UINT64_C(0x00007ffffffffff8)

static int take_tagged(struct leak_choice *c, const char *text)
{
    const char *rest;
    uint64_t mask;

    if (strcmp(text, "low") == 0) {
        c->search.graph.low_tags = true;
        return 0;
    }
    if (!parse_number(text, '\0', &mask, &rest) || mask == 0 || (mask & POINTER_BITS))
        return refuse("tagged-pointers",
                      "low or a mask of bits above the address, as 0xff00000000000000", text);
    c->search.graph.low_tags |= (mask & 7) != 0;
    c->search.graph.high_tags |= mask & ~UINT64_C(7);
    return 0;
}

static int take_compressed(struct leak_choice *c, const char *text)
{
    const char *rest = text;
    uint64_t base, shift;

    if (!parse_number(text, ',', &base, &rest) || !parse_number(rest, '\0', &shift, &rest) ||
        shift > 16)
        return refuse("compressed-pointers", "BASE,SHIFT with a shift of 0 to 16, as 0x0,3", text);
    c->search.graph.compressed = true;
    c->search.graph.compressed_base = base;
    c->search.graph.compressed_shift = (uint32_t)shift;
    return 0;
}

static int take_step(struct leak_choice *c, const char *text)
{
    if (text && (strlen(text) != 1 || !strchr("1248", *text)))
        return refuse("unaligned", "1, 2, 4 or 8", text);
    c->search.graph.step = text ? (uint32_t)(*text - '0') : 1;
    return 0;
}

static int take_contents(struct leak_choice *c, const char *text)
{
    uint64_t bytes = PROFILE_CONTENTS_BYTES;

    if (text && option_number("contents", text, PROFILE_CONTENTS_BYTES, &bytes) != 0)
        return OPTIONS_WRONG;
    c->search.contents = (uint32_t)bytes;
    return 0;
}

static int take_graph(struct leak_choice *c, const char *text)
{
    if (strcmp(text, "all") == 0)
        c->search.graph_blocks = UINT64_MAX;
    else if (strcmp(text, "no") == 0)
        c->search.graph_blocks = 0;
    else
        return option_number("leak-graph", text, UINT32_MAX, &c->search.graph_blocks);
    return 0;
}

static int take_stop(struct leak_choice *c, const char *text)
{
    static const char *const words[] = {"auto", "ptrace", "signal", NULL};
    static const enum stop_how hows[] = {STOP_AUTO, STOP_BY_PTRACE, STOP_BY_SIGNAL};
    int index = option_word("leak-stop", text, words);

    if (index < 0)
        return index;
    c->search.how = hows[index];
    return 0;
}

static int take_check(struct leak_choice *c, const char *text)
{
    static const char *const words[] = {"summary", "full", "no", NULL};
    int index = option_word("leak-check", text, words);

    if (index < 0)
        return index;
    c->check = (enum leak_check)index;
    return 0;
}

int leak_choice_take(struct leak_choice *c, int id, const char *argument)
{
    switch (id) {
    case OPTION_LEAK_CHECK:
        return take_check(c, argument);
    case OPTION_TAGGED:
        return take_tagged(c, argument);
    case OPTION_COMPRESSED:
        return take_compressed(c, argument);
    case OPTION_UNALIGNED:
        return take_step(c, argument);
    case OPTION_HEURISTICS:
        return take_heuristics(c, argument);
    case OPTION_ROOTS:
        return take_roots(c, argument);
    case OPTION_WEAK:
        return take_weak(c, argument);
    case OPTION_CONTENTS:
        return take_contents(c, argument);
    case OPTION_GRAPH:
        return take_graph(c, argument);
    case OPTION_STOP:
        return take_stop(c, argument);
    case OPTION_DUPLICATES:
        c->search.duplicates = true;
        return 0;
    default:
        c->search.graph.past_end = true;
        return 0;
    }
}
