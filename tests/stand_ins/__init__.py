"""What the stand-ins for CUDA and TensorRT share."""
