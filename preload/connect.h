/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The handshake with the host: hello over its socket, the segment's descriptor
 * back.  Raw system calls only, no descriptor is kept, errno is untouched.
 */
#ifndef MEMPROF_PRELOAD_CONNECT_H
#define MEMPROF_PRELOAD_CONNECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What the host said, 0 where it said nothing. */
struct host_answer {
    uint64_t bytes;         /* of the segment */
    uint32_t follow, image; /* as in struct hello_answer */
};

/*
 * Map the segment that the host at `socket_path` offers; `from` and `fork` as in struct
 * hello.  NULL if it does not; `answer` is then filled in all the same, if there was one.
 */
void *host_connect(const char *socket_path, uint32_t from, uint32_t fork,
                   struct host_answer *answer);

enum host_word {
    HOST_REFUSES = 0, /* it has a row for the program where one is wanted */
    HOST_ALLOWS,
    HOST_SILENT, /* it cannot be reached: another root or user, no descriptor left, it is dead */
};

/*
 * Whether the host says that the library can be loaded into the program at `path`
 * (struct execute_question), which a child is to execute or this process itself.  Waits for the
 * answer.  `row` gets the answer's.
 */
enum host_word host_asked(const char *socket_path, uint32_t from, const char *path, bool child,
                          uint32_t *row);

/*
 * Such a program was not executed (struct execute_failure): `fork` is this process's if it said
 * with the question what becomes of it, else FORK_UNMARKED.  Waits until that is heard.
 */
void host_told_failure(const char *socket_path, uint32_t from, uint32_t fork, uint32_t row);

#endif
