"""What the network's alpha says of a pixel: the thresholds that several steps go by. What one of them alone goes by is
its own.
"""

NOBODY = 0.04
"""Up to here there is surely nobody: what is seen is the room."""
FAINT = 0.1
"""Up to here it is nobody's; with more there may be somebody."""
SOMEBODY = 0.5
"""From here it is rather a person than not, and makes a region of the mask."""
SURE = 0.9
"""From here it is surely a person."""
