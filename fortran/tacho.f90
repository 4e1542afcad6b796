! tacho.f90: <tacho/tacho.h> for Fortran: say what the code is doing.
!
!     use tacho
!     call tacho_begin("load matrix", "I/O")
!     ...
!     call tacho_end()
!     call tacho_label("read the matrix")
!     call tacho_counter("residual", residual)
!
! This file is installed as source, because a module compiled by one compiler cannot be read by another:
! compile it before the files that use it, and link with -ltacho.
!
!     gfortran $(pkg-config --variable=fortran tacho) prog.f90 $(pkg-config --libs tacho)
!
! Under `tacho record` that is all; else a program records itself:
!
!     call tacho_start("run.tacho", status=status)     ! 0, or a negative errno
!     ...
!     call tacho_stop()
!
! Texts end at their last character that is not a blank, or at a NUL; they are copied. A scope is ended
! by tacho_end alone: an early `return` leaves it open. Any thread may call all of it. While nobody listens
! each is a call and a branch. Needs Fortran 2008.
module tacho
    use, intrinsic :: iso_c_binding
    implicit none
    private
    public :: tacho_begin, tacho_end, tacho_label, tacho_counter, tacho_thread_name
    public :: tacho_start, tacho_stop, tacho_flush

    integer, parameter :: longest_name = 1023 ! bytes; libtacho cuts what is longer
    integer, parameter :: longest_label = 4095

    integer, parameter :: longest_path = 4095

    ! struct tacho_options.
    type, bind(c) :: c_options
        integer(c_size_t) :: size = 0
        type(c_ptr) :: path = c_null_ptr
        integer(c_int) :: replace = 0, no_recording = 0
        real(c_double) :: interval_s = 0, log_interval_s = 0
        type(c_funptr) :: log = c_null_funptr
        type(c_ptr) :: log_user = c_null_ptr
    end type

    ! A value at this moment: call tacho_counter(name, value).
    interface tacho_counter
        module procedure counter_double, counter_single, counter_integer, counter_long
    end interface

    interface
        function marking() bind(c, name="tacho_is_marking")
            import :: c_int
            integer(c_int) :: marking
        end function

        subroutine c_begin(name, category) bind(c, name="tacho_begin")
            import :: c_char, c_ptr
            character(kind=c_char), intent(in) :: name(*)
            type(c_ptr), value :: category
        end subroutine

        subroutine c_end() bind(c, name="tacho_end")
        end subroutine

        subroutine c_label(text, bytes) bind(c, name="tacho_label_text")
            import :: c_char, c_size_t
            character(kind=c_char), intent(in) :: text(*)
            integer(c_size_t), value :: bytes
        end subroutine

        subroutine c_counter(name, value) bind(c, name="tacho_counter")
            import :: c_char, c_double
            character(kind=c_char), intent(in) :: name(*)
            real(c_double), value :: value
        end subroutine

        subroutine c_thread_name(name) bind(c, name="tacho_thread_name")
            import :: c_char
            character(kind=c_char), intent(in) :: name(*)
        end subroutine

        function c_start(options) bind(c, name="tacho_start")
            import :: c_int, c_options
            type(c_options), intent(in) :: options
            integer(c_int) :: c_start
        end function

        function c_stop() bind(c, name="tacho_stop")
            import :: c_int
            integer(c_int) :: c_stop
        end function

        function c_flush() bind(c, name="tacho_flush")
            import :: c_int
            integer(c_int) :: c_flush
        end function
    end interface

