"""Measurements that decide claims: run by hand, never part of the tests."""
