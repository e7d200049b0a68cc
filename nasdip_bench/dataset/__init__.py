"""A dataset folder: its schema, and every kind of file in it."""

from .folder import DatasetFolder as DatasetFolder
from .manifest import MANIFEST as MANIFEST
from .manifest import FileRecord as FileRecord
from .manifest import Manifest as Manifest
from .manifest import TaskRecord as TaskRecord
from .manifest import dataset_files as dataset_files
