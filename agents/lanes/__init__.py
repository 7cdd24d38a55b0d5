"""Lanes of stage 3: what each does with a batch; `lane` is what all of them share."""
