"""Keys of the protected link on the ground: made, kept, rotated, handed to other ground systems."""
