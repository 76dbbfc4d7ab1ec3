"""How the tracker's tables came to be, step by step; alembic applies what a database lacks."""
