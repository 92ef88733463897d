"""The worst-case surprise loss, in three parts that any modality may use."""
