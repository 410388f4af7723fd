"""Tests of bindings."""
