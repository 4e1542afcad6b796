/* Names from ELF files, whole and damaged, and the sites of recordings that are named by them. */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/stat.h>

#include "read/elf_symbols.h"
#include "test_marks_build.h"

/* ---- a small file, with all that is read of one ---- */

static const uint8_t build_id[] = {0x6f, 0x0c, 0x2b, 0x1d, 0x94, 0xa3, 0x5e, 0x77, 0x01, 0x02};
#define BUILD_ID "6f0c2b1d94a35e77" /* its first bytes, as a site has them */

static const char names[] = "\0solve\0local\0weak\0global\0step\0other\0far";
enum { SOLVE = 1, LOCAL = 7, WEAK = 13, GLOBAL = 18, STEP = 25, OTHER = 30, FAR = 36 };

#define SYMBOL(name, bind, type, section, value)                                        \
    {                                                                                   \
        .st_name = (name), .st_info = ELF64_ST_INFO(bind, type), .st_shndx = (section), \
        .st_value = (value)                                                             \
    }

struct small_elf {
    Elf64_Ehdr head;
    Elf64_Phdr program[2];
    struct {
        Elf64_Nhdr head;
        char name[4];
        uint8_t id[sizeof build_id + 2];
    } note;
    Elf64_Sym symbol[10];
    char names[sizeof names];
    Elf64_Shdr section[4];
};

/* As any linker would make it; `table` is the kind of its table of symbols. */
static struct small_elf small_elf(unsigned table)
{
    struct small_elf elf = {
        .head = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                 .e_type = ET_DYN,
                 .e_phoff = offsetof(struct small_elf, program),
                 .e_phnum = 2,
                 .e_phentsize = sizeof(Elf64_Phdr),
                 .e_shoff = offsetof(struct small_elf, section),
                 .e_shnum = 4,
                 .e_shentsize = sizeof(Elf64_Shdr)},
        .program = {{.p_type = PT_LOAD},
                    {.p_type = PT_NOTE,
                     .p_offset = offsetof(struct small_elf, note),
                     .p_filesz = sizeof elf.note,
                     .p_align = 4}},
        .note = {.head = {4, sizeof build_id, NT_GNU_BUILD_ID}, .name = "GNU"},
        .symbol = {{0},
                   SYMBOL(SOLVE, STB_GLOBAL, STT_FUNC, 1, 0x1000),
                   SYMBOL(LOCAL, STB_LOCAL, STT_FUNC, 1, 0x2000),
                   SYMBOL(WEAK, STB_WEAK, STT_FUNC, 1, 0x2000),
                   SYMBOL(GLOBAL, STB_GLOBAL, STT_FUNC, 1, 0x2000),
                   SYMBOL(STEP, STB_LOCAL, STT_FUNC, 1, 0x3000),
                   SYMBOL(STEP, STB_LOCAL, STT_FUNC, 1, 0x3010),
                   SYMBOL(OTHER, STB_GLOBAL, STT_OBJECT, 1, 0x4000),
                   SYMBOL(OTHER, STB_GLOBAL, STT_FUNC, SHN_UNDEF, 0x5000),
                   SYMBOL(FAR, STB_GLOBAL, STT_FUNC, 1, UINT64_MAX)},
        .section = {{0},
                    {.sh_type = SHT_PROGBITS},
                    {.sh_type = table,
                     .sh_link = 3,
                     .sh_entsize = sizeof(Elf64_Sym),
                     .sh_offset = offsetof(struct small_elf, symbol),
                     .sh_size = sizeof elf.symbol},
                    {.sh_type = SHT_STRTAB,
                     .sh_offset = offsetof(struct small_elf, names),
                     .sh_size = sizeof names}},
    };
    memcpy(elf.note.id, build_id, sizeof build_id);
    memcpy(elf.names, names, sizeof names);
    return elf;
}

static const char *name_at(int fd, uint64_t address)
{
    static char name[ELF_NAME_MAX + 1];
    struct elf_file elf;
    struct elf_wanted wanted = {.address = address};
    assert_int_equal(elf_open(fd, &elf), 0);
    assert_int_equal(elf_find(&elf, &wanted, 1), 0);
    return wanted.rank > 0 && elf_name(&elf, wanted.name_at, name) ? name : NULL;
}

/* ---- one that is whole ---- */

