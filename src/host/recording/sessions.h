/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where running memprofs are found by other processes of the same user: each
 * has a socket in a folder that only this user can enter,
 *
 *   $XDG_RUNTIME_DIR/memprof     or, where that is not set or not usable,
 *   $TMPDIR/memprof-UID  or  /tmp/memprof-UID
 *
 * named for its process.  A folder that is a symbolic link, belongs to somebody
 * else or lets others in is not used: in a shared /tmp anybody may have made it.
 * All of them are looked through, and /run/user/UID/memprof as well, since the
 * two sides may have different environments.  MEMPROF_RUNTIME_DIR, where it is
 * set, is the only folder; where it cannot be used both sides are told why.
 */
#ifndef MEMPROF_HOST_SESSIONS_H
#define MEMPROF_HOST_SESSIONS_H

#include "src/host/error.h"
#include "src/host/recording/control.h"

#define SESSIONS_PATH_BYTES 108u /* of sun_path, NUL included */

/*
 * A folder for this process's socket, made if need be, in `path`.  0, or -1 with
 * `e` set: none is usable.
 */
int sessions_folder(char path[SESSIONS_PATH_BYTES], struct error *e);

/* One memprof that answered; `answer` is that to CONTROL_LIST. */
struct session {
    char path[SESSIONS_PATH_BYTES]; /* of its socket */
    struct control_answer answer;
};

struct sessions {
    struct session *items; /* a recorded process each, by its process id */
    size_t count;
    uint32_t silent; /* memprofs that did not answer in time, or are of another version */
};

/*
 * Ask all memprofs of this user what they profile.  Sockets of dead ones are
 * removed.  0, or -1 with `e` set (ERROR_REFUSED: MEMPROF_RUNTIME_DIR cannot be used);
 * release in either case.
 */
int sessions_find(struct sessions *s, struct error *e);
void sessions_release(struct sessions *s);

/*
 * Send a request to the memprof at `path` and wait for its answer, at most
 * `timeout_ms`.  0 when there is an answer, whatever it says; -1 with `e` set
 * (ERROR_REFUSED: it belongs to another user, or nobody is there any more).
 */
int session_ask(const char *path, const struct control_request *request,
                struct control_answer *answer, int timeout_ms, struct error *e);

#endif
