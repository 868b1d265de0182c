# make demo: the whole way on generated data.   make test: the suite, but for tests of minutes.
# make fuzz: thousands of odd inputs, minutes; other ones each time.
# make benchmarks: benchmarks/README.md.   make peers: what some of them compare with, 6 GB.
PYTHON := $(shell for p in python3.11 python3.10 python3; do $$p -c "" 2>/dev/null && echo $$p && break; done)
RUN := .venv/bin/python

.PHONY: demo test fuzz lint peers benchmarks

demo: .venv/ready
	@$(RUN) tools/demo.py --work_dir=work/demo $(DEMO_FLAGS)

test: .venv/ready-test lint
	@$(RUN) -m pytest -n 2 --dist worksteal $(TEST_FLAGS)

fuzz: .venv/ready-test
	@FUZZ_TIMES=20 $(RUN) -m pytest -n 2 --dist worksteal --timeout=3600 tests/fuzz $(TEST_FLAGS)

lint: .venv/ready-test
	@.venv/bin/ruff check -q . && .venv/bin/ruff format -q --check .

benchmarks: .venv/ready
	@$(RUN) benchmarks/run_all.py $(BENCHMARK_FLAGS)

peers: .venv-peers/ready

.venv-peers/ready: benchmarks/peers.txt
	@echo "installing torch, torchvision and lightly-train into .venv-peers (once, some minutes)"
	@$(PYTHON) -m venv .venv-peers
	@.venv-peers/bin/python -m pip install -qq --disable-pip-version-check -r $<
	@touch $@

.venv/ready: requirements.lock setup.cfg
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 10) <= v <= (3, 11) else "simclr_med needs Python 3.10 or 3.11, found %d.%d: install one, or give PYTHON=/path/to/python3.11" % v)'
	@echo "installing into .venv (once, about a minute)"
	@$(PYTHON) -m venv .venv
	@$(RUN) -m pip install -qq --disable-pip-version-check -r requirements.lock
	@$(RUN) -m pip install -qq --disable-pip-version-check --no-deps -e .
	@touch $@

# What tests need comes on top of what runs need.
.venv/ready-test: .venv/ready requirements-test.lock
	@$(RUN) -m pip install -qq --disable-pip-version-check -r requirements-test.lock
	@touch $@
