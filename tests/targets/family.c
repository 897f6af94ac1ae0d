// SPDX-License-Identifier: Apache-2.0
/*
 * Processes that a test can tell by what they allocate.
 *   leaf N       N blocks of 100 bytes, live at the end; exit status N
 *   lose N       the same, lost
 *   purpose      two blocks lost in a function of the name that leak-gate suppresses
 *   twice        three blocks lost from each of two lines
 *   fork         100 blocks, of which a forked child frees 40 and makes 5 of 1000 bytes
 *   inherit      the same, but the child only loses what it had; the parent frees all
 *   double       a child forks a child that makes 7 blocks after both parents have ended
 *   quiet        a child that calls nothing of the allocator
 *   raw          a child by the system call alone, which makes 3 blocks
 *   chain        three generations of forked children, one block more in each
 *   threads      a thread forks while others allocate
 *   kill         a forked child kills itself by SIGKILL, another one by SIGTERM
 *   WAY          runs "leaf 9" by: vfork, spawn, spawnp, system, popen, clear (exec with an
 *                empty environment), execvp, execveat, search (execvp, where a folder of that
 *                name comes first in PATH), or with the largest environment that the kernel
 *                takes: full (execve), fullspawn
 *   fullsystem   a shell with the largest environment that the kernel takes; fullpopen
 *   longpreload  a shell with an LD_PRELOAD as long as a string may be
 *   rawself      2 blocks, then "leaf 9" by the system call alone
 *   rawother     the same, but /bin/sleep for as long as memprof takes to notice
 *   renamed      a forked child that calls itself "hidden" and makes a block
 *   unheard      as user 65534, if it may: two forked children that make a block each, and
 *                "leaf 9"; status 0
 */
#define _GNU_SOURCE
#include "threads.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;

#define BLOCKS 100

static void *kept[BLOCKS];
static char *self;

NOINLINE static void take_all(int count, size_t size)
{
    for (int i = 0; i < count; i++) {
        kept[i % BLOCKS] = malloc(size);
        KEEP(kept[i % BLOCKS]);
    }
}

NOINLINE static void take_more(void)
{
    take_all(3, 100);
    KEEP(kept);
}

NOINLINE static void forget_all(void)
{
    memset(kept, 0, sizeof(kept));
    KEEP(kept);
}

static int reap(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

static int succeeds(pid_t pid)
{
    return pid > 0 && reap(pid) == 0 ? 0 : 1;
}

/* ------------------------------------------------------------- forked -- */

static int by_fork(void)
{
    pid_t pid;

    take_all(BLOCKS, 100);
    pid = fork();
    if (pid == 0) {
        for (int i = 0; i < 40; i++)
            free(kept[i]);
        for (int i = 0; i < 5; i++)
            kept[i] = malloc(1000);
        KEEP(kept);
        exit(0);
    }
    return succeeds(pid);
}

static int by_inheriting(void)
{
    pid_t pid;

    take_all(BLOCKS, 100);
    pid = fork();
    if (pid == 0) {
        forget_all();
        free(malloc(1));
        exit(0);
    }
    for (int i = 0; i < BLOCKS; i++)
        free(kept[i]);
    forget_all();
    return succeeds(pid);
}

static int by_double_fork(void)
{
    pid_t pid;

    take_all(3, 100);
    pid = fork();
    if (pid == 0) {
        setsid();
        if (fork() == 0) {
            usleep(300000);
            take_all(7, 70);
        }
        _exit(0);
    }
    return succeeds(pid);
}

static int by_quiet_fork(void)
{
    pid_t pid;

    take_all(3, 100);
    pid = fork();
    if (pid == 0)
        _exit(0);
    return succeeds(pid);
}

static int by_raw_fork(void)
{
    pid_t pid;

    take_all(3, 100);
    pid = (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        free(kept[0]);
        kept[0] = NULL;
        take_all(3, 70);
        _exit(0);
    }
    return succeeds(pid);
}

static int by_chain(int depth)
{
    pid_t pid;

    kept[depth] = malloc(10);
    if (depth == 3)
        return 0;
    pid = fork();
    if (pid == 0)
        exit(by_chain(depth + 1));
    return succeeds(pid);
}

static _Atomic int stop;

static void *churn(void *unused)
{
    while (!atomic_load(&stop))
        for (int i = 0; i < 100; i++) {
            void *p = malloc(50);

            KEEP(p);
            free(p);
        }
    return unused;
}

static int by_threads(void)
{
    pthread_t t[2] = {start(churn, NULL), start(churn, NULL)};
    int bad = 0;

    take_all(BLOCKS, 100);
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            for (int j = 0; j < BLOCKS; j++)
                free(kept[j]);
            forget_all();
            take_all(11, 1000);
            exit(0);
        }
        bad |= succeeds(pid);
    }
    atomic_store(&stop, 1);
    pthread_join(t[0], NULL);
    pthread_join(t[1], NULL);
    return bad;
}

