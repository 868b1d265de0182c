# make demo: the whole way on generated data.   make test: the suite, but for tests of minutes.
# make extras: ONNX, Parquet and Apache Beam as well.
# make fuzz: thousands of odd inputs, minutes; other ones each time.
# make benchmarks: benchmarks/README.md.   make peers: what some of them compare with, 6 GB.
# PYTHON=python3.13 chooses another Python, VENV=.venv-current a folder beside the first one;
# make ready makes no more than that.
# Under pyenv a name may be found that does not run: each is tried.
PYTHON := $(shell for p in python3.11 python3.10 python3.13 python3.12 python3; do $$p -c "" 2>/dev/null && echo $$p && break; done)
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null)
LOCK := requirements$(if $(filter 3.10 3.11,$(VERSION)),,-current)
VENV := .venv
READY := $(VENV)/ready-$(VERSION)
RUN := $(VENV)/bin/python

.PHONY: demo ready extras test fuzz lint peers benchmarks locks

demo: $(READY)
	@$(RUN) tools/demo.py --work_dir=work/demo $(DEMO_FLAGS)

ready: $(READY)

test: $(READY)-test lint
	@$(RUN) -m pytest -n 2 --dist worksteal $(TEST_FLAGS)

fuzz: $(READY)-test
	@FUZZ_TIMES=20 $(RUN) -m pytest -n 2 --dist worksteal --timeout=3600 tests/fuzz $(TEST_FLAGS)

# Every extra, at the versions that tests run with.
extras: $(READY)
	@$(RUN) -m pip install -qq --disable-pip-version-check -c $(LOCK:requirements%=requirements%-test).lock \
	  -e '.[beam,dicom,nearest,onnx,parquet,safetensors,serving]'

lint: $(READY)-test
	@$(VENV)/bin/ruff check -q . && $(VENV)/bin/ruff format -q --check . && $(VENV)/bin/mypy

benchmarks: $(READY)-test
	@$(RUN) benchmarks/run_all.py $(BENCHMARK_FLAGS)

peers: .venv-peers/ready

.venv-peers/ready: benchmarks/peers.txt
	@echo "installing torch, torchvision and lightly-train into .venv-peers (once, some minutes)"
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@

$(READY): $(LOCK).lock setup.cfg
	@case "$(VERSION)" in 3.10|3.11|3.12|3.13) ;; *) \
	  echo "simclr_med needs Python 3.10 to 3.13, found $(or $(VERSION),none that runs): install one, or give PYTHON=/path/to/python3.13" >&2; exit 1;; esac
	@echo "installing into $(VENV) for Python $(VERSION) (once, about a minute)"
	@rm -f $(VENV)/ready*
	@$(PYTHON) -m venv $(VENV)
	@$(RUN) -m pip install -qq --disable-pip-version-check -r $<
	@$(RUN) -m pip install -qq --disable-pip-version-check --no-deps -e .
	@echo "$(VENV) has Python $(VERSION), $$(sed -n 's/^\(tensorflow\|keras\)==\([^ ]*\).*/\1 \2/p' $< | sort -r | paste -sd, | sed 's/,/, /')"
	@touch $@

# What tests need comes on top of what runs need.
$(READY)-test: $(READY) $(LOCK:requirements%=requirements%-test).lock
	@$(RUN) -m pip install -qq --disable-pip-version-check -r $(word 2,$^)
	@touch $@

# Both stacks' pins; what is pinned stays. Runs take what tests can be run with. uv looks beyond the
# card's Pythons too: those lines are dropped, and conditions that always hold on them.
CARD = awk "/^[^ \#]/ {keep = !/>= '3.12'/} /^\#/ || keep" $$lock.lock | sed -e "s/ ; python_full_version < '3.12'$$//" \
  -e "s/python_full_version < '3.12' and //" -e "s/== '3.11.\*'/>= '3.11'/" > $$lock.tmp && mv $$lock.tmp $$lock.lock
# Extras that are small come with every installation; `make extras` adds beam, onnx and parquet.
SMALL = --extra dicom --extra nearest --extra safetensors --extra serving
locks:
	@uv pip compile -q --universal --python-version 3.10 setup.cfg --extra test -o requirements-test.lock
	@uv pip compile -q --universal --python-version 3.10 setup.cfg $(SMALL) -c requirements-test.lock -o requirements.lock
	@for lock in requirements requirements-test; do $(CARD); done
	@uv pip compile -q --universal --python-version 3.12 setup.cfg --extra test -o requirements-current-test.lock
	@uv pip compile -q --universal --python-version 3.12 setup.cfg $(SMALL) -c requirements-current-test.lock -o requirements-current.lock