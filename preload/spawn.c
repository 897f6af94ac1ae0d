/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that libc executes without calling execve where we could see it: posix_spawn is
 * given another environment; system and popen take the process's own, which has what memprof
 * adds while they run.
 */
#include "preload/carry.h"
#include "preload/entry.h"
#include "preload/real.h"

#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <unistd.h>

#define SHELL "/bin/sh" /* libc's */

static bool ready(void)
{
    if (session_stage() != STAGE_FOUND)
        session_enter();
    return session_stage() == STAGE_FOUND;
}

/* ------------------------------------------------------------ posix_spawn -- */

typedef int spawn_call(pid_t *, const char *, const posix_spawn_file_actions_t *,
                       const posix_spawnattr_t *, char *const[], char *const[]);

struct spawning {
    spawn_call *call;
    pid_t *pid;
    const char *file;
    const posix_spawn_file_actions_t *actions;
    const posix_spawnattr_t *attributes;
    char *const *argv, *const *envp;
    bool by_search;
};

static int call(const struct spawning *s, char *const *envp)
{
    return s->call(s->pid, s->file, s->actions, s->attributes, s->argv, envp);
}

static bool allows(struct carry_question *q, const struct spawning *s)
{
    return s->by_search ? carry_allowed_by_search(q, s->file) : carry_allowed(q, s->file);
}

static int spawn_carrying(const struct spawning *s)
{
    struct carried carried;
    int result;

    carry_measure(&carried, s->envp);
    carry_place(&carried, NULL);
    result = carried.envp ? call(s, carried.envp) : E2BIG;
    if (result == E2BIG) { /* the program's own may have room, if only just */
        result = call(s, s->envp);
        carry_missed(result == 0);
    }
    carry_release(&carried);
    return result;
}

static int spawn(const struct spawning *s)
{
    struct carry_question question = {.child = true};
    int result;

    if (!s->call)
        return ENOSYS;
    result = carry_wanted() && allows(&question, s) ? spawn_carrying(s) : call(s, s->envp);
    if (result != 0)
        carry_failed(&question);
    return result;
}

ENTRY int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
                      const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct spawning s = {.call = ready() ? real.posix_spawn : NULL,
                         .pid = pid,
                         .file = path,
                         .actions = actions,
                         .attributes = attributes,
                         .argv = argv,
                         .envp = envp};

    return spawn(&s);
}

ENTRY int posix_spawnp(pid_t *pid, const char *file, const posix_spawn_file_actions_t *actions,
                       const posix_spawnattr_t *attributes, char *const argv[], char *const envp[])
{
    struct spawning s = {.call = ready() ? real.posix_spawnp : NULL,
                         .pid = pid,
                         .file = file,
                         .actions = actions,
                         .attributes = attributes,
                         .argv = argv,
                         .envp = envp,
                         .by_search = true};

    return spawn(&s);
}

/* -------------------------------------------------------- system and popen -- */

struct lent {
    struct carry_question question;
    struct carried carried;
    char **theirs;
};

/*
 * Never on the stack: system may be cancelled, and then the process keeps this one.
 * Returns whether the environment was changed.
 */
static bool environment_lend(struct lent *l, const char *command)
{
    l->question = (struct carry_question){.child = true};
    if (!environ || !carry_wanted() || !carry_allowed(&l->question, SHELL))
        return false;
    l->theirs = environ;
    carry_measure(&l->carried, environ);
    carry_place(&l->carried, NULL);
    if (l->carried.envp && carry_fits(&l->carried, strlen(command))) {
        environ = l->carried.envp;
        return true;
    }
    carry_release(&l->carried);
    carry_missed(1);
    return false;
}

static char *their_preload(char **e)
{
    for (; *e; e++)
        if (strncmp(*e, "LD_PRELOAD=", strlen("LD_PRELOAD=")) == 0)
            return *e;
    return NULL;
}

/* Programs may have made their environment constant. */
static void put(char **to, char *entry)
{
    if (*to != entry)
        *to = entry;
}

/* What another thread changed meanwhile stays: entries it replaced or took out are taken over. */
static void environment_return(struct lent *l)
{
    char *preload = their_preload(l->theirs), **to = l->theirs;
    const char *first = l->carried.preload, *second = l->carried.session;
    bool ours = environ == l->carried.envp;

    if (!ours)
        to = environ; /* it has grown, and is somewhere else */
    for (char **from = environ; *from; from++)
        if (*from == first && preload)
            put(to++, preload);
        else if (*from != first && *from != second)
            put(to++, *from);
    put(to, NULL);
    if (!ours)
        return; /* nothing in it lies in our mapping any more, but the array may be looked at */
    environ = l->theirs;
    carry_release(&l->carried);
}

ENTRY int system(const char *command)
{
    struct lent lent = {0};
    bool lends;
    int result;

    if (!ready() || !real.system) {
        errno = ENOSYS;
        return -1;
    }
    lends = command && environment_lend(&lent, command);
    result = real.system(command);
    if (lends)
        environment_return(&lent);
    /* where children are not waited for (SIGCHLD ignored) the shell has run all the same */
    if (result == -1 && errno != ECHILD)
        carry_failed(&lent.question);
    return result;
}

ENTRY FILE *popen(const char *command, const char *mode)
{
    struct lent lent = {0};
    FILE *result;
    bool lends;

    if (!ready() || !real.popen) {
        errno = ENOSYS;
        return NULL;
    }
    lends = command && environment_lend(&lent, command);
    result = real.popen(command, mode);
    if (lends)
        environment_return(&lent);
    if (!result)
        carry_failed(&lent.question);
    return result;
}
