"""What goes onto a device: the C engine, board skeletons, pretrained models."""
