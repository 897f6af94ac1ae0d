// SPDX-License-Identifier: Apache-2.0
/*
 * A call through hand-written assembly that has no unwind information: the
 * stack ends there and must be marked as truncated, not guessed at.
 */
#include "tally.h"

void call_without_cfi(void (*f)(void));

#if defined(__x86_64__)
__asm__(".text\n"
        ".globl call_without_cfi\n"
        ".type call_without_cfi, @function\n"
        "call_without_cfi:\n"
        "    subq $40, %rsp\n"
        "    call *%rdi\n"
        "    addq $40, %rsp\n"
        "    ret\n"
        ".size call_without_cfi, . - call_without_cfi\n");
#elif defined(__aarch64__)
__asm__(".text\n"
        ".globl call_without_cfi\n"
        ".type call_without_cfi, %function\n"
        "call_without_cfi:\n"
        "    str x30, [sp, #-32]!\n"
        "    blr x0\n"
        "    ldr x30, [sp], #32\n"
        "    ret\n"
        ".size call_without_cfi, . - call_without_cfi\n");
#endif

NOINLINE static void beyond(void)
{
    KEEP(malloc(88));
}

NOINLINE static void before(void)
{
    KEEP(malloc(66));
    call_without_cfi(beyond);
    KEEP(malloc(66));
}

int main(void)
{
    struct tally b = {0}, a = {0};

    for (int i = 0; i < 100; i++) {
        before();
        tally_took(&b, 88);
        tally_took(&a, 66);
        tally_took(&a, 66);
    }
    tally_say_flow(&b, "in.beyond.");
    tally_say_flow(&a, "in.before."); /* not counting what lies beyond */
    say("truncated", 100);
    return 0;
}
