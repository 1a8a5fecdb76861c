"""From labels to a database: extract, describe, load."""
