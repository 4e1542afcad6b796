#include "read/elf_symbols.h"

#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"

#define WINDOW_SYMBOLS 2048
#define SYMBOLS_BYTES_MAX (UINT64_C(1) << 32) /* 180 million of them */
#define SECTIONS_MAX 65536
#define PROGRAM_HEADERS_MAX 65535
#define NOTES_BYTES_MAX 4096

/* The file is little-endian, whatever the reader is. */
#define GET16(x) le16toh(x)
#define GET32(x) le32toh(x)
#define GET64(x) le64toh(x)

/* All of it, or -ENOEXEC: the file is shorter than it says. */
static int read_at(const struct elf_file *elf, uint64_t at, void *ret, size_t n)
{
    if (at > elf->bytes || n > elf->bytes - at)
        return -ENOEXEC;
    for (size_t done = 0; done < n;) {
        ssize_t got = pread(elf->fd, (uint8_t *)ret + done, n - done, (off_t)(at + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return got < 0 ? -errno : -ENOEXEC;
        done += (size_t)got;
    }
    return 0;
}

static bool is_inside(const struct elf_file *elf, uint64_t at, uint64_t n)
{
    return at <= elf->bytes && n <= elf->bytes - at;
}

/* ---- the build id ---- */

static uint64_t padded(uint64_t n)
{
    return (n + 3) & ~UINT64_C(3);
}

static void take_build_id(struct elf_file *elf, const uint8_t *notes, size_t n)
{
    for (size_t at = 0; n - at > sizeof(Elf64_Nhdr);) {
        uint32_t name_bytes = load_u32(notes + at), bytes = load_u32(notes + at + 4);
        uint32_t type = load_u32(notes + at + 8);
        uint64_t name_at = at + sizeof(Elf64_Nhdr), text_at = name_at + padded(name_bytes);
        if (text_at > n || bytes > n - text_at)
            return;
        if (type == NT_GNU_BUILD_ID && name_bytes == 4 && bytes <= ELF_BUILD_ID_MAX &&
            memcmp(notes + name_at, "GNU", 4) == 0) {
            memcpy(elf->build_id, notes + text_at, bytes);
            elf->build_id_bytes = bytes;
            return;
        }
        if (text_at + padded(bytes) > n)
            return;
        at = (size_t)(text_at + padded(bytes));
    }
}

/* What is wrong with notes makes them unread, not the file. */
static int read_notes(struct elf_file *elf, const Elf64_Ehdr *head)
{
    uint64_t at = GET64(head->e_phoff);
    unsigned n = GET16(head->e_phnum);
    if (n == 0 || n > PROGRAM_HEADERS_MAX || GET16(head->e_phentsize) != sizeof(Elf64_Phdr))
        return 0;
    for (unsigned i = 0; i < n && elf->build_id_bytes == 0; i++) {
        Elf64_Phdr header;
        uint8_t notes[NOTES_BYTES_MAX];
        int r = read_at(elf, at + (uint64_t)i * sizeof header, &header, sizeof header);
        if (r != 0)
            return r;
        uint64_t bytes = GET64(header.p_filesz);
        if (GET32(header.p_type) != PT_NOTE || GET64(header.p_align) > 4)
            continue;
        bytes = bytes < sizeof notes ? bytes : sizeof notes;
        if (read_at(elf, GET64(header.p_offset), notes, (size_t)bytes) == 0)
            take_build_id(elf, notes, (size_t)bytes);
    }
    return 0;
}

/* ---- the tables of symbols and their names ---- */

static int read_section(const struct elf_file *elf, const Elf64_Ehdr *head, uint64_t i,
                        Elf64_Shdr *ret)
{
    uint64_t at = GET64(head->e_shoff);
    if (!is_inside(elf, at, (i + 1) * sizeof *ret))
        return -ENOEXEC;
    return read_at(elf, at + i * sizeof *ret, ret, sizeof *ret);
}

/* Files with very many sections say so in the first one. */
static int count_sections(const struct elf_file *elf, const Elf64_Ehdr *head, uint64_t *ret)
{
    Elf64_Shdr first;
    *ret = 0;
    if (GET64(head->e_shoff) == 0)
        return 0;
    if (GET16(head->e_shentsize) != sizeof first)
        return -ENOEXEC;
    *ret = GET16(head->e_shnum);
    if (*ret != 0)
        return 0;
    int r = read_section(elf, head, 0, &first);
    if (r == 0 && GET64(first.sh_size) > SECTIONS_MAX)
        return -ENOEXEC;
    if (r == 0)
        *ret = GET64(first.sh_size);
    return r;
}

static int take_symbols(struct elf_file *elf, const Elf64_Ehdr *head, uint64_t sections,
                        const Elf64_Shdr *table)
{
    Elf64_Shdr names;
    struct elf_stretch symbols = {GET64(table->sh_offset), GET64(table->sh_size)};
    if (GET64(table->sh_entsize) != sizeof(Elf64_Sym) || symbols.bytes > SYMBOLS_BYTES_MAX ||
        !is_inside(elf, symbols.at, symbols.bytes) || GET32(table->sh_link) >= sections)
        return -ENOEXEC;
    int r = read_section(elf, head, GET32(table->sh_link), &names);
    if (r != 0)
        return r;
    struct elf_stretch text = {GET64(names.sh_offset), GET64(names.sh_size)};
    if (GET32(names.sh_type) != SHT_STRTAB || !is_inside(elf, text.at, text.bytes))
        return -ENOEXEC;
    elf->symbols = symbols;
    elf->names = text;
    return 0;
}

static int find_symbols(struct elf_file *elf, const Elf64_Ehdr *head)
{
    Elf64_Shdr section, dynamic = {0};
    uint64_t n;
    int r = count_sections(elf, head, &n);
    for (uint64_t i = 1; r == 0 && i < n; i++) {
        r = read_section(elf, head, i, &section);
        if (r == 0 && GET32(section.sh_type) == SHT_SYMTAB)
            return take_symbols(elf, head, n, &section);
        if (r == 0 && GET32(section.sh_type) == SHT_DYNSYM)
            dynamic = section;
    }
    return r == 0 && GET64(dynamic.sh_size) > 0 ? take_symbols(elf, head, n, &dynamic) : r;
}

int elf_open(int fd, struct elf_file *ret)
{
    struct stat st;
    Elf64_Ehdr head;
    struct elf_file elf = {.fd = fd};
    if (fstat(fd, &st) != 0)
        return -errno;
    elf.bytes = st.st_size > 0 ? (uint64_t)st.st_size : 0;
    int r = read_at(&elf, 0, &head, sizeof head);
    if (r != 0)
        return r;
    if (memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
        head.e_ident[EI_DATA] != ELFDATA2LSB)
        return -ENOEXEC;
    r = read_notes(&elf, &head);
    if (r == 0)
        r = find_symbols(&elf, &head);
    if (r == 0)
        *ret = elf;
    return r;
}

/* ---- symbols ---- */

/* 0: it is no function, or lies elsewhere. */
static unsigned rank_of(const Elf64_Sym *symbol)
{
    if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || GET16(symbol->st_shndx) == SHN_UNDEF)
        return 0;
    switch (ELF64_ST_BIND(symbol->st_info)) {
    case STB_GLOBAL: return 3;
    case STB_WEAK: return 2;
    default: return 1;
    }
}

static struct elf_wanted *first_wanted(struct elf_wanted *wanted, size_t n, uint64_t address)
{
    size_t low = 0;
    while (n > 0) {
        size_t half = n / 2;
        if (wanted[low + half].address < address) {
            low += half + 1;
            n -= half + 1;
        } else {
            n = half;
        }
    }
    return &wanted[low];
}

static void match(const struct elf_file *elf, const Elf64_Sym *symbol, struct elf_wanted *wanted,
                  size_t n)
{
    uint64_t address = GET64(symbol->st_value), name = GET32(symbol->st_name);
    unsigned rank = rank_of(symbol);
    if (rank == 0 || name >= elf->names.bytes)
        return;
    struct elf_wanted *end = wanted + n;
    for (struct elf_wanted *w = first_wanted(wanted, n, address); w < end && w->address == address;
         w++) {
        if (rank > w->rank) {
            w->rank = rank;
            w->name_at = elf->names.at + name;
        }
    }
}

int elf_find(const struct elf_file *elf, struct elf_wanted *wanted, size_t n)
{
    Elf64_Sym window[WINDOW_SYMBOLS];
    uint64_t left = n > 0 ? elf->symbols.bytes / sizeof window[0] : 0, at = elf->symbols.at;
    for (size_t i = 0; i < n; i++)
        wanted[i].rank = 0;
    while (left > 0) {
        size_t some = left < WINDOW_SYMBOLS ? (size_t)left : WINDOW_SYMBOLS;
        int r = read_at(elf, at, window, some * sizeof window[0]);
        if (r != 0)
            return r;
        for (size_t i = 0; i < some; i++)
            match(elf, &window[i], wanted, n);
        at += some * sizeof window[0];
        left -= some;
    }
    return 0;
}

bool elf_name(const struct elf_file *elf, uint64_t name_at, char ret[ELF_NAME_MAX + 1])
{
    uint64_t from = name_at - elf->names.at; /* very large for what lies before */
    if (from >= elf->names.bytes)
        return false;
    uint64_t left = elf->names.bytes - from;
    size_t n = left < ELF_NAME_MAX ? (size_t)left : ELF_NAME_MAX;
    if (read_at(elf, name_at, ret, n) != 0)
        return false;
    ret[n] = '\0';
    return ret[0] != '\0';
}
