#include "cli/recording_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli.h"
#include "import/import_log.h"

static const char suffix[] = ".tacho";

/* Takes the path over. */
static int add(struct recording_list *list, char *path)
{
    if (path != NULL && list->count == list->room) {
        size_t room = list->room * 2 + 16;
        char **more = reallocarray(list->path, room, sizeof *more);
        if (more != NULL) {
            list->path = more;
            list->room = room;
        }
    }
    if (path == NULL || list->count == list->room) {
        free(path);
        return cli_failed("out of memory");
    }
    list->path[list->count++] = path;
    return 0;
}

static char *path_of(const char *directory, const char *name)
{
    char *path;
    size_t n = strlen(directory);
    const char *between = n > 0 && directory[n - 1] == '/' ? "" : "/";
    return asprintf(&path, "%s%s%s", directory, between, name) < 0 ? NULL : path;
}

static int by_name(const void *a, const void *b)
{
    const char *const *left = a, *const *right = b;
    return strcmp(*left, *right);
}

static bool is_recording(const char *name)
{
    size_t n = strlen(name);
    return n >= sizeof suffix && strcmp(name + n - (sizeof suffix - 1), suffix) == 0;
}

/* Logs of jobs that ran side by side. */
static bool is_log_of_many(const char *directory, const char *name)
{
    char *path = path_of(directory, name);
    const struct import_format *format = path == NULL ? NULL : import_form_of(path);
    free(path);
    return format != NULL && format->in_folders;
}

/* Those of the entries that are recordings, or such logs. */
static int add_entries(struct recording_list *list, const char *directory, bool logs)
{
    int status = 0;
    DIR *dir = opendir(directory);
    if (dir == NULL)
        return cli_failed("%s: %s", directory, strerror(errno));
    for (struct dirent *e = readdir(dir); e != NULL && status == 0; e = readdir(dir))
        if (e->d_name[0] != '.' &&
            (logs ? is_log_of_many(directory, e->d_name) : is_recording(e->d_name)))
            status = add(list, path_of(directory, e->d_name));
    closedir(dir);
    return status;
}

static int add_directory(struct recording_list *list, const char *directory)
{
    size_t first = list->count;
    int status = add_entries(list, directory, false);
    if (status == 0 && list->count == first && import_form_of(directory) != NULL)
        return add(list, strdup(directory)); /* it is a log itself */
    list->of_directory = true;
    if (status == 0 && list->count == first)
        status = add_entries(list, directory, true);
    if (status == 0 && list->count == first)
        return cli_failed(
            "%s: no recordings (*.tacho) and no logs of other tools in this directory", directory);
    if (list->count > first)
        qsort(&list->path[first], list->count - first, sizeof *list->path, by_name);
    return status;
}

int recording_list_make(char **argument, size_t n, struct recording_list *ret)
{
    struct stat st;
    int status = 0;
    *ret = (struct recording_list){0};
    for (size_t i = 0; i < n; i++) {
        bool directory = stat(argument[i], &st) == 0 && S_ISDIR(st.st_mode);
        int failed = directory ? add_directory(ret, argument[i]) : add(ret, strdup(argument[i]));
        status = failed != 0 ? failed : status;
    }
    return status;
}

void recording_list_done(struct recording_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->path[i]);
    free(list->path);
    *list = (struct recording_list){0};
}
