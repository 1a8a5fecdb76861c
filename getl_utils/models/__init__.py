"""Models of −ICOHP and what is measured of them."""
