"""What is wrong with a workbook before anything is solved: one subject per module."""
