"""The report of a study: Markdown, self-contained HTML with plots, and JSON."""
