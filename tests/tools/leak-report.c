// SPDX-License-Identifier: Apache-2.0
/*
 * Writes one of the sample reports in one of the formats to standard output:
 * what formats.py checks against the formats' schemas.
 *
 *   leak-report FORMAT SAMPLE
 */
#include "src/host/report/report-leak.h"
#include "tests/unit/sample-leaks.h"

#include <stdio.h>
#include <string.h>

typedef int writer(FILE *out, const struct leak_report *r, const struct leak_format *f,
                   struct error *e);

static const struct {
    const char *name;
    writer *write;
} formats[] = {
    {"json", report_leak_json},         {"sarif", report_leak_sarif},
    {"junit", report_leak_junit},       {"github", report_leak_github},
    {"gitlab", report_leak_gitlab},     {"markdown", report_leak_markdown},
    {"memcheck", report_leak_memcheck}, {"known", sample_leaks_write_known},
};

int main(int argc, char **argv)
{
    struct leak_format f = {
        .source_root = SAMPLE_ROOT,
        .fail_kinds = LEAK_KIND_BIT(LEAK_DEFINITE) | LEAK_KIND_BIT(LEAK_POSSIBLE),
    };
    struct leak_report r;
    struct error e = {0};
    int result = 2;

    if (argc != 3 || !sample_leaks(&r, argv[2])) {
        fputs("usage: leak-report FORMAT plain|hostile|empty|many\n", stderr);
        return 2;
    }
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        if (strcmp(formats[i].name, argv[1]) == 0)
            result = formats[i].write(stdout, &r, &f, &e) == 0 ? 0 : 1;
    if (result)
        fprintf(stderr, "leak-report: %s\n", e.text);
    leak_report_release(&r);
    return result;
}
