"""What stands between a synthetic set and the outside: policy, gate, report, bundle."""
