"""Work folder of a run: its files, claim, kept step, input contract, record and task."""
