"""Proved for every number of torrent servers."""
