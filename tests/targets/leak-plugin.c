// SPDX-License-Identifier: Apache-2.0
/* A place for a pointer in a library that comes and goes, and one for each thread. */
void *plugin_keeps;
__thread void *plugin_keeps_for_thread[1000];

void **plugin_place_for_thread(void);
void **plugin_place_for_thread(void)
{
    return &plugin_keeps_for_thread[500];
}
