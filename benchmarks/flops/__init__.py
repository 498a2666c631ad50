"""What a graph costs before it runs anywhere: operations, stages, parameters, bytes."""
