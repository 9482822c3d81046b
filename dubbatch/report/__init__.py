"""What a batch came to, for people and for other programs; written from the ledger alone.

``rows`` joins what the ledger knows of each job into one row, ``table`` writes the rows as
CSV and JSON, ``workbook`` as XLSX, with what ``tally`` and ``causes`` make of them; ``file`` chooses by the
suffix. Naming a module of this package costs that module alone.
"""
