"""From chapters to the site: execution, rendering, printing, serving, checks.

Begin with `command`, the command line. `book` reads the chapters, `graph` holds what is stale,
`execution` runs one. `site` renders; `pages` and `listings` complete each page, `forge` finds where
it is published; `pdf` prints, `serving` serves, `checks` looks at the whole.
"""
