"""Files: written whole or not at all, read back with checks; tables, texts, pages."""
