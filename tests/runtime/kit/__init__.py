"""Tests of the conformance kit, on servers that were written by hand."""
