/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included before anything else in every file that is compiled for the target:
 * names that must not be called there become errors.  Inside the target nothing
 * may allocate, print, exit, or take a lock that a program could hold.
 *
 * The headers that declare these names come first, since poisoning a name makes
 * its declaration an error too.
 */
#ifndef MEMPROF_PRELOAD_BANNED_H
#define MEMPROF_PRELOAD_BANNED_H

#include <assert.h>
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include <wchar.h>

#pragma GCC poison printf fprintf dprintf sprintf snprintf vfprintf vsnprintf puts fputs fopen
#pragma GCC poison fwrite fread perror asprintf strdup strndup getline
#pragma GCC poison exit abort quick_exit atexit on_exit getenv setenv putenv unsetenv
#pragma GCC poison pthread_mutex_lock pthread_key_create pthread_create sleep usleep
#pragma GCC poison syslog vsyslog

#endif
