#include "source/powercap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "source/key_lines.h"
#include "source/machine_files.h"

#define ZONES_MAX 32 /* packages, or their dies */
#define PARTS_MAX 8  /* core, uncore, dram, … */
#define PATH_CAP 64

/* The first line of a zone's file; empty where it cannot be read. */
static void line_read(int zone_fd, const char *file, char ret[INSTANCE_NAME_CAP])
{
    ssize_t n = source_read_at(zone_fd, file, ret, INSTANCE_NAME_CAP - 1);
    ret[n > 0 ? n : 0] = '\0';
    ret[strcspn(ret, "\n")] = '\0';
}

/* "package-0", or of a part of it "package-0/dram". */
static void name_put(struct energy_domain *domain, const char *whole, const char *own)
{
    char name[2 * INSTANCE_NAME_CAP];
    int n = snprintf(name, sizeof name, "%s%s%s", whole, whole[0] != '\0' ? "/" : "", own);
    size_t length = n > 0 ? (size_t)n : 0;
    instance_name_put(domain->name, name, length < sizeof name ? length : sizeof name - 1);
}

/* A zone whose counter can be read is added; `ret_name` gets its name. False: there is no such zone. */
static bool zone_add(const struct source_root *root, const char *path, const char *whole,
                     struct energy_domains *domains, int *error, char ret_name[INSTANCE_NAME_CAP])
{
    _close_ int zone_fd = openat(root->sys_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (zone_fd < 0)
        return false;
    line_read(zone_fd, "name", ret_name);
    if (domains->count == ENERGY_DOMAINS_MAX || ret_name[0] == '\0')
        return true;
    struct energy_domain *domain = &domains->domain[domains->count];
    *domain = (struct energy_domain){.fd = openat(zone_fd, "energy_uj", O_RDONLY | O_CLOEXEC)};
    if (domain->fd < 0) {
        *error = -errno;
        return true;
    }
    if (source_number_at(zone_fd, "max_energy_range_uj", &domain->range_uj) != 0)
        domain->range_uj = 0;
    name_put(domain, whole, ret_name);
    domains->count++;
    return true;
}

/* All zones of one kind of access. The names are Intel's for AMD's processors too. */
static void zones_add(const struct source_root *root, const char *type,
                      struct energy_domains *domains, int *error)
{
    char path[PATH_CAP], name[INSTANCE_NAME_CAP], part[INSTANCE_NAME_CAP];
    for (unsigned i = 0; i < ZONES_MAX; i++) {
        snprintf(path, sizeof path, "class/powercap/%s:%u", type, i);
        if (!zone_add(root, path, "", domains, error, name))
            continue;
        for (unsigned j = 0; j < PARTS_MAX; j++) {
            snprintf(path, sizeof path, "class/powercap/%s:%u:%u", type, i, j);
            zone_add(root, path, name, domains, error, part);
        }
    }
}

int energy_open(const struct source_root *root, struct energy_domains *ret)
{
    int error = -ENOENT;
    ret->count = 0;
    if (root->sys_fd < 0 || faccessat(root->sys_fd, "class/powercap", F_OK, 0) != 0)
        return -ENOENT;
    zones_add(root, "intel-rapl", ret, &error);
    if (ret->count == 0 && error == -ENOENT) /* the same counters another way */
        zones_add(root, "intel-rapl-mmio", ret, &error);
    return ret->count > 0 ? 0 : error;
}

void energy_close(struct energy_domains *domains)
{
    for (size_t i = 0; i < domains->count; i++)
        closep(&domains->domain[i].fd);
    domains->count = 0;
}

/* A counter that fell has begun again; where its range is not known nobody knows how far it went. */
static bool advance(struct energy_domain *domain, uint64_t now_uj)
{
    uint64_t grown = now_uj - domain->last_uj;
    if (!domain->seen)
        grown = now_uj;
    else if (now_uj < domain->last_uj && domain->range_uj < domain->last_uj)
        return false;
    else if (now_uj < domain->last_uj)
        grown = domain->range_uj - domain->last_uj + now_uj;
    domain->seen = true;
    domain->last_uj = now_uj;
    domain->total_uj += grown;
    return true;
}

int energy_read(struct energy_domains *domains, machine_each *each, void *user)
{
    int error = -ENOENT;
    bool any = false;
    for (size_t i = 0; i < domains->count; i++) {
        struct energy_domain *domain = &domains->domain[i];
        char text[32];
        uint64_t now_uj;
        ssize_t n = domain->fd < 0 ? -ENOENT : source_read_kept(domain->fd, text, sizeof text);
        struct text t = text_of(text, n > 0 ? (size_t)n : 0);
        if (!text_take_column(&t, &now_uj)) {
            error = n < 0 ? (int)n : -EPROTO;
            continue;
        }
        if (!advance(domain, now_uj)) {
            closep(&domain->fd);
            domain->fd = -1;
            error = -EPROTO;
            continue;
        }
        any = true;
        each(user, domain->name, &domain->total_uj, 1);
    }
    return any ? 0 : error;
}
