#include "functions/function_places.h"

#include <dlfcn.h>
#include <elf.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#define SLOT_BITS 16
#define SLOTS (1u << SLOT_BITS)
#define PROBES_MAX 64
#define TEXT_BYTES (4u << 20) /* of names; libtacho keeps no more either */
#define NAME_BYTES_MAX 1023   /* likewise */
#define BUILD_ID_BYTES 8 /* of 20: enough to tell builds apart, and there is one in each name */

struct function {
    _Atomic uintptr_t address;
    struct tacho_place place; /* its name: NULL until it is known */
};

static struct function table[SLOTS];
static char text[TEXT_BYTES];
static _Atomic uint32_t text_used;
static struct tacho_place too_many = {.name = "(too many functions)"};

/* ---- which module ---- */

struct module {
    uintptr_t base;   /* what the addresses in its symbols are relative to */
    const char *path; /* "" for the program itself */
    const uint8_t *id;
    size_t id_bytes;
};

/* Notes are aligned to 4 bytes; those that are aligned to 8 are no build ids. */
static size_t padded(size_t n)
{
    return (n + 3) & ~(size_t)3;
}

static void take_build_id(struct module *m, const uint8_t *notes, size_t n)
{
    for (size_t at = 0; n - at > sizeof(ElfW(Nhdr));) {
        const ElfW(Nhdr) *note = (const void *)(notes + at);
        size_t name_at = at + sizeof *note, text_at = name_at + padded(note->n_namesz);
        if (text_at > n || note->n_descsz > n - text_at)
            return;
        if (note->n_type == NT_GNU_BUILD_ID && note->n_namesz == 4 &&
            memcmp(notes + name_at, "GNU", 4) == 0) {
            m->id = notes + text_at;
            m->id_bytes = note->n_descsz < BUILD_ID_BYTES ? note->n_descsz : BUILD_ID_BYTES;
            return;
        }
        at = text_at + padded(note->n_descsz);
        if (at > n)
            return;
    }
}

static void take_notes(struct module *m, const ElfW(Phdr) * header, size_t n)
{
    for (size_t i = 0; i < n && m->id == NULL; i++)
        if (header[i].p_type == PT_NOTE && header[i].p_align <= 4)
            take_build_id(m, (const void *)(m->base + header[i].p_vaddr), header[i].p_memsz);
}

static bool is_loaded_by(const ElfW(Phdr) * header, size_t n, uintptr_t offset)
{
    for (size_t i = 0; i < n; i++)
        if (header[i].p_type == PT_LOAD && offset - header[i].p_vaddr < header[i].p_memsz)
            return true;
    return false;
}

#if defined __GLIBC__ && __GLIBC_PREREQ(2, 35)

/* Of a static program glibc gives the code alone, without what stands before it in the file. */
static void take_program_notes(struct module *m, uintptr_t address)
{
    const ElfW(Phdr) *header = (const void *)getauxval(AT_PHDR);
    size_t n = getauxval(AT_PHNUM);
    if (header != NULL && is_loaded_by(header, n, address - m->base))
        take_notes(m, header, n);
}

/* Takes no lock, so that neither a signal handler nor a forked child can wait for ever. */
static bool find_module(uintptr_t address, struct module *ret)
{
    struct dl_find_object found;
    if (_dl_find_object((void *)address, &found) != 0)
        return false;
    const struct link_map *map = found.dlfo_link_map;
    *ret = (struct module){.base = map->l_addr, .path = map->l_name};
    const ElfW(Ehdr) *head = found.dlfo_map_start;
    size_t bytes = (uintptr_t)found.dlfo_map_end - (uintptr_t)found.dlfo_map_start;
    if (bytes < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) != 0) {
        if (ret->path[0] == '\0')
            take_program_notes(ret, address);
    } else if (head->e_phoff < bytes &&
               head->e_phnum <= (bytes - head->e_phoff) / sizeof(ElfW(Phdr))) {
        take_notes(ret, (const void *)((const uint8_t *)head + head->e_phoff), head->e_phnum);
    }
    return true;
}

#else

struct search {
    uintptr_t address;
    struct module *found;
};

