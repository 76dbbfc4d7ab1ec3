"""An agency's registers of incoming and outgoing documents (Decree 30/2020, Articles 15 and 22), from the tracker.

`facts` is what the tracker knows of a document, `book` makes entries and totals of it, `columns` gives each entry
its cells and `sheets` writes them; all of these are pure. Only `reading` touches a database.
"""
