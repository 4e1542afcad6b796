#include "cli/top_screen.h"

#include "cli/cli.h"
#include "config.h"

#ifdef HAVE_NCURSES

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>
#include <wchar.h>

#undef columns /* of term.h, which defines such words */

#include "base/cleanup.h"
#include "base/clock.h"
#include "report/top_state.h"

#define ESCAPE_WAIT_MS 25 /* for the rest of a key's sequence */

static SCREEN *screen;
static bool coloured;
static volatile sig_atomic_t ended_by;
static sigset_t before, outside; /* masks: when we began, and while we wait */

bool screen_built(void)
{
    return true;
}

static void note_signal(int number)
{
    ended_by = number;
}

/* They come while we wait only: never in the middle of drawing. */
static void take_signals(void)
{
    static const int ending[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    struct sigaction action = {.sa_handler = note_signal};
    sigset_t inside;
    sigemptyset(&inside);
    sigaddset(&inside, SIGWINCH);
    for (size_t i = 0; i < ARRAY_LEN(ending); i++) {
        sigaction(ending[i], &action, NULL);
        sigaddset(&inside, ending[i]);
    }
    sigprocmask(SIG_BLOCK, &inside, &before);
    outside = before;
    for (size_t i = 0; i < ARRAY_LEN(ending); i++)
        sigdelset(&outside, ending[i]);
    sigdelset(&outside, SIGWINCH);
}

static void begin_colours(void)
{
    static const struct {
        enum ink ink;
        short colour;
    } inks[] = {{INK_BAD, COLOR_RED},
                {INK_WARNING, COLOR_YELLOW},
                {INK_CPU, COLOR_CYAN},
                {INK_MEMORY, COLOR_MAGENTA}};
    if (start_color() == ERR)
        return;
    use_default_colors();
    coloured = true;
    for (size_t i = 0; i < ARRAY_LEN(inks); i++)
        init_pair((short)inks[i].ink, inks[i].colour, -1);
}

int screen_open(bool colour)
{
    const char *term = getenv("TERM");
    int known;
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return cli_failed("needs a terminal; tacho report prints what a recording shows");
    if (term != NULL && strcmp(term, "dumb") == 0)
        return cli_failed("the terminal is dumb: set TERM to what it is, if it is not");
    /* newterm() of a terminal that it does not know leaks. */
    if (setupterm(term, STDOUT_FILENO, &known) != OK)
        return cli_failed("the terminal '%s' is not known: set TERM to one that is",
                          term != NULL ? term : "");
    del_curterm(cur_term);
    screen = newterm(NULL, stdout, stdin);
    if (screen == NULL)
        return cli_failed("the terminal '%s' cannot be used", term != NULL ? term : "");
    set_term(screen);
    set_escdelay(ESCAPE_WAIT_MS);
    cbreak();
    noecho();
    nonl();
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    curs_set(0);
    if (colour)
        begin_colours();
    take_signals();
    return 0;
}

void screen_close(void)
{
    if (screen == NULL)
        return;
    endwin();
    delscreen(screen);
    screen = NULL;
    sigprocmask(SIG_SETMASK, &before, NULL);
}

unsigned screen_rows(void)
{
    return LINES > 0 ? (unsigned)LINES : 0;
}

unsigned screen_columns(void)
{
    return COLS > 0 ? (unsigned)COLS : 0;
}

/* ---- drawing ---- */

static attr_t attributes_of(enum ink ink)
{
    switch (ink) {
    case INK_STRONG: return A_BOLD;
    case INK_BAD: return A_BOLD;
    case INK_FAINT: return A_DIM;
    case INK_BAR: return A_REVERSE;
    default: return A_NORMAL;
    }
}

static void put_cell(int row, int column, const struct grid_cell *cell)
{
    wchar_t text[GRID_PILE + 1] = L" ";
    cchar_t shown;
    bool paired = coloured && cell->ink >= INK_BAD && cell->ink < INK_BAR;
    if (cell->character[0] == GRID_COVERED)
        return;
    for (size_t i = 0; i < GRID_PILE && cell->character[i] != 0; i++) {
        text[i] = (wchar_t)cell->character[i];
        text[i + 1] = L'\0';
    }
    if (setcchar(&shown, text, attributes_of(cell->ink), paired ? (short)cell->ink : 0, NULL) == OK)
        mvadd_wch(row, column, &shown);
}

void screen_show(const struct grid *grid)
{
    erase();
    for (unsigned row = 0; row < grid->rows; row++)
        for (unsigned column = 0; column < grid->columns; column++) {
            const struct grid_cell *cell = grid_at(grid, row, column);
            if (cell->character[0] != 0 || cell->ink == INK_BAR)
                put_cell((int)row, (int)column, cell);
        }
    refresh();
}

/* ---- keys ---- */

int screen_wait(int timeout_ms)
{
    struct pollfd in = {.fd = STDIN_FILENO, .events = POLLIN};
    struct timespec timeout =
        timespec_from_ns((uint64_t)(timeout_ms < 0 ? 0 : timeout_ms) * NS_PER_MS);
    sigset_t inside;
    int n = ppoll(&in, 1, timeout_ms < 0 ? NULL : &timeout, &outside);
    /* Where there is input ppoll lets no signal through. */
    sigprocmask(SIG_SETMASK, &outside, &inside);
    sigprocmask(SIG_SETMASK, &inside, NULL);
    if (ended_by == 0 && n > 0 && (in.revents & (POLLHUP | POLLERR | POLLNVAL)) != 0)
        return SIGHUP; /* the terminal is gone */
    return ended_by;
}

static uint32_t key_of(wint_t key)
{
    static const struct {
        int curses;
        enum top_key key;
    } keys[] = {{KEY_LEFT, TOP_KEY_LEFT},     {KEY_RIGHT, TOP_KEY_RIGHT},
                {KEY_UP, TOP_KEY_UP},         {KEY_DOWN, TOP_KEY_DOWN},
                {KEY_PPAGE, TOP_KEY_PAGE_UP}, {KEY_NPAGE, TOP_KEY_PAGE_DOWN},
                {KEY_HOME, TOP_KEY_HOME},     {KEY_END, TOP_KEY_END},
                {KEY_ENTER, TOP_KEY_ENTER},   {KEY_BACKSPACE, TOP_KEY_BACKSPACE}};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (key == (wint_t)keys[i].curses)
            return keys[i].key;
    return 0;
}

uint32_t screen_key(void)
{
    for (;;) {
        wint_t key;
        int kind = get_wch(&key);
        uint32_t known = kind == KEY_CODE_YES ? key_of(key) : 0;
        if (kind == ERR || known != 0)
            return known;
        if (kind == KEY_CODE_YES)
            continue; /* a new size, or a key of no meaning here */
        switch (key) {
        case '\r':
        case '\n': return TOP_KEY_ENTER;
        case 0x1B: return TOP_KEY_ESCAPE;
        case 0x08:
        case 0x7F: return TOP_KEY_BACKSPACE;
        default: return (uint32_t)key;
        }
    }
}

#else

bool screen_built(void)
{
    return false;
}

int screen_open(bool colour)
{
    (void)colour;
    return EXIT_FAILED;
}

void screen_close(void) {}

unsigned screen_rows(void)
{
    return 0;
}

unsigned screen_columns(void)
{
    return 0;
}

void screen_show(const struct grid *grid)
{
    (void)grid;
}

int screen_wait(int timeout_ms)
{
    (void)timeout_ms;
    return 0;
}

uint32_t screen_key(void)
{
    return 0;
}

#endif
