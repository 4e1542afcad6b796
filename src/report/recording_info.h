/* What a recording holds and lacks, for people and for programs. */
#ifndef TACHO_REPORT_RECORDING_INFO_H
#define TACHO_REPORT_RECORDING_INFO_H

#include "analyse/contents.h"
#include "analyse/summary.h"
#include "report/page.h"

/* Failure shows in `page->out->failed`. */
void info_put_text(const struct page *page, const char *path, const struct summary *summary,
                   const struct contents *contents);

/* One JSON object and a newline: schema tacho.info/1, see docs/SUMMARY.md. */
void info_put_json(struct buffer *ret, const char *path, const struct summary *summary,
                   const struct contents *contents);

/* Names that both share. */
const char *info_kind_name(
    unsigned kind); /* "process"; NULL for one that this build does not know */
const char *info_block_name(unsigned type); /* "journal"; "other" for the rest */

/* Blocks that hold samples, as the recording stores them. */
uint64_t info_sample_bytes(const struct tacho_recording *rec);

#endif
