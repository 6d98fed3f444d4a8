"""New users on their way to the first green tick."""
