"""The same windows through what others would run: PyTorch, ONNX Runtime, OpenVINO, and ours."""
