/*
 * Names of functions: tacho_name_functions. What libtacho-functions put in place of a name
 * (functions/function_places.h) is taken apart; the functions of one module are looked up together.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "read/elf_symbols.h"
#include "read/opened.h"

#define ID_BYTES_MAX 32
#define NS_PER_S UINT64_C(1000000000)
#define TITLE_BYTES_MAX (2 * ELF_NAME_MAX)

/* A site without category; those with another name than a function's have no path. */
struct named {
    struct tacho_site *site;
    const char *path; /* NULL: no function; "": in no module */
    uint64_t address;
    uint8_t id[ID_BYTES_MAX];
    size_t id_bytes;
    const char *name; /* what it is called */
};

struct naming {
    struct tacho_recording *rec;
    struct named *named;
    struct elf_wanted *wanted; /* of one module */
    size_t n;
};

/* ---- taking apart ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* At most 16 digits. */
static bool take_address(const char **at, uint64_t *ret)
{
    uint64_t v = 0;
    unsigned n = 0;
    for (; hex_digit(**at) >= 0 && n <= 16; n++, ++*at)
        v = v << 4 | (unsigned)hex_digit(**at);
    *ret = v;
    return n > 0 && n <= 16 && *(*at)++ == ' ';
}

static bool take_id(const char **at, struct named *f)
{
    if (strncmp(*at, "- ", 2) == 0) {
        *at += 2;
        return true;
    }
    while (f->id_bytes < ID_BYTES_MAX && hex_digit((*at)[0]) >= 0 && hex_digit((*at)[1]) >= 0) {
        f->id[f->id_bytes++] = (uint8_t)(hex_digit((*at)[0]) << 4 | hex_digit((*at)[1]));
        *at += 2;
    }
    return f->id_bytes > 0 && *(*at)++ == ' ';
}

static struct named take_apart(struct tacho_site *site)
{
    struct named f = {.site = site, .name = site->name}, none = f;
    const char *at = site->name;
    if (strncmp(at, "@0x", 3) != 0)
        return none;
    at += 3;
    if (!take_address(&at, &f.address) || !take_id(&at, &f) || (at[0] != '/' && at[0] != '\0'))
        return none;
    f.path = at;
    return f;
}

/* ---- modules ---- */

/* Without a build id a file that was written since can be another one. */
static bool is_same_build(const struct tacho_recording *rec, const struct elf_file *elf,
                          const struct named *f)
{
    struct stat st;
    if (f->id_bytes > 0 || elf->build_id_bytes > 0)
        return f->id_bytes > 0 && f->id_bytes <= elf->build_id_bytes &&
               memcmp(f->id, elf->build_id, f->id_bytes) == 0;
    uint64_t began_ns = tacho_real_ns(rec, tacho_first_ns(rec)); /* 0: not known */
    struct timespec began = {.tv_sec = (time_t)(began_ns / NS_PER_S),
                             .tv_nsec = (long)(began_ns % NS_PER_S)};
    return fstat(elf->fd, &st) == 0 &&
           (st.st_mtim.tv_sec < began.tv_sec ||
            (st.st_mtim.tv_sec == began.tv_sec && st.st_mtim.tv_nsec <= began.tv_nsec));
}

/* The path is what some program said: only a plain file is opened, and nothing waits. */
static int open_module(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode))
        return -1;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        return -1;
    }
    return fd;
}

/* A name that there is no room for is as one that is not found. */
static void keep_name(struct tacho_recording *rec, struct named *f, const char *name)
{
    const char *kept;
    if (texts_keep(&rec->texts, &rec->allowance, name, strlen(name), &kept) == 0)
        f->name = kept;
}

/* `n` functions of one module, by address. */
static void name_by_symbols(struct naming *m, struct named *f, size_t n)
{
    struct elf_file elf;
    char name[ELF_NAME_MAX + 1];
    if (f->path[0] == '\0')
        return;
    _close_ int fd = open_module(f->path);
    if (fd < 0 || elf_open(fd, &elf) != 0 || !is_same_build(m->rec, &elf, f))
        return;
    for (size_t i = 0; i < n; i++)
        m->wanted[i] = (struct elf_wanted){.address = f[i].address};
    if (elf_find(&elf, m->wanted, n) != 0)
        return;
    for (size_t i = 0; i < n; i++)
        if (m->wanted[i].rank > 0 && elf_name(&elf, m->wanted[i].name_at, name))
            keep_name(m->rec, &f[i], name);
}

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash != NULL ? slash + 1 : path;
}

