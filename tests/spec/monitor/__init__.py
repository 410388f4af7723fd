"""Tests of the monitor, on runs of the explorer and on mutations of them."""
