"""Excel and zip in, rows with their cells out; workbooks written; names and findings."""
