"""From chapters to the site: execution, rendering, printing, serving, checks.

Begin with `command`, the command line; `book` reads the chapters, `graph` holds what is stale.
"""
