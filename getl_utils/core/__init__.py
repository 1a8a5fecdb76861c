"""What every stage shares: bonds, cells, parameters, work directory, records, processes, progress."""
