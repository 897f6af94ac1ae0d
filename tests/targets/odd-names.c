// SPDX-License-Identifier: Apache-2.0
/* Allocates in a function whose symbol has 64 KiB, and in one whose name tries to steer a terminal.
 */
#include "tally.h"

#define S16 "long_long_name__"
#define S256 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16 S16
#define S4K S256 S256 S256 S256 S256 S256 S256 S256 S256 S256 S256 S256 S256 S256 S256 S256
#define S64K S4K S4K S4K S4K S4K S4K S4K S4K S4K S4K S4K S4K S4K S4K S4K S4K

void endless(void) __asm__(S64K);

NOINLINE void endless(void)
{
    KEEP(malloc(123));
}

NOINLINE void steering_the_terminal(void)
{
    KEEP(malloc(456));
}

int main(void)
{
    endless();
    steering_the_terminal();
    say("total_blocks", 2);
    say("total_bytes", 123 + 456);
    return 0;
}
