"""The specification: sequence diagrams as data, read and held against the statecharts."""
