"""A run as a sequence diagram: in the notation of the specification, in Mermaid, or as a picture.

In: the ends of arrows in the order in which they happened, with marks between them. Out: text that can be read back, or
SVG. `sequence` lays the rows out, `svg` draws them, `labels` words messages as the reference diagram does, `servers`
heads their lifelines as it does. Begin with `sequence`.
"""
