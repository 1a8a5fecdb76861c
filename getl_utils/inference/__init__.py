"""Prediction for large structures, and bonds followed under load."""
