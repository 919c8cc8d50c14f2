# Names for the scripts; what they do is written there.
.PHONY: run build test demo check fuzz bench fmt lint install clean
run:     ; @./run
build:   ; @tools/build.sh release
test:    ; @tools/test.py
demo:    ; @tools/demo.py
check:   ; @tools/check.sh
fuzz:    ; @tools/fuzz.py $(if $(TARGET),--target $(TARGET)) $(if $(SECONDS),--seconds $(SECONDS)) $(if $(RUNS),--runs $(RUNS)) $(if $(ENGINE),--engine $(ENGINE)) $(if $(JOBS),--jobs $(JOBS))
bench:   ; @bench/bench.py
fmt:     ; @tools/style.py --fix
lint:    ; @tools/lint.sh
install: build ; @DESTDIR="$(DESTDIR)" cmake --install build/release --prefix "$(or $(PREFIX),/usr/local)"
clean:   ; @rm -rf build bench/out
