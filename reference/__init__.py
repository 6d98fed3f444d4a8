"""The pages of docs/ that are made from the code: every setting, every command, every method."""
