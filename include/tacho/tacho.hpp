/*
 * tacho/tacho.hpp: <tacho/tacho.h> for C++, with scopes as objects and names made while running.
 *
 *     #include <tacho/tacho.hpp>
 *
 *     void load(const std::string &path)
 *     {
 *         tacho::scope scope{"load " + path, "I/O"};
 *         ...
 *         tacho::label(std::to_string(rows) + " rows");
 *     }
 *
 * A scope ends as its object does: at the end of the block, by return, or by an exception. Where the name
 * is a literal TACHO_SCOPE costs some 10 ns less and makes nothing in vain; it may be mixed with these.
 *
 * All is inline, throws nothing (but for strings that the caller makes), and is a load and a branch while
 * nobody listens. Texts are copied, and may be gone when the function returns. C++11 to C++20.
 */
#ifndef TACHO_TACHO_HPP
#define TACHO_TACHO_HPP

#include <string>
#include <tacho/tacho.h>

#if __cplusplus >= 201703L
#define TACHO_KEEP_ [[nodiscard]]
#else
#define TACHO_KEEP_
#endif

namespace tacho
{

/* Whether marks are recorded: for what would cost to prepare in vain. */
inline bool marking() noexcept
{
#if defined TACHO_MARKING_
    return TACHO_MARKING_();
#else
    return tacho_is_marking() != 0;
#endif
}

/* Of tacho_start, all as it is by default; to be changed and given to a recording. */
inline tacho_options options() noexcept
{
    tacho_options all = tacho_options();
    all.size = sizeof all;
    return all;
}

/*
 * The program records itself while this object lives: tacho_start and tacho_stop. What was begun by
 * somebody else is not ended.
 */
class recording
{
  public:
    TACHO_KEEP_ explicit recording(const tacho_options &how = options()) noexcept
        : status_(tacho_start(&how))
    {
    }

    TACHO_KEEP_ explicit recording(const std::string &path, double interval_s = 0) noexcept
        : status_(0)
    {
        tacho_options how = options();
        how.path = path.c_str();
        how.interval_s = interval_s;
        status_ = tacho_start(&how);
    }

    recording(const recording &) = delete;
    recording &operator=(const recording &) = delete;

    ~recording()
    {
        stop();
    }

    /* 0, or why it was not begun: a negative errno, as of tacho_start. */
    int status() const noexcept
    {
        return status_;
    }

    /* Ends it now: 0, or the last error of writing. What is not begun, or has ended, gives -ENOENT. */
    int stop() noexcept
    {
        if (status_ != 0)
            return not_begun;
        status_ = not_begun;
        return tacho_stop();
    }

  private:
    enum { not_begun = -2 }; /* -ENOENT */
    int status_;
};

/*
 * A scope of this thread. Scopes end innermost first, on the thread that began them: an object that is
 * moved, kept in a container or suspended in a coroutine must see to that. What has no name ends at once:
 * tacho::scope{"no"}; is nothing.
 */
class scope
{
  public:
    TACHO_KEEP_ explicit scope(const char *name, const char *category = nullptr) noexcept
        : open_(marking())
    {
        if (open_)
            tacho_begin(name, category);
    }

    TACHO_KEEP_ explicit scope(const std::string &name, const char *category = nullptr) noexcept
        : scope(name.c_str(), category)
    {
    }

    TACHO_KEEP_ scope(const std::string &name, const std::string &category) noexcept
        : scope(name.c_str(), category.c_str())
    {
    }

    /* The one moved from is over; for returning a scope from a function. */
    scope(scope &&other) noexcept : open_(other.open_)
    {
        other.open_ = false;
    }

    scope(const scope &) = delete;
    scope &operator=(const scope &) = delete;
    scope &operator=(scope &&) = delete;

    ~scope()
    {
        end();
    }

    /* Ends it now; a second end is nothing. */
    void end() noexcept
    {
        if (open_)
            tacho_end();
        open_ = false;
    }

  private:
    bool open_;
};

/* The same with this thread's CPU time inside it, exactly, at some 0.5 µs more. */
class scope_cpu
{
  public:
    TACHO_KEEP_ explicit scope_cpu(const char *name, const char *category = nullptr) noexcept
        : place_{name, category, 0, 0}, open_(marking())
    {
        if (open_)
            tacho_place_begin_cpu(&place_);
    }

    TACHO_KEEP_ explicit scope_cpu(const std::string &name, const char *category = nullptr) noexcept
        : scope_cpu(name.c_str(), category)
    {
    }

    TACHO_KEEP_ scope_cpu(const std::string &name, const std::string &category) noexcept
        : scope_cpu(name.c_str(), category.c_str())
    {
    }

    scope_cpu(scope_cpu &&other) noexcept : place_(other.place_), open_(other.open_)
    {
        other.open_ = false;
    }

    scope_cpu(const scope_cpu &) = delete;
    scope_cpu &operator=(const scope_cpu &) = delete;
    scope_cpu &operator=(scope_cpu &&) = delete;

    ~scope_cpu()
    {
        end();
    }

    void end() noexcept
    {
        if (open_)
            tacho_place_end_cpu(&place_);
        open_ = false;
    }

  private:
    tacho_place place_; /* has its id once it has begun: the name is not looked at again */
    bool open_;
};

/* A message at this moment, as it is: % has no meaning. TACHO_LABEL takes values as printf does. */
inline void label(const char *text) noexcept
{
    if (marking())
        tacho_label_text(text, static_cast<size_t>(-1));
}

inline void label(const std::string &text) noexcept
{
    label(text.c_str());
}

/* A value at this moment. */
inline void counter(const char *name, double value) noexcept
{
    if (marking())
        tacho_counter(name, value);
}

inline void counter(const std::string &name, double value) noexcept
{
    counter(name.c_str(), value);
}

/* What this thread is called in reports. */
inline void thread_name(const char *name) noexcept
{
    if (marking())
        tacho_thread_name(name);
}

inline void thread_name(const std::string &name) noexcept
{
    thread_name(name.c_str());
}

} // namespace tacho

#endif