contains

    ! Begins to record this program, every `interval_s` seconds (0.1), into `path` (a name of its own in the
    ! working directory), which must not exist but with `replace`. `log_interval_s`: also a line on stderr
    ! every so many seconds; `no_recording`: lines only. `status` becomes 0 or a negative errno.
    recursive subroutine tacho_start(path, interval_s, replace, log_interval_s, no_recording, status)
        character(len=*), intent(in), optional :: path
        real(c_double), intent(in), optional :: interval_s, log_interval_s
        logical, intent(in), optional :: replace, no_recording
        integer, intent(out), optional :: status
        character(len=longest_path + 1, kind=c_char), target :: c_path
        type(c_options) :: options
        integer :: begun
        options%size = c_sizeof(options)
        if (present(path)) then
            call terminate(path, c_path)
            options%path = c_loc(c_path(1:1))
        end if
        if (present(interval_s)) options%interval_s = interval_s
        if (present(log_interval_s)) options%log_interval_s = log_interval_s
        if (present(replace)) options%replace = merge(1, 0, replace)
        if (present(no_recording)) options%no_recording = merge(1, 0, no_recording)
        begun = c_start(options)
        if (present(status)) status = begun
    end subroutine

    ! Ends it. `status`: 0, or the last error of writing, a negative errno.
    subroutine tacho_stop(status)
        integer, intent(out), optional :: status
        integer :: stopped
        stopped = c_stop()
        if (present(status)) status = stopped
    end subroutine

    ! Writes all that was marked so far. `status` as of tacho_stop.
    subroutine tacho_flush(status)
        integer, intent(out), optional :: status
        integer :: flushed
        flushed = c_flush()
        if (present(status)) status = flushed
    end subroutine

    ! Begins a scope on this thread, until tacho_end. Scopes nest.
    recursive subroutine tacho_begin(name, category)
        character(len=*), intent(in) :: name
        character(len=*), intent(in), optional :: category
        character(len=longest_name + 1, kind=c_char) :: c_name
        character(len=longest_name + 1, kind=c_char), target :: c_category
        if (marking() == 0) return
        call terminate(name, c_name)
        if (present(category)) then
            call terminate(category, c_category)
            call c_begin(c_name, c_loc(c_category(1:1)))
        else
            call c_begin(c_name, c_null_ptr)
        end if
    end subroutine

    ! Ends the innermost scope of this thread.
    subroutine tacho_end()
        if (marking() /= 0) call c_end()
    end subroutine

    ! A message at this moment, as it is: % has no meaning. For values: write(text, ...) before.
    subroutine tacho_label(text)
        character(len=*), intent(in) :: text
        if (marking() /= 0) call c_label(text, int(min(len_trim(text), longest_label), c_size_t))
    end subroutine

    ! What this thread is called in reports.
    recursive subroutine tacho_thread_name(name)
        character(len=*), intent(in) :: name
        character(len=longest_name + 1, kind=c_char) :: c_name
        if (marking() == 0) return
        call terminate(name, c_name)
        call c_thread_name(c_name)
    end subroutine

    recursive subroutine counter_double(name, value)
        character(len=*), intent(in) :: name
        real(c_double), intent(in) :: value
        character(len=longest_name + 1, kind=c_char) :: c_name
        if (marking() == 0) return
        call terminate(name, c_name)
        call c_counter(c_name, value)
    end subroutine

    subroutine counter_single(name, value)
        character(len=*), intent(in) :: name
        real(c_float), intent(in) :: value
        call counter_double(name, real(value, c_double))
    end subroutine

    subroutine counter_integer(name, value)
        character(len=*), intent(in) :: name
        integer(c_int32_t), intent(in) :: value
        call counter_double(name, real(value, c_double))
    end subroutine

    subroutine counter_long(name, value)
        character(len=*), intent(in) :: name
        integer(c_int64_t), intent(in) :: value
        call counter_double(name, real(value, c_double))
    end subroutine

    ! What is behind the NUL stays as it was: no more bytes are touched than there are.
    pure subroutine terminate(text, c_text)
        character(len=*), intent(in) :: text
        character(len=*, kind=c_char), intent(inout) :: c_text
        integer :: n
        n = min(len_trim(text), len(c_text) - 1)
        c_text(1:n) = text(1:n)
        c_text(n + 1:n + 1) = c_null_char
    end subroutine

end module tacho