static int by_killing(void)
{
    static const int signals[] = {SIGKILL, SIGTERM};
    int bad = 0;

    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();
        int status;

        if (pid == 0) {
            take_all(4 + i, 100);
            raise(signals[i]);
        }
        status = reap(pid);
        bad |= !WIFSIGNALED(status) || WTERMSIG(status) != signals[i];
    }
    return bad;
}

/* ------------------------------------------------------------ executed -- */

static int nine(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == 9 ? 0 : 1;
}

static int by_vfork(char **argv)
{
    pid_t pid = vfork();

    if (pid == 0) {
        execv(self, argv);
        _exit(1);
    }
    return nine(reap(pid));
}

static int by_spawn(char **argv, int search)
{
    pid_t pid;

    if ((search ? posix_spawnp : posix_spawn)(&pid, self, NULL, NULL, argv, environ) != 0)
        return 1;
    return nine(reap(pid));
}

static int by_shell(int piped)
{
    char command[4200], text[64];
    FILE *out;

    snprintf(command, sizeof(command), "exec '%s' leaf 9", self);
    if (!piped)
        return nine(system(command));
    out = popen(command, "r");
    while (out && fgets(text, sizeof(text), out))
        ;
    return out ? nine(pclose(out)) : 1;
}

/* The program's folder and its name in there. */
static char *own_name(char folder[4096])
{
    char *slash;

    snprintf(folder, 4096, "%s", self);
    slash = strrchr(folder, '/');
    *slash = '\0';
    return slash + 1;
}

static int by_execveat(char **argv)
{
    static char folder[4096];
    const char *name = own_name(folder);
    int fd = open(folder, O_PATH | O_DIRECTORY);
    pid_t pid = fork();

    if (pid == 0) {
        execveat(fd, name, argv, environ, 0);
        _exit(1);
    }
    return nine(reap(pid));
}

/* A folder may be entered, and so has the x bit that execvp looks for in vain. */
static int by_search(char **argv)
{
    static char folder[4096], path[8300], decoy[8300];
    char first[] = "/tmp/family-XXXXXX", *name = own_name(folder);
    int status;
    pid_t pid;

    if (!mkdtemp(first))
        return 4;
    snprintf(decoy, sizeof(decoy), "%s/%s", first, name);
    mkdir(decoy, 0700);
    snprintf(path, sizeof(path), "%s:%s", first, folder);
    setenv("PATH", path, 1);
    pid = fork();
    if (pid == 0) {
        execvp(name, argv);
        _exit(1);
    }
    status = nine(reap(pid));
    rmdir(decoy);
    rmdir(first);
    return status;
}

static int by_exec(char **argv, int cleared)
{
    static char *none[] = {NULL};
    pid_t pid = fork();

    if (pid == 0) {
        if (cleared)
            execve(self, argv, none);
        else
            execvp(self, argv);
        _exit(1);
    }
    return nine(reap(pid));
}

/* The kernel's own word on whether an environment has room, past what libc or others add. */
static int fits(const char *path, char **argv, char **envp)
{
    pid_t pid = vfork();

    if (pid == 0) {
        syscall(SYS_execve, path, argv, envp);
        _exit(1);
    }
    return nine(reap(pid)) == 0;
}

/* Many variables of 1,000 bytes and one that is made as long as it may be. */
static char **fill_environment(const char *path, char **argv)
{
    enum { MANY = 8192, LONGEST = 2048 };
    static char many[1001], last[LONGEST], *envp[MANY + 2];
    int count = 0, length = 1;

    memset(many, 'x', sizeof(many) - 1);
    memset(last, 'y', sizeof(last) - 1);
    many[1] = last[1] = '=';
    for (int step = MANY / 2; step; step /= 2) {
        for (int i = count; i < count + step; i++)
            envp[i] = many;
        envp[count + step] = NULL;
        if (fits(path, argv, envp))
            count += step;
        envp[count] = NULL;
    }
    envp[count] = last;
    envp[count + 1] = NULL;
    for (int step = LONGEST / 2; step; step /= 2) {
        last[length + step] = '\0';
        if (fits(path, argv, envp))
            length += step;
        memset(last + 2, 'y', LONGEST - 3);
    }
    last[length] = '\0';
    return envp;
}

static int by_full(char **argv, int spawned)
{
    char **envp = fill_environment(self, argv);
    pid_t pid;

    if (spawned)
        return posix_spawn(&pid, self, NULL, NULL, argv, envp) != 0 || nine(reap(pid));
    pid = fork();
    if (pid == 0) {
        execve(self, argv, envp);
        _exit(1);
    }
    return nine(reap(pid));
}

