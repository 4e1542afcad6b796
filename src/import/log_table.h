/*
 * Logs that are tables: a head with the names of columns, and rows of cells. Numbers become what a recording has:
 * whole bytes, nanoseconds, counts.
 */
#ifndef TACHO_IMPORT_LOG_TABLE_H
#define TACHO_IMPORT_LOG_TABLE_H

#include "base/buffer.h"
#include "base/number.h"

#define TABLE_CELLS_MAX 256  /* of a row; more are passed over */
#define TABLE_COLUMNS_MAX 48 /* that a form knows */
#define TABLE_NO_METRIC (-1)

/* What a form of log has under a name, in letters of any case. */
struct table_column {
    const char *name;
    int metric;     /* of a process, or TABLE_NO_METRIC: the form takes it itself */
    uint64_t scale; /* what one of its units is in the metric's */
};

struct log_table {
    const struct table_column *columns;
    size_t n;
    char separator;
    int at[TABLE_COLUMNS_MAX]; /* by column: the cell's place, or -1 */
};

/* A row; what it borrows is the line's. */
struct table_row {
    size_t n;
    struct text cell[TABLE_CELLS_MAX];
};

/* Cells between separators, blanks around them left out; those in double quotes may hold separators. */
void table_cells(struct text line, char separator, struct table_row *ret);

/* Finds the columns in a head. How many of them it has. */
size_t table_head(struct log_table *table, const struct table_row *head);

/* A column's cell; empty where the table or this row has none. */
struct text table_cell(const struct log_table *table, const struct table_row *row, size_t column);

/* The first line of what a log begins with. */
struct text table_first_line(const char *first, size_t n);

bool cell_is(struct text cell, const char *word);

/* Whether a cell says that nothing is known: it is empty, or one of the usual words for that. */
bool cell_is_blank(struct text cell);

/* A number times `scale`, see json_scaled. False, with *ret untouched, for what is none or negative. */
bool cell_number(struct text cell, uint64_t scale, uint64_t *ret);

/* Seconds as a time on some clock, to ns. False for what cannot be one. */
bool cell_seconds(struct text cell, uint64_t *ret_ns);

/* What a cell says, in quotes or not: appends it. */
void cell_put_text(struct buffer *ret, struct text cell);

/*
 * The values of all columns with a metric, indexed by it; which are known is or-ed into *known. NULL, or what is
 * wrong with the row.
 */
const char *table_metrics(const struct log_table *table, const struct table_row *row,
                          uint64_t *value, uint64_t *known);

/* All the CPU of a process is its user and system time, if in coarser steps, where both are known. */
void table_add_cpu(uint64_t *value, uint64_t *known);

/* CPU time of a percentage of one processor over a time; all bits set where it is too much. */
uint64_t cpu_of_percent(uint64_t thousandths_of_percent, uint64_t ns);

#endif
