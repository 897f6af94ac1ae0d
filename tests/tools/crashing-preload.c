// SPDX-License-Identifier: Apache-2.0
/* Stands in for a broken preload library: it exports what one does, and crashes when it is loaded.
 */
void memprof_attach(const char *socket);
void memprof_detach(void);
void memprof_release(void);
int memprof_attachment;

void memprof_attach(const char *socket)
{
    (void)socket;
}

void memprof_detach(void)
{
}

void memprof_release(void)
{
}

__attribute__((constructor)) static void crash(void)
{
    volatile int *volatile nowhere = (void *)0;

    *nowhere = 1;
}
