"""What is counted: a table of families, the tally of one process, and how an exchange that has ended comes into it."""
