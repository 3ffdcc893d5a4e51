# The two commands of the README, and what they are made of. The build itself is Meson's.
.PHONY: all demo check data install clean

all: build/build.ninja
	ninja -C build

build/build.ninja:
	tools/install-deps
	meson setup build -Doptimization=2 -Ddebug=true -Dwerror=false -Dtests=disabled $(MESON_ARGS)

# Place and network databases, into data/
data:
	tools/fetch-data data

demo: all data
	tools/demo build data

check:
	tools/check

install: all
	meson install -C build

clean:
	rm -rf build build-check build-clang
