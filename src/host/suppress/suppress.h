/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Suppressions: which leaks are known and not to be reported.  Rules are read
 * from files in LeakSanitizer's syntax
 *
 *     leak:PATTERN          in any function's name, source file or module of the stack
 *
 * or in Valgrind's
 *
 *     {
 *        name
 *        Memcheck:Leak
 *        match-leak-kinds: definite,possible      (optional; all when left out)
 *        fun:NAME   obj:MODULE   src:FILE[:LINE]   or ...   (up to 24 of them)
 *     }
 *
 * whose lines match the innermost frames one by one, `...` any number of them,
 * or are memprof's own (suppress-builtin.h).  Rules of other kinds, for other
 * checks of the same tools, are read over and counted.
 *
 * Valgrind's stacks begin with the allocation function and its C++ names are
 * those of the linker; memprof's stacks begin with the caller, and a profile
 * keeps readable names.  So a first line that means an allocation function may
 * match no frame; and a mangled name also matches the readable name that it
 * stands for, with wildcards as far as it consists of plain names.
 */
#ifndef MEMPROF_HOST_SUPPRESS_H
#define MEMPROF_HOST_SUPPRESS_H

#include "src/host/error.h"
#include "src/host/graph/leakkind.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One line of a stack, innermost first; inlined functions are lines of their own.  "" unknown. */
struct suppress_frame {
    const char *function; /* readable */
    const char *symbol;   /* the linker's name; NULL or "" when it is not known */
    const char *file;     /* source file */
    const char *module;   /* path */
    uint32_t line;        /* 0 unknown */
};

enum suppress_syntax {
    SUPPRESS_LSAN = 0,
    SUPPRESS_VALGRIND,
};

enum suppress_line_kind {
    SUPPRESS_FUNCTION = 0,
    SUPPRESS_OBJECT,
    SUPPRESS_SOURCE,
    SUPPRESS_ANY,      /* ... */
    SUPPRESS_ANYWHERE, /* LeakSanitizer's pattern */
};

struct suppress_line {
    enum suppress_line_kind kind;
    uint32_t number; /* src:FILE:NUMBER; 0 any */
    bool allocator;  /* the first line, and it means an allocation function */
    const char *pattern;
    const char *readable; /* of a mangled name, a pattern for readable ones; NULL */
};

struct suppress_rule {
    const char *name;   /* Valgrind's name, LeakSanitizer's pattern */
    const char *source; /* file it is from; "" memprof's own */
    uint32_t at;        /* line of the file */
    enum suppress_syntax syntax;
    uint32_t kinds;                  /* of LEAK_KIND_BIT */
    uint32_t first, count;           /* of suppressions.lines */
    uint64_t records, blocks, bytes; /* suppress_use */
};

struct suppressions {
    struct suppress_rule *rules;
    struct suppress_line *lines;
    uint32_t rule_count, rule_room, line_count, line_room;
    char **texts; /* what the strings above lie in */
    uint32_t text_count, text_room;
    uint64_t skipped; /* rules for other things than leaks */
};

void suppressions_init(struct suppressions *s);
void suppressions_release(struct suppressions *s);

/*
 * Add the rules of a text of `size` bytes that came from `source`; the syntax
 * is Valgrind's when a line of it is a brace, else LeakSanitizer's.  0; or -1
 * with `e` (ERROR_FORMAT: "SOURCE:LINE: what is wrong there"), the rules before
 * that line being in the set.
 */
int suppressions_add(struct suppressions *s, const char *text, size_t size, const char *source,
                     struct error *e);

/* How much is in the set; to take out what is added after it, with what it points to. */
struct suppressions_mark {
    uint32_t rules, lines, texts;
};
struct suppressions_mark suppressions_mark(const struct suppressions *s);
void suppressions_take_back(struct suppressions *s, struct suppressions_mark to);

/* The same for a file of at most SUPPRESS_BYTES_MAX. */
#define SUPPRESS_BYTES_MAX (64u << 20)
int suppressions_read(struct suppressions *s, const char *path, struct error *e);

/* The first rule that suppresses a leak of this kind with this stack, NULL when none does. */
struct suppress_rule *suppressions_match(struct suppressions *s, enum leak_kind kind,
                                         const struct suppress_frame *frames, uint32_t count);

/*
 * Most rules ask for a line that most stacks do not have, so whoever has many stacks finds
 * out once for each line which rules ask for it.  A set of rules is so many words, a bit a rule.
 */
size_t suppress_set_words(const struct suppressions *s);

/* Add the rules for leaks of this kind; or those that ask for no line. */
void suppress_set_kind(const struct suppressions *s, enum leak_kind kind, uint64_t *set);
void suppress_set_any(const struct suppressions *s, uint64_t *set);

/* Add the rules whose first line that is asked for this line is. */
void suppress_set_line(const struct suppressions *s, const struct suppress_frame *frame,
                       uint64_t *set);

/* suppressions_match among the rules of a set. */
struct suppress_rule *suppressions_match_among(struct suppressions *s, const uint64_t *set,
                                               const struct suppress_frame *frames, uint32_t count);

/* Count one record as suppressed by a rule. */
void suppress_use(struct suppress_rule *rule, uint64_t blocks, uint64_t bytes);

/* The next rule from *at on that was never used; NULL after the last.  *at starts at 0. */
const struct suppress_rule *suppressions_unused(const struct suppressions *s, uint32_t *at);

/* ------------------------------------------------- for the readers of rules -- */

/* Keep a copy of a text as long as the set lives; NULL when memory runs out. */
char *suppressions_keep(struct suppressions *s, const char *text, size_t size);

/* Add a rule without lines, or a line to the last rule.  0 or -1 (out of memory). */
int suppressions_add_rule(struct suppressions *s, const struct suppress_rule *rule,
                          struct error *e);
int suppressions_add_line(struct suppressions *s, const struct suppress_line *line,
                          struct error *e);

#endif
