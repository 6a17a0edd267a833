"""Databases: what a target or a source is called, how it is connected to, what it understands, how rows go in.

==================  ===============================================================================================
``target.py``       a target as it is written, and its secrets
``opening.py``      which dialect and which driver a target has
``database.py``     a database, of a dialect and a driver
``dialects/``       types, names, statements, catalogue and errors: a module for each database
``drivers/``        connections, and how rows go in: a module for each driver
``ddl.py``          CREATE TABLE and CREATE INDEX
``reflection.py``   the tables that are there
``engines.py``      SQLAlchemy's engines, to reflect tables and to read
``capacity.py``     what the type of a column holds of what a contract gives
==================  ===============================================================================================

Nothing here knows of the ledger, of XML or of Beam.
"""