static void test_symbols(void **state)
{
    const unsigned tables[] = {SHT_SYMTAB, SHT_DYNSYM};
    for (size_t i = 0; i < 2; i++) {
        struct small_elf small = small_elf(tables[i]);
        struct elf_file elf;
        int fd = file_of(&small, sizeof small);
        assert_int_equal(elf_open(fd, &elf), 0);
        assert_int_equal(elf.build_id_bytes, sizeof build_id);
        assert_memory_equal(elf.build_id, build_id, sizeof build_id);
        assert_string_equal(name_at(fd, 0x1000), "solve");
        assert_string_equal(name_at(fd, 0x2000), "global");
        assert_string_equal(name_at(fd, 0x3000), "step");
        assert_string_equal(name_at(fd, UINT64_MAX), "far");
        assert_null(name_at(fd, 0x1001)); /* a function is known by where it begins */
        assert_null(name_at(fd, 0x4000));
        assert_null(name_at(fd, 0x5000));
        assert_null(name_at(fd, 0));
        close(fd);
    }
}

static void test_many_at_once(void **state)
{
    struct small_elf small = small_elf(SHT_SYMTAB);
    struct elf_file elf;
    struct elf_wanted wanted[] = {{.address = 0},      {.address = 0x1000}, {.address = 0x1000},
                                  {.address = 0x2000}, {.address = 0x2001}, {.address = 0x3010}};
    const unsigned rank[] = {0, 3, 3, 3, 0, 1};
    int fd = file_of(&small, sizeof small);
    assert_int_equal(elf_open(fd, &elf), 0);
    assert_int_equal(elf_find(&elf, wanted, 6), 0);
    for (size_t i = 0; i < 6; i++)
        assert_int_equal(wanted[i].rank, rank[i]);
    close(fd);
}

static void test_no_symbols(void **state)
{
    struct small_elf small = small_elf(SHT_SYMTAB);
    small.head.e_shoff = 0;
    small.head.e_shnum = 0;
    int fd = file_of(&small, sizeof small);
    assert_null(name_at(fd, 0x1000));
    close(fd);
}

/* By its own symbols, as a compiler and a linker made them. */
static void test_this_program(void **state)
{
    Dl_info info;
    struct link_map *map;
    assert_int_not_equal(dladdr1((void *)test_symbols, &info, (void **)&map, RTLD_DL_LINKMAP), 0);
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    assert_string_equal(name_at(fd, (uintptr_t)test_symbols - map->l_addr), "test_symbols");
    assert_string_equal(name_at(fd, (uintptr_t)elf_open - map->l_addr), "elf_open");
    close(fd);
}

/* ---- damaged ones ---- */

/* Reads all there is to read. Beyond what the sanitizers say: names are terminated. */
static void read_any(int fd)
{
    struct elf_file elf;
    char name[ELF_NAME_MAX + 1];
    struct elf_wanted wanted[] = {{.address = 0},      {.address = 0x1000},
                                  {.address = 0x2000}, {.address = 0x3000},
                                  {.address = 0x3010}, {.address = UINT64_MAX}};
    int r = elf_open(fd, &elf);
    assert_true(r == 0 || r == -ENOEXEC);
    if (r != 0)
        return;
    assert_true(elf.build_id_bytes <= ELF_BUILD_ID_MAX);
    r = elf_find(&elf, wanted, 6);
    assert_true(r == 0 || r == -ENOEXEC);
    for (size_t i = 0; r == 0 && i < 6; i++)
        if (wanted[i].rank > 0 && elf_name(&elf, wanted[i].name_at, name))
            assert_in_range(strlen(name), 1, ELF_NAME_MAX);
}

static void test_each_bit_flipped(void **state)
{
    struct small_elf small = small_elf(SHT_SYMTAB);
    uint8_t *bytes = (uint8_t *)&small;
    int fd = file_of(&small, sizeof small);
    for (size_t bit = 0; bit < 8 * sizeof small; bit++) {
        uint8_t flipped = (uint8_t)(bytes[bit / 8] ^ 1u << bit % 8);
        assert_int_equal(pwrite(fd, &flipped, 1, (off_t)(bit / 8)), 1);
        read_any(fd);
        assert_int_equal(pwrite(fd, &bytes[bit / 8], 1, (off_t)(bit / 8)), 1);
    }
    assert_string_equal(name_at(fd, 0x1000), "solve");
    close(fd);
}

