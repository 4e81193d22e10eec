"""nbst-live: the person stays live, the room behind becomes a painting."""

__version__ = "0.1.0"
