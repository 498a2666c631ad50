"""`h2ot-bench`: measuring models and writing results down as they come."""