static void test_each_length(void **state)
{
    struct small_elf small = small_elf(SHT_SYMTAB);
    struct elf_file elf;
    int fd = file_of(&small, sizeof small);
    for (size_t n = sizeof small; n-- > 0;) {
        assert_int_equal(ftruncate(fd, (off_t)n), 0);
        assert_int_equal(elf_open(fd, &elf), -ENOEXEC);
    }
    close(fd);
}

static void test_several_flips(void **state)
{
    uint64_t seed = 1;
    for (size_t round = 0; round < 5000; round++) {
        struct small_elf small = small_elf(SHT_SYMTAB);
        for (size_t flips = 1 + below(&seed, 8); flips > 0; flips--)
            ((uint8_t *)&small)[below(&seed, sizeof small)] = (uint8_t)chance(&seed);
        int fd = file_of(&small, sizeof small);
        read_any(fd);
        close(fd);
    }
}

/* ---- sites ---- */

struct setting {
    char directory[64], path[96];
    struct made made;
    uint32_t sites;
};

static void setting_begin(struct setting *s)
{
    *s = (struct setting){.directory = "/tmp/tacho-test-XXXXXX"};
    assert_non_null(mkdtemp(s->directory));
    snprintf(s->path, sizeof s->path, "%s/prog", s->directory);
    made_init(&s->made, NULL);
}

static void setting_module(const struct setting *s, const struct small_elf *elf)
{
    int fd = open(s->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(fd, elf, sizeof *elf), sizeof *elf);
    close(fd);
}

static void setting_site(struct setting *s, uint64_t address, const char *id, const char *path)
{
    char name[256];
    snprintf(name, sizeof name, "@0x%llx %s %s", (unsigned long long)address, id, path);
    made_site(&s->made, ++s->sites, name, "");
}

static struct tacho_recording *setting_open(struct setting *s)
{
    made_journal(&s->made);
    struct tacho_recording *rec = open_made(&s->made);
    made_done(&s->made);
    assert_int_equal(tacho_name_functions(rec), 0);
    return rec;
}

static void setting_end(struct setting *s, struct tacho_recording *rec)
{
    tacho_recording_close(rec);
    unlink(s->path);
    assert_int_equal(rmdir(s->directory), 0);
}

static const char *site_name(const struct tacho_recording *rec, size_t i)
{
    return tacho_site(rec, i)->name;
}

static void test_sites_are_named(void **state)
{
    struct setting s;
    struct small_elf elf = small_elf(SHT_SYMTAB);
    setting_begin(&s);
    setting_module(&s, &elf);
    setting_site(&s, 0x2000, BUILD_ID, s.path);
    setting_site(&s, 0x1000, BUILD_ID, s.path);
    setting_site(&s, 0x1001, BUILD_ID, s.path);
    made_site(&s.made, ++s.sites, "@0x1000 is a name", "");
    made_site(&s.made, ++s.sites, "@0x1000 - /with/a/category", "I/O");
    setting_site(&s, 0xffff1000, "-", "");
    struct tacho_recording *rec = setting_open(&s);
    assert_string_equal(site_name(rec, 0), "global");
    assert_string_equal(site_name(rec, 1), "solve");
    assert_string_equal(site_name(rec, 2), "prog+0x1001");
    assert_string_equal(site_name(rec, 3), "@0x1000 is a name");
    assert_string_equal(site_name(rec, 4), "@0x1000 - /with/a/category");
    assert_string_equal(site_name(rec, 5), "0xffff1000");
    assert_int_equal(tacho_name_functions(rec), 0);
    assert_string_equal(site_name(rec, 1), "solve");
    setting_end(&s, rec);
}

static void test_one_name_of_several(void **state)
{
    struct setting s;
    struct small_elf elf = small_elf(SHT_SYMTAB);
    setting_begin(&s);
    setting_module(&s, &elf);
    setting_site(&s, 0x3000, BUILD_ID, s.path);
    setting_site(&s, 0x3010, BUILD_ID, s.path);
    setting_site(&s, 0x1000, BUILD_ID, s.path);
    made_site(&s.made, ++s.sites, "solve", "");
    setting_site(&s, 0x10, "0102", "/nowhere/a/lib.so");
    setting_site(&s, 0x10, "0103", "/nowhere/a/lib.so");
    struct tacho_recording *rec = setting_open(&s);
    assert_string_equal(site_name(rec, 0), "step (prog+0x3000)");
    assert_string_equal(site_name(rec, 1), "step (prog+0x3010)");
    assert_string_equal(site_name(rec, 2), "solve (prog+0x1000)");
    assert_string_equal(site_name(rec, 3), "solve");
    assert_string_equal(site_name(rec, 4), "@0x10 0102 /nowhere/a/lib.so");
    assert_string_equal(site_name(rec, 5), "@0x10 0103 /nowhere/a/lib.so");
    setting_end(&s, rec);
}

