import pytest

from emofactors.config.systems import Documented, Needs
from emofactors.report.page.settings import documented_settings, system_settings


@pytest.mark.parametrize("overrides", [{}, {"units": 128}])
def test_an_unchanged_system_does_not_depart(system_of, overrides):
    settings = system_settings("net", system_of(overrides))
    assert settings.departure == ""
    assert settings.is_published
    assert [row.used for row in (*settings.published, *settings.assumed)] == ["", "", ""]


def test_settings_have_their_documented_and_their_used_value(system_of):
    settings = system_settings("net", system_of({"units": 32, "patience": 5}))
    assert [(row.key, row.documented, row.used) for row in settings.published] == [
        ("units", "128", "32"),
        ("channels", "48, 64", ""),
    ]
    assert [(row.key, row.documented, row.used) for row in settings.assumed] == [("patience", "none", "5")]
    assert not settings.is_published
    assert settings.departure.startswith(
        "This is not the published system: the study changes 1 of its 2 published settings (units is 32 instead of 128)."
    )
    assert settings.departure.endswith("Of the settings no publication states, the study changes patience = 5.")


def test_a_changed_assumed_setting_leaves_the_system_published(system_of):
    settings = system_settings("net", system_of({"patience": 5}))
    assert settings.is_published
    assert settings.departure == "Of the settings no publication states, the study changes patience = 5."


def test_changes_of_one_variant_are_departures_too(system_of):
    system = system_of(
        {"units": 64},
        variant_overrides={"center": {"units": 32, "patience": 5}, "plain": {"units": 64}},
        needs={"center": Needs(teacher="plain")},
    )
    settings = system_settings("net", system)
    assert "the study changes 1 of its 2 published settings" in settings.departure
    assert "units is 64 instead of 128, units is 32 instead of 64 (center))" in settings.departure
    assert "the study changes patience = 5 (center)." in settings.departure
    assert settings.variants == {
        "plain": "lambda = 0, here units = 64",
        "center": "nothing, here units = 32, here patience = 5, needs plain",
    }


def test_features_and_augmentations_have_settings_alone():
    settings = documented_settings("noisy", [Documented(key="snr", value=(10, 30), kind="assumed", why="audible")])
    assert [(row.key, row.documented, row.why) for row in settings.assumed] == [("snr", "10, 30", "audible")]
    assert (settings.published, settings.variants, settings.departure) == ((), {}, "")
