"""Differential privacy of the autoregressive generator: one person is one unit, whatever the released rows depend on.

`refusals` says what has no accounting, `checking` keeps the schema bare of the rows, `budget` shares epsilon out and
writes the receipt, `counts` answers noisy counts, `numbers` and `encoding` choose levels by them, `gradients` and
`training` are DP-SGD with one clipped gradient a person, `weights` is the worst case from noisy counts, `calibration`
the last post-processing, and `gan` puts them together.
"""
