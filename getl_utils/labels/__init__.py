"""Label engines: the ICOHP of every bond of a small cell."""
