// SPDX-License-Identifier: Apache-2.0
/* Stands in for a broken preload library: it crashes when it is loaded. */
__attribute__((constructor)) static void crash(void)
{
    volatile int *volatile nowhere = (void *)0;

    *nowhere = 1;
}
