/* docs/METRICS.md says of each metric what format/metric.c says, and names no other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "format/metric.h"

static struct buffer doc;

static int read_doc(void **state)
{
    FILE *file = fopen(TESTS_DIR "/../docs/METRICS.md", "r");
    if (file == NULL)
        return -1;
    for (int c; (c = getc(file)) != EOF;)
        buffer_put_byte(&doc, (uint8_t)c);
    buffer_put_byte(&doc, 0);
    fclose(file);
    return 0;
}

static int forget_doc(void **state)
{
    buffer_done(&doc);
    return 0;
}

static const struct {
    unsigned kind;
    const char *title;
} sections[] = {
    {ENTITY_PROCESS, "\n## Processes\n"},     {ENTITY_TREE, "\n## The tree\n"},
    {ENTITY_RECORDER, "\n## The recorder\n"}, {ENTITY_MACHINE, "\n## The machine\n"},
    {ENTITY_PROCESSOR, "\n## Processors\n"},  {ENTITY_DISK, "\n## Disks\n"},
    {ENTITY_NETWORK, "\n## Networks\n"},      {ENTITY_GPU, "\n## GPUs\n"},
    {ENTITY_CGROUP, "\n## Control groups\n"}, {ENTITY_ENERGY, "\n## Energy\n"},
};

#define SECTIONS (sizeof sections / sizeof sections[0])

static void every_kind_has_a_section(void **state)
{
    for (unsigned kind = kind_after(0); kind != 0; kind = kind_after(kind)) {
        size_t i = 0;
        while (i < SECTIONS && sections[i].kind != kind)
            i++;
        assert_in_range(i, 0, SECTIONS - 1);
        assert_non_null(strstr((const char *)doc.data, sections[i].title));
    }
}

static unsigned rows_in(const char *section, const char *end)
{
    unsigned rows = 0;
    for (const char *at = section; (at = strstr(at, "\n| `")) != NULL && at < end; at++)
        rows++;
    return rows;
}

static void every_metric_is_told_as_it_is(void **state)
{
    for (size_t i = 0; i < SECTIONS; i++) {
        const struct kind_info *info = kind_info(sections[i].kind);
        const char *section = strstr((const char *)doc.data, sections[i].title);
        const char *end = strstr(section + 1, "\n## ");
        if (end == NULL)
            end = section + strlen(section);
        for (unsigned m = 0; m < info->metric_count; m++) {
            const struct metric *metric = &info->metrics[m];
            char row[512];
            snprintf(row, sizeof row, "\n| `%s` | %s | %s | %s |\n", metric->name, metric->unit,
                     metric->cumulative ? "sum" : "gauge", metric->help);
            const char *found = strstr(section, row);
            if (found == NULL || found > end)
                fail_msg("docs/METRICS.md lacks under%sthe row%s", sections[i].title, row);
        }
        assert_int_equal(rows_in(section, end), info->metric_count);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_has_a_section),
        cmocka_unit_test(every_metric_is_told_as_it_is),
    };
    return cmocka_run_group_tests(tests, read_doc, forget_doc);
}
