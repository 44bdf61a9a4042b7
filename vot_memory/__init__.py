"""vot-memory: what is a memory policy of a SAM 2 tracker worth?"""

__version__ = "0.1.0"
