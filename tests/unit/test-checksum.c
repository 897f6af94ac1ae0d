// SPDX-License-Identifier: Apache-2.0
#include "src/host/profile/checksum.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The check value of the CRC catalogues and the vectors of RFC 3720 appendix B.4. */
static void known_answers(void **state)
{
    uint8_t bytes[32];

    (void)state;
    assert_int_equal(checksum_crc32c(0, "123456789", 9), 0xe3069283);
    memset(bytes, 0, sizeof bytes);
    assert_int_equal(checksum_crc32c(0, bytes, sizeof bytes), 0x8a9136aa);
    memset(bytes, 0xff, sizeof bytes);
    assert_int_equal(checksum_crc32c(0, bytes, sizeof bytes), 0x62a8ab43);
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)i;
    assert_int_equal(checksum_crc32c(0, bytes, sizeof bytes), 0x46dd794e);
    assert_int_equal(checksum_crc32c(0, bytes, 0), 0);
}

static void pieces_give_the_whole(void **state)
{
    uint32_t first = checksum_crc32c(0, "1234", 4);

    (void)state;
    assert_int_equal(checksum_crc32c(first, "56789", 5), 0xe3069283);
}

static void with_and_without_the_instruction_it_is_the_same(void **state)
{
    uint8_t bytes[100];

    (void)state;
    for (unsigned i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 37 + i / 7);
    for (unsigned from = 0; from < 9; from++)
        for (unsigned size = 0; from + size <= sizeof bytes; size++)
            assert_int_equal(checksum_crc32c(size, bytes + from, size),
                             checksum_crc32c_portable(size, bytes + from, size));
    assert_int_equal(checksum_crc32c_portable(0, "123456789", 9), 0xe3069283);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_answers),
        cmocka_unit_test(pieces_give_the_whole),
        cmocka_unit_test(with_and_without_the_instruction_it_is_the_same),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