/* "module+0x1234", or the address alone. */
static void put_place(char *ret, size_t bytes, const struct named *f)
{
    snprintf(ret, bytes, "%s%s0x%" PRIx64, base_name(f->path), f->path[0] != '\0' ? "+" : "",
             f->address);
}

static void name_by_place(struct naming *m, struct named *f)
{
    char place[TITLE_BYTES_MAX];
    put_place(place, sizeof place, f);
    keep_name(m->rec, f, place);
}

static int compare_modules(const struct named *left, const struct named *right)
{
    if (left->path == NULL || right->path == NULL)
        return (left->path != NULL) - (right->path != NULL);
    int paths = strcmp(left->path, right->path);
    if (paths != 0)
        return paths;
    if (left->id_bytes != right->id_bytes)
        return left->id_bytes < right->id_bytes ? -1 : 1;
    return memcmp(left->id, right->id, left->id_bytes);
}

static int compare_places(const void *a, const void *b)
{
    const struct named *left = a, *right = b;
    int modules = compare_modules(left, right);
    return modules != 0 ? modules
                        : (left->address > right->address) - (left->address < right->address);
}

static void name_all(struct naming *m)
{
    struct named *end = m->named + m->n, *last;
    qsort(m->named, m->n, sizeof *m->named, compare_places);
    for (struct named *f = m->named; f < end; f = last) {
        for (last = f + 1; last < end && compare_modules(f, last) == 0;)
            last++;
        if (f->path != NULL)
            name_by_symbols(m, f, (size_t)(last - f));
        for (; f < last && f->path != NULL; f++)
            if (f->name == f->site->name)
                name_by_place(m, f);
    }
}

/* ---- names that are several functions' ---- */

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct named *)a)->name, ((const struct named *)b)->name);
}

/*
 * Sites of one name are one, and these are not: static functions of two files, say. What cannot be told
 * apart by its place either, such as two builds of one module, keeps what it was recorded with.
 */
static void tell_apart(struct naming *m, struct named *f, bool by_place)
{
    char title[TITLE_BYTES_MAX], place[TITLE_BYTES_MAX / 2];
    put_place(place, sizeof place, f);
    if (!by_place) {
        f->name = f->site->name;
    } else if (strcmp(f->name, place) != 0) {
        snprintf(title, sizeof title, "%.*s (%s)", ELF_NAME_MAX - 3, f->name, place);
        keep_name(m->rec, f, title);
    }
}

static void tell_all_apart(struct naming *m, bool by_place)
{
    struct named *end = m->named + m->n, *last;
    qsort(m->named, m->n, sizeof *m->named, compare_names);
    for (struct named *f = m->named; f < end; f = last) {
        for (last = f + 1; last < end && strcmp(f->name, last->name) == 0;)
            last++;
        for (struct named *one = f; last - f > 1 && one < last; one++)
            if (one->path != NULL)
                tell_apart(m, one, by_place);
    }
}

/* ---- all of them ---- */

static size_t collect(struct naming *m, size_t sites)
{
    size_t functions = 0;
    for (size_t i = 0; i < sites; i++) {
        struct tacho_site *site = chunks_at(&m->rec->sites.items, i);
        if (site->category[0] != '\0')
            continue;
        m->named[m->n] = take_apart(site);
        functions += m->named[m->n++].path != NULL;
    }
    return functions;
}

int tacho_name_functions(struct tacho_recording *rec)
{
    size_t sites = rec->sites.items.count;
    size_t bytes = sites * sizeof(struct named), wanted = sites * sizeof(struct elf_wanted);
    struct naming m = {.rec = rec};
    if (sites == 0)
        return 0;
    int r = allowance_take(&rec->allowance, bytes + wanted);
    if (r != 0)
        return r;
    m.named = malloc(bytes);
    m.wanted = malloc(wanted);
    r = m.named != NULL && m.wanted != NULL ? 0 : -ENOMEM;
    if (r == 0 && collect(&m, sites) > 0) {
        name_all(&m);
        tell_all_apart(&m, true);
        tell_all_apart(&m, false);
        for (size_t i = 0; i < m.n; i++)
            m.named[i].site->name = m.named[i].name;
    }
    free(m.named);
    free(m.wanted);
    allowance_give(&rec->allowance, bytes + wanted);
    return r;
}
