"""Plants known faults in clean data sets, so that a data doctor can be measured."""

from .model import Planted, summary
from .plant import plant

__all__ = ["Planted", "plant", "summary"]
