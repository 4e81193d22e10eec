"""The Gatys optimiser: features, losses, solver. The only part of the program that imports torch."""
