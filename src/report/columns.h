/*
 * A small table on a page: columns as wide as they must be, those that matter least left out where
 * there is no room, and a last one of free text that takes what is left.
 */
#ifndef TACHO_REPORT_COLUMNS_H
#define TACHO_REPORT_COLUMNS_H

#include "report/page.h"

#define COLUMNS_MAX 11
#define COLUMN_ROWS_MAX 64

struct column {
    const char *heading; /* any bytes */
    bool left;           /* aligned; else right */
    unsigned priority;   /* those with the highest go first where there is no room; 0 stays */
};

struct columns {
    unsigned count;
    struct column column[COLUMNS_MAX]; /* the last takes the rest */
    unsigned rows;
    struct {
        struct buffer cell[COLUMNS_MAX]; /* any bytes */
        enum ink ink;
    } row[COLUMN_ROWS_MAX];
};

/* An empty table of these columns, to be freed once it is put; NULL marks the page as failed. */
struct columns *columns_new(const struct page *page, const struct columns *columns);

/* One more column, before there are rows. */
void columns_put_heading(struct columns *table, const char *heading, unsigned priority);

/* The same before the column `at`. */
void columns_insert_heading(struct columns *table, unsigned at, const char *heading,
                            unsigned priority);

/* Adds a row, whose cells are then filled. Past COLUMN_ROWS_MAX the last one is given again. */
struct buffer *columns_add(struct columns *table, enum ink ink);

/* Appends the table, and frees its cells. */
void columns_put(const struct page *page, struct columns *table, size_t indent);

#endif
