"""The words of the clone: prompt texts as Markdown files and the persona loader."""
