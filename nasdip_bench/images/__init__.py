"""Image sets: catalogue, reading, decoding, download. Must not import torch."""

from .image import Image, centre_crop, read_image
from .sets import (
    ENDINGS,
    IMAGE_SETS,
    NASDIP_IMAGES,
    RELEASED_SET,
    SKIMAGE_IMAGES,
    catalogue,
    image_names,
    load_images,
)

__all__ = [
    "ENDINGS",
    "IMAGE_SETS",
    "Image",
    "NASDIP_IMAGES",
    "RELEASED_SET",
    "SKIMAGE_IMAGES",
    "catalogue",
    "centre_crop",
    "image_names",
    "load_images",
    "read_image",
]
