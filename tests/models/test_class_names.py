"""What is saved names our classes by their public names, so that modules may move."""

import functools
import inspect
import json
import re
import shutil
from pathlib import Path

import pytest
from torch import nn

import revin_forecast
from revin_forecast import Forecaster
from revin_forecast.backbones import Backbone, DLinear, Siamese
from revin_forecast.backbones.target_channels import TargetChannels
from revin_forecast.errors import InputError
from revin_forecast.forecasting.manifest import SCHEMA, dump_manifest
from revin_forecast.forecasting.saving import MANIFEST
from revin_forecast.models.class_names import OLD_PATHS, name_class, update_class_path
from revin_forecast.models.spec import ModuleSpec
from revin_forecast.normalizers import Normalizer, RevIN

MODELS = Path(__file__).parents[1] / "fixtures" / "models"
FOLDERS = sorted(path.parent for path in MODELS.glob(f"schema-*/*/{MANIFEST}"))
INTERNAL = re.compile(r"revin_forecast\.[a-z_]\w*")


def list_class_paths(value):
    """Yield each class path of a manifest, those within others too."""
    if isinstance(value, dict):
        if set(value) == {"path", "parameters"}:
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from list_class_paths(part)


def list_subclasses(kind):
    """Yield every class of the package below a class that can be built."""
    for below in kind.__subclasses__():
        yield from list_subclasses(below)
        ours = below.__module__.startswith("revin_forecast.")
        if ours and not below.__name__.startswith("_") and not inspect.isabstract(below):
            yield below


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_a_saved_model_names_no_internal_module(folder, tmp_path):
    Forecaster.load(folder).save(tmp_path)
    for path in (*tmp_path.glob("*.json"), *tmp_path.glob("*.md")):
        assert not INTERNAL.findall(path.read_text(encoding="utf-8"))
    before, after = (json.loads((home / MANIFEST).read_text()) for home in (folder, tmp_path))
    assert list(list_class_paths(after)) == [
        update_class_path(path) for path in list_class_paths(before)
    ]
    assert all(path.rpartition(".")[0] == "revin_forecast" for path in list_class_paths(after))
    again = Forecaster.load(tmp_path).fitted.config
    assert again == Forecaster.load(folder).fitted.config


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_what_a_schema_wrote(folder):
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    schema = int(folder.parent.name.removeprefix("schema-"))
    assert bool(INTERNAL.findall(text)) == (schema < 4)
    assert json.loads(text)["schema"] == schema <= SCHEMA


def test_models_with_members_and_with_parts_are_among_those_of_schema_4():
    (chosen, nested) = (
        Forecaster.load(MODELS / "schema-4" / name) for name in ("chosen", "nested")
    )
    assert len(chosen.fitted.config.backbone.parameters["members"]) > 1
    assert nested.fitted.config.backbone == ModuleSpec(
        "revin_forecast.Siamese", {"backbone": ModuleSpec("revin_forecast.DLinear", {"kernel": 3})}
    )


@pytest.mark.parametrize("path", OLD_PATHS)
def test_every_old_path_leads_to_a_class(path):
    kind = ModuleSpec(update_class_path(f"revin_forecast.{path}")).import_class()
    assert name_class(kind) == f"revin_forecast.{OLD_PATHS[path]}"


def test_every_model_has_a_public_name_and_an_old_path():
    public = [getattr(revin_forecast, name) for name in revin_forecast.__all__]
    modules = [kind for kind in public if isinstance(kind, type) and issubclass(kind, nn.Module)]
    kinds = [kind for kind in modules if not inspect.isabstract(kind)]
    kinds += [*list_subclasses(Backbone), *list_subclasses(Normalizer)]
    names = {name_class(kind).removeprefix("revin_forecast.") for kind in kinds}
    assert {"DLinear", "PatchTST", "RevIN", "SAN"} <= names <= set(OLD_PATHS.values())


def test_components_go_by_public_names():
    nested = ModuleSpec.from_class(
        functools.partial(Siamese, backbone=functools.partial(DLinear, kernel=3))
    )
    assert nested.path == "revin_forecast.Siamese"
    assert nested.parameters["backbone"].path == "revin_forecast.DLinear"
    assert ModuleSpec.from_class(nn.Linear).path == "torch.nn.modules.linear.Linear"


class Mine(RevIN):
    """A user's own class."""


def test_a_users_own_class_goes_by_its_path():
    path = f"{__name__}.Mine"
    assert name_class(Mine) == update_class_path(path) == path
    # Of the same name as one of ours, it is still another.
    twin = type("RevIN", (RevIN,), {"__module__": "mine"})
    assert name_class(twin) == "mine.RevIN"


def test_a_part_without_a_public_name_is_refused():
    with pytest.raises(
        InputError, match=r"TargetChannels is a part of .* Pass a class of revin_fore"
    ):
        ModuleSpec.from_class(TargetChannels)


def test_an_unknown_old_path_is_refused(tmp_path):
    shutil.copytree(MODELS / "schema-3" / "zoned", tmp_path, dirs_exist_ok=True)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    del manifest["digest"]
    manifest["backbone"]["path"] = "revin_forecast.backbones.bridge.Bridge"
    (tmp_path / MANIFEST).write_bytes(dump_manifest(manifest))
    with pytest.raises(
        InputError,
        match=r"names revin_forecast.backbones.bridge.Bridge, but no class .* under that path; one "
        r"is named like revin_forecast.DLinear. Fit and save again",
    ):
        Forecaster.load(tmp_path)
