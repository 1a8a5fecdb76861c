"""Running and trusting: status, provenance, release, tracking."""
