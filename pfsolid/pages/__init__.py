"""One page to hand on: a directory's numbers, pictures and a view to turn, in one HTML file that needs no network."""
