"""Saved models refer to classes by their public names, so that modules may move."""

import functools
import inspect
import json
import re
import runpy
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
    """Yield each class path of a manifest, nested ones included."""
    if isinstance(value, dict):
        if set(value) == {"path", "parameters"}:
            yield value["path"]
        value = list(value.values())
    if isinstance(value, list):
        for element in value:
            yield from list_class_paths(element)


def list_subclasses(kind):
    """Yield every concrete subclass of a class that belongs to the package."""
    for subclass in kind.__subclasses__():
        yield from list_subclasses(subclass)
        # The wrappers of `checks` and the layers of `compat` belong to no saved model.
        is_ours = subclass.__module__.startswith("revin_forecast.") and not re.match(
            r"revin_forecast\.(checks|normalizers\.compat)\.", subclass.__module__
        )
        is_public = not subclass.__name__.startswith("_")
        if is_ours and is_public and not inspect.isabstract(subclass):
            yield subclass


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_saved_models_contain_no_internal_module_path(folder, tmp_path):
    Forecaster.load(folder).save(tmp_path)
    for path in (*tmp_path.glob("*.json"), *tmp_path.glob("*.md")):
        assert not INTERNAL.findall(path.read_text(encoding="utf-8"))
    before, after = (json.loads((path / MANIFEST).read_text()) for path in (folder, tmp_path))
    assert list(list_class_paths(after)) == [
        update_class_path(path) for path in list_class_paths(before)
    ]
    assert all(path.rpartition(".")[0] == "revin_forecast" for path in list_class_paths(after))
    assert Forecaster.load(tmp_path).fitted.config == Forecaster.load(folder).fitted.config


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_schemas_before_4_contain_module_paths(folder):
    text = (folder / MANIFEST).read_text(encoding="utf-8")
    schema = int(folder.parent.name.removeprefix("schema-"))
    assert bool(INTERNAL.findall(text)) == (schema < 4)
    assert json.loads(text)["schema"] == schema <= SCHEMA


def test_schema_4_fixtures_include_combinations_and_nested_backbones():
    combined, nested = (
        Forecaster.load(MODELS / "schema-4" / name) for name in ("chosen", "nested")
    )
    assert len(combined.fitted.config.backbone.parameters["members"]) > 1
    assert nested.fitted.config.backbone == ModuleSpec(
        "revin_forecast.Siamese", {"backbone": ModuleSpec("revin_forecast.DLinear", {"kernel": 3})}
    )


def test_the_script_that_makes_fixtures_uses_current_names():
    script = runpy.run_path(str(MODELS.parent / "make.py"))
    assert set(script["make_long_table"]().columns) == {"unique_id", "ds", "y"}
    assert script["make_gappy_table"]()["b"].isna().sum() == 7


@pytest.mark.parametrize("path", OLD_PATHS)
def test_every_old_path_resolves_to_a_class(path):
    kind = ModuleSpec(update_class_path(f"revin_forecast.{path}")).import_class()
    assert name_class(kind) == f"revin_forecast.{OLD_PATHS[path]}"


# Classes that are newer than schema 3, which saved paths.
NEW_NAMES = {"DDN", "Drift", "ETS", "KnownEffects", "LogMean", "NoRIN", "SeasonalDrift", "TSB"}
NEW_NAMES |= {"ModernTCN", "SOFTS", "TQNet", "TimeMixer", "TimeXer", "XPatch"}
NEW_NAMES |= {"DifferenceScale", "Fracast", "Pretrained", "ShrunkLevel"}
NEW_NAMES |= {"TransposedConv1d", "TransposedEmbedding"}


def test_every_model_has_a_public_name_and_an_old_path():
    public = [getattr(revin_forecast, name) for name in revin_forecast.__all__]
    modules = [kind for kind in public if isinstance(kind, type) and issubclass(kind, nn.Module)]
    kinds = [kind for kind in modules if not inspect.isabstract(kind)]
    kinds += [*list_subclasses(Backbone), *list_subclasses(Normalizer)]
    names = {name_class(kind).removeprefix("revin_forecast.") for kind in kinds}
    assert {"DLinear", "PatchTST", "RevIN", "SAN"} <= names
    assert names <= set(OLD_PATHS.values()) | NEW_NAMES


def test_specs_use_public_names():
    nested = ModuleSpec.from_class(
        functools.partial(Siamese, backbone=functools.partial(DLinear, kernel=3))
    )
    assert nested.path == "revin_forecast.Siamese"
    assert nested.parameters["backbone"].path == "revin_forecast.DLinear"
    assert ModuleSpec.from_class(nn.Linear).path == "torch.nn.modules.linear.Linear"


class UserRevIN(RevIN):
    """A user's own class."""


def test_user_classes_keep_their_module_path():
    path = f"{__name__}.UserRevIN"
    assert name_class(UserRevIN) == update_class_path(path) == path
    # A user class with the name of one of ours is not mistaken for it.
    homonym = type("RevIN", (RevIN,), {"__module__": "mine"})
    assert name_class(homonym) == "mine.RevIN"


def test_classes_without_a_public_name_are_refused():
    with pytest.raises(
        InputError, match=r"TargetChannels is a part of .* Pass a class of revin_fore"
    ):
        ModuleSpec.from_class(TargetChannels)


def test_unknown_old_paths_are_refused(tmp_path):
    shutil.copytree(MODELS / "schema-3" / "zoned", tmp_path, dirs_exist_ok=True)
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    del manifest["digest"]
    manifest["backbone"]["path"] = "revin_forecast.backbones.bridge.Bridge"
    (tmp_path / MANIFEST).write_bytes(dump_manifest(manifest))
    with pytest.raises(
        InputError,
        match=r"names revin_forecast.backbones.bridge.Bridge, but no class .* under that path; they"
        r" are named like revin_forecast.DLinear. Fit and save again",
    ):
        Forecaster.load(tmp_path)
