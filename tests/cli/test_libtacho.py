"""The installed library that programs mark with: what it exports and needs, and that programs find it by
pkg-config and by CMake, link it shared and static, and are recorded."""

import functools
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support import SANITIZED, TACHO, record, report

ROOT = Path(__file__).parents[2]
BUILD = Path(TACHO).parent

plain = pytest.mark.skipif(SANITIZED, reason="programs would need the sanitizer's runtime first")

PROGRAM = """
#include <tacho/tacho.h>

/* Names that the library has inside, too. */
int current, publish, now;
int own_file_ready(void);
int own_file_ready(void)
{
    TACHO_SCOPE("found", "I/O");
    return 0;
}
int main(void)
{
    return own_file_ready() + current + publish + now;
}
"""


def output(*command, **kwargs):
    result = subprocess.run([*map(str, command)], capture_output=True, text=True, **kwargs)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


# ---- what it exports and needs ----


def declared():
    text = (ROOT / "include/tacho/tacho.h").read_text()
    text = re.sub(r"/\*.*?\*/|^[ \t]*#[^\n]*", "", text, flags=re.DOTALL | re.MULTILINE)
    declarations = [part.split(";")[0] for part in text.split("TACHO_API")[1:]]
    assert len(declarations) > 10
    return {re.search(r"(\w+)\s*(\(|$)", line)[1] for line in declarations}


def exported(nm, path):
    lines = output("nm", *nm, "--defined-only", "--extern-only", path).splitlines()
    symbols = [line.split() for line in lines if len(line.split()) == 3]
    return {name.split("@")[0] for _, kind, name in symbols if kind != "A"}


def test_map_names_what_the_header_declares():
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "src/libtacho.map").read_text(), flags=re.DOTALL)
    named = re.findall(r"^\s+(\w+);", text, flags=re.MULTILINE)
    assert sorted(declared()) == named


def test_man_page_names_all_but_what_macros_are_made_of():
    page = (ROOT / "man/libtacho.3").read_text()
    header = (ROOT / "include/tacho/tacho.h").read_text()
    names = declared() | set(re.findall(r"#define (TACHO_\w*[A-Z])\(\.\.\.\)", header))
    assert len(names) > 10
    assert not {name for name in names
                if not name.startswith("tacho_place_") and not re.search(rf"\b{name}\b", page)}


@plain
def test_exports_are_what_the_header_declares():
    assert exported(["-D"], BUILD / "libtacho.so") == declared()
    assert exported([], BUILD / "libtacho.a") == declared()


def test_exports_are_versioned():
    lines = output("nm", "-D", "--defined-only", BUILD / "libtacho.so").splitlines()
    names = [line.split()[2] for line in lines if line.split()[2].startswith("tacho_")]
    assert names and all(re.fullmatch(r"tacho_\w+@@TACHO_\d+", name) for name in names)


@plain
def test_needs_libc_alone_and_stays_loaded():
    dynamic = output("readelf", "-dW", BUILD / "libtacho.so")
    needed = re.findall(r"NEEDED.*\[(.*)\]", dynamic)
    others = [name for name in needed if not re.match(r"(libc|libpthread)\.so\.", name)]
    assert "libc.so.6" in needed and others == []
    assert "SONAME" in dynamic and "NODELETE" in dynamic
    # Each mark reads a thread-local variable: not by a call.
    assert "__tls_get_addr" not in output("nm", "-D", BUILD / "libtacho.so")


# ---- copies of it, that come and go ----

HOST = """
#include <dlfcn.h>
#include <pthread.h>
#include <tacho/tacho.h>

/* The thread ends after the plugin in which it has marked was closed. */
static void *load(void *path)
{
    TACHO_SCOPE("host");
    void *plugin = dlopen(path, RTLD_NOW);
    void (*work)(void) = plugin ? (void (*)(void))dlsym(plugin, "work") : 0;
    if (work != 0) {
        work();
        dlclose(plugin);
    }
    return 0;
}

int main(int argc, char **argv)
{
    pthread_t thread;
    for (int i = 0; i < 3; i++) {
        if (pthread_create(&thread, 0, load, argv[argc - 1]) != 0)
            return 1;
        pthread_join(thread, 0);
    }
    return 0;
}
"""
PLUGIN = """
#include <tacho/tacho.h>

void work(void)
{
    TACHO_SCOPE("plugin", "I/O");
}
"""


@plain
@pytest.mark.parametrize("host, plugin", [("static", "static"), ("static", "shared"),
                                          ("shared", "static"), ("shared", "shared")])
def test_copies_in_one_process(tmp_path, host, plugin):
    # What stays is the library: where it is part of a plugin, that is to say so.
    link = {"static": [BUILD / "libtacho.a", "-pthread", "-Wl,-z,nodelete"],
            "shared": [f"-L{BUILD}", "-ltacho", f"-Wl,-rpath,{BUILD}"]}
    for name, source, options in (("host", HOST, link[host]),
                                  ("plugin.so", PLUGIN, ["-shared", "-fPIC", *link[plugin]])):
        (tmp_path / f"{name}.c").write_text(source)
        output("cc", f"-I{ROOT}/include", "-o", tmp_path / name, tmp_path / f"{name}.c", *options)
    path = tmp_path / "run.tacho"
    result = record(path, tmp_path / "host", tmp_path / "plugin.so")
    assert result.returncode == 0, result.stderr
    assert {s["name"]: s["count"] for s in report(path)["scopes"]} == {"host": 3, "plugin": 3}


