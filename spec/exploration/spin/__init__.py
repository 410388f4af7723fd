"""A second opinion: the closed system as a model for SPIN.

In: a closed system that was searched, and properties. Out: a Promela model with the same states and transitions
(`model`, `properties`), and what SPIN says of it (`runner`; it needs the programs `spin` and `cc`). Begin with `model`.
"""
