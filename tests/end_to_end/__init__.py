"""Tests that begin at the command line and end at what is printed."""
