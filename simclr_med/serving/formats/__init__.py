"""Export formats: SavedModel, ONNX, TFLite, safetensors, and the check of each."""
