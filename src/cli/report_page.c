#include "cli/report_page.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "cli/cli.h"
#include "config.h"
#ifdef HAVE_PAGE
#include "report/html_page.h"
#endif

#ifndef HAVE_PAGE

static int no_pages(void)
{
    return cli_failed("this build makes no pages: configure with -Dpage=enabled (zlib)");
}

int report_page(const char *path, bool force, const struct summary *summary,
                const struct scopes *scopes)
{
    (void)path, (void)force, (void)summary, (void)scopes;
    return no_pages();
}

int report_page_together(const char *path, bool force, const struct together *together,
                         struct charts_together *charts)
{
    (void)path, (void)force, (void)together, (void)charts;
    return no_pages();
}

#else

/* Whether it may be replaced without being asked: nothing there, or a page. */
static bool is_ours(const char *path)
{
    char begin[sizeof HTML_PAGE_BEGIN - 1];
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return errno == ENOENT;
    size_t n = fread(begin, 1, sizeof begin, file);
    fclose(file);
    return n == sizeof begin && memcmp(begin, HTML_PAGE_BEGIN, n) == 0;
}

static int write_all(int fd, const struct buffer *text)
{
    for (size_t at = 0; at < text->len;) {
        ssize_t n = write(fd, text->data + at, text->len - at);
        if (n < 0 && errno != EINTR)
            return -errno;
        at += n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Under another name first, so that a full disk does not cost the page that was there. */
static int replace(const char *path, const struct buffer *text)
{
    struct stat there;
    char *name;
    if (asprintf(&name, "%s.XXXXXX", path) < 0)
        return -ENOMEM;
    int fd = mkostemp(name, O_CLOEXEC), r = fd >= 0 ? 0 : -errno;
    if (r == 0) {
        /* As any new file of this user's; it holds no more secrets than the recording shows. */
        mode_t mask = umask(0);
        umask(mask);
        fchmod(fd, stat(path, &there) == 0 ? there.st_mode & 0777 : 0600 & ~mask);
        r = write_all(fd, text);
        if (close(fd) != 0 && r == 0)
            r = -errno;
        if (r == 0 && rename(name, path) != 0)
            r = -errno;
        if (r != 0)
            unlink(name);
    }
    free(name);
    return r;
}

/* Devices and pipes are written to as they are. */
static int write_page(const char *path, const struct buffer *text)
{
    struct stat there;
    if (stat(path, &there) != 0 || S_ISREG(there.st_mode))
        return replace(path, text);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    int r = write_all(fd, text);
    return close(fd) != 0 && r == 0 ? -errno : r;
}

static int to_stdout(const struct buffer *text)
{
    fwrite(text->data, 1, text->len, stdout);
    return cli_finish();
}

/* What there is to lose is looked at before the page is made. */
static int may_write(const char *path, bool force)
{
    struct stat there;
    bool device = stat(path, &there) == 0 && !S_ISREG(there.st_mode);
    if (strcmp(path, "-") == 0 || force || device || is_ours(path))
        return 0;
    return cli_failed("%s is there and no page of tacho's: --force replaces it", path);
}

/* `r`: how making it went. */
static int put(const char *path, int r, struct buffer *text)
{
    int status;
    if (r != 0) {
        status = cli_failed("cannot make the page: %s", strerror(-r));
    } else if (strcmp(path, "-") == 0) {
        status = to_stdout(text);
    } else {
        r = write_page(path, text);
        status = r != 0 ? cli_failed("%s: %s", path, strerror(-r)) : 0;
    }
    buffer_done(text);
    return status;
}

int report_page(const char *path, bool force, const struct summary *summary,
                const struct scopes *scopes)
{
    struct buffer text = {0};
    int status = may_write(path, force);
    return status != 0 ? status : put(path, html_put_page(&text, summary, scopes), &text);
}

int report_page_together(const char *path, bool force, const struct together *together,
                         struct charts_together *charts)
{
    struct buffer text = {0};
    int status = may_write(path, force);
    return status != 0 ? status : put(path, html_put_together(&text, together, charts), &text);
}

#endif
