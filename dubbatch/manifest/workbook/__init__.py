"""Excel workbooks: the zip, the XML of one sheet, its values by calamine, and lines of them all."""
