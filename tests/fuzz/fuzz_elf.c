/*
 * Any bytes as an ELF file. Beyond the sanitizers: what is found lies in the table of names, names are
 * terminated and not empty, and the best symbol of an address does not depend on what else is looked for.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "read/elf_symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void check(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "fuzz_elf: %s\n", what);
    abort();
}

static const uint64_t addresses[] = {0, 1, 0x10, 0x20, 0x1000, 0x1010, 0x4000, UINT64_MAX};
#define WANTED (sizeof addresses / sizeof addresses[0])

static void check_found(const struct elf_file *elf, const struct elf_wanted *w)
{
    char name[ELF_NAME_MAX + 1];
    struct elf_wanted alone = {.address = w->address};
    check(elf_find(elf, &alone, 1) == 0, "not read again");
    check(alone.rank == w->rank, "another rank");
    if (w->rank == 0)
        return;
    check(alone.name_at == w->name_at, "another name");
    check(w->name_at - elf->names.at < elf->names.bytes, "no name of this file");
    if (elf_name(elf, w->name_at, name))
        check(memchr(name, '\0', sizeof name) != NULL && name[0] != '\0', "no name");
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct elf_file elf;
    struct elf_wanted wanted[WANTED];
    int fd = memfd_create("fuzz_elf", MFD_CLOEXEC);
    check(fd >= 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n, "no file");
    int r = elf_open(fd, &elf);
    check(r == 0 || r == -ENOEXEC, "opening failed");
    for (size_t i = 0; i < WANTED; i++)
        wanted[i] = (struct elf_wanted){.address = addresses[i]};
    if (r == 0) {
        check(elf.build_id_bytes <= ELF_BUILD_ID_MAX, "too long a build id");
        check(elf_find(&elf, wanted, WANTED) == 0, "symbols not read");
        for (size_t i = 0; i < WANTED; i++)
            check_found(&elf, &wanted[i]);
    }
    close(fd);
    return 0;
}
