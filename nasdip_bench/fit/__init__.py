"""One Deep Image Prior optimisation: loop, objective, precision, recording."""
