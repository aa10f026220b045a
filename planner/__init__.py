"""The product around the mathematics: workbook in, findings, solve, audit, reports out."""
