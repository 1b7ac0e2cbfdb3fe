"""From chapters to the book, one command.

Begin with `command`, the command line. `book` reads the chapters, `graph` holds what is stale,
`measuring` fills the edition, `own_data` reports on a reader's folder, `checks` looks at the whole.
"""
