"""Figures, and views with sliders for notebooks."""
