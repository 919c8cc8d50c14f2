# Names for the scripts; what they do is written there.
.PHONY: run build test demo check bench fmt lint install clean
run:     ; @./run
build:   ; @tools/build.sh release
test:    ; @tools/test.py
demo:    ; @tools/demo.py
check:   ; @tools/check.sh
bench:   ; @bench/bench.py
fmt:     ; @tools/style.py --fix
lint:    ; @tools/lint.sh
install: build ; @DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(or $(PREFIX),/usr/local)"
clean:   ; @rm -rf build bench/out
