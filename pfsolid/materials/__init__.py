"""What electrolytes conduct: Arrhenius laws, hopping, and values that carry their source."""
