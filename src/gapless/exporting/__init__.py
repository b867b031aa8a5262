"""A registered version as a package for another language: the same answers, without Python.

`package_files` makes the files of an npm package from a bundle; `write_package` puts them into a folder, whole or not
at all.
"""

from gapless.exporting.names import package_name, package_version
from gapless.exporting.package import package_files
from gapless.exporting.writing import check_target, write_package

__all__ = ["check_target", "package_files", "package_name", "package_version", "write_package"]
