"""The hook that registers the plugins as soon as ``neuroconv.datainterfaces`` has been imported.

It runs at every start of the interpreter in an environment in which this package is installed. It therefore imports
only modules that Python has already imported (not even `typing`), and its errors never stop Python or the import of
NeuroConv.
"""

import os
import sys

from . import HOST, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec
    from types import ModuleType

OFF_SWITCH = "CAIMAN_INTERFACE_NO_AUTOLOAD"
"""Environment variable that switches the registration off if it is not empty."""


def install() -> None:
    """Register the plugins when NeuroConv's data interfaces are imported, or now if they are already imported.

    Nothing happens if the environment variable ``CAIMAN_INTERFACE_NO_AUTOLOAD`` is set, or if the hook is installed.
    """
    if os.environ.get(OFF_SWITCH):
        return
    host = sys.modules.get(HOST)
    if host is not None:
        register_plugins(host)
    elif not any(isinstance(finder, RegistrationFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, RegistrationFinder())


def uninstall() -> None:
    """Remove the hook; registered plugins remain registered."""
    # A new list instead of a removed item: another thread that is iterating over the old list would skip a finder and
    # might not find its module.
    sys.meta_path = [finder for finder in sys.meta_path if not isinstance(finder, RegistrationFinder)]


def register_plugins(host: "ModuleType") -> None:
    """Register all plugins with `host`; any error becomes a warning."""
    try:
        from . import registry

        registry.register_all(host)
    except Exception as error:  # noqa: BLE001 - no error of a plugin may stop the import of NeuroConv
        warn(f"Plugins of {HOST} could not be registered: {type(error).__name__}: {error}", RuntimeWarning)


class RegistrationFinder:
    """A meta-path finder that only adds a step after the execution of ``neuroconv.datainterfaces``."""

    def __init__(self) -> None:
        self._is_searching = False

    def find_spec(
        self, fullname: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Find the host as the other finders do, with a loader that registers the plugins afterwards."""
        if fullname != HOST or self._is_searching:
            return None
        self._is_searching = True  # another hook of this kind may call all finders, including this one
        try:
            spec = self._find_with_others(fullname, path, target)
        finally:
            self._is_searching = False
        if spec is not None and hasattr(spec.loader, "exec_module"):
            spec.loader = RegisteringLoader(spec.loader)  # type: ignore[arg-type, assignment]
        return spec

    def _find_with_others(
        self, fullname: str, path: "Sequence[str] | None", target: "ModuleType | None"
    ) -> "ModuleSpec | None":
        for finder in list(sys.meta_path):
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                return spec
        return None


class RegisteringLoader:
    """The host's own loader with an additional step: the plugins are registered after the host is executed."""

    def __init__(self, loader: "Loader") -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> object:
        return getattr(self._loader, name)

    def create_module(self, spec: "ModuleSpec") -> "ModuleType | None":
        """Create the module as the host's own loader does."""
        return self._loader.create_module(spec)

    def exec_module(self, module: "ModuleType") -> None:
        """Execute the host, remove the hook and register the plugins.

        If the host's own code fails, its error passes through and the hook remains for the next attempt.
        """
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        uninstall()
        # Python does this after the import; a plugin that uses `neuroconv.datainterfaces.Name` needs it now.
        parent, _, name = HOST.rpartition(".")
        setattr(sys.modules[parent], name, module)
        register_plugins(module)
