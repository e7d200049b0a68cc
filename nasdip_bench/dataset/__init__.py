"""A dataset folder: its schema, and every kind of file in it. Must not import torch."""

from .folder import MANIFEST, DatasetFolder, FileRecord, Manifest, TaskRecord, dataset_files

__all__ = ["DatasetFolder", "FileRecord", "MANIFEST", "Manifest", "TaskRecord", "dataset_files"]
