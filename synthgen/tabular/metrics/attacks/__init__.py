"""Attacks on a synthetic table, each against a control on people the generator never saw."""
