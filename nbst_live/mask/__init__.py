"""Finding the person: the network's session and the refinement of its alpha into a matte."""
