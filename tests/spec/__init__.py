"""Tests of `spec`, in the folders of its packages."""
