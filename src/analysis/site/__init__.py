"""The rendered book.

Begin with `site`, which stages what the chapters gave and renders it. `pages`, `listings` and
`glossary` complete each page, `plain` writes it as Markdown, `pdf` prints it, `serving` shows it.
"""
