! Uses all that the module `tacho` has.
program every_call
    use tacho
    use, intrinsic :: iso_c_binding, only: c_float, c_double, c_int32_t, c_int64_t, c_null_char
    implicit none
    character(len=40) :: padded = "padded with blanks"
    character(len=300) :: path
    integer :: i, status

    if (command_argument_count() > 0) then
        call get_command_argument(1, path)
        call tacho_start(path, interval_s=0.05_c_double, replace=.true., status=status)
        if (status /= 0) error stop
    end if
    call tacho_thread_name("main ")
    call tacho_begin(padded, "I/O      ")
    do i = 1, 3
        call tacho_begin("in a loop")
        call tacho_end()
    end do
    call tacho_begin("in"//c_null_char//"visible", "")
    call tacho_end()
    call tacho_begin("of two kinds", "Core computation")
    call tacho_begin(repeat("long", 500))
    call tacho_end()
    call tacho_end()
    call tacho_end()
    call tacho_label("100 %s of %d   ")
    call tacho_label("")
    call tacho_label(repeat("x", 5000))
    call tacho_counter("double   ", 0.5_c_double)
    call tacho_counter("single", 0.25_c_float)
    call tacho_counter("integer", 7_c_int32_t)
    call tacho_counter("long", 4294967296_c_int64_t)
    if (command_argument_count() > 0) then
        call tacho_flush(status)
        if (status /= 0) error stop
        call tacho_stop(status)
        if (status /= 0) error stop
        call tacho_stop(status)
        if (status == 0) error stop
    end if
end program
