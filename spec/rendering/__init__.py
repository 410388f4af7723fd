"""A run as a sequence diagram in the notation of the specification.

In: the ends of arrows in the order in which they happened, with marks between them. Out: text that can be read back.
`sequence` lays the rows out, `labels` words messages as the reference diagram does.
"""
