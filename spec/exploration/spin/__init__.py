"""The closed system as a Promela model (`model`, `properties`), and SPIN run on it (`runner`)."""
