/* Directories with `proc` and `sys` made at run time: for what reads better beside its assertions.
 */
#ifndef TACHO_TEST_SOURCE_TREE_H
#define TACHO_TEST_SOURCE_TREE_H

#include <assert.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "source/root.h"

struct tree {
    char path[64];
    struct source_root root;
};

static inline void tree_path(const struct tree *tree, const char *name, char path[512])
{
    int n = snprintf(path, 512, "%s/%s", tree->path, name);
    assert(n > 0 && n < 512);
}

/* A file with its directories; a file that is there is overwritten in place, as kept descriptors
 * see. */
static inline void tree_put_bytes(const struct tree *tree, const char *name, const void *bytes,
                                  size_t n)
{
    char path[512];
    tree_path(tree, name, path);
    for (char *slash = path + strlen(tree->path) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        mkdir(path, 0755);
        *slash = '/';
    }
    FILE *f = fopen(path, "w");
    assert(f != NULL);
    size_t written = fwrite(bytes, 1, n, f);
    int failed = fclose(f);
    assert(written == n && failed == 0);
}

static inline void tree_put(const struct tree *tree, const char *name, const char *text)
{
    tree_put_bytes(tree, name, text, strlen(text));
}

static inline void tree_link(const struct tree *tree, const char *name, const char *target)
{
    char path[512];
    tree_put(tree, name, ""); /* for its directories */
    tree_path(tree, name, path);
    int failed = remove(path) != 0 || symlink(target, path) != 0;
    assert(!failed);
}

static inline int tree_remove_one(const char *path, const struct stat *st, int type,
                                  struct FTW *where)
{
    return remove(path);
}

static inline void tree_remove(const struct tree *tree, const char *name)
{
    char path[512];
    tree_path(tree, name, path);
    nftw(path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* With an empty `proc` and, when asked for, `sys`. */
static inline void tree_new(struct tree *tree, int with_sys)
{
    strcpy(tree->path, "/tmp/tacho-root-XXXXXX");
    char *made = mkdtemp(tree->path);
    assert(made != NULL);
    char path[512];
    tree_path(tree, "proc", path);
    mkdir(path, 0755);
    tree_path(tree, "sys", path);
    if (with_sys)
        mkdir(path, 0755);
    int rc = source_root_open(&tree->root, tree->path);
    assert(rc == 0);
    tree->root.tick_ns = 10000000; /* as the texts in tests have it, whatever the machine's */
    tree->root.page_bytes = 4096;
}

static inline void tree_free(struct tree *tree)
{
    source_root_close(&tree->root);
    nftw(tree->path, tree_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

#endif
