"""Ranks: reductions, neighbour planes, agreed errors, launch, memory, what a launch carries with it."""