static int look_at_module(struct dl_phdr_info *info, size_t bytes, void *user)
{
    (void)bytes;
    struct search *search = user;
    if (!is_loaded_by(info->dlpi_phdr, info->dlpi_phnum, search->address - info->dlpi_addr))
        return 0;
    *search->found = (struct module){.base = info->dlpi_addr, .path = info->dlpi_name};
    take_notes(search->found, info->dlpi_phdr, info->dlpi_phnum);
    return 1;
}

static bool find_module(uintptr_t address, struct module *ret)
{
    return dl_iterate_phdr(look_at_module, &(struct search){address, ret}) == 1;
}

#endif

/* ---- its name ---- */

/* Not snprintf, which a signal handler must not call. */
struct name {
    size_t n;
    char bytes[NAME_BYTES_MAX + 1];
};

static void put_byte(struct name *name, char byte)
{
    if (name->n < NAME_BYTES_MAX)
        name->bytes[name->n++] = byte;
}

static void put_text(struct name *name, const char *from, size_t n)
{
    for (size_t i = 0; i < n && from[i] != '\0'; i++)
        put_byte(name, from[i]);
}

/* At least `digits`. */
static void put_hex(struct name *name, uint64_t value, unsigned digits)
{
    unsigned shift = 60;
    while (shift / 4 >= digits && value >> shift == 0)
        shift -= 4;
    for (;; shift -= 4) {
        put_byte(name, "0123456789abcdef"[value >> shift & 15]);
        if (shift == 0)
            return;
    }
}

/* A path as it is now: the directory may be left later. */
static void put_path(struct name *name, const char *path)
{
    char place[NAME_BYTES_MAX];
    if (path[0] == '\0') {
        ssize_t n = readlink("/proc/self/exe", place, sizeof place);
        put_text(name, place, n > 0 ? (size_t)n : 0);
        return;
    }
    if (path[0] != '/' && getcwd(place, sizeof place) != NULL) {
        put_text(name, place, sizeof place);
        put_byte(name, '/');
    }
    put_text(name, path, NAME_BYTES_MAX);
}

static void describe(struct name *name, uintptr_t address)
{
    struct module m = {0};
    bool found = find_module(address, &m);
    put_text(name, "@0x", 3);
    put_hex(name, address - m.base, 1);
    put_byte(name, ' ');
    for (size_t i = 0; i < m.id_bytes; i++)
        put_hex(name, m.id[i], 2);
    if (m.id_bytes == 0)
        put_byte(name, '-');
    put_byte(name, ' ');
    if (found)
        put_path(name, m.path);
    name->bytes[name->n] = '\0';
}

/* NULL: no room. */
static const char *keep(const struct name *name)
{
    uint32_t bytes = (uint32_t)name->n + 1, at = atomic_load(&text_used);
    do {
        if (bytes > TEXT_BYTES - at)
            return NULL;
    } while (!atomic_compare_exchange_weak(&text_used, &at, at + bytes));
    memcpy(text + at, name->bytes, bytes);
    return text + at;
}

/* Two threads may do so at once: then the first one's name stays, and the other's is wasted. */
static __attribute__((noinline, cold)) void give_name(struct function *f, uintptr_t address)
{
    struct name name = {0};
    describe(&name, address);
    const char *kept = keep(&name), *none = NULL;
    if (kept == NULL)
        kept = too_many.name;
    __atomic_compare_exchange_n(&f->place.name, &none, kept, false, __ATOMIC_ACQ_REL,
                                __ATOMIC_ACQUIRE);
}

/* ---- finding them again ---- */

struct tacho_place *tacho_function_place(const void *function)
{
    uintptr_t address = (uintptr_t)function;
    uint64_t hash = (uint64_t)address * UINT64_C(0x9e3779b97f4a7c15);
    uint32_t first = (uint32_t)(hash >> (64 - SLOT_BITS));
    for (uint32_t probe = 0; probe < PROBES_MAX; probe++) {
        struct function *f = &table[(first + probe) % SLOTS];
        uintptr_t there = atomic_load_explicit(&f->address, memory_order_relaxed);
        if (there == 0 && atomic_compare_exchange_strong(&f->address, &there, address))
            there = address;
        if (there != address)
            continue;
        if (TACHO_RARELY_(__atomic_load_n(&f->place.name, __ATOMIC_ACQUIRE) == NULL))
            give_name(f, address);
        return &f->place;
    }
    return &too_many;
}
