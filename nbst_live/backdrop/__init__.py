"""What stands behind the person: the plate of the empty room, the process that paints it, the way it comes on."""
