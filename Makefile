# SPDX-License-Identifier: Apache-2.0
# A thin front to tools/setup, meson and ninja: see meson.build for what is built, tools/test for what is tested.
#   make run | run-kafka | run-hbase | build | test | bench | torture | install [PREFIX=/usr/local] [DESTDIR=] | format | clean
BUILD = build
PREFIX ?= /usr/local

.PHONY: build run run-kafka run-hbase test bench torture install format clean

build: $(BUILD)/build.ninja
	@ninja -C $(BUILD) penstock

$(BUILD)/build.ninja:
	@tools/setup build
	@meson setup $(BUILD) -Dtests=false

run: build
	@tools/setup run
	@PENSTOCK=$(CURDIR)/$(BUILD)/penstock examples/congestion/run.sh

run-kafka: build
	@tools/setup run-kafka
	@PENSTOCK=$(CURDIR)/$(BUILD)/penstock tests/servers/kafka.py with $(BUILD)/kafka examples/congestion-kafka/run.sh

run-hbase: build
	@tools/setup run-hbase
	@PENSTOCK=$(CURDIR)/$(BUILD)/penstock tests/servers/hbase.py with $(BUILD)/hbase examples/hbase-preprocess/run.sh

test:
	@tools/setup test
	@tools/test $(BUILD)

bench: build
	@tools/setup bench
	@meson configure $(BUILD) -Dtests=true && ninja -C $(BUILD) tests/servers/kafka_tool tests/hbase_client
	@bench/run $(CURDIR)/$(BUILD)/penstock

torture:
	@tools/setup test
	@tools/test $(BUILD) --torture

install: build
	@meson configure $(BUILD) -Dprefix=$(PREFIX)
	@meson install -C $(BUILD)
	@[ -n "$(DESTDIR)" ] || ldconfig 2>/dev/null || :

format:
	@tools/format

clean:
	@rm -rf $(BUILD)