static int shell_says_nine(int piped)
{
    FILE *out;

    if (!piped)
        return nine(system("exit 9"));
    out = popen("exit 9", "r");
    return out ? nine(pclose(out)) : 1;
}

static int by_full_shell(int piped)
{
    char shell[] = "sh", option[] = "-c", command[] = "exit 9";
    char *argv[] = {shell, option, command, NULL};

    environ = fill_environment("/bin/sh", argv);
    return shell_says_nine(piped);
}

static int by_long_preload(void)
{
    enum { LONGEST = 128 << 10 };
    static char preload[LONGEST] = "LD_PRELOAD=", *envp[] = {preload, NULL};
    size_t length = strlen(preload);

    memset(preload + length, ':', LONGEST - 1 - length);
    environ = envp;
    return shell_says_nine(0) | shell_says_nine(1);
}

/* As daemons do that show in ps what they are at. */
static int by_renaming(void)
{
    pid_t pid;

    take_all(1, 100);
    pid = fork();
    if (pid == 0) {
        strcpy(self, "hidden");
        take_all(1, 100);
        _exit(9);
    }
    return nine(reap(pid));
}

static int by_raw_exec(int other)
{
    char leaf[] = "leaf", count[] = "9", sleeps[] = "sleep", seconds[] = "2.5";
    char *argv[] = {self, leaf, count, NULL}, *sleeping[] = {sleeps, seconds, NULL};

    take_all(2, 100);
    if (other)
        syscall(SYS_execve, "/bin/sleep", sleeping, environ);
    else
        syscall(SYS_execve, self, argv, environ);
    return 1;
}

static int by_unheard(void)
{
    char leaf[] = "leaf", count[] = "9";
    char *argv[] = {self, leaf, count, NULL};
    int wrong = 0;

    take_all(1, 100);
    if (setresuid(65534, 65534, 65534) != 0)
        return 3;
    for (int i = 0; i < 2; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            take_all(1, 100);
            _exit(9);
        }
        wrong |= nine(reap(pid));
    }
    return wrong | by_spawn(argv, 0);
}

static int execute(const char *way)
{
    char leaf[] = "leaf", count[] = "9";
    char *argv[] = {self, leaf, count, NULL};

    if (strcmp(way, "vfork") == 0)
        return by_vfork(argv);
    if (strncmp(way, "spawn", 5) == 0)
        return by_spawn(argv, way[5] != '\0');
    if (strcmp(way, "system") == 0 || strcmp(way, "popen") == 0)
        return by_shell(*way == 'p');
    if (strcmp(way, "clear") == 0 || strcmp(way, "execvp") == 0)
        return by_exec(argv, *way == 'c');
    if (strncmp(way, "raw", 3) == 0)
        return by_raw_exec(way[3] == 'o');
    if (strcmp(way, "execveat") == 0)
        return by_execveat(argv);
    if (strcmp(way, "search") == 0)
        return by_search(argv);
    if (strcmp(way, "fullsystem") == 0 || strcmp(way, "fullpopen") == 0)
        return by_full_shell(way[4] == 'p');
    if (strcmp(way, "longpreload") == 0)
        return by_long_preload();
    if (strncmp(way, "full", 4) == 0)
        return by_full(argv, way[4] != '\0');
    return 2;
}

static int by_two_lines(void)
{
    take_all(3, 100);
    forget_all();
    take_more();
    forget_all();
    return 0;
}

NOINLINE static int lose_on_purpose(void)
{
    take_all(2, 100);
    forget_all();
    return 0;
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } ways[] = {{"twice", by_two_lines},    {"fork", by_fork},           {"inherit", by_inheriting},
                {"double", by_double_fork}, {"quiet", by_quiet_fork},    {"raw", by_raw_fork},
                {"threads", by_threads},    {"kill", by_killing},        {"unheard", by_unheard},
                {"renamed", by_renaming},   {"purpose", lose_on_purpose}};
    const char *way = argc > 1 ? argv[1] : "";

    self = argv[0];
    if (argc == 3 && (strcmp(way, "leaf") == 0 || strcmp(way, "lose") == 0)) {
        take_all(atoi(argv[2]), 100);
        if (strcmp(way, "lose") == 0)
            forget_all();
        return *way == 'l' && way[1] == 'e' ? atoi(argv[2]) : 0;
    }
    if (strcmp(way, "chain") == 0)
        return by_chain(0);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        if (strcmp(way, ways[i].name) == 0)
            return ways[i].run();
    return execute(way);
}
