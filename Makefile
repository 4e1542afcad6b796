# Short names for what Meson and the scripts in tools/ do.

.PHONY: build demo check bench soak install clean format

build:
	@tools/setup build
	@[ -f build/build.ninja ] || meson setup build
	@meson compile -C build

demo:
	@tools/demo

check:
	@tools/check

bench: build
	@bench/run

soak:
	@tools/soak

install: build
	meson install -C build --no-rebuild

clean:
	rm -rf build build-clang build-asan build-tsan build-fuzz demo

# In place; `make format FORMAT='--dry-run -Werror'` only looks. The ls drops files that git still
# lists but that are gone.
FORMAT = -i
format:
	@git ls-files -co --exclude-standard '*.c' '*.h' '*.cpp' '*.hpp' ':!:**/vendor/**' \
		| xargs -r ls 2>/dev/null | xargs -r clang-format $(FORMAT)
