/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the host library says that something failed: the function returns a
 * negative value or NULL and, when the caller passed one, fills in an error.
 * The library never prints and never exits; cli/ words and prints.
 */
#ifndef MEMPROF_HOST_ERROR_H
#define MEMPROF_HOST_ERROR_H

enum error_kind {
    ERROR_NONE = 0,
    ERROR_SYSTEM,  /* a system call failed; `saved_errno` is set */
    ERROR_EXECUTE, /* the program cannot be executed; `saved_errno` is set */
    ERROR_MEMORY,  /* out of memory */
    ERROR_FORMAT,  /* input is damaged, cut short or not what it should be (exit 65) */
    ERROR_INPUT,   /* the caller asked for something impossible (usage) */
    ERROR_REFUSED, /* not allowed, or cannot be done for this target */
};

struct error {
    enum error_kind kind;
    int saved_errno;
    char text[480]; /* one line without a newline: what, why, what to do */
};

/*
 * Fill `e` (which may be NULL) and return -1, so that a function can end in
 * `return error_set(e, …)`.  ERROR_SYSTEM and ERROR_EXECUTE append strerror(errno).  Control
 * characters that reach the text through arguments are shown as '?'.
 */
int error_set(struct error *e, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#endif
