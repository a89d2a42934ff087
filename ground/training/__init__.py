"""Training of the cloud mask, from labelled scenes to the ONNX file. Needs the extra ``train``."""
