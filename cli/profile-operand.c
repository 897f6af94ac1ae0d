/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/profile-operand.h"

#include "cli/command.h"
#include "cli/words.h"
#include "src/host/symbols/snapshot-open.h"

bool profile_operand_check(const struct options *options, int operands)
{
    if (operands == 1)
        return true;
    words_say(operands == 0 ? "which profile?" : "one profile at a time");
    options_wrong(options);
    return false;
}

int profile_operand_show(const char *path, profile_shower *show, void *context)
{
    struct profile profile;
    struct error e = {0};
    int result = snapshot_open(&profile, path, &e);

    if (result == 0) {
        result = show(&profile, path, context, &e);
        profile_release(&profile);
    }
    if (result == 0)
        return EXIT_FINE;
    words_error(&e);
    return words_exit_code(&e);
}
