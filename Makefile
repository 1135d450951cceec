# One Blueprint · 一张蓝图. `make` alone lists the targets.
SHELL := /bin/sh
BIN := .venv/bin
PACKAGES := blueprint coordination approval tiles service
CODE := $(PACKAGES) $(wildcard tests) $(wildcard bench) $(wildcard data)
WORKERS ?= 2
unexport PYTHONPATH PYTHONHOME VIRTUAL_ENV PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup setup-test setup-bench demo test fuzz check format-check lint types imports sql migrations sentences format bench clean

help: ## 列出全部目标 / list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

setup: ## 安装所需软件，建立 .venv / install what is missing and make .venv
	@sh scripts/setup.sh

setup-test: ## 另装测试用浏览器 / the same, and the browser that the tests use
	@sh scripts/setup.sh test

setup-bench: ## 另建对比测试环境 / the same, and the peers that the benchmark compares with
	@sh scripts/setup.sh bench

demo: setup ## 演示：示例数据、冲突报告、地图（参数 ARGS=…）/ sample city, conflict report, map (ARGS=…)
	@$(BIN)/blueprint demo $(ARGS)

test: setup-test ## 全部测试，用自己的 PostGIS（ARGS=… 传给 pytest）/ all tests on a private PostGIS (ARGS=… for pytest)
	@$(BIN)/python -m pytest -n $(WORKERS) $(ARGS)

fuzz: setup-test ## 用 schemathesis 长时间测试全部接口（SECONDS=300）/ schemathesis over the whole API, longer (SECONDS=300 a caller)
	@FUZZ_SECONDS=$(or $(SECONDS),300) $(BIN)/python -m pytest -n 0 -s tests/service/test_openapi.py $(ARGS)

check: setup-test format-check lint types imports sql migrations test ## 格式、规范、类型、依赖方向、SQL、测试 / everything a change must pass

format-check: setup ## 格式是否合规 / is the code formatted
	@$(BIN)/ruff format --check $(CODE)

lint: setup ## 代码规范 / lint
	@$(BIN)/ruff check $(CODE)

types: setup ## 类型检查 / types
	@$(BIN)/mypy $(PACKAGES)

imports: setup ## 各包依赖方向 / which package may import which
	@$(BIN)/lint-imports --no-cache

sql: setup ## SQL 规范 / lint of the named SQL statements
	@files=$$(find $(PACKAGES) -name '*.sql'); [ -z "$$files" ] || $(BIN)/sqlfluff lint --nocolor --disable-progress-bar $$files

migrations: setup ## 数据库迁移是否成一条链 / are the migrations one chain
	@$(BIN)/python -m service.migrations

sentences: setup ## 更新中文语句目录，列出尚缺的中文 / update the catalogue of sentences, list what lacks its Chinese
	@$(BIN)/python -m blueprint.sentences

format: setup ## 自动整理格式 / format the code
	@$(BIN)/ruff check --fix-only --quiet $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: setup-bench ## 性能对比（ARGS=…）/ measure speed against the peers (ARGS=…)
	@$(BIN)/python -m bench $(ARGS)

clean: ## 停止私有数据库，删除 .venv 与 .blueprint（YES=1 不询问）/ stop the private database, remove .venv and .blueprint
	@sh scripts/clean.sh "$(YES)"
