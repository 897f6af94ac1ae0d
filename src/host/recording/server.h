/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where recorded processes say hello (record.h) and others of this user ask for
 * snapshots (control.h): a SOCK_SEQPACKET socket in the folder of sessions.h or,
 * where there is none to be had, in one made for it, which nobody else finds.
 *
 * Never blocks: a client that connects and stays silent holds up nobody; where all
 * places are taken by clients that wait for their answers, others wait outside.  What a
 * client sends is taken as one datagram of the right size or not at all.
 */
#ifndef MEMPROF_HOST_SERVER_H
#define MEMPROF_HOST_SERVER_H

#include "src/host/error.h"
#include "src/host/recording/control.h"
#include "src/shared/record.h"

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SERVER_CLIENTS 64u
#define SERVER_POLLS (SERVER_CLIENTS + 1)
#define SERVER_PATH_BYTES 108u /* of sun_path, NUL included */

struct server_client {
    int fd;          /* -1: none */
    uint64_t ticket; /* 0: not yet heard; else it waits for the answer of that number */
};

struct server {
    char directory[SERVER_PATH_BYTES]; /* made for this server alone; "" where it is shared */
    char path[SERVER_PATH_BYTES];
    int listener;
    int spare; /* a descriptor that stands in for one that cannot be had; -1: in use, or lost */
    struct server_client clients[SERVER_CLIENTS];
    uint64_t tickets;    /* given out */
    unsigned next_to_go; /* place to clear when all are taken */
};

struct server_handlers {
    /*
     * Someone said hello and is `peer` by the kernel's word.  Returns a descriptor
     * to hand over, with the answer's segment_bytes set, or -1 for a process that
     * is not to be recorded.  The descriptor stays the callee's.
     */
    int (*hello)(void *context, const struct hello *hello, pid_t peer, struct hello_answer *answer);
    /*
     * `peer`, or a child that it is about to make, is about to execute `path`, and comes from
     * image `from`: whether the library can be loaded there.  `row` gets the answer's, 0 before.
     * NULL: never.
     */
    bool (*execute)(void *context, const struct execute_question *asked, const char *path,
                    pid_t peer, uint32_t *row);
    /* It was not executed after all.  NULL: nobody is interested. */
    void (*not_executed)(void *context, const struct execute_failure *said, pid_t peer);
    /*
     * Who said hello speaks another version and is told so (NULL: nobody is interested).
     */
    void (*stranger)(void *context, const struct hello *hello, pid_t peer);
    /*
     * A process of this user asks.  The answer is given by server_answer with the
     * ticket, now or at any later time.
     */
    void (*request)(void *context, const struct control_request *request, uint64_t ticket);
    /*
     * There was no descriptor for who connects, nor will there be: all that wait to be heard have
     * been let go, and run on as they are.  NULL: nobody is interested.
     */
    void (*unheard)(void *context);
    void *context;
};

/* A server that is not open: server_close does nothing to it. */
void server_init(struct server *s);

/* 0, or -1 with `e` set.  server_close removes the socket; call it in either case. */
int server_open(struct server *s, struct error *e);
void server_close(struct server *s);

/* Fill in what to wait for; returns how many entries (at most SERVER_POLLS). */
size_t server_polls(const struct server *s, struct pollfd *polls);

/* Deal with everything that is there now. */
void server_handle(struct server *s, const struct server_handlers *handlers);

/* Answer a request; nothing happens if who asked has gone. */
void server_answer(struct server *s, uint64_t ticket, const struct control_answer *answer);

#endif
