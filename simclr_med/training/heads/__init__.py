"""Heads on an encoder: linear probes, alone or many at once, and fine-tuning."""
