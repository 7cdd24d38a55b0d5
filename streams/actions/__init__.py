"""One action to be done for one user, and how it is written on a lane."""
