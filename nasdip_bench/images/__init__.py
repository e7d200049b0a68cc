"""Image sets: catalogue, reading, decoding, download."""

from .image import Image as Image
from .image import centre_crop as centre_crop
from .image import read_image as read_image
from .sets import ENDINGS as ENDINGS
from .sets import IMAGE_SETS as IMAGE_SETS
from .sets import NASDIP_IMAGES as NASDIP_IMAGES
from .sets import RELEASED_SET as RELEASED_SET
from .sets import SKIMAGE_IMAGES as SKIMAGE_IMAGES
from .sets import catalogue as catalogue
from .sets import image_names as image_names
from .sets import load_images as load_images
