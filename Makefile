# make install | demo | demo-images | test | check
#   PYTHON=python3.12  another interpreter        SLOW=1  also the tests that take minutes (CI sets it)
PYTHON ?= $(shell command -v python3.11 || command -v python3.12 || command -v python3)
BIN := .venv/bin
STAMP := .venv/.installed

.PHONY: install demo demo-images test check lint format clean

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[train,postgres,test,bench]'
	touch $(STAMP)

demo: install
	$(BIN)/python examples/demo.py

demo-images: install
	$(BIN)/python examples/demo_images.py

test: install
	scripts/install-chromium.sh
	$(BIN)/lint-imports
	$(BIN)/python -m pytest $(if $(SLOW),,-m "not slow")

lint: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

check: lint test

format: install
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf .venv build *.egg-info .pytest_cache .mypy_cache .ruff_cache
