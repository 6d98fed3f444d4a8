"""What a kill leaves is looked at on the disk."""

from tests.disk import tmp_path, tmp_path_factory

__all__ = ["tmp_path", "tmp_path_factory"]
