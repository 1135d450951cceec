"""Levels of the city profile: what a department's level is over, and profiles that cannot be."""

from pathlib import Path

import pytest

from blueprint.city import City, load_city
from blueprint.errors import InvalidInputError
from blueprint.levels import WHOLE_CITY, Level

HEAD = (
    'name = "X"\nadministrative_code = "1"\nworking_crs = "EPSG:4550"\n[[district]]\ncode = "D"\nname = "D"\n'
)


def _profile(folder: Path, departments: str) -> City:
    path = folder / "city.toml"
    path.write_text(HEAD + departments, encoding="utf-8")
    return load_city(path)


def test_a_city_department_is_over_the_whole_city_and_a_district_department_over_its_district(city: City):
    assert city.territory("ZRZY") == city.territory(None) == WHOLE_CITY

    haicheng = city.territory("ZRZY210381")

    assert (haicheng.level, haicheng.district) == (Level.DISTRICT, "210381")
    assert haicheng.departments == {"ZRZY210381"}
    assert haicheng.of_other_districts == {"ZRZY210321", "ZRZY210323", "ZRZY210311"}


@pytest.mark.parametrize(
    ("departments", "told"),
    [
        ('[[department]]\ncode = "A"\nname = "A"\nlevel = "district"\n', "neither"),
        ('[[department]]\ncode = "A"\nname = "A"\ndistrict = "D"\n', "neither"),
        (
            '[[department]]\ncode = "A"\nname = "A"\nlevel = "district"\ndistrict = "E"\n',
            "'E', which the profile lacks",
        ),
        ('[[department]]\ncode = "A"\nname = "A"\nlevel = "county"\n', "county"),
        (
            '[[department]]\ncode = "A"\nname = "A"\n[[department]]\ncode = "A"\nname = "B"\n',
            "two departments 'A'",
        ),
    ],
)
def test_a_department_that_stands_nowhere_is_refused_in_one_sentence(
    tmp_path: Path, departments: str, told: str
):
    with pytest.raises(InvalidInputError, match=told) as refused:
        _profile(tmp_path, departments)

    assert "city.toml" in refused.value.message
