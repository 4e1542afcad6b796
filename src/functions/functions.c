/*
 * libtacho-functions: a scope for each call of a function, in programs that are compiled with
 * -finstrument-functions. docs/FUNCTIONS.md says how it is used. The compiler calls __cyg_profile_func_enter
 * and __cyg_profile_func_exit; all else is <tacho/tacho.h>.
 *
 * Each thread keeps a stack of the calls whose scopes are open. An exit ends a scope only if its call
 * stands there, for marking may begin and end between the two. Calls that longjmp has left never exit:
 * they are known by the machine's stack, which grows downwards. A call whose hook was called further down
 * than one that begins or exits now is over. One with a small frame may stand above a later one with a
 * large frame, and seem to be around it until what called setjmp calls something smaller, or exits.
 */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/mman.h>
#include <tacho/tacho.h>

#include "functions/function_places.h"

#define DEPTH_MAX 16384 /* no reader tells deeper scopes apart */

#define HOOK __attribute__((no_instrument_function, visibility("default")))
#define INNER __attribute__((no_instrument_function, noinline))

/*
 * An open call. Frames above the top are zero: while a call is put there, and a signal handler's calls
 * come and go meanwhile, it is neither over nor anybody's.
 */
struct frame {
    struct tacho_place *place;
    const void *function;
    const void *site; /* where it returns to: the same of all that are inlined in one frame */
    const void *code; /* where the hook was called */
    uintptr_t stack;
};

struct calls {
    struct frame *frame; /* NULL: none yet */
    uint32_t depth;
    bool making;
};

static __thread struct calls calls __attribute__((tls_model("initial-exec")));

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t at_thread_end;
static bool has_key;

void __cyg_profile_func_enter(void *function, void *site);
void __cyg_profile_func_exit(void *function, void *site);

#define BARRIER() atomic_signal_fence(memory_order_seq_cst)

/* ---- a thread's stack ---- */

static __attribute__((no_instrument_function)) void give_frames(void *frames)
{
    if (frames == calls.frame)
        calls = (struct calls){0};
    munmap(frames, DEPTH_MAX * sizeof(struct frame));
}

static __attribute__((no_instrument_function)) void make_key(void)
{
    has_key = pthread_key_create(&at_thread_end, give_frames) == 0;
}

/* What is called here may be instrumented itself, such as a malloc that the program brings. */
static INNER bool make_frames(void)
{
    if (calls.making)
        return false;
    calls.making = true;
    struct frame *frames = mmap(NULL, DEPTH_MAX * sizeof *frames, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (frames != MAP_FAILED) {
        pthread_once(&once, make_key);
        if (has_key)
            pthread_setspecific(at_thread_end, frames);
        calls.frame = frames;
    }
    calls.making = false;
    return frames != MAP_FAILED;
}

static inline __attribute__((no_instrument_function)) struct frame *top_frame(void)
{
    return &calls.frame[calls.depth - 1];
}

static inline __attribute__((no_instrument_function)) void end_top(void)
{
    struct frame *top = top_frame();
    struct tacho_place *place = top->place;
    top->stack = 0;
    top->function = NULL;
    BARRIER();
    calls.depth--;
    BARRIER();
    if (place != NULL)
        tacho_place_end(place);
}

/*
 * Whether the call was left for good, as seen from `stack` in a call that returns to `site`. Two calls of
 * different sites are not at one place; of functions that are inlined several are.
 */
static inline __attribute__((no_instrument_function)) bool is_over(const struct frame *f,
                                                                   const void *site,
                                                                   uintptr_t stack)
{
    return f->stack != 0 && (f->stack < stack || (f->stack == stack && f->site != site));
}

/* Also a call that was told of here before, by the same instruction, and never exited. */
static inline __attribute__((no_instrument_function)) void end_left(const void *site,
                                                                    const void *code,
                                                                    uintptr_t stack)
{
    while (calls.depth > 0 && is_over(top_frame(), site, stack))
        end_top();
    for (uint32_t at = calls.depth; at > 0 && calls.frame[at - 1].stack == stack; at--) {
        if (calls.frame[at - 1].code != code)
            continue;
        while (calls.depth >= at)
            end_top();
        return;
    }
}

/* ---- calls ---- */

static INNER void begin_call(const void *function, const void *site, const void *code,
                             uintptr_t stack)
{
    if (calls.frame == NULL && !make_frames())
        return;
    struct tacho_place *place = tacho_function_place(function);
    end_left(site, code, stack);
    uint32_t at = calls.depth;
    if (at == DEPTH_MAX) { /* its exit will not be known for what it is: it is counted, not timed */
        tacho_place_begin(place);
        tacho_place_end(place);
        return;
    }
    calls.depth = at + 1;
    BARRIER();
    calls.frame[at] = (struct frame){place, function, site, code, stack};
    BARRIER();
    tacho_place_begin(place);
}

/* In the frame on top, with what was left there of functions that are inlined in it. */
static inline __attribute__((no_instrument_function)) void end_in_frame(const void *function,
                                                                        const void *site)
{
    for (uint32_t at = calls.depth; at > 0; at--) {
        const struct frame *f = &calls.frame[at - 1];
        if (f->site != site || f->stack != top_frame()->stack)
            return;
        if (f->function == function) {
            while (calls.depth >= at)
                end_top();
            return;
        }
    }
}

/*
 * An exit may lie further down the stack than its begin, by what alloca took in between. Or further up:
 * where the compiler jumps to the hook as the last thing in a function, the hook returns to its `site`, and
 * stands where the caller's own may have stood.
 */
static INNER void end_call(const void *function, const void *site, const void *code,
                           uintptr_t stack)
{
    if (code == site) {
        while (calls.depth > 0 && top_frame()->stack != 0 && top_frame()->stack < stack)
            end_top();
        return;
    }
    while (calls.depth > 0 && is_over(top_frame(), site, stack))
        end_top();
    end_in_frame(function, site);
}

HOOK void __cyg_profile_func_enter(void *function, void *site)
{
    if (TACHO_MARKING_())
        begin_call(function, site, __builtin_return_address(0),
                   (uintptr_t)__builtin_frame_address(0));
}

HOOK void __cyg_profile_func_exit(void *function, void *site)
{
    if (TACHO_RARELY_(calls.depth > 0))
        end_call(function, site, __builtin_return_address(0),
                 (uintptr_t)__builtin_frame_address(0));
}
