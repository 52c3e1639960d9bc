"""Renderers of tables: Markdown, LaTeX and HTML, each from a ``TableLayout`` alone."""
