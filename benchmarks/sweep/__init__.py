"""The token-budget curve: which points, what they cost, and the best one for a budget."""
