#include "export/export_format.h"

#include <string.h>

static const struct export_format *const formats[] = {
    &export_csv,       &export_tsv,      &export_jsonl,       &export_sqlite,
    &export_chrome,    &export_perfetto, &export_speedscope,  &export_rows_format,
    &export_log,       &export_ranks,    &export_directory,   &export_prmon,
    &export_snakemake, &export_nextflow, &export_openmetrics, &export_duct};

#define FORMATS (sizeof formats / sizeof formats[0])

const struct export_format *export_format_find(const char *name)
{
    for (size_t i = 0; i < FORMATS; i++)
        if (strcmp(formats[i]->name, name) == 0)
            return formats[i];
    return NULL;
}

const char *export_format_name(size_t i)
{
    return i < FORMATS ? formats[i]->name : NULL;
}
