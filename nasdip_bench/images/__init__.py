"""Image sets: catalogue, reading, decoding, download. Must not import torch."""

from .sets import (
    IMAGE_SETS,
    NASDIP_IMAGES,
    RELEASED_SET,
    SKIMAGE_IMAGES,
    Image,
    catalogue,
    centre_crop,
    image_names,
    load_images,
    read_image,
)

__all__ = [
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
