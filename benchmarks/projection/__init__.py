"""How fast a model can be at most on devices one does not have: bounds, never measurements."""
