"""What a person calls to take a version elsewhere."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from gapless.workspace.parts import Parts

__all__ = ["Exported", "Exporting"]


@dataclass(frozen=True)
class Exported:
    """A package that was written.

    Parameters:
        name, npm_version — as package.json has them; bytes — of all files together.
    """

    model: str
    version: str
    folder: str
    name: str
    npm_version: str
    files: int
    bytes: int
    bundle_hash: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return asdict(self)


class Exporting(Parts):
    """The part of a `Workspace` that writes packages for other languages."""

    def export_typescript(self, model: str, folder: str | Path, *, version: str | None = None) -> Exported:
        """The folder holds an npm package of a registered version: types, on-demand features, the model, a client.

        It is made from the version's bundle, so old versions can be exported after the product has changed; how answers
        are trusted is what the product says of the model today, as on a server. An earlier export in the folder is
        replaced whole, with what was installed or built in it.

        Parameters:
            version — a registered version; None is the newest.

        Raises: UnknownName for a model that neither the product nor the tracker has; InputError where something else
            stands in the folder, or the version runs only in Python; NotFound, CorruptData, StorageError.

        Guarantees: all or nothing; the same version, rules of trust and release of gapless give the same bytes.
        """
        from gapless.exporting import check_target, package_files, package_name, package_version, write_package
        from gapless.workspace.versions import fetch_bundle

        check_target(Path(folder))
        product, declared = self.product, self.product.declared(model)
        if declared is None and not self.tracker.versions(model):
            product.model(model)  # says which ones there are
        record = self.tracker.version(model, version)
        bundle = fetch_bundle(self, record)
        files = package_files(
            bundle,
            product=product.name,
            version=record.version,
            trust=None if declared is None else declared.trust,
            freshness={} if declared is None else {view.name: view.freshness_us for view in declared.views},
        )
        write_package(Path(folder), files)
        return Exported(
            record.model,
            record.version,
            str(folder),
            package_name(product.name, record.model),
            package_version(record.version),
            len(files),
            sum(map(len, files.values())),
            bundle.hash,
        )
