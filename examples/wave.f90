! A plucked string: the wave equation on a line, its shape written every so many steps.
!
!     gfortran -O2 -o wave $(pkg-config --variable=fortran tacho) wave.f90 $(pkg-config --libs tacho)
!     tacho record -o wave.tacho -- ./wave
!     tacho report wave.tacho
!
! Writes `wave.dat`, or the file that is its argument.
program wave
    use tacho
    use, intrinsic :: iso_fortran_env, only: real64
    implicit none
    integer, parameter :: points = 20000, steps = 8000, steps_a_shape = 2000
    real(real64), parameter :: courant = 0.5_real64
    real(real64), allocatable :: before(:), now(:), next(:)
    character(len=200) :: path, text
    integer :: step, file

    path = "wave.dat"
    if (command_argument_count() > 0) call get_command_argument(1, path)

    call tacho_begin("pluck", "Setup")
    allocate (before(points), now(points), next(points))
    call pluck(now)
    before = now
    next = 0
    call tacho_end()

    open (newunit=file, file=path, form="unformatted", access="stream", status="replace")
    do step = 1, steps
        call advance()
        if (mod(step, steps_a_shape) == 0) call save_shape()
    end do
    close (file)

contains

    subroutine pluck(u)
        real(real64), intent(out) :: u(:)
        integer :: i
        do i = 1, size(u)
            u(i) = min(real(i - 1, real64), real(size(u) - i, real64))/size(u)
        end do
    end subroutine

    subroutine advance()
        integer :: i
        call tacho_begin("advance", "Core computation")
        do i = 2, points - 1
            next(i) = 2*now(i) - before(i) + courant**2*(now(i - 1) - 2*now(i) + now(i + 1))
        end do
        before = now
        now = next
        call tacho_end()
    end subroutine

    subroutine save_shape()
        call tacho_begin("save shape", "I/O")
        write (file) now
        flush (file)
        write (text, '(a, i0, a)') "shape at step ", step, " is written"
        call tacho_label(text)
        call tacho_counter("height", maxval(now))
        call tacho_end()
    end subroutine

end program
