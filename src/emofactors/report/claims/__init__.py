"""The ledger of claims: what the tables of a study say about each claim of the sources."""
