# Thin: each target is a line or two. `make book` and `make test` are all that a reader needs.
PYTHON ?= python3
PROFILE ?= edition
BIN := .venv/bin
# -P: no module that happens to lie in the working directory is taken for ours.
RUN := $(BIN)/python -P -m analysis
# A text as one word of the shell's, whatever quotes and dollars it holds.
quoted = '$(subst ','\'',$(1))'
unexport PYTHONPATH
# What is handed on as text: exported, it would be expanded, and "${" in a name stop make.
unexport NAME PARAMS DATA MINUTES OPTIONS
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: book test measure figures pdf chapter your-data data bench serve lock lint clean

book: .venv/.ready  ## execute what is out of date and render the site
	$(RUN) book --profile $(PROFILE)

test: book  ## every test, those of the built pages included
	$(BIN)/python -m pytest -n 2 --dist worksteal

measure: .venv/.ready  ## what the edition stores and is missing or stale: make measure STUDY=trained-comparisons OPTIONS="executor=dask scheduler=tcp://…"
	$(RUN) measure $(STUDY) $(foreach o,$(OPTIONS),--$(o))

figures: .venv/.ready  ## all files of all figures in one folder, _build/figures
	$(RUN) figures --profile $(PROFILE)

pdf: .venv/.ready  ## the whole book in one file; needs Chromium
	$(RUN) pdf --profile $(PROFILE)

chapter: .venv/.ready  ## make chapter NAME=single-pixel PARAMS="colormap=jet seed=3"
	$(RUN) chapter $(call quoted,$(value NAME)) $(foreach p,$(value PARAMS),-p $(call quoted,$(p)))

your-data: .venv/.ready  ## make your-data DATA=path/to/folder MINUTES=10 OPTIONS="--group '_([a-z]+)_'"
	$(RUN) your-data $(if $(MINUTES),--minutes $(call quoted,$(value MINUTES))) $(value OPTIONS) -- $(call quoted,$(value DATA))

data: .venv/.ready  ## fetch the speech sets (about 108 MB) into the user's cache
	$(RUN) data

bench: .venv/.ready  ## side by side with peers, as ratios: make bench ONLY="jpeg training"
	$(BIN)/python -m pip install --quiet --no-build-isolation --editable '.[bench]'
	$(BIN)/python -m benchmarks $(ONLY)

serve: .venv/.ready  ## the built site on 127.0.0.1
	$(RUN) serve

lint: .venv/.ready
	$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy --strict src

# The stamp is written last: an interrupted installation is taken up again.
.venv/.ready: requirements.lock requirements-no-deps.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "installing $$(wc -l < requirements.lock) packages into .venv: some minutes the first time"
	$(BIN)/python -m pip install --progress-bar on -r requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps -r requirements-no-deps.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

lock:  ## resolve anew what pyproject.toml declares
	$(PYTHON) -m venv --clear _build/resolve && _build/resolve/bin/pip install --quiet '.[test]' setuptools
	_build/resolve/bin/pip freeze --all --exclude pip --exclude coloured-spectrogram | sed 's/+cpu$$//' > requirements.lock

clean:
	rm -rf _build