/* What is not known to be the same build gives no names; the last has no build id in either. */
static void test_other_builds(void **state)
{
    const char *const ids[] = {BUILD_ID, "6f0c2b1d94a35e78", "-", "-"};
    for (size_t i = 0; i < 4; i++) {
        struct setting s;
        struct small_elf elf = small_elf(SHT_SYMTAB);
        if (i == 3)
            elf.program[1].p_type = PT_NULL;
        setting_begin(&s);
        setting_module(&s, &elf);
        setting_site(&s, 0x1000, ids[i], s.path);
        struct tacho_recording *rec = setting_open(&s);
        assert_string_equal(site_name(rec, 0), i == 0 ? "solve" : "prog+0x1000");
        setting_end(&s, rec);
    }
}

static void set_time(const char *path, time_t s)
{
    const struct timespec times[2] = {{.tv_sec = s}, {.tv_sec = s}};
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

/* Without build ids the file must be older than the recording. */
static void test_age(void **state)
{
    for (int newer = 0; newer < 2; newer++) {
        struct setting s;
        struct small_elf elf = small_elf(SHT_SYMTAB);
        elf.program[1].p_type = PT_NULL;
        setting_begin(&s);
        setting_module(&s, &elf);
        set_time(s.path, 1000 + newer);
        MADE(&s.made, RECORD_ANCHOR, anchor, .mono_ns = s.made.now_ns,
             .real_ns = UINT64_C(1000500000000));
        setting_site(&s, 0x1000, "-", s.path);
        struct tacho_recording *rec = setting_open(&s);
        assert_string_equal(site_name(rec, 0), newer ? "prog+0x1000" : "solve");
        setting_end(&s, rec);
    }
}

/* Nothing but plain files is opened, and no path makes it wait. */
static void test_no_modules(void **state)
{
    struct setting s;
    setting_begin(&s);
    assert_int_equal(mkfifo(s.path, 0600), 0);
    setting_site(&s, 1, BUILD_ID, s.path);
    setting_site(&s, 2, BUILD_ID, s.directory);
    setting_site(&s, 3, BUILD_ID, "/dev/zero");
    setting_site(&s, 4, BUILD_ID, "/etc/passwd");
    setting_site(&s, 5, BUILD_ID, "/");
    setting_site(&s, UINT64_MAX, BUILD_ID, "/nowhere/lib with blanks.so");
    made_site(&s.made, ++s.sites, "@0x12345678901234567 - /too/long", "");
    made_site(&s.made, ++s.sites, "@0x1 0 /odd", "");
    made_site(&s.made, ++s.sites, "@0x1 00", "");
    made_site(&s.made, ++s.sites, "@0x", "");
    struct tacho_recording *rec = setting_open(&s);
    assert_string_equal(site_name(rec, 0), "prog+0x1");
    assert_string_equal(site_name(rec, 2), "zero+0x3");
    assert_string_equal(site_name(rec, 3), "passwd+0x4");
    assert_string_equal(site_name(rec, 4), "+0x5");
    assert_string_equal(site_name(rec, 5), "lib with blanks.so+0xffffffffffffffff");
    assert_string_equal(site_name(rec, 6), "@0x12345678901234567 - /too/long");
    assert_string_equal(site_name(rec, 7), "@0x1 0 /odd");
    assert_string_equal(site_name(rec, 8), "@0x1 00");
    assert_string_equal(site_name(rec, 9), "@0x");
    setting_end(&s, rec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_symbols),
        cmocka_unit_test(test_many_at_once),
        cmocka_unit_test(test_no_symbols),
        cmocka_unit_test(test_this_program),
        cmocka_unit_test(test_each_bit_flipped),
        cmocka_unit_test(test_each_length),
        cmocka_unit_test(test_several_flips),
        cmocka_unit_test(test_sites_are_named),
        cmocka_unit_test(test_one_name_of_several),
        cmocka_unit_test(test_other_builds),
        cmocka_unit_test(test_age),
        cmocka_unit_test(test_no_modules),
    };
    return cmocka_run_group_tests_name("elf_symbols", tests, NULL, NULL);
}
