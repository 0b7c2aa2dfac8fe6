"""Images as networks take them: files -> pixels -> normalized float32 tensors, as Glow's image loader makes them."""

from tinyglow.images.decode import image_bytes, image_files, read_pixels
from tinyglow.images.load import load_images
from tinyglow.images.preprocess import ImageOptions, preprocess

__all__ = ["ImageOptions", "image_bytes", "image_files", "load_images", "preprocess", "read_pixels"]
