/* The parts of summary_put_text, summary_put_json and together_put_text, a file each. Not for other folders. */
#ifndef TACHO_REPORT_SUMMARY_PARTS_H
#define TACHO_REPORT_SUMMARY_PARTS_H

#include "analyse/together.h"
#include "report/grid.h"
#include "report/json.h"
#include "report/summary_text.h"

/* summary_text.c: what was recorded, as a person would type it; any bytes. */
void put_summary_title(struct buffer *ret, const struct summary *summary);

/* "exit 2 after 3.21 s", and how that is to look. */
enum ink put_summary_verdict(struct buffer *ret, const struct summary *summary);

/* summary_timeline.c: CPU and memory over time, with the labels at their places in it. */
void summary_put_over_time(const struct page *page, const struct summary *summary);

/*
 * summary_charts.c: CPU and memory over the whole time, with their y axes, which take CHART_AT
 * cells left of `column`. At most CHART_CELLS_MAX cells.
 */
#define CHART_AT 20
void summary_draw_cpu(struct grid *grid, unsigned row, unsigned column, unsigned rows, size_t cells,
                      const struct summary *summary);
bool summary_knows_memory(const struct summary *summary);
bool summary_knows_cpu(const struct summary *summary);
void summary_draw_memory(struct grid *grid, unsigned row, unsigned column, unsigned rows,
                         size_t cells, const struct summary *summary);

/* summary_tables.c: programs, the costliest processes, those that failed. */
void summary_put_tables(const struct page *page, const struct summary *summary);

/* summary_gpus.c: what GPUs did, and who held their memory; nothing, and null, where none were recorded. */
void summary_put_gpus(const struct page *page, const struct summary *summary);
void json_put_gpus(struct json *json, const struct summary *summary);

/* summary_scopes.c: scopes and categories; nothing where nobody marked. */
void summary_put_scopes(const struct page *page, const struct summary *summary,
                        const struct scopes *scopes);

/* summary_moment.c: what the owner of the memory's peak was doing then, more words of a figure. */
void summary_put_moment(const struct page *page, const struct summary *summary,
                        const struct moment *moment);

/* Appends "train > epoch > load batch", of a deep one with its middle left out. */
void put_scope_path(struct buffer *ret, const struct tacho_recording *rec,
                    const struct moment_stack *stack, bool utf8);

/* summary_json_marks.c: scopes, categories, labels; and keys of memory.peak_owner. */
void json_put_marks(struct json *json, const struct summary *summary, const struct scopes *scopes);
void json_put_moment(struct json *json, const struct summary *summary, const struct moment *moment);

/* summary_json.c: "exit", by what waitpid(2) said of the root; null where that is unknown. */
void json_put_exit(struct json *json, uint64_t root_status);

/* Key and value; null for no process, or one that a log does not name. */
void json_put_pid(struct json *json, const struct tacho_process *process);

/* summary_unknown.c: what is not known, and why; what the recorder itself took. */
void summary_put_unknown(const struct page *page, const struct summary *summary);

/* Each thing that is not known, in words; `words` is gone when `item` returns. */
void summary_each_unknown(const struct summary *summary,
                          void (*item)(void *user, const struct buffer *words), void *user);

/* "Recording took 0.1 s of CPU …"; nothing where that is not known. */
void put_recorder_cost(struct buffer *ret, const struct summary *summary);

/* together_tables.c: a row for each recording, time per category and rank, scopes. */
void together_put_tables(const struct page *page, const struct together *together);

/* Appends "3" of a rank, or "pid 123" of another. */
void together_put_who(struct buffer *ret, const struct together *together, size_t member);

/* "4 recordings of 4 ranks of job 17"; "on node1, from …, over 12 s"; which ranks are missing. */
void together_put_title(struct buffer *ret, const struct together *together);
void together_put_when(struct buffer *ret, const struct together *together);
void together_put_missing(struct buffer *ret, const struct together *together);

/* How a member ended, and how that is to look. */
enum ink together_put_end(struct buffer *ret, const struct together_member *member);

/* Appends "exit 2" or "SIGKILL", of a status as waitpid(2) gives it. */
void put_wait_status(struct buffer *ret, int status);

/* Appends "cc1 (pid 12)", any bytes of the name as they are. */
void put_process_name(struct buffer *ret, const struct tacho_process *process);

/*
 * Appends the command line as a person would type it, a screen's worth, without the program's
 * directory; the name of a process that has none.
 */
void put_command_line(struct buffer *ret, const struct tacho_process *process);

#endif
