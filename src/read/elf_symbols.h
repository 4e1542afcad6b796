/*
 * Names of functions in an ELF file: of 64 bits, little-endian. Any bytes whatever are either read or
 * refused. Nothing of the file is kept in memory, however large it is: it is read once through a window,
 * at about 10 ns a symbol.
 */
#ifndef TACHO_READ_ELF_SYMBOLS_H
#define TACHO_READ_ELF_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ELF_BUILD_ID_MAX 64
#define ELF_NAME_MAX 1023 /* bytes; what is over is cut */

struct elf_stretch {
    uint64_t at, bytes; /* all of it lies in the file */
};

struct elf_file {
    int fd; /* borrowed */
    uint64_t bytes;
    struct elf_stretch symbols, names; /* empty: it has none */
    uint8_t build_id[ELF_BUILD_ID_MAX];
    size_t build_id_bytes; /* 0: it has none */
};

/* A function that is looked for by its address. */
struct elf_wanted {
    uint64_t address;
    uint64_t name_at; /* where in the file its name stands; valid if `rank` is not 0 */
    unsigned rank;    /* of the best symbol so far: global ones before weak, weak before local */
};

/*
 * The file must allow pread(2). 0; -ENOEXEC: it is no such file, or contradicts itself; -EIO and the like.
 * Symbols are those of .symtab, or of .dynsym where there is none.
 */
int elf_open(int fd, struct elf_file *ret);

/* Finds functions that begin at these addresses, which ascend. 0, or as elf_open. */
int elf_find(const struct elf_file *elf, struct elf_wanted *wanted, size_t n);

/* The name at `name_at`, terminated. False when it has none. */
bool elf_name(const struct elf_file *elf, uint64_t name_at, char ret[ELF_NAME_MAX + 1]);

#endif
