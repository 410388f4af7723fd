"""The closed system as a Promela model (`model`, `claims`), and SPIN run on it (`runner`)."""
