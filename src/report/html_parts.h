/* The parts of html_page.c, a file each. Not for other folders. */
#ifndef TACHO_REPORT_HTML_PARTS_H
#define TACHO_REPORT_HTML_PARTS_H

#include "analyse/charts.h"
#include "analyse/scopes.h"
#include "analyse/summary.h"
#include "report/html.h"
#include "report/pack.h"

#define HTML_ROWS_MAX 1000 /* of a table, as HTML: the script has the rest of the processes */

/* Texts that the script shows, numbered; each once, where that is easily known. */
struct html_texts {
    struct buffer json; /* an array, without its end */
    size_t count;
};

/* The number of a text, made harmless as html_text does. */
size_t html_texts_add(struct html_texts *texts, const void *text, size_t n);

/* The processes in order of the tree, and how deep each is. */
struct html_tree {
    size_t *row;     /* as they come */
    uint32_t *depth; /* of that */
    size_t count;
};
int html_tree_make(const struct summary *summary, struct html_tree *ret);
void html_tree_done(struct html_tree *tree);

/* html_page.c: what each page begins and ends with, and where its charts are drawn. */
void html_put_begin(struct buffer *ret, struct buffer *title);
void html_put_charts_section(struct buffer *ret);
void html_put_end(struct buffer *ret, const struct buffer *drawn, const struct pack *pack);

/* html_head.c: who, the verdict, the cards, the findings. */
void html_put_head(struct buffer *ret, const struct summary *summary, const struct scopes *scopes);

/* html_processes.c: the table of processes; and their columns for the script. */
void html_put_processes(struct buffer *ret, const struct summary *summary,
                        const struct html_tree *tree);
void json_put_process_columns(struct json *json, struct pack *pack, struct html_texts *texts,
                              const struct summary *summary);

/* html_marks.c: tables of categories, scopes and labels. Nothing where nobody marked. */
void html_put_categories(struct buffer *ret, const struct summary *summary,
                         const struct scopes *scopes);
void html_put_scopes(struct buffer *ret, const struct scopes *scopes);
void html_put_labels(struct buffer *ret, const struct summary *summary);

/* html_charts.c: curves. `rec` is NULL where no line is of a process; unknown limits SUMMARY_UNKNOWN. */
struct html_scale {
    const struct tacho_recording *rec;
    uint64_t origin_ns; /* 0 s of the page, on the charts' clock */
    uint64_t processors, memory_bytes;
};

/* How many there are: charts of nothing but 0 would only be in the way, and are left out. */
size_t json_put_charts(struct json *json, struct pack *pack, const struct charts *charts,
                       const struct html_scale *scale);

/* Those of one recording. As charts_make. */
int json_put_own_charts(struct json *json, struct pack *pack, const struct summary *summary,
                        size_t *ret_count);

/* html_lanes.c: labels, and the scopes of threads, for the script. */
void json_put_labels(struct json *json, struct pack *pack, struct html_texts *texts,
                     const struct summary *summary);
/* -errno where the marks cannot be read. `ret_threads`: how many there are. */
int json_put_threads(struct json *json, struct pack *pack, struct html_texts *texts,
                     const struct summary *summary, const struct scopes *scopes,
                     size_t *ret_threads);

/* html_method.c: what was recorded how, what is not known, what the recorder took. */
void html_put_method(struct buffer *ret, const struct summary *summary);

/* Since the recording began; 0 for what is older. */
static inline uint64_t html_since(const struct summary *summary, uint64_t time_ns)
{
    return time_ns > summary->started_ns ? time_ns - summary->started_ns : 0;
}

#endif