# ---- programs that use it ----


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The directory that everything was installed below."""
    if shutil.which("meson") is None:
        pytest.skip("no meson here")
    path = tmp_path_factory.mktemp("installed")
    output("meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", path)
    return path


def under(installed, name):
    """The one file called so."""
    found = list(installed.rglob(name))
    assert len(found) == 1, found
    return found[0]


def pkg_config(installed, *options):
    """With everything moved below `installed`, as packages are built."""
    pc = under(installed, "tacho.pc")
    environment = {**os.environ, "PKG_CONFIG_LIBDIR": str(pc.parent),
                   "PKG_CONFIG_SYSROOT_DIR": str(installed)}
    return output("pkg-config", *options, "tacho", env=environment).split()


def is_recorded(tmp_path, program, **kwargs):
    path = tmp_path / "run.tacho"
    result = record(path, program, **kwargs)
    assert result.returncode == 0, result.stderr
    scopes = report(path)["scopes"]
    assert [(s["name"], s["category"], s["count"]) for s in scopes] == [("found", "I/O", 1)]


@functools.cache
def links_static():
    """A libc to link statically is a package of its own elsewhere."""
    compiled = subprocess.run(["cc", "-static", "-x", "c", "-", "-o", "/dev/null"],
                              input="int main(void) { return 0; }", text=True, capture_output=True)
    return compiled.returncode == 0


@plain
@pytest.mark.parametrize("linked", ["shared", "archive", "static"])
def test_found_by_pkg_config(installed, tmp_path, linked):
    if linked == "static" and not links_static():
        pytest.skip("no static libc here")
    source, program = tmp_path / "prog.c", tmp_path / "prog"
    source.write_text(PROGRAM)
    link = {
        "shared": ["--libs"],
        "archive": ["--cflags"],
        "static": ["--static", "--libs"],
    }[linked]
    flags = pkg_config(installed, *link)
    if linked == "archive":
        flags = [under(installed, "libtacho.a"), "-pthread"]
    if linked == "static":
        assert "-pthread" in flags
        flags.append("-static")
    output("cc", "-Wall", "-Werror", *pkg_config(installed, "--cflags"), "-o", program, source, *flags)
    needs_it = linked != "static" and "libtacho.so.0" in output("readelf", "-dW", program)
    assert needs_it == (linked == "shared")
    libraries = under(installed, "libtacho.so.0").parent
    is_recorded(tmp_path, program, env={**os.environ, "LD_LIBRARY_PATH": str(libraries)})


FORTRAN = """
program found
    use tacho
    call tacho_begin("found", "I/O")
    call tacho_end()
end program
"""


@plain
@pytest.mark.skipif(shutil.which("gfortran") is None, reason="no gfortran here")
def test_fortran_module_is_found_by_pkg_config(installed, tmp_path):
    program = tmp_path / "prog"
    (tmp_path / "prog.f90").write_text(FORTRAN)
    module = pkg_config(installed, "--variable=fortran")[0]
    module = module if module.startswith(str(installed)) else f"{installed}{module}"
    libraries = under(installed, "libtacho.so.0").parent
    output("gfortran", "-J", tmp_path, "-o", program, module, tmp_path / "prog.f90",
           *pkg_config(installed, "--libs"), f"-Wl,-rpath,{libraries}")
    is_recorded(tmp_path, program)


CMAKE_PROJECT = """
cmake_minimum_required(VERSION 3.13)
project(found C)
find_package(tacho {version} REQUIRED)
if(NOT EXISTS "${{tacho_FORTRAN_SOURCE}}")
  message(FATAL_ERROR "no Fortran module")
endif()
add_executable(shared prog.c)
target_link_libraries(shared tacho::tacho)
add_executable(archive prog.c)
target_link_libraries(archive tacho::tacho_static)
"""


def configure_by_cmake(installed, tmp_path, version):
    if shutil.which("cmake") is None:
        pytest.skip("no cmake here")
    (tmp_path / "prog.c").write_text(PROGRAM)
    (tmp_path / "CMakeLists.txt").write_text(CMAKE_PROJECT.format(version=version))
    package = under(installed, "tachoConfig.cmake").parent
    return subprocess.run(["cmake", "-S", tmp_path, "-B", tmp_path / "b", f"-Dtacho_DIR={package}"],
                          capture_output=True, text=True)


@plain
def test_found_by_cmake(installed, tmp_path):
    result = configure_by_cmake(installed, tmp_path, "0.1")
    assert result.returncode == 0, result.stdout + result.stderr
    output("cmake", "--build", tmp_path / "b")
    for program in ("shared", "archive"):
        needed = output("readelf", "-dW", tmp_path / "b" / program)
        assert ("libtacho.so.0" in needed) == (program == "shared")
        (tmp_path / program).mkdir()
        is_recorded(tmp_path / program, tmp_path / "b" / program)


@plain
@pytest.mark.parametrize("version", ["99.0", "0.99"])
def test_cmake_is_told_of_another_version(installed, tmp_path, version):
    result = configure_by_cmake(installed, tmp_path, version)
    assert result.returncode != 0 and 'requested version "%s"' % version in result.stderr
