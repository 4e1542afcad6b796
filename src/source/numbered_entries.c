#include "source/numbered_entries.h"

#include <errno.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/number.h"

/* As getdents64(2) writes it; glibc has had a wrapper only since 2.30. */
struct directory_entry {
    uint64_t inode;
    int64_t next;
    uint16_t length;
    uint8_t type;
    char name[];
};

void numbered_entries_init(struct numbered_entries *entries, int fd)
{
    entries->fd = fd;
    entries->at = entries->len = 0;
}

int numbered_entries_next(struct numbered_entries *entries, uint64_t *ret)
{
    for (;;) {
        if (entries->at >= entries->len) {
            long n = syscall(SYS_getdents64, entries->fd, entries->bytes, sizeof entries->bytes);
            if (n < 0)
                return -errno;
            if (n == 0)
                return 0;
            entries->at = 0;
            entries->len = (size_t)n;
        }
        const struct directory_entry *entry = (const void *)(entries->bytes + entries->at);
        entries->at += entry->length;
        if (parse_u64(entry->name, ret))
            return 1;
    }
}
