"""What a batch came to, written into the team's own sheet, and nothing else in it touched.

``rows`` finds the jobs in the sheet as it is now, ``changes`` decides which cells are to say what, ``workbook``
(with ``sheet_xml``) and ``csv_text`` set those cells in the bytes of the file, ``place`` puts the result where the
sheet was, or beside it. ``writeback`` goes through them in this order.
"""
