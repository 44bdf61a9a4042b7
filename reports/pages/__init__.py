"""What a reader opens: the page, Markdown, LaTeX and the terminal."""
