/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where recorded processes say hello: a SOCK_SEQPACKET socket in a directory
 * of its own that only this user can enter.  Never blocks: a client that
 * connects and stays silent holds up nobody.
 */
#ifndef MEMPROF_HOST_SERVER_H
#define MEMPROF_HOST_SERVER_H

#include "src/host/error.h"
#include "src/shared/record.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SERVER_CLIENTS 64u
#define SERVER_POLLS (SERVER_CLIENTS + 1)
#define SERVER_PATH_BYTES 108u /* of sun_path, NUL included */

struct server {
    char directory[SERVER_PATH_BYTES];
    char path[SERVER_PATH_BYTES];
    int listener;
    int clients[SERVER_CLIENTS]; /* connected, not yet heard; -1 none */
    unsigned next_to_go;         /* place to clear when all are taken */
};

/*
 * Someone said hello and is `peer` by the kernel's word.  Returns a descriptor
 * to hand over, with the answer's segment_bytes set, or -1 for a process that
 * is not to be recorded.  The descriptor stays the callee's.
 */
typedef int (*server_hello)(void *context, const struct hello *hello, pid_t peer,
                            struct hello_answer *answer);

/* A server that is not open: server_close does nothing to it. */
void server_init(struct server *s);

/* 0, or -1 with `e` set.  server_close removes the directory; call it in either case. */
int server_open(struct server *s, struct error *e);
void server_close(struct server *s);

/* Fill in what to wait for; returns how many entries (at most SERVER_POLLS). */
size_t server_polls(const struct server *s, struct pollfd *polls);

/* Deal with everything that is there now. */
void server_handle(struct server *s, server_hello hello, void *context);

#endif
