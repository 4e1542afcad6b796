#include "report/plot_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

static void file_name(char ret[PLOT_NAME_MAX + 8], const char *name, const char *suffix)
{
    snprintf(ret, PLOT_NAME_MAX + 8, "%s%s", name, suffix);
}

int plot_file_write(int folder_fd, const char *name, const char *suffix,
                    const struct buffer *content)
{
    char file[PLOT_NAME_MAX + 8];
    file_name(file, name, suffix);
    if (content->failed)
        return -ENOMEM;
    _close_ int fd =
        openat(folder_fd, file, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return -errno;
    for (size_t at = 0; at < content->len;) {
        ssize_t n = write(fd, content->data + at, content->len - at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        at += (size_t)n;
    }
    int closed = fd;
    fd = -1;
    return close(closed) == 0 ? 0 : -errno;
}

int plot_script_write(int folder_fd, const char *name, unsigned formats,
                      const struct buffer *content, struct plot_scripts *scripts)
{
    static const char *const suffixes[] = {".svg", ".png", ".pdf"};
    char file[PLOT_NAME_MAX + 8];
    int r = plot_file_write(folder_fd, name, ".plt", content);
    if (r != 0)
        return r;
    for (unsigned i = 0; i < ARRAY_LEN(suffixes); i++) {
        if ((formats >> i & 1) == 0)
            continue;
        file_name(file, name, suffixes[i]);
        if (unlinkat(folder_fd, file, 0) != 0 && errno != ENOENT)
            return -errno;
    }
    struct plot_script *more =
        reallocarray(scripts->script, scripts->count + 1, sizeof *scripts->script);
    if (more == NULL)
        return -ENOMEM;
    scripts->script = more;
    struct plot_script *new = &scripts->script[scripts->count++];
    *new = (struct plot_script){.formats = formats};
    snprintf(new->name, sizeof new->name, "%s", name);
    return 0;
}

void plot_scripts_done(struct plot_scripts *scripts)
{
    free(scripts->script);
    *scripts = (struct plot_scripts){0};
}
