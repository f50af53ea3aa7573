"""An online charging server: Diameter Gy/Ro in, money reserved, debited and never overspent."""

__version__ = "0.1.0"
